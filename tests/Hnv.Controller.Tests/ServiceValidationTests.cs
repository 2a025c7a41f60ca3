using System.Net;
using System.Text.Json.Nodes;

namespace Hnv.Controller.Tests;

/// <summary>
/// The rules of load balancing, public addresses, gateways, learned addresses, security tags and sites: a change of what is there that breaks
/// one, the code and status it is refused with, and that nothing changed.
/// </summary>
public sealed class ServiceValidationTests(FullServer full) : IClassFixture<FullServer>
{
    private const string Fe = "\"frontendIPConfigurations\":[{\"resourceRef\":\"/loadBalancers/web/frontendIPConfigurations/fe\"}]";
    private const string PublicFe = "\"frontendIPConfigurations\":[{\"resourceRef\":\"/loadBalancers/web/frontendIPConfigurations/public\"}]";
    private const string Web = "\"backendAddressPool\":{\"resourceRef\":\"/loadBalancers/web/backendAddressPools/web\"}";
    private const string S1 = "\"subnet\":{\"resourceRef\":\"/virtualNetworks/contoso/subnets/s1\"}";
    private const string Private = "\"subnet\":{\"resourceRef\":\"/logicalNetworks/vips/subnets/private\"}";

    /// <summary>Path, body, code, status.</summary>
    public static TheoryData<string, string, string, int> Wrong => new()
    {
        // 7.5 load balancers
        { "loadBalancers/x", """{"properties":{}}""", "RequiredParamMissing", 400 },
        { "loadBalancers/x", Front($"\"privateIPAddress\":\"172.20.0.81\",{Private}", "\"privateIPAddress\":\"10.1.1.81\"," + S1), "LoadBalancerHasBothPublicAndInternalFrontends", 400 },
        { "loadBalancers/x", Front(""), "FrontendIPConfigHasNoSubnetOrPublicIP", 400 },
        { "loadBalancers/x", Front($"\"privateIPAddress\":\"172.20.0.81\",{Private},\"publicIPAddress\":{{\"resourceRef\":\"/publicIPAddresses/web\"}}"), "FrontendIPConfigHasBothSubnetAndPublicIP", 400 },
        { "loadBalancers/x", Front("\"privateIPAddress\":\"172.20.0.81\",\"publicIPAddress\":{\"resourceRef\":\"/publicIPAddresses/web\"}"), "FrontendPrivateIPAddressIsNotNull", 400 },
        { "loadBalancers/x", Front("\"privateIPAllocationMethod\":\"Static\",\"publicIPAddress\":{\"resourceRef\":\"/publicIPAddresses/web\"}"), "FrontendPrivateIPAllocationMethodIsNotDynamic", 400 },
        { "loadBalancers/x", Front($"\"privateIPAllocationMethod\":\"Dynamic\",\"privateIPAddress\":\"172.20.0.81\",{Private}"), "FrontendPrivateIpAllocationMethodIsNotStatic", 400 },
        { "loadBalancers/x", Front(Private), "PrivateIPAddressMissing", 400 },
        { "loadBalancers/x", Front($"\"privateIPAddress\":\"172.20.0.200\",{Private}"), "FrontEndIpNotInVipPool", 400 },
        { "loadBalancers/x", Front($"\"privateIPAddress\":\"172.22.0.20\",{Private}"), "PrivateIPAddressNotInSubnet", 400 },
        { "loadBalancers/x", Front($"\"privateIPAddress\":\"172.20.0.80\",{Private}"), "PrivateIPAddressInUse", 409 },
        { "loadBalancers/x", Front("\"privateIPAddress\":\"10.1.1.11\"," + S1), "PrivateIPAddressInUse", 409 },
        { "loadBalancers/x", Front("\"publicIPAddress\":{\"resourceRef\":\"/publicIPAddresses/nic\"}"), "PublicIPAddressInUse", 409 },
        { "loadBalancers/web/frontendIPConfigurations/fe", Properties("\"privateIPAddress\":\"10.1.1.81\"," + S1), "IpConfigCannotChangeFromInternalToPublicViceVersa", 400 },
        { "loadBalancers/web/loadBalancingRules/ssh", Rule(Fe, Web, 81, 81), "RuleNameDuplicate", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule(Fe, Web, 80, 81), "RulesUseSameFrontendPort", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule(Fe, Web, 2222, 81), "RulesUseSameFrontendPort", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule(Fe, Web, 81, 8080), "RulesUseSameBackendPort", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule(Fe, Web, 65536, 81), "PortValueIsOutOfRange", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule(Fe, Web, 81, 82, "Tcp", ",\"enableFloatingIP\":true"), "BackendAndFrontendPortsAreDifferent", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule(Fe, Web, 81, 82, "Tcp", ",\"idleTimeoutInMinutes\":3"), "RuleIdleTimeoutIsOutOfRange", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule(Fe, Web, 81, 82, "Tcp", ",\"idleTimeoutInMinutes\":31"), "RuleIdleTimeoutIsOutOfRange", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule(Fe, Web, 0, 0), "InvalidAnyPortAnyProtocolInboundRule", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule(Fe, Web, 80, 80, "All"), "InvalidAnyPortAnyProtocolInboundRule", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule(Fe, Web, 0, 0, "All"), "AnyPortProtocolNotAllowedWithOtherInboundRules", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule(PublicFe, Web, 0, 0, "All"), "AnyPortProtocolNotAllowedWithOtherOutboundNatRules", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule(Fe, "\"loadDistribution\":\"Default\"", 81, 82), "BackendPoolReferenceNotProvided", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Rule("\"frontendIPConfigurations\":[]", Web, 81, 82), "FrontendIpConfigReferenceNotProvided", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Properties($"\"protocol\":\"Tcp\",{Web},\"frontendPort\":81"), "FrontendIpConfigReferenceNotProvided", 400 },
        { "loadBalancers/web/loadBalancingRules/x", Properties($"\"protocol\":\"Tcp\",{Web},{Fe}"), "RequiredParamMissing", 400 },
        { "loadBalancers/web/outboundNatRules/x", Properties($"\"protocol\":\"ICMP\",{Web},{PublicFe}"), "InvalidOutboundNatProtocolType", 400 },
        { "loadBalancers/web/outboundNatRules/x", Properties($"\"protocol\":\"All\",{PublicFe}"), "BackendPoolReferenceNotProvided", 400 },
        { "loadBalancers/web/probes/x", Properties("\"protocol\":\"Udp\",\"port\":80"), "InvalidProtocolForProbe", 400 },
        { "loadBalancers/web/probes/x", Properties("\"protocol\":\"Tcp\",\"port\":80,\"requestPath\":\"/\""), "ProbeRequestPathIsNotNull", 400 },
        { "loadBalancers/web/probes/x", Properties("\"protocol\":\"HTTP\",\"port\":80"), "ProbeRequestPathIsRequired", 400 },
        { "loadBalancers/web/probes/x", Properties("\"protocol\":\"Tcp\",\"port\":80,\"intervalInSeconds\":4"), "ProbeIntervalIsOutOfRange", 400 },
        { "loadBalancers/web/probes/x", Properties("\"protocol\":\"Tcp\",\"port\":80,\"numberOfProbes\":0"), "NumberOfProbesIsOutOfRange", 400 },
        { "loadBalancers/web/probes/x", Properties("\"protocol\":\"Tcp\",\"port\":0"), "PortValueIsOutOfRange", 400 },
        { "networkInterfaces/x", Nic("10.1.1.40", "\"loadBalancerInboundNatRules\":[{\"resourceRef\":\"/loadBalancers/web/inboundNatRules/ssh\"}]"), "InboundNatRuleInUse", 409 },
        { "networkInterfaces/x", Nic("10.1.1.40", "\"loadBalancerBackendAddressPools\":[{\"resourceRef\":\"/loadBalancers/web/backendAddressPools/web\"}]", "fabrikam"), "BackendIPConfigurationsDontUseSameVnet", 400 },
        { "networkInterfaces/x", Nic("10.1.1.40", "\"publicIPAddress\":{\"resourceRef\":\"/publicIPAddresses/web\"}"), "PublicIPAddressInUse", 409 },

        // 7.6 manager, 7.7 muxes
        { "loadBalancerManager/config", Manager("172.20.0.200"), "FrontEndIpNotInVipPool", 400 },
        { "loadBalancerManager/config", Manager("172.20.0.80"), "PrivateIPAddressInUse", 409 },
        { "loadBalancerManager/config", Manager("172.20.0.20", "private"), "InUseVipPoolCannotBeRemoved", 409 },
        { "loadBalancerManager/config", Manager("172.20.0.20", "public", "private", "transit"), "InUseIpPoolCannotBeDeleted", 409 },
        { "loadBalancerManager/config", Manager("172.20.0.20", "public", "private").Replace("]}}", "],\"loadBalancerMuxMode\":\"L2Forwarding\"}}", StringComparison.Ordinal), "CannotUpdateMuxModeAfterCreatingLoadBalancerMuxes", 409 },
        { "loadBalancerManager/config", Manager("172.20.0.20", "public", "private").Replace("]}}", "],\"loadBalancerMuxMode\":\"Maybe\"}}", StringComparison.Ordinal), "LoadBalancerMuxModeNotSupported", 400 },
        { "logicalNetworks/vips/subnets/private", Properties("\"addressPrefix\":\"172.20.0.0/24\",\"vlanID\":\"44\""), "CannotUpdateVLanId", 409 },
        { "loadBalancerMuxes/x", Properties("\"virtualServer\":{\"resourceRef\":\"/virtualServers/mux1\"},\"routerConfiguration\":{\"peerRouterConfigurations\":[]}"), "RequiredParamMissing", 400 },
        { "loadBalancerMuxes/x", Properties("\"virtualServer\":{\"resourceRef\":\"/virtualServers/none\"},\"routerConfiguration\":{\"localASN\":1,\"peerRouterConfigurations\":[]}"), "InvalidResourceReference", 400 },
        { "virtualServers/x", Properties("\"vmGuid\":\"no guid\""), "InvalidParameterValue", 400 },

        // 7.14 public addresses
        { "publicIPAddresses/x", Properties("\"publicIPAllocationMethod\":\"Static\""), "PublicIPAddressMissing", 400 },
        { "publicIPAddresses/x", Properties("\"publicIPAllocationMethod\":\"Static\",\"ipAddress\":\"203.0.113.50\""), "PublicIPAddressInUse", 409 },
        { "publicIPAddresses/x", Properties("\"idleTimeoutInMinutes\":31"), "PublicIPIdleTimeoutIsOutOfRange", 400 },
        { "publicIPAddresses/x", Properties("\"dnsSettings\":{}"), "DomainNameLabelCannotBeNullOrEmpty", 400 },
        { "publicIPAddresses/x", Properties("\"dnsSettings\":{\"domainNameLabel\":\"-x-\"}"), "InvalidDomainNameLabel", 400 },
        { "publicIPAddresses/x", Properties("\"dnsSettings\":{\"domainNameLabel\":\"Contoso-Web\"}"), "DnsRecordInUse", 409 },
        { "publicIPAddresses/x", Properties("\"publicIPAddressVersion\":\"IPv6\""), "SubnetIsFull", 409 },
        { "publicIPAddresses/nic", Properties("\"publicIPAllocationMethod\":\"Static\",\"ipAddress\":\"203.0.113.51\""), "PublicIPAddressInUseCannotUpdate", 409 },
        { "publicIPAddresses/nic", Properties("\"publicIPAllocationMethod\":\"Static\",\"ipAddress\":\"203.0.113.50\",\"publicIPAddressVersion\":\"IPv6\""), "PublicIPAddressVersionCannotUpdate", 400 },

        // 7.3 pools, 7.4 gateways, 7.17 virtual gateways
        { "GatewayPools/x", Properties("\"type\":\"S2sGre\""), "RequiredParamMissing", 400 },
        { "gateways/x", Gateway("gw-external", "gw-internal"), "NicInUse", 409 },
        { "gateways/x", Gateway("balanced", "gw-internal"), "InvalidGatewayIPCount", 400 },
        { "gateways/x", Gateway("contoso-sql", "gw-internal"), "InvalidNetworkInterfaceReference", 400 },
        { "gateways/x", Gateway("gw-external", "contoso-sql"), "InvalidNetworkInterfaceReference", 400 },
        { "gateways/x", Gateway("gw-external", "none"), "InvalidNetworkInterfaceReference", 400 },
        { "gateways/gw1", Gateway("contoso-sql", "gw-internal"), "InvalidParameterValue", 400 },
        { "VirtualGateways/x", Properties("\"gatewaySubnets\":[{\"resourceRef\":\"/virtualNetworks/contoso/subnets/s1\"}],\"GatewayPools\":[]"), "MultipleGatwaysUseSameVnet", 409 },
        { "VirtualGateways/contoso/networkConnections/x", Properties("\"connectionType\":\"IPSec\",\"destinationIPAddress\":\"198.51.100.9\""), "RequiredParamMissing", 400 },
        { "VirtualGateways/contoso/networkConnections/x", Properties("\"connectionType\":\"GRE\",\"destinationIPAddress\":\"198.51.100.9\",\"greConfiguration\":{\"greKey\":\"key\"}"), "InvalidParameterValue", 400 },
        { "VirtualGateways/contoso/networkConnections/x", Properties("\"connectionType\":\"L3\""), "RequiredParamMissing", 400 },
        { "VirtualGateways/contoso/networkConnections/x", Properties("\"connectionType\":\"IPSec\",\"destinationIPAddress\":\"198.51.100.7\",\"ipSecConfiguration\":{\"sharedSecret\":\"s\"},\"routes\":[{\"destinationPrefix\":\"10.6.0.0/16\"}]"), "DuplicateLocalVpnGatewayAddress", 400 },
        { "VirtualGateways/contoso/bgpRouters/r1/bgpPeers/x", Properties("\"peerIpAddress\":\"10.9.0.2\",\"extAsNumber\":\"0.64512\",\"asNumber\":\"64513\""), "InvalidParameterValue", 400 },
        { "VirtualGateways/contoso/bgpRouters/r1/bgpPeers/x", Properties("\"peerIpAddress\":\"10.9.0.2\""), "RequiredParamMissing", 400 },

        // 7.11 interfaces, 7.31 tags, 7.32 learned addresses
        { "networkInterfaces/x", Nic("10.1.1.40", "", "contoso", "\"isHostVirtualNetworkInterface\":true,"), "HostVirtualNetworkInterfaceCannotConnectToVirtualNetwork", 400 },
        { "networkInterfaces/contoso-sql", Properties("\"privateMacAllocationMethod\":\"Dynamic\",\"isHostVirtualNetworkInterface\":true"), "IsHostVirtualNetworkInterfaceCannotBeUpdated", 400 },
        { "accessControlLists/x", Properties("\"securityTags\":[{\"resourceRef\":\"/securityTags/web\"}]"), "SecurityTagAlreadyHasAclApplied", 409 },
        { "accessControlLists/sql/aclRules/x", Acl("\"sourceAddressPrefix\":\"*\",\"sourceSecurityTags\":[{\"resourceRef\":\"/securityTags/web\"}],\"destinationAddressPrefix\":\"*\""), "AclRuleBothSourceAddressPrefixAndSecurityTagsPresent", 400 },
        { "accessControlLists/sql/aclRules/x", Acl("\"sourceAddressPrefix\":\"*\",\"destinationSecurityTags\":[{\"resourceRef\":\"/securityTags/web\"}],\"destinationAddressPrefix\":\"*\""), "AclRuleBothDestinationAddressPrefixAndSecurityTagsPresent", 400 },
        { "accessControlLists/sql/aclRules/x", Acl("\"sourceSecurityTags\":[],\"destinationAddressPrefix\":\"*\""), "AclRuleSourceNeitherAddressPrefixNorSecurityTagsPresent", 400 },
        { "accessControlLists/sql/aclRules/x", Acl("\"sourceAddressPrefix\":\"*\""), "AclRuleDestinationNeitherAddressPrefixNorSecurityTagsPresent", 400 },
        { "learnedIPAddresses/x", Properties("\"ipAddress\":\"10.1.1.201\""), "LearnedIpAddressSubnetMissing", 400 },
        { "learnedIPAddresses/x", Properties("\"ipAddress\":\"10.1.1.201\",\"virtualSubnet\":{\"resourceRef\":\"/virtualNetworks/contoso/subnets/none\"}"), "LearnedIpAddressSubnetMissing", 400 },
        { "learnedIPAddresses/x", Properties(S1), "LearnedIpConfigPrivateIpNotSet", 400 },
        { "learnedIPAddresses/x", Properties("\"ipAddress\":\"2001:db8::1\"," + S1), "LearnedIpInvalidIpAddress", 400 },
        { "learnedIPAddresses/x", Properties("\"ipAddress\":\"10.1.2.1\"," + S1), "LearnedIpNotPartofSubnet", 400 },
        { "learnedIPAddresses/x", Properties("\"ipAddress\":\"10.1.1.11\"," + S1), "PrivateIPAddressInUse", 409 },
        { "learnedIPAddresses/cluster", Properties("\"ipAddress\":\"10.1.1.201\"," + S1), "LearnedIpConfigModified", 400 },
        { "networkInterfaces/x", Learned(""), "LearnedIpConfigMissingPrimary", 400 },
        { "networkInterfaces/x", Learned(",\"isPrimary\":true"), "LearnedIpConfigCannotBePrimary", 400 },
        { "networkInterfaces/x", Learned(",\"publicIPAddress\":{\"resourceRef\":\"/publicIPAddresses/nic\"}"), "LearnedIpConfigCannotBeLoadbalancedOrHavePublicIP", 400 },
        { "networkInterfaces/x", Learned("").Replace("contoso/subnets/s1", "contoso/subnets/gateway", StringComparison.Ordinal), "LearnedIpConfigInvalidConfiguration", 400 },
        { "networkInterfaces/balanced/ipConfigurations/second", Properties("\"privateIPAllocationMethod\":\"Learned\",\"learnedIp\":{\"resourceRef\":\"/learnedIPAddresses/cluster\"}," + S1), "SingleLearnedIpPerNic", 400 },

        // 7.18 what is in use
        { "virtualNetworks/contoso/subnets/gateway", Properties("\"addressPrefix\":\"10.1.251.0/24\""), "InUseSubnetCannotBeUpdated", 409 },
        { "virtualNetworks/contoso", Properties("\"addressSpace\":{\"addressPrefixes\":[\"10.1.0.0/20\"]},\"logicalNetwork\":{\"resourceRef\":\"/logicalNetworks/hnvpa\"}"), "VnetInUse", 409 },

        // credentials, networks, sites, singletons
        { "credentials/x", Properties("\"type\":\"X509CertificateSubjectName\",\"value\":\"O=contoso\""), "CommonNameExtractionFailed", 400 },
        { "virtualNetworks/hub", Properties("\"addressSpace\":{\"addressPrefixes\":[\"10.77.0.0/16\"]},\"logicalNetwork\":{\"resourceRef\":\"/logicalNetworks/hnvpa\"},\"encryptionCredential\":{\"resourceRef\":\"/credentials/admin\"}"), "UnsupportedCredentialType", 400 },
        { "virtualNetworks/contoso/subnets/s1", Properties("\"addressPrefix\":\"10.1.1.0/24\",\"encryptionEnabled\":true"), "UnsupportedCredentialType", 400 },
        { "multisite/configuration", Properties("\"certificateSubjectName\":\"a\",\"securityGroup\":\"b\""), "MultisiteCannotSpecifyBothCertificateSubjectNameAndSecurityGroup", 400 },
        { "multisite/configuration", Properties("\"securityGroup\":\"b\",\"sites\":[{\"resourceId\":\"e\",\"properties\":{\"restIPAddress\":\"h\",\"certificateSubjectName\":\"c\"}}]"), "MultisiteCertificateSubjectNameCannotBeSpecifiedWithWindowsAuth", 400 },
        { "iDnsServer/configuration", Properties("\"zone\":\"x\",\"connections\":[]"), "RequiredParamMissing", 400 },
        { "auditingSettings/configuration", Properties(""), "RequiredParamMissing", 400 },
        { "SubnetEgressReset", Properties("\"virtualSubnetResourceReference\":\"/virtualNetworks/contoso/subnets/none\""), "NotFound", 404 },
        { "virtualNetworks/contoso/virtualNetworkPeerings/hub", Peering("\"useRemoteGateways\":true,\"allowGatewayTransit\":true"), "UseRemoteAndAllowTransitCannotBeTrue", 400 },
        { "virtualNetworks/contoso/virtualNetworkPeerings/hub", Peering("\"useRemoteGateways\":true"), "RemoteVnetHasNoGateways", 400 },
    };

