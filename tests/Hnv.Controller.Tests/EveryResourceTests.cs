using System.Net;
using System.Text.Json.Nodes;

namespace Hnv.Controller.Tests;

/// <summary>Every resource type and verb of the index (6): the good case, the rows of the ETag table, absence, and every version.</summary>
public sealed class EveryResourceTests(FullServer full) : IClassFixture<FullServer>
{
    private static readonly string[] s_versions = ["v1", "v2", "v3", "v3.1", "v3.2", "v4", "v4.2", "v5", "v6", "v6.1", "v7", "v7.1"];

    /// <summary>Every row of the index that has a document: path, whether it can be deleted, the first version.</summary>
    public static TheoryData<string, bool, string> Index => new()
    {
        { "accessControlLists/tagged", true, "v1" },
        { "accessControlLists/tagged/aclRules/r", true, "v1" },
        { "credentials/cert", true, "v1" },
        { "GatewayPools/default", true, "v1" },
        { "gateways/gw1", true, "v1" },
        { "loadBalancers/web", true, "v1" },
        { "loadBalancers/web/backendAddressPools/web", true, "v1" },
        { "loadBalancers/web/frontendIPConfigurations/fe", true, "v1" },
        { "loadBalancers/web/inboundNatRules/ssh", true, "v1" },
        { "loadBalancers/web/loadBalancingRules/http", true, "v1" },
        { "loadBalancers/web/outboundNatRules/out", true, "v1" },
        { "loadBalancers/web/probes/p80", true, "v1" },
        { "loadBalancerManager/config", false, "v1" },
        { "loadBalancerMuxes/mux1", true, "v1" },
        { "logicalNetworks/vips", true, "v1" },
        { "logicalNetworks/vips/subnets/public", true, "v1" },
        { "logicalNetworks/vips/subnets/public/ipPools/pool", true, "v1" },
        { "logicalNetworks/hnvpa/subnets/pa-1/routes/to-pa-2", true, "v1" },
        { "macPools/default", true, "v1" },
        { "routeTables/nva", true, "v1" },
        { "routeTables/nva/routes/default", true, "v1" },
        { "networkInterfaces/balanced", true, "v1" },
        { "networkInterfaces/balanced/ipConfigurations/ip1", true, "v1" },
        { "publicIPAddresses/web", true, "v1" },
        { "servers/host1", true, "v1" },
        { "servers/host1/networkInterfaces/eth1", true, "v1" },
        { "serviceInsertions/mirror", true, "v1" },
        { "VirtualGateways/contoso", true, "v1" },
        { "VirtualGateways/contoso/bgpRouters/r1", true, "v1" },
        { "VirtualGateways/contoso/bgpRouters/r1/bgpPeers/hq", true, "v1" },
        { "VirtualGateways/contoso/policyMaps/in", true, "v1" },
        { "VirtualGateways/contoso/networkConnections/ipsec", true, "v1" },
        { "virtualNetworks/contoso", true, "v1" },
        { "virtualNetworks/contoso/subnets/s1", true, "v1" },
        { "virtualNetworks/contoso/virtualNetworkPeerings/hub", true, "v3" },
        { "virtualNetworkManager/configuration", false, "v1" },
        { "auditingSettings/configuration", false, "v3" },
        { "virtualServers/gw1", true, "v1" },
        { "iDnsServer/configuration", false, "v1" },
        { "virtualSwitchManager/configuration", false, "v1" },
        { "networkControllerBackup/first", true, "v1" },
        { "SubnetEgressReset", false, "v1" },
        { "securityTags/web", true, "v5" },
        { "learnedIPAddresses/cluster", true, "v5" },
        { "multisite/configuration", false, "v6" },
        { "multisitePrimary/configuration", false, "v6" },
    };

    [Theory]
    [MemberData(nameof(Index))]
    public async Task Get_EveryVersion_AnswersFromTheFirstOnAndNotBefore(string path, bool deletable, string since)
    {
        foreach (string version in s_versions)
        {
            Reply reply = await full.Rest.GetAsync(path, version);
            Reply shouting = await full.Rest.GetAsync(path.ToUpperInvariant(), version.ToUpperInvariant());

            bool there = Array.IndexOf(s_versions, version) >= Array.IndexOf(s_versions, since);
            Assert.Equal((version, there ? HttpStatusCode.OK : HttpStatusCode.NotFound), (version, reply.Status));
            Assert.Equal(reply.Status, shouting.Status);
        }

        _ = deletable;
    }

