using System.Collections.Immutable;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>Where a packet goes: unicast by the CA-PA space, broadcast and multicast as one copy for each member of the VSID (R37).</summary>
internal static class EncapLayer
{
    private const int ReplicatePriority = 100;
    private const int EncapPriority = 200;

    public static Layer Compile(RoutingDomain domain, ImmutableArray<ProviderAddress> ownProviders)
    {
        Rule[] rules =
        [
            new("REPLICATE", ReplicatePriority, new Condition { GroupDestination = true }, new RuleAction.Replicate(domain.Space), Terminating: true),
            new("ENCAP", EncapPriority, Condition.Any, new RuleAction.EncapFromSpace(domain.Space, ownProviders), Terminating: true),
        ];
        return new Layer(LayerNames.Encap, LayerPriorities.Encap, passesConnections: false, [Group(isIPv4: true, rules), Group(isIPv4: false, rules)]);
    }

    private static RuleGroup Group(bool isIPv4, Rule[] rules) => new(
        GroupNames.Of("VNET_GROUP_ENCAP", Direction.Outbound, isIPv4), Direction.Outbound, isIPv4, LayerPriorities.Group, rules);
}
