using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Corpus;

/// <summary>One packet at one port, and all that must become of it.</summary>
/// <param name="Name">The behaviour.</param>
/// <param name="Requirements">Numbers of the requirements that it is an instance of.</param>
/// <param name="Direction">As the VM sees it.</param>
/// <param name="Frame">The packet.</param>
/// <param name="Verdict">Verdict, and for a drop its reason and the layer that dropped it.</param>
/// <param name="Delta">Every counter of the port that moves, by how much; bytes in frames of the packet's length.</param>
public sealed record PacketRow(string Name, ImmutableArray<int> Requirements, Direction Direction, FrameBuilder Frame, string Verdict, string Delta)
{
    /// <summary>Packets before, with their directions; what becomes of them is another row's.</summary>
    public ImmutableArray<(Direction Direction, FrameBuilder Frame)> Before { get; init; } = [];

    /// <summary>What is different in the sender's port.</summary>
    public Func<PortPolicy, PortPolicy> Port { get; init; } = port => port;

    /// <summary>What is different in the host's policy.</summary>
    public Func<HostPolicy, HostPolicy> Policy { get; init; } = policy => policy;

    /// <summary>The frame as it goes on, before encapsulation, or the answer; null when it goes on as it came.</summary>
    public FrameBuilder? Out { get; init; }


    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>
/// Packets that every executor must treat alike: each rule type and each drop reason that the switch itself gives. The port is machine A of the figure 2
/// network, on host 1; B (another subnet) is on host 1, D (the same subnet) and C (a third subnet) on host 2; E is another network's on host 1.
/// </summary>
public static class PacketTable
{
    /// <summary>The port that rows are about.</summary>
    public static readonly NicId A = new(new Guid(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));

    private const int UnderlayMtu = 1500;
    private const string New = "flows+1 out.bytes+1 out.packets+1 out.slow+1";
    private const string NewConnection = "connections+1 " + New;
    private const string Guarded = "out.bytes+1 out.packets+1";

    private static readonly MacAddress s_a = Mac(1), s_b = Mac(2), s_c = Mac(3), s_d = Mac(4), s_router = ContosoFabrikam.RouterMac;
    private static readonly InetAddress s_ipA = Address("10.1.1.11"), s_ipB = Address("10.1.2.11"), s_ipC = Address("10.1.3.11"), s_ipD = Address("10.1.1.12");
    private static readonly InetAddress s_external = Address("10.1.1.200");

    private static FrameBuilder ToD => FrameBuilder.Ethernet(s_a, s_d).IP(s_ipA, s_ipD);

    private static FrameBuilder FromD => FrameBuilder.Ethernet(s_d, s_a).IP(s_ipD, s_ipA);

    private static FrameBuilder ToB => FrameBuilder.Ethernet(s_a, s_router).IP(s_ipA, s_ipB);

    private static FrameBuilder ToC => FrameBuilder.Ethernet(s_a, s_router).IP(s_ipA, s_ipC);

    private static FrameBuilder Broadcast => FrameBuilder.Ethernet(s_a, MacAddress.Broadcast);