    [Theory]
    [MemberData(nameof(Index))]
    public async Task Get_One_HasTheEnvelopeAndIsInItsCollection(string path, bool deletable, string since)
    {
        Reply one = await full.Rest.GetAsync(path);

        Assert.Equal(one.Headers["ETag"], one.ETag);
        Assert.Equal("Succeeded", one.Text("provisioningState"));
        Assert.True(Guid.TryParse((string?)one.Body!["instanceId"], out _));
        if (deletable)
        {
            Assert.Equal($"/{path}", (string?)one.Body["resourceRef"], ignoreCase: true);
            Reply all = await full.Rest.GetAsync(path[..path.LastIndexOf('/')]);
            Assert.Contains(all.Body!["value"]!.AsArray(), item => (string?)item!["resourceId"] == (string?)one.Body["resourceId"]);
            Assert.Equal("", (string?)all.Body["nextLink"]);
        }

        _ = since;
    }

    [Theory]
    [MemberData(nameof(Index))]
    public async Task Put_WhatWasReadThroughEachVersion_ChangesNothingButTheEtag(string path, bool deletable, string since)
    {
        Reply before = await full.Rest.GetAsync(path);
        foreach (string version in s_versions.Skip(Array.IndexOf(s_versions, since)))
        {
            Reply read = await full.Rest.GetAsync(path, version);

            Reply written = await full.Rest.SendAsync(HttpMethod.Put, $"{version}/{path}", read.Body!.ToJsonString());

            Assert.True(written.Status == HttpStatusCode.OK, $"{version} {path}: {written.Code} {written.Message}");
            Assert.NotEqual(read.ETag, written.ETag);
            Assert.Equal(Plain(before.Body!), Plain((await full.Rest.GetAsync(path)).Body!));
        }

        _ = deletable;
    }

