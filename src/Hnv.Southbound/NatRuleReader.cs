using System.Collections.Immutable;
using System.Globalization;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>Rows of <c>Nat_Rule</c>.</summary>
internal static class NatRuleReader
{
    /// <summary>Targets as a row has them: <c>10.1.1.11</c>, <c>10.1.1.11:80</c>, <c>[2001:db8::11]:80</c>, commas between them.</summary>
    public static string Targets(ImmutableArray<NatTarget> targets) => string.Join(',', targets.Select(target =>
        target.Port == 0 ? target.Address.ToString() : target.Address.IsIPv4 ? $"{target.Address}:{target.Port}" : $"[{target.Address}]:{target.Port}"));

    /// <returns>Null with an error when the row makes no sense.</returns>
    public static NatRule? Read(OvsdbRow row, out PolicyRowError? error)
    {
        error = null;
        if (!RuleColumns.TryReadPriority(row, out int priority, ref error)
            || !RuleColumns.TryReadProtocol(row, out byte? protocol, ref error)
            || !RuleColumns.TryReadPrefixes(row, "internal_ip_addresses", out ImmutableArray<IpPrefix> inside, ref error)
            || !RuleColumns.TryReadPrefixes(row, "external_ip_addresses", out ImmutableArray<IpPrefix> outside, ref error)
            || !RuleColumns.TryReadPrefixes(row, "remote_ip_addresses", out ImmutableArray<IpPrefix> remote, ref error)
            || !RuleColumns.TryReadPorts(row, "ports", out ImmutableArray<PortRange> ports, ref error))
        {
            return null;
        }

        if (ports.Length > 1)
        {
            error = RuleColumns.Wrong(row, "ports", "it should be one port or range");
            return null;
        }

        if (!TryReadTargets(row.Text("targets"), out ImmutableArray<NatTarget> targets))
        {
            error = RuleColumns.Wrong(row, "targets", "it should be addresses as 10.1.1.11, 10.1.1.11:80 or [2001:db8::11]:80 with commas between them");
            return null;
        }

        NatRule rule = new(
            row.Text("rule_id"), Enum.Parse<NatKind>(row.Text("kind")), priority, protocol, inside, outside, remote, ports.IsEmpty ? PortRange.All : ports[0], targets);
        if (Contradiction(rule) is { } wrong)
        {
            error = RuleColumns.Wrong(row, wrong.Column, wrong.Expected);
            return null;
        }

        return rule;
    }

    /// <summary>What a rule of its kind lacks or has too much of; null when it is right.</summary>
    public static (string Column, string Expected)? Contradiction(NatRule rule)
    {
        bool hasTargets = rule.Kind is NatKind.Destination or NatKind.LoadBalance;
        return rule switch
        {
            { External.IsDefaultOrEmpty: true } => ("external_ip_addresses", "a translation needs the addresses outside"),
            { Kind: NatKind.Destination, Targets.Length: not 1 } => ("targets", "a Destination rule has one target"),
            { Kind: NatKind.LoadBalance, Targets.Length: 0 } => ("targets", "a LoadBalance rule has at least one target"),
            { Targets.Length: > 0 } when !hasTargets => ("targets", $"a {rule.Kind} rule has no targets"),
            { Internal.Length: > 0 } when hasTargets => ("internal_ip_addresses", $"a {rule.Kind} rule has no addresses inside"),
            { Kind: NatKind.Static } when !IsPair(rule, static prefix => prefix.Length == (prefix.IsIPv4 ? 32 : 128)) =>
                ("internal_ip_addresses", "a Static rule has one address inside and one of the same family outside"),
            { Kind: NatKind.Prefix } when !IsPair(rule, static prefix => !prefix.IsIPv4) =>
                ("internal_ip_addresses", "a Prefix rule has one IPv6 prefix inside and one of the same length outside"),
            _ => null,
        };
    }

    /// <summary>The canonical order of a port's translations.</summary>
    public static int Compare(NatRule one, NatRule other)
    {
        int order = one.Priority.CompareTo(other.Priority);
        return order != 0 ? order : string.CompareOrdinal(one.RuleId, other.RuleId);
    }

    private static bool IsPair(NatRule rule, Func<IpPrefix, bool> isRight) =>
        rule.Internal.Length == 1 && rule.External.Length == 1
        && isRight(rule.Internal[0]) && isRight(rule.External[0])
        && rule.Internal[0].IsIPv4 == rule.External[0].IsIPv4 && rule.Internal[0].Length == rule.External[0].Length;

    private static bool TryReadTargets(string text, out ImmutableArray<NatTarget> targets)
    {
        targets = [];
        ImmutableArray<NatTarget>.Builder read = ImmutableArray.CreateBuilder<NatTarget>();
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            // A colon within brackets, or one of several without, belongs to an IPv6 address.
            int colon = part.LastIndexOf(':');
            bool hasPort = part.StartsWith('[') ? colon > part.IndexOf(']', StringComparison.Ordinal) : colon >= 0 && part.IndexOf(':', StringComparison.Ordinal) == colon;
            string address = hasPort ? part[..colon] : part;
            address = address.StartsWith('[') && address.EndsWith(']') ? address[1..^1] : address;
            ushort port = 0;
            if (!InetAddress.TryParse(address, out InetAddress target)
                || (hasPort && (!ushort.TryParse(part.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port == 0)))
            {
                return false;
            }

            read.Add(new NatTarget(target, port));
        }

        targets = read.ToImmutable();
        return true;
    }
}
