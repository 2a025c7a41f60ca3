using System.Runtime.InteropServices;

namespace Hnv.Wire;

/// <summary>A stretch of a buffer.</summary>
/// <param name="Offset">Of its first byte.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct FramePiece(int Offset, int Length);

/// <summary>What <see cref="TcpCoalescer.Join"/> made of the frames at the head of a list.</summary>
/// <param name="FrameCount">Frames it took, at least 1; also the number of pieces.</param>
/// <param name="Length">Bytes of the joined frame: the sum of all pieces.</param>
/// <param name="HeaderLength">Bytes of headers at the front of the first piece (<c>hdr_len</c>).</param>
/// <param name="SegmentSize">Payload bytes per segment (<c>gso_size</c>); 0 when nothing was joined and the frame is as it came.</param>
/// <param name="ChecksumStart">Offset of the transport header (<c>csum_start</c>), when something was joined.</param>
/// <param name="IsIPv4">True for IPv4, when something was joined.</param>
public readonly record struct CoalescedFrame(
    int FrameCount, int Length, int HeaderLength, int SegmentSize, int ChecksumStart, bool IsIPv4)
{
    /// <summary>Offset of the checksum in the TCP header (<c>csum_offset</c>).</summary>
    public const int ChecksumOffset = TcpHeader.ChecksumOffset;

    /// <summary>True when frames were joined: the TCP checksum is then partial and the frame needs segmentation offload to travel.</summary>
    public bool IsJoined => FrameCount > 1;
}

/// <summary>
/// Joins in-order TCP segments of one flow into a super-packet, as the kernel's GRO does and by its rules, without moving payload: the
/// first frame's headers are edited where they lie, and the rest is a list for a gather write.
/// <code>
///   buffer | ... | headers 0 | payload 0 | ... | headers 1 | payload 1 | ... | headers 2 | pay 2 |
///   pieces       [------- piece 0 ------]                  [- piece 1 -]                 [-- 2 --]
/// </code>
/// Joined is only what segmentation would cut the same way again: equal headers but for identification, lengths, sequence number,
/// checksums and PSH; no flags but ACK and PSH; segments of one size, only the last smaller; nothing behind a PSH. Each joined
/// segment's checksums were verified, so the super-packet's partial checksum vouches for no byte that nobody checked.
/// </summary>
public static class TcpCoalescer
{
    private const int SequenceOffset = 4;
    private const int AcknowledgmentOffset = 8;
    private const int FlagsOffset = 13;
    private const int WindowOffset = 14;
    private const int UrgentPointerOffset = 18;

    /// <summary>Joins the first frame with as many of the following as belong to it.</summary>
    /// <param name="buffer">Holds the frames. The first frame's headers are edited if anything is joined.</param>
    /// <param name="frames">Where they lie in the order they came, at least one, each with <paramref name="prefixLength"/> bytes before it.</param>
    /// <param name="first">The parse of the first one, nothing edited since. Its offsets stay right for the joined frame, its Length does not.</param>
    /// <param name="prefixLength">
    /// Bytes before each frame that must be equal too: the VXLAN header, so that nothing of another virtual subnet is ever joined.
    /// </param>
    /// <param name="pieces">Takes the pieces; its length bounds how many frames are joined. At least 1.</param>
    public static CoalescedFrame Join(
        Span<byte> buffer, ReadOnlySpan<FramePiece> frames, in ParsedPacket first, int prefixLength, Span<FramePiece> pieces)
    {
        FramePiece head = frames[0];
        pieces[0] = head;
        var single = new CoalescedFrame(1, head.Length, first.PayloadOffset, 0, 0, false);
        int segmentSize = head.Length - first.PayloadOffset;
        if (frames.Length == 1 || !CanBegin(buffer, head, in first, segmentSize))
        {
            return single;
        }

        Span<byte> headers = buffer.Slice(head.Offset, first.PayloadOffset);
        var flow = new Flow(headers, buffer.Slice(head.Offset - prefixLength, prefixLength), in first, segmentSize);
        int count = 1;
        int length = head.Length;
        bool pushed = false;
        while (!pushed && count < frames.Length && count < pieces.Length)
        {
            FramePiece piece = frames[count];
            int payload = piece.Length - headers.Length;
            if (payload <= 0
                || payload > segmentSize
                || length + payload - first.NetworkOffset > ushort.MaxValue
                || piece.Offset < prefixLength
                || !flow.Continues(buffer.Slice(piece.Offset - prefixLength, prefixLength), buffer.Slice(piece.Offset, piece.Length), count))
            {
                break;
            }

            pieces[count] = new FramePiece(piece.Offset + headers.Length, payload);
            length += payload;
            count++;
            pushed = payload < segmentSize;
            if ((buffer[piece.Offset + first.TransportOffset + FlagsOffset] & TcpFlags.Psh) != 0)
            {
                headers[first.TransportOffset + FlagsOffset] |= TcpFlags.Psh;
                pushed = true;
            }
        }

        if (count == 1)
        {
            return single;
        }

        Finish(headers, in first, length);
        return new CoalescedFrame(
            count, length, headers.Length, segmentSize, first.TransportOffset, first.EtherType == EtherTypes.IPv4);
    }

    private static bool CanBegin(ReadOnlySpan<byte> buffer, FramePiece head, in ParsedPacket first, int segmentSize)
    {
        if (first.Ufid.Protocol != IPProtocols.Tcp
            || !first.IsIP
            || first.Ufid.Fragment != FragmentClass.Whole
            || first.TcpFlags != TcpFlags.Ack
            || first.Length != head.Length
            || segmentSize <= 0)
        {
            return false;
        }

        int bare = first.EtherType == EtherTypes.IPv4 ? IPv4Header.Size : IPv6Header.Size;
        return first.TransportOffset == first.NetworkOffset + bare && IsSummed(buffer.Slice(head.Offset, head.Length), in first);
    }

