using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>
/// The GRE header as NVGRE uses it (RFC 7637 §3.2, RFC 2890), between the outer IP header and the inner Ethernet frame.
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |0| |1|0|   Reserved0       | Ver |   Protocol Type 0x6558      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           Virtual Subnet ID (VSID)            |    FlowID     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct NvgreHeader
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;

    /// <summary>What encapsulation adds over IPv4 (outer Ethernet, IPv4 and this header), bytes.</summary>
    public const int IPv4Overhead = EthernetHeader.Size + IPv4Header.Size + Size;

    /// <summary>What encapsulation adds over IPv6, bytes.</summary>
    public const int IPv6Overhead = EthernetHeader.Size + IPv6Header.Size + Size;

    private const uint KeyedEthernet = (GreHeader.KeyPresent << 16) | EtherTypes.TransparentEthernetBridging;

    private readonly U32Be _flagsAndProtocol;
    private readonly U32Be _vsidAndFlowId;

    /// <summary>The header of a virtual subnet and flow.</summary>
    public NvgreHeader(Vsid vsid, byte flowId)
    {
        _flagsAndProtocol = KeyedEthernet;
        _vsidAndFlowId = (vsid.Value << 8) | flowId;
    }

    /// <returns>False when the bytes are short, the first 16 are not exactly 0x2000, the protocol is not 0x6558, or the VSID is not assignable.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out Vsid vsid, out byte flowId)
    {
        vsid = default;
        flowId = 0;
        if (bytes.Length < Size)
        {
            return false;
        }

        ref readonly NvgreHeader header = ref MemoryMarshal.AsRef<NvgreHeader>(bytes);
        uint key = header._vsidAndFlowId.Host;
        if (header._flagsAndProtocol.Host != KeyedEthernet || !Vsid.TryCreate(key >> 8, out vsid))
        {
            return false;
        }

        flowId = (byte)key;
        return true;
    }

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);

    /// <summary>The FlowID of a flow: the same for all its packets, never 0, which says "not generated" (RFC 7637 §3.2).</summary>
    /// <param name="entropy">The flow's hash.</param>
    public static byte FlowId(uint entropy)
    {
        uint mixed = entropy ^ (entropy >> 16);
        byte id = (byte)(mixed ^ (mixed >> 8));
        return id == 0 ? (byte)1 : id;
    }
}
