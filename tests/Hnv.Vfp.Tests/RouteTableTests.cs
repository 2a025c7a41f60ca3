using Hnv.Primitives;

namespace Hnv.Vfp.Tests;

public class RouteTableTests
{
    private static readonly Vsid s_near = Vsid.Create(5001);
    private static readonly Vsid s_far = Vsid.Create(6001);

    [Fact]
    public void TryFind_NestedPrefixes_LongestWins()
    {
        RouteTable table = Table(Local("10.0.0.0/8", s_near), Drop("10.1.0.0/16"), Local("10.1.2.0/24", s_far), Drop("10.1.2.128/32"));

        Assert.Equal(s_near, Find(table, "10.0.255.255")!.Value.Vsid);
        Assert.Equal(RouteKind.Drop, Find(table, "10.1.1.255")!.Value.Kind);
        Assert.Equal(s_far, Find(table, "10.1.2.127")!.Value.Vsid);
        Assert.Equal(RouteKind.Drop, Find(table, "10.1.2.128")!.Value.Kind);
        Assert.Equal(s_far, Find(table, "10.1.2.129")!.Value.Vsid);
        Assert.Equal(RouteKind.Drop, Find(table, "10.1.3.0")!.Value.Kind);
        Assert.Equal(s_near, Find(table, "10.2.0.0")!.Value.Vsid);
        Assert.Null(Find(table, "11.0.0.0"));
    }

    [Fact]
    public void TryFind_EqualPrefixes_FirstGivenWins()
    {
        CustomerAddress appliance = CustomerAddress.Parse("10.1.1.4");
        RouteTable table = Table(new Route(IpPrefix.Parse("0.0.0.0/0"), RouteKind.Appliance, s_near, appliance), Drop("0.0.0.0/0"));

        Assert.Equal(appliance, Find(table, "8.8.8.8")!.Value.NextHop);
        Assert.Equal(1, table.Count);
    }

    [Theory]
    [InlineData("::/0", "10.1.1.1")]
    [InlineData("::/0", "0.0.0.0")]
    [InlineData("::/0", "255.255.255.255")]
    [InlineData("0.0.0.0/0", "::")]
    [InlineData("0.0.0.0/0", "2001:db8::1")]
    public void TryFind_RouteOfTheOtherFamily_NotFound(string prefix, string destination) => Assert.Null(Find(Table(Drop(prefix)), destination));

    [Fact]
    public void TryFind_DefaultRoutesOfBothFamilies_EachItsOwn()
    {
        RouteTable table = Table(Local("::/0", s_far), Local("0.0.0.0/0", s_near));

        Assert.All(["0.0.0.0", "10.1.1.1", "255.255.255.255"], address => Assert.Equal(s_near, Find(table, address)!.Value.Vsid));
        Assert.All(
            ["::", "::1", "::fffe:ffff:ffff", "::1:0:0:0", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
            address => Assert.Equal(s_far, Find(table, address)!.Value.Vsid));
    }

    [Fact]
    public void TryFind_Empty_NotFound()
    {
        Assert.Null(Find(RouteTable.Empty, "10.1.1.1"));
        Assert.Null(Find(RouteTable.Empty, "::"));
    }

    [Fact]
    public void IsGateway_OnlyOfTheAddressesGiven()
    {
        RouteTable table = new([Local("10.1.1.0/24", s_near)], [CustomerAddress.Parse("10.1.1.1"), CustomerAddress.Parse("2001:db8::1")]);

        Assert.True(table.IsGateway(InetAddress.Parse("10.1.1.1")));
        Assert.True(table.IsGateway(InetAddress.Parse("2001:db8::1")));
        Assert.False(table.IsGateway(InetAddress.Parse("10.1.1.2")));
    }

    [Fact]
    public void TryFind_RandomTables_SameAsTryingEveryRoute()
    {
        Random random = new(20261120);
        for (int round = 0; round < 300; round++)
        {
            Route[] routes = [.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => RandomRoute(random))];
            RouteTable table = new(routes, []);
            IEnumerable<InetAddress> destinations = routes
                .SelectMany(route => Around(route.Prefix.Address).Concat(Around(route.Prefix.LastAddress)))
                .Append(RandomAddress(random));
            foreach (InetAddress destination in destinations)
            {
                Route? expected = routes.Where(route => route.Prefix.Contains(destination)).OrderByDescending(route => route.Prefix.Length).Cast<Route?>().FirstOrDefault();

                Assert.Equal(expected, table.TryFind(destination, out Route found) ? found : null);
            }
        }
    }

    private static Route? Find(RouteTable table, string destination) => table.TryFind(InetAddress.Parse(destination), out Route route) ? route : null;

    private static RouteTable Table(params Route[] routes) => new(routes, []);

    private static Route Local(string prefix, Vsid vsid) => new(IpPrefix.Parse(prefix), RouteKind.Local, vsid, default);

    private static Route Drop(string prefix) => new(IpPrefix.Parse(prefix), RouteKind.Drop, default, default);

    private static Route RandomRoute(Random random)
    {
        InetAddress address = RandomAddress(random);
        int length = random.Next(address.IsIPv4 ? 33 : 129);
        return new Route(IpPrefix.Create(address, length), (RouteKind)random.Next(4), Vsid.Create((uint)random.Next(4096, 9000)), default);
    }

    /// <summary>Few distinct bits, so that prefixes fall into each other.</summary>
    private static InetAddress RandomAddress(Random random) => random.Next(2) == 0
        ? InetAddress.FromIPv4(0x0A01_0000u | ((uint)random.Next(4) << 30) | (uint)random.Next(16))
        : InetAddress.FromNumbers((ulong)random.Next(3) << 62, (ulong)random.Next(2) << 63 | (uint)random.Next(16));

    private static IEnumerable<InetAddress> Around(InetAddress address)
    {
        UInt128 number = new(address.High, address.Low);
        foreach (UInt128 near in new[] { number - 1, number, number + 1 })
        {
            yield return InetAddress.FromNumbers((ulong)(near >> 64), (ulong)near);
        }
    }
}
