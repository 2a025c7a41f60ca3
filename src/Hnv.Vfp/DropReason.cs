namespace Hnv.Vfp;

/// <summary>
/// Why a packet was dropped. The numbers are ABI: they label counters, metrics and, later, eBPF map slots. Append; never reuse or renumber.
/// 0-34 are VFP's own numbers, 64 and up are ours.
/// </summary>
public enum DropReason : byte
{
    /// <summary>ARP for an address that is not the port's own while ARP guard is on, or with a forged sender.</summary>
    ArpGuard = 0,

    /// <summary>More ARP requests and neighbour solicitations than the host answers to one port in a second.</summary>
    ArpLimiter = 1,

    /// <summary>A DHCP server message from a guest that may not send one.</summary>
    DhcpGuard = 2,

    /// <summary>More DHCP messages and router solicitations than the host answers to one port in a second.</summary>
    DhcpLimiter = 3,

    /// <summary>Broadcast where broadcast is blocked.</summary>
    BroadcastBlocked = 4,

    /// <summary>Neither ARP nor IP.</summary>
    NonIPBlocked = 5,

    /// <summary>ARP that policy answers with silence: an unknown address, a gratuitous announcement, a reply (R41).</summary>
    ArpFilter = 6,

    /// <summary>An IPv4 source address that is not the port's own.</summary>
    IPv4Guard = 7,

    /// <summary>An IPv6 source address that is not the port's own.</summary>
    IPv6Guard = 8,

    /// <summary>A source MAC that is not the port's own.</summary>
    MacGuard = 9,

    /// <summary>A broadcast or multicast in a virtual subnet without another member.</summary>
    NoDestinationsBroadcast = 10,

    /// <summary>No mapping for the destination.</summary>
    NoDestinationUnicast = 11,

    /// <summary>The destination's port exists but is not ready.</summary>
    DestinationPortNotReady = 12,

    /// <summary>Malformed at any layer.</summary>
    InvalidPacket = 32,

    /// <summary>A firewall rule blocks it.</summary>
    Acl = 64,

    /// <summary>The distributed router has no route: another routing domain, or no gateway.</summary>
    NoRoute = 65,

    /// <summary>TTL or hop limit ran out at the distributed router and no ICMP may be sent about it.</summary>
    TtlExpired = 66,

    /// <summary>The virtual network identifier belongs to no virtual subnet of this host.</summary>
    UnknownVsid = 67,

    /// <summary>The outer source is no provider address that policy knows for that VSID.</summary>
    UnknownProviderAddress = 68,

    /// <summary>The inner destination MAC is no port of that VSID on this host.</summary>
    WrongInnerDestination = 69,

    /// <summary>A VLAN tag inside the tenant's frame.</summary>
    VlanTagged = 70,

    /// <summary>A bad outer header: flags, version, length or protocol of VXLAN or NVGRE.</summary>
    InvalidEncapsulation = 71,

    /// <summary>The port has no program yet, or one that failed: fail closed.</summary>
    NoPolicy = 72,

    /// <summary>The host has no provider address to send from.</summary>
    NoProviderAddress = 73,

    /// <summary>The packet with its encapsulation does not fit the provider network.</summary>
    MtuExceeded = 74,

    /// <summary>The port's table of flows is full and its policy says drop.</summary>
    FlowLimit = 75,

    /// <summary>Beyond the port's storm limit.</summary>
    StormLimit = 76,

    /// <summary>The kernel took no more: a full queue at the destination device.</summary>
    TransmitQueueFull = 77,

    /// <summary>ARP or a router or neighbour message that arrived from the provider network: answered locally, so nobody sends one.</summary>
    AddressResolutionFromUnderlay = 78,

    /// <summary>Outer congestion-experienced on a packet whose sender does not understand ECN (RFC 6040 §4.2).</summary>
    EcnNotCapable = 79,

    /// <summary>A later fragment of a datagram whose first fragment has not been seen, so nothing says whether it may pass.</summary>
    FragmentWithoutFirst = 80,

    /// <summary>A user route discards it (next hop type None).</summary>
    RouteDrop = 81,

    /// <summary>The pool of a source translation has no free port.</summary>
    NatExhausted = 82,

    /// <summary>A translation cannot be made: it needs state and this packet cannot begin a conversation, or RFC 6296 knows no way.</summary>
    NatNoState = 83,

    /// <summary>More TCP connections wait for an answer than the port may have.</summary>
    HalfOpenLimit = 84,

    /// <summary>The router has said as many ICMP errors as it may.</summary>
    IcmpLimit = 85,

    /// <summary>Beyond the port's bandwidth, with its queue full.</summary>
    RateLimit = 86,

    /// <summary>A frame of the physical network for no port of that VLAN.</summary>
    UnknownVlan = 87,

    /// <summary>A router advertisement or redirect from a guest: the router of a virtual subnet is the host.</summary>
    RouterGuard = 88,

    /// <summary>
    /// DHCP that the host answers with silence: malformed, for another client or server, an address given back, or a port without an address of
    /// that family.
    /// </summary>
    DhcpFilter = 89,

    /// <summary>As many packets of the port wait for a decision as may: a flood of new flows, or packets the fast path leaves to the engine.</summary>
    PuntLimit = 90,
}
