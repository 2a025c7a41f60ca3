using Hnv.Primitives;

namespace Hnv.Lab.Topology;

/// <summary>A lab as its file asks for it: checked, expanded, with every default filled in.</summary>
/// <param name="Name">Short name; part of every name the lab makes.</param>
/// <param name="Encapsulation">What tenant packets wear between hosts.</param>
/// <param name="ProviderSubnets">The provider network: one routed subnet each.</param>
/// <param name="Hosts">The virtualization hosts.</param>
/// <param name="AccessControlLists">Firewall lists to attach to subnets and adapters.</param>
/// <param name="Networks">The tenants' virtual networks.</param>
/// <param name="Machines">The tenants' machines.</param>
/// <param name="Vteps">Tunnel endpoints that are plain Linux <c>vxlan</c> devices.</param>
public sealed record LabTopology(
    string Name,
    EncapsulationType Encapsulation,
    IReadOnlyList<ProviderSubnet> ProviderSubnets,
    IReadOnlyList<LabHost> Hosts,
    IReadOnlyList<LabAcl> AccessControlLists,
    IReadOnlyList<LabNetwork> Networks,
    IReadOnlyList<LabMachine> Machines,
    IReadOnlyList<LabVtep> Vteps)
{
    /// <summary>MTU of a provider network that says nothing: a 1500-byte tenant packet and any encapsulation fit.</summary>
    public const int DefaultUnderlayMtu = 1700;

    /// <summary>MTU of machines when the lab says nothing.</summary>
    public const int DefaultGuestMtu = 1500;

    /// <summary>MTU of the provider network's links and routers, 1280 … 9216.</summary>
    public int UnderlayMtu { get; init; } = DefaultUnderlayMtu;

    /// <summary>MTU of the machines' devices, 1280 … 9216.</summary>
    public int GuestMtu { get; init; } = DefaultGuestMtu;

    /// <summary>Networks of the provider that machines are plugged into as they are, without a virtual subnet.</summary>
    public IReadOnlyList<LabNetwork> LogicalNetworks { get; init; } = [];

    /// <summary>Routes to attach to subnets.</summary>
    public IReadOnlyList<LabRouteTable> RouteTables { get; init; } = [];

    /// <summary>Mirrors to attach to subnets and adapters.</summary>
    public IReadOnlyList<LabMirror> Mirrors { get; init; } = [];

    /// <summary>How adapters reserve bandwidth; null when nobody has said so, and then nobody may.</summary>
    public ReservationMode? Reservations { get; init; }
}

/// <summary>One provider subnet. Its gateway is the top-of-rack router.</summary>
/// <param name="Name">Resource id of the logical subnet.</param>
/// <param name="Prefix">For example 192.168.1.0/24.</param>
/// <param name="Gateway">The router's address.</param>
/// <param name="PoolStart">First provider address to allocate.</param>
/// <param name="PoolEnd">Last provider address to allocate.</param>
/// <param name="Vlan">The 802.1Q VLAN of encapsulated packets on the wire, 1 … 4094; 0 is untagged. The router takes no part in one.</param>
public sealed record ProviderSubnet(string Name, IpPrefix Prefix, InetAddress Gateway, InetAddress PoolStart, InetAddress PoolEnd, int Vlan = 0);

/// <summary>One host.</summary>
/// <param name="Name">Its name and the resource id of its <c>servers</c> resource.</param>
/// <param name="Id">The instanceId of that resource, which the agent presents.</param>
/// <param name="Subnet">The provider subnet it is plugged into.</param>
/// <param name="Address">The host's own address; management, never a provider address.</param>
/// <param name="UplinkCount">Members of its team, 1 … 4: eth0, eth1, ….</param>
public sealed record LabHost(string Name, Guid Id, ProviderSubnet Subnet, InetAddress Address, int UplinkCount)
{
    /// <summary>Devices of the team.</summary>
    public IEnumerable<string> Uplinks => Enumerable.Range(0, UplinkCount).Select(i => $"eth{i}");
}

