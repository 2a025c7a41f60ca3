using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Hnv.Controller.Tests.Security;

/// <summary>A provider, Contoso, and in one of two worlds also Fabrikam, who has something of every type there is.</summary>
internal sealed partial class TenantWorld : IAsyncDisposable
{
    public const string FabrikamMac = "001DD8AA0001";
    public const string FabrikamVsid = "6001";
    public const string FabrikamPublicAddress = "203.0.113.50";
    public const string FabrikamLabel = "fabrikam-web";

    private TenantWorld(SecureServer server)
    {
        Server = server;
        Admin = server.Admin();
        Contoso = server.Tenant("contoso");
        Fabrikam = server.Tenant("fabrikam");
    }

    public SecureServer Server { get; }

    public HttpClient Admin { get; }

    public HttpClient Contoso { get; }

    public HttpClient Fabrikam { get; }

    /// <summary>Everything of Fabrikam's, by path; also the names a world without Fabrikam asks about in vain.</summary>
    public static IReadOnlyList<(string Path, string Body)> FabrikamDocuments { get; } =
    [
        ("macPools/fabrikam.pool", Owned("fabrikam", """{"properties":{"startMacAddress":"00-1D-D8-AA-00-00","endMacAddress":"00-1D-D8-AA-00-FF"}}""")),
        ("logicalNetworks/fabrikam.pa", Owned("fabrikam", """{"properties":{"networkVirtualizationEnabled":"True","subnets":[{"resourceId":"s","properties":{"addressPrefix":"192.168.9.0/24","ipPools":[{"resourceId":"p","properties":{"startIpAddress":"192.168.9.10","endIpAddress":"192.168.9.99"}}]}}]}}""")),
        ("credentials/fabrikam.c", Owned("fabrikam", """{"properties":{"type":"usernamePassword","userName":"u","value":"s3cret"}}""")),
        ("servers/fabrikam.host", Owned("fabrikam", """{"properties":{"connections":[{"managementAddresses":["192.0.2.77"]}],"networkInterfaces":[{"resourceId":"eth1","properties":{}}]}}""")),
        ("accessControlLists/fabrikam.acl", Owned("fabrikam", Story.SqlRules)),
        ("routeTables/fabrikam.routes", Owned("fabrikam", """{"properties":{"routes":[{"resourceId":"r","properties":{"addressPrefix":"10.9.0.0/16","nextHopType":"None"}}]}}""")),
        ("virtualNetworks/fabrikam.net", Owned("fabrikam", Story.Network(6001).Replace("10.1.", "10.2.", StringComparison.Ordinal))),
        ("networkInterfaces/fabrikam.sql", Owned("fabrikam", Story.Interface("fabrikam.net", "10.2.1.11", FabrikamMac, "fabrikam.acl"))),
        ("networkInterfaces/fabrikam.web", Owned("fabrikam", Story.Interface("fabrikam.net", "10.2.1.12"))),
        ("serviceInsertions/fabrikam.mirror", Owned("fabrikam", """
            {"properties":{"type":"PortMirror","priority":7,
             "serviceInsertionElements":[{"resourceId":"e","properties":{"order":1,"networkInterface":{"resourceRef":"/networkInterfaces/fabrikam.web"}}}]}}
            """)),
        ("securityTags/fabrikam.tag", Owned("fabrikam", """{"properties":{"type":"tier"}}""")),
        ("accessControlLists/fabrikam.tagged", Owned("fabrikam", """
            {"properties":{"securityTags":[{"resourceRef":"/securityTags/fabrikam.tag"}],"aclRules":[
             {"resourceId":"r","properties":{"type":"Inbound","action":"Deny","protocol":"TCP","priority":"200","sourceSecurityTags":[{"resourceRef":"/securityTags/fabrikam.tag"}],
              "destinationAddressPrefix":"*","sourcePortRange":"*","destinationPortRange":"22"}}]}}
            """)),
        ("publicIPAddresses/fabrikam.ip", Owned("fabrikam", $$$$"""{"properties":{"publicIPAllocationMethod":"Dynamic","dnsSettings":{"domainNameLabel":"{{{{FabrikamLabel}}}}"}}}""")),
        ("publicIPAddresses/fabrikam.static", Owned("fabrikam", $$$"""{"properties":{"publicIPAllocationMethod":"Static","ipAddress":"{{{FabrikamPublicAddress}}}"}}""")),
        ("loadBalancers/fabrikam.lb", Owned("fabrikam", Balancer("fabrikam.lb", """{"publicIPAddress":{"resourceRef":"/publicIPAddresses/fabrikam.ip"}}"""))),
        ("learnedIPAddresses/fabrikam.moving", Owned("fabrikam", """{"properties":{"virtualSubnet":{"resourceRef":"/virtualNetworks/fabrikam.net/subnets/s1"},"ipAddress":"10.2.1.50"}}""")),
        ("networkInterfaces/fabrikam.balanced", Owned("fabrikam", """
            {"properties":{"privateMacAllocationMethod":"Dynamic","securityTags":[{"resourceRef":"/securityTags/fabrikam.tag"}],"ipConfigurations":[
             {"resourceId":"i","properties":{"privateIPAllocationMethod":"Static","privateIPAddress":"10.2.1.30","subnet":{"resourceRef":"/virtualNetworks/fabrikam.net/subnets/s1"},
              "publicIPAddress":{"resourceRef":"/publicIPAddresses/fabrikam.static"},
              "loadBalancerBackendAddressPools":[{"resourceRef":"/loadBalancers/fabrikam.lb/backendAddressPools/p"}],
              "loadBalancerInboundNatRules":[{"resourceRef":"/loadBalancers/fabrikam.lb/inboundNatRules/ssh"}]}},
             {"resourceId":"l","properties":{"privateIPAllocationMethod":"Learned","learnedIp":{"resourceRef":"/learnedIPAddresses/fabrikam.moving"},
              "subnet":{"resourceRef":"/virtualNetworks/fabrikam.net/subnets/s1"}}}]}}
            """)),
        ("VirtualGateways/fabrikam.gw", Owned("fabrikam", Gateway("fabrikam"))),
        ("virtualNetworks/fabrikam.hub", Owned("fabrikam", Story.Network(6002).Replace("10.1.", "10.3.", StringComparison.Ordinal))),
        ("virtualNetworks/fabrikam.net/virtualNetworkPeerings/hub", """{"properties":{"remoteVirtualNetwork":{"resourceRef":"/virtualNetworks/fabrikam.hub"}}}"""),
    ];

