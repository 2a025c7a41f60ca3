using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Tests;

/// <summary>What an interface asks of its port: bandwidth, name servers, further addresses, a place on a logical network.</summary>
public sealed class PortFeatureTests : PlannedTests
{
    private const string S1 = "/virtualNetworks/contoso/subnets/s1";
    private const string Absolute = """{"properties":{"qosSettings":{"reservationMode":"Absolute","defaultReservation":10,"linkSpeedPercentage":80}}}""";

    [Fact]
    public async Task Put_BandwidthBeforeTheSwitchSaysHow_IsRefused()
    {
        await RefusedAsync("QosGlobalSettingsNotConfigured", "networkInterfaces/x", Qos("""{"outboundMaximumMbps":"100"}"""));
        await PutAsync("networkInterfaces/x", Qos("""{"outboundMaximumMbps":0}"""));
        Reply manager = await Server.GetAsync("virtualSwitchManager/configuration");

        Assert.Equal(("{}", "0"), (manager.Properties["qosSettings"]!.ToJsonString(), manager.Properties["numInterfacesHavingQos"]!.ToString()));
    }

    [Fact]
    public async Task Plan_Bandwidth_ReachesThePort()
    {
        await PutAsync("virtualSwitchManager/configuration", Absolute);
        await PutAsync("networkInterfaces/limited", Qos("""{"outboundReservedValue":50,"outboundMaximumMbps":100,"inboundMaximumMbps":200}"""));

        Assert.Equal(new PortQos(100, 50, IsWeight: false, 200), PlanPort("limited").Qos);
        Assert.Equal(new PortQos(0, 10, IsWeight: false, 0), PlanPort("contoso-sql").Qos);
        Assert.Equal("1", (await Server.GetAsync("virtualSwitchManager/configuration")).Properties["numInterfacesHavingQos"]!.ToString());
        await RefusedAsync("InvalidParameterValue", "networkInterfaces/x", Qos("""{"outboundReservedValue":101,"outboundMaximumMbps":100}"""));
    }

    [Fact]
    public async Task Plan_BandwidthByWeight_SaysSo()
    {
        await PutAsync("virtualSwitchManager/configuration", """{"properties":{"qosSettings":{"enableSoftwareReservations":true}}}""");
        await PutAsync("networkInterfaces/limited", Qos("""{"outboundReservedValue":50}"""));

        Assert.Equal(new PortQos(0, 50, IsWeight: true, 0), PlanPort("limited").Qos);
        Assert.Equal(PortQos.None, PlanPort("contoso-sql").Qos);
        await RefusedAsync("InvalidParameterValue", "networkInterfaces/x", Qos("""{"outboundReservedValue":101}"""));
    }

    [Fact]
    public async Task Put_QosSettingsAsTheyWereReadBeforeAnybodySetThem_LeavesThemUnset()
    {
        Reply read = await Server.GetAsync("virtualSwitchManager/configuration");

        await PutAsync("virtualSwitchManager/configuration", read.Body!.ToJsonString());

        Assert.Equal("{}", (await Server.GetAsync("virtualSwitchManager/configuration")).Properties["qosSettings"]!.ToJsonString());
        await RefusedAsync("QosGlobalSettingsNotConfigured", "networkInterfaces/x", Qos("""{"outboundReservedValue":50}"""));
        await PutAsync("virtualSwitchManager/configuration", """{"properties":{"qosSettings":{"linkSpeedPercentage":80}}}""");
        Assert.Equal("Weight", (string?)(await Server.GetAsync("virtualSwitchManager/configuration")).Properties["qosSettings"]!["reservationMode"]);
    }

    [Fact]
    public async Task Put_QosSettingsInUse_AreFrozen()
    {
        await PutAsync("virtualSwitchManager/configuration", Absolute);
        await PutAsync("networkInterfaces/limited", Qos("""{"inboundMaximumMbps":1}"""));

        await RefusedAsync("InUseQosSettingsCannotBeUpdated", "virtualSwitchManager/configuration", """{"properties":{"qosSettings":{"reservationMode":"Weight"}}}""");
        await PutAsync("virtualSwitchManager/configuration", Absolute.Replace("\"qosSettings\"", "\"portDefaultState\":\"BlockTraffic\",\"qosSettings\"", StringComparison.Ordinal));
        await Server.DeleteAsync("networkInterfaces/limited");
        await PutAsync("virtualSwitchManager/configuration", """{"properties":{"qosSettings":{"reservationMode":"Weight"}}}""");
    }

    [Fact]
    public async Task Plan_Settings_AreWhatTheManagersSayAndTheServersCanCarry()
    {
        await PutAsync("virtualSwitchManager/configuration", Absolute.Replace("\"qosSettings\"", "\"portDefaultState\":\"BlockTraffic\",\"qosSettings\"", StringComparison.Ordinal));
        await PutAsync("virtualNetworkManager/configuration", """{"properties":{"outerDscp":46}}""");
        await PutAsync("servers/host1", Story.Server(Story.Host1, "pa-1").Replace("\"logicalSubnets\"", "\"interfaceSpeed\":\"10000000000\",\"logicalSubnets\"", StringComparison.Ordinal));

        Assert.Equal(new HostSettings(PortDefaultState.BlockTraffic, 46, 8000), Plan("host1").Settings);
        Assert.Equal(new HostSettings(PortDefaultState.BlockTraffic, 46, 0), Plan("host2").Settings);
    }

