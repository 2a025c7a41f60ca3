using System.Text.Json.Nodes;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Southbound;

namespace Hnv.Controller.Tests;

/// <summary>From REST into the policy databases of two hosts.</summary>
public sealed class PushTests : HostedTests
{
    [Fact]
    public async Task AttachedPorts_Figure8_ReachBothDatabases()
    {
        await AttachAllAsync();

        await EventuallyAsync(() => Mappings(Host1).Count == 4 && Mappings(Host2).Count == 4);

        string[] expected = ["5001/10.1.1.11 192.168.1.10", "5001/10.1.1.12 192.168.2.20", "6001/10.1.1.11 192.168.1.10", "6001/10.1.1.12 192.168.2.20"];
        Assert.Equal(expected, Mappings(Host1));
        Assert.Equal(expected, Mappings(Host2));
    }

    [Fact]
    public async Task ConfigurationState_IsWhatTheHostReports()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4);
        NicId nic = await NicAsync("contoso-sql");

        string? before = await StateAsync("networkInterfaces/contoso-sql");
        Host1.Database.SetBindingStatus(nic, EnforcementStatus.Running);
        await Host1.ApplyAsync();
        await EventuallyAsync(async () => await StateAsync("networkInterfaces/contoso-sql") == "Success");
        Host1.Database.SetBindingStatus(nic, new EnforcementStatus(EnforcementState.Failed, "PolicyConfigurationFailureOnVfp", "broken"));
        await EventuallyAsync(async () => await StateAsync("networkInterfaces/contoso-sql") == "Failure");

        Assert.Equal("InProgress", before);
        JsonNode? interfaceDocument = await Client.GetAsync("networkInterfaces/contoso-sql");
        Assert.Equal("/servers/host1", (string?)interfaceDocument!["properties"]!["server"]!["resourceRef"]);
        Assert.Equal("Success", await StateAsync("servers/host1"));
        Assert.Equal("Failure", await StateAsync("virtualNetworks/contoso"));
        Assert.Equal("Failure", await StateAsync("accessControlLists/sql"));
        JsonNode? server = await Client.GetAsync("servers/host1");
        Assert.Equal(2, server!["properties"]!["virtualNetworkInterfaces"]!.AsArray().Count);
    }

    [Fact]
    public async Task MachineMoves_AttachedElsewhere_MappingsFollow()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host2).Count == 4);

        await Host2.Database.SetBindingAsync(await NicAsync("contoso-sql"), "veth9", CancellationToken.None);

        await EventuallyAsync(() => Mappings(Host2).Contains("5001/10.1.1.11 192.168.2.20"));
        Assert.Equal(["contoso-sql", "contoso-web", "fabrikam-web"], Host2.Database.ReadPolicy().Policy.Ports.Select(p => p.Name).Order());
    }

    [Fact]
    public async Task EveryFeature_AtOnce_ReachesTheHostAsPlannedAndWithoutAFault()
    {
        await PutAsync("virtualSwitchManager/configuration", """{"properties":{"portDefaultState":"BlockTraffic","qosSettings":{"reservationMode":"Absolute"}}}""");
        await PutAsync("routeTables/t", """
            {"properties":{"routes":[{"resourceId":"a","properties":{"addressPrefix":"0.0.0.0/0","nextHopType":"VirtualAppliance","nextHopIpAddress":"10.1.1.12"}},
             {"resourceId":"b","properties":{"addressPrefix":"10.7.0.0/16","nextHopType":"None"}}]}}
            """);
        await PutAsync("serviceInsertions/watch", """
            {"properties":{"priority":7,"serviceInsertionRules":[{"resourceId":"r","properties":{"protocol":"Tcp","sourcePortRangeStart":0,"destinationPortRangeStart":80,"sourceSubnets":["*"],"destinationSubnets":["10.1.1.11"]}}],
             "serviceInsertionElements":[{"resourceId":"e","properties":{"order":1,"networkInterface":{"resourceRef":"/networkInterfaces/contoso-web"}}}]}}
            """);
        await PutAsync("virtualNetworks/contoso", """
            {"properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16","2001:db8:1::/48"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},"unbilledAddressRanges":"10.9.0.0/16",
             "dhcpOptions":{"DnsServers":["10.1.1.53"]},"subnets":[
              {"resourceId":"s1","properties":{"addressPrefix":"10.1.1.0/24","routeTable":{"resourceRef":"/routeTables/t"},"serviceInsertion":{"resourceRef":"/serviceInsertions/watch"}}},
              {"resourceId":"s1v6","properties":{"addressPrefix":"2001:db8:1::/64","dualStackSubnet":{"resourceRef":"/virtualNetworks/contoso/subnets/s1"}}}]}}
            """);
        await PutAsync("virtualNetworks/north", Story.Network(8001).Replace("10.1.", "10.8.", StringComparison.Ordinal));
        await PutAsync("virtualNetworks/north/virtualNetworkPeerings/p", """{"properties":{"remoteVirtualNetwork":{"resourceRef":"/virtualNetworks/contoso"}}}""");
        await PutAsync("virtualNetworks/contoso/virtualNetworkPeerings/p", """{"properties":{"remoteVirtualNetwork":{"resourceRef":"/virtualNetworks/north"}}}""");
        await PutAsync("networkInterfaces/both", PlannedTests.Nic(
            "/virtualNetworks/contoso/subnets/s1",
            more: ""","allowedAddressPrefixes":["10.244.1.0/24"],"portSettings":{"macSpoofingEnabled":true,"qosSettings":{"outboundMaximumMbps":100,"outboundReservedValue":10}}""",
            moreConfigurations: """,{"resourceId":"ip2","properties":{"subnet":{"resourceRef":"/virtualNetworks/contoso/subnets/s1v6"}}}"""));
        await PutAsync("logicalNetworks/plain", """{"properties":{"subnets":[{"resourceId":"s","properties":{"addressPrefix":"172.16.0.0/24","vlanID":"77"}}]}}""");
        await PutAsync("networkInterfaces/plain", PlannedTests.Nic("/logicalNetworks/plain/subnets/s", "172.16.0.9"));
        await PutAsync("networkInterfaces/north-1", PlannedTests.Nic("/virtualNetworks/north/subnets/s1"));
        await PutAsync("servers/host2", Story.Server(Story.Host2, "pa-2", Host2.Address, "eth1", "eth2"));
        await AttachAllAsync();
        await Host1.Database.SetBindingAsync(await NicAsync("both"), "veth3", CancellationToken.None);
        await Host1.Database.SetBindingAsync(await NicAsync("plain"), "veth4", CancellationToken.None);
        await Host2.Database.SetBindingAsync(await NicAsync("north-1"), "veth3", CancellationToken.None);

        await EventuallyAsync(() => Mappings(Host1).Count == 7 && Host1.Database.ReadPolicy().Policy.Ports.Length == 4);

        HostPolicyReading reading = Host1.Database.ReadPolicy();
        Assert.Empty(reading.Errors);
        Assert.Equal(PortDefaultState.BlockTraffic, reading.Policy.Settings.PortDefault);
        Assert.Equal("192.168.2.20 192.168.2.21", string.Join(' ', Assert.Single(reading.Policy.Teams).Members));
        VirtualNetworkPolicy contoso = reading.Policy.VirtualNetworks.Single(n => n.Name == "contoso");
        VirtualSubnetPolicy subnet = Assert.Single(contoso.Subnets);
        Assert.Equal(("2001:db8:1::/64", 2, 1, 1), (subnet.DualStack?.Prefix.ToString(), subnet.Routes.Length, contoso.Peers.Length, contoso.UnbilledRanges.Length));
        PortPolicy both = reading.Policy.Ports.Single(p => p.Name == "both");
        Assert.Equal((new PortQos(100, 10, IsWeight: false, 0), 1, 1, 2), (both.Qos, both.AllowedAddresses.Length, both.Mirrors.Length, both.Addresses.Length));
        Assert.Equal("10.1.1.53", Assert.Single(both.Dhcp!.DnsServers).ToString());
        Assert.True(both.Settings.MacSpoofing);
        Assert.Equal((false, 77), reading.Policy.Ports.Where(p => p.Name == "plain").Select(p => (p.IsVirtualized, p.VlanId)).Single());
        Assert.Equal("Success", await StateAsync("servers/host1"));
    }

    [Fact]
    public async Task Rule_Changed_ReachesTheHost()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4);

        await Client.PutAsync("accessControlLists/sql", JsonNode.Parse("""{"properties":{"inboundDefaultAction":"Permit","aclRules":[]}}""")!);

        await EventuallyAsync(() => Host1.Database.ReadPolicy().Policy.Ports.Single(p => p.Name == "contoso-sql").Rules is { Length: 2 } rules
            && rules.All(r => r.Action == AclAction.Allow));
    }

    [Fact]
    public async Task Controller_Restarted_FindsNothingToWrite()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4 && Mappings(Host2).Count == 4);
        await Task.Delay(TimeSpan.FromMilliseconds(200));
        long before = Host1.Database.ReadPolicy().Policy.Configuration;

        await StopControllerAsync();
        await StartControllerAsync();
        await EventuallyAsync(async () => await StateAsync("servers/host1") == "Success" && await StateAsync("servers/host2") == "Success");
        await Task.Delay(TimeSpan.FromMilliseconds(500));

        Assert.Equal(before, Host1.Database.ReadPolicy().Policy.Configuration);
        Assert.Equal(4, Mappings(Host1).Count);
    }

    [Fact]
    public async Task Host_WithAnotherId_IsNotWrittenToAndSaysWhy()
    {
        await Client.PutAsync("servers/host3", JsonNode.Parse(Story.Server(Guid.NewGuid(), "pa-1", Host1.Address))!);

        await EventuallyAsync(async () => await CodeAsync("servers/host3") == "HostNotConnectedToController");
    }
}
