using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Policy;

/// <summary>One PA of this host and all that is needed to put it into the PA compartment (R62-R66, R70).</summary>
/// <param name="TeamMember">Which uplink of the host's team carries it, from 0.</param>
/// <param name="Address">The PA.</param>
/// <param name="Prefix">The provider logical subnet it comes from.</param>
/// <param name="Mac">The MAC of its PA host vNIC, from a MAC pool.</param>
/// <param name="VlanId">The 802.1Q VLAN on the wire, 1 … 4094; 0 is untagged.</param>
/// <param name="Gateway">The router toward other provider subnets; null when there is none.</param>
/// <param name="Routes">Further provider routes of the logical subnet.</param>
public sealed record ProviderAddressPolicy(
    int TeamMember,
    ProviderAddress Address,
    IpPrefix Prefix,
    MacAddress Mac,
    int VlanId,
    InetAddress? Gateway,
    ImmutableArray<ProviderRoute> Routes)
{
    /// <summary>By value, lists included: an equal policy needs no new program.</summary>
    public bool Equals(ProviderAddressPolicy? other) =>
        other is not null
        && TeamMember == other.TeamMember
        && Address == other.Address
        && Prefix == other.Prefix
        && Mac == other.Mac
        && VlanId == other.VlanId
        && Gateway == other.Gateway
        && Routes.AsSpan().SequenceEqual(other.Routes.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(TeamMember, Address, Mac);
}

/// <summary>A route of the provider network: a destination and the next hop in the PA's own subnet.</summary>
public sealed record ProviderRoute(IpPrefix Destination, InetAddress NextHop);
