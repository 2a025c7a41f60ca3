using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>What a matched rule does. Closed: a new action is a new case here, handled in <see cref="SlowPath"/>. Plain data, no code.</summary>
public abstract record RuleAction
{
    private RuleAction()
    {
    }

    /// <summary>Admits the packet in this layer.</summary>
    /// <param name="Stateful">True makes the flow a connection: its later packets and its replies pass.</param>
    public sealed record Allow(bool Stateful) : RuleAction;

    /// <summary>Drops the packet (<see cref="DropReason.Acl"/>).</summary>
    public sealed record Block : RuleAction;

    /// <summary>
    /// The distributed router (R19-R27): answers for its gateway addresses, otherwise chooses the destination's VSID by the longest prefix,
    /// lowers the TTL and puts the router's MAC as source.
    /// </summary>
    public sealed record RedirectToRouter(RouteTable Routes, MacAddress RouterMac) : RuleAction;

    /// <summary>Sets the destination MAC to the one mapped for the destination CA in the VSID that routing chose.</summary>
    public sealed record MapMac(MappingSpace Space) : RuleAction;

    /// <summary>
    /// Finds where the destination MAC lives: on this host (its PA is one of <paramref name="OwnProviders"/>), or behind the PA to encap to, with
    /// the destination's VSID (R21).
    /// </summary>
    /// <param name="Space">The CA-PA mappings.</param>
    /// <param name="OwnProviders">The host's own PAs.</param>
    /// <param name="OuterDscp">The DSCP of the outer header; null copies the inner one.</param>
    /// <param name="UnderlayMtu">The longest IP packet of the provider network, bytes; 0 when unknown, and nothing is too long.</param>
    public sealed record EncapFromSpace(
        MappingSpace Space, ImmutableArray<ProviderAddress> OwnProviders, byte? OuterDscp = null, int UnderlayMtu = 0) : RuleAction;

    /// <summary>Inbound: the outer headers have been taken off, having been checked against the VSID and the mappings (R29, R31).</summary>
    public sealed record Decap : RuleAction;

    /// <summary>One copy for every other member of the sender's VSID (R37).</summary>
    public sealed record Replicate(MappingSpace Space) : RuleAction;

    /// <summary>Chooses the outer source among the host's provider addresses by the family of the outer destination, and of several by the flow.</summary>
    /// <param name="TeamMembersIPv4">Indexes of the PAs toward IPv4 destinations; empty when the host has none.</param>
    /// <param name="TeamMembersIPv6">Indexes of the PAs toward IPv6 destinations; empty when the host has none.</param>
    public sealed record PaRoute(ImmutableArray<byte> TeamMembersIPv4, ImmutableArray<byte> TeamMembersIPv6) : RuleAction;

    /// <summary>Counts the packet's bytes as billed or not.</summary>
    public sealed record Meter(MeterClass Class) : RuleAction;

    /// <summary>
    /// Exchanges one prefix for another of the same length, bit by bit or, with <paramref name="IsChecksumNeutral"/>, as RFC 6296 does: the source
    /// of what the guest sends, the destination of what it receives.
    /// </summary>
    public sealed record TranslatePrefix(IpPrefix From, IpPrefix To, bool IsChecksumNeutral) : RuleAction;

    /// <summary>The source becomes an address and port of a pool (R85).</summary>
    public sealed record TranslateSource(NatPool Pool) : RuleAction;

    /// <summary>The destination becomes one of the targets, by the hash of the connection; its packets and replies keep to it.</summary>
    /// <param name="Targets">At least one; port 0 keeps the sender's.</param>
    public sealed record TranslateDestination(ImmutableArray<TranslationTarget> Targets) : RuleAction
    {
        /// <summary>By value, the list included.</summary>
        public bool Equals(TranslateDestination? other) => other is not null && Targets.AsSpan().SequenceEqual(other.Targets.AsSpan());

        /// <inheritdoc/>
        public override int GetHashCode() => Targets.Length;
    }

    /// <summary>A copy of the packet, as it is at the guest, goes to an appliance too.</summary>
    public sealed record Mirror(MirrorTarget Target) : RuleAction;

    /// <summary>Bandwidth of the port; carried out by the executor for the port as a whole, and named here so that it can be seen (R107, R118).</summary>
    public sealed record Qos(PortRates Rates) : RuleAction;
}

/// <summary>How bytes are accounted.</summary>
public enum MeterClass : byte
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>They leave the tenant's networks.</summary>
    Billed,

    /// <summary>They stay within.</summary>
    Unbilled,
}

/// <summary>Where a translated destination leads; port 0 keeps the sender's.</summary>
public readonly record struct TranslationTarget(InetAddress Address, ushort Port);

/// <summary>Where mirrored packets go.</summary>
/// <param name="Vsid">The appliance's virtual subnet.</param>
/// <param name="Mac">Its MAC: copies carry it as destination.</param>
/// <param name="Provider">The PA it lives behind.</param>
/// <param name="Encapsulation">How to reach that PA.</param>
/// <param name="TeamMember">Index of the PA that copies leave from.</param>
/// <param name="IsLocal">True when it lives on this host.</param>
/// <param name="UnderlayMtu">The longest IP packet of the provider network, bytes; 0 when unknown.</param>
public sealed record MirrorTarget(
    Vsid Vsid, MacAddress Mac, ProviderAddress Provider, EncapsulationType Encapsulation, byte TeamMember, bool IsLocal, int UnderlayMtu = 0);

/// <summary>Bandwidth of a port, bits per second; 0 is no limit.</summary>
/// <param name="OutboundMaximum">What the guest may send at most.</param>
/// <param name="OutboundReserved">What the guest may send however busy the link is.</param>
/// <param name="OutboundWeight">Share of what is left of the link, 1 … 100.</param>
/// <param name="InboundMaximum">What is delivered to the guest at most.</param>
public sealed record PortRates(long OutboundMaximum, long OutboundReserved, int OutboundWeight, long InboundMaximum)
{
    /// <summary>No limits.</summary>
    public static PortRates None { get; } = new(0, 0, 1, 0);
}
