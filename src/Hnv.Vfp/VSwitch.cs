using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>The virtual switch of one host: its VPorts, and what packets from the provider network are checked and delivered by.</summary>
public sealed class VSwitch
{
    /// <summary>
    /// Finds what a decapsulated packet must satisfy: the virtual subnet on this host behind the wire's VNI/VSID number. Lock-free.
    /// </summary>
    /// <returns>Null when no port of this host is in it (<see cref="DropReason.UnknownVsid"/>).</returns>
    public SubnetForwarding? TryGetSubnet(uint vsid) => throw new NotImplementedException();

    /// <summary>Counts a packet from the provider network that reached no port.</summary>
    public void CountUnderlayDrop(DropReason reason) => throw new NotImplementedException();
}

/// <summary>One virtual subnet as the receiving side of this host sees it. Immutable.</summary>
public sealed class SubnetForwarding
{
    /// <summary>The subnet's VSID.</summary>
    public required Vsid Vsid { get; init; }

    /// <summary>True when policy knows that provider address for this VSID (or for another subnet of the same routing domain).</summary>
    public bool Accepts(ProviderAddress source) => throw new NotImplementedException();

    /// <summary>The port that owns this inner destination MAC; null when none does.</summary>
    public VPort? TryGetPort(MacAddress destination) => throw new NotImplementedException();

    /// <summary>All ports of this subnet on this host, for an inner destination that is a group address.</summary>
    public ReadOnlySpan<VPort> Ports => throw new NotImplementedException();
}
