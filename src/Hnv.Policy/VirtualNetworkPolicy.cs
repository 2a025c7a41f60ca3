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
    /// <summary>By value, lists included: an equal policy needs no new program.</summary>
    public bool Equals(VirtualNetworkPolicy? other) =>
        other is not null
        && RoutingDomain == other.RoutingDomain
        && Name == other.Name
        && DistributedRouter == other.DistributedRouter
        && Subnets.AsSpan().SequenceEqual(other.Subnets.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(RoutingDomain, Subnets.Length);
}

/// <summary>One virtual subnet, one broadcast domain (R7, R8).</summary>
/// <param name="Vsid">Its VSID, unique in the datacenter (R6).</param>
/// <param name="InstanceId">The subnet resource's instanceId.</param>
/// <param name="Name">The subnet's REST resource id, for people.</param>
/// <param name="Prefix">Its customer prefix.</param>
/// <param name="Gateway">The distributed router's address in it, by default the lowest host address (R22, R23).</param>
public sealed record VirtualSubnetPolicy(Vsid Vsid, Guid InstanceId, string Name, IpPrefix Prefix, CustomerAddress Gateway);
