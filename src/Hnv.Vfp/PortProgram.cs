using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>The compiled policy of one VPort: who it is, what it may send, and its layers. Immutable; replaced whole.</summary>
public sealed record PortProgram
{
    /// <summary>The network interface this is for.</summary>
    public required NicId Nic { get; init; }

    /// <summary>Its name, for people.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// The virtual subnet that every packet of the port belongs to; the guest cannot choose it (R30). <c>default</c> at a port that is in none.
    /// </summary>
    public required Vsid Vsid { get; init; }

    /// <summary>The VLAN of a port without a VSID, 1 … 4094; 0 is untagged.</summary>
    public int VlanId { get; init; }

    /// <summary>The port's own MAC.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>The port's own customer addresses.</summary>
    public ImmutableArray<CustomerAddress> Addresses { get; init; } = [];

    /// <summary>Further source addresses the guest may use.</summary>
    public ImmutableArray<IpPrefix> AllowedAddresses { get; init; } = [];

    /// <summary>
    /// External addresses that translations lead away from: the guest's questions about them are answered with the router's MAC, so that its packets
    /// pass the router.
    /// </summary>
    public ImmutableArray<InetAddress> VirtualAddresses { get; init; } = [];

    /// <summary>What the host answers DHCP and router solicitations with; null answers none.</summary>
    public GuestConfiguration? Configuration { get; init; }

    /// <summary>Bandwidth.</summary>
    public PortRates Rates { get; init; } = PortRates.None;

    /// <summary>Where the distributed router stands in the port's subnet; null when there is none.</summary>
    public RouterIdentity? Router { get; init; }

    /// <summary>Guards and limits.</summary>
    public PortGuards Guards { get; init; } = new();

    /// <summary>The CA-PA mappings of the routing domain; ARP and neighbour questions are answered from it.</summary>
    public MappingSpace Space { get; init; } = MappingSpace.Empty;

    /// <summary>By ascending priority: the outbound order. Inbound they are asked from last to first (R105).</summary>
    public ImmutableArray<Layer> Layers { get; init; } = [];

    /// <summary>True when the port is in a virtual subnet; a port that is not passes frames as they are (R18).</summary>
    public bool IsVirtualized => Vsid != default;

    /// <summary>The pools of its source translations.</summary>
    internal IEnumerable<NatPool> Pools => Layers
        .Where(layer => layer.Connections == LayerConnections.Translates)
        .SelectMany(layer => layer.Groups).SelectMany(group => group.Rules)
        .Select(rule => rule.Action).OfType<RuleAction.TranslateSource>().Select(action => action.Pool).Distinct();

    /// <summary>True when policy for the port is wrong: everything is dropped (<see cref="DropReason.NoPolicy"/>) until it is put right.</summary>
    public bool IsFailClosed { get; init; }

    /// <summary>The program of a port whose policy could not be compiled.</summary>
    public static PortProgram FailClosed(NicId nic, string name) =>
        new() { Nic = nic, Name = name, Vsid = default, Mac = default, IsFailClosed = true };
}

/// <summary>The distributed router as a port meets it: one MAC on every host, one address in each subnet (R22-R24).</summary>
/// <param name="Mac">The router's MAC.</param>
/// <param name="GatewayIPv4">The router's IPv4 address in the port's own subnet; null when that has no IPv4 prefix.</param>
/// <param name="GatewayIPv6">The router's IPv6 address in the port's own subnet; null when that has no IPv6 prefix.</param>
/// <param name="Routes">All subnets of the routing domain, the router's addresses in them included.</param>
public sealed record RouterIdentity(MacAddress Mac, CustomerAddress? GatewayIPv4, CustomerAddress? GatewayIPv6, RouteTable Routes)
{
    /// <summary>The router's link-local address, from its MAC (RFC 4291 appendix A): what router advertisements come from.</summary>
    public InetAddress LinkLocal { get; } = InetAddress.LinkLocalOf(Mac);

    /// <summary>The router's address of a family in the port's own subnet.</summary>
    public CustomerAddress? Gateway(bool isIPv4) => isIPv4 ? GatewayIPv4 : GatewayIPv6;

    /// <summary>True for each address the router answers to in the port's own subnet.</summary>
    public bool Is(InetAddress address) => GatewayIPv4?.Value == address || GatewayIPv6?.Value == address || LinkLocal == address;
}

/// <summary>What a guest is told when it asks how to configure itself.</summary>
public sealed record GuestConfiguration
{
    /// <summary>The router's MAC, also where the router is switched off: what DHCP replies and router advertisements come from.</summary>
    public required MacAddress ServerMac { get; init; }

    /// <summary>The DHCP server's IPv4 address: the gateway's, or a link-local one where no gateway is; it is answered for in ARP.</summary>
    public required InetAddress ServerIPv4 { get; init; }

    /// <summary>Its IPv4 address; null when it has none.</summary>
    public InetAddress? IPv4 { get; init; }

    /// <summary>Its IPv4 prefix.</summary>
    public IpPrefix? PrefixIPv4 { get; init; }

    /// <summary>Its IPv6 addresses; DHCPv6 gives the first that the guest does not make by itself.</summary>
    public ImmutableArray<InetAddress> IPv6 { get; init; } = [];

    /// <summary>Its IPv6 prefix.</summary>
    public IpPrefix? PrefixIPv6 { get; init; }

    /// <summary>
    /// True when its IPv6 address is the one it would make of the prefix and its MAC by itself (RFC 4291 appendix A): the advertisement lets it do so.
    /// </summary>
    public bool IsAutonomous { get; init; }

    /// <summary>Name servers of both families.</summary>
    public ImmutableArray<InetAddress> DnsServers { get; init; } = [];

    /// <summary>Search domain; null is none.</summary>
    public string? DomainName { get; init; }

    /// <summary>Classless routes beside the default one, IPv4 (RFC 3442).</summary>
    public ImmutableArray<(IpPrefix Prefix, InetAddress NextHop)> Routes { get; init; } = [];

    /// <summary>The MTU to announce; 0 announces none.</summary>
    public int Mtu { get; init; }

    /// <summary>Lease time, seconds; 0 is a lease without end.</summary>
    public int LeaseSeconds { get; init; }
}

/// <summary>What a port may send, and how much.</summary>
public sealed record PortGuards
{
    /// <summary>True lets the guest use source MACs and addresses that are not its own.</summary>
    public bool MaySpoof { get; init; }

    /// <summary>True holds ARP senders to the port's own addresses even where the guest may spoof.</summary>
    public bool ArpGuard { get; init; }

    /// <summary>True drops DHCP server messages from the guest.</summary>
    public bool DhcpGuard { get; init; }

    /// <summary>Broadcast, multicast and unknown unicast packets per second the guest may send; 0 is no limit.</summary>
    public int StormLimit { get; init; }

    /// <summary>TCP connections that may wait for an answer; 0 is no limit of its own.</summary>
    public int HalfOpenLimit { get; init; }

    /// <summary>Unified flows the port may hold, both directions together; 0 is <see cref="PortFlows.DefaultFlowLimit"/>.</summary>
    public int FlowLimit { get; init; }
}
