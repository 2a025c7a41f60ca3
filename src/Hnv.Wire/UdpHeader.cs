using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>
/// The UDP header (RFC 768).
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |          Source Port          |       Destination Port        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |            Length             |           Checksum            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct UdpHeader
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;

    /// <summary>Where <see cref="Checksum"/> lies.</summary>
    public const int ChecksumOffset = 6;

    /// <summary>Source port.</summary>
    public U16Be SourcePort { get; init; }

    /// <summary>Destination port.</summary>
    public U16Be DestinationPort { get; init; }

    /// <summary>Header and payload, bytes; at least 8.</summary>
    public U16Be Length { get; init; }

    /// <summary>Internet checksum of pseudo-header, header and payload; 0 says there is none.</summary>
    public U16Be Checksum { get; init; }

    /// <returns>False when the bytes are short or the length field is below 8.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out UdpHeader header) =>
        MemoryMarshal.TryRead(bytes, out header) && header.Length >= Size;

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);

    /// <summary>Writes the header of a datagram whose payload is there already, with its checksum.</summary>
    internal static void WriteWithChecksum(InetAddress source, InetAddress destination, ushort sourcePort, ushort destinationPort, Span<byte> datagram)
    {
        var header = new UdpHeader { SourcePort = sourcePort, DestinationPort = destinationPort, Length = (ushort)datagram.Length };
        header.Write(datagram);
        ulong sum = InternetChecksum.PseudoHeader(source, destination, IPProtocols.Udp, datagram.Length) + InternetChecksum.Sum(datagram);
        (header with { Checksum = InternetChecksum.CompleteUdp(sum) }).Write(datagram);
    }
}
