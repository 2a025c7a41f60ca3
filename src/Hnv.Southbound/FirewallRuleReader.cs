using System.Collections.Immutable;
using System.Globalization;
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
        if (row.Text("rule_state") == "Disabled")
        {
            return null;
        }

        long priority = row.Integer("priority")!.Value;
        if (priority is < 0 or > int.MaxValue)
        {
            error = Wrong(row, "priority", priority.ToString(CultureInfo.InvariantCulture), "it should be a number from 0");
            return null;
        }

        if (!FirewallText.TryReadProtocol(row.Text("protocols"), out byte? protocol))
        {
            error = Wrong(row, "protocols", row.Text("protocols"), "it should be a protocol number, TCP, UDP, ICMPv4, ICMPv6 or *");
            return null;
        }

        if (!TryReadPrefixes(row, "src_ip_addresses", out ImmutableArray<IpPrefix> sources, ref error)
            || !TryReadPrefixes(row, "dst_ip_addresses", out ImmutableArray<IpPrefix> destinations, ref error)
            || !TryReadPorts(row, "src_ports", out ImmutableArray<PortRange> sourcePorts, ref error)
            || !TryReadPorts(row, "dst_ports", out ImmutableArray<PortRange> destinationPorts, ref error))
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
            (int)priority,
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

    private static bool TryReadPrefixes(OvsdbRow row, string column, out ImmutableArray<IpPrefix> prefixes, ref PolicyRowError? error)
    {
        bool ok = FirewallText.TryReadPrefixes(row.Text(column), out prefixes);
        error = ok ? error : Wrong(row, column, row.Text(column), "it should be prefixes as 10.1.1.0/24 with commas between them, or *");
        return ok;
    }

    private static bool TryReadPorts(OvsdbRow row, string column, out ImmutableArray<PortRange> ports, ref PolicyRowError? error)
    {
        bool ok = FirewallText.TryReadPorts(row.Text(column), out ports);
        error = ok ? error : Wrong(row, column, row.Text(column), "it should be ports or ranges as 80,1024-2048, or *");
        return ok;
    }

    private static PolicyRowError Wrong(OvsdbRow row, string column, string value, string expected) =>
        new(row.Table, $"{row.Text("vnic_id")}/{row.Text("rule_id")}", column, value, expected);
}
