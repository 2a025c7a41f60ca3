using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Policy;

/// <summary>
/// Everything one host has to know, as the network controller asked for it: the value that the controller plans per host, that
/// the policy database of the host carries (R98-R101) and that the compiler turns into port programs. Immutable; compared by value
/// of its parts, never changed in place.
/// </summary>
/// <param name="Configuration">
/// The <c>next_cfg</c> this policy was read at. The agent reports it back as <c>cur_cfg</c> once it is in force. 0 for an empty database.
/// </param>
/// <param name="RouterMac">The distributed router's MAC, the same on every host (R24); null before the controller has said it.</param>
/// <param name="ProviderAddresses">This host's PAs, one per team member (R62), in team order.</param>
/// <param name="VirtualNetworks">The routing domains that have a port on this host.</param>
/// <param name="Mappings">CA-PA mappings of every member of those routing domains, this host's own ports included.</param>
/// <param name="Ports">The network interfaces whose ports are on this host.</param>
public sealed record HostPolicy(
    long Configuration,
    MacAddress? RouterMac,
    ImmutableArray<ProviderAddressPolicy> ProviderAddresses,
    ImmutableArray<VirtualNetworkPolicy> VirtualNetworks,
    ImmutableArray<CaPaMapping> Mappings,
    ImmutableArray<PortPolicy> Ports)
{
    /// <summary>What holds for the whole switch.</summary>
    public HostSettings Settings { get; init; } = HostSettings.Default;

    /// <summary>
    /// The provider addresses of hosts that have more than one: whoever accepts packets from one of a team's addresses accepts them from all,
    /// because a host spreads its flows over its team.
    /// </summary>
    public ImmutableArray<ProviderTeam> Teams { get; init; } = [];

    /// <summary>A host that nobody has told anything.</summary>
    public static HostPolicy Empty { get; } = new(0, null, [], [], [], []);

    /// <summary>By value, lists included: an equal policy needs no new program.</summary>
    public bool Equals(HostPolicy? other) =>
        other is not null
        && Configuration == other.Configuration
        && RouterMac == other.RouterMac
        && ProviderAddresses.AsSpan().SequenceEqual(other.ProviderAddresses.AsSpan())
        && VirtualNetworks.AsSpan().SequenceEqual(other.VirtualNetworks.AsSpan())
        && Mappings.AsSpan().SequenceEqual(other.Mappings.AsSpan())
        && Ports.AsSpan().SequenceEqual(other.Ports.AsSpan())
        && Settings == other.Settings
        && Teams.AsSpan().SequenceEqual(other.Teams.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Configuration, RouterMac, Mappings.Length, Ports.Length);
}

/// <summary>The provider addresses of one host, in team order.</summary>
public sealed record ProviderTeam(ImmutableArray<ProviderAddress> Members)
{
    /// <summary>By value.</summary>
    public bool Equals(ProviderTeam? other) => other is not null && Members.AsSpan().SequenceEqual(other.Members.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => Members.Length == 0 ? 0 : Members[0].GetHashCode();
}
