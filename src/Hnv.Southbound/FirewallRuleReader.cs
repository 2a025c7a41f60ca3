using System.Collections.Immutable;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>Reads a row of <c>FW_Rules</c>.</summary>
internal static class FirewallRuleReader
{
    /// <returns>Null with an error when the row makes no sense; null without one when the rule is switched off.</returns>
    public static AclRule? Read(OvsdbRow row, out PolicyRowError? error)
    {
        error = null;
        if (row.Text("rule_state") == "Disabled"
            || !RuleColumns.TryReadPriority(row, out int priority, ref error)
            || !RuleColumns.TryReadProtocol(row, out byte? protocol, ref error)
            || !RuleColumns.TryReadPrefixes(row, "src_ip_addresses", out ImmutableArray<IpPrefix> sources, ref error)
            || !RuleColumns.TryReadPrefixes(row, "dst_ip_addresses", out ImmutableArray<IpPrefix> destinations, ref error)
            || !RuleColumns.TryReadPorts(row, "src_ports", out ImmutableArray<PortRange> sourcePorts, ref error)
            || !RuleColumns.TryReadPorts(row, "dst_ports", out ImmutableArray<PortRange> destinationPorts, ref error))
        {
            return null;
        }

        bool ofSubnet = row.Text("rule_type") == "RuleWithAdminPriority";
        string id = row.Text("rule_id");
        return new AclRule(
            ofSubnet && id.EndsWith(DesiredRows.SubnetRuleSuffix, StringComparison.Ordinal) ? id[..^DesiredRows.SubnetRuleSuffix.Length] : id,
            ofSubnet ? AclLevel.Subnet : AclLevel.NetworkInterface,
            row.Text("direction") == "Inbound" ? Direction.Inbound : Direction.Outbound,
            row.Text("action") == "Allow" ? AclAction.Allow : AclAction.Block,
            priority,
            protocol,
            sources,
            destinations,
            sourcePorts,
            destinationPorts,
            row.Text("logging_state") == "Enabled");
    }

    /// <summary>The canonical order of a port's rules.</summary>
    public static int Compare(AclRule one, AclRule other)
    {
        int order = one.Level.CompareTo(other.Level);
        order = order != 0 ? order : one.Direction.CompareTo(other.Direction);
        order = order != 0 ? order : one.Priority.CompareTo(other.Priority);
        return order != 0 ? order : string.CompareOrdinal(one.RuleId, other.RuleId);
    }
}
