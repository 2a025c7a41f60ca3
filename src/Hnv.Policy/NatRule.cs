using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Policy;

/// <summary>One address translation of one port, in the direction the port's own guest sees it.</summary>
/// <param name="RuleId">The rule's identity within its port.</param>
/// <param name="Kind">What is translated, and how.</param>
/// <param name="Priority">Lower numbers are asked first.</param>
/// <param name="Protocol">IANA protocol number, or null for any.</param>
/// <param name="Internal">
/// Addresses inside: the guest's own for <see cref="NatKind.Static"/>, <see cref="NatKind.Prefix"/> and <see cref="NatKind.Source"/> (empty is any
/// of the port's own), unused for the others.
/// </param>
/// <param name="External">
/// Addresses outside: what the internal ones become (<see cref="NatKind.Static"/>, <see cref="NatKind.Prefix"/>, the pool of
/// <see cref="NatKind.Source"/>), or the address that is translated away (<see cref="NatKind.Destination"/>, <see cref="NatKind.LoadBalance"/>).
/// </param>
/// <param name="Remote">Translate only toward (and from) these; empty is everywhere.</param>
/// <param name="Ports">Ports of the pool for <see cref="NatKind.Source"/>; translated destination ports for the other two with targets.</param>
/// <param name="Targets">What the destination becomes: one for <see cref="NatKind.Destination"/>, at least one for <see cref="NatKind.LoadBalance"/>.</param>
public sealed record NatRule(
    string RuleId,
    NatKind Kind,
    int Priority,
    byte? Protocol,
    ImmutableArray<IpPrefix> Internal,
    ImmutableArray<IpPrefix> External,
    ImmutableArray<IpPrefix> Remote,
    PortRange Ports,
    ImmutableArray<NatTarget> Targets)
{
    /// <summary>By value, lists included: an equal policy needs no new program.</summary>
    public bool Equals(NatRule? other) =>
        other is not null
        && RuleId == other.RuleId
        && Kind == other.Kind
        && Priority == other.Priority
        && Protocol == other.Protocol
        && Ports == other.Ports
        && Internal.AsSpan().SequenceEqual(other.Internal.AsSpan())
        && External.AsSpan().SequenceEqual(other.External.AsSpan())
        && Remote.AsSpan().SequenceEqual(other.Remote.AsSpan())
        && Targets.AsSpan().SequenceEqual(other.Targets.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(RuleId, Kind, Priority, Protocol);
}

/// <summary>Where a translated destination leads.</summary>
/// <param name="Address">The new destination address.</param>
/// <param name="Port">The new destination port; 0 keeps the one the sender wrote.</param>
public readonly record struct NatTarget(InetAddress Address, ushort Port);

/// <summary>The kinds of address translation.</summary>
public enum NatKind
{
    /// <summary>One internal address is one external address, for every protocol, in both directions.</summary>
    Static,

    /// <summary>Internal addresses share external ones by port: only the guest can begin a conversation.</summary>
    Source,

    /// <summary>An external address and port lead to the guest: the outside begins the conversation.</summary>
    Destination,

    /// <summary>The guest's own connections to an external address are spread over targets; the same connection keeps its target.</summary>
    LoadBalance,

    /// <summary>An IPv6 prefix is exchanged for another of the same length, checksum-neutral (RFC 6296), in both directions, without state.</summary>
    Prefix,
}
