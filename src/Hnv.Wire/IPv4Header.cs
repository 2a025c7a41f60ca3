using System.Runtime.InteropServices;

namespace Hnv.Wire;

/// <summary>
/// The fixed part of the IPv4 header (RFC 791 §3.1); options, if any, follow it.
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |Version|  IHL  |Type of Service|          Total Length         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |         Identification        |Flags|      Fragment Offset    |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  Time to Live |    Protocol   |         Header Checksum       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                       Source Address                          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Destination Address                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct IPv4Header
{
    /// <summary>Bytes on the wire without options.</summary>
    public const int Size = 20;

    /// <summary>Version 4 and a header of five words: no options.</summary>
    public const byte VersionWithoutOptions = 0x45;

    /// <summary>"Don't fragment" in <see cref="FlagsAndFragment"/>.</summary>
    public const ushort DontFragmentFlag = 0x4000;

    /// <summary>"More fragments" in <see cref="FlagsAndFragment"/>.</summary>
    public const ushort MoreFragmentsFlag = 0x2000;

    /// <summary>The fragment offset, in units of 8 bytes, in <see cref="FlagsAndFragment"/>.</summary>
    public const ushort FragmentOffsetMask = 0x1FFF;

    /// <summary>Version (4 bits) and header length in 32-bit words (4 bits).</summary>
    public byte VersionAndLength { get; init; }

    /// <summary>DSCP (6 bits) and ECN (2 bits).</summary>
    public byte TrafficClass { get; init; }

    /// <summary>Header and payload, bytes.</summary>
    public U16Be TotalLength { get; init; }

    /// <summary>Ties the fragments of one datagram together.</summary>
    public U16Be Identification { get; init; }

    /// <summary>Three flags and the fragment offset.</summary>
    public U16Be FlagsAndFragment { get; init; }

    /// <summary>Hops left.</summary>
    public byte TimeToLive { get; init; }

    /// <summary>What follows; see <see cref="IPProtocols"/>.</summary>
    public byte Protocol { get; init; }

    /// <summary>Internet checksum of the header with this field zero.</summary>
    public U16Be Checksum { get; init; }

    /// <summary>Source.</summary>
    public IPv4Be Source { get; init; }

    /// <summary>Destination.</summary>
    public IPv4Be Destination { get; init; }

    /// <summary>4, or the header is none of ours.</summary>
    public int Version => VersionAndLength >> 4;

    /// <summary>Header with options, bytes: 20 … 60 when right.</summary>
    public int HeaderLength => (VersionAndLength & 0x0F) * 4;

    /// <returns>False when the bytes are short, or version or header length are none of IPv4.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out IPv4Header header) =>
        MemoryMarshal.TryRead(bytes, out header) && header.Version == 4 && header.HeaderLength >= Size;

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);

    /// <summary>The same header with the right checksum, if no options follow.</summary>
    public IPv4Header WithChecksum()
    {
        IPv4Header header = this with { Checksum = 0 };
        return header with { Checksum = InternetChecksum.Compute(MemoryMarshal.AsBytes(new ReadOnlySpan<IPv4Header>(in header))) };
    }
}
