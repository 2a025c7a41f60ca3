using Hnv.Linux.Netlink;
using Hnv.Primitives;

namespace Hnv.Linux.Tests;

/// <summary>Host 1 and host 2 on one wire, each with a PA compartment over its only NIC.</summary>
public sealed class PaCompartmentTests : IDisposable
{
    private readonly NamespaceLab _lab = new();
    private readonly NetworkNamespace _host1;
    private readonly NetworkNamespace _host2;
    private readonly string _pa1;
    private readonly string _pa2;

    public PaCompartmentTests()
    {
        _host1 = _lab.Make("h1");
        _host2 = _lab.Make("h2");
        NamespaceLab.Join(_host1, "eth0", _host2, "eth0");
        _pa1 = _lab.NameOf("pa1");
        _pa2 = _lab.NameOf("pa2");
    }

    [Fact]
    public void Ensure_TwoHostsOfOneSubnet_ReachEachOther()
    {
        Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1));
        Ensure(_host2, _pa2, Pa(0, "192.168.1.20", 2));

        Assert.True(NamespaceLab.Pings(_pa1, "192.168.1.20"));
    }

    [Fact]
    public void Ensure_Twice_KeepsTheDevice()
    {
        Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1));
        LinkInfo before = Device(_pa1, "pa0");

        Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1));

        Assert.Equal(before, Device(_pa1, "pa0"));
    }

    [Fact]
    public void Ensure_EverythingChanged_MakesItSo()
    {
        Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1), Pa(1, "192.168.1.11", 3));

        Ensure(_host1, _pa1, Pa(0, "192.168.7.10", 9) with { Mtu = 1600, Gateway = InetAddress.Parse("192.168.7.1") });

        using NetworkNamespace ns = NetworkNamespace.Open(_pa1);
        using RouteSocket route = RouteSocket.Open(ns);
        LinkInfo device = Assert.Single(route.Links(), link => link.Kind == "macvlan");
        Assert.Equal((1600, Mac(9), true), (device.Mtu, device.Mac, device.IsUp));
        Assert.Equal([InetAddress.Parse("192.168.7.10")], route.Addresses().Where(a => a.LinkIndex == device.Index).Select(a => a.Address));
        Assert.Equal([IpPrefix.Parse("192.168.7.10/32")], route.Rules().Where(rule => rule.Source is not null).Select(rule => rule.Source!.Value));
        Assert.Contains(route.Routes(), r => r is { Table: 1000, Destination.Length: 0 } && r.Gateway == InetAddress.Parse("192.168.7.1"));
        Assert.DoesNotContain(route.Routes(), r => r.Table == 1001);
    }

    [Fact]
    public void Ensure_SameAgain_ChangesNoRoute()
    {
        PaInterface pa = Pa(0, "192.168.1.10", 1) with { Gateway = InetAddress.Parse("192.168.1.1"), Routes = [(IpPrefix.Parse("10.0.0.0/8"), InetAddress.Parse("192.168.1.2"))] };
        Ensure(_host1, _pa1, pa);
        using NetworkNamespace ns = NetworkNamespace.Open(_pa1);
        using RouteSocket route = RouteSocket.Open(ns);
        RouteInfo[] before = [.. route.Routes()];

        Ensure(_host1, _pa1, pa);

        Assert.Equal(before, route.Routes());
        Assert.Equal(5, before.Count(r => r.Protocol == RouteInfo.OursProtocol));
    }

    [Fact]
    public void Ensure_OnlyNic_HostsOwnTrafficGoesOn()
    {
        using RouteSocket route1 = RouteSocket.Open(_host1);
        using RouteSocket route2 = RouteSocket.Open(_host2);
        route1.AddAddress(route1.GetLink("eth0"), InetAddress.Parse("172.16.0.1"), 24);
        route2.AddAddress(route2.GetLink("eth0"), InetAddress.Parse("172.16.0.2"), 24);

        Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1));
        Ensure(_host2, _pa2, Pa(0, "192.168.1.20", 2) with { VlanId = 100 });

        Assert.True(NamespaceLab.Pings(_host1.Name, "172.16.0.2"));
    }

    [Fact]
    public void Ensure_SameVlan_ReachEachOtherTagged()
    {
        Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1) with { VlanId = 100 });
        Ensure(_host2, _pa2, Pa(0, "192.168.1.20", 2) with { VlanId = 100 });
        using PacketSocket wire = _host2.Run(() => PacketSocket.Open("eth0"));
        ReceiveBatch frames = new(64, 2048);

        bool reached = NamespaceLab.Pings(_pa1, "192.168.1.20");

        Assert.True(reached);
        int[] fromPa1 = [.. Enumerable.Range(0, frames.Receive(wire, 64)).Where(i => MacAddress.Read(frames[i][(VirtioNetHeader.Size + 6)..]) == Mac(1))];
        Assert.InRange(fromPa1.Length, 3, 64);
        Assert.All(fromPa1, i => Assert.True(frames.ReadAncillary(i).IsTagged));
    }

    [Theory]
    [InlineData(100, 200)]
    [InlineData(100, 0)]
    [InlineData(0, 100)]
    public void Ensure_OtherVlan_DoNotReachEachOther(int vlan1, int vlan2)
    {
        Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1) with { VlanId = vlan1 });
        Ensure(_host2, _pa2, Pa(0, "192.168.1.20", 2) with { VlanId = vlan2 });

        Assert.False(NamespaceLab.Pings(_pa1, "192.168.1.20"));
    }

    [Fact]
    public void Ensure_VlanTakenAwayAgain_ReachesUntagged()
    {
        Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1) with { VlanId = 100 });
        Ensure(_host2, _pa2, Pa(0, "192.168.1.20", 2));

        Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1));

        Assert.True(NamespaceLab.Pings(_pa1, "192.168.1.20"));
    }

    [Fact]
    public void Ensure_TwoPasOfOneSubnetOnTwoUplinks_EachLeavesByItsOwn()
    {
        NamespaceLab.Join(_host1, "eth1", _host2, "eth1");
        Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1), Pa(1, "192.168.1.11", 2) with { Uplink = "eth1" });
        Ensure(_host2, _pa2, Pa(0, "192.168.1.20", 3), Pa(1, "192.168.1.21", 4) with { Uplink = "eth1" });

        (int first, _) = NamespaceLab.Execute(_pa1, "ping", "-c", "2", "-i", "0.2", "-W", "1", "-I", "192.168.1.10", "192.168.1.20");
        (int second, _) = NamespaceLab.Execute(_pa1, "ping", "-c", "2", "-i", "0.2", "-W", "1", "-I", "192.168.1.11", "192.168.1.21");

        Assert.Equal((0, 0), (first, second));
    }

    [Fact]
    public void Ensure_UnknownUplink_NamesItAndMakesNothing()
    {
        LinuxException refusal = Assert.Throws<LinuxException>(() => Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1) with { Uplink = "nosuch0" }));

        Assert.Contains("nosuch0", refusal.Message, StringComparison.Ordinal);
        Assert.False(NetworkNamespace.Exists(_pa1));
    }

    [Fact]
    public void Ensure_SameTeamMemberTwice_IsRefused() =>
        Assert.Throws<ArgumentException>(() => Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1), Pa(0, "192.168.1.11", 2)));

    [Fact]
    public void Remove_TakesTheCompartmentAway()
    {
        Ensure(_host1, _pa1, Pa(0, "192.168.1.10", 1));

        PaCompartment.Remove(_pa1);
        PaCompartment.Remove(_pa1);

        Assert.False(NetworkNamespace.Exists(_pa1));
    }

    public void Dispose() => _lab.Dispose();

    private static void Ensure(NetworkNamespace host, string name, params PaInterface[] interfaces) =>
        host.Run(() => PaCompartment.Ensure(name, interfaces).Dispose());

    private static LinkInfo Device(string compartment, string name)
    {
        using NetworkNamespace ns = NetworkNamespace.Open(compartment);
        using RouteSocket route = RouteSocket.Open(ns);
        return route.GetLink(name);
    }

    private static PaInterface Pa(int member, string address, uint mac) => new()
    {
        TeamMember = member,
        Uplink = "eth0",
        Address = ProviderAddress.Parse(address),
        PrefixLength = 24,
        Mac = Mac(mac),
    };

    private static MacAddress Mac(uint value) => MacAddress.FromNumber(0x001D_D8B7_1C00UL + value);
}