    /// <summary>The rows.</summary>
    public static ImmutableArray<PacketRow> All { get; } =
    [
        // Switching and routing.
        new("another host, same subnet", [15, 17, 47, 49, 75, 76], Direction.Outbound, ToD.Udp(1, 2), "Forward Encap", NewConnection),
        new("the second packet of a flow asks no layer", [109, 110, 112], Direction.Outbound, ToD.Udp(1, 2), "Forward Encap", "out.bytes+1 out.hits+1 out.packets+1")
        {
            Before = [(Direction.Outbound, ToD.Udp(1, 2))],
        },
        new("another subnet, same host", [19, 20, 21, 27], Direction.Outbound, ToB.Udp(1, 2), "Forward DestinationMac, SourceMac, DecrementTtl", NewConnection)
        {
            Out = FrameBuilder.Ethernet(s_router, s_b).IP(s_ipA, s_ipB).Udp(1, 2).TimeToLive(63),
        },
        new("another subnet, another host", [19, 21, 27, 134], Direction.Outbound, ToC.Udp(1, 2), "Forward DestinationMac, SourceMac, DecrementTtl, Encap", NewConnection)
        {
            Out = FrameBuilder.Ethernet(s_router, s_c).IP(s_ipA, s_ipC).Udp(1, 2).TimeToLive(63),
        },
        new("ping of the gateway", [22, 23, 24], Direction.Outbound, FrameBuilder.Ethernet(s_a, s_router).IP(s_ipA, Address("10.1.1.1")).Ping(7), "Hairpin EchoReply", New)
        {
            Out = FrameBuilder.Ethernet(s_router, s_a).IP(Address("10.1.1.1"), s_ipA).Icmp(IcmpTypes.EchoReply, 0, (7 << 16) | 1),
        },
        new("TTL runs out at the router, and is said so", [27], Direction.Outbound, ToB.Udp(1, 2).TimeToLive(1).Identification(0), "Hairpin TimeExceeded", Guarded + " out.slow+1")
        {
            Out = FrameBuilder.Ethernet(s_router, s_a).IP(Address("10.1.1.1"), s_ipA).Icmp(11).Tos(0xC0).DontFragment(false).Identification(0)
                .Payload(ToB.Udp(1, 2).TimeToLive(1).Identification(0).Build()[14..]),
        },
        new("TTL runs out of an ICMP error: nothing is said", [27], Direction.Outbound, ToB.Icmp(3, 3).Payload(28).TimeToLive(1), "Drop TtlExpired VNET_DR_REDIRECTION_LAYER",
            "out.bytes+1 out.drop.TtlExpired+1 out.packets+1 out.slow+1"),
        new("another routing domain", [2, 12, 28], Direction.Outbound, FrameBuilder.Ethernet(s_a, s_router).IP(s_ipA, Address("10.1.4.11")).Udp(1, 2),
            "Drop NoRoute VNET_DR_REDIRECTION_LAYER", "out.drop.NoRoute+1 " + New),
        new("a user route of none", [25, 26], Direction.Outbound, FrameBuilder.Ethernet(s_a, s_router).IP(s_ipA, Address("192.0.2.1")).Udp(1, 2),
            "Drop RouteDrop VNET_DR_REDIRECTION_LAYER", "out.drop.RouteDrop+1 " + New),
        new("a user route to an appliance", [26], Direction.Outbound, FrameBuilder.Ethernet(s_a, s_router).IP(s_ipA, Address("198.51.100.1")).Udp(1, 2),
            "Forward DestinationMac, SourceMac, DecrementTtl", "out.billed+28 " + NewConnection)
        {
            Out = FrameBuilder.Ethernet(s_router, s_b).IP(s_ipA, Address("198.51.100.1")).Udp(1, 2).TimeToLive(63),
        },
        new("an unknown MAC", [28, 76], Direction.Outbound, FrameBuilder.Ethernet(s_a, Mac(99)).IP(s_ipA, s_ipD).Udp(1, 2),
            "Drop NoDestinationUnicast VNET_ENCAP_LAYER", "out.drop.NoDestinationUnicast+1 " + New),
        new("a port that is not plugged in", [15], Direction.Outbound, FrameBuilder.Ethernet(s_a, Mac(5)).IP(s_ipA, Address("10.1.1.15")).Udp(1, 2),
            "Drop DestinationPortNotReady", "out.bytes+1 out.drop.DestinationPortNotReady+1 out.packets+1 out.slow+1"),
        new("a host without a provider address of that family", [68], Direction.Outbound, FrameBuilder.Ethernet(s_a, Mac(6)).IP(s_ipA, Address("10.1.1.16")).Udp(1, 2),
            "Drop NoProviderAddress VNET_PA_ROUTE_LAYER", "out.drop.NoProviderAddress+1 " + New),

        // Broadcast.
        new("broadcast", [8, 34, 36, 37], Direction.Outbound, Broadcast.IP(s_ipA, Address("10.1.1.255")).Udp(1, 2), "Replicate 10.1.1.12", New),
        new("broadcast of one who is alone in the family", [34], Direction.Outbound,
            FrameBuilder.Ethernet(s_a, MacAddress.FromNumber(0x3333_0000_00FB)).IP("2001:db8:1:1::11", "ff02::fb").Udp(1, 2),
            "Drop NoDestinationsBroadcast VNET_ENCAP_LAYER", "out.drop.NoDestinationsBroadcast+1 " + New),
        new("more broadcast than the storm limit", [34], Direction.Outbound, Broadcast.IP(s_ipA, Address("10.1.1.255")).Udp(1, 2), "Drop StormLimit",
            "out.bytes+1 out.drop.StormLimit+1 out.packets+1")
        {
            Port = port => port with { Settings = port.Settings with { StormLimit = 1 } },
            Before = [(Direction.Outbound, Broadcast.IP(s_ipA, Address("10.1.1.255")).Udp(1, 2))],
        },

        // Guards and address resolution.
        new("ARP for a neighbour", [39, 40, 101], Direction.Outbound, Broadcast.ArpRequest(s_ipA, s_ipD), "Hairpin AddressResolution", Guarded)
        {
            Out = FrameBuilder.Ethernet(s_d, s_a).ArpReply(s_ipD, s_ipA),
        },
        new("ARP for the gateway", [22, 42], Direction.Outbound, Broadcast.ArpRequest(s_ipA, Address("10.1.1.1")), "Hairpin AddressResolution", Guarded)
        {
            Out = FrameBuilder.Ethernet(s_router, s_a).ArpReply(Address("10.1.1.1"), s_ipA),
        },
        new("ARP for nobody", [41], Direction.Outbound, Broadcast.ArpRequest(s_ipA, Address("10.1.1.77")), "Drop ArpFilter", "out.bytes+1 out.drop.ArpFilter+1 out.packets+1"),
        new("ARP of another", [30], Direction.Outbound, Broadcast.ArpRequest(s_ipB, s_ipD), "Drop ArpGuard", "out.bytes+1 out.drop.ArpGuard+1 out.packets+1"),
        new("a MAC of another", [30], Direction.Outbound, FrameBuilder.Ethernet(s_b, s_d).IP(s_ipA, s_ipD).Udp(1, 2), "Drop MacGuard", "out.bytes+1 out.drop.MacGuard+1 out.packets+1"),
        new("an IPv4 address of another", [30], Direction.Outbound, FrameBuilder.Ethernet(s_a, s_d).IP(s_ipB, s_ipD).Udp(1, 2), "Drop IPv4Guard",
            "out.bytes+1 out.drop.IPv4Guard+1 out.packets+1"),
        new("an IPv6 address of another", [30], Direction.Outbound, FrameBuilder.Ethernet(s_a, s_d).IP("2001:db8:1:1::99", "2001:db8:1:1::12").Udp(1, 2), "Drop IPv6Guard",
            "out.bytes+1 out.drop.IPv6Guard+1 out.packets+1"),
        new("a VLAN tag of the guest", [30], Direction.Outbound, ToD.Vlan(100).Udp(1, 2), "Drop VlanTagged", "out.bytes+1 out.drop.VlanTagged+1 out.packets+1"),
        new("neither ARP nor IP", [16], Direction.Outbound, FrameBuilder.Ethernet(s_a, s_d).EtherType(0x88CC).Payload(1, 2, 3), "Drop NonIPBlocked",
            "out.bytes+1 out.drop.NonIPBlocked+1 out.packets+1"),
        new("a DHCP server of the guest", [118], Direction.Outbound, ToD.Udp(67, 68), "Drop DhcpGuard", "out.bytes+1 out.drop.DhcpGuard+1 out.packets+1")
        {
            Port = port => port with { Settings = port.Settings with { DhcpGuard = true } },
        },
        new("a router of the guest", [43], Direction.Outbound,
            FrameBuilder.Ethernet(s_a, MacAddress.FromNumber(0x3333_0000_0001)).IP("fe80::1", "ff02::1").Icmp(134).TimeToLive(255).Payload(16), "Drop RouterGuard",
            "out.bytes+1 out.drop.RouterGuard+1 out.packets+1"),
        new("VXLAN of the guest is a packet like any other", [30], Direction.Outbound, ToD.Udp(4789, 4789).Payload(0x08, 0, 0, 0, 0, 0x17, 0x71, 0), "Forward Encap", NewConnection),
        new("garbage behind the EtherType of ARP", [39], Direction.Outbound, Broadcast.EtherType(EtherTypes.Arp).Payload(1, 2, 3), "Drop InvalidPacket",
            "out.bytes+1 out.drop.InvalidPacket+1 out.packets+1"),
        new("ARP from the provider network", [39, 42], Direction.Inbound, FrameBuilder.Ethernet(s_d, s_a).ArpReply(s_ipD, s_ipA), "Drop AddressResolutionFromUnderlay",
            "in.bytes+1 in.drop.AddressResolutionFromUnderlay+1 in.packets+1"),
        new("a port without a program", [102], Direction.Outbound, ToD.Udp(1, 2), "Drop NoPolicy", "out.bytes+1 out.drop.NoPolicy+1 out.packets+1")
        {
            Policy = policy => policy with { Ports = policy.Ports.RemoveAt(0) },
        },

        // Firewall.
        new("received", [29, 47, 111], Direction.Inbound, FromD.Udp(1, 2), "Forward None", "connections+1 flows+1 in.bytes+1 in.packets+1 in.slow+1"),
        new("blocked by the subnet's list", [45, 107, 119], Direction.Outbound, ToD.Tcp(40000, 80, TcpFlags.Syn), "Drop Acl FW_ADMIN_LAYER_ID", "out.drop.Acl+1 out.tcp.syn+1 " + New)
        {
            Port = port => port with { Rules = [Rule(AclLevel.Subnet, Direction.Outbound, AclAction.Block, 80)] },
        },
        new("blocked by the interface's list, inbound", [45], Direction.Inbound, FromD.Udp(1, 80), "Drop Acl FW_CONTROLLER_LAYER_ID",
            "flows+1 in.bytes+1 in.drop.Acl+1 in.packets+1 in.slow+1")
        {
            Port = port => port with { Rules = [Rule(AclLevel.NetworkInterface, Direction.Inbound, AclAction.Block, 80)] },
        },
        new("allowed by a better rule", [45, 106], Direction.Outbound, ToD.Udp(1, 80), "Forward Encap", NewConnection)
        {
            Port = port => port with
            {
                Rules = [Rule(AclLevel.Subnet, Direction.Outbound, AclAction.Allow, 80), Rule(AclLevel.Subnet, Direction.Outbound, AclAction.Block, 80) with { RuleId = "b", Priority = 200 }],
            },
        },
        new("an answer passes by state", [45], Direction.Inbound, FromD.Udp(80, 40000), "Forward None", "flows+1 in.bytes+1 in.packets+1 in.slow+1")
        {
            Port = port => port with { Rules = [Rule(AclLevel.Subnet, Direction.Inbound, AclAction.Block, null)] },
            Before = [(Direction.Outbound, ToD.Udp(40000, 80))],
        },
        new("a port without a list where such ports are closed", [44], Direction.Outbound, ToD.Udp(1, 2), "Drop Acl FW_ADMIN_LAYER_ID", "out.drop.Acl+1 " + New)
        {
            Policy = policy => policy with { Settings = policy.Settings with { PortDefault = PortDefaultState.BlockTraffic } },
        },
        new("a later fragment without its first", [45], Direction.Outbound, ToD.Udp(1, 2).Payload(16).Fragment(64, more: false), "Drop FragmentWithoutFirst",
            "out.bytes+1 out.drop.FragmentWithoutFirst+1 out.packets+1 out.slow+1"),

        // Translation.
        new("static translation", [85], Direction.Outbound, ToD.Udp(1, 2), "Forward Encap, Source", NewConnection)
        {
            Port = port => port with { Nat = [Nat(NatKind.Static)] },
            Out = FrameBuilder.Ethernet(s_a, s_d).IP(s_external, s_ipD).Udp(1, 2),
        },
        new("static translation, inbound", [85], Direction.Inbound, FrameBuilder.Ethernet(s_d, s_a).IP(s_ipD, s_external).Udp(1, 2), "Forward Destination",
            "connections+1 flows+1 in.bytes+1 in.packets+1 in.slow+1")
        {
            Port = port => port with { Nat = [Nat(NatKind.Static)] },
            Out = FrameBuilder.Ethernet(s_d, s_a).IP(s_ipD, s_ipA).Udp(1, 2),
        },
        new("source translation", [85], Direction.Outbound, ToD.Udp(40000, 2), "Forward Encap, Source, SourcePort", NewConnection)
        {
            Port = port => port with { Nat = [Nat(NatKind.Source)] },
            Out = FrameBuilder.Ethernet(s_a, s_d).IP(s_external, s_ipD).Udp(5000, 2),
        },
        new("source translation with nothing left", [85], Direction.Outbound, ToD.Udp(40001, 2), "Drop NatExhausted",
            "out.bytes+1 out.drop.NatExhausted+1 out.packets+1 out.slow+1")
        {
            Port = port => port with { Nat = [Nat(NatKind.Source)] },
            Before = [(Direction.Outbound, ToD.Udp(40000, 2))],
        },
        new("source translation of what begins nothing", [85], Direction.Outbound, ToD.Tcp(80, 40000, TcpFlags.Syn | TcpFlags.Ack), "Drop NatNoState",
            "out.bytes+1 out.drop.NatNoState+1 out.packets+1 out.slow+1 out.tcp.syn+1")
        {
            Port = port => port with { Nat = [Nat(NatKind.Source)] },
        },
        new("load balanced to another port", [85, 113], Direction.Outbound, FrameBuilder.Ethernet(s_a, s_router).IP(s_ipA, s_external).Udp(1, 80),
            "Forward DestinationMac, SourceMac, DecrementTtl, Destination, DestinationPort", NewConnection)
        {
            Port = port => port with { Nat = [Nat(NatKind.LoadBalance) with { Targets = [new NatTarget(s_ipB, 8080)] }] },
            Out = FrameBuilder.Ethernet(s_router, s_b).IP(s_ipA, s_ipB).Udp(1, 8080).TimeToLive(63),
        },

        // Limits, lengths, other policies.
        new("too long for the provider network, may not be cut", [48], Direction.Outbound, ToD.Udp(1, 2).Payload(1500).Identification(0), "Hairpin TooBig", Guarded + " out.slow+1")
        {
            Out = FrameBuilder.Ethernet(s_router, s_a).IP(Address("10.1.1.1"), s_ipA).Icmp(3, 4, 1450).Tos(0xC0).DontFragment(false).Identification(0)
                .Payload(ToD.Udp(1, 2).Payload(1500).Identification(0).Build()[14..(14 + 548)]),
        },
        new("too long, and nothing may be said", [48], Direction.Outbound, ToD.Icmp(3, 3).Payload(1500), "Drop MtuExceeded", "out.bytes+1 out.drop.MtuExceeded+1 out.packets+1 out.slow+1"),
        new("more connections than the port may have", [136], Direction.Outbound, ToD.Udp(9, 2), "Drop FlowLimit", "out.bytes+1 out.drop.FlowLimit+1 out.packets+1 out.slow+1")
        {
            Port = port => port with { Settings = port.Settings with { PortFlowLimit = 2 } },
            Before = [(Direction.Outbound, ToD.Udp(7, 2)), (Direction.Outbound, ToD.Udp(8, 2))],
        },
        new("mirrored", [107], Direction.Outbound, ToB.Udp(1, 2), "Forward DestinationMac, SourceMac, DecrementTtl mirror", NewConnection)
        {
            Port = port => port with { Mirrors = [new MirrorRule("m", 100, null, [], [], [], [], new TenantEndpoint(Subnet(3), new CustomerAddress(s_ipC)))] },
            Out = FrameBuilder.Ethernet(s_router, s_b).IP(s_ipA, s_ipB).Udp(1, 2).TimeToLive(63),
        },
        new("held to a rate by the executor, seen as a rule", [107, 118], Direction.Outbound, ToD.Udp(1, 2), "Forward Encap", NewConnection)
        {
            Port = port => port with { Qos = new PortQos(100, 0, false, 0) },
        },
        new("NVGRE on request", [49, 50, 51], Direction.Outbound, ToD.Udp(1, 2), "Forward Encap", NewConnection)
        {
            Policy = policy => policy with { Mappings = [.. policy.Mappings.Select(mapping => mapping with { Encapsulation = EncapsulationType.Nvgre })] },
        },
    ];

