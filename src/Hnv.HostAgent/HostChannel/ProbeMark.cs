using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Hnv.Wire;

namespace Hnv.HostAgent.HostChannel;

/// <summary>
/// What a probe is known by: 16 random bytes at the front of its payload, or the first four as the sequence number of a SYN, which has no payload. A guest
/// that wants to pose as a probe, or as the answer to one that it was not sent, has to guess them while it is waited for.
/// </summary>
internal sealed class ProbeMark
{
    private const int Size = 16;
    private const int SequenceAt = 4;                       // of a TCP header
    private const int AcknowledgementAt = 8;
    private const int DatagramHeader = 8;                   // of UDP, and of ICMP
    private const byte EchoReplyV4 = 0;
    private const byte EchoReplyV6 = 129;

    private readonly byte[] _bytes;

    private ProbeMark(byte[] bytes) => _bytes = bytes;

    /// <summary>Sequence number of a SYN.</summary>
    public uint Sequence => BinaryPrimitives.ReadUInt32BigEndian(_bytes);

    /// <summary>Reads 32 hexadecimal digits.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out ProbeMark? mark)
    {
        byte[] bytes = new byte[Size];
        mark = text?.Length == 2 * Size && Convert.FromHexString(text, bytes, out _, out _) == System.Buffers.OperationStatus.Done ? new ProbeMark(bytes) : null;
        return mark is not null;
    }

    /// <summary>Bytes of payload that a probe of that protocol has at least.</summary>
    public static int PayloadBytes(byte protocol) => protocol == IPProtocols.Tcp ? 0 : Size;

    /// <summary>Writes it into a probe's payload, where it has one.</summary>
    /// <param name="transport">The transport header and what follows.</param>
    /// <param name="header">Bytes of that header.</param>
    /// <param name="protocol">IANA protocol number.</param>
    public void Write(Span<byte> transport, int header, byte protocol)
    {
        if (protocol != IPProtocols.Tcp)
        {
            _bytes.CopyTo(transport[header..]);
        }
    }

    /// <summary>Where a frame can be told to be the probe, for a filter.</summary>
    public (int Offset, uint Word)[] WordsOfProbe(byte protocol, bool isIPv6) =>
        [(TransportAt(isIPv6) + (protocol == IPProtocols.Tcp ? SequenceAt : DatagramHeader), Sequence)];

    /// <summary>Where a frame can be told to be an answer to the probe, for a filter.</summary>
    public (int Offset, uint Word)[] WordsOfAnswer(byte protocol, bool isIPv6) =>
    [
        (TransportAt(isIPv6) + DatagramHeader, protocol == IPProtocols.Tcp ? Sequence + 1 : Sequence),
        (QuotedAt(isIPv6) + (protocol == IPProtocols.Tcp ? SequenceAt : DatagramHeader), Sequence),
    ];

    /// <summary>True when the frame is the probe, its addresses translated or not.</summary>
    public bool IsProbe(ReadOnlySpan<byte> frame, byte protocol) =>
        TryRead(frame, out ParsedPacket packet) && packet.Ufid.Protocol == Of(protocol, packet.Ufid.Source.IsIPv4) && IsMarked(frame[packet.TransportOffset..], protocol);

    /// <summary>True when the frame answers the probe.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="protocol">The probe's.</param>
    /// <param name="isError">It is an ICMP error about it.</param>
    public bool IsAnswer(ReadOnlySpan<byte> frame, byte protocol, out bool isError)
    {
        isError = false;
        if (!TryRead(frame, out ParsedPacket packet))
        {
            return false;
        }

        bool isIPv4 = packet.Ufid.Source.IsIPv4;
        ReadOnlySpan<byte> transport = frame[packet.TransportOffset..];
        bool isIcmp = packet.Ufid.Protocol == Of(IPProtocols.Icmp, isIPv4);
        if (isIcmp && transport[0] != (isIPv4 ? EchoReplyV4 : EchoReplyV6))
        {
            int quoted = QuotedAt(!isIPv4) - TransportAt(!isIPv4);
            isError = transport.Length > quoted && IsMarked(transport[quoted..], protocol);
            return isError;
        }

        return protocol == IPProtocols.Tcp
            ? packet.Ufid.Protocol == IPProtocols.Tcp && BinaryPrimitives.ReadUInt32BigEndian(transport[AcknowledgementAt..]) == Sequence + 1
            : packet.Ufid.Protocol == Of(protocol, isIPv4) && IsMarked(transport, protocol);
    }

    private static bool TryRead(ReadOnlySpan<byte> frame, out ParsedPacket packet) =>
        PacketParser.TryParse(frame, out packet) == ParseFault.None && packet.TransportOffset > 0 && frame.Length >= packet.TransportOffset + AcknowledgementAt + sizeof(uint);

    private static byte Of(byte protocol, bool isIPv4) => protocol == IPProtocols.Icmp && !isIPv4 ? IPProtocols.IcmpV6 : protocol;

    private static int TransportAt(bool isIPv6) => EthernetHeader.Size + (isIPv6 ? IPv6Header.Size : IPv4Header.Size);

    private static int QuotedAt(bool isIPv6) => TransportAt(isIPv6) + DatagramHeader + (isIPv6 ? IPv6Header.Size : IPv4Header.Size);

    private bool IsMarked(ReadOnlySpan<byte> transport, byte protocol) => protocol == IPProtocols.Tcp
        ? transport.Length >= DatagramHeader && BinaryPrimitives.ReadUInt32BigEndian(transport[SequenceAt..]) == Sequence
        : transport.Length >= DatagramHeader + Size && transport.Slice(DatagramHeader, Size).SequenceEqual(_bytes);
}