    /// <summary>A load balancer with one front end and one of everything.</summary>
    /// <param name="id">Its resourceId.</param>
    /// <param name="frontend">What the front end is made of.</param>
    /// <param name="members">References to who is in the pool; null leaves them as they are.</param>
    /// <param name="update">Whether the members are to be taken over.</param>
    public static string Balancer(string id, string frontend, string? members = null, bool update = true) => $$$$$$"""
        {"properties":{{{{{{{(members is null || !update ? "" : "\"updateBackendAddressPools\":true,")}}}}}}"frontendIPConfigurations":[{"resourceId":"fe","properties":{{{{{{frontend}}}}}}}],
         "backendAddressPools":[{"resourceId":"p","properties":{{{{{{{(members is null ? "" : $"\"backendIPConfigurations\":[{members}]")}}}}}}}}],
         "probes":[{"resourceId":"t","properties":{"protocol":"Tcp","port":80,"intervalInSeconds":15,"numberOfProbes":11}}],
         "inboundNatRules":[{"resourceId":"ssh","properties":{"protocol":"Tcp","frontendPort":2222,"backendPort":22,"frontendIPConfigurations":[{"resourceRef":"/loadBalancers/{{{{{{id}}}}}}/frontendIPConfigurations/fe"}]}}],
         "outboundNatRules":[{"resourceId":"out","properties":{"protocol":"All","frontendIPConfigurations":[{"resourceRef":"/loadBalancers/{{{{{{id}}}}}}/frontendIPConfigurations/fe"}],
          "backendAddressPool":{"resourceRef":"/loadBalancers/{{{{{{id}}}}}}/backendAddressPools/p"}}}],
         "loadBalancingRules":[{"resourceId":"http","properties":{"protocol":"Tcp","frontendPort":80,"backendPort":8080,
          "frontendIPConfigurations":[{"resourceRef":"/loadBalancers/{{{{{{id}}}}}}/frontendIPConfigurations/fe"}],
          "backendAddressPool":{"resourceRef":"/loadBalancers/{{{{{{id}}}}}}/backendAddressPools/p"},"probe":{"resourceRef":"/loadBalancers/{{{{{{id}}}}}}/probes/t"}}}]}}
        """;

    /// <summary>A virtual gateway of a tenant's network with one of everything.</summary>
    private static string Gateway(string tenant) => $$$$$$"""
        {"properties":{"gatewaySubnets":[{"resourceRef":"/virtualNetworks/{{{{{{tenant}}}}}}.net/subnets/s1"}],"GatewayPools":[{"resourceRef":"/GatewayPools/default"}],
         "networkConnections":[{"resourceId":"gre","properties":{"connectionType":"GRE","greConfiguration":{"greKey":"6001"},"destinationIPAddress":"192.168.2.50",
          "routes":[{"destinationPrefix":"10.9.0.0/16","metric":10}]}}],
         "policyMaps":[{"resourceId":"in","properties":{"policyMapEntryList":[{"policyName":"p","action":"Allow","matchCriteria":[{"property":"MatchPrefix","value":["10.9.0.0/16"]}]}]}}],
         "bgpRouters":[{"resourceId":"r","properties":{"extASNumber":"0.64514","bgpPeers":[
          {"resourceId":"hq","properties":{"peerIpAddress":"10.9.0.1","extAsNumber":"0.64515","policyMapIn":{"resourceRef":"/VirtualGateways/{{{{{{tenant}}}}}}.gw/policyMaps/in"}}}]}}]}}
        """;

