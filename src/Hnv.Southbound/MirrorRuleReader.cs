using System.Collections.Immutable;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>Rows of <c>SI_Rule</c>, of which <c>MirrorSource</c> is the one kind that is carried out.</summary>
internal static class MirrorRuleReader
{
    public const string RuleType = "MirrorSource";

    /// <summary>The appliance as <c>routing_information</c> has it: VSID and CA.</summary>
    public static string RoutingInformation(TenantEndpoint appliance) => $"{appliance.Vsid}/{appliance.Address}";

    /// <returns>Null with an error when the row makes no sense.</returns>
    public static MirrorRule? Read(OvsdbRow row, out PolicyRowError? error)
    {
        error = null;
        if (row.Text("rule_type") != RuleType)
        {
            error = RuleColumns.Wrong(row, "rule_type", $"it should be {RuleType}");
            return null;
        }

        if (!RuleColumns.TryReadPriority(row, out int priority, ref error)
            || !RuleColumns.TryReadProtocol(row, out byte? protocol, ref error)
            || !RuleColumns.TryReadPrefixes(row, "src_ip_addresses", out ImmutableArray<IpPrefix> sources, ref error)
            || !RuleColumns.TryReadPrefixes(row, "dst_ip_addresses", out ImmutableArray<IpPrefix> destinations, ref error)
            || !RuleColumns.TryReadPorts(row, "src_ports", out ImmutableArray<PortRange> sourcePorts, ref error)
            || !RuleColumns.TryReadPorts(row, "dst_ports", out ImmutableArray<PortRange> destinationPorts, ref error))
        {
            return null;
        }

        string[] parts = row.Text("routing_information").Split('/', 2);
        if (parts.Length != 2 || !Vsid.TryParse(parts[0], out Vsid vsid) || !CustomerAddress.TryParse(parts[1], out CustomerAddress address))
        {
            error = RuleColumns.Wrong(row, "routing_information", "it should be the appliance as 5001/10.1.1.12");
            return null;
        }

        return new MirrorRule(
            row.Text("rule_id"), priority, protocol, sources, destinations, sourcePorts, destinationPorts, new TenantEndpoint(vsid, address));
    }

    /// <summary>The canonical order of a port's mirror rules.</summary>
    public static int Compare(MirrorRule one, MirrorRule other)
    {
        int order = one.Priority.CompareTo(other.Priority);
        return order != 0 ? order : string.CompareOrdinal(one.RuleId, other.RuleId);
    }
}
