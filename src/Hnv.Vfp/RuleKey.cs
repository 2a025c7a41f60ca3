using System.Collections.Immutable;
using System.Numerics;
using System.Runtime.InteropServices;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>What a packet shows to the keys of a group's rules.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly struct RuleProbe
{
    public readonly ulong Source;
    public readonly ulong Destination;
    public readonly ushort SourcePort;
    public readonly ushort DestinationPort;
    public readonly byte Protocol;

    /// <summary>The packet has ports: not a later fragment, and of a protocol with ports.</summary>
    public readonly bool HasPorts;

    public RuleProbe(in Ufid flow, bool isIPv4)
    {
        Source = RuleKey.Word(flow.Source, isIPv4);
        Destination = RuleKey.Word(flow.Destination, isIPv4);
        SourcePort = flow.SourcePort;
        DestinationPort = flow.DestinationPort;
        Protocol = flow.Protocol;
        HasPorts = TransportPorts.Has(flow.Protocol) && flow.Fragment != FragmentClass.Later;
    }
}

/// <summary>
/// The condition of a rule in less than a cache line: every packet that matches the condition agrees with the key, and nearly every other does not.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal readonly struct RuleKey
{
    private readonly ulong _source;
    private readonly ulong _sourceMask;
    private readonly ulong _destination;
    private readonly ulong _destinationMask;
    private readonly ushort _sourceFirst;
    private readonly ushort _sourceLast;
    private readonly ushort _destinationFirst;
    private readonly ushort _destinationLast;
    private readonly byte _protocol;
    private readonly byte _protocolMask;
    private readonly bool _hasPorts;

    /// <summary>The key covers more than the condition does, so agreement is not yet a match.</summary>
    private readonly bool _isHull;

    /// <summary>The key of a condition in a group of that family.</summary>
    public RuleKey(Condition condition, bool isIPv4)
    {
        (_source, _sourceMask, bool isSourceHull) = Cover(condition.Sources, isIPv4);
        (_destination, _destinationMask, bool isDestinationHull) = Cover(condition.Destinations, isIPv4);
        (_sourceFirst, _sourceLast, bool isSourcePortHull) = Hull(condition.SourcePorts);
        (_destinationFirst, _destinationLast, bool isDestinationPortHull) = Hull(condition.DestinationPorts);
        _protocol = condition.Protocol ?? 0;
        _protocolMask = condition.Protocol is null ? (byte)0 : byte.MaxValue;
        _hasPorts = condition.HasPorts;
        _isHull = isSourceHull || isDestinationHull || isSourcePortHull || isDestinationPortHull
            || condition.DestinationMac is not null || condition.GroupDestination is not null;
    }

    /// <summary>False when the packet does not match the condition.</summary>
    public bool Agrees(in RuleProbe probe) =>
        (((probe.Source ^ _source) & _sourceMask) | ((probe.Destination ^ _destination) & _destinationMask)) == 0
        && ((probe.Protocol ^ _protocol) & _protocolMask) == 0
        && (!probe.HasPorts
            || ((uint)(probe.SourcePort - _sourceFirst) <= (uint)(_sourceLast - _sourceFirst)
                && (uint)(probe.DestinationPort - _destinationFirst) <= (uint)(_destinationLast - _destinationFirst)));

    /// <summary>True when a packet that agrees with the key matches the condition; false when the condition itself must be asked.</summary>
    public bool IsExact(in RuleProbe probe) => !_isHull && (probe.HasPorts || !_hasPorts);

    /// <summary>The word of an address that keys hold.</summary>
    public static ulong Word(InetAddress address, bool isIPv4) => isIPv4 ? address.Low : address.High;

    private static (ulong Value, ulong Mask, bool IsHull) Cover(ImmutableArray<IpPrefix> prefixes, bool isIPv4)
    {
        if (prefixes.IsEmpty)
        {
            return (0, 0, false);
        }

        ulong value = Word(prefixes[0].Address, isIPv4);
        int common = 64;
        foreach (IpPrefix prefix in prefixes)
        {
            int length = isIPv4 ? prefix.Length + 32 : Math.Min(prefix.Length, 64);
            common = Math.Min(common, Math.Min(length, BitOperations.LeadingZeroCount(value ^ Word(prefix.Address, isIPv4))));
        }

        ulong mask = common == 0 ? 0 : ulong.MaxValue << (64 - common);
        return (value & mask, mask, prefixes.Length > 1 || (!isIPv4 && prefixes[0].Length > 64) || prefixes[0].IsIPv4 != isIPv4);
    }

    private static (ushort First, ushort Last, bool IsHull) Hull(ImmutableArray<PortSpan> spans) => spans switch
    {
        [] => (ushort.MinValue, ushort.MaxValue, false),
        [var only] when only.First <= only.Last => (only.First, only.Last, false),

        // A reversed span holds no port; the widest hull leaves that to the condition.
        _ when spans.Any(span => span.First > span.Last) => (ushort.MinValue, ushort.MaxValue, true),
        _ => (spans.Min(span => span.First), spans.Max(span => span.Last), true),
    };
}
