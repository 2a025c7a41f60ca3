using System.Collections.Immutable;
using System.Diagnostics;
using System.Numerics;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

public class RuleGroupTests
{
    private static readonly RuleAction s_allow = new RuleAction.Allow(Stateful: true);
    private static readonly RuleAction s_block = new RuleAction.Block();

    [Theory]
    [InlineData(2)]
    [InlineData(300)]
    public void Find_EqualPriorities_BlockBeforeAllow(int count)
    {
        Rule[] rules = [.. Enumerable.Range(0, count).Select(i => new Rule($"{i}", 100, Condition.Any, i == 1 ? s_block : s_allow, true))];
        RuleGroup group = new("g", Direction.Outbound, isIPv4: true, 0, rules);

        Assert.Same(rules[1], group.Rules[group.Find(Tcp(10, 20))]);
    }

    [Fact]
    public void Find_LaterFragment_OnlyAllowingRulesOnPortsMatch()
    {
        Condition onPorts = new() { DestinationPorts = [new PortSpan(443, 443)] };
        Rule[] rules = [.. Enumerable.Range(0, 300).Select(i => new Rule($"{i:d3}", i, onPorts, i < 250 ? s_block : s_allow, true))];
        RuleGroup group = new("g", Direction.Outbound, isIPv4: true, 0, rules);
        Ufid later = new(Address(1, true), Address(2, true), default, default, EtherTypes.IPv4, IPProtocols.Tcp, FragmentClass.Later, 0, 0);

        Assert.Equal(250, group.Find(later));
        Assert.Equal(0, group.Find(Tcp(1, 443)));
        Assert.Equal(-1, group.Find(Tcp(1, 444)));
    }

    /// <summary>The property: a group finds what trying each condition in order finds, for any rules and packets.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Find_AnyRules_SameAsTryingEachInOrder(bool isIPv4)
    {
        const int packetsOfSet = 500;
        Random random = new(isIPv4 ? 4 : 6);
        int found = 0, pairs = 0;
        for (int set = 0; set < 260; set++)
        {
            Rule[] rules = RuleSets.Make(random, isIPv4, random.Next(8) == 0 ? random.Next(600, 2000) : random.Next(1, 300));
            RuleGroup group = new("g", Direction.Outbound, isIPv4, 0, rules);
            Rule[] ordered = [.. rules.OrderBy(rule => rule.Priority).ThenBy(rule => rule.Action is not RuleAction.Block).ThenBy(rule => rule.Id, StringComparer.Ordinal)];
            for (int i = 0; i < packetsOfSet; i++, pairs++)
            {
                Ufid flow = RuleSets.Packet(random, isIPv4, rules);
                Rule? expected = Array.Find(ordered, rule => rule.Condition.Matches(in flow, rule.Action is not RuleAction.Block));
                int index = group.Find(in flow);

                Assert.Same(expected, index < 0 ? null : group.Rules[index]);
                found += expected is null ? 0 : 1;
            }
        }

        Assert.InRange(found, pairs / 10, pairs * 9 / 10);
    }

    [Theory]
    [InlineData(RuleShape.PortStaircase)]
    [InlineData(RuleShape.NestedPorts)]
    [InlineData(RuleShape.NarrowInOneField)]
    [InlineData(RuleShape.NestedPrefixes)]
    [InlineData(RuleShape.HostPairs)]
    public void Candidates_TenThousandHostileRules_FewInVain(RuleShape shape)
    {
        const int count = 10_000, fields = 4;
        Random random = new(10_000);
        ImmutableArray<Rule> rules = [.. RuleSets.Make(random, isIPv4: true, count, shape)];
        RuleIndex index = new(rules, isIPv4: true);
        for (int i = 0; i < 500; i++)
        {
            Ufid flow = RuleSets.Packet(random, isIPv4: true, rules.AsSpan());
            int inVain = Candidates(index, flow).Count(rule => !rules[rule].Condition.Matches(in flow, matchesLaterFragments: true));

            Assert.InRange(inVain, 0, fields * 2 * count / 255);
        }
    }

    [Fact]
    public void Build_TenThousandHostileRules_WithinASecond()
    {
        foreach (RuleShape shape in Enum.GetValues<RuleShape>())
        {
            Rule[] rules = RuleSets.Make(new Random(1), isIPv4: true, 10_000, shape);
            Stopwatch watch = Stopwatch.StartNew();
            _ = new RuleGroup("g", Direction.Outbound, isIPv4: true, 0, rules);

            Assert.InRange(watch.ElapsedMilliseconds, 0, 1000);
        }
    }

    private static List<int> Candidates(RuleIndex index, Ufid flow)
    {
        List<int> found = [];
        RuleCandidates candidates = index.CandidatesOf(in flow);
        for (int block = 0; block < candidates.Length; block++)
        {
            for (int word = 0; word < RuleBits.PerBlock / RuleBits.PerWord; word++)
            {
                for (ulong bits = candidates[block][word]; bits != 0; bits &= bits - 1)
                {
                    found.Add((block * RuleBits.PerBlock) + (word * RuleBits.PerWord) + BitOperations.TrailingZeroCount(bits));
                }
            }
        }

        return found;
    }

    private static Ufid Tcp(ushort source, ushort destination) =>
        new(Address(1, true), Address(2, true), default, default, EtherTypes.IPv4, IPProtocols.Tcp, FragmentClass.Whole, source, destination);

    private static InetAddress Address(uint host, bool isIPv4) => RuleSets.Address(host, isIPv4);
}
