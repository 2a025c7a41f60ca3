using System.Runtime.InteropServices;

namespace Hnv.Wire;

/// <summary>
/// The IPv6 header (RFC 8200 §3).
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version| Traffic Class |           Flow Label                  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Payload Length        |  Next Header  |   Hop Limit   |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                                                               |
/// +                    Source Address (16 bytes)                  +
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                                                               |
/// +                  Destination Address (16 bytes)               +
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct IPv6Header
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 40;

    /// <summary><see cref="VersionClassLabel"/> of version 6, class 0, no label.</summary>
    public const uint VersionOnly = 0x6000_0000;

    /// <summary>Version (4 bits), traffic class (8), flow label (20).</summary>
    public U32Be VersionClassLabel { get; init; }

    /// <summary>Everything behind this header, extension headers among it, bytes.</summary>
    public U16Be PayloadLength { get; init; }

    /// <summary>What follows: an extension header or the upper layer; see <see cref="IPProtocols"/>.</summary>
    public byte NextHeader { get; init; }

    /// <summary>Hops left.</summary>
    public byte HopLimit { get; init; }

    /// <summary>Source.</summary>
    public IPv6Be Source { get; init; }

    /// <summary>Destination.</summary>
    public IPv6Be Destination { get; init; }

    /// <summary>6, or the header is none of ours.</summary>
    public int Version => (int)(VersionClassLabel.Host >> 28);

    /// <summary>DSCP (6 bits) and ECN (2 bits).</summary>
    public byte TrafficClass => (byte)(VersionClassLabel.Host >> 20);

    /// <returns>False when the bytes are short or the version is not 6.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out IPv6Header header) =>
        MemoryMarshal.TryRead(bytes, out header) && header.Version == 6;

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);
}
