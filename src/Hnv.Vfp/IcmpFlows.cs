using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>What the engine must know of ICMP messages, from the flow id alone: its destination port is type and code there.</summary>
internal static class IcmpFlows
{
    private const byte EchoReplyV4 = 0;
    private const byte EchoRequestV4 = 8;
    private const byte EchoRequestV6 = 128;
    private const byte EchoReplyV6 = 129;
    private const byte RouterSolicitation = 133;
    private const byte RouterAdvertisement = 134;
    private const byte Redirect = 137;

    public static bool IsIcmp(in Ufid flow) =>
        flow.EtherType == EtherTypes.IPv4 ? flow.Protocol == IPProtocols.Icmp : flow.Protocol == IPProtocols.IcmpV6;

    public static bool IsEchoRequest(in Ufid flow) => IsType(in flow, EchoRequestV4, EchoRequestV6);

    /// <summary>Type and code of an echo request, as a flow id holds them.</summary>
    public static ushort EchoRequest(bool isIPv4) => (ushort)((isIPv4 ? EchoRequestV4 : EchoRequestV6) << 8);

    public static bool IsEchoReply(in Ufid flow) => IsType(in flow, EchoReplyV4, EchoReplyV6);

    /// <summary>Destination unreachable, packet too big, time exceeded, parameter problem, source quench and redirect.</summary>
    public static bool IsError(in Ufid flow) =>
        IsIcmp(in flow) && flow.Fragment != FragmentClass.Later
        && (flow.EtherType == EtherTypes.IPv4 ? Type(in flow) is 3 or 4 or 5 or 11 or 12 : Type(in flow) < EchoRequestV6);

    /// <summary>Router and neighbour solicitations and advertisements, and redirects (RFC 4861): never forwarded.</summary>
    public static bool IsNeighbourDiscovery(in Ufid flow) =>
        flow.EtherType == EtherTypes.IPv6 && flow.Protocol == IPProtocols.IcmpV6 && flow.Fragment != FragmentClass.Later
        && Type(in flow) is >= RouterSolicitation and <= Redirect;

    /// <summary>Of neighbour discovery: a question to the router.</summary>
    public static bool IsRouterSolicitation(in Ufid flow) => IsNeighbourDiscovery(in flow) && Type(in flow) == RouterSolicitation;

    /// <summary>Of neighbour discovery: what only a router says.</summary>
    public static bool IsOfRouter(in Ufid flow) => IsNeighbourDiscovery(in flow) && Type(in flow) is RouterAdvertisement or Redirect;

    /// <summary>
    /// May an ICMP error be sent about this packet? Not about errors, later fragments, and group or unspecified addresses (RFC 1122 §3.2.2,
    /// RFC 4443 §2.4).
    /// </summary>
    public static bool MayReport(in Ufid flow) =>
        flow.Fragment != FragmentClass.Later
        && !IsError(in flow)
        && !flow.DestinationMac.IsMulticast
        && !flow.Destination.IsMulticast
        && !flow.Destination.IsLimitedBroadcast
        && !flow.Source.IsMulticast
        && !flow.Source.IsUnspecified;

    /// <summary>Reads which connection an ICMP error is about: the start of the packet it quotes, which went the other way.</summary>
    /// <param name="direction">The error's own direction.</param>
    /// <param name="packet">The error.</param>
    /// <param name="frame">Its frame.</param>
    /// <param name="key">The connection's key.</param>
    public static bool TryReadQuoted(Direction direction, in ParsedPacket packet, ReadOnlySpan<byte> frame, out ConnectionKey key)
    {
        key = default;
        if (!IcmpErrorEdits.TryReadQuoted(frame, in packet, out QuotedPacket quoted))
        {
            return false;
        }

        bool isIcmp = quoted.Protocol is IPProtocols.Icmp or IPProtocols.IcmpV6;
        byte type = (byte)(quoted.DestinationPort >> 8);
        if (isIcmp && type is not (EchoRequestV4 or EchoReplyV4 or EchoRequestV6 or EchoReplyV6))
        {
            return false;
        }

        ushort remotePort = !isIcmp ? quoted.DestinationPort
            : ConnectionKey.AskedBy(type is EchoRequestV4 or EchoRequestV6 ? Direction.Outbound : Direction.Inbound);
        ConnectionKey asSent = new(quoted.Source, quoted.Destination, quoted.SourcePort, remotePort, quoted.Protocol);
        key = direction == Direction.Inbound ? asSent : asSent.Reversed;
        return true;
    }

    public static byte Type(in Ufid flow) => (byte)(flow.DestinationPort >> 8);

    private static bool IsType(in Ufid flow, byte ipv4, byte ipv6) =>
        IsIcmp(in flow) && flow.Fragment != FragmentClass.Later && Type(in flow) == (flow.EtherType == EtherTypes.IPv4 ? ipv4 : ipv6);
}
