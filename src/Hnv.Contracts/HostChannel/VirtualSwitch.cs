namespace Hnv.Contracts.HostChannel;

/// <summary>A part of a long list.</summary>
/// <param name="Total">How long the whole list is.</param>
/// <param name="Skipped">Items left out before the first one here.</param>
/// <param name="Items">The part.</param>
public sealed record Page<T>(long Total, int Skipped, IReadOnlyList<T> Items);

/// <summary><c>GET /v1/vfp/switch</c>: the switch, its uplinks, and what it forwards by.</summary>
/// <param name="Name">The host's name.</param>
/// <param name="Id">The host's GUID.</param>
/// <param name="Executor">Who carries packets: <c>userspace</c> or <c>ebpf</c>.</param>
/// <param name="Generation">Counts changes of policy and of ports.</param>
/// <param name="Uplinks">The external NICs, in team order.</param>
/// <param name="Subnets">Forwarding of encapsulated packets: virtual subnets with a port here, by VSID, then by inner MAC.</param>
/// <param name="PlainPorts">Forwarding of frames as they are: ports without a VSID, by VLAN and MAC.</param>
/// <param name="UnderlayDrops">Drop reason → packets from the provider network that reached no port.</param>
public sealed record VfpSwitch(
    string Name,
    Guid Id,
    string Executor,
    uint Generation,
    IReadOnlyList<VfpUplink> Uplinks,
    IReadOnlyList<VfpSubnet> Subnets,
    IReadOnlyList<VfpPlainPort> PlainPorts,
    IReadOnlyDictionary<string, long> UnderlayDrops);

/// <summary>An external NIC.</summary>
/// <param name="Device">The Linux device.</param>
/// <param name="TeamMember">Its place in the team, from 0.</param>
/// <param name="Mac">Its MAC.</param>
/// <param name="Mtu">Bytes of an IP packet it takes.</param>
/// <param name="IsUp">True when it is up.</param>
/// <param name="ProviderAddress">The PA that leaves by it; null when there is none.</param>
/// <param name="Vlan">802.1Q VLAN of the PA; 0 is untagged.</param>
/// <param name="Offloads">What its hardware or driver does, in the kernel's names (<c>tx-udp_tnl-segmentation</c>), that is switched on.</param>
public sealed record VfpUplink(
    string Device, int TeamMember, string Mac, int Mtu, bool IsUp, string? ProviderAddress, int Vlan, IReadOnlyList<string> Offloads);

/// <summary>A virtual subnet as packets from the provider network meet it.</summary>
/// <param name="Vsid">Its VSID.</param>
/// <param name="AcceptedProviderAddresses">How many PAs its packets may come from.</param>
/// <param name="Ports">instanceIds of the NICs of it on this host.</param>
public sealed record VfpSubnet(uint Vsid, int AcceptedProviderAddresses, IReadOnlyList<Guid> Ports);

/// <summary>A port without a VSID.</summary>
public sealed record VfpPlainPort(int Vlan, string Mac, Guid Nic);

/// <summary>One port of the switch, <c>GET /v1/vfp/ports</c>.</summary>
/// <param name="Nic">instanceId of the network interface.</param>
/// <param name="Number">The kernel's number of the device.</param>
/// <param name="Name">The resource id of the interface; null before policy came.</param>
/// <param name="Device">The Linux device.</param>
/// <param name="Mac">The port's MAC; null before policy came.</param>
/// <param name="Mtu">Bytes of an IP packet the device takes.</param>
/// <param name="Vsid">The virtual subnet; null when the port is in none.</param>
/// <param name="Vlan">VLAN of a port without a VSID.</param>
/// <param name="Addresses">Customer addresses.</param>
/// <param name="IsUp">The device is up.</param>
/// <param name="State">Of the port.</param>
/// <param name="In">Delivered to the VM.</param>
/// <param name="Out">Sent by the VM.</param>
public sealed record VfpPort(
    Guid Nic,
    int Number,
    string? Name,
    string Device,
    string? Mac,
    int Mtu,
    uint? Vsid,
    int Vlan,
    IReadOnlyList<string> Addresses,
    bool IsUp,
    VfpPortState State,
    VfpPortCounts In,
    VfpPortCounts Out);