    [Theory]
    [MemberData(nameof(Index))]
    public async Task Put_ConditionalOnWhatExists_FollowsTheTable(string path, bool deletable, string since)
    {
        Reply read = await full.Rest.GetAsync(path);
        string body = read.Body!.ToJsonString();

        Assert.Equal(HttpStatusCode.PreconditionFailed, (await full.Rest.PutAsync(path, body, ("If-None-Match", "*"))).Status);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await full.Rest.PutAsync(path, body, ("If-Match", "W/\"stale\""))).Status);
        Assert.Equal(HttpStatusCode.OK, (await full.Rest.PutAsync(path, body, ("If-Match", "*"))).Status);
        Reply again = await full.Rest.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, (await full.Rest.PutAsync(path, body, ("If-Match", again.ETag))).Status);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await full.Rest.PutAsync(path, body, ("If-Match", again.ETag))).Status);
        _ = (deletable, since);
    }

    [Theory]
    [MemberData(nameof(Index))]
    public async Task Absent_IsNotFoundNotMatchedAndDeletedAlready(string path, bool deletable, string since)
    {
        if (!deletable)
        {
            Assert.Equal(("OperationNotSupported", HttpStatusCode.BadRequest), (await full.Rest.DeleteAsync(path)) is { } refused ? (refused.Code, refused.Status) : default);
            return;
        }

        string absent = $"{path[..path.LastIndexOf('/')]}/nobody";
        string body = (await full.Rest.GetAsync(path)).Body!.ToJsonString();

        Assert.Equal(("NotFound", HttpStatusCode.NotFound), (await full.Rest.GetAsync(absent)) is { } get ? (get.Code, get.Status) : default);
        Assert.Equal(HttpStatusCode.NoContent, (await full.Rest.DeleteAsync(absent)).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await full.Rest.DeleteAsync(absent, ("If-Match", "W/\"any\""))).Status);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await full.Rest.PutAsync(absent, body.Replace($"\"resourceId\":\"{path[(path.LastIndexOf('/') + 1)..]}\"", "\"resourceId\":\"nobody\"", StringComparison.Ordinal), ("If-Match", "*"))).Status);
        _ = since;
    }

    /// <summary>Who is held by whom (2.11): path, and the code of its DELETE.</summary>
    public static TheoryData<string, string> Protected => new()
    {
        { "accessControlLists/sql", "InUseAccessControlListCannotBeDeleted" },
        { "credentials/cert", "InUseCredentialCannotBeDeleted" },
        { "credentials/admin", "InUseCredentialCannotBeDeleted" },
        { "GatewayPools/default", "ResourceInUse" },
        { "loadBalancers/web/frontendIPConfigurations/fe", "InUseFrontendIpConfigurationCannotBeDeleted" },
        { "loadBalancers/web/backendAddressPools/web", "InUseBackendAddressPoolCannotBeDeleted" },
        { "loadBalancers/web/probes/p80", "InUseProbeCannotBeDeleted" },
        { "loadBalancers/web/inboundNatRules/ssh", "ResourceInUse" },
        { "loadBalancers/web", "ResourceInUse" },
        { "logicalNetworks/hnvpa", "ResourceInUse" },
        { "logicalNetworks/vips/subnets/private", "InUseSubnetCannotBeDeleted" },
        { "logicalNetworks/vips/subnets/public/ipPools/pool", "InUseIpPoolCannotBeDeleted" },
        { "macPools/default", "ResourceInUse" },
        { "networkInterfaces/gw-external", "NicInUse" },
        { "networkInterfaces/contoso-web", "NicInUse" },
        { "publicIPAddresses/web", "PublicIPAddressInUse" },
        { "publicIPAddresses/nic", "PublicIPAddressInUse" },
        { "virtualNetworks/contoso/subnets/gateway", "InUseSubnetCannotBeDeleted" },
        { "virtualNetworks/contoso/subnets/s1", "LearnedIpSubnetInUse,InUseSubnetCannotBeDeleted" },
        { "virtualNetworks/fabrikam", "VnetInUse" },
        { "virtualServers/mux1", "InUseVirtualServerCannotBeDeleted" },
        { "virtualServers/gw1", "InUseVirtualServerCannotBeDeleted" },
        { "VirtualGateways/contoso/policyMaps/in", "ResourceInUse" },
        { "securityTags/web", "InUseSecurityTagCannotBeDeleted" },
        { "learnedIPAddresses/cluster", "ResourceInUse" },
    };

    [Theory]
    [MemberData(nameof(Protected))]
    public async Task Delete_OfWhatOthersDependOn_Is409WithItsCodeAndChangesNothing(string path, string codes)
    {
        Reply before = await full.Rest.GetAsync(path);

        Reply refused = await full.Rest.DeleteAsync(path);

        Assert.Equal(HttpStatusCode.Conflict, refused.Status);
        Assert.Contains(refused.Code!, codes.Split(','));
        Assert.Equal(before.ETag, (await full.Rest.GetAsync(path)).ETag);
    }

    [Fact]
    public async Task Get_BackReferences_AreThereAndReadOnly()
    {
        (string Path, string Property, string Reference)[] expected =
        [
            ("GatewayPools/default", "gateways", "/gateways/gw1"),
            ("GatewayPools/default", "VirtualGateways", "/VirtualGateways/contoso"),
            ("loadBalancers/web/frontendIPConfigurations/fe", "loadBalancingRules", "/loadBalancers/web/loadBalancingRules/http"),
            ("loadBalancers/web/frontendIPConfigurations/fe", "inboundNatRules", "/loadBalancers/web/inboundNatRules/ssh"),
            ("loadBalancers/web/frontendIPConfigurations/public", "outboundNatRules", "/loadBalancers/web/outboundNatRules/out"),
            ("loadBalancers/web/backendAddressPools/web", "backendIPConfigurations", "/networkInterfaces/balanced/ipConfigurations/ip1"),
            ("loadBalancers/web/probes/p80", "loadBalancingRules", "/loadBalancers/web/loadBalancingRules/http"),
            ("loadBalancers/web/inboundNatRules/ssh", "backendIPConfiguration", "/networkInterfaces/balanced/ipConfigurations/ip1"),
            ("logicalNetworks/vips/subnets/private", "GatewayPools", "/GatewayPools/default"),
            ("logicalNetworks/vips/subnets/transit", "networkConnections", "/VirtualGateways/contoso/networkConnections/l3"),
            ("publicIPAddresses/web", "ipConfiguration", "/loadBalancers/web/frontendIPConfigurations/public"),
            ("publicIPAddresses/nic", "ipConfiguration", "/networkInterfaces/balanced/ipConfigurations/ip1"),
            ("virtualServers/mux1", "loadBalancerMuxes", "/loadBalancerMuxes/mux1"),
            ("virtualServers/gw1", "gateway", "/gateways/gw1"),
            ("VirtualGateways/contoso/policyMaps/in", "bgpPeersWithPolicyMapIn", "/VirtualGateways/contoso/bgpRouters/r1/bgpPeers/hq"),
            ("credentials/cert", "networks", "/virtualNetworks/hub"),
            ("credentials/cert", "auditingSettings", "/auditingSettings/configuration"),
            ("virtualNetworks/contoso/subnets/s1", "learnedIpAddresses", "/learnedIPAddresses/cluster"),
            ("learnedIPAddresses/cluster", "ipConfiguration", "/networkInterfaces/balanced/ipConfigurations/shared"),
            ("securityTags/web", "accessControlList", "/accessControlLists/tagged"),
            ("securityTags/web", "networkInterfaces", "/networkInterfaces/balanced"),
            ("securityTags/web", "aclRulesAsSource", "/accessControlLists/tagged/aclRules/r"),
        ];
        foreach ((string path, string property, string reference) in expected)
        {
            JsonNode? value = (await full.Rest.GetAsync(path)).Properties[property];
            string[] references = [.. (value as JsonArray ?? [value?.DeepClone()]).Select(r => (string?)r?["resourceRef"] ?? "")];
            Assert.True(references.Contains(reference), $"{path} {property}: {value?.ToJsonString()}");
        }

        JsonNode outside = (await full.Rest.GetAsync("securityTags/web")).Properties["aclRulesAsDestination"]!;
        Assert.Empty(outside.AsArray());
    }

    [Fact]
    public async Task Get_Secrets_AreNeverShownAndSurviveAPutOfWhatWasRead()
    {
        string all = (await full.Rest.GetAsync("VirtualGateways/contoso")).Body!.ToJsonString();
        await full.Rest.PutAsync("VirtualGateways/contoso", all);

        Assert.DoesNotContain("tunn3l", all, StringComparison.Ordinal);
        Assert.DoesNotContain("sharedSecret", all, StringComparison.Ordinal);
        Assert.Equal("tunn3l", (string?)full.Rest.Engine.Current.Find("/VirtualGateways/contoso/networkConnections/ipsec")!.Properties["ipSecConfiguration"]!["sharedSecret"]);
    }

    [Theory]
    [InlineData("loadBalancerMuxes/mux1", "Failure", "VirtualServerUnreachable")]
    [InlineData("gateways/gw1", "Failure", "HostUnreachable")]
    [InlineData("VirtualGateways/contoso", "InProgress", "HostUnreachable")]
    [InlineData("VirtualGateways/contoso/bgpRouters/r1", "Failure", "HostUnreachable")]
    [InlineData("VirtualGateways/contoso/networkConnections/gre", "Failure", "HostUnreachable")]
    [InlineData("loadBalancers/web/frontendIPConfigurations/fe", "Failure", "PolicyConfigurationFailureOnMux")]
    [InlineData("publicIPAddresses/nic", "Failure", "PolicyConfigurationFailureOnMux")]
    public async Task Get_WhatNothingEnforces_SaysSoInItsConfigurationState(string path, string status, string code)
    {
        JsonNode state = (await full.Rest.GetAsync(path)).Properties["configurationState"]!;

        Assert.Equal((status, code), ((string?)state["status"], (string?)state["detailedInfo"]![0]!["code"]));
    }

    private static string Plain(JsonNode document) => System.Text.RegularExpressions.Regex.Replace(document.ToJsonString(), "\"etag\":\"[^,]*\",", "");
}
