using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Policy;

/// <summary>A virtual network as a host sees it: one routing domain and its virtual subnets (R2).</summary>
/// <param name="RoutingDomain">The RDID.</param>
/// <param name="Name">The REST resource id, for people.</param>
/// <param name="DistributedRouter">False when the router between the subnets is switched off.</param>
/// <param name="Subnets">The virtual subnets; prefixes do not overlap (R3).</param>
public sealed record VirtualNetworkPolicy(
    RoutingDomainId RoutingDomain,
    string Name,
    bool DistributedRouter,
    ImmutableArray<VirtualSubnetPolicy> Subnets)
{
    /// <summary>
    /// Other networks of the same policy that this one may talk to as if they were one. Both sides must name each other; not transitive.
    /// </summary>
    public ImmutableArray<RoutingDomainId> Peers { get; init; } = [];

    /// <summary>Destinations outside the network whose bytes are not billed, beside the network's own prefixes.</summary>
    public ImmutableArray<IpPrefix> UnbilledRanges { get; init; } = [];

    /// <summary>By value, lists included: an equal policy needs no new program.</summary>
    public bool Equals(VirtualNetworkPolicy? other) =>
        other is not null
        && RoutingDomain == other.RoutingDomain
        && Name == other.Name
        && DistributedRouter == other.DistributedRouter
        && Subnets.AsSpan().SequenceEqual(other.Subnets.AsSpan())
        && Peers.AsSpan().SequenceEqual(other.Peers.AsSpan())
        && UnbilledRanges.AsSpan().SequenceEqual(other.UnbilledRanges.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(RoutingDomain, Subnets.Length);
}

/// <summary>One virtual subnet, one broadcast domain (R7, R8).</summary>
/// <param name="Vsid">Its VSID, unique in the datacenter (R6).</param>
/// <param name="InstanceId">The subnet resource's instanceId.</param>
/// <param name="Name">The subnet's REST resource id, for people.</param>
/// <param name="Prefix">Its customer prefix.</param>
/// <param name="Gateway">The distributed router's address in it, by default the lowest host address (R22, R23).</param>
public sealed record VirtualSubnetPolicy(Vsid Vsid, Guid InstanceId, string Name, IpPrefix Prefix, CustomerAddress Gateway)
{
    /// <summary>The prefix of the other IP family and the router's address in it; null in a subnet of one family.</summary>
    public SubnetPrefix? DualStack { get; init; }

    /// <summary>Routes its owner asked for; they hold for what its own members send.</summary>
    public ImmutableArray<UserRoute> Routes { get; init; } = [];

    /// <summary>Both prefixes, or the one.</summary>
    public IEnumerable<SubnetPrefix> Prefixes => DualStack is { } second ? [new SubnetPrefix(Prefix, Gateway), second] : [new SubnetPrefix(Prefix, Gateway)];

    /// <summary>The router's address of a family; null when the subnet has no prefix of it.</summary>
    public CustomerAddress? GatewayOf(bool isIPv4) =>
        Prefix.IsIPv4 == isIPv4 ? Gateway : DualStack is { } second && second.Prefix.IsIPv4 == isIPv4 ? second.Gateway : null;

    /// <summary>True when one of the prefixes holds the address.</summary>
    public bool Contains(CustomerAddress address) => Prefix.Contains(address.Value) || (DualStack is { } second && second.Prefix.Contains(address.Value));

    /// <summary>By value, lists included: an equal policy needs no new program.</summary>
    public bool Equals(VirtualSubnetPolicy? other) =>
        other is not null
        && Vsid == other.Vsid
        && InstanceId == other.InstanceId
        && Name == other.Name
        && Prefix == other.Prefix
        && Gateway == other.Gateway
        && DualStack == other.DualStack
        && Routes.AsSpan().SequenceEqual(other.Routes.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Vsid, Prefix, Gateway);
}

/// <summary>One prefix of a virtual subnet and the distributed router's address in it.</summary>
public sealed record SubnetPrefix(IpPrefix Prefix, CustomerAddress Gateway);
