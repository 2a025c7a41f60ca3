using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Tests;

/// <summary>A pair of subnets, one per IP family, is one virtual subnet with two prefixes.</summary>
public sealed class DualStackTests : PlannedTests
{
    private const string V4 = "virtualNetworks/dual/subnets/v4";
    private const string V6 = "virtualNetworks/dual/subnets/v6";

    [Fact]
    public async Task Put_OneSideNamesTheOther_BothDoAndShareTheFirstsVsid()
    {
        await PutAsync("virtualNetworks/dual", Network(Subnet("v4", "10.9.1.0/24", vsid: "7001"), Subnet("v6", "2001:db8:9::/64", partner: "v4")));

        Assert.Equal("/virtualNetworks/dual/subnets/v6", await PartnerAsync(V4));
        Assert.Equal("/virtualNetworks/dual/subnets/v4", await PartnerAsync(V6));
        Assert.Equal(("7001", "7001"), (await VsidAsync(V4), await VsidAsync(V6)));
    }

    [Fact]
    public async Task Put_SecondSubnetLater_JoinsAndLeavesWithAVsidOfItsOwn()
    {
        await PutAsync("virtualNetworks/dual", Network(Subnet("v4", "10.9.1.0/24"), Subnet("v6", "2001:db8:9::/64")));
        string first = await VsidAsync(V4);
        string own = await VsidAsync(V6);

        await PutAsync(V4, """{"properties":{"addressPrefix":"10.9.1.0/24","dualStackSubnet":{"resourceRef":"/virtualNetworks/dual/subnets/v6"}}}""");
        Assert.Equal((first, first), (await VsidAsync(V4), await VsidAsync(V6)));
        await PutAsync(V6, """{"properties":{"addressPrefix":"2001:db8:9::/64"}}""");

        Assert.NotEqual(first, own);
        Assert.Null(await PartnerAsync(V4));
        Assert.Null(await PartnerAsync(V6));
        Assert.Equal(first, await VsidAsync(V4));
        Assert.NotEqual(first, await VsidAsync(V6));
    }

    [Fact]
    public async Task Put_NetworkAgainWithoutSubnets_KeepsThePairAndItsVsidIsNobodyElses()
    {
        await PutAsync("virtualNetworks/dual", Network(Subnet("v4", "10.9.1.0/24", vsid: "7001"), Subnet("v6", "2001:db8:9::/64", partner: "v4")));
        await PutAsync("virtualNetworks/dual", Network().Replace(",\"subnets\":[]", "", StringComparison.Ordinal));

        Assert.Equal("/virtualNetworks/dual/subnets/v4", await PartnerAsync(V6));
        await RefusedAsync("InvalidParameterValue", "virtualNetworks/other", Network(Subnet("s", "10.9.1.0/24", vsid: "7001")));
        await Server.DeleteAsync("virtualNetworks/dual");
        await PutAsync("virtualNetworks/other", Network(Subnet("s", "10.9.1.0/24", vsid: "7001")));
    }

    [Fact]
    public async Task Delete_SubnetByItself_GivesItsVsidBack()
    {
        await PutAsync("virtualNetworks/dual", Network(Subnet("a", "10.9.1.0/24", vsid: "7001"), Subnet("b", "10.9.2.0/24", vsid: "7002")));

        await Server.DeleteAsync("virtualNetworks/dual/subnets/b");

        await PutAsync("virtualNetworks/other", Network(Subnet("s", "10.9.1.0/24", vsid: "7002")));
        await RefusedAsync("InvalidParameterValue", "virtualNetworks/third", Network(Subnet("s", "10.9.1.0/24", vsid: "7001")));
    }

    [Theory]
    [InlineData("10.9.2.0/24", "v4", "InvalidSubnet")]
    [InlineData("2001:db8:9::/64", "v6", "InvalidSubnet")]
    [InlineData("2001:db8:9::/64", "none", "InvalidResourceReference")]
    public async Task Put_PairThatIsNone_IsRefused(string prefix, string partner, string code) =>
        await RefusedAsync(code, "virtualNetworks/dual", Network(Subnet("v4", "10.9.1.0/24"), Subnet("v6", prefix, partner: partner)));

    [Fact]
    public async Task Put_PairWithTwoVsids_IsRefused() => await RefusedAsync(
        "InvalidParameterValue", "virtualNetworks/dual", Network(Subnet("v4", "10.9.1.0/24", vsid: "7001"), Subnet("v6", "2001:db8:9::/64", partner: "v4", vsid: "7002")));

    [Fact]
    public async Task Put_SubnetOfAnotherNetworkOrPair_IsRefused()
    {
        await PutAsync("virtualNetworks/dual", Network(Subnet("v4", "10.9.1.0/24"), Subnet("v6", "2001:db8:9::/64", partner: "v4"), Subnet("more", "10.9.2.0/24")));

        await RefusedAsync("InvalidSubnet", "virtualNetworks/dual/subnets/more", """{"properties":{"addressPrefix":"10.9.2.0/24","dualStackSubnet":{"resourceRef":"/virtualNetworks/dual/subnets/v6"}}}""");
        await RefusedAsync("InvalidSubnet", "virtualNetworks/contoso/subnets/s1", """{"properties":{"addressPrefix":"10.1.1.0/24","dualStackSubnet":{"resourceRef":"/virtualNetworks/dual/subnets/v6"}}}""");
        Assert.Equal("InUseSubnetCannotBeDeleted", (await Server.DeleteAsync(V4)).Code);
    }

