using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// Finds the few rules of a large group that a packet may match: bit vectors for each field (Lakshman and Stiliadis, 1998), with a bounded number of
/// rows. Immutable.
/// </summary>
/// <remarks>
/// <para>
/// Each field of the packet selects a row of bits, one for each rule in order of priority; the rules in all rows are the candidates. A search reads
/// 5 bits for each rule, 512 rules at a step, and at most <c>2 × ranges ÷ (rows - 1)</c> candidates for each field are in vain: with 10,000 rules of one
/// range each about 80. Rules with long lists have more ranges and come nearer to every rule being tried, which is the worst there is.
/// </para>
/// <para>Memory: at most 256 rows of one bit a rule for each of four fields, 128 bytes a rule, and a row for each protocol that rules name.</para>
/// </remarks>
internal sealed class RuleIndex
{
    private const int RowLimitMin = 16;
    private const int RowLimitMax = 256;
    private const int RulesPerRow = 4;

    private readonly FieldRows<UInt128> _sources;
    private readonly FieldRows<UInt128> _destinations;
    private readonly FieldRows<byte> _protocols;
    private readonly FieldRows<ushort> _sourcePorts;
    private readonly FieldRows<ushort> _destinationPorts;

    // Packets without ports: the rules that do not ask for any, and for later fragments the allowing ones that do.
    private readonly Vector512<ulong>[] _portless;
    private readonly Vector512<ulong>[] _laterFragment;

    public RuleIndex(ImmutableArray<Rule> rules, bool isIPv4)
    {
        int rowLimit = Math.Clamp(rules.Length / RulesPerRow, RowLimitMin, RowLimitMax);
        _sources = new([.. rules.Select(rule => Ranges(rule.Condition.Sources, isIPv4))], rowLimit);
        _destinations = new([.. rules.Select(rule => Ranges(rule.Condition.Destinations, isIPv4))], rowLimit);
        _protocols = new([.. rules.Select(rule => Ranges(rule.Condition.Protocol))], RowLimitMax);
        _sourcePorts = new([.. rules.Select(rule => Ranges(rule.Condition.SourcePorts))], rowLimit);
        _destinationPorts = new([.. rules.Select(rule => Ranges(rule.Condition.DestinationPorts))], rowLimit);
        _portless = new Vector512<ulong>[RuleBits.BlocksOf(rules.Length)];
        _laterFragment = new Vector512<ulong>[_portless.Length];
        for (int rule = 0; rule < rules.Length; rule++)
        {
            if (!rules[rule].Condition.HasPorts)
            {
                RuleBits.Set(_portless, rule);
                RuleBits.Set(_laterFragment, rule);
            }
            else if (RuleGroup.MatchesLaterFragments(rules[rule]))
            {
                RuleBits.Set(_laterFragment, rule);
            }
        }
    }

    /// <summary>The rules a packet may match; all others it does not.</summary>
    public RuleCandidates CandidatesOf(in Ufid flow)
    {
        ReadOnlySpan<Vector512<ulong>> sourcePorts, destinationPorts;
        if (!TransportPorts.Has(flow.Protocol))
        {
            sourcePorts = destinationPorts = _portless;
        }
        else if (flow.Fragment == FragmentClass.Later)
        {
            sourcePorts = destinationPorts = _laterFragment;
        }
        else
        {
            sourcePorts = _sourcePorts.RowOf(flow.SourcePort);
            destinationPorts = _destinationPorts.RowOf(flow.DestinationPort);
        }

        return new RuleCandidates(
            _sources.RowOf(Number(flow.Source)), _destinations.RowOf(Number(flow.Destination)), _protocols.RowOf(flow.Protocol), sourcePorts, destinationPorts);
    }

    private static UInt128 Number(InetAddress address) => new(address.High, address.Low);

    private static FieldRange<UInt128>[] Ranges(ImmutableArray<IpPrefix> prefixes, bool isIPv4) => prefixes.IsEmpty
        ? [new(UInt128.MinValue, UInt128.MaxValue)]
        : [.. prefixes.Where(prefix => prefix.IsIPv4 == isIPv4).Select(prefix => new FieldRange<UInt128>(Number(prefix.Address), Number(prefix.LastAddress)))];

    private static FieldRange<byte>[] Ranges(byte? protocol) => [new(protocol ?? byte.MinValue, protocol ?? byte.MaxValue)];

    private static FieldRange<ushort>[] Ranges(ImmutableArray<PortSpan> spans) => spans.IsEmpty
        ? [new(ushort.MinValue, ushort.MaxValue)]
        : [.. spans.Select(span => new FieldRange<ushort>(span.First, span.Last))];
}

/// <summary>The rules that are in one row of every field, by blocks of 512.</summary>
internal readonly ref struct RuleCandidates(
    ReadOnlySpan<Vector512<ulong>> sources,
    ReadOnlySpan<Vector512<ulong>> destinations,
    ReadOnlySpan<Vector512<ulong>> protocols,
    ReadOnlySpan<Vector512<ulong>> sourcePorts,
    ReadOnlySpan<Vector512<ulong>> destinationPorts)
{
    private readonly ReadOnlySpan<Vector512<ulong>> _sources = sources;
    private readonly ReadOnlySpan<Vector512<ulong>> _destinations = destinations;
    private readonly ReadOnlySpan<Vector512<ulong>> _protocols = protocols;
    private readonly ReadOnlySpan<Vector512<ulong>> _sourcePorts = sourcePorts;
    private readonly ReadOnlySpan<Vector512<ulong>> _destinationPorts = destinationPorts;

    /// <summary>Blocks of 512 rules.</summary>
    public int Length => _sources.Length;

    /// <summary>The candidates of a block, one bit each, the first by priority in the lowest bit of the first word.</summary>
    public Vector512<ulong> this[int block] =>
        _sources[block] & _destinations[block] & _protocols[block] & _sourcePorts[block] & _destinationPorts[block];
}

/// <summary>A set of rules as bits, in blocks that one instruction takes.</summary>
internal static class RuleBits
{
    /// <summary>Rules in a block.</summary>
    public const int PerBlock = 512;

    /// <summary>Rules in a word of a block.</summary>
    public const int PerWord = 64;

    public static int BlocksOf(int rules) => (rules + PerBlock - 1) / PerBlock;

    public static void Set(Span<Vector512<ulong>> bits, int rule) =>
        MemoryMarshal.Cast<Vector512<ulong>, ulong>(bits)[rule / PerWord] |= 1UL << (rule % PerWord);
}
