using System.Text.Json.Nodes;

namespace Hnv.Controller.Tests;

/// <summary>The rules that need a world of their own, or that break rarely: the code and status of each, and that nothing changed.</summary>
public sealed class RareRuleTests(FullServer full) : IClassFixture<FullServer>
{
    private const string Private = "\"subnet\":{\"resourceRef\":\"/logicalNetworks/vips/subnets/private\"}";
    private const string Transit = "\"subnet\":{\"resourceRef\":\"/logicalNetworks/vips/subnets/transit\"}";

    /// <summary>Path, body, code, status: each breaks one rule of a world that holds everything.</summary>
    public static TheoryData<string, string, string, int> Wrong => new()
    {
        { "accessControlLists/sql/aclRules/x", Acl("90-80", "1"), "AclRuleInvalidSourcePortRange", 400 },
        { "accessControlLists/sql/aclRules/x", Acl("", "1"), "AclRuleNullOrEmptySourcePortRange", 400 },
        { "accessControlLists/sql/aclRules/x", Acl("*", "1", destination: ""), "AclRuleNullOrEmptyDestinationAddressPrefix", 400 },
        { "loadBalancerManager/config", Layer2, "CannotUpdateMuxModeAfterCreatingLoadBalancers", 409 },
        { "loadBalancerManager/config", Layer2, "CannotUpdateMuxModeAfterCreatingNetworkInterfaceWithPublicIP", 409 },
        { "loadBalancerManager/config", Layer2, "CannotUpdateMuxModeAfterCreatingVirtualGatewayWithIPSecConnection", 409 },
        { "virtualNetworks/hub", Network("10.77.0.0/16", $"\"dhcpOptions\":{{\"DnsServers\":[{string.Join(",", Enumerable.Range(1, 10).Select(i => $"\"10.77.1.{i}\""))}]}}"), "DnsServerCountLimitReached", 400 },
        { "networkInterfaces/contoso-sql", Properties("\"privateMacAllocationMethod\":\"Dynamic\",\"isPrimary\":false"), "PrimaryNicPropertyCannotBeUpdated", 400 },
        { "multisite/configuration", Properties($"\"sites\":[{string.Join(",", Enumerable.Range(1, 40).Select(i => $"{{\"resourceId\":\"s{i}\",\"properties\":{{\"restIPAddress\":\"198.51.100.{i}\"}}}}"))}]"), "SiteCountLimitReached", 409 },
        { "virtualNetworks/hub", "{\"properties\":{\"addressSpace\":", "InvalidJson", 400 },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Put_Wrong_IsRefusedWithItsCodeAndStatusAndChangesNothing(string path, string body, string code, int status) =>
        await RefusedAsync(full.Rest, path, body, code, status);

    [Fact]
    public async Task Acl_WithTags_MayNotReachALogicalSubnet()
    {
        await MadeAsync("accessControlLists/world", Properties($"\"aclRules\":[{{\"resourceId\":\"r\",{Acl("*", "1", source: "VIRTUALNETWORK")[1..]}]"));

        await RefusedAsync(full.Rest, "networkInterfaces/x", Interface(Transit, ",\"accessControlList\":{\"resourceRef\":\"/accessControlLists/world\"}"), "AclRuleTagsNotSupportedOnLogicalNetwork", 400);
    }

    [Fact]
    public async Task VipPools_OfSubnetsWithTheSameVlan_AreRefused()
    {
        await MadeAsync("logicalNetworks/twin", Properties(
            "\"subnets\":[{\"resourceId\":\"s\",\"properties\":{\"addressPrefix\":\"172.29.0.0/24\",\"vlanID\":\"22\",\"ipPools\":[{\"resourceId\":\"pool\",\"properties\":{\"startIpAddress\":\"172.29.0.10\",\"endIpAddress\":\"172.29.0.20\"}}]}}]"));

        await RefusedAsync(full.Rest, "loadBalancerManager/config", Manager("vips/subnets/public", "vips/subnets/private", "twin/subnets/s"), "DuplicateNonZeroVIPSubnetVLanID", 400);
    }

    [Fact]
    public async Task VipPool_OfTooManyAddresses_IsRefused()
    {
        await MadeAsync("logicalNetworks/vast", Properties(
            "\"subnets\":[{\"resourceId\":\"s\",\"properties\":{\"addressPrefix\":\"172.24.0.0/14\",\"vlanID\":\"29\",\"ipPools\":[{\"resourceId\":\"pool\",\"properties\":{\"startIpAddress\":\"172.24.0.10\",\"endIpAddress\":\"172.26.0.20\"}}]}}]"));

        await RefusedAsync(full.Rest, "loadBalancerManager/config", Manager("vips/subnets/public", "vips/subnets/private", "vast/subnets/s"), "VipRangeTooLarge", 400);
    }

    [Fact]
    public async Task Frontend_OfASubnetWithoutPrefixOrWithAServiceInsertion_IsRefused()
    {
        await MadeAsync("logicalNetworks/odd", Properties("\"subnets\":[{\"resourceId\":\"bare\",\"properties\":{}}]"));
        await MadeAsync("virtualNetworks/contoso/subnets/watched", Properties("\"addressPrefix\":\"10.1.66.0/24\",\"serviceInsertion\":{\"resourceRef\":\"/serviceInsertions/mirror\"}"));

        await RefusedAsync(full.Rest, "loadBalancers/x", Balancer("\"privateIPAddress\":\"172.28.0.9\",\"subnet\":{\"resourceRef\":\"/logicalNetworks/odd/subnets/bare\"}"), "FrontendIpConfigSubnetNoAddrPrefix", 400);
        await RefusedAsync(full.Rest, "loadBalancers/x", Balancer("\"privateIPAddress\":\"10.1.66.9\",\"subnet\":{\"resourceRef\":\"/virtualNetworks/contoso/subnets/watched\"}"), "FrontendIPConfigDoesNotSupportServiceInsertion", 400);
    }

    [Fact]
    public async Task InternalBalancing_LeavesNoNetwork()
    {
        await MadeAsync("loadBalancers/inside", Balancer(
            "\"privateIPAddress\":\"10.1.1.90\",\"subnet\":{\"resourceRef\":\"/virtualNetworks/fabrikam/subnets/s1\"}", Rule("inside", 80, "Tcp", floating: false)));

        await RefusedAsync(
            full.Rest, "networkInterfaces/x", Interface("\"privateIPAddress\":\"10.1.1.41\",\"subnet\":{\"resourceRef\":\"/virtualNetworks/contoso/subnets/s1\"}", Pools("inside")),
            "FrontendIPConfigAndBackendIPConfigsAreInDifferentVnets", 400);
    }

    [Theory]
    [InlineData(false, "IpConfigCannotHaveOtherLbRulesWithNonFloatingIpAnyPortRule")]
    [InlineData(true, "IpConfigCannotHaveFloatingIpAnyPortLbRulesWithNonFloatingIpRules")]
    public async Task AllPortsRule_DoesNotShareItsAddresses(bool floating, string code)
    {
        string all = $"all{floating}".ToLowerInvariant(), one = $"one{floating}".ToLowerInvariant();
        await MadeAsync($"loadBalancers/{all}", Balancer($"\"privateIPAddress\":\"172.20.0.{(floating ? 84 : 82)}\",{Private}", Rule(all, 0, "All", floating)));
        await MadeAsync($"loadBalancers/{one}", Balancer($"\"privateIPAddress\":\"172.20.0.{(floating ? 85 : 83)}\",{Private}", Rule(one, 80, "Tcp", floating: false)));

        await RefusedAsync(
            full.Rest, "networkInterfaces/x", Interface("\"privateIPAddress\":\"10.1.1.42\",\"subnet\":{\"resourceRef\":\"/virtualNetworks/contoso/subnets/s1\"}", Pools(all, one)), code, 400);
    }

    [Fact]
    public async Task RemoteGateways_AreUsedByOneSideOfOnePeeringThatLendsThem()
    {
        foreach ((string name, string prefix) in new[] { ("spoke", "10.101"), ("one", "10.102"), ("two", "10.103") })
        {
            await MadeAsync($"virtualNetworks/{name}", Network($"{prefix}.0.0/16", $"\"subnets\":[{{\"resourceId\":\"gw\",\"properties\":{{\"addressPrefix\":\"{prefix}.1.0/24\"}}}}]"));
        }

        foreach (string name in new[] { "one", "two" })
        {
            await MadeAsync($"VirtualGateways/{name}", Properties($"\"gatewaySubnets\":[{{\"resourceRef\":\"/virtualNetworks/{name}/subnets/gw\"}}],\"GatewayPools\":[{{\"resourceRef\":\"/GatewayPools/default\"}}]"));
        }

        await MadeAsync("virtualNetworks/one/virtualNetworkPeerings/spoke", Peering("spoke", "\"allowGatewayTransit\":false"));
        await RefusedAsync(full.Rest, "virtualNetworks/spoke/virtualNetworkPeerings/one", Peering("one", "\"useRemoteGateways\":true"), "RemotePeeringDoesNotAllowGatewayTransit", 400);
        await RefusedAsync(full.Rest, "virtualNetworks/one/virtualNetworkPeerings/two", Peering("two", "\"useRemoteGateways\":true"), "ParentVnetAlreadyHasGateways", 400);
        await MadeAsync("virtualNetworks/one/virtualNetworkPeerings/spoke", Peering("spoke", "\"allowGatewayTransit\":true"));
        await MadeAsync("virtualNetworks/spoke/virtualNetworkPeerings/one", Peering("one", "\"useRemoteGateways\":true"));
        await RefusedAsync(full.Rest, "virtualNetworks/spoke/virtualNetworkPeerings/two", Peering("two", "\"useRemoteGateways\":true"), "AnotherPeeringAlreadyUsesRemoteGateways", 400);
    }

    [Fact]
    public async Task Mux_InL2Forwarding_KeepsItsInterfaces()
    {
        var server = new RestServer();
        await server.InitializeAsync();
        foreach ((string path, string body) in EveryResource.Documents.TakeWhile(d => d.Path != "publicIPAddresses/web"))
        {
            await MadeAsync(server, path, body.Replace("\"loadBalancerManagerIPAddress\"", "\"loadBalancerMuxMode\":\"L2Forwarding\",\"loadBalancerManagerIPAddress\"", StringComparison.Ordinal));
        }

        await MadeAsync(server, "macPools/default", Story.MacPool);
        await MadeAsync(server, "virtualServers/mux1", EveryResource.Documents.Single(d => d.Path == "virtualServers/mux1").Body);
        foreach (string name in new[] { "in", "out", "other" })
        {
            await MadeAsync(server, $"networkInterfaces/{name}", Properties("\"privateMacAllocationMethod\":\"Dynamic\""));
        }

        string mux = EveryResource.Documents.Single(d => d.Path == "loadBalancerMuxes/mux1").Body;
        string With(string external) => mux.Replace(
            "\"routerConfiguration\"", $"\"networkInterfaces\":{{\"internalNetworkInterface\":{{\"resourceRef\":\"/networkInterfaces/in\"}},\"externalNetworkInterface\":{{\"resourceRef\":\"/networkInterfaces/{external}\"}}}},\"routerConfiguration\"", StringComparison.Ordinal);
        await MadeAsync(server, "loadBalancerMuxes/mux1", With("out"));

        await RefusedAsync(server, "loadBalancerMuxes/mux1", With("other"), "CannotUpdateNetworkInterfaceAfterCreationInL2ForwardingMode", 400);
        await server.DisposeAsync();
    }

    [Fact]
    public async Task Backup_WithoutADirectory_IsAFeatureThatIsOff()
    {
        var server = new RestServer(keepsBackups: false);
        await server.InitializeAsync();

        await RefusedAsync(server, "networkControllerBackup/x", Properties("\"backupPath\":\"x\""), "FeatureDisabled", 400);
        await server.DisposeAsync();
    }

    private static string Layer2 => Manager("vips/subnets/public", "vips/subnets/private").Replace("]}}", "],\"loadBalancerMuxMode\":\"L2Forwarding\"}}", StringComparison.Ordinal);

    private static async Task RefusedAsync(RestServer rest, string path, string body, string code, int status)
    {
        long before = rest.Engine.Current.Revision;

        Reply reply = await rest.PutAsync(path, body);

        string[] codes = [reply.Code ?? "", .. (reply.Body?["error"]?["details"] as JsonArray ?? []).Select(d => (string)d!["code"]!)];
        Assert.True(codes.Contains(code), $"{reply.Status} {reply.Body?.ToJsonString()}");
        Assert.Equal(status, (int)reply.Status);
        Assert.Equal(before, rest.Engine.Current.Revision);
    }

    private Task MadeAsync(string path, string body) => MadeAsync(full.Rest, path, body);

    private static async Task MadeAsync(RestServer rest, string path, string body)
    {
        Reply reply = await rest.PutAsync(path, body);
        Assert.True(reply.Code is null, $"{path}: {reply.Code} {reply.Message}");
    }

    private static string Properties(string members) => $"{{\"properties\":{{{members}}}}}";

    private static string Acl(string sourcePorts, string destinationPorts, string source = "*", string destination = "*") => Properties(
        $"\"type\":\"Inbound\",\"action\":\"Allow\",\"protocol\":\"TCP\",\"priority\":\"300\",\"sourcePortRange\":\"{sourcePorts}\",\"destinationPortRange\":\"{destinationPorts}\",\"sourceAddressPrefix\":\"{source}\",\"destinationAddressPrefix\":\"{destination}\"");

    private static string Manager(params string[] subnets) => Properties(
        $"\"loadBalancerManagerIPAddress\":\"172.20.0.20\",\"outboundNatIPExemptions\":[],\"vipIpPools\":[{string.Join(",", subnets.Select(s => $"{{\"resourceRef\":\"/logicalNetworks/{s}/ipPools/pool\"}}"))}]");

    private static string Network(string space, string more) =>
        Properties($"\"addressSpace\":{{\"addressPrefixes\":[\"{space}\"]}},\"logicalNetwork\":{{\"resourceRef\":\"/logicalNetworks/hnvpa\"}},{more}");

    private static string Peering(string network, string more) => Properties($"\"remoteVirtualNetwork\":{{\"resourceRef\":\"/virtualNetworks/{network}\"}},{more}");

    private static string Interface(string where, string more = "") => Properties(
        $"\"privateMacAllocationMethod\":\"Dynamic\",\"ipConfigurations\":[{{\"resourceId\":\"i\",\"properties\":{{\"privateIPAllocationMethod\":\"{(where.Contains("privateIPAddress", StringComparison.Ordinal) ? "Static" : "Dynamic")}\",{where}{more}}}}}]");

    private static string Pools(params string[] balancers) =>
        $",\"loadBalancerBackendAddressPools\":[{string.Join(",", balancers.Select(b => $"{{\"resourceRef\":\"/loadBalancers/{b}/backendAddressPools/pool\"}}"))}]";

    private static string Balancer(string frontend, string rule = "") => Properties(
        $"\"frontendIPConfigurations\":[{{\"resourceId\":\"fe\",\"properties\":{{{frontend}}}}}],\"backendAddressPools\":[{{\"resourceId\":\"pool\",\"properties\":{{}}}}],\"loadBalancingRules\":[{rule}]");

    private static string Rule(string balancer, int port, string protocol, bool floating) =>
        $"{{\"resourceId\":\"rule\",\"properties\":{{\"protocol\":\"{protocol}\",\"frontendPort\":{port},\"backendPort\":{port},\"enableFloatingIP\":{(floating ? "true" : "false")},"
        + $"\"frontendIPConfigurations\":[{{\"resourceRef\":\"/loadBalancers/{balancer}/frontendIPConfigurations/fe\"}}],\"backendAddressPool\":{{\"resourceRef\":\"/loadBalancers/{balancer}/backendAddressPools/pool\"}}}}}}";
}