    [Fact]
    public async Task Put_AllowTraffic_AndWhatNeedsTheFilter_ExcludeEachOther()
    {
        await RefusedAsync("OperationNotSupported", "virtualSwitchManager/configuration", """{"properties":{"portDefaultState":"AllowTraffic"}}""");
        foreach (string path in new[] { "networkInterfaces/contoso-sql", "networkInterfaces/contoso-web", "networkInterfaces/fabrikam-sql", "networkInterfaces/fabrikam-web", "virtualNetworks/contoso", "virtualNetworks/fabrikam", "accessControlLists/sql" })
        {
            await Server.DeleteAsync(path);
        }

        await PutAsync("virtualSwitchManager/configuration", """{"properties":{"portDefaultState":"AllowTraffic"}}""");

        await RefusedAsync("OperationNotSupported", "virtualNetworks/contoso", Story.Network(5001));
        await RefusedAsync("OperationNotSupported", "accessControlLists/sql", Story.SqlRules);
        await PutAsync("virtualSwitchManager/configuration", """{"properties":{}}""");
        await PutAsync("virtualNetworks/contoso", Story.Network(5001));
    }

    [Fact]
    public async Task Plan_NameServers_AreTheNetworksUnlessTheInterfaceHasItsOwn()
    {
        await PutAsync("virtualNetworks/contoso", Story.Network(5001).Replace("\"subnets\"", """ "dhcpOptions":{"DnsServers":["10.1.1.53","2001:db8::53"]},"subnets" """, StringComparison.Ordinal));
        await PutAsync("networkInterfaces/own", Nic(S1, more: ""","dnsSettings":{"DnsServers":["10.1.1.54"]}"""));

        Assert.Equal(["10.1.1.53", "2001:db8::53"], PlanPort("contoso-sql").Dhcp!.DnsServers.Select(s => s.ToString()));
        Assert.Equal(["10.1.1.54"], PlanPort("own").Dhcp!.DnsServers.Select(s => s.ToString()));
        Assert.Equal(DhcpPolicy.Default, PlanPort("fabrikam-sql").Dhcp);
        await RefusedAsync("OnlyPrimaryNetworkInterfaceCanHaveDnsSettings", "networkInterfaces/x", Nic(S1, more: ""","isPrimary":false,"dnsSettings":{"DnsServers":["10.1.1.54"]}"""));
    }

    [Fact]
    public async Task Plan_AllowedAddressPrefixes_ReachThePortAndAreShownOnlyWhenSet()
    {
        await PutAsync("networkInterfaces/containers", Nic(S1, more: ""","allowedAddressPrefixes":["10.244.1.0/24","2001:db8:244::/64"]"""));

        Assert.Equal(["10.244.1.0/24", "2001:db8:244::/64"], PlanPort("containers").AllowedAddresses.Select(p => p.ToString()));
        Assert.Null((await Server.GetAsync("networkInterfaces/contoso-sql")).Properties["allowedAddressPrefixes"]);
        await RefusedAsync("InvalidIPPrefix", "networkInterfaces/x", Nic(S1, more: ""","allowedAddressPrefixes":["10.244.1.1/24"]"""));
    }

    [Fact]
    public async Task Plan_InterfaceOnALogicalNetwork_IsAPortWithItsVlanAndNoVsid()
    {
        await PutAsync("logicalNetworks/plain", """
            {"properties":{"subnets":[{"resourceId":"s","properties":{"addressPrefix":"172.16.0.0/24","vlanID":"77","accessControlList":{"resourceRef":"/accessControlLists/sql"},
             "ipPools":[{"resourceId":"p","properties":{"startIpAddress":"172.16.0.10","endIpAddress":"172.16.0.20"}}]}}]}}
            """);
        await PutAsync("networkInterfaces/plain", Nic("/logicalNetworks/plain/subnets/s"));

        HostPolicy host = Plan("host1", ("plain", Story.Host1));

        PortPolicy port = Assert.Single(host.Ports);
        Assert.Equal((default(Vsid), 77, "172.16.0.10"), (port.Vsid, port.VlanId, Assert.Single(port.Addresses).ToString()));
        Assert.All(port.Rules, r => Assert.Equal(AclLevel.Subnet, r.Level));
        Assert.Equal(3, port.Rules.Length);
        Assert.Null(port.Dhcp);
        Assert.Empty(host.VirtualNetworks);
        Assert.Empty(host.Mappings);
        Assert.Empty(Plan("host2", ("plain", Story.Host1)).Ports);
    }

    private static string Qos(string settings) => Nic(S1, more: $$$$$$""","portSettings":{"qosSettings":{{{{{{settings}}}}}}}""");
}