    /// <summary>The policy of host 1 for a row.</summary>
    public static HostPolicy PolicyOf(PacketRow row)
    {
        ProviderAddress host1 = ContosoFabrikam.Host1, host2 = ContosoFabrikam.Host2;
        HostPolicy policy = new(
            1, s_router,
            [new ProviderAddressPolicy(0, host1, IpPrefix.Parse("192.168.1.0/24"), Mac(0xF0), 0, null, [])],
            [
                Network(1, SubnetOf(1) with { Routes = [Route("192.0.2.0/24", UserRouteKind.None, null), Route("198.51.100.0/24", UserRouteKind.VirtualAppliance, s_ipB)] }, SubnetOf(2), SubnetOf(3)),
                Network(2, SubnetOf(4)),
            ],
            [
                Mapping(1, s_ipA, s_a, host1), Mapping(1, Address("2001:db8:1:1::11"), s_a, host1), Mapping(2, s_ipB, s_b, host1), Mapping(3, s_ipC, s_c, host2), Mapping(1, s_ipD, s_d, host2),
                Mapping(1, Address("10.1.1.15"), Mac(5), host1), Mapping(1, Address("10.1.1.16"), Mac(6), ProviderAddress.Parse("fd00:a::6")), Mapping(4, Address("10.1.4.11"), Mac(7), host1),
            ],
            [
                row.Port(Port(A, 1, s_a, s_ipA, Address("2001:db8:1:1::11"))),
                Port(new NicId(new Guid(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), 2, s_b, s_ipB),
                Port(new NicId(new Guid(7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), 4, Mac(7), Address("10.1.4.11")),
            ]);
        return row.Policy(policy);
    }

    /// <summary>The longest packet of the provider network of all rows.</summary>
    public static int Mtu => UnderlayMtu;

    private static PortPolicy Port(NicId nic, int subnet, MacAddress mac, params InetAddress[] addresses) =>
        new(nic, $"nic{subnet}", Subnet(subnet), mac, [.. addresses.Select(address => new CustomerAddress(address))], PortSettings.Default, []) { Dhcp = null };

    private static VirtualNetworkPolicy Network(int number, params VirtualSubnetPolicy[] subnets) =>
        new(new RoutingDomainId(new Guid(number, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)), $"network{number}", DistributedRouter: true, [.. subnets]);

    private static VirtualSubnetPolicy SubnetOf(int number) => new(
        Subnet(number), new Guid(number, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0), $"subnet{number}", IpPrefix.Parse($"10.1.{number}.0/24"), new CustomerAddress(Address($"10.1.{number}.1")))
    {
        DualStack = number == 1 ? new SubnetPrefix(IpPrefix.Parse("2001:db8:1:1::/64"), new CustomerAddress(Address("2001:db8:1:1::1"))) : null,
    };

    private static UserRoute Route(string prefix, UserRouteKind kind, InetAddress? hop) => new(IpPrefix.Parse(prefix), kind, hop is { } at ? new CustomerAddress(at) : null);

    private static CaPaMapping Mapping(int subnet, InetAddress address, MacAddress mac, ProviderAddress provider) =>
        new(new TenantEndpoint(Subnet(subnet), new CustomerAddress(address)), mac, provider, EncapsulationType.Vxlan);

    private static AclRule Rule(AclLevel level, Direction direction, AclAction action, ushort? port) =>
        new("a", level, direction, action, 100, null, [], [], [], port is { } only ? [new PortRange(only, only)] : [], false);

    private static NatRule Nat(NatKind kind) => new(
        "n", kind, 100, null, kind is NatKind.Static or NatKind.Source ? [IpPrefix.Create(s_ipA, 32)] : [], [IpPrefix.Create(s_external, 32)], [],
        kind == NatKind.Source ? new PortRange(5000, 5000) : PortRange.All, []);

    private static MacAddress Mac(uint number) => MacAddress.FromNumber(0x0200_0000_0000UL + number);

    private static Vsid Subnet(int number) => Vsid.Create(5000 + (uint)number);

    private static InetAddress Address(string text) => InetAddress.Parse(text);
}
