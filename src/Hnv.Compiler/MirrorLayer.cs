using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>
/// Copies of a port's packets for appliances: the layer nearest to the guest, so that a copy is what the guest sent, also if a firewall stops it
/// afterwards, or what it received.
/// </summary>
internal static class MirrorLayer
{
    public static Layer? Compile(
        PortPolicy port, Dictionary<Vsid, RoutingDomain?> domains, ImmutableArray<ProviderAddress> own, HostFacts facts, string subject, List<PolicyError> errors)
    {
        List<(bool IsIPv4, Rule Rule)> rules = [];
        foreach (MirrorRule rule in port.Mirrors)
        {
            if (domains.GetValueOrDefault(rule.Appliance.Vsid) is not { } domain
                || !domain.Space.TryFind(rule.Appliance.Vsid, rule.Appliance.Address, out Mapping mapping))
            {
                errors.Add(new PolicyError(
                    $"{subject}/mirrors/{rule.RuleId}", "appliance", rule.Appliance.ToString(), "has no CA-PA mapping on this host; the network controller has to send one with the rule"));
                continue;
            }

            if (mapping.Mac == port.Mac && rule.Appliance.Vsid == port.Vsid)
            {
                errors.Add(new PolicyError($"{subject}/mirrors/{rule.RuleId}", "appliance", rule.Appliance.ToString(), "is the interface itself; its copies would be copied for ever"));
                continue;
            }

            bool isLocal = own.Contains(mapping.Provider);
            int member = own.IndexOf(own.FirstOrDefault(address => address.Value.IsIPv4 == mapping.Provider.Value.IsIPv4));
            if (!isLocal && member < 0)
            {
                errors.Add(new PolicyError($"{subject}/mirrors/{rule.RuleId}", "appliance", mapping.Provider.ToString(), "cannot be reached: this host has no provider address of that family"));
                continue;
            }

            RuleAction action = new RuleAction.Mirror(
                new MirrorTarget(rule.Appliance.Vsid, mapping.Mac, mapping.Provider, mapping.Encapsulation, (byte)Math.Max(0, member), isLocal, facts.UnderlayMtu));
            foreach (bool isIPv4 in (ReadOnlySpan<bool>)[true, false])
            {
                if (AclLayer.Names(rule.Sources, isIPv4) && AclLayer.Names(rule.Destinations, isIPv4))
                {
                    Condition condition = new()
                    {
                        Protocol = rule.Protocol,
                        Sources = AclLayer.OfFamily(rule.Sources, isIPv4),
                        Destinations = AclLayer.OfFamily(rule.Destinations, isIPv4),
                        SourcePorts = AclLayer.Spans(rule.SourcePorts),
                        DestinationPorts = AclLayer.Spans(rule.DestinationPorts),
                    };
                    rules.Add((isIPv4, new Rule(rule.RuleId, rule.Priority, condition, action, Terminating: true)));
                }
            }
        }

        if (rules.Count == 0)
        {
            return null;
        }

        return new Layer(LayerNames.Mirror, LayerPriorities.Mirror, LayerConnections.AsksEachPacket,
        [
            .. from direction in (Direction[])[Direction.Outbound, Direction.Inbound]
               from family in rules.GroupBy(rule => rule.IsIPv4)
               select new RuleGroup(
                   GroupNames.Of("SI_GROUP_MIRROR", direction, family.Key), direction, family.Key, LayerPriorities.Group, family.Select(rule => rule.Rule)),
        ]);
    }
}
