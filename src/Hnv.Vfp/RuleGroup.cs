using System.Collections.Immutable;
using System.Numerics;
using System.Runtime.InteropServices;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>Rules of one direction and family; at most one of them, the first by priority, matches a packet (R106). Immutable.</summary>
/// <remarks>
/// A search walks a dense array of keys, one cache line for each rule at most, and looks at the rule itself only when its key agrees: 1,000 rules
/// take a few microseconds. A key holds one address word for each side (the IPv4 address, or the upper half of an IPv6 address), masked to what
/// all prefixes of the condition have in common, and the hull of its port ranges.
/// </remarks>
public sealed class RuleGroup
{
    private readonly Key[] _keys;

    /// <summary>The group of these rules; they are put in order here.</summary>
    public RuleGroup(string name, Direction direction, bool isIPv4, int priority, IEnumerable<Rule> rules)
    {
        Name = name;
        Direction = direction;
        IsIPv4 = isIPv4;
        Priority = priority;
        Rules = [.. rules.OrderBy(rule => rule.Priority).ThenBy(rule => rule.Action is not RuleAction.Block).ThenBy(rule => rule.Id, StringComparer.Ordinal)];
        _keys = [.. Rules.Select(rule => new Key(rule.Condition, isIPv4))];
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
        ulong source = Word(flow.Source), destination = Word(flow.Destination);
        byte protocol = flow.Protocol;
        bool hasPorts = TransportPorts.Has(protocol) && flow.Fragment != FragmentClass.Later;
        int sourcePort = flow.SourcePort, destinationPort = flow.DestinationPort;
        Key[] keys = _keys;
        for (int i = 0; i < keys.Length; i++)
        {
            ref readonly Key key = ref keys[i];
            if ((((source ^ key.Source) & key.SourceMask) | ((destination ^ key.Destination) & key.DestinationMask)) != 0
                || ((protocol ^ key.Protocol) & key.ProtocolMask) != 0)
            {
                continue;
            }

            if (hasPorts
                && ((uint)(sourcePort - key.SourceFirst) > (uint)(key.SourceLast - key.SourceFirst)
                    || (uint)(destinationPort - key.DestinationFirst) > (uint)(key.DestinationLast - key.DestinationFirst)))
            {
                continue;
            }

            if (!(key.IsHull || (key.HasPorts && !hasPorts)) || Matches(i, in flow))
            {
                return i;
            }
        }

        return -1;
    }

    private bool Matches(int rule, in Ufid flow) =>
        Rules[rule].Condition.Matches(in flow, matchesLaterFragments: Rules[rule].Action is not RuleAction.Block);

    private ulong Word(InetAddress address) => IsIPv4 ? address.Low : address.High;

    [StructLayout(LayoutKind.Auto)]
    private readonly struct Key
    {
        public readonly ulong Source;
        public readonly ulong SourceMask;
        public readonly ulong Destination;
        public readonly ulong DestinationMask;
        public readonly ushort SourceFirst;
        public readonly ushort SourceLast;
        public readonly ushort DestinationFirst;
        public readonly ushort DestinationLast;
        public readonly byte Protocol;
        public readonly byte ProtocolMask;
        public readonly bool HasPorts;

        /// <summary>The key covers more than the condition does, so agreement is not yet a match.</summary>
        public readonly bool IsHull;

        public Key(Condition condition, bool isIPv4)
        {
            (Source, SourceMask, bool sourceHull) = Cover(condition.Sources, isIPv4);
            (Destination, DestinationMask, bool destinationHull) = Cover(condition.Destinations, isIPv4);
            (SourceFirst, SourceLast) = Hull(condition.SourcePorts);
            (DestinationFirst, DestinationLast) = Hull(condition.DestinationPorts);
            Protocol = condition.Protocol ?? 0;
            ProtocolMask = condition.Protocol is null ? (byte)0 : byte.MaxValue;
            HasPorts = condition.HasPorts;
            IsHull = sourceHull || destinationHull || condition.SourcePorts.Length > 1 || condition.DestinationPorts.Length > 1
                || condition.DestinationMac is not null || condition.GroupDestination is not null;
        }

        private static (ulong Value, ulong Mask, bool IsHull) Cover(ImmutableArray<IpPrefix> prefixes, bool isIPv4)
        {
            if (prefixes.IsEmpty)
            {
                return (0, 0, false);
            }

            ulong value = Word(prefixes[0], isIPv4);
            int common = 64;
            foreach (IpPrefix prefix in prefixes)
            {
                int length = isIPv4 ? prefix.Length + 32 : Math.Min(prefix.Length, 64);
                common = Math.Min(common, Math.Min(length, BitOperations.LeadingZeroCount(value ^ Word(prefix, isIPv4))));
            }

            ulong mask = common == 0 ? 0 : ulong.MaxValue << (64 - common);
            return (value & mask, mask, prefixes.Length > 1 || (!isIPv4 && prefixes[0].Length > 64) || prefixes[0].IsIPv4 != isIPv4);
        }

        private static ulong Word(IpPrefix prefix, bool isIPv4) => isIPv4 ? prefix.Address.Low : prefix.Address.High;

        private static (ushort First, ushort Last) Hull(ImmutableArray<PortSpan> spans) =>
            spans.IsEmpty ? ((ushort)0, ushort.MaxValue) : (spans.Min(span => span.First), spans.Max(span => span.Last));
    }
}
