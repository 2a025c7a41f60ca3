using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>The address translations of a port (R85): what its guest sends behind the firewall, what it receives before it.</summary>
internal static class NatLayer
{
    /// <summary>External addresses of one pool: more would be a mistake.</summary>
    private const int PoolAddressesMax = 256;
    private const int TargetsMax = 256;

    /// <summary>The adjustment needs the interface identifier.</summary>
    private const int NeutralPrefixLengthMax = 64;

    private static readonly Layer s_none = new(LayerNames.Nat, LayerPriorities.Nat, LayerConnections.Translates, []);

    public static Layer Compile(PortPolicy port, string subject, List<PolicyError> errors)
    {
        if (port.Nat.IsDefaultOrEmpty)
        {
            return s_none;
        }

        List<(Direction Direction, bool IsIPv4, Rule Rule)> rules = [];
        HashSet<string> ids = new(StringComparer.Ordinal);
        foreach (NatRule rule in port.Nat)
        {
            int before = errors.Count;
            string name = $"{subject}/natRules/{rule.RuleId}";
            if (!ids.Add(rule.RuleId))
            {
                errors.Add(new PolicyError(name, "id", rule.RuleId, "is there twice; each rule of an interface needs its own"));
            }

            Check(rule, name, errors);
            if (errors.Count == before)
            {
                Compile(rule, rules);
            }
        }

        return new Layer(LayerNames.Nat, LayerPriorities.Nat, LayerConnections.Translates, [.. rules
            .GroupBy(rule => (rule.Direction, rule.IsIPv4))
            .Select(group => new RuleGroup(
                GroupNames.Of("SLB_GROUP_NAT", group.Key.Direction, group.Key.IsIPv4), group.Key.Direction, group.Key.IsIPv4, LayerPriorities.Group,
                group.Select(rule => rule.Rule)))]);
    }

    /// <summary>External addresses that the guest's packets are led away from.</summary>
    public static ImmutableArray<InetAddress> VirtualAddresses(PortPolicy port) =>
    [
        .. port.Nat
            .Where(rule => rule.Kind == NatKind.LoadBalance)
            .SelectMany(rule => rule.External)
            .Where(prefix => prefix.Length == (prefix.IsIPv4 ? 32 : 128))
            .Select(prefix => prefix.Address).Distinct(),
    ];

    private static void Compile(NatRule rule, List<(Direction, bool, Rule)> rules)
    {
        bool isIPv4 = rule.External[0].IsIPv4;
        switch (rule.Kind)
        {
            case NatKind.Static or NatKind.Prefix:
                bool neutral = rule.Kind == NatKind.Prefix;
                Add(Direction.Outbound, new Condition { Sources = rule.Internal, Destinations = rule.Remote, Protocol = rule.Protocol },
                    new RuleAction.TranslatePrefix(rule.Internal[0], rule.External[0], neutral));
                Add(Direction.Inbound, new Condition { Sources = rule.Remote, Destinations = rule.External, Protocol = rule.Protocol },
                    new RuleAction.TranslatePrefix(rule.External[0], rule.Internal[0], neutral));
                break;
            case NatKind.Source:
                NatPool pool = new([.. rule.External.SelectMany(Expand)], Math.Max((ushort)1, rule.Ports.First), rule.Ports.Last);
                Add(Direction.Outbound, new Condition { Sources = rule.Internal, Destinations = rule.Remote, Protocol = rule.Protocol }, new RuleAction.TranslateSource(pool));
                break;
            case NatKind.Destination:
                Add(Direction.Inbound, Toward(rule) with { Sources = rule.Remote }, Translate(rule));
                break;
            default:
                Add(Direction.Outbound, Toward(rule), Translate(rule));
                break;
        }

        void Add(Direction direction, Condition condition, RuleAction action) =>
            rules.Add((direction, isIPv4, new Rule(rule.RuleId, rule.Priority, condition, action, Terminating: true)));
    }

    private static Condition Toward(NatRule rule) => new()
    {
        Destinations = rule.External,
        Protocol = rule.Protocol,
        DestinationPorts = rule.Ports == PortRange.All ? [] : [new PortSpan(rule.Ports.First, rule.Ports.Last)],
    };

    private static RuleAction.TranslateDestination Translate(NatRule rule) =>
        new([.. rule.Targets.Select(target => new TranslationTarget(target.Address, target.Port))]);

    private static void Check(NatRule rule, string subject, List<PolicyError> errors)
    {
        if (rule.External.IsDefaultOrEmpty)
        {
            errors.Add(new PolicyError(subject, "external", "(none)", "a translation needs an external address"));
            return;
        }

        bool isIPv4 = rule.External[0].IsIPv4;
        if (rule.External.Concat(rule.Internal).Concat(rule.Remote).Any(prefix => prefix.IsIPv4 != isIPv4)
            || rule.Targets.Any(target => target.Address.IsIPv4 != isIPv4))
        {
            errors.Add(new PolicyError(subject, "addresses", string.Join(',', rule.External), "all addresses of a translation are of one family; make one rule for IPv4 and one for IPv6"));
        }

        if (rule.Ports.First > rule.Ports.Last)
        {
            errors.Add(new PolicyError(subject, "ports", rule.Ports.ToString(), "must run from the lower port to the higher"));
        }

        switch (rule.Kind)
        {
            case NatKind.Static or NatKind.Prefix when rule.Internal.Length != 1 || rule.External.Length != 1 || rule.Internal[0].Length != rule.External[0].Length:
                errors.Add(new PolicyError(
                    subject, "internal", string.Join(',', rule.Internal), $"must be one prefix as long as the external one, {string.Join(',', rule.External)}"));
                break;
            case NatKind.Prefix when isIPv4 || rule.External[0].Length > NeutralPrefixLengthMax:
                errors.Add(new PolicyError(
                    subject, "external", rule.External[0].ToString(), $"must be an IPv6 prefix of at most {NeutralPrefixLengthMax} bits: the checksum is kept in the bits behind it (RFC 6296)"));
                break;
            case NatKind.Source when rule.External.Sum(Size) > PoolAddressesMax:
                errors.Add(new PolicyError(subject, "external", string.Join(',', rule.External), $"must hold at most {PoolAddressesMax} addresses"));
                break;
            case NatKind.Source when rule.Ports.Last == 0:
                errors.Add(new PolicyError(subject, "ports", rule.Ports.ToString(), "must hold a port from 1 to 65535"));
                break;
            case NatKind.Destination when rule.Targets.Length != 1:
                errors.Add(new PolicyError(subject, "targets", $"({rule.Targets.Length})", "must be exactly one"));
                break;
            case NatKind.LoadBalance when rule.Targets.Length is 0 or > TargetsMax:
                errors.Add(new PolicyError(subject, "targets", $"({rule.Targets.Length})", $"must be 1 … {TargetsMax}"));
                break;
            default:
                break;
        }
    }

    private static double Size(IpPrefix prefix) => Math.Pow(2, (prefix.IsIPv4 ? 32 : 128) - prefix.Length);

    private static IEnumerable<InetAddress> Expand(IpPrefix prefix)
    {
        for (ulong i = 0; i < Size(prefix); i++)
        {
            yield return InetAddress.FromNumbers(prefix.Address.High, prefix.Address.Low + i);
        }
    }
}
