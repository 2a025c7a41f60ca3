using System.Runtime.InteropServices;

namespace Hnv.Wire;

/// <summary>
/// Cuts an IPv4 packet that may be fragmented into frames that fit an MTU (RFC 791 §3.2), side by side, each with room before it for a
/// tunnel header, in the layout of <see cref="SuperPacketSegmenter"/>. A packet that is a fragment itself is cut further.
/// </summary>
/// <remarks>
/// Options without the copied flag are in the first piece only; in the others no-operation options stand in their place, so that all
/// pieces but the last are of one length. Identification stays.
/// </remarks>
public ref struct InnerFragmenter
{
    private const int UnitSize = 8;
    private const int TotalLengthOffset = 2;
    private const int FlagsOffset = 6;
    private const int ChecksumOffset = 10;
    private const byte EndOfOptions = 0;
    private const byte NoOperation = 1;
    private const byte CopiedFlag = 0x80;

    private readonly ReadOnlySpan<byte> _headers;
    private readonly ReadOnlySpan<byte> _payload;
    private readonly int _network;
    private readonly int _payloadMax;
    private readonly ushort _flags;
    private int _next;

    /// <summary>A fragmenter at the first piece.</summary>
    /// <param name="frame">The frame, its transport checksum complete; it must outlive the fragmenter and not overlap what is written.</param>
    /// <param name="packet">Its parse.</param>
    /// <param name="mtu">Bytes an IP packet may have. <see cref="CanFragment"/> must hold.</param>
    public InnerFragmenter(ReadOnlySpan<byte> frame, in ParsedPacket packet, int mtu)
    {
        if (!CanFragment(frame, in packet, mtu))
        {
            throw new ArgumentException("Only an IPv4 packet without DF can be cut, and only for an MTU that leaves room for data.", nameof(packet));
        }

        _network = packet.NetworkOffset;
        int headerLength = HeaderLength(frame, in packet);
        _headers = frame[..(_network + headerLength)];
        _payload = frame[(_network + headerLength)..packet.Length];
        _payloadMax = (mtu - headerLength) & ~(UnitSize - 1);
        _flags = MemoryMarshal.Read<U16Be>(frame[(_network + FlagsOffset)..]);
        Count = headerLength + _payload.Length <= mtu ? 1 : (_payload.Length + _payloadMax - 1) / _payloadMax;
    }

    /// <summary>Pieces in all; 1 when the packet fits as it is.</summary>
    public int Count { get; }

    /// <summary>Pieces not yet written.</summary>
    public readonly int Remaining => Count - _next;

    /// <summary>True for IPv4 without DF when the MTU has room for the header and one unit of data.</summary>
    public static bool CanFragment(ReadOnlySpan<byte> frame, in ParsedPacket packet, int mtu) =>
        packet.EtherType == EtherTypes.IPv4 && !packet.DontFragment && mtu >= HeaderLength(frame, in packet) + UnitSize;

    /// <summary>Bytes from one written piece to the next, <paramref name="prefixLength"/> included.</summary>
    public readonly int Stride(int prefixLength) =>
        prefixLength + _headers.Length + (Count == 1 ? _payload.Length : _payloadMax);

    /// <summary>Writes the next pieces, as many as fit. The prefixes are left as they are.</summary>
    /// <param name="prefixLength">Room before each piece, bytes.</param>
    /// <param name="countMax">At most so many.</param>
    /// <param name="destination">Takes them.</param>
    public SegmentRun Fragment(int prefixLength, int countMax, Span<byte> destination)
    {
        int stride = Stride(prefixLength);
        int count = 0;
        int written = 0;
        while (count < countMax && _next < Count)
        {
            int at = _next * _payloadMax;
            ReadOnlySpan<byte> payload = _next == Count - 1 ? _payload[at..] : _payload.Slice(at, _payloadMax);
            int length = prefixLength + _headers.Length + payload.Length;
            if (length > destination.Length - written)
            {
                break;
            }

            WritePiece(payload, at, destination.Slice(written + prefixLength, length - prefixLength));
            written += length;
            count++;
            _next++;
        }

        return count == 0 ? default : new SegmentRun(count, stride, written - ((count - 1) * stride));
    }

    private readonly void WritePiece(ReadOnlySpan<byte> payload, int at, Span<byte> piece)
    {
        _headers.CopyTo(piece);
        payload.CopyTo(piece[_headers.Length..]);
        Span<byte> header = piece[_network.._headers.Length];
        if (_next != 0)
        {
            DropUncopiedOptions(header[IPv4Header.Size..]);
        }

        // The parser held the offset of the whole against 64 KB, so that of a piece cannot run into the flags.
        ushort flags = (ushort)(_flags + (at / UnitSize));
        if (_next != Count - 1)
        {
            flags |= IPv4Header.MoreFragmentsFlag;
        }

        Write16(header[TotalLengthOffset..], (ushort)(header.Length + payload.Length));
        Write16(header[FlagsOffset..], flags);
        Write16(header[ChecksumOffset..], 0);
        Write16(header[ChecksumOffset..], InternetChecksum.Compute(header));
    }

    private static void DropUncopiedOptions(Span<byte> options)
    {
        while (!options.IsEmpty && options[0] != EndOfOptions)
        {
            // What has no sane length cannot be told from the rest: it goes to no piece but the first.
            int length = options[0] == NoOperation ? 1 : options.Length > 1 && options[1] >= 2 ? options[1] : options.Length;
            length = Math.Min(length, options.Length);
            if ((options[0] & CopiedFlag) == 0)
            {
                options[..length].Fill(NoOperation);
            }

            options = options[length..];
        }
    }

    private static int HeaderLength(ReadOnlySpan<byte> frame, in ParsedPacket packet) => (frame[packet.NetworkOffset] & 0x0F) * 4;

    private static void Write16(Span<byte> field, ushort value) => MemoryMarshal.Write(field, U16Be.FromHost(value));
}
