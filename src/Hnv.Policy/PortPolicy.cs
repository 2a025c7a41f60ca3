using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Policy;

/// <summary>What the controller wants of one VPort: the network interface that is plugged into it and the rules around it (R13).</summary>
/// <param name="Nic">The interface's instanceId.</param>
/// <param name="Name">Its REST resource id, for people.</param>
/// <param name="Vsid">The virtual subnet it is attached to.</param>
/// <param name="Mac">Its MAC; the guest may send from no other unless <see cref="PortSettings.MacSpoofing"/> is on.</param>
/// <param name="Addresses">Its customer addresses; the guest may send from no others.</param>
/// <param name="Settings">Guards and limits.</param>
/// <param name="Rules">Firewall rules of both levels and directions; no rule at all means no firewall (requirements C7).</param>
public sealed record PortPolicy(
    NicId Nic,
    string Name,
    Vsid Vsid,
    MacAddress Mac,
    ImmutableArray<CustomerAddress> Addresses,
    PortSettings Settings,
    ImmutableArray<AclRule> Rules)
{
    /// <summary>By value, lists included: an equal policy needs no new program.</summary>
    public bool Equals(PortPolicy? other) =>
        other is not null
        && Nic == other.Nic
        && Name == other.Name
        && Vsid == other.Vsid
        && Mac == other.Mac
        && Settings == other.Settings
        && Addresses.AsSpan().SequenceEqual(other.Addresses.AsSpan())
        && Rules.AsSpan().SequenceEqual(other.Rules.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Nic, Vsid, Mac, Rules.Length);
}

/// <summary>Port guards and limits of a network interface (<c>portSettings</c> in REST).</summary>
/// <param name="MacSpoofing">True lets the guest use source MACs that are not its own.</param>
/// <param name="ArpGuard">True passes only ARP for the port's own addresses.</param>
/// <param name="DhcpGuard">True drops DHCP server messages from the guest.</param>
/// <param name="StormLimit">Broadcast, multicast and unknown unicast packets per second the guest may send; 0 is no limit.</param>
/// <param name="PortFlowLimit">Flows the port may hold; 0 is the engine's own bound.</param>
public sealed record PortSettings(bool MacSpoofing, bool ArpGuard, bool DhcpGuard, int StormLimit, int PortFlowLimit)
{
    /// <summary>What a network interface has that says nothing.</summary>
    public static PortSettings Default { get; } = new(MacSpoofing: false, ArpGuard: false, DhcpGuard: false, StormLimit: 0, PortFlowLimit: 0);
}
