using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>
/// The ICMP messages a router writes: echo replies and errors that quote the packet they are about (RFC 792, RFC 1812 §4.3, RFC 4443).
/// When to send one is for the caller to decide; <see cref="IsError"/> and <see cref="ParsedPacket"/> hold what that takes.
/// </summary>
public static class IcmpMessages
{
    /// <summary>The longest error packet for IPv4 (RFC 1812 §4.3.2.3), bytes from the IP header on.</summary>
    public const int ErrorPacketLengthMax = 576;

    /// <summary>The longest error packet for IPv6, its minimum MTU (RFC 4443 §2.4 c), bytes from the IP header on.</summary>
    public const int V6ErrorPacketLengthMax = 1280;

    /// <summary>Room that every frame written by <see cref="WriteError"/> fits into.</summary>
    public const int ErrorFrameLengthMax = EthernetHeader.Size + V6ErrorPacketLengthMax;

    private const byte TimeToLive = 64;

    /// <summary>True for an ICMP error or redirect, about which no error may be sent (RFC 1122 §3.2.2, RFC 4443 §2.4 e).</summary>
    public static bool IsError(in ParsedPacket packet)
    {
        if (packet.TransportOffset == 0)
        {
            return false;
        }

        bool isIPv4 = packet.EtherType == EtherTypes.IPv4;
        return packet.IsIP
            && HeaderRewriter.IsIcmp(packet.Ufid.Protocol, isIPv4)
            && IsErrorType((byte)(packet.Ufid.DestinationPort >> 8), isIPv4);
    }

    /// <summary>True for the type of an error or redirect.</summary>
    internal static bool IsErrorType(byte type, bool isIPv4) =>
        isIPv4 ? type is 3 or 4 or 5 or 11 or 12 : type is < 128 or IcmpTypes.V6Redirect;

    /// <summary>True for a whole echo request of either family.</summary>
    public static bool IsEchoRequest(in ParsedPacket packet) =>
        packet.Ufid.Fragment == FragmentClass.Whole
        && ((packet.EtherType == EtherTypes.IPv4
                && packet.Ufid.Protocol == IPProtocols.Icmp
                && packet.Ufid.DestinationPort == IcmpTypes.EchoRequest << 8)
            || (packet.EtherType == EtherTypes.IPv6
                && packet.Ufid.Protocol == IPProtocols.IcmpV6
                && packet.Ufid.DestinationPort == IcmpTypes.V6EchoRequest << 8));

    /// <summary>
    /// Writes the reply to an echo request: the same frame with addresses exchanged, a fresh TTL and the reply's type. Checksums are
    /// updated, not computed: a request that was damaged on its way gives a reply that is seen to be damaged.
    /// </summary>
    /// <param name="request">The frame; it may lie where the reply goes.</param>
    /// <param name="packet">Its parse; <see cref="IsEchoRequest"/> must hold.</param>
    /// <param name="reply">Takes as many bytes as the request, without its padding.</param>
    /// <returns>The reply's length.</returns>
    public static int WriteEchoReply(ReadOnlySpan<byte> request, in ParsedPacket packet, Span<byte> reply)
    {
        int length = packet.Length;
        request[..length].CopyTo(reply);
        reply = reply[..length];
        packet.Ufid.SourceMac.Write(reply);
        packet.Ufid.DestinationMac.Write(reply[MacAddress.Size..]);

        Span<byte> network = reply[packet.NetworkOffset..];
        bool isIPv4 = packet.EtherType == EtherTypes.IPv4;
        if (isIPv4)
        {
            // Options (a recorded route) are sent back as they came; the sum of the addresses does not change by their exchange.
            IPv4Header header = MemoryMarshal.Read<IPv4Header>(network);
            ulong difference = InternetChecksum.Difference(
                InternetChecksum.SumOf((ushort)(header.TimeToLive << 8)), InternetChecksum.SumOf(TimeToLive << 8));
            (header with
            {
                Source = header.Destination,
                Destination = header.Source,
                TimeToLive = TimeToLive,
                Checksum = InternetChecksum.Update(header.Checksum, difference),
            }).Write(network);
        }
        else
        {
            IPv6Header header = MemoryMarshal.Read<IPv6Header>(network);
            (header with { Source = header.Destination, Destination = header.Source, HopLimit = TimeToLive }).Write(network);
        }

        Span<byte> body = reply[packet.TransportOffset..];
        IcmpHeader icmp = MemoryMarshal.Read<IcmpHeader>(body);
        byte type = isIPv4 ? IcmpTypes.EchoReply : IcmpTypes.V6EchoReply;
        ulong change = InternetChecksum.Difference(
            InternetChecksum.SumOf((ushort)(icmp.Type << 8)), InternetChecksum.SumOf((ushort)(type << 8)));
        (icmp with { Type = type, Checksum = InternetChecksum.Update(icmp.Checksum, change) }).Write(body);
        return length;
    }

    /// <summary>Writes "time exceeded in transit" about a packet whose TTL or hop limit ran out.</summary>
    /// <inheritdoc cref="WriteError"/>
    public static int WriteTimeExceeded(
        ReadOnlySpan<byte> about, in ParsedPacket packet, MacAddress routerMac, InetAddress router, Span<byte> frame) =>
        WriteError(
            about, in packet, routerMac, router,
            packet.EtherType == EtherTypes.IPv4 ? IcmpTypes.TimeExceeded : IcmpTypes.V6TimeExceeded, code: 0, rest: 0, frame);

