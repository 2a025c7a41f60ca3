using System.Runtime.InteropServices;

namespace Hnv.Wire;

/// <summary>
/// The fixed part of the TCP header (RFC 9293 §3.1); options, if any, follow it.
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |          Source Port          |       Destination Port        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        Sequence Number                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Acknowledgment Number                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Offset|  Rsrvd|C|E|U|A|P|R|S|F|            Window             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           Checksum            |         Urgent Pointer        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct TcpHeader
{
    /// <summary>Bytes on the wire without options.</summary>
    public const int Size = 20;

    /// <summary>Where <see cref="Checksum"/> lies.</summary>
    public const int ChecksumOffset = 16;

    /// <summary>Source port.</summary>
    public U16Be SourcePort { get; init; }

    /// <summary>Destination port.</summary>
    public U16Be DestinationPort { get; init; }

    /// <summary>Sequence number of the first payload byte (of the SYN itself when SYN is set).</summary>
    public U32Be Sequence { get; init; }

    /// <summary>The next sequence number expected from the peer.</summary>
    public U32Be Acknowledgment { get; init; }

    /// <summary>Header length in 32-bit words (upper 4 bits) and reserved bits.</summary>
    public byte OffsetAndReserved { get; init; }

    /// <summary>Flags; see <see cref="TcpFlags"/>.</summary>
    public byte Flags { get; init; }

    /// <summary>Receive window, unscaled.</summary>
    public U16Be Window { get; init; }

    /// <summary>Internet checksum of pseudo-header, header and payload.</summary>
    public U16Be Checksum { get; init; }

    /// <summary>Urgent pointer.</summary>
    public U16Be UrgentPointer { get; init; }

    /// <summary>Header with options, bytes: 20 … 60 when right.</summary>
    public int HeaderLength => (OffsetAndReserved >> 4) * 4;

    /// <returns>False when the bytes are short or the header length is below 20.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out TcpHeader header) =>
        MemoryMarshal.TryRead(bytes, out header) && header.HeaderLength >= Size;

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);
}

/// <summary>Bits of the TCP flags byte.</summary>
public static class TcpFlags
{
    /// <summary>No more data from the sender.</summary>
    public const byte Fin = 0x01;

    /// <summary>Synchronise sequence numbers.</summary>
    public const byte Syn = 0x02;

    /// <summary>Reset.</summary>
    public const byte Rst = 0x04;

    /// <summary>Push.</summary>
    public const byte Psh = 0x08;

    /// <summary>The acknowledgment field counts.</summary>
    public const byte Ack = 0x10;

    /// <summary>The urgent pointer counts.</summary>
    public const byte Urg = 0x20;

    /// <summary>ECN echo (RFC 3168).</summary>
    public const byte Ece = 0x40;

    /// <summary>Congestion window reduced (RFC 3168).</summary>
    public const byte Cwr = 0x80;
}
