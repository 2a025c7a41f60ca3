using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>The rows that hang on a port by its interface's id: firewall, mirroring, address translation.</summary>
internal sealed partial class DesiredRows
{
    private void AddRules(PortPolicy port)
    {
        HashSet<string> own = [.. port.Rules.Where(rule => rule.Level == AclLevel.NetworkInterface).Select(rule => rule.RuleId)];
        OvsdbValue nic = port.Nic.ToString();
        foreach (AclRule rule in port.Rules)
        {
            bool ofSubnet = rule.Level == AclLevel.Subnet;
            Add(
                HostTables.FirewallRule,
                nic,
                ofSubnet && own.Contains(rule.RuleId) ? rule.RuleId + SubnetRuleSuffix : rule.RuleId,
                rule.Action == AclAction.Allow ? "Allow" : "Block",
                rule.Direction == Direction.Inbound ? "Inbound" : "Outbound",
                FirewallText.Prefixes(rule.Destinations),
                FirewallText.Ports(rule.DestinationPorts),
                rule.Logging ? "Enabled" : "Disabled",
                (long)rule.Priority,
                FirewallText.Protocol(rule.Protocol),
                "Enabled",
                ofSubnet ? "RuleWithAdminPriority" : "RuleWithControllerPriority",
                FirewallText.Prefixes(rule.Sources),
                FirewallText.Ports(rule.SourcePorts));
        }
    }

    private void AddMirrors(PortPolicy port)
    {
        OvsdbValue nic = port.Nic.ToString();
        foreach (MirrorRule rule in port.Mirrors)
        {
            Add(
                HostTables.MirrorRule,
                nic,
                rule.RuleId,
                FirewallText.Prefixes(rule.Destinations),
                FirewallText.Ports(rule.DestinationPorts),
                (long)rule.Priority,
                FirewallText.Protocol(rule.Protocol),
                MirrorRuleReader.RoutingInformation(rule.Appliance),
                MirrorRuleReader.RuleType,
                FirewallText.Prefixes(rule.Sources),
                FirewallText.Ports(rule.SourcePorts));
        }
    }

    private void AddTranslations(PortPolicy port)
    {
        OvsdbValue nic = port.Nic.ToString();
        foreach (NatRule rule in port.Nat)
        {
            if (NatRuleReader.Contradiction(rule) is { } wrong)
            {
                throw new ArgumentException($"Port {port.Name}: translation {rule.RuleId}: {wrong.Expected}.");
            }

            Add(
                HostTables.NatRule,
                nic,
                rule.RuleId,
                FirewallText.Prefixes(rule.External),
                FirewallText.Prefixes(rule.Internal),
                rule.Kind.ToString(),
                rule.Ports.ToString(),
                (long)rule.Priority,
                FirewallText.Protocol(rule.Protocol),
                FirewallText.Prefixes(rule.Remote),
                NatRuleReader.Targets(rule.Targets));
        }
    }
}