    /// <summary>A document said to be a tenant's.</summary>
    public static string Owned(string tenant, string body)
    {
        JsonNode document = JsonNode.Parse(body)!;
        document["resourceMetadata"] = new JsonObject { ["tenantId"] = tenant };
        return document.ToJsonString();
    }

    public static async Task<TenantWorld> StartAsync(bool withFabrikam)
    {
        TenantWorld world = new(await SecureServer.StartAsync());
        await world.AdminPutAsync("macPools/default", Story.MacPool);
        await world.AdminPutAsync("logicalNetworks/hnvpa", Story.Provider);
        await world.AdminPutAsync("virtualNetworks/contoso.net", Owned("contoso", Story.Network(5001)));
        await world.AdminPutAsync("accessControlLists/contoso.acl", Owned("contoso", Story.SqlRules));
        foreach ((string path, string body) in EveryResource.Documents.Where(document => document.Path is "logicalNetworks/vips" or "loadBalancerManager/config" or "GatewayPools/default"))
        {
            await world.AdminPutAsync(path, body);
        }

        await world.AdminPutAsync("VirtualGateways/contoso.gw", Owned("contoso", Gateway("contoso")));
        await world.AdminPutAsync("publicIPAddresses/contoso.ip", Owned("contoso", """{"properties":{"publicIPAllocationMethod":"Dynamic"}}"""));
        await world.AdminPutAsync("loadBalancers/contoso.lb", Owned("contoso", Balancer("contoso.lb", """{"publicIPAddress":{"resourceRef":"/publicIPAddresses/contoso.ip"}}""")));
        if (withFabrikam)
        {
            foreach ((string path, string body) in FabrikamDocuments)
            {
                await world.AdminPutAsync(path, body);
            }

            // An interface of Fabrikam's in Contoso's network and pool, which only the provider can have made: it shows up in Contoso's own trees.
            await world.AdminPutAsync("networkInterfaces/fabrikam.guest", Owned("fabrikam", Guest));
        }
        else
        {
            await world.AdminPutAsync("networkInterfaces/provider.guest", Guest);
        }

        return world;
    }

    private static string Guest => Story.Interface("contoso.net", "10.1.1.200", acl: "contoso.acl").Replace(
        "\"accessControlList\"", "\"loadBalancerBackendAddressPools\":[{\"resourceRef\":\"/loadBalancers/contoso.lb/backendAddressPools/p\"}],\"accessControlList\"", StringComparison.Ordinal);

    public async Task AdminPutAsync(string path, string body)
    {
        Reply reply = await SecureServer.SendAsync(Admin, "PUT", path, body);
        Assert.True(reply.Code is null, $"{path}: {reply.Message}");
    }

    /// <summary>All that is Fabrikam's, as the store has it.</summary>
    public string WhatFabrikamHas() => string.Join('\n', Server.Engine.Current.Roots
        .Where(root => Model.Visibility.OwnerOf(root) == "fabrikam").OrderBy(root => root.Key, StringComparer.Ordinal)
        .Select(root => Model.NodeJson.Write(root, s => s).ToJsonString()));

    /// <summary>An answer without what chance and pools decide.</summary>
    public static string Normal(Reply reply)
    {
        string headers = string.Join('\n', reply.Headers.Where(header => header.Key != "Date").OrderBy(header => header.Key, StringComparer.Ordinal).Select(header => $"{header.Key}: {header.Value}"));
        string text = $"{(int)reply.Status}\n{headers}\n{reply.Body?.ToJsonString()}";
        return Port().Replace(PublicAddress().Replace(Vsid().Replace(Mac().Replace(Id().Replace(text, "ID"), "MAC"), "VSID"), "VIP"), "PORT");
    }

    public async ValueTask DisposeAsync() => await Server.DisposeAsync();

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")]
    private static partial Regex Id();

    [GeneratedRegex("(?<=\"privateMacAddress\":\")[0-9A-F]{12}")]
    private static partial Regex Mac();

    [GeneratedRegex("(?<=\"virtualSubnetId\":\")[0-9]+")]
    private static partial Regex Vsid();

    [GeneratedRegex("(?<=\"ipAddress\":\")203\\.0\\.113\\.[0-9]+")]
    private static partial Regex PublicAddress();

    [GeneratedRegex("(?<=127.0.0.1:)[0-9]+")]
    private static partial Regex Port();
}