    /// <summary>Through an older version: version, path, body, code.</summary>
    public static TheoryData<string, string, string, string> TooOld => new()
    {
        { "v6.1", "loadBalancers/x", Front($"\"privateIPAddress\":\"172.20.0.81\",{Private}").Replace("{\"properties\":{", "{\"properties\":{\"updateBackendAddressPools\":true,", StringComparison.Ordinal), "UpdateBackendAddressPoolsNotAllowed" },
        { "v4", "loadBalancers/web/outboundNatRules/x", Properties($"\"protocol\":\"All\",{Web},{PublicFe},\"idleTimeoutInMinutes\":5"), "OutboundIdleTimeoutImmutableIfLessThanV4_2" },
        { "v5", "loadBalancerManager/config", Manager("172.20.0.20", "public", "private").Replace("]}}", "],\"loadBalancerMuxMode\":\"L2Forwarding\"}}", StringComparison.Ordinal), "LoadBalancerMuxModeNotSupported" },
        { "v4.2", "networkInterfaces/x", Learned(""), "LearnedIpConfigurationNotSupported" },
        { "v1", "virtualNetworkManager/configuration", Properties("\"virtualSubnetIdRange\":{\"startId\":5001,\"endId\":9999}"), "MinimumApiVersionNotSpecifiedForVsidRange" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Put_Wrong_IsRefusedWithItsCodeAndStatusAndChangesNothing(string path, string body, string code, int status)
    {
        long before = full.Rest.Engine.Current.Revision;

        Reply reply = await full.Rest.PutAsync(path, body);

        Assert.True(Codes(reply).Contains(code), $"{reply.Status} {reply.Body?.ToJsonString()}");
        Assert.True(reply.Code != code || reply.Status == (HttpStatusCode)status, $"{reply.Status}");
        Assert.Equal(before, full.Rest.Engine.Current.Revision);
    }

    [Theory]
    [MemberData(nameof(TooOld))]
    public async Task Put_NewerPropertyThroughAnOlderVersion_IsRefusedWithItsCode(string version, string path, string body, string code)
    {
        Reply reply = await full.Rest.SendAsync(HttpMethod.Put, $"{version}/{path}", body);

        Assert.True(Codes(reply).Contains(code), $"{reply.Status} {reply.Body?.ToJsonString()}");
    }

    [Fact]
    public async Task LoadBalancer_BeforeTheManagerIsConfigured_Is409()
    {
        var empty = new RestServer();
        await empty.InitializeAsync();
        try
        {
            Reply reply = await empty.PutAsync("loadBalancers/x", Front("\"privateIPAddress\":\"172.20.0.81\""));

            Assert.Contains("LbManagerResourceNotConfigured", Codes(reply));
            Assert.Equal(HttpStatusCode.NotFound, (await empty.GetAsync("loadBalancerManager/config")).Status);
            Assert.Equal(HttpStatusCode.NotFound, (await empty.GetAsync("iDnsServer/configuration")).Status);
            Assert.Equal("", (await empty.GetAsync("auditingSettings/configuration")).Text("outputDirectory"));
        }
        finally
        {
            await empty.DisposeAsync();
        }
    }

    [Fact]
    public async Task OutboundNatRule_IdleTimeout_IsThereFromV4_2ToV5Only()
    {
        await full.Rest.SendAsync(HttpMethod.Put, "v5/loadBalancers/web/outboundNatRules/idle", Properties($"\"protocol\":\"Tcp\",{Web},{PublicFe},\"idleTimeoutInMinutes\":7"));

        Assert.Equal(7, (int?)(await full.Rest.GetAsync("loadBalancers/web/outboundNatRules/idle", "v4.2")).Properties["idleTimeoutInMinutes"]);
        Assert.Null((await full.Rest.GetAsync("loadBalancers/web/outboundNatRules/idle", "v4")).Properties["idleTimeoutInMinutes"]);
        Assert.Null((await full.Rest.GetAsync("loadBalancers/web/outboundNatRules/idle", "v6")).Properties["idleTimeoutInMinutes"]);
        await full.Rest.DeleteAsync("loadBalancers/web/outboundNatRules/idle");
    }

    private static string[] Codes(Reply reply) =>
        [reply.Code ?? "", .. (reply.Body?["error"]?["details"] as JsonArray ?? []).Select(d => (string)d!["code"]!)];

    private static string Properties(string members) => $"{{\"properties\":{{{members}}}}}";

    private static string Front(params string[] frontends) =>
        Properties($"\"frontendIPConfigurations\":[{string.Join(",", frontends.Select((f, i) => $"{{\"resourceId\":\"f{i}\",\"properties\":{{{f}}}}}"))}]");

    private static string Rule(string frontends, string pool, int frontend, int backend, string protocol = "Tcp", string more = "") =>
        Properties($"\"protocol\":\"{protocol}\",\"frontendPort\":{frontend},\"backendPort\":{backend},{frontends},{pool}{more}");

    private static string Nic(string address, string more, string network = "contoso", string top = "") => Properties(
        $"{top}\"privateMacAllocationMethod\":\"Dynamic\",\"ipConfigurations\":[{{\"resourceId\":\"i\",\"properties\":{{\"privateIPAllocationMethod\":\"Static\",\"privateIPAddress\":\"{address}\","
        + $"\"subnet\":{{\"resourceRef\":\"/virtualNetworks/{network}/subnets/s1\"}}{(more.Length > 0 ? "," : "")}{more}}}}}]");

    private static string Learned(string more) => Properties(
        "\"privateMacAllocationMethod\":\"Dynamic\",\"ipConfigurations\":[{\"resourceId\":\"i\",\"properties\":{\"privateIPAllocationMethod\":\"Learned\","
        + $"\"learnedIp\":{{\"resourceRef\":\"/learnedIPAddresses/cluster\"}},{S1}{more}}}}}]");

    private static string Manager(string address, params string[] pools) => Properties(
        $"\"loadBalancerManagerIPAddress\":\"{address}\",\"outboundNatIPExemptions\":[],\"vipIpPools\":[{string.Join(",", (pools.Length == 0 ? ["public", "private"] : pools)
            .Select(p => $"{{\"resourceRef\":\"/logicalNetworks/vips/subnets/{p}/ipPools/pool\"}}"))}]");

    private static string Gateway(string external, string inside) => Properties(
        "\"pool\":{\"resourceRef\":\"/GatewayPools/default\"},\"virtualServer\":{\"resourceRef\":\"/virtualServers/gw1\"},\"networkInterfaces\":{"
        + $"\"externalNetworkInterface\":{{\"resourceRef\":\"/networkInterfaces/{external}\"}},\"internalNetworkInterface\":{{\"resourceRef\":\"/networkInterfaces/{inside}\"}}}}");

    private static string Acl(string sides) =>
        Properties($"\"type\":\"Inbound\",\"action\":\"Allow\",\"protocol\":\"TCP\",\"priority\":\"300\",\"sourcePortRange\":\"*\",\"destinationPortRange\":\"80\",{sides}");

    private static string Peering(string more) => Properties($"\"remoteVirtualNetwork\":{{\"resourceRef\":\"/virtualNetworks/hub\"}},{more}");
}