/// <summary>Whether a port works, and with which guards.</summary>
/// <param name="Enabled">A device is plugged in and carried.</param>
/// <param name="Blocked">No policy is in force, or one that is wrong: everything is dropped.</param>
/// <param name="BlockedOnRestore">The port waits for its policy after a restart.</param>
/// <param name="BlockedLayerCreation">Layers cannot be made.</param>
/// <param name="PreservingVlan">Tags of the guest are kept.</param>
/// <param name="VmContextSet">Policy knows the network interface.</param>
/// <param name="MaySpoof">The guest may use addresses that are not its own.</param>
/// <param name="ArpGuard">ARP senders are held to the port's own.</param>
/// <param name="DhcpGuard">DHCP servers in the guest are silenced.</param>
/// <param name="StormLimit">Broadcast and multicast packets per second; 0 is no limit.</param>
/// <param name="Generation">Of the program in force.</param>
/// <param name="Offloads">What the device does, in the kernel's names.</param>
/// <param name="Fault">What is wrong; null when nothing is.</param>
public sealed record VfpPortState(
    bool Enabled,
    bool Blocked,
    bool BlockedOnRestore,
    bool BlockedLayerCreation,
    bool PreservingVlan,
    bool VmContextSet,
    bool MaySpoof,
    bool ArpGuard,
    bool DhcpGuard,
    int StormLimit,
    uint Generation,
    IReadOnlyList<string> Offloads,
    string? Fault);

/// <summary>What a port counted in one direction.</summary>
/// <param name="Packets">Packets decided, dropped ones included; a super-packet counts as one.</param>
/// <param name="Bytes">Their bytes, as the VM sees them.</param>
/// <param name="UnifiedFlowHits">Packets that a remembered decision was found for.</param>
/// <param name="SlowPath">Packets that the layers were asked about.</param>
/// <param name="Uncached">Decisions that were not remembered because a table was full.</param>
/// <param name="BilledBytes">Bytes that left the tenant's networks.</param>
/// <param name="UnbilledBytes">Bytes within them.</param>
/// <param name="Drops">Drop reason → packets.</param>
public sealed record VfpPortCounts(
    long Packets,
    long Bytes,
    long UnifiedFlowHits,
    long SlowPath,
    long Uncached,
    long BilledBytes,
    long UnbilledBytes,
    IReadOnlyDictionary<string, long> Drops);

/// <summary>The counters of a network interface in the shape of the REST resource, <c>GET /v1/ports/{nic}/counters</c>.</summary>
/// <param name="In">Delivered to the VM.</param>
/// <param name="Out">Sent by the VM.</param>
public sealed record NicCounters(NicDirectionCounters In, NicDirectionCounters Out);

/// <summary>One direction of <see cref="NicCounters"/>, packets.</summary>
/// <param name="Total">All, dropped ones included.</param>
/// <param name="Drop">Dropped for whatever reason.</param>
/// <param name="DropNoRuleMatch">Dropped because nothing in policy is about them.</param>
/// <param name="DropAcl">Dropped by a firewall rule.</param>
/// <param name="DropForwarding">Dropped because they have, or had, nowhere to go.</param>
/// <param name="TcpSyn">TCP packets with SYN.</param>
/// <param name="TcpFin">TCP packets with FIN.</param>
/// <param name="TcpReset">TCP packets with RST.</param>
public sealed record NicDirectionCounters(
    long Total, long Drop, long DropNoRuleMatch, long DropAcl, long DropForwarding, long TcpSyn, long TcpFin, long TcpReset)
{
    /// <summary>Nothing yet.</summary>
    public static NicDirectionCounters Zero { get; } = new(0, 0, 0, 0, 0, 0, 0, 0);

    /// <summary>Both together.</summary>
    public NicDirectionCounters Plus(NicDirectionCounters other) => new(
        Total + other.Total,
        Drop + other.Drop,
        DropNoRuleMatch + other.DropNoRuleMatch,
        DropAcl + other.DropAcl,
        DropForwarding + other.DropForwarding,
        TcpSyn + other.TcpSyn,
        TcpFin + other.TcpFin,
        TcpReset + other.TcpReset);
}
