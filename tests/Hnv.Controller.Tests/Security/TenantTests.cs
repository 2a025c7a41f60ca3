using System.Net;
using System.Text.Json.Nodes;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Tests.Security;

/// <summary>Tenants' certificates: each in a world of its own.</summary>
public sealed class TenantTests
{
    [Fact]
    public async Task Own_IsReadChangedReferencedAndDeleted()
    {
        await using TenantWorld world = await TenantWorld.StartAsync(withFabrikam: true);

        Reply acl = await SecureServer.SendAsync(world.Contoso, "PUT", "accessControlLists/contoso.web", Story.SqlRules);
        Reply nic = await SecureServer.SendAsync(world.Contoso, "PUT", "networkInterfaces/contoso.web", Story.Interface("contoso.net", "10.1.1.12", acl: "contoso.web"));
        Reply network = await SecureServer.SendAsync(world.Contoso, "GET", "virtualNetworks/contoso.net");
        Reply back = await SecureServer.SendAsync(world.Contoso, "PUT", "virtualNetworks/contoso.net", network.Body!.ToJsonString());
        Reply subnet = await SecureServer.SendAsync(world.Contoso, "PUT", "virtualNetworks/contoso.net/subnets/s2", """{"properties":{"addressPrefix":"10.1.2.0/24"}}""");
        HttpStatusCode deleted = await SecureServer.StatusAsync(world.Contoso, "DELETE", "networkInterfaces/contoso.web");

        Assert.Equal(HttpStatusCode.Created, acl.Status);
        Assert.Equal("contoso", (string?)acl.Body!["resourceMetadata"]!["tenantId"]);
        Assert.True(nic.Status == HttpStatusCode.Created, nic.Message);
        Assert.True(back.Status == HttpStatusCode.OK, back.Message);
        Assert.True(subnet.Status == HttpStatusCode.Created, subnet.Message);
        Assert.Equal(HttpStatusCode.OK, deleted);
    }

    [Fact]
    public async Task OwnServices_AreBuiltByTheTenantItself()
    {
        await using TenantWorld world = await TenantWorld.StartAsync(withFabrikam: true);
        async Task<JsonNode> PutAsync(string path, string body)
        {
            Reply reply = await SecureServer.SendAsync(world.Contoso, "PUT", path, body);
            Assert.True(reply.Code is null, $"{path}: {reply.Message}");
            return reply.Body!;
        }

        JsonNode ip = await PutAsync("publicIPAddresses/contoso.web", """{"properties":{"publicIPAllocationMethod":"Dynamic"}}""");
        await PutAsync("loadBalancers/contoso.web", TenantWorld.Balancer("contoso.web", """{"publicIPAddress":{"resourceRef":"/publicIPAddresses/contoso.web"}}"""));
        await PutAsync("securityTags/contoso.tier", """{"properties":{"type":"tier"}}""");
        await PutAsync("learnedIPAddresses/contoso.moving", """{"properties":{"virtualSubnet":{"resourceRef":"/virtualNetworks/contoso.net/subnets/s1"},"ipAddress":"10.1.1.50"}}""");
        await PutAsync("networkInterfaces/contoso.web", """
            {"properties":{"privateMacAllocationMethod":"Dynamic","securityTags":[{"resourceRef":"/securityTags/contoso.tier"}],"ipConfigurations":[
             {"resourceId":"i","properties":{"privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"/virtualNetworks/contoso.net/subnets/s1"},
              "loadBalancerBackendAddressPools":[{"resourceRef":"/loadBalancers/contoso.web/backendAddressPools/p"}]}}]}}
            """);

        // Fabrikam's insertion has the same priority; the numbers are each tenant's own.
        await PutAsync("serviceInsertions/contoso.mirror", """{"properties":{"priority":7,"serviceInsertionElements":[{"resourceId":"e","properties":{"order":1,"networkInterface":{"resourceRef":"/networkInterfaces/contoso.web"}}}]}}""");
        await PutAsync("VirtualGateways/contoso.gw/networkConnections/branch", """{"properties":{"connectionType":"GRE","greConfiguration":{"greKey":"1"},"destinationIPAddress":"192.168.2.50"}}""");
        Reply gateway = await SecureServer.SendAsync(world.Contoso, "GET", "VirtualGateways/contoso.gw");
        await PutAsync("VirtualGateways/contoso.gw", gateway.Body!.ToJsonString());
        Reply balancer = await SecureServer.SendAsync(world.Contoso, "GET", "loadBalancers/contoso.web");

        Assert.StartsWith("203.0.113.", (string?)ip["properties"]!["ipAddress"], StringComparison.Ordinal);
        Assert.Equal("/networkInterfaces/contoso.web/ipConfigurations/i", (string?)balancer.Properties["backendAddressPools"]![0]!["properties"]!["backendIPConfigurations"]![0]!["resourceRef"]);
    }