    /// <summary>True when the TCP checksum is right. Addresses and ports of every joined frame equal the first one's.</summary>
    private static bool IsSummed(ReadOnlySpan<byte> frame, in ParsedPacket first)
    {
        int addresses = first.EtherType == EtherTypes.IPv4 ? 8 : 32;
        ReadOnlySpan<byte> covered = frame[(first.TransportOffset - addresses)..];
        ulong sum = InternetChecksum.Sum(covered)
            + InternetChecksum.SumOf((ushort)(covered.Length - addresses))
            + InternetChecksum.SumOf(IPProtocols.Tcp);
        return InternetChecksum.Complete(sum) == 0;
    }

    private static void Finish(Span<byte> headers, in ParsedPacket first, int length)
    {
        Span<byte> network = headers[first.NetworkOffset..];
        if (first.EtherType == EtherTypes.IPv4)
        {
            IPv4Header header = MemoryMarshal.Read<IPv4Header>(network);
            (header with { TotalLength = (ushort)(length - first.NetworkOffset) }).WithChecksum().Write(network);
        }
        else
        {
            IPv6Header header = MemoryMarshal.Read<IPv6Header>(network);
            (header with { PayloadLength = (ushort)(length - first.NetworkOffset - IPv6Header.Size) }).Write(network);
        }

        int addresses = first.EtherType == EtherTypes.IPv4 ? 8 : 32;
        ulong pseudo = InternetChecksum.Sum(headers.Slice(first.TransportOffset - addresses, addresses))
            + InternetChecksum.SumOf((ushort)(length - first.TransportOffset))
            + InternetChecksum.SumOf(IPProtocols.Tcp);
        MemoryMarshal.Write(headers[(first.TransportOffset + TcpHeader.ChecksumOffset)..], U16Be.FromHost(InternetChecksum.Fold(pseudo)));
    }

    /// <summary>What a frame must look like to be joined.</summary>
    private readonly ref struct Flow
    {
        private readonly ReadOnlySpan<byte> _headers;
        private readonly ReadOnlySpan<byte> _prefix;
        private readonly ref readonly ParsedPacket _first;
        private readonly int _segmentSize;
        private readonly uint _sequence;

        public Flow(ReadOnlySpan<byte> headers, ReadOnlySpan<byte> prefix, in ParsedPacket first, int segmentSize)
        {
            _headers = headers;
            _prefix = prefix;
            _first = ref first;
            _segmentSize = segmentSize;
            _sequence = MemoryMarshal.Read<U32Be>(headers[(first.TransportOffset + SequenceOffset)..]);
        }

        public bool Continues(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> frame, int index) =>
            prefix.SequenceEqual(_prefix)
            && frame[.._first.NetworkOffset].SequenceEqual(_headers[.._first.NetworkOffset])
            && ContinuesNetwork(frame[_first.NetworkOffset..], index)
            && ContinuesTransport(frame[_first.TransportOffset..], index)
            && IsSummed(frame, in _first);

        private bool ContinuesNetwork(ReadOnlySpan<byte> bytes, int index)
        {
            ReadOnlySpan<byte> expected = _headers[_first.NetworkOffset..];
            if (_first.EtherType == EtherTypes.IPv6)
            {
                ref readonly IPv6Header v6 = ref MemoryMarshal.AsRef<IPv6Header>(bytes);
                return v6.PayloadLength == bytes.Length - IPv6Header.Size
                    && bytes[..4].SequenceEqual(expected[..4])
                    && bytes[6..IPv6Header.Size].SequenceEqual(expected[6..IPv6Header.Size]);
            }

            // Where fragmentation is ruled out the identification means nothing (RFC 6864 §4.1); else it counts up by one.
            ref readonly IPv4Header header = ref MemoryMarshal.AsRef<IPv4Header>(bytes);
            ref readonly IPv4Header begun = ref MemoryMarshal.AsRef<IPv4Header>(expected);
            return header.TotalLength == bytes.Length
                && bytes[..2].SequenceEqual(expected[..2])
                && bytes[6..10].SequenceEqual(expected[6..10])
                && header.Source == begun.Source
                && header.Destination == begun.Destination
                && (_first.DontFragment || header.Identification == (ushort)(begun.Identification + index))
                && InternetChecksum.Compute(bytes[..IPv4Header.Size]) == 0;
        }

        private bool ContinuesTransport(ReadOnlySpan<byte> bytes, int index)
        {
            ReadOnlySpan<byte> expected = _headers[_first.TransportOffset..];
            return bytes[..SequenceOffset].SequenceEqual(expected[..SequenceOffset])
                && MemoryMarshal.Read<U32Be>(bytes[SequenceOffset..]) == _sequence + (uint)(index * _segmentSize)
                && bytes[AcknowledgmentOffset..FlagsOffset].SequenceEqual(expected[AcknowledgmentOffset..FlagsOffset])
                && (bytes[FlagsOffset] & ~TcpFlags.Psh) == TcpFlags.Ack
                && bytes[WindowOffset..TcpHeader.ChecksumOffset].SequenceEqual(expected[WindowOffset..TcpHeader.ChecksumOffset])
                && bytes[UrgentPointerOffset..expected.Length].SequenceEqual(expected[UrgentPointerOffset..]);
        }
    }
}
