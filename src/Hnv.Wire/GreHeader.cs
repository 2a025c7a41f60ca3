using System.Runtime.InteropServices;

namespace Hnv.Wire;

/// <summary>
/// The fixed part of the GRE header (RFC 2784 §2.1 with RFC 2890); checksum, key and sequence number follow as the flags say.
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |C| |K|S|     Reserved0     | Ver |         Protocol Type       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Checksum (if C)             |    Reserved1 (if C)           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        Key (if K)                             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                  Sequence Number (if S)                       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct GreHeader
{
    /// <summary>Bytes on the wire without the optional fields.</summary>
    public const int Size = 4;

    /// <summary>Flag C.</summary>
    public const ushort ChecksumPresent = 0x8000;

    /// <summary>Flag K.</summary>
    public const ushort KeyPresent = 0x2000;

    /// <summary>Flag S.</summary>
    public const ushort SequencePresent = 0x1000;

    private const ushort Known = ChecksumPresent | KeyPresent | SequencePresent;

    /// <summary>C, K, S, reserved bits and version.</summary>
    public U16Be Flags { get; init; }

    /// <summary>EtherType of the payload.</summary>
    public U16Be Protocol { get; init; }

    /// <summary>This header with the optional fields its flags announce, bytes.</summary>
    public int Length => Size
        + ((Flags & ChecksumPresent) != 0 ? 4 : 0)
        + ((Flags & KeyPresent) != 0 ? 4 : 0)
        + ((Flags & SequencePresent) != 0 ? 4 : 0);

    /// <returns>False when the bytes are short for the announced fields, a reserved bit is set or the version is not 0.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out GreHeader header) =>
        MemoryMarshal.TryRead(bytes, out header) && (header.Flags & ~Known) == 0 && bytes.Length >= header.Length;

    /// <summary>Reads the key; <paramref name="bytes"/> begin at a header that <see cref="TryRead"/> took.</summary>
    /// <returns>False when there is none.</returns>
    public static bool TryReadKey(ReadOnlySpan<byte> bytes, out uint key)
    {
        key = 0;
        if (!TryRead(bytes, out GreHeader header) || (header.Flags & KeyPresent) == 0)
        {
            return false;
        }

        int at = (header.Flags & ChecksumPresent) != 0 ? Size + 4 : Size;
        key = MemoryMarshal.Read<U32Be>(bytes[at..]);
        return true;
    }

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);
}
