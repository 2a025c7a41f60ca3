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
    public sealed record EncapFromSpace(MappingSpace Space, ImmutableArray<ProviderAddress> OwnProviders) : RuleAction;

    /// <summary>One copy for every other member of the sender's VSID (R37).</summary>
    public sealed record Replicate(MappingSpace Space) : RuleAction;

    /// <summary>Chooses the outer source among the host's provider addresses by the family of the outer destination.</summary>
    /// <param name="TeamMemberIPv4">Index of the PA toward IPv4 destinations; null when the host has none.</param>
    /// <param name="TeamMemberIPv6">Index of the PA toward IPv6 destinations; null when the host has none.</param>
    public sealed record PaRoute(byte? TeamMemberIPv4, byte? TeamMemberIPv6) : RuleAction;
}
