using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>
/// The VXLAN header (RFC 7348 §5), between the outer UDP header and the inner Ethernet frame.
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |R|R|R|R|I|R|R|R|            Reserved                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                VXLAN Network Identifier (VNI) |   Reserved    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct VxlanHeader
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;

    /// <summary>The UDP destination port IANA gave to VXLAN.</summary>
    public const ushort DefaultPort = 4789;

    /// <summary>What encapsulation adds over IPv4 (outer Ethernet, IPv4, UDP and this header), bytes.</summary>
    public const int IPv4Overhead = EthernetHeader.Size + IPv4Header.Size + UdpHeader.Size + Size;

    /// <summary>What encapsulation adds over IPv6, bytes.</summary>
    public const int IPv6Overhead = EthernetHeader.Size + IPv6Header.Size + UdpHeader.Size + Size;

    private const uint VniPresent = 0x0800_0000;

    private readonly U32Be _flags;
    private readonly U32Be _vniAndReserved;

    /// <summary>The header of a virtual subnet: flag I, all reserved bits zero.</summary>
    public VxlanHeader(Vsid vsid)
    {
        _flags = VniPresent;
        _vniAndReserved = vsid.Value << 8;
    }

    /// <summary>Reads the header; other flags and reserved bits are ignored, as the RFC asks.</summary>
    /// <returns>False when the bytes are short, the I flag is clear, or the VNI is not an assignable VSID.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out Vsid vsid)
    {
        vsid = default;
        if (bytes.Length < Size)
        {
            return false;
        }

        ref readonly VxlanHeader header = ref MemoryMarshal.AsRef<VxlanHeader>(bytes);
        return (header._flags.Host & VniPresent) != 0 && Vsid.TryCreate(header._vniAndReserved.Host >> 8, out vsid);
    }

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);

    /// <summary>The outer UDP source port of a flow: 49152 … 65535, the same for all its packets (RFC 7348 §5).</summary>
    /// <param name="entropy">The flow's hash.</param>
    public static ushort SourcePort(uint entropy) => (ushort)(0xC000 | ((entropy ^ (entropy >> 16)) & 0x3FFF));
}
