namespace Hnv.Controller.Tests;

/// <summary>At least one resource of every type of the protocol, beside the story: as an operator would put them, in order.</summary>
public static class EveryResource
{
    /// <summary>Path and body of each; made through the newest version.</summary>
    public static IReadOnlyList<(string Path, string Body)> Documents { get; } =
    [
        ("credentials/cert", """{"properties":{"type":"X509Certificate","value":"0123456789ABCDEF0123456789ABCDEF01234567"}}"""),
        ("credentials/admin", """{"properties":{"type":"usernamePassword","userName":"contoso\\hnvadmin","value":"s3cret"}}"""),
        ("logicalNetworks/vips", """
            {"properties":{"networkVirtualizationEnabled":"False","subnets":[
              {"resourceId":"public","properties":{"addressPrefix":"203.0.113.0/24","vlanID":"21","isPublic":true,"defaultGateways":["203.0.113.1"],
               "ipPools":[{"resourceId":"pool","properties":{"startIpAddress":"203.0.113.10","endIpAddress":"203.0.113.99"}}]}},
              {"resourceId":"private","properties":{"addressPrefix":"172.20.0.0/24","vlanID":"22","defaultGateways":["172.20.0.1"],
               "ipPools":[{"resourceId":"pool","properties":{"startIpAddress":"172.20.0.10","endIpAddress":"172.20.0.99"}}]}},
              {"resourceId":"transit","properties":{"addressPrefix":"172.21.0.0/24","vlanID":"23","defaultGateways":["172.21.0.1"],
               "ipPools":[{"resourceId":"pool","properties":{"startIpAddress":"172.21.0.10","endIpAddress":"172.21.0.99"}}]}}]}}
            """),
        ("loadBalancerManager/config", """
            {"properties":{"loadBalancerManagerIPAddress":"172.20.0.20","outboundNatIPExemptions":["10.254.0.0/16"],"vipIpPools":[
              {"resourceRef":"/logicalNetworks/vips/subnets/public/ipPools/pool"},{"resourceRef":"/logicalNetworks/vips/subnets/private/ipPools/pool"}]}}
            """),
        ("publicIPAddresses/web", """{"properties":{"publicIPAllocationMethod":"Dynamic","idleTimeoutInMinutes":4,"dnsSettings":{"domainNameLabel":"contoso-web"}}}"""),
        ("publicIPAddresses/nic", """{"properties":{"publicIPAllocationMethod":"Static","ipAddress":"203.0.113.50"}}"""),
        ("virtualServers/mux1", """
            {"properties":{"vmGuid":"6c0e1d6e-8c1c-4c1f-9a35-0d2c9d2f7a11","connections":[{"managementAddresses":["192.0.2.31"],
              "credential":{"resourceRef":"/credentials/admin"},"credentialType":"usernamePassword"}]}}
            """),
        ("virtualServers/gw1", """
            {"markServerReadOnly":true,"properties":{"vmGuid":"6c0e1d6e-8c1c-4c1f-9a35-0d2c9d2f7a12","connections":[{"managementAddresses":["gw1.fabric.example"],
              "credential":{"resourceRef":"/credentials/cert"},"credentialType":"X509Certificate"}]}}
            """),
        ("loadBalancerMuxes/mux1", """
            {"properties":{"virtualServer":{"resourceRef":"/virtualServers/mux1"},"routerConfiguration":{"localASN":64628,"peerRouterConfigurations":[
              {"routerName":"tor1","routerIPAddress":"192.0.2.1","peerASN":64623}]},"connections":[{"managementAddresses":["192.0.2.31"],
              "credential":{"resourceRef":"/credentials/admin"},"credentialType":"usernamePassword","protocol":"Tcp","port":"8560"}]}}
            """),
        ("securityTags/web", """{"properties":{"type":"tier"}}"""),
        ("accessControlLists/tagged", """
            {"properties":{"inboundDefaultAction":"Permit","outboundDefaultAction":"Permit","securityTags":[{"resourceRef":"/securityTags/web"}],"aclRules":[
              {"resourceId":"r","properties":{"type":"Inbound","action":"Deny","protocol":"TCP","priority":"200","sourceSecurityTags":[{"resourceRef":"/securityTags/web"}],
               "destinationAddressPrefix":"*","sourcePortRange":"*","destinationPortRange":"22"}}]}}
            """),
        ("loadBalancers/web", """
            {"properties":{"frontendIPConfigurations":[
              {"resourceId":"fe","properties":{"privateIPAddress":"172.20.0.80","privateIPAllocationMethod":"Static","subnet":{"resourceRef":"/logicalNetworks/vips/subnets/private"}}},
              {"resourceId":"public","properties":{"publicIPAddress":{"resourceRef":"/publicIPAddresses/web"}}}],
             "backendAddressPools":[{"resourceId":"web","properties":{"backendIPConfigurations":[]}}],
             "probes":[{"resourceId":"p80","properties":{"protocol":"Tcp","port":80,"intervalInSeconds":15,"numberOfProbes":11}}],
             "inboundNatRules":[{"resourceId":"ssh","properties":{"protocol":"Tcp","frontendPort":2222,"backendPort":22,"idleTimeoutInMinutes":4,
               "frontendIPConfigurations":[{"resourceRef":"/loadBalancers/web/frontendIPConfigurations/fe"}]}}],
             "outboundNatRules":[{"resourceId":"out","properties":{"protocol":"All",
               "frontendIPConfigurations":[{"resourceRef":"/loadBalancers/web/frontendIPConfigurations/public"}],
               "backendAddressPool":{"resourceRef":"/loadBalancers/web/backendAddressPools/web"}}}],
             "loadBalancingRules":[{"resourceId":"http","properties":{"protocol":"Tcp","frontendPort":80,"backendPort":8080,
               "frontendIPConfigurations":[{"resourceRef":"/loadBalancers/web/frontendIPConfigurations/fe"}],
               "backendAddressPool":{"resourceRef":"/loadBalancers/web/backendAddressPools/web"},
               "probe":{"resourceRef":"/loadBalancers/web/probes/p80"}}}]}}
            """),
        ("routeTables/nva", """{"properties":{"routes":[{"resourceId":"default","properties":{"addressPrefix":"0.0.0.0/0","nextHopType":"VirtualAppliance","nextHopIpAddress":"10.1.1.12"}}]}}"""),
        ("virtualNetworks/contoso/subnets/gateway", """{"properties":{"addressPrefix":"10.1.250.0/24"}}"""),
        ("learnedIPAddresses/cluster", """{"properties":{"virtualSubnet":{"resourceRef":"/virtualNetworks/contoso/subnets/s1"},"ipAddress":"10.1.1.200"}}"""),
        ("networkInterfaces/balanced", """
            {"properties":{"privateMacAllocationMethod":"Dynamic","securityTags":[{"resourceRef":"/securityTags/web"}],"ipConfigurations":[
              {"resourceId":"ip1","properties":{"privateIPAllocationMethod":"Static","privateIPAddress":"10.1.1.30","subnet":{"resourceRef":"/virtualNetworks/contoso/subnets/s1"},
               "publicIPAddress":{"resourceRef":"/publicIPAddresses/nic"},
               "loadBalancerBackendAddressPools":[{"resourceRef":"/loadBalancers/web/backendAddressPools/web"}],
               "loadBalancerInboundNatRules":[{"resourceRef":"/loadBalancers/web/inboundNatRules/ssh"}]}},
              {"resourceId":"shared","properties":{"privateIPAllocationMethod":"Learned","learnedIp":{"resourceRef":"/learnedIPAddresses/cluster"},
               "subnet":{"resourceRef":"/virtualNetworks/contoso/subnets/s1"}}}]}}
            """),
        ("serviceInsertions/mirror", """
            {"properties":{"priority":7,"serviceInsertionRules":[{"resourceId":"all","properties":{"protocol":"All","sourcePortRangeStart":"0","sourcePortRangeEnd":"65535",
              "destinationPortRangeStart":"0","destinationPortRangeEnd":"65535","sourceSubnets":["*"],"destinationSubnets":["*"]}}],
             "serviceInsertionElements":[{"resourceId":"sniffer","properties":{"order":1,"networkInterface":{"resourceRef":"/networkInterfaces/contoso-web"}}}]}}
            """),
        ("networkInterfaces/gw-internal", """{"properties":{"privateMacAllocationMethod":"Dynamic"}}"""),
        ("networkInterfaces/gw-external", """
            {"properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"ip1","properties":{"privateIPAllocationMethod":"Dynamic",
              "subnet":{"resourceRef":"/logicalNetworks/vips/subnets/transit"}}}]}}
            """),
        ("GatewayPools/default", """
            {"properties":{"type":"All","ipConfiguration":{"greVipSubnets":[{"resourceRef":"/logicalNetworks/vips/subnets/private"}],"publicIPAddresses":[]},
              "redundantGatewayCount":1,"gatewayCapacityKiloBitsPerSecond":10000000}}
            """),
        ("gateways/gw1", """
            {"properties":{"pool":{"resourceRef":"/GatewayPools/default"},"virtualServer":{"resourceRef":"/virtualServers/gw1"},"types":["s2sgre"],
              "networkInterfaces":{"externalNetworkInterface":{"resourceRef":"/networkInterfaces/gw-external"},"internalNetworkInterface":{"resourceRef":"/networkInterfaces/gw-internal"}},
              "bgpConfig":{"extASNumber":"0.64512","bgpPeer":[{"peerIP":"172.21.0.1","peerExtAsNumber":"0.64513"}]}}}
            """),
        ("VirtualGateways/contoso", """
            {"properties":{"gatewaySubnets":[{"resourceRef":"/virtualNetworks/contoso/subnets/gateway"}],"GatewayPools":[{"resourceRef":"/GatewayPools/default"}],
             "networkConnections":[
              {"resourceId":"gre","properties":{"connectionType":"GRE","outboundKiloBitsPerSecond":100000,"inboundKiloBitsPerSecond":100000,
               "greConfiguration":{"greKey":"5001"},"destinationIPAddress":"192.168.2.50","routes":[{"destinationPrefix":"10.9.0.0/16","metric":10}]}},
              {"resourceId":"ipsec","properties":{"connectionType":"IPSec","outboundKiloBitsPerSecond":1000,"inboundKiloBitsPerSecond":1000,"destinationIPAddress":"198.51.100.7",
               "ipSecConfiguration":{"authenticationMethod":"PSK","sharedSecret":"tunn3l","mainMode":{},"quickMode":{}},"routes":[{"destinationPrefix":"10.8.0.0/16","metric":10}]}},
              {"resourceId":"l3","properties":{"connectionType":"L3","l3Configuration":{"vlanSubnet":{"resourceRef":"/logicalNetworks/vips/subnets/transit"}},
               "ipAddresses":[{"ipAddress":"172.21.0.40","prefixLength":24}],"peerIPAddresses":["172.21.0.1"],
               "routes":[{"destinationPrefix":"10.7.0.0/16","nextHop":"172.21.0.1","metric":10}]}}],
             "policyMaps":[{"resourceId":"in","properties":{"policyMapEntryList":[{"policyName":"p","action":"Allow",
               "matchCriteria":[{"property":"MatchPrefix","value":["10.9.0.0/16"]}],"setActions":[{"property":"MED","value":"5"}]}]}}],
             "bgpRouters":[{"resourceId":"r1","properties":{"isEnabled":"true","requireIGPSync":"false","extASNumber":"0.64514","routerIP":["10.1.250.4"],
               "bgpPeers":[{"resourceId":"hq","properties":{"peerIpAddress":"10.9.0.1","extAsNumber":"0.64515","policyMapIn":{"resourceRef":"/VirtualGateways/contoso/policyMaps/in"}}}]}}]}}
            """),
        ("virtualNetworks/hub", """
            {"properties":{"addressSpace":{"addressPrefixes":["10.77.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},"dhcpOptions":{"DnsServers":["10.77.1.4"]},
             "encryptionCredential":{"resourceRef":"/credentials/cert"},"unbilledAddressRanges":"10.99.0.0/16",
             "subnets":[{"resourceId":"s","properties":{"addressPrefix":"10.77.1.0/24","encryptionEnabled":true,"accessControlList":{"resourceRef":"/accessControlLists/sql"}}}]}}
            """),
        ("virtualNetworks/contoso/virtualNetworkPeerings/hub", """{"properties":{"remoteVirtualNetwork":{"resourceRef":"/virtualNetworks/hub"}}}"""),
        ("virtualNetworkManager/configuration", """{"properties":{"networkVirtualizationProtocol":"VXLAN","virtualSubnetIdRange":{"startId":5001,"endId":9999}}}"""),
        ("virtualSwitchManager/configuration", """{"properties":{"qosSettings":{"reservationMode":"Weight","enableSoftwareReservations":true,"linkSpeedPercentage":80,"defaultReservation":1}}}"""),
        ("auditingSettings/configuration", """{"properties":{"outputDirectory":"/var/log/hnv/audit","encryptionCredential":{"resourceRef":"/credentials/cert"}}}"""),
        ("iDnsServer/configuration", """
            {"properties":{"connections":[{"managementAddresses":["192.0.2.53"],"credential":{"resourceRef":"/credentials/admin"},"credentialType":"usernamePassword"}],"zone":"contoso.example"}}
            """),
        ("multisite/configuration", """{"properties":{"certificateSubjectName":"west.example","sites":[{"resourceId":"east","properties":{"restIPAddress":"198.51.100.80"}}]}}"""),
        ("multisitePrimary/configuration", """{"properties":{"force":false}}"""),
        ("networkControllerBackup/first", """{"properties":{"backupPath":"first","credential":{"resourceRef":"/credentials/admin"}}}"""),
        ("SubnetEgressReset", """{"properties":{"virtualSubnetResourceReference":"/virtualNetworks/contoso/subnets/s1"}}"""),
    ];
}

/// <summary>A controller that holds at least one of everything.</summary>
public sealed class FullServer : IAsyncLifetime
{
    public RestServer Rest { get; } = new();

    public async Task InitializeAsync()
    {
        await Rest.InitializeAsync();
        await Rest.TellAsync();
        foreach ((string path, string body) in EveryResource.Documents)
        {
            Reply reply = await Rest.PutAsync(path, body);
            Assert.True(reply.Code is null, $"{path}: {reply.Code} {reply.Message}");
        }

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while ((await Rest.GetAsync("networkControllerBackup/first")).Text("provisioningState") == "Updating")
        {
            await Task.Delay(10, patience.Token);
        }
    }

    public Task DisposeAsync() => Rest.DisposeAsync();
}
