using System.Collections.Immutable;
using System.Globalization;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Planning;

/// <summary>Turns an access control list into the firewall rules of one port: tags expanded, default actions as last rules.</summary>
internal static class AclPlanner
{
    /// <summary>Behind every rule a user can write (101-65000), so that "no rule matched" is a rule too.</summary>
    private const int DefaultPriority = 65501;

    private const byte IcmpV4 = 1;
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte IcmpV6 = 58;

    private static readonly IpPrefix s_everyIPv4 = IpPrefix.Parse("0.0.0.0/0");
    private static readonly IpPrefix s_everyIPv6 = IpPrefix.Parse("::/0");

    /// <summary>The rules of a list as they hold for a port in a virtual network.</summary>
    /// <param name="list">The <c>accessControlLists</c> resource.</param>
    /// <param name="level">Where it is attached.</param>
    /// <param name="addressSpace">The prefixes of the port's virtual network, for the words that stand for addresses.</param>
    /// <param name="members">The addresses behind a security tag, as the port can see them.</param>
    public static IEnumerable<AclRule> Plan(Node list, AclLevel level, IReadOnlyList<IpPrefix> addressSpace, Func<string, IEnumerable<IpPrefix>> members)
    {
        foreach (Node rule in list.ChildrenOf(AccessControlLists.Rules))
        {
            if (PlanException.Blaming(rule, () => PlanRule(rule, level, addressSpace, members)) is { } planned)
            {
                yield return planned;
            }
        }

        yield return Default(list, level, Direction.Inbound, "in", "inboundDefaultAction");
        yield return Default(list, level, Direction.Outbound, "out", "outboundDefaultAction");
    }

    /// <summary>The same rule for packets of one address family; null when it is about the other.</summary>
    public static AclRule? OfFamily(AclRule rule, bool isIPv4)
    {
        IpPrefix[] sources = [.. rule.Sources.Where(prefix => prefix.IsIPv4 == isIPv4)];
        IpPrefix[] destinations = [.. rule.Destinations.Where(prefix => prefix.IsIPv4 == isIPv4)];
        return (rule.Sources.IsEmpty || sources.Length > 0) && (rule.Destinations.IsEmpty || destinations.Length > 0)
            ? rule with { Sources = rule.Sources.IsEmpty ? [isIPv4 ? s_everyIPv4 : s_everyIPv6] : [.. sources], Destinations = [.. destinations] }
            : null;
    }

    /// <summary>Everything of one address family that lies in none of some prefixes, as few prefixes.</summary>
    public static IEnumerable<IpPrefix> Complement(IpPrefix whole, IReadOnlyList<IpPrefix> holes)
    {
        if (holes.Any(hole => hole.Contains(whole)))
        {
            yield break;
        }

        if (!holes.Any(whole.Contains))
        {
            yield return whole;
            yield break;
        }

        var low = IpPrefix.Create(whole.Address, whole.Length + 1);
        UInt128 highNumber = Engine.ClaimKey.Number(low.LastAddress) + 1;
        var high = IpPrefix.Create(Engine.ClaimKey.Address(highNumber), whole.Length + 1);
        foreach (IpPrefix part in Complement(low, holes).Concat(Complement(high, holes)))
        {
            yield return part;
        }
    }

    // A rule one side of which is nobody at this moment matches nothing. Without prefixes it would match everybody.
    private static AclRule? PlanRule(Node rule, AclLevel level, IReadOnlyList<IpPrefix> addressSpace, Func<string, IEnumerable<IpPrefix>> members) =>
        Side(rule, "sourceAddressPrefix", AccessControlLists.SourceTags, addressSpace, members) is { } sources
        && Side(rule, "destinationAddressPrefix", AccessControlLists.DestinationTags, addressSpace, members) is { } destinations
            ? PlanRule(rule, level, sources, destinations)
            : null;

    private static AclRule PlanRule(Node rule, AclLevel level, ImmutableArray<IpPrefix> sources, ImmutableArray<IpPrefix> destinations) => new(
        rule.InstanceId.ToString("D"),
        level,
        rule.Text("type") == "Inbound" ? Direction.Inbound : Direction.Outbound,
        rule.Text("action") == "Allow" ? AclAction.Allow : AclAction.Block,
        int.Parse(rule.Text("priority")!, CultureInfo.InvariantCulture),
        rule.Text("protocol") switch
        {
            "TCP" or "HTTP" => Tcp,
            "UDP" => Udp,
            "ICMPv4" => IcmpV4,
            "ICMPv6" => IcmpV6,
            _ => null,
        },
        sources,
        destinations,
        Ports(rule.Text("sourcePortRange")!),
        Ports(rule.Text("destinationPortRange")!),
        rule.Text("logging") != "Disabled");

    private static AclRule Default(Node list, AclLevel level, Direction direction, string suffix, string property) => new(
        $"{list.InstanceId:D}:default-{suffix}",
        level,
        direction,
        list.Text(property) == "Deny" ? AclAction.Block : AclAction.Allow,
        DefaultPriority,
        Protocol: null,
        [],
        [],
        [],
        [],
        Logging: false);

    /// <summary>Whom one side of a rule is about: empty for everybody, null for nobody.</summary>
    private static ImmutableArray<IpPrefix>? Side(
        Node rule, string property, string tags, IReadOnlyList<IpPrefix> addressSpace, Func<string, IEnumerable<IpPrefix>> members)
    {
        string? text = rule.Text(property);
        if (text == "*")
        {
            return [];
        }

        ImmutableArray<IpPrefix> prefixes = text switch
        {
            null => [.. rule.References(tags).SelectMany(members).Distinct()],
            AccessControlLists.LoadBalancerTag => [],
            AccessControlLists.VirtualNetworkTag => [.. addressSpace],
            AccessControlLists.InternetTag => [.. Complement(s_everyIPv4, addressSpace), .. Complement(s_everyIPv6, addressSpace)],
            _ => [AccessControlLists.TryParsePrefix(text, out IpPrefix prefix) ? prefix : throw new FormatException($"{property} '{text}' is no prefix.")],
        };
        return prefixes.IsEmpty ? null : prefixes;
    }

    private static ImmutableArray<PortRange> Ports(string text) =>
        AccessControlLists.TryParsePorts(text, out PortRange range) && range != PortRange.All ? [range] : [];
}