    /// <summary>Writes "fragmentation needed and DF set" or "packet too big" with the MTU that would have passed.</summary>
    /// <inheritdoc cref="WriteError"/>
    public static int WritePacketTooBig(
        ReadOnlySpan<byte> about, in ParsedPacket packet, MacAddress routerMac, InetAddress router, int mtu, Span<byte> frame) =>
        packet.EtherType == EtherTypes.IPv4
            ? WriteError(
                about, in packet, routerMac, router,
                IcmpTypes.DestinationUnreachable, IcmpTypes.FragmentationNeededCode, (uint)Math.Clamp(mtu, 0, ushort.MaxValue), frame)
            : WriteError(about, in packet, routerMac, router, IcmpTypes.V6PacketTooBig, code: 0, (uint)mtu, frame);

    /// <summary>Writes "destination unreachable".</summary>
    /// <param name="about">The frame the error is about; as much of it is quoted as an error may hold.</param>
    /// <param name="packet">Its parse: IPv4 or IPv6.</param>
    /// <param name="routerMac">Source MAC of the error.</param>
    /// <param name="router">Source address of the error, of the packet's family.</param>
    /// <param name="reason">Why.</param>
    /// <param name="frame">Takes up to <see cref="ErrorFrameLengthMax"/> bytes; must not overlap <paramref name="about"/>.</param>
    /// <returns>The frame's length.</returns>
    public static int WriteUnreachable(
        ReadOnlySpan<byte> about, in ParsedPacket packet, MacAddress routerMac, InetAddress router, UnreachableReason reason, Span<byte> frame)
    {
        bool prohibited = reason == UnreachableReason.Prohibited;
        return packet.EtherType == EtherTypes.IPv4
            ? WriteError(
                about, in packet, routerMac, router, IcmpTypes.DestinationUnreachable,
                prohibited ? IcmpTypes.ProhibitedCode : IcmpTypes.NetworkUnreachableCode, rest: 0, frame)
            : WriteError(
                about, in packet, routerMac, router, IcmpTypes.V6DestinationUnreachable,
                prohibited ? IcmpTypes.V6ProhibitedCode : IcmpTypes.V6NoRouteCode, rest: 0, frame);
    }

    /// <summary>Writes an untagged error frame back to the packet's source.</summary>
    /// <param name="about">The frame the error is about; as much of it is quoted as an error may hold.</param>
    /// <param name="packet">Its parse: IPv4 or IPv6.</param>
    /// <param name="routerMac">Source MAC of the error.</param>
    /// <param name="router">Source address of the error, of the packet's family.</param>
    /// <param name="type">ICMP type.</param>
    /// <param name="code">ICMP code.</param>
    /// <param name="rest">The header's last four bytes: an MTU, or 0.</param>
    /// <param name="frame">Takes up to <see cref="ErrorFrameLengthMax"/> bytes; must not overlap <paramref name="about"/>.</param>
    /// <returns>The frame's length.</returns>
    public static int WriteError(
        ReadOnlySpan<byte> about, in ParsedPacket packet, MacAddress routerMac, InetAddress router, byte type, byte code, uint rest, Span<byte> frame)
    {
        bool isIPv4 = packet.EtherType == EtherTypes.IPv4;
        int headers = (isIPv4 ? IPv4Header.Size : IPv6Header.Size) + IcmpHeader.Size;
        int quoteMax = (isIPv4 ? ErrorPacketLengthMax : V6ErrorPacketLengthMax) - headers;
        ReadOnlySpan<byte> quote = about[packet.NetworkOffset..packet.Length];
        quote = quote[..Math.Min(quote.Length, quoteMax)];
        int messageLength = IcmpHeader.Size + quote.Length;

        new EthernetHeader { Destination = packet.Ufid.SourceMac, Source = routerMac, EtherType = packet.EtherType }.Write(frame);
        Span<byte> network = frame[EthernetHeader.Size..];
        ulong sum = 0;
        if (isIPv4)
        {
            new IPv4Header
            {
                VersionAndLength = IPv4Header.VersionWithoutOptions,
                TrafficClass = ErrorTrafficClass,
                TotalLength = (ushort)(IPv4Header.Size + messageLength),
                TimeToLive = TimeToLive,
                Protocol = IPProtocols.Icmp,
                Source = router,
                Destination = packet.Ufid.Source,
            }.WithChecksum().Write(network);
        }
        else
        {
            new IPv6Header
            {
                VersionClassLabel = IPv6Header.VersionOnly | ((uint)ErrorTrafficClass << 20),
                PayloadLength = (ushort)messageLength,
                NextHeader = IPProtocols.IcmpV6,
                HopLimit = TimeToLive,
                Source = router,
                Destination = packet.Ufid.Source,
            }.Write(network);
            sum = InternetChecksum.PseudoHeader(router, packet.Ufid.Source, IPProtocols.IcmpV6, messageLength);
        }

        Span<byte> body = network.Slice(headers - IcmpHeader.Size, messageLength);
        var icmp = new IcmpHeader { Type = type, Code = code, Rest = rest };
        icmp.Write(body);
        sum += InternetChecksum.Sum(body[..IcmpHeader.Size]) + InternetChecksum.CopyAndSum(quote, body[IcmpHeader.Size..]);
        (icmp with { Checksum = InternetChecksum.Complete(sum) }).Write(body);
        return EthernetHeader.Size + headers + quote.Length;
    }

    /// <summary>Precedence "internetwork control", DSCP CS6, as routers mark their errors (RFC 1812 §4.3.2.5).</summary>
    private const byte ErrorTrafficClass = 0xC0;
}

/// <summary>Why a destination cannot be reached.</summary>
public enum UnreachableReason : byte
{
    /// <summary>There is no route to it: code 0 of either family (RFC 792, RFC 4443 §3.1).</summary>
    NoRoute = 0,

    /// <summary>Policy forbids it: code 13 of IPv4 (RFC 1812 §5.2.7.1), code 1 of IPv6.</summary>
    Prohibited = 1,
}
