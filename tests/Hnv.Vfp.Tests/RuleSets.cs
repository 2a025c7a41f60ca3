using System.Collections.Immutable;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

/// <summary>Ways to make a search work hard.</summary>
public enum RuleShape
{
    /// <summary>A bit of everything: lists, other families, reversed spans, MACs.</summary>
    Mixed,

    /// <summary>Ports [i, i + 1000].</summary>
    PortStaircase,

    /// <summary>Ports [i, 65535 - i] on both sides.</summary>
    NestedPorts,

    /// <summary>Open in all fields but one.</summary>
    NarrowInOneField,

    /// <summary>All lengths around few addresses.</summary>
    NestedPrefixes,

    /// <summary>One host to one other.</summary>
    HostPairs,
}

/// <summary>Random rules that overlap a lot, and packets at their edges. The same seed makes the same.</summary>
internal static class RuleSets
{
    private static readonly byte[] s_protocols = [IPProtocols.Tcp, IPProtocols.Udp, IPProtocols.Sctp, IPProtocols.Icmp, 47];

    public static Rule[] Make(Random random, bool isIPv4, int count) => Make(random, isIPv4, count, random.GetItems(Enum.GetValues<RuleShape>(), 1)[0]);

    public static Rule[] Make(Random random, bool isIPv4, int count, RuleShape shape) => [.. Enumerable.Range(0, count).Select(i => new Rule(
        $"rule-{i}",
        random.Next(100, 100 + count),
        Condition(random, isIPv4, shape, i),
        random.Next(2) == 0 ? new RuleAction.Allow(Stateful: true) : new RuleAction.Block(),
        Terminating: true))];

    /// <summary>A packet at or just beside the edges of one of the rules, sometimes anywhere.</summary>
    public static Ufid Packet(Random random, bool isIPv4, ReadOnlySpan<Rule> rules)
    {
        Condition near = rules[random.Next(rules.Length)].Condition;
        byte protocol = random.Next(4) == 0 ? s_protocols[random.Next(s_protocols.Length)] : near.Protocol ?? IPProtocols.Tcp;
        FragmentClass fragment = random.Next(8) == 0 ? FragmentClass.Later : FragmentClass.Whole;
        bool hasPorts = fragment != FragmentClass.Later;
        MacAddress mac = near.DestinationMac ?? Mac(random, isGroup: near.GroupDestination ?? false);
        return new Ufid(
            Near(random, isIPv4, near.Sources),
            Near(random, isIPv4, near.Destinations),
            default,
            random.Next(8) == 0 ? Mac(random, random.Next(2) == 0) : mac,
            isIPv4 ? EtherTypes.IPv4 : EtherTypes.IPv6,
            protocol,
            fragment,
            hasPorts ? Near(random, near.SourcePorts) : (ushort)0,
            hasPorts ? Near(random, near.DestinationPorts) : (ushort)0);
    }

    public static InetAddress Address(uint host, bool isIPv4) =>
        isIPv4 ? InetAddress.FromIPv4(0x0A00_0000 + host) : InetAddress.FromNumbers(0x2001_0DB8_0000_0000UL + (host >> 4), host);

