using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Tests;

/// <summary>Routes of virtual subnets.</summary>
public sealed class RouteTableTests : PlannedTests
{
    private const string Subnet = "virtualNetworks/contoso/subnets/s1";
    private const string WithTable = """{"properties":{"addressPrefix":"10.1.1.0/24","routeTable":{"resourceRef":"/routeTables/t"}}}""";

    public static TheoryData<string, string> Wrong => new()
    {
        { Route("10.2.0.1/16", "None"), "InvalidRouteAddressPrefix" },
        { Route("10.2.0.0/16", "Elsewhere"), "InvalidParameterValue" },
        { Route("10.2.0.0/16", "VirtualAppliance"), "MissingNextHopIpAddress" },
        { Route("10.2.0.0/16", "VirtualAppliance", ""), "MissingNextHopIpAddress" },
        { Route("10.2.0.0/16", "VirtualAppliance", "home"), "InvalidNextHopIpAddress" },
        { Route("10.2.0.0/16", "VirtualAppliance", "2001:db8::1"), "InvalidNextHopIpAddress" },
        { Route("10.2.0.0/16", "None", "10.1.1.12"), "NextHopIpAddressNotAllowed" },
        { Route("224.0.0.0/8", "None"), "AddressPrefixInRestrictedAddressSpace" },
        { Route("fe80::/64", "VnetLocal"), "AddressPrefixInRestrictedAddressSpace" },
        { Route("10.2.0.0/16", "Internet"), "AddressPrefixMustBeInPublicAddressSpace" },
        { Route("10.2.0.0/16", "None") + "," + Route("10.2.0.0/16", "VnetLocal", id: "again"), "RouteConflict" },
        { string.Join(',', Enumerable.Range(0, 101).Select(i => Route($"10.2.{i}.0/24", "None", id: $"r{i}"))), "RouteCountLimitReached" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Put_WrongRoute_IsRefused(string routes, string code) => await RefusedAsync(code, "routeTables/t", Table(routes));

    [Fact]
    public async Task Put_ApplianceOutsideTheNetwork_IsRefusedFromBothSides()
    {
        await PutAsync("routeTables/t", Table(Route("0.0.0.0/0", "VirtualAppliance", "10.1.2.9")));
        await RefusedAsync("RouteNextHopIpAddressNotFound", Subnet, WithTable);
        await PutAsync("routeTables/t", Table(Route("0.0.0.0/0", "VirtualAppliance", "10.1.1.9")));
        await PutAsync(Subnet, WithTable);

        await RefusedAsync("RouteNextHopIpAddressNotFound", "routeTables/t/routes/r", """{"properties":{"addressPrefix":"0.0.0.0/0","nextHopType":"VirtualAppliance","nextHopIpAddress":"10.1.2.9"}}""");
        Assert.Equal("InUseRouteTableCannotBeDeleted", (await Server.DeleteAsync("routeTables/t")).Code);
        Assert.Equal("/virtualNetworks/contoso/subnets/s1", (string?)(await Server.GetAsync("routeTables/t")).Properties["subnets"]![0]!["resourceRef"]);
    }

    [Fact]
    public async Task Plan_RouteTable_IsInTheSubnet()
    {
        await PutAsync("routeTables/t", Table(
            Route("0.0.0.0/0", "VirtualAppliance", "10.1.1.12"), Route("10.7.0.0/16", "None", id: "none"), Route("8.8.8.0/24", "Internet", "", "out")));
        await PutAsync(Subnet, WithTable);

        Assert.Equal<UserRoute>(
            [
                new UserRoute(IpPrefix.Parse("0.0.0.0/0"), UserRouteKind.VirtualAppliance, CustomerAddress.Parse("10.1.1.12")),
                new UserRoute(IpPrefix.Parse("10.7.0.0/16"), UserRouteKind.None, null),
                new UserRoute(IpPrefix.Parse("8.8.8.0/24"), UserRouteKind.Internet, null),
            ],
            Plan("host1", ("contoso-sql", Story.Host1)).VirtualNetworks.Single().Subnets.Single().Routes);
        Assert.Empty(Plan("host1", ("fabrikam-sql", Story.Host1)).VirtualNetworks.Single().Subnets.Single().Routes);
    }

    [Fact]
    public async Task Plan_ApplianceWhoseSubnetWentAway_SwallowsItsPackets()
    {
        await PutAsync("virtualNetworks/contoso/subnets/s2", """{"properties":{"addressPrefix":"10.1.2.0/24"}}""");
        await PutAsync("routeTables/t", Table(Route("0.0.0.0/0", "VirtualAppliance", "10.1.2.9")));
        await PutAsync(Subnet, WithTable);
        await Server.DeleteAsync("virtualNetworks/contoso/subnets/s2");

        UserRoute route = Assert.Single(Plan("host1", ("contoso-sql", Story.Host1)).VirtualNetworks.Single().Subnets.Single().Routes);
        Assert.Equal(new UserRoute(IpPrefix.Parse("0.0.0.0/0"), UserRouteKind.None, null), route);
    }

    private static string Table(params string[] routes) => $$$$$$"""{"properties":{"routes":[{{{{{{string.Join(',', routes)}}}}}}]}}""";

    private static string Route(string prefix, string type, string? hop = null, string id = "r") =>
        $$$$$$"""{"resourceId":"{{{{{{id}}}}}}","properties":{"addressPrefix":"{{{{{{prefix}}}}}}","nextHopType":"{{{{{{type}}}}}}"{{{{{{(hop is null ? "" : $",\"nextHopIpAddress\":\"{hop}\"")}}}}}}}}""";
}