/// <summary>An access control list.</summary>
/// <param name="Name">Its resource id.</param>
/// <param name="PermitsInbound">What happens when no inbound rule matched.</param>
/// <param name="PermitsOutbound">What happens when no outbound rule matched.</param>
/// <param name="Rules">The rules.</param>
public sealed record LabAcl(string Name, bool PermitsInbound, bool PermitsOutbound, IReadOnlyList<LabAclRule> Rules);

/// <summary>A virtual network, one routing domain.</summary>
/// <param name="Name">Its resource id.</param>
/// <param name="Owner">The tenant; only for people.</param>
/// <param name="Subnets">Its virtual subnets.</param>
public sealed record LabNetwork(string Name, string Owner, IReadOnlyList<LabSubnet> Subnets)
{
    /// <summary>Networks that this one lets in; both have to name each other.</summary>
    public IReadOnlyList<string> Peers { get; init; } = [];

    /// <summary>Name servers that its machines learn by DHCP.</summary>
    public IReadOnlyList<InetAddress> Dns { get; init; } = [];
}

/// <summary>Copies of traffic for a machine that looks at it.</summary>
/// <param name="Name">Its resource id.</param>
/// <param name="To">The machine; its first adapter gets the copies.</param>
/// <param name="Rules">What is copied; any of them suffices.</param>
public sealed record LabMirror(string Name, string To, IReadOnlyList<LabMirrorRule> Rules);

/// <summary>Packets that a mirror copies.</summary>
/// <param name="Protocol">The transport protocol.</param>
/// <param name="Source">A prefix or <c>*</c>.</param>
/// <param name="Destination">A prefix or <c>*</c>.</param>
/// <param name="Port">The destination port; 0 is any.</param>
public sealed record LabMirrorRule(MirrorProtocol Protocol, string Source, string Destination, int Port);

/// <summary>What a mirror tells apart, in REST's words.</summary>
public enum MirrorProtocol
{
    /// <summary>Everything.</summary>
    All,

    /// <summary>TCP alone.</summary>
    Tcp,

    /// <summary>UDP alone.</summary>
    Udp,
}

/// <summary>How bandwidth is reserved, in REST's words.</summary>
public enum ReservationMode
{
    /// <summary>Mbit/s.</summary>
    Absolute,

    /// <summary>Shares, 1 to 100.</summary>
    Weight,
}

/// <summary>A virtual subnet.</summary>
/// <param name="Network">Name of its virtual network.</param>
/// <param name="Name">Its resource id.</param>
/// <param name="Prefix">The tenant's prefix.</param>
/// <param name="Vsid">The id asked for; null lets the controller choose.</param>
/// <param name="Acl">List on the whole subnet, or null.</param>
public sealed record LabSubnet(string Network, string Name, IpPrefix Prefix, Vsid? Vsid, string? Acl)
{
    /// <summary>The IPv6 prefix beside an IPv4 one: two subnets to REST, one broadcast domain; null in a subnet of one family.</summary>
    public IpPrefix? IPv6 { get; init; }

    /// <summary>Its route table, or null.</summary>
    public string? Routes { get; init; }

    /// <summary>The mirror of all its members, or null.</summary>
    public string? Mirror { get; init; }

    /// <summary>In a logical network: the 802.1Q VLAN of its frames on the hosts' NICs, 0 untagged. Null in a virtual network.</summary>
    public int? Vlan { get; init; }

    /// <summary>Where REST has it.</summary>
    public string Reference => $"/{(Vlan is null ? "virtualNetworks" : "logicalNetworks")}/{Network}/subnets/{Name}";

    /// <summary>Where REST has the subnet of <see cref="IPv6"/>.</summary>
    public string IPv6Reference => $"/virtualNetworks/{Network}/subnets/{IPv6Name}";

    /// <summary>Both prefixes, or the one.</summary>
    public IEnumerable<IpPrefix> Prefixes => IPv6 is { } second ? [Prefix, second] : [Prefix];

    /// <summary>Resource id of the subnet that holds <see cref="IPv6"/>.</summary>
    public string IPv6Name => $"{Name}-ipv6";

    /// <summary>The distributed router's address: the lowest of the subnet (R22).</summary>
    public InetAddress Gateway => GatewayOf(Prefix);