    [Fact]
    public async Task Members_OfAPool_ThatAreNotTheTenants_StayWhereTheyAre()
    {
        await using TenantWorld world = await TenantWorld.StartAsync(withFabrikam: true);
        string empty = TenantWorld.Balancer("contoso.lb", """{"publicIPAddress":{"resourceRef":"/publicIPAddresses/contoso.ip"}}""", members: "");

        Reply put = await SecureServer.SendAsync(world.Contoso, "PUT", "loadBalancers/contoso.lb", empty);
        Reply guest = await SecureServer.SendAsync(world.Admin, "GET", "networkInterfaces/fabrikam.guest");

        Assert.True(put.Status == HttpStatusCode.OK, put.Message);
        Assert.Equal("/loadBalancers/contoso.lb/backendAddressPools/p", (string?)guest.Properties["ipConfigurations"]![0]!["properties"]!["loadBalancerBackendAddressPools"]![0]!["resourceRef"]);
    }

    [Fact]
    public async Task Shared_AddressesAndLabels_AreNotATenantsToChoose_WhetherFreeOrNot()
    {
        await using TenantWorld world = await TenantWorld.StartAsync(withFabrikam: true);
        foreach ((string taken, string free, string body) in new[]
        {
            (TenantWorld.FabrikamPublicAddress, "203.0.113.61", """{"properties":{"publicIPAllocationMethod":"Static","ipAddress":"X"}}"""),
            (TenantWorld.FabrikamLabel, "contoso-web", """{"properties":{"publicIPAllocationMethod":"Dynamic","dnsSettings":{"domainNameLabel":"X"}}}"""),
        })
        {
            Reply one = await SecureServer.SendAsync(world.Contoso, "PUT", "publicIPAddresses/contoso.x", body.Replace("X", taken, StringComparison.Ordinal));
            Reply two = await SecureServer.SendAsync(world.Contoso, "PUT", "publicIPAddresses/contoso.x", body.Replace("X", free, StringComparison.Ordinal));

            Assert.Equal((two.Status, two.Code, two.Message), (one.Status, one.Code, one.Message!.Replace(taken, free, StringComparison.Ordinal)));
            Assert.Contains("not a tenant's to choose", one.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Lists_OperationsAndHealth_ShowNothingOfOthers()
    {
        await using TenantWorld world = await TenantWorld.StartAsync(withFabrikam: true);
        await SecureServer.SendAsync(world.Contoso, "PUT", "accessControlLists/contoso.web", Story.SqlRules);

        foreach (ResourceType type in NetworkControllerCatalog.Create().Types.Where(type => type.Name != "discovery" && !type.IsBare))
        {
            Reply list = await SecureServer.SendAsync(world.Contoso, "GET", type.Name);
            Assert.DoesNotContain("fabrikam", list.Body!.ToJsonString(), StringComparison.OrdinalIgnoreCase);
            Assert.All(list.Body["value"]!.AsArray(), node => Assert.Equal("contoso", (string?)node!["resourceMetadata"]?["tenantId"]));
        }

        Reply operations = await SecureServer.SendAsync(world.Contoso, "GET", "operations");
        Assert.Equal(
            ["/accessControlLists/contoso.web", "/loadBalancers/contoso.lb", "/publicIPAddresses/contoso.ip", "/VirtualGateways/contoso.gw", "/accessControlLists/contoso.acl", "/virtualNetworks/contoso.net"],
            operations.Body!["value"]!.AsArray().Select(o => (string?)o!["properties"]!["target"]));
        Assert.Null((await SecureServer.SendAsync(world.Contoso, "GET", "/health")).Body!["revision"]);
        Assert.NotNull((await SecureServer.SendAsync(world.Admin, "GET", "/health")).Body!["revision"]);
        Assert.Equal(HttpStatusCode.OK, await SecureServer.StatusAsync(world.Contoso, "GET", "discovery"));
    }

    [Fact]
    public async Task Operation_OfAnotherTenant_IsNotFound()
    {
        await using TenantWorld world = await TenantWorld.StartAsync(withFabrikam: false);
        Reply acl = await SecureServer.SendAsync(world.Contoso, "PUT", "accessControlLists/contoso.web", Story.SqlRules);
        string id = acl.Headers["x-ms-request-id"];

        Assert.Equal(HttpStatusCode.OK, await SecureServer.StatusAsync(world.Contoso, "GET", $"operations/{id}"));
        Assert.Equal(HttpStatusCode.NotFound, await SecureServer.StatusAsync(world.Fabrikam, "GET", $"operations/{id}"));
        Assert.Equal(HttpStatusCode.NotFound, await SecureServer.StatusAsync(world.Fabrikam, "GET", $"operationResults/{id}"));
    }

    [Fact]
    public async Task Repeated_RequestIdOfAnotherTenant_DoesNotGetItsAnswer()
    {
        await using TenantWorld world = await TenantWorld.StartAsync(withFabrikam: false);
        (string, string) id = ("x-ms-client-request-id", "one");

        Reply first = await SecureServer.SendAsync(world.Contoso, "PUT", "accessControlLists/contoso.x", """{"properties":{}}""", id);
        Reply again = await SecureServer.SendAsync(world.Contoso, "PUT", "accessControlLists/contoso.x", """{"properties":{}}""", id);
        Reply other = await SecureServer.SendAsync(world.Fabrikam, "PUT", "accessControlLists/contoso.x", """{"properties":{}}""", id);

        Assert.Equal(first.ETag, again.ETag);
        Assert.Equal(HttpStatusCode.NotFound, other.Status);
    }

    [Fact]
    public async Task Provider_TypesAreForbidden_NamesAndMetadataOfOthersRefused()
    {
        await using TenantWorld world = await TenantWorld.StartAsync(withFabrikam: true);

        Reply pool = await SecureServer.SendAsync(world.Contoso, "PUT", "macPools/contoso.pool", Story.MacPool);
        Reply name = await SecureServer.SendAsync(world.Contoso, "PUT", "accessControlLists/web", """{"properties":{}}""");
        Reply given = await SecureServer.SendAsync(world.Contoso, "PUT", "accessControlLists/contoso.a", TenantWorld.Owned("fabrikam", """{"properties":{}}"""));
        Reply twice = await SecureServer.SendAsync(world.Contoso, "PUT", "accessControlLists/contoso.b", """{"resourceMetadata":{"TENANTID":"contoso","tenantId":"fabrikam"},"properties":{}}""");

        Assert.Equal((HttpStatusCode.Forbidden, "Forbidden"), (pool.Status, pool.Code));
        Assert.Equal((HttpStatusCode.NotFound, "NotFound"), (name.Status, name.Code));
        Assert.Contains("'contoso.'", name.Message, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, given.Status);
        Assert.Equal(HttpStatusCode.OK, await SecureServer.StatusAsync(world.Contoso, "GET", "accessControlLists/contoso.b"));
        Assert.DoesNotContain("fabrikam", (await SecureServer.SendAsync(world.Admin, "GET", "accessControlLists/contoso.b")).Body!.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Created, twice.Status);
    }

    /// <summary>Noninterference: whatever Contoso asks, the answers are those of a world in which Fabrikam never was; and Fabrikam's things stay as they are.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task AnyRequests_AnswersDoNotDependOnOthers_AndOthersStayAsTheyAre(int seed)
    {
        await using TenantWorld with = await TenantWorld.StartAsync(withFabrikam: true);
        await using TenantWorld without = await TenantWorld.StartAsync(withFabrikam: false);
        string before = with.WhatFabrikamHas();
        TenantRequests requests = new(seed, [.. with.Server.Engine.Current.Roots.Where(r => Model.Visibility.OwnerOf(r) == "fabrikam").SelectMany(r => r.SelfAndDescendants())]);

        int good = 0;
        foreach (TenantRequest request in requests.Everything().Concat(requests.Random(count: 400)))
        {
            Reply one = await SecureServer.SendAsync(with.Contoso, request.Verb, request.Path, request.Body, request.Headers);
            Reply two = await SecureServer.SendAsync(without.Contoso, request.Verb, request.Path, request.Body, request.Headers);

            Assert.True(TenantWorld.Normal(two) == TenantWorld.Normal(one), $"{request}\nwithout:\n{TenantWorld.Normal(two)}\nwith:\n{TenantWorld.Normal(one)}");
            good += one.Status is HttpStatusCode.OK or HttpStatusCode.Created ? 1 : 0;
        }

        Assert.Equal(before, with.WhatFabrikamHas());
        Assert.True(good > 40, $"Only {good} requests succeeded: this would prove nothing.");
    }
}
