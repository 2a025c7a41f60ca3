using System.Runtime.InteropServices;

namespace Hnv.Wire;

/// <summary>What a call of <see cref="SuperPacketSegmenter.Segment"/> or <see cref="InnerFragmenter.Fragment"/> wrote.</summary>
/// <param name="Count">Frames written; 0 when none fitted or there are none left.</param>
/// <param name="Stride">Bytes from one frame's beginning to the next's, prefix included.</param>
/// <param name="LastLength">Bytes of the last one, prefix included; at most <paramref name="Stride"/>.</param>
public readonly record struct SegmentRun(int Count, int Stride, int LastLength)
{
    /// <summary>Bytes written in all.</summary>
    public int Length => Count == 0 ? 0 : ((Count - 1) * Stride) + LastLength;
}

/// <summary>
/// Cuts one TCP or UDP super-packet, as a guest with segmentation offload hands it over, into the frames it stands for, side by
/// side, each with room before it for a tunnel header:
/// <code>
///   in    | headers | payload 0 | payload 1 | pay 2 |
///   out   | prefix | headers' | payload 0 | prefix | headers' | payload 1 | prefix | headers' | pay 2 |
///         |&lt;------------- stride -------------&gt;|                           |&lt;---- last length ----&gt;|
/// </code>
/// That is the layout one <c>sendmsg</c> with <c>UDP_SEGMENT</c> takes. Headers are copied with identification, lengths, sequence number and flags
/// as segmentation sets them (FIN and PSH on the last segment only, CWR on the first only, RFC 3168 §6.1.2), and every checksum
/// is complete, whatever the super-packet's held. Payload is copied and summed in one pass.
/// </summary>
public ref struct SuperPacketSegmenter
{
    private const int IPv4TotalLengthOffset = 2;
    private const int IPv4IdentificationOffset = 4;
    private const int IPv4ChecksumOffset = 10;
    private const int IPv6PayloadLengthOffset = 4;
    private const int UdpLengthOffset = 4;
    private const int TcpSequenceOffset = 4;
    private const int TcpFlagsOffset = 13;

    private readonly ReadOnlySpan<byte> _headers;
    private readonly ReadOnlySpan<byte> _payload;
    private readonly int _segmentSize;
    private readonly int _network;
    private readonly int _transport;
    private readonly bool _isIPv4;
    private readonly bool _isTcp;
    private readonly bool _unsummed;
    private readonly ushort _identification;
    private readonly uint _sequence;
    private readonly byte _flags;

    // What is the same in every segment: the sum of the IPv4 header without length, identification and checksum, and the sum of
    // pseudo-header and transport header without length, sequence number, flags and checksum.
    private readonly ulong _networkSum;
    private readonly ulong _transportSum;
    private int _next;

    /// <summary>A segmenter at the first segment.</summary>
    /// <param name="frame">The super-frame; it must outlive the segmenter and not overlap what is written.</param>
    /// <param name="packet">Its parse. <see cref="CanSegment"/> must hold.</param>
    /// <param name="segmentSize">Payload bytes per segment (<c>gso_size</c>), at least 1.</param>
    public SuperPacketSegmenter(ReadOnlySpan<byte> frame, in ParsedPacket packet, int segmentSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(segmentSize);
        if (!CanSegment(in packet))
        {
            throw new ArgumentException("Only a whole TCP or UDP packet can be cut into segments.", nameof(packet));
        }

        _headers = frame[..packet.PayloadOffset];
        _payload = frame[packet.PayloadOffset..packet.Length];
        _segmentSize = segmentSize;
        _network = packet.NetworkOffset;
        _transport = packet.TransportOffset;
        _isIPv4 = packet.EtherType == EtherTypes.IPv4;
        _isTcp = packet.Ufid.Protocol == IPProtocols.Tcp;
        Count = Math.Max(1, (_payload.Length + segmentSize - 1) / segmentSize);

        ReadOnlySpan<byte> network = _headers[_network.._transport];
        ReadOnlySpan<byte> transport = _headers[_transport..];
        if (_isIPv4)
        {
            _identification = Read16(network[IPv4IdentificationOffset..]);
            _networkSum = InternetChecksum.Sum(network)
                + Without(network[IPv4TotalLengthOffset..])
                + Without(network[IPv4IdentificationOffset..])
                + Without(network[IPv4ChecksumOffset..]);
        }

        _transportSum = InternetChecksum.PseudoHeader(packet.Ufid.Source, packet.Ufid.Destination, packet.Ufid.Protocol, 0)
            + InternetChecksum.Sum(transport);
        if (_isTcp)
        {
            _sequence = MemoryMarshal.Read<U32Be>(transport[TcpSequenceOffset..]);
            _flags = transport[TcpFlagsOffset];
            _transportSum += Without(transport[TcpSequenceOffset..])
                + Without(transport[(TcpSequenceOffset + 2)..])
                + Without(transport[(TcpFlagsOffset - 1)..])
                + Without(transport[TcpHeader.ChecksumOffset..]);
        }
        else
        {
            _unsummed = _isIPv4 && Read16(transport[UdpHeader.ChecksumOffset..]) == 0;
            _transportSum += Without(transport[UdpLengthOffset..]) + Without(transport[UdpHeader.ChecksumOffset..]);
        }
    }

    /// <summary>Segments in all. A hostile guest may ask for very small ones: bound this before segmenting.</summary>
    public int Count { get; }

    /// <summary>Segments not yet written.</summary>
    public readonly int Remaining => Count - _next;

    /// <summary>True for a whole TCP or UDP packet, of any size.</summary>
    public static bool CanSegment(in ParsedPacket packet) =>
        packet.IsIP
        && packet.Ufid.Fragment == FragmentClass.Whole
        && packet.Ufid.Protocol is IPProtocols.Tcp or IPProtocols.Udp;

    /// <summary>Bytes from one written segment to the next, <paramref name="prefixLength"/> included.</summary>
    public readonly int Stride(int prefixLength) => prefixLength + _headers.Length + Math.Min(_segmentSize, _payload.Length);

    /// <summary>Writes the next segments, as many as fit. The prefixes are left as they are.</summary>
    /// <param name="prefixLength">Room before each segment, bytes.</param>
    /// <param name="countMax">At most so many.</param>
    /// <param name="destination">Takes them; 65,507 bytes for one <c>UDP_SEGMENT</c> call.</param>
    public SegmentRun Segment(int prefixLength, int countMax, Span<byte> destination)
    {
        int stride = Stride(prefixLength);
        int count = 0;
        int written = 0;
        while (count < countMax && _next < Count)
        {
            int at = _next * _segmentSize;
            ReadOnlySpan<byte> payload = _payload.Slice(at, Math.Min(_segmentSize, _payload.Length - at));
            int length = prefixLength + _headers.Length + payload.Length;
            if (length > destination.Length - written)
            {
                break;
            }

            WriteSegment(payload, (uint)at, destination.Slice(written + prefixLength, length - prefixLength));
            written += length;
            count++;
            _next++;
        }

        return count == 0 ? default : new SegmentRun(count, stride, written - ((count - 1) * stride));
    }

    private readonly void WriteSegment(ReadOnlySpan<byte> payload, uint offset, Span<byte> segment)
    {
        _headers.CopyTo(segment);
        Span<byte> transport = segment[_transport..];
        ulong sum = _transportSum + InternetChecksum.CopyAndSum(payload, segment[_headers.Length..]);

        Span<byte> network = segment[_network..];
        if (_isIPv4)
        {
            ushort totalLength = (ushort)network.Length;
            ushort identification = (ushort)(_identification + _next);
            Write16(network[IPv4TotalLengthOffset..], totalLength);
            Write16(network[IPv4IdentificationOffset..], identification);
            Write16(network[IPv4ChecksumOffset..], InternetChecksum.Complete(
                _networkSum + InternetChecksum.SumOf(totalLength) + InternetChecksum.SumOf(identification)));
        }
        else
        {
            Write16(network[IPv6PayloadLengthOffset..], (ushort)(network.Length - IPv6Header.Size));
        }

        // The pseudo-header's length, 16 bits of it being enough here.
        sum += InternetChecksum.SumOf((ushort)transport.Length);
        if (!_isTcp)
        {
            Write16(transport[UdpLengthOffset..], (ushort)transport.Length);
            sum += InternetChecksum.SumOf((ushort)transport.Length);
            Write16(transport[UdpHeader.ChecksumOffset..], _unsummed ? (ushort)0 : InternetChecksum.CompleteUdp(sum));
            return;
        }

        byte flags = _flags;
        if (_next != 0)
        {
            flags &= unchecked((byte)~TcpFlags.Cwr);
        }

        if (_next != Count - 1)
        {
            flags &= unchecked((byte)~(TcpFlags.Fin | TcpFlags.Psh));
        }

        uint sequence = _sequence + offset;
        MemoryMarshal.Write(transport[TcpSequenceOffset..], U32Be.FromHost(sequence));
        transport[TcpFlagsOffset] = flags;
        sum += InternetChecksum.SumOf(sequence) + InternetChecksum.SumOf((ushort)((transport[TcpFlagsOffset - 1] << 8) | flags));
        Write16(transport[TcpHeader.ChecksumOffset..], InternetChecksum.Complete(sum));
    }

    /// <summary>What takes a 16-bit field out of a sum: its complement.</summary>
    private static ulong Without(ReadOnlySpan<byte> field) => InternetChecksum.SumOf((ushort)~Read16(field));

    private static ushort Read16(ReadOnlySpan<byte> field) => MemoryMarshal.Read<U16Be>(field);

    private static void Write16(Span<byte> field, ushort value) => MemoryMarshal.Write(field, U16Be.FromHost(value));
}
