using System.Collections.Immutable;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>What a guest sends within its networks is not billed, everything else is.</summary>
internal static class MeterLayer
{
    private const int UnbilledPriority = 100;
    private const int BilledPriority = 200;

    public static Layer Compile(RoutingDomain domain)
    {
        ImmutableArray<IpPrefix> unbilled =
        [
            .. domain.Network.Subnets.SelectMany(subnet => subnet.Prefixes).Select(prefix => prefix.Prefix),
            .. domain.Peers.SelectMany(peer => peer.Network.Subnets).SelectMany(subnet => subnet.Prefixes).Select(prefix => prefix.Prefix),
            .. domain.Network.UnbilledRanges,
        ];
        return new Layer(LayerNames.Meter, LayerPriorities.Meter, LayerConnections.AsksEachPacket, [Group(isIPv4: true, unbilled), Group(isIPv4: false, unbilled)]);
    }

    private static RuleGroup Group(bool isIPv4, ImmutableArray<IpPrefix> unbilled)
    {
        ImmutableArray<IpPrefix> own = [.. unbilled.Where(prefix => prefix.IsIPv4 == isIPv4)];
        List<Rule> rules =
        [
            new("GROUP_ADDRESSES", UnbilledPriority, new Condition { GroupDestination = true }, new RuleAction.Meter(MeterClass.Unbilled), Terminating: true),
            new("BILLED", BilledPriority, Condition.Any, new RuleAction.Meter(MeterClass.Billed), Terminating: true),
        ];
        if (!own.IsEmpty)
        {
            rules.Add(new Rule("UNBILLED", UnbilledPriority, new Condition { Destinations = own }, new RuleAction.Meter(MeterClass.Unbilled), Terminating: true));
        }

        return new RuleGroup(GroupNames.Of("VNET_GROUP_METER", Direction.Outbound, isIPv4), Direction.Outbound, isIPv4, LayerPriorities.Group, rules);
    }
}
