using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>The router as the guest of one port hears of it (RFC 4861 §6.2): its link-local address and what it advertises.</summary>
internal sealed class AdvertisedRouter
{
    /// <summary>Router and name servers hold so long: three times the longest pause between advertisements (RFC 4861 §6.2.1, RFC 8106 §5.1).</summary>
    private const ushort LifetimeSeconds = 1800;

    private const int IPv6MtuMin = 1280;

    private readonly InetAddress _address;
    private readonly MacAddress _mac;
    private readonly RouterAdvertisement _advertisement;

    private AdvertisedRouter(PortProgram program, GuestConfiguration configuration, IpPrefix prefix)
    {
        _mac = configuration.ServerMac;
        _address = InetAddress.LinkLocalOf(_mac);

        // Addresses the guest cannot make by itself are given by DHCPv6, and then the rest comes with them.
        InetAddress autonomous = InetAddress.AutonomousOf(prefix, program.Mac);
        bool isManaged = !configuration.IsAutonomous || configuration.IPv6.Any(address => address != autonomous);
        bool hasNames = configuration.DomainName is not null || configuration.DnsServers.Any(server => !server.IsIPv4);
        uint lifetime = configuration.LeaseSeconds > 0 ? (uint)Math.Max(configuration.LeaseSeconds, LifetimeSeconds) : RouterAdvertisement.Infinite;
        _advertisement = new RouterAdvertisement
        {
            IsManaged = isManaged,
            HasOtherConfiguration = !isManaged && hasNames,
            RouterLifetimeSeconds = program.Router is null ? (ushort)0 : LifetimeSeconds,
            Mtu = configuration.Mtu >= IPv6MtuMin ? configuration.Mtu : 0,
            Prefixes = [new AdvertisedPrefix(prefix, IsOnLink: true, configuration.IsAutonomous, lifetime, lifetime)],
            DnsServers = configuration.DnsServers,
            DnsLifetimeSeconds = LifetimeSeconds,
        };
    }

    /// <summary>The router of a port; null when policy advertises none to it, or it has no IPv6 address.</summary>
    public static AdvertisedRouter? Of(PortProgram program) =>
        program.Configuration is { IPv6.IsEmpty: false, PrefixIPv6: { } prefix } configuration ? new AdvertisedRouter(program, configuration, prefix) : null;

    /// <summary>True for a right solicitation that this router is to answer.</summary>
    public bool IsSolicited(in ParsedPacket packet, ReadOnlySpan<byte> frame) =>
        (packet.Ufid.Destination == NeighborDiscovery.AllRouters || packet.Ufid.Destination == _address)
        && NeighborDiscovery.TryReadRouterSolicitation(frame, in packet);

    /// <summary>Writes the answer to a solicitation.</summary>
    /// <returns>The frame's length; 0 when it has no room.</returns>
    public int Answer(in ParsedPacket solicitation, Span<byte> answer) =>
        answer.Length >= RouterAdvertisement.FrameLengthMax ? _advertisement.Write(in solicitation, _address, _mac, answer) : 0;

    /// <summary>Writes what is told to all nodes of the link unasked; the port's guest is all of them.</summary>
    /// <inheritdoc cref="Answer"/>
    public int Announce(Span<byte> frame) => frame.Length >= RouterAdvertisement.FrameLengthMax
        ? _advertisement.Write(_address, _mac, NeighborDiscovery.AllNodes, NeighborDiscovery.MulticastMac(NeighborDiscovery.AllNodes), frame)
        : 0;
}
