using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>The compiled policy of one VPort: who it is, what it may send, and its layers. Immutable; replaced whole.</summary>
public sealed record PortProgram
{
    /// <summary>The network interface this is for.</summary>
    public required NicId Nic { get; init; }

    /// <summary>Its name, for people.</summary>
    public required string Name { get; init; }

    /// <summary>The virtual subnet that every packet of the port belongs to; the guest cannot choose it (R30).</summary>
    public required Vsid Vsid { get; init; }

    /// <summary>The port's own MAC.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>The port's own customer addresses.</summary>
    public ImmutableArray<CustomerAddress> Addresses { get; init; } = [];

    /// <summary>Where the distributed router stands in the port's subnet; null when there is none.</summary>
    public RouterIdentity? Router { get; init; }

    /// <summary>Guards and limits.</summary>
    public PortGuards Guards { get; init; } = new();

    /// <summary>The CA-PA mappings of the routing domain; ARP and neighbour questions are answered from it.</summary>
    public MappingSpace Space { get; init; } = MappingSpace.Empty;

    /// <summary>By ascending priority: the outbound order. Inbound they are asked from last to first (R105).</summary>
    public ImmutableArray<Layer> Layers { get; init; } = [];

    /// <summary>True when policy for the port is wrong: everything is dropped (<see cref="DropReason.NoPolicy"/>) until it is put right.</summary>
    public bool IsFailClosed { get; init; }

    /// <summary>The program of a port whose policy could not be compiled.</summary>
    public static PortProgram FailClosed(NicId nic, string name) =>
        new() { Nic = nic, Name = name, Vsid = default, Mac = default, IsFailClosed = true };
}

/// <summary>The distributed router as a port meets it: one MAC on every host, one address in each subnet (R22-R24).</summary>
/// <param name="Mac">The router's MAC.</param>
/// <param name="Gateway">The router's address in the port's own subnet.</param>
/// <param name="Routes">All subnets of the routing domain, the router's addresses in them included.</param>
public sealed record RouterIdentity(MacAddress Mac, CustomerAddress Gateway, RouteTable Routes);

/// <summary>What a port may send, and how much.</summary>
public sealed record PortGuards
{
    /// <summary>True lets the guest use source MACs and addresses that are not its own.</summary>
    public bool MaySpoof { get; init; }

    /// <summary>True holds ARP senders to the port's own addresses even where the guest may spoof.</summary>
    public bool ArpGuard { get; init; }

    /// <summary>True drops DHCP server messages from the guest.</summary>
    public bool DhcpGuard { get; init; }

    /// <summary>Broadcast and multicast packets per second the guest may send; 0 is no limit.</summary>
    public int StormLimit { get; init; }

    /// <summary>Unified flows the port may hold, both directions together; 0 is <see cref="PortFlows.DefaultFlowLimit"/>.</summary>
    public int FlowLimit { get; init; }
}
