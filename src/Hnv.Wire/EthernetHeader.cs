using System.Runtime.InteropServices;

namespace Hnv.Wire;

/// <summary>
/// The Ethernet II header (IEEE 802.3 §3.1.1, RFC 894), without preamble and FCS.
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        Destination MAC                        |
/// +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                               |                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
/// |                          Source MAC                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           EtherType           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct EthernetHeader
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 14;

    /// <summary>Destination address.</summary>
    public MacBe Destination { get; init; }

    /// <summary>Source address.</summary>
    public MacBe Source { get; init; }

    /// <summary>EtherType; 0x8100 when an 802.1Q tag follows.</summary>
    public U16Be EtherType { get; init; }

    /// <returns>False when the bytes are short.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out EthernetHeader header) => MemoryMarshal.TryRead(bytes, out header);

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);
}

/// <summary>
/// The rest of an 802.1Q tag behind the TPID 0x8100 that stands in the EtherType's place (IEEE 802.1Q §9.6).
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-----+-+-----------------------+-------------------------------+
/// | PCP |D|        VLAN id        |      EtherType behind it      |
/// +-----+-+-----------------------+-------------------------------+
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct VlanTag
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 4;

    /// <summary>Priority (3 bits), drop-eligible (1), VLAN id (12).</summary>
    public U16Be Control { get; init; }

    /// <summary>The EtherType of what follows.</summary>
    public U16Be EtherType { get; init; }

    /// <summary>VLAN id, 0 … 4095; 0 is a mere priority tag.</summary>
    public ushort VlanId => (ushort)(Control.Host & 0x0FFF);

    /// <summary>Priority code point, 0 … 7.</summary>
    public byte Priority => (byte)(Control.Host >> 13);

    /// <returns>False when the bytes are short.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out VlanTag tag) => MemoryMarshal.TryRead(bytes, out tag);

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);
}