    private static Condition Condition(Random random, bool isIPv4, RuleShape shape, int index) => shape switch
    {
        RuleShape.PortStaircase => new Condition { Protocol = IPProtocols.Tcp, DestinationPorts = [new PortSpan((ushort)index, (ushort)(index + 1000))] },
        RuleShape.NestedPorts => new Condition { SourcePorts = [Nested(index)], DestinationPorts = [Nested(index + 1)] },
        RuleShape.NarrowInOneField => (index % 4) switch
        {
            0 => new Condition { Sources = [Prefix((uint)index, isIPv4, 0)] },
            1 => new Condition { Destinations = [Prefix((uint)index, isIPv4, 0)] },
            2 => new Condition { SourcePorts = [new PortSpan((ushort)index, (ushort)index)] },
            _ => new Condition { DestinationPorts = [new PortSpan((ushort)index, (ushort)index)] },
        },
        RuleShape.NestedPrefixes => new Condition
        {
            Sources = [Prefix((uint)random.Next(8), isIPv4, random.Next(isIPv4 ? 33 : 129))],
            Destinations = [Prefix((uint)random.Next(8), isIPv4, random.Next(isIPv4 ? 33 : 129))],
        },
        RuleShape.HostPairs => new Condition
        {
            Protocol = random.Next(2) == 0 ? IPProtocols.Tcp : IPProtocols.Udp,
            Sources = [Prefix((uint)random.Next(300), isIPv4, 0)],
            Destinations = [Prefix((uint)random.Next(300), isIPv4, 0)],
        },
        _ => new Condition
        {
            DestinationMac = random.Next(20) == 0 ? Mac(random, isGroup: false) : null,
            GroupDestination = random.Next(20) == 0 ? random.Next(2) == 0 : null,
            Protocol = random.Next(2) == 0 ? s_protocols[random.Next(s_protocols.Length)] : null,
            Sources = Prefixes(random, isIPv4),
            Destinations = Prefixes(random, isIPv4),
            SourcePorts = Spans(random, oneIn: 6),
            DestinationPorts = Spans(random, oneIn: 2),
        },
    };

    private static ImmutableArray<IpPrefix> Prefixes(Random random, bool isIPv4) => random.Next(3) == 0
        ? []
        : [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ =>
            random.Next(30) == 0 ? Prefix(7, !isIPv4, random.Next(33)) : Prefix((uint)random.Next(64), isIPv4, random.Next(random.Next(5) == 0 ? 33 : 7)))];

    private static ImmutableArray<PortSpan> Spans(Random random, int oneIn) => random.Next(oneIn) != 0
        ? []
        : [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => Span(random))];

    private static PortSpan Span(Random random)
    {
        ushort first = (ushort)(random.Next(10) == 0 ? ushort.MaxValue - random.Next(3) : random.Next(3) == 0 ? random.Next(3) : random.Next(100));
        return new PortSpan(first, (ushort)Math.Clamp(first + random.Next(-2, 40), 0, ushort.MaxValue));
    }

    private static PortSpan Nested(int index) => new((ushort)(index % 32_000), (ushort)(ushort.MaxValue - (index % 32_000)));

    /// <param name="host">Which address.</param>
    /// <param name="isIPv4">Its family.</param>
    /// <param name="open">Bits at the end that are left open.</param>
    private static IpPrefix Prefix(uint host, bool isIPv4, int open) => IpPrefix.Create(Address(host, isIPv4), (isIPv4 ? 32 : 128) - open);

    private static MacAddress Mac(Random random, bool isGroup) => MacAddress.FromNumber((isGroup ? 0x0100_5E00_0000UL : 0x0200_0000_0000UL) + (uint)random.Next(3));

    private static InetAddress Near(Random random, bool isIPv4, ImmutableArray<IpPrefix> prefixes)
    {
        if (random.Next(6) == 0 || prefixes.IsEmpty)
        {
            return Address((uint)random.Next(70), isIPv4);
        }

        IpPrefix prefix = prefixes[random.Next(prefixes.Length)];
        InetAddress edge = random.Next(2) == 0 ? prefix.Address : prefix.LastAddress;
        ulong low = edge.Low + (ulong)(random.Next(4) == 0 ? random.Next(-1, 2) : 0);
        return isIPv4 ? InetAddress.FromIPv4((uint)low) : InetAddress.FromNumbers(edge.High, low) is { IsIPv4: false } ipv6 ? ipv6 : Address(1, isIPv4);
    }

    private static ushort Near(Random random, ImmutableArray<PortSpan> spans)
    {
        if (random.Next(6) == 0 || spans.IsEmpty)
        {
            return (ushort)random.Next(120);
        }

        PortSpan span = spans[random.Next(spans.Length)];
        return (ushort)((random.Next(2) == 0 ? span.First : span.Last) + (random.Next(4) == 0 ? random.Next(-1, 2) : 0));
    }
}
