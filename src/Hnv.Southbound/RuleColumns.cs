using System.Collections.Immutable;
using System.Globalization;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>Reads what the rows of <c>FW_Rules</c>, <c>SI_Rule</c> and <c>Nat_Rule</c> have in common. Each names the column that makes no sense.</summary>
internal static class RuleColumns
{
    public static bool TryReadPriority(OvsdbRow row, out int priority, ref PolicyRowError? error)
    {
        long value = row.Integer("priority")!.Value;
        bool ok = value is >= 0 and <= int.MaxValue;
        priority = ok ? (int)value : 0;
        error = ok ? error : Wrong(row, "priority", value.ToString(CultureInfo.InvariantCulture), "it should be a number from 0");
        return ok;
    }

    public static bool TryReadProtocol(OvsdbRow row, out byte? protocol, ref PolicyRowError? error)
    {
        bool ok = FirewallText.TryReadProtocol(row.Text("protocols"), out protocol);
        error = ok ? error : Wrong(row, "protocols", "it should be a protocol number, TCP, UDP, ICMPv4, ICMPv6 or *");
        return ok;
    }

    public static bool TryReadPrefixes(OvsdbRow row, string column, out ImmutableArray<IpPrefix> prefixes, ref PolicyRowError? error)
    {
        bool ok = FirewallText.TryReadPrefixes(row.Text(column), out prefixes);
        error = ok ? error : Wrong(row, column, "it should be prefixes as 10.1.1.0/24 with commas between them, or *");
        return ok;
    }

    public static bool TryReadPorts(OvsdbRow row, string column, out ImmutableArray<PortRange> ports, ref PolicyRowError? error)
    {
        bool ok = FirewallText.TryReadPorts(row.Text(column), out ports);
        error = ok ? error : Wrong(row, column, "it should be ports or ranges as 80,1024-2048, or *");
        return ok;
    }

    public static PolicyRowError Wrong(OvsdbRow row, string column, string expected) => Wrong(row, column, row.Text(column), expected);

    public static PolicyRowError Wrong(OvsdbRow row, string column, string value, string expected) =>
        new(row.Table, $"{row.Text("vnic_id")}/{row.Text("rule_id")}", column, value, expected);
}
