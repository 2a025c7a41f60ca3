using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Policy;

/// <summary>What the controller wants of one VPort: the network interface that is plugged into it and the rules around it (R13).</summary>
/// <param name="Nic">The interface's instanceId.</param>
/// <param name="Name">Its REST resource id, for people.</param>
/// <param name="Vsid">The virtual subnet it is attached to; <c>default</c> for a port that is in none and passes frames as they are (R18).</param>
/// <param name="Mac">Its MAC; the guest may send from no other unless <see cref="PortSettings.MacSpoofing"/> is on.</param>
/// <param name="Addresses">Its customer addresses; the guest may send from no others.</param>
/// <param name="Settings">Guards and limits.</param>
/// <param name="Rules">Firewall rules of both levels and directions; no rule at all means no firewall (requirements C7).</param>
public sealed record PortPolicy(
    NicId Nic,
    string Name,
    Vsid Vsid,
    MacAddress Mac,
    ImmutableArray<CustomerAddress> Addresses,
    PortSettings Settings,
    ImmutableArray<AclRule> Rules)
{
    /// <summary>The 802.1Q VLAN of a port without a VSID, 1 … 4094; 0 is untagged.</summary>
    public int VlanId { get; init; }

    /// <summary>Further source addresses the guest may use: of containers, routed networks, cluster addresses.</summary>
    public ImmutableArray<IpPrefix> AllowedAddresses { get; init; } = [];

    /// <summary>Bandwidth limits.</summary>
    public PortQos Qos { get; init; } = PortQos.None;

    /// <summary>What the host answers DHCP and router solicitations with; null answers none.</summary>
    public DhcpPolicy? Dhcp { get; init; } = DhcpPolicy.Default;

    /// <summary>Address translations.</summary>
    public ImmutableArray<NatRule> Nat { get; init; } = [];

    /// <summary>Copies for appliances.</summary>
    public ImmutableArray<MirrorRule> Mirrors { get; init; } = [];

    /// <summary>True when the port is in a virtual subnet.</summary>
    public bool IsVirtualized => Vsid != default;

    /// <summary>By value, lists included: an equal policy needs no new program.</summary>
    public bool Equals(PortPolicy? other) =>
        other is not null
        && Nic == other.Nic
        && Name == other.Name
        && Vsid == other.Vsid
        && Mac == other.Mac
        && Settings == other.Settings
        && Addresses.AsSpan().SequenceEqual(other.Addresses.AsSpan())
        && VlanId == other.VlanId
        && Qos == other.Qos
        && Dhcp == other.Dhcp
        && Rules.AsSpan().SequenceEqual(other.Rules.AsSpan())
        && AllowedAddresses.AsSpan().SequenceEqual(other.AllowedAddresses.AsSpan())
        && Nat.AsSpan().SequenceEqual(other.Nat.AsSpan())
        && Mirrors.AsSpan().SequenceEqual(other.Mirrors.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Nic, Vsid, Mac, Rules.Length);
}

/// <summary>Port guards and limits of a network interface (<c>portSettings</c> in REST).</summary>
/// <param name="MacSpoofing">True lets the guest use source MACs that are not its own.</param>
/// <param name="ArpGuard">True passes only ARP for the port's own addresses.</param>
/// <param name="DhcpGuard">True drops DHCP server messages from the guest.</param>
/// <param name="StormLimit">Broadcast, multicast and unknown unicast packets per second the guest may send; 0 is no limit.</param>
/// <param name="PortFlowLimit">Flows the port may hold; 0 is the engine's own bound.</param>
public sealed record PortSettings(bool MacSpoofing, bool ArpGuard, bool DhcpGuard, int StormLimit, int PortFlowLimit)
{
    /// <summary>What a network interface has that says nothing.</summary>
    public static PortSettings Default { get; } = new(MacSpoofing: false, ArpGuard: false, DhcpGuard: false, StormLimit: 0, PortFlowLimit: 0);
}

/// <summary>Bandwidth limits of a port (<c>qosSettings</c> in REST). 0 is none.</summary>
/// <param name="OutboundMaximumMbps">What the guest may send at most, Mbit/s.</param>
/// <param name="OutboundReserved">What the guest may always send: Mbit/s, or a weight from 1 to 100 when <paramref name="IsWeight"/>.</param>
/// <param name="IsWeight">How <paramref name="OutboundReserved"/> is meant.</param>
/// <param name="InboundMaximumMbps">What is delivered to the guest at most, Mbit/s.</param>
public sealed record PortQos(int OutboundMaximumMbps, int OutboundReserved, bool IsWeight, int InboundMaximumMbps)
{
    /// <summary>No limit, no reservation.</summary>
    public static PortQos None { get; } = new(0, 0, IsWeight: false, 0);
}

/// <summary>What a guest learns by DHCPv4, DHCPv6 and router advertisements, beside what its addresses and subnet say.</summary>
/// <param name="DnsServers">Recursive name servers, both families.</param>
/// <param name="DomainName">The search domain; null is none.</param>
/// <param name="Mtu">The MTU to announce; 0 is what the provider network leaves.</param>
/// <param name="LeaseSeconds">Lease time.</param>
public sealed record DhcpPolicy(ImmutableArray<InetAddress> DnsServers, string? DomainName, int Mtu, int LeaseSeconds)
{
    /// <summary>Address, mask and gateway only; leases of a day.</summary>
    public static DhcpPolicy Default { get; } = new([], null, 0, 86_400);

    /// <summary>By value, lists included.</summary>
    public bool Equals(DhcpPolicy? other) =>
        other is not null && DomainName == other.DomainName && Mtu == other.Mtu && LeaseSeconds == other.LeaseSeconds
        && DnsServers.AsSpan().SequenceEqual(other.DnsServers.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(DomainName, Mtu, LeaseSeconds, DnsServers.Length);
}