    /// <summary><c>network/subnet</c>.</summary>
    public string FullName => $"{Network}/{Name}";

    /// <summary>The router's address of a prefix.</summary>
    public static InetAddress GatewayOf(IpPrefix prefix) => InetAddress.FromNumbers(prefix.Address.High, prefix.Address.Low + 1);
}

/// <summary>A tenant's machine: a network namespace with an adapter in each virtual subnet it is in.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Host">Name of the host, or of the VTEP, it starts on.</param>
/// <param name="Adapters">At least one; eth0, eth1, ….</param>
public sealed record LabMachine(string Name, string Host, IReadOnlyList<LabAdapter> Adapters)
{
    /// <summary>True when it routes between and back out of its adapters, as an appliance does.</summary>
    public bool Forwards { get; init; }
}

/// <summary>A virtual network adapter.</summary>
/// <param name="ResourceId">Resource id of its <c>networkInterfaces</c> resource.</param>
/// <param name="InstanceId">instanceId of that resource.</param>
/// <param name="Interface">Name of the device inside the machine.</param>
/// <param name="Device">Name of the other end of the cable, in the host.</param>
/// <param name="Subnet">The virtual subnet.</param>
/// <param name="Address">Its customer address.</param>
/// <param name="Mac">Its MAC.</param>
/// <param name="Acl">List on this adapter alone, or null.</param>
public sealed record LabAdapter(
    string ResourceId,
    Guid InstanceId,
    string Interface,
    string Device,
    LabSubnet Subnet,
    InetAddress Address,
    MacAddress Mac,
    string? Acl)
{
    /// <summary>Its address in the subnet's IPv6 prefix, when that is beside an IPv4 one; null when it has none.</summary>
    public InetAddress? IPv6 { get; init; }

    /// <summary>Who writes the addresses into the machine.</summary>
    public AddressAssignment Assignment { get; init; }

    /// <summary>Bandwidth in Mbit/s, or a weight for what is reserved; null asks for none.</summary>
    public LabQos? Qos { get; init; }

    /// <summary>Further source addresses that policy lets it use.</summary>
    public IReadOnlyList<IpPrefix> Allowed { get; init; } = [];

    /// <summary>Name servers instead of its network's.</summary>
    public IReadOnlyList<InetAddress> Dns { get; init; } = [];

    /// <summary>The mirror of this adapter, or null.</summary>
    public string? Mirror { get; init; }

    /// <summary>Each address with the prefix it comes from.</summary>
    public IEnumerable<(InetAddress Address, IpPrefix Prefix)> Addresses =>
        IPv6 is { } second ? [(Address, Subnet.Prefix), (second, Subnet.IPv6!.Value)] : [(Address, Subnet.Prefix)];

    /// <summary>True when one of the addresses is an IPv6 address.</summary>
    public bool HasIPv6 => IPv6 is not null || !Address.IsIPv4;
}

/// <summary>Bandwidth of an adapter; 0 is none.</summary>
/// <param name="OutboundMbps">What it may send at most.</param>
/// <param name="InboundMbps">What is delivered to it at most.</param>
/// <param name="Reserved">What it may always send: Mbit/s, or a weight.</param>
public sealed record LabQos(int OutboundMbps, int InboundMbps, int Reserved);

/// <summary>How a machine comes by the addresses that policy gives it.</summary>
public enum AddressAssignment
{
    /// <summary>The lab writes addresses and default routes, as an administrator would.</summary>
    Static,

    /// <summary>A stock DHCP client asks for them, of both families.</summary>
    Dhcp,

    /// <summary>The kernel makes the IPv6 address from router advertisements (RFC 4862); IPv4 is static.</summary>
    Slaac,

    /// <summary>Nobody: the device is up and that is all.</summary>
    None,
}

/// <summary>A foreign tunnel endpoint: a namespace with a plain <c>vxlan</c> device and static entries.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Subnet">The provider subnet it is plugged into.</param>
/// <param name="Address">Its provider address.</param>
public sealed record LabVtep(string Name, ProviderSubnet Subnet, InetAddress Address);
