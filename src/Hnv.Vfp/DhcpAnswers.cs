using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// The DHCP server of one port, of both families (RFC 2131, RFC 8415). It keeps nothing: the port's addresses are policy's, so the same question
/// has the same answer on every host and after every restart.
/// </summary>
internal sealed class DhcpAnswers
{
    private readonly MacAddress _client;
    private readonly InetAddress _serverIPv4;
    private readonly MacAddress _serverMac;
    private readonly DhcpLease? _ipv4;
    private readonly DhcpV6Lease? _ipv6;

    private DhcpAnswers(PortProgram program, GuestConfiguration configuration)
    {
        _client = program.Mac;
        _serverIPv4 = configuration.ServerIPv4;
        _serverMac = configuration.ServerMac;
        _ipv4 = LeaseIPv4(program, configuration);
        _ipv6 = LeaseIPv6(program, configuration);
    }

    /// <summary>The server of a port; null when policy leaves DHCP to the tenant.</summary>
    public static DhcpAnswers? Of(PortProgram program) =>
        program.Configuration is { } configuration ? new DhcpAnswers(program, configuration) : null;

    /// <summary>
    /// True for what the port's own adapter says to DHCP servers at large or to this one; false for what is ordinary traffic: fragments, messages to
    /// a server of the tenant's, and machines inside the guest with MACs of their own.
    /// </summary>
    public bool IsAddressed(in Ufid flow) =>
        flow.Protocol == IPProtocols.Udp && flow.Fragment == FragmentClass.Whole && flow.SourceMac == _client
        && (flow.EtherType == EtherTypes.IPv4
            ? flow.DestinationPort == DhcpV4Message.ServerPort && (flow.Destination.IsLimitedBroadcast || flow.Destination == _serverIPv4)
            : flow.DestinationPort == DhcpV6Message.ServerPort && flow.Destination == DhcpV6Message.AllServers);

    /// <summary>Is there an answer to a message for which <see cref="IsAddressed"/> holds?</summary>
    public GuardResult Check(in ParsedPacket packet, ReadOnlySpan<byte> frame)
    {
        bool hasAnswer = packet.EtherType == EtherTypes.IPv4
            ? TryReadIPv4(in packet, frame, out _, out _)
            : _ipv6 is not null && DhcpV6Message.TryRead(frame, in packet, out _);
        return hasAnswer ? GuardResult.Say(AnswerKind.Dhcp) : GuardResult.Drop(DropReason.DhcpFilter);
    }

    /// <summary>Writes the reply to a message that passed its check.</summary>
    /// <returns>The frame's length; 0 for silence.</returns>
    public int Answer(in ParsedPacket packet, ReadOnlySpan<byte> frame, Span<byte> answer)
    {
        if (packet.EtherType == EtherTypes.IPv4)
        {
            return answer.Length >= DhcpV4Reply.FrameLengthMax && TryReadIPv4(in packet, frame, out DhcpV4Message request, out DhcpV4MessageType type)
                ? DhcpV4Reply.Write(frame, in request, type, _ipv4!, _serverMac, answer)
                : 0;
        }

        return answer.Length >= DhcpV6Reply.FrameLengthMax
            && _ipv6 is not null
            && DhcpV6Message.TryRead(frame, in packet, out DhcpV6Message question)
            && DhcpV6Reply.TryWrite(frame, in packet, in question, _ipv6, answer, out int length)
                ? length
                : 0;
    }

    private bool TryReadIPv4(in ParsedPacket packet, ReadOnlySpan<byte> frame, out DhcpV4Message request, out DhcpV4MessageType type)
    {
        type = DhcpV4MessageType.None;
        request = default;
        if (_ipv4 is not null && DhcpV4Message.TryRead(frame, in packet, out request) && request.ClientMac == _client)
        {
            type = DhcpV4Reply.TypeFor(in request, _ipv4);
        }

        return type != DhcpV4MessageType.None;
    }

    private static DhcpLease? LeaseIPv4(PortProgram program, GuestConfiguration configuration) =>
        configuration is not { IPv4: { } address, PrefixIPv4: { } prefix } ? null : new DhcpLease
        {
            Address = address,
            PrefixLength = prefix.Length,
            Server = configuration.ServerIPv4,
            Router = program.Router?.GatewayIPv4?.Value ?? default,
            DnsServers = configuration.DnsServers,
            DomainName = configuration.DomainName ?? string.Empty,
            Mtu = configuration.Mtu,
            LeaseSeconds = Seconds(configuration),
            Routes = [.. configuration.Routes.Select(route => new DhcpRoute(route.Prefix, route.NextHop))],
        };

    private static DhcpV6Lease? LeaseIPv6(PortProgram program, GuestConfiguration configuration)
    {
        if (configuration.IPv6.IsEmpty || configuration.PrefixIPv6 is not { } prefix)
        {
            return null;
        }

        InetAddress autonomous = InetAddress.AutonomousOf(prefix, program.Mac);
        return new DhcpV6Lease
        {
            Address = configuration.IPv6.FirstOrDefault(address => address != autonomous, configuration.IPv6[0]),
            PrefixLength = prefix.Length,
            Server = InetAddress.LinkLocalOf(configuration.ServerMac),
            ServerMac = configuration.ServerMac,
            PreferredSeconds = Seconds(configuration),
            ValidSeconds = Seconds(configuration),
            DnsServers = configuration.DnsServers,
            Domains = configuration.DomainName is { } domain ? [domain] : [],
        };
    }

    private static uint Seconds(GuestConfiguration configuration) =>
        configuration.LeaseSeconds > 0 ? (uint)configuration.LeaseSeconds : DhcpLease.Infinite;
}
