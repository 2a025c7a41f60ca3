using Hnv.Primitives;

namespace Hnv.Linux.Netlink;

/// <summary>A network device as the kernel describes it.</summary>
/// <param name="Index">Its number in its namespace, from 1.</param>
/// <param name="Name">Its name in its namespace, at most 15 bytes.</param>
/// <param name="Kind"><c>veth</c>, <c>macvlan</c>, <c>tun</c> …; empty for hardware.</param>
/// <param name="Mtu">Bytes of layer 3.</param>
/// <param name="Mac">Its address; zero for devices without one.</param>
/// <param name="IsUp">Administratively up.</param>
/// <param name="IsRunning">Operationally up: it has a carrier.</param>
/// <param name="Master">Index of the bridge or bond it belongs to; 0 when none.</param>
/// <param name="Lower">Index of the device below (macvlan) or of the peer (veth), in <em>that</em> device's namespace; 0 when none.</param>
public sealed record LinkInfo(int Index, string Name, string Kind, int Mtu, MacAddress Mac, bool IsUp, bool IsRunning, int Master, int Lower);

/// <summary>An address of a device.</summary>
public sealed record AddressInfo(int LinkIndex, InetAddress Address, int PrefixLength);

/// <summary>A unicast route.</summary>
/// <param name="Destination">Where to; <c>0.0.0.0/0</c> is the default route.</param>
/// <param name="Gateway">The next hop; null for a destination on the link.</param>
/// <param name="LinkIndex">The device; 0 lets the kernel find the one the gateway is on.</param>
/// <param name="Table">The routing table; 254 is <c>main</c>.</param>
/// <param name="Metric">Lower wins.</param>
/// <param name="Source">The preferred source address.</param>
/// <param name="Protocol">Who made it (<c>RTPROT_…</c>); ours carry <see cref="OursProtocol"/>.</param>
public sealed record RouteInfo(
    IpPrefix Destination,
    InetAddress? Gateway,
    int LinkIndex,
    uint Table = RouteInfo.MainTable,
    uint Metric = 0,
    InetAddress? Source = null,
    byte Protocol = RouteInfo.OursProtocol)
{
    /// <summary>The table used when no rule says otherwise.</summary>
    public const uint MainTable = 254;

    /// <summary>The number our own routes are marked with, so that only they are ever taken away; in the range left to users.</summary>
    public const byte OursProtocol = 208;
}

/// <summary>A resolved or permanent neighbour; the state is the kernel's <c>NUD_…</c> bits: 2 reachable, 4 stale, 32 failed, 128 permanent.</summary>
public sealed record NeighbourInfo(int LinkIndex, InetAddress Address, MacAddress Mac, int State)
{
    /// <summary>True when packets may be sent to its MAC: it is known, and nothing says that it is wrong.</summary>
    public bool IsUsable => (State & Interop.NUD_VALID) != 0 && Mac != default;
}

/// <summary>A policy rule: packets with that source are routed by that table.</summary>
public sealed record RuleInfo(IpPrefix? Source, uint Table, uint Priority);