    [Fact]
    public async Task Put_PairingASubnetInUse_IsRefusedForItsVsidWouldChange()
    {
        await PutAsync("virtualNetworks/dual", Network(Subnet("v4", "10.9.1.0/24"), Subnet("v6", "2001:db8:9::/64")));
        await PutAsync("networkInterfaces/six", Nic("/virtualNetworks/dual/subnets/v6"));

        await RefusedAsync("InUseSubnetCannotBeUpdated", V4, """{"properties":{"addressPrefix":"10.9.1.0/24","dualStackSubnet":{"resourceRef":"/virtualNetworks/dual/subnets/v6"}}}""");
    }

    [Fact]
    public async Task Plan_Pair_IsOneSubnetAndAnInterfaceInBothIsOnePort()
    {
        await PutAsync("virtualNetworks/dual", Network(Subnet("v6", "2001:db8:9::/64", vsid: "7001"), Subnet("v4", "10.9.1.0/24", partner: "v6")));
        await PutAsync("networkInterfaces/both", Nic("/virtualNetworks/dual/subnets/v4", "10.9.1.10", moreConfigurations: """,{"resourceId":"ip2","properties":{"privateIPAllocationMethod":"Static","privateIPAddress":"2001:db8:9::10","subnet":{"resourceRef":"/virtualNetworks/dual/subnets/v6"}}}"""));

        HostPolicy host = Plan("host1", ("both", Story.Host1));

        VirtualSubnetPolicy subnet = Assert.Single(Assert.Single(host.VirtualNetworks).Subnets);
        Assert.Equal((7001u, "v6", "10.9.1.0/24", "10.9.1.1"), (subnet.Vsid.Value, subnet.Name, subnet.Prefix.ToString(), subnet.Gateway.ToString()));
        Assert.Equal(new SubnetPrefix(IpPrefix.Parse("2001:db8:9::/64"), CustomerAddress.Parse("2001:db8:9::1")), subnet.DualStack);
        PortPolicy port = Assert.Single(host.Ports);
        Assert.Equal(["10.9.1.10", "2001:db8:9::10"], port.Addresses.Select(a => a.ToString()));
        Assert.Equal(["7001/10.9.1.10 192.168.1.10", "7001/2001:db8:9::10 192.168.1.10"], Mappings(host));
    }

    [Fact]
    public async Task Plan_PairWithListsOfItsOwn_EachHoldsForItsFamily()
    {
        await PutAsync("accessControlLists/closed", """{"properties":{"inboundDefaultAction":"Deny","outboundDefaultAction":"Deny","aclRules":[]}}""");
        await PutAsync("virtualNetworks/dual", Network(
            Subnet("v4", "10.9.1.0/24", acl: "sql"), Subnet("v6", "2001:db8:9::/64", partner: "v4", acl: "closed")));
        await PutAsync("networkInterfaces/both", Nic("/virtualNetworks/dual/subnets/v4"));
        await PutAsync("networkInterfaces/twice", Nic("/virtualNetworks/dual/subnets/v4", moreConfigurations: """,{"resourceId":"ip2","properties":{"subnet":{"resourceRef":"/virtualNetworks/dual/subnets/v6"}}}"""));

        AclRule[] rules = [.. PlanPort("twice").Rules.Where(r => r.Priority > 65000)];

        Assert.Equal(["0.0.0.0/0", "0.0.0.0/0", "::/0", "::/0"], rules.Select(r => r.Sources.Single().ToString()).Order(StringComparer.Ordinal));
        Assert.All(rules.Where(r => r.Sources[0].IsIPv4 == false), r => Assert.Equal(AclAction.Block, r.Action));
        Assert.Equal(3, PlanPort("both").Rules.Length);
    }

    [Fact]
    public async Task Put_InterfaceInTwoSubnetsThatAreNoPair_IsRefused()
    {
        await PutAsync("virtualNetworks/dual", Network(Subnet("v4", "10.9.1.0/24"), Subnet("v6", "2001:db8:9::/64")));

        await RefusedAsync("InvalidParameterValue", "networkInterfaces/x", Nic("/virtualNetworks/dual/subnets/v4", moreConfigurations: """,{"resourceId":"ip2","properties":{"subnet":{"resourceRef":"/virtualNetworks/dual/subnets/v6"}}}"""));
    }

    private static string Network(params string[] subnets) => $$$$$$"""
        {"properties":{"addressSpace":{"addressPrefixes":["10.9.0.0/16","2001:db8:9::/48"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},"subnets":[{{{{{{string.Join(',', subnets)}}}}}}]}}
        """;

    private static string Subnet(string id, string prefix, string? partner = null, string? vsid = null, string? acl = null) =>
        $$$$$$"""{"resourceId":"{{{{{{id}}}}}}","properties":{"addressPrefix":"{{{{{{prefix}}}}}}"{{{{{{(vsid is null ? "" : $",\"virtualSubnetId\":\"{vsid}\"")}}}}}}"""
        + (partner is null ? "" : $$$$$$""","dualStackSubnet":{"resourceRef":"/virtualNetworks/dual/subnets/{{{{{{partner}}}}}}"}""")
        + (acl is null ? "" : $$$$$$""","accessControlList":{"resourceRef":"/accessControlLists/{{{{{{acl}}}}}}"}""") + "}}";

    private async Task<string?> PartnerAsync(string subnet) => (string?)(await Server.GetAsync(subnet)).Properties["dualStackSubnet"]?["resourceRef"];

    private async Task<string> VsidAsync(string subnet) => (await Server.GetAsync(subnet)).Text("virtualSubnetId")!;
}
