using Hnv.Linux.Netlink;
using Hnv.Primitives;

namespace Hnv.Linux.Tests;

public sealed class RouteSocketTests : IDisposable
{
    private readonly NamespaceLab _lab = new();
    private readonly NetworkNamespace _ns;
    private readonly RouteSocket _route;

    public RouteSocketTests()
    {
        _ns = _lab.Make("a");
        _route = RouteSocket.Open(_ns);
        _route.CreateVeth("v0", "v1", mtu: 1600);
        _route.SetUp("v1");
        _route.SetUp("v0");
    }

    [Fact]
    public void GetLink_Veth_TellsKindMtuAndState()
    {
        LinkInfo link = _route.GetLink("v0");

        Assert.Equal(("veth", 1600, true), (link.Kind, link.Mtu, link.IsUp));
        Assert.Equal(_route.GetLink("v1").Index, link.Lower);
    }

    [Fact]
    public void Features_OfAVeth_AreThoseThatEthtoolShows()
    {
        IReadOnlyList<string> features = _ns.Run(() => LinkFeatures.Active("v0"));

        Assert.Contains("tx-tcp-segmentation", features);
        Assert.Contains("tx-udp_tnl-segmentation", features);
        Assert.DoesNotContain("rx-all", features);
        Assert.Empty(_ns.Run(() => LinkFeatures.Active("nosuch0")));
    }

    [Fact]
    public void TryGetLink_Unknown_IsNull() => Assert.Null(_route.TryGetLink("nosuch0"));

    [Fact]
    public void SetMtu_Unknown_NamesTheDeviceAndTheHint()
    {
        LinuxException refusal = Assert.Throws<LinuxException>(() => _route.SetMtu("nosuch0", 1500));

        Assert.True(refusal.IsNotFound);
        Assert.Contains("nosuch0", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("ip link", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SetMtu_TooLarge_CarriesTheKernelsOwnWords()
    {
        LinuxException refusal = Assert.Throws<LinuxException>(() => _route.SetMtu("v0", 70000));

        Assert.Contains("mtu greater than device maximum", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Change_MacNameAndState_IsReadBack()
    {
        MacAddress mac = MacAddress.Parse("02-00-00-00-00-11");

        _route.SetDown("v1");
        _route.SetMac("v1", mac);
        _route.Rename("v1", "renamed");

        LinkInfo link = _route.GetLink("renamed");
        Assert.Equal((mac, false), (link.Mac, link.IsUp));
    }

    [Fact]
    public void Move_ToAnotherNamespace_IsGoneHere()
    {
        NetworkNamespace other = _lab.Make("b");
        using RouteSocket there = RouteSocket.Open(other);

        _route.Move("v1", other);

        Assert.Null(_route.TryGetLink("v1"));
        Assert.Equal("veth", there.GetLink("v1").Kind);
    }

    [Fact]
    public void DeleteLink_Twice_IsSuccess()
    {
        _route.DeleteLink("v0");
        _route.DeleteLink("v0");

        Assert.Null(_route.TryGetLink("v1"));
    }

    [Theory]
    [InlineData("10.1.1.11", 24)]
    [InlineData("2001:db8::11", 64)]
    public void Address_AddedListedDeleted_IsWhatWasAsked(string text, int length)
    {
        LinkInfo link = _route.GetLink("v0");
        InetAddress address = InetAddress.Parse(text);

        _route.AddAddress(link, address, length);
        _route.AddAddress(link, address, length);
        Assert.Contains(new AddressInfo(link.Index, address, length), _route.Addresses());
        _route.DeleteAddress(link, address, length);
        _route.DeleteAddress(link, address, length);

        Assert.DoesNotContain(new AddressInfo(link.Index, address, length), _route.Addresses());
    }

    [Theory]
    [InlineData("10.1.1.11", 24, "10.2.0.0/16", "10.1.1.1", 0)]
    [InlineData("10.1.1.11", 24, "0.0.0.0/0", "10.1.1.1", 0)]
    [InlineData("2001:db8::11", 64, "2001:db8:1::/48", "2001:db8::1", 1024)]
    public void Route_SetListedDeleted_IsWhatWasAsked(string address, int length, string destination, string gateway, uint metric)
    {
        LinkInfo link = _route.GetLink("v0");
        _route.AddAddress(link, InetAddress.Parse(address), length);
        RouteInfo route = new(IpPrefix.Parse(destination), InetAddress.Parse(gateway), link.Index, 1007, metric);

        _route.SetRoute(route);
        _route.SetRoute(route);
        Assert.Single(_route.Routes(), route);
        _route.DeleteRoute(route);

        Assert.DoesNotContain(route, _route.Routes());
    }

    [Fact]
    public void Rule_AddedTwiceListedDeleted_IsThereOnce()
    {
        RuleInfo rule = new(IpPrefix.Parse("192.168.1.10/32"), 1000, 1000);

        _route.AddRule(rule);
        _route.AddRule(rule);
        Assert.Single(_route.Rules(), rule);
        _route.DeleteRule(rule);

        Assert.DoesNotContain(rule, _route.Rules());
    }

    [Fact]
    public void Neighbour_Set_IsListed()
    {
        LinkInfo link = _route.GetLink("v0");
        MacAddress mac = MacAddress.Parse("02-00-00-00-00-22");
        _route.AddAddress(link, InetAddress.Parse("10.1.1.11"), 24);

        _route.SetNeighbour(link, InetAddress.Parse("10.1.1.12"), mac);

        Assert.Contains(_route.Neighbours(), n => n.Address == InetAddress.Parse("10.1.1.12") && n.Mac == mac && n.LinkIndex == link.Index);
    }

    public void Dispose()
    {
        _route.Dispose();
        _lab.Dispose();
    }
}
