using System.Collections.Immutable;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// What a packet must look like for a rule to match: the 5-tuple (R45) and the destination MAC, as the sender wrote them. Whatever is left
/// empty matches anything.
/// </summary>
public sealed record Condition
{
    /// <summary>Matches every packet.</summary>
    public static Condition Any { get; } = new();

    /// <summary>The exact destination MAC; null is any.</summary>
    public MacAddress? DestinationMac { get; init; }

    /// <summary>True matches group MACs only, false unicast MACs only, null both.</summary>
    public bool? GroupDestination { get; init; }

    /// <summary>IP protocol number; null is any.</summary>
    public byte? Protocol { get; init; }

    /// <summary>Source prefixes, one of which must hold the source address; empty is any.</summary>
    public ImmutableArray<IpPrefix> Sources { get; init; } = [];

    /// <summary>Destination prefixes; empty is any.</summary>
    public ImmutableArray<IpPrefix> Destinations { get; init; } = [];

    /// <summary>Source ports; empty is any. A condition on ports matches only protocols that have them: TCP, UDP, SCTP.</summary>
    public ImmutableArray<PortSpan> SourcePorts { get; init; } = [];

    /// <summary>Destination ports; empty is any.</summary>
    public ImmutableArray<PortSpan> DestinationPorts { get; init; } = [];

    /// <summary>True when the condition looks at ports.</summary>
    public bool HasPorts => !SourcePorts.IsEmpty || !DestinationPorts.IsEmpty;

    /// <summary>Tries a flow.</summary>
    /// <param name="flow">The flow id of the packet.</param>
    /// <param name="matchesLaterFragments">
    /// What a condition on ports says of a later fragment, which has none. True for rules that allow, false for rules that block: the first
    /// fragment is judged by its ports, and without it the rest cannot be put together again.
    /// </param>
    public bool Matches(in Ufid flow, bool matchesLaterFragments)
    {
        MacAddress destination = flow.DestinationMac;
        return (DestinationMac is not { } mac || mac == destination)
            && (GroupDestination is not { } group || group == destination.IsMulticast)
            && (Protocol is not { } protocol || protocol == flow.Protocol)
            && HoldsAddress(Sources, flow.Source)
            && HoldsAddress(Destinations, flow.Destination)
            && MatchesPorts(in flow, matchesLaterFragments);
    }

    private bool MatchesPorts(in Ufid flow, bool matchesLaterFragments)
    {
        if (!HasPorts)
        {
            return true;
        }

        if (!TransportPorts.Has(flow.Protocol))
        {
            return false;
        }

        return flow.Fragment == FragmentClass.Later
            ? matchesLaterFragments
            : HoldsPort(SourcePorts, flow.SourcePort) && HoldsPort(DestinationPorts, flow.DestinationPort);
    }

    private static bool HoldsAddress(ImmutableArray<IpPrefix> prefixes, InetAddress address)
    {
        foreach (IpPrefix prefix in prefixes)
        {
            if (prefix.Contains(address))
            {
                return true;
            }
        }

        return prefixes.IsEmpty;
    }

    private static bool HoldsPort(ImmutableArray<PortSpan> spans, ushort port)
    {
        foreach (PortSpan span in spans)
        {
            if (port >= span.First && port <= span.Last)
            {
                return true;
            }
        }

        return spans.IsEmpty;
    }
}

/// <summary>An inclusive range of transport ports.</summary>
public readonly record struct PortSpan(ushort First, ushort Last);

/// <summary>Which protocols have ports where a flow id expects them.</summary>
internal static class TransportPorts
{
    public static bool Has(byte protocol) => protocol is IPProtocols.Tcp or IPProtocols.Udp or IPProtocols.Sctp;
}
