using System.Collections.Immutable;
using System.Numerics;
using System.Runtime.Intrinsics;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>Rules of one direction and family; at most one of them, the first by priority, matches a packet (R106). Immutable.</summary>
/// <remarks>
/// Rules are tried by dense keys, one cache line each at most, and the rule itself is looked at only when its key agrees. A key holds one address
/// word for each side (the IPv4 address, or the upper half of an IPv6 address), masked to what all prefixes of the condition have in common, and the
/// hull of its port ranges. In a small group every key is tried, in a large one only those that a <see cref="RuleIndex"/> leaves.
/// </remarks>
public sealed class RuleGroup
{
    /// <summary>Up to here trying every key is as quick as asking an index.</summary>
    private const int UnindexedMax = 128;

    private readonly RuleKey[] _keys;
    private readonly RuleIndex? _index;

    /// <summary>The group of these rules; they are put in order here.</summary>
    public RuleGroup(string name, Direction direction, bool isIPv4, int priority, IEnumerable<Rule> rules)
    {
        Name = name;
        Direction = direction;
        IsIPv4 = isIPv4;
        Priority = priority;
        Rules = [.. rules.OrderBy(rule => rule.Priority).ThenBy(rule => rule.Action is not RuleAction.Block).ThenBy(rule => rule.Id, StringComparer.Ordinal)];
        _keys = [.. Rules.Select(rule => new RuleKey(rule.Condition, isIPv4))];
        _index = Rules.Length > UnindexedMax ? new RuleIndex(Rules, isIPv4) : null;
    }

    /// <summary>Its name, e.g. <c>VNET_GROUP_ENCAP_IPV4_OUT</c>.</summary>
    public string Name { get; }

    /// <summary>The direction it is asked in.</summary>
    public Direction Direction { get; }

    /// <summary>True for IPv4, false for IPv6.</summary>
    public bool IsIPv4 { get; }

    /// <summary>Lower is asked first.</summary>
    public int Priority { get; }

    /// <summary>By priority; of equal ones, those that block come first.</summary>
    public ImmutableArray<Rule> Rules { get; }

    /// <summary>Finds the rule for a packet.</summary>
    /// <returns>Index into <see cref="Rules"/>, or -1.</returns>
    public int Find(in Ufid flow)
    {
        RuleProbe probe = new(in flow, IsIPv4);
        return _index is { } index ? FirstOf(index.CandidatesOf(in flow), in probe, in flow) : FirstOfAll(in probe, in flow);
    }

    /// <summary>What a rule's condition on ports says of later fragments: see <see cref="Condition.Matches"/>.</summary>
    internal static bool MatchesLaterFragments(Rule rule) => rule.Action is not RuleAction.Block;

    private int FirstOfAll(in RuleProbe probe, in Ufid flow)
    {
        for (int rule = 0; rule < _keys.Length; rule++)
        {
            if (Matches(rule, in probe, in flow))
            {
                return rule;
            }
        }

        return -1;
    }

    private int FirstOf(RuleCandidates candidates, in RuleProbe probe, in Ufid flow)
    {
        for (int block = 0; block < candidates.Length; block++)
        {
            Vector512<ulong> blockBits = candidates[block];
            for (int word = 0; blockBits != Vector512<ulong>.Zero && word < Vector512<ulong>.Count; word++)
            {
                for (ulong bits = blockBits[word]; bits != 0; bits &= bits - 1)
                {
                    int rule = (block * RuleBits.PerBlock) + (word * RuleBits.PerWord) + BitOperations.TrailingZeroCount(bits);
                    if (Matches(rule, in probe, in flow))
                    {
                        return rule;
                    }
                }
            }
        }

        return -1;
    }

    private bool Matches(int rule, in RuleProbe probe, in Ufid flow)
    {
        ref readonly RuleKey key = ref _keys[rule];
        return key.Agrees(in probe)
            && (key.IsExact(in probe) || Rules[rule].Condition.Matches(in flow, MatchesLaterFragments(Rules[rule])));
    }
}
