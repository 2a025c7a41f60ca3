using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>
/// Firewall rules of a port (R44, R45): those of its virtual subnet go to the admin layer, those of its network interface to the controller layer,
/// so a packet needs the consent of both. A layer without rules lets everything pass (requirements C7).
/// </summary>
internal static class AclLayer
{
    private static readonly Layer s_noAdminRules = Make(AclLevel.Subnet, []);
    private static readonly Layer s_noControllerRules = Make(AclLevel.NetworkInterface, []);

    /// <summary>The admin layer of a port that no list is attached to, where such ports are to be blocked (R44).</summary>
    public static Layer BlockAll { get; } = Make(AclLevel.Subnet,
    [
        .. from direction in (Direction[])[Direction.Outbound, Direction.Inbound]
           from isIPv4 in (bool[])[true, false]
           select new RuleGroup(
               GroupNames.Of(Stem(AclLevel.Subnet), direction, isIPv4), direction, isIPv4, LayerPriorities.Group,
               [new Rule("PORT_DEFAULT_BLOCK", ushort.MaxValue, Condition.Any, new RuleAction.Block(), Terminating: true)]),
    ]);

    public static Layer Compile(AclLevel level, ImmutableArray<AclRule> rules, string subject, List<PolicyError> errors)
    {
        List<RuleGroup> groups = [];
        foreach (Direction direction in (ReadOnlySpan<Direction>)[Direction.Outbound, Direction.Inbound])
        {
            foreach (bool isIPv4 in (ReadOnlySpan<bool>)[true, false])
            {
                List<Rule> compiled = [];
                foreach (AclRule rule in rules)
                {
                    if (rule.Level == level && rule.Direction == direction && AppliesTo(rule, isIPv4) && IsValid(rule, subject, isIPv4, errors))
                    {
                        compiled.Add(Compile(rule, isIPv4));
                    }
                }

                if (compiled.Count > 0)
                {
                    groups.Add(new RuleGroup(GroupNames.Of(Stem(level), direction, isIPv4), direction, isIPv4, LayerPriorities.Group, compiled));
                }
            }
        }

        return groups.Count > 0 ? Make(level, [.. groups]) : level == AclLevel.Subnet ? s_noAdminRules : s_noControllerRules;
    }

    private static Layer Make(AclLevel level, ImmutableArray<RuleGroup> groups) => level == AclLevel.Subnet
        ? new Layer(LayerNames.FirewallAdmin, LayerPriorities.FirewallAdmin, LayerConnections.Passes, groups)
        : new Layer(LayerNames.FirewallController, LayerPriorities.FirewallController, LayerConnections.Passes, groups);

    private static string Stem(AclLevel level) => level == AclLevel.Subnet ? "FW_ADMIN_GROUP" : "FW_CONTROLLER_GROUP";

    /// <summary>A rule that names addresses belongs to the families it names on both sides; one that names none belongs to both.</summary>
    private static bool AppliesTo(AclRule rule, bool isIPv4) => Names(rule.Sources, isIPv4) && Names(rule.Destinations, isIPv4);

    internal static bool Names(ImmutableArray<IpPrefix> prefixes, bool isIPv4) =>
        prefixes.IsDefaultOrEmpty || prefixes.Any(prefix => prefix.IsIPv4 == isIPv4);

    private static bool IsValid(AclRule rule, string subject, bool isIPv4, List<PolicyError> errors)
    {
        string? reversed = rule.SourcePorts.Concat(rule.DestinationPorts).Where(range => range.First > range.Last).Select(range => range.ToString()).FirstOrDefault();
        if (reversed is null)
        {
            return true;
        }

        // Each rule without addresses is compiled for both families; say it once.
        if (isIPv4 || !AppliesTo(rule, isIPv4: true))
        {
            errors.Add(new PolicyError($"{subject}/aclRules/{rule.RuleId}", "ports", reversed, "must run from the lower port to the higher"));
        }

        return false;
    }

    private static Rule Compile(AclRule rule, bool isIPv4)
    {
        Condition condition = new()
        {
            Protocol = rule.Protocol,
            Sources = OfFamily(rule.Sources, isIPv4),
            Destinations = OfFamily(rule.Destinations, isIPv4),
            SourcePorts = Spans(rule.SourcePorts),
            DestinationPorts = Spans(rule.DestinationPorts),
        };
        RuleAction action = rule.Action == AclAction.Allow ? new RuleAction.Allow(Stateful: true) : new RuleAction.Block();
        return new Rule(rule.RuleId, rule.Priority, condition, action, Terminating: true);
    }

    internal static ImmutableArray<IpPrefix> OfFamily(ImmutableArray<IpPrefix> prefixes, bool isIPv4) =>
        prefixes.IsDefaultOrEmpty ? [] : prefixes.Any(prefix => prefix.IsIPv4 == isIPv4 && prefix.Length == 0)
            ? []
            : [.. prefixes.Where(prefix => prefix.IsIPv4 == isIPv4)];

    internal static ImmutableArray<PortSpan> Spans(ImmutableArray<PortRange> ranges) =>
        ranges.IsDefaultOrEmpty || ranges.Contains(PortRange.All) ? [] : [.. ranges.Select(range => new PortSpan(range.First, range.Last))];
}
