using System.Collections.Immutable;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>Where a packet goes: unicast by the CA-PA space, broadcast and multicast as one copy for each member of the VSID (R37).</summary>
internal static class EncapLayer
{
    private const int ReplicatePriority = 100;
    private const int EncapPriority = 200;

    public static Layer Compile(RoutingDomain domain, ImmutableArray<ProviderAddress> ownProviders, byte? outerDscp, HostFacts facts)
    {
        Rule[] outbound =
        [
            new("REPLICATE", ReplicatePriority, new Condition { GroupDestination = true }, new RuleAction.Replicate(domain.Space), Terminating: true),
            new("ENCAP", EncapPriority, Condition.Any, new RuleAction.EncapFromSpace(domain.Space, ownProviders, outerDscp, facts.UnderlayMtu), Terminating: true),
        ];
        Rule[] inbound = [new("DECAP", EncapPriority, Condition.Any, new RuleAction.Decap(), Terminating: true)];
        return new Layer(LayerNames.Encap, LayerPriorities.Encap, LayerConnections.AsksEachPacket,
        [
            Group(Direction.Outbound, isIPv4: true, outbound),
            Group(Direction.Outbound, isIPv4: false, outbound),
            Group(Direction.Inbound, isIPv4: true, inbound),
            Group(Direction.Inbound, isIPv4: false, inbound),
        ]);
    }

    private static RuleGroup Group(Direction direction, bool isIPv4, Rule[] rules) => new(
        GroupNames.Of("VNET_GROUP_ENCAP", direction, isIPv4), direction, isIPv4, LayerPriorities.Group, rules);
}
