using System.Collections.Immutable;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>The distributed router of a routing domain (R19-R27): the redirection to the destination's VSID and, behind it, the MAC rewrite.</summary>
internal static class RouterLayer
{
    public static Layer Redirection(RoutingDomain domain, RouteTable routes)
    {
        RuleAction? action = domain switch
        {
            { RouterMac: { } mac } => new RuleAction.RedirectToRouter(routes, mac),
            { DisabledRouterMac: { } mac } => new RuleAction.RedirectToRouter(RouteTable.Empty, mac),
            _ => null,
        };
        return new Layer(
            LayerNames.DistributedRouter, LayerPriorities.DistributedRouter, LayerConnections.AsksEachPacket, Groups(domain, "VNET_GROUP_DR_REDIRECTION", "DR_REDIRECTION", action));
    }

    public static Layer MacRewrite(RoutingDomain domain) => new(
        LayerNames.MacRewrite,
        LayerPriorities.MacRewrite,
        LayerConnections.AsksEachPacket,
        Groups(domain, "VNET_GROUP_MAC_REWRITE", "MAC_REWRITE", domain.RouterMac is null ? null : new RuleAction.MapMac(domain.Space)));

    private static ImmutableArray<RuleGroup> Groups(RoutingDomain domain, string stem, string rule, RuleAction? action)
    {
        if (action is null)
        {
            return [];
        }

        Condition toRouter = new() { DestinationMac = domain.RouterMac ?? domain.DisabledRouterMac };
        return
        [
            Group(stem, isIPv4: true, new Rule(rule, LayerPriorities.Group, toRouter, action, Terminating: true)),
            Group(stem, isIPv4: false, new Rule(rule, LayerPriorities.Group, toRouter, action, Terminating: true)),
        ];
    }

    private static RuleGroup Group(string stem, bool isIPv4, Rule rule) =>
        new(GroupNames.Of(stem, Direction.Outbound, isIPv4), Direction.Outbound, isIPv4, LayerPriorities.Group, [rule]);
}
