using System.Net;
using System.Text.Json.Nodes;

namespace Hnv.Controller.Tests;

public sealed class ResourceTests : IClassFixture<RestServer>, IAsyncLifetime
{
    private readonly RestServer _server;

    public ResourceTests(RestServer server) => _server = server;

    public Task InitializeAsync() => _server.TellAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Get_TheStory_GivesTheIdentifiersAndAddressesOfFigure8()
    {
        Reply contoso = await _server.GetAsync("virtualNetworks/contoso/subnets/s1");
        Reply fabrikam = await _server.GetAsync("virtualNetworks/fabrikam/subnets/s1");
        Reply host1 = await _server.GetAsync("servers/host1/networkInterfaces/eth1");
        Reply host2 = await _server.GetAsync("servers/host2/networkInterfaces/eth1");

        Assert.Equal("5001", contoso.Text("virtualSubnetId"));
        Assert.Equal("6001", fabrikam.Text("virtualSubnetId"));
        Assert.Equal("192.168.1.10", (string?)host1.Properties["providerAddress"]!["address"]);
        Assert.Equal("192.168.2.20", (string?)host2.Properties["providerAddress"]!["address"]);
    }

    [Fact]
    public async Task Get_AnyCaseAndTrailingSlash_FindsTheResourceInItsOwnSpelling()
    {
        Reply reply = await _server.SendAsync(HttpMethod.Get, "V3/VIRTUALNETWORKS/Contoso/Subnets/S1/", null);

        Assert.Equal(HttpStatusCode.OK, reply.Status);
        Assert.Equal("/virtualNetworks/contoso/subnets/s1", (string?)reply.Body!["resourceRef"]);
    }

    [Fact]
    public async Task GetAll_Collection_IsInOrderOfCreationWithAnEmptyNextLink()
    {
        Reply reply = await _server.GetAsync("virtualNetworks");

        Assert.Equal(["contoso", "fabrikam"], reply.Body!["value"]!.AsArray().Select(n => (string)n!["resourceId"]!).Take(2));
        Assert.Equal("", (string?)reply.Body["nextLink"]);
    }

    [Theory]
    [InlineData("virtualNetworks/nobody")]
    [InlineData("virtualNetworks/nobody/subnets")]
    [InlineData("noSuchType")]
    [InlineData("operations/4d8ad2b6-6c05-4f22-95a8-000000000000")]
    public async Task Get_Absent_Is404(string path)
    {
        Reply reply = await _server.GetAsync(path);

        Assert.Equal(HttpStatusCode.NotFound, reply.Status);
        Assert.Equal("NotFound", reply.Code);
    }

    [Fact]
    public async Task Get_UnknownVersion_Is404()
    {
        Assert.Equal(HttpStatusCode.NotFound, (await _server.GetAsync("virtualNetworks", "v9")).Status);
    }

    [Fact]
    public async Task Get_BackReferences_NameEveryHolder()
    {
        Reply subnet = await _server.GetAsync("virtualNetworks/contoso/subnets/s1");
        Reply acl = await _server.GetAsync("accessControlLists/sql");
        Reply provider = await _server.GetAsync("logicalNetworks/hnvpa");

        Assert.Contains("/networkInterfaces/contoso-sql/ipConfigurations/ip1", Refs(subnet.Properties["ipConfigurations"]));
        Assert.Contains("/networkInterfaces/fabrikam-sql/ipConfigurations/ip1", Refs(acl.Properties["ipConfigurations"]));
        Assert.Contains("/virtualNetworks/contoso", Refs(provider.Properties["virtualNetworks"]));
    }

    [Fact]
    public async Task Get_CanonicalOutput_HasTheTypesOfTheSchemas()
    {
        Reply provider = await _server.GetAsync("logicalNetworks/hnvpa");
        Reply acl = await _server.GetAsync("accessControlLists/sql/aclRules/web-to-sql");
        Reply pool = await _server.GetAsync("macPools/default");

        Assert.Equal("True", provider.Text("networkVirtualizationEnabled"));
        Assert.Equal("11", (string?)provider.Properties["subnets"]![0]!["properties"]!["vlanID"]);
        Assert.Equal("110", acl.Text("priority"));
        Assert.Equal("Enabled", acl.Text("logging"));
        Assert.True((int)pool.Properties["usage"]!["numberofMacAddressesAllocated"]! >= 6);
    }

    [Fact]
    public async Task Put_LenientSpellings_AreStoredCanonically()
    {
        Reply reply = await _server.PutAsync("accessControlLists/lenient", """
            {"properties":{"INBOUNDDEFAULTACTION":"deny","aclRules":[{"resourceId":"r","properties":{"Type":"INBOUND","Action":"allow","protocol":"tcp",
             "priority":200,"sourceAddressPrefix":"*","destinationAddressPrefix":"virtualnetwork","sourcePortRange":"*","destinationPortRange":80,"unknown":null}}]}}
            """);

        Assert.Equal("Deny", reply.Text("inboundDefaultAction"));
        JsonNode rule = reply.Properties["aclRules"]![0]!["properties"]!;
        Assert.Equal(
            ("Inbound", "Allow", "TCP", "200", "VIRTUALNETWORK", "80"),
            ((string?)rule["type"], (string?)rule["action"], (string?)rule["protocol"], (string?)rule["priority"],
                (string?)rule["destinationAddressPrefix"], (string?)rule["destinationPortRange"]));
        Assert.Null(rule["unknown"]);
    }

    [Fact]
    public async Task Put_AbsentChildArray_LeavesTheChildrenAlone_PresentOneIsTheNewSet()
    {
        await _server.PutAsync("accessControlLists/set", Story.SqlRules);

        Reply kept = await _server.PutAsync("accessControlLists/set", """{"properties":{"inboundDefaultAction":"Permit"}}""");
        Reply emptied = await _server.PutAsync("accessControlLists/set", """{"properties":{"aclRules":[]}}""");

        Assert.Single(kept.Properties["aclRules"]!.AsArray());
        Assert.Empty(emptied.Properties["aclRules"]!.AsArray());
        Assert.Equal("Permit", emptied.Text("inboundDefaultAction"));
    }

    [Fact]
    public async Task Put_Child_StampsItselfAndItsAncestorsButNotItsSiblings()
    {
        await _server.PutAsync("virtualNetworks/tree", """
            {"properties":{"addressSpace":{"addressPrefixes":["10.9.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},
             "subnets":[{"resourceId":"a","properties":{"addressPrefix":"10.9.1.0/24"}}]}}
            """);
        Reply before = await _server.GetAsync("virtualNetworks/tree");
        string sibling = (string)before.Properties["subnets"]![0]!["etag"]!;

        Reply put = await _server.PutAsync("virtualNetworks/tree/subnets/b", """{"properties":{"addressPrefix":"10.9.2.0/24"}}""");

        Reply after = await _server.GetAsync("virtualNetworks/tree");
        Assert.Equal(HttpStatusCode.Created, put.Status);
        Assert.NotEqual(before.ETag, after.ETag);
        Assert.Equal(put.ETag, after.ETag);
        Assert.Equal(sibling, (string?)after.Properties["subnets"]![0]!["etag"]);
    }

    [Fact]
    public async Task Put_ChildOfAnAbsentParent_Is412NotFound()
    {
        Reply reply = await _server.PutAsync("virtualNetworks/nobody/subnets/s", """{"properties":{"addressPrefix":"10.9.2.0/24"}}""");

        Assert.Equal(HttpStatusCode.PreconditionFailed, reply.Status);
        Assert.Equal("NotFound", reply.Code);
    }

    [Fact]
    public async Task Put_InstanceId_IsHonouredWhenFreeAndNeverChanges()
    {
        var mine = Guid.NewGuid();

        Reply created = await _server.PutAsync("accessControlLists/guid", $$$$$$"""{"instanceId":"{{{{{{mine}}}}}}","properties":{}}""");
        Reply again = await _server.PutAsync("accessControlLists/guid", $$$$$$"""{"instanceId":"{{{{{{Guid.NewGuid()}}}}}}","properties":{}}""");
        Reply other = await _server.PutAsync("accessControlLists/guid2", $$$$$$"""{"instanceId":"{{{{{{mine}}}}}}","properties":{}}""");

        Assert.Equal(mine, (Guid)created.Body!["instanceId"]!);
        Assert.Equal(mine, (Guid)again.Body!["instanceId"]!);
        Assert.NotEqual(mine, (Guid)other.Body!["instanceId"]!);
    }

    [Fact]
    public async Task Put_TagsAndMetadata_ComeBackAsSent()
    {
        Reply reply = await _server.PutAsync("accessControlLists/tagged", """{"tags":{"a":"b"},"resourceMetadata":{"tenantId":"contoso","name":"x"},"properties":{}}""");

        Assert.Equal("b", (string?)reply.Body!["tags"]!["a"]);
        Assert.Equal("x", (string?)reply.Body["resourceMetadata"]!["name"]);
    }

    [Fact]
    public async Task Credential_ItsSecret_IsNeverShownAndSurvivesAPutOfWhatWasRead()
    {
        Reply created = await _server.PutAsync("credentials/admin", """{"properties":{"type":"USERNAMEPASSWORD","userName":"u","value":"s3cret"}}""");
        Reply again = await _server.PutAsync("credentials/admin", created.Body!.ToJsonString());

        Assert.Equal("", created.Text("value"));
        Assert.DoesNotContain("s3cret", again.Body!.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal("s3cret", _server.Engine.Current.Find("/credentials/admin")!.Text("value"));
    }

    [Fact]
    public async Task Singleton_Delete_IsNotSupported()
    {
        Reply reply = await _server.DeleteAsync("virtualNetworkManager/configuration");

        Assert.Equal("OperationNotSupported", reply.Code);
    }

    [Fact]
    public async Task OlderVersion_LeavesNewerPropertiesOut_AndAPutThroughItKeepsThem()
    {
        await _server.PutAsync("virtualNetworks/old", """
            {"properties":{"addressSpace":{"addressPrefixes":["10.8.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},"unbilledAddressRanges":"10.0.0.0/8"}}
            """);

        Reply old = await _server.GetAsync("virtualNetworks/old", "v1");
        await _server.SendAsync(HttpMethod.Put, "v1/virtualNetworks/old", old.Body!.ToJsonString());

        Assert.Null(old.Properties["unbilledAddressRanges"]);
        Assert.Equal("10.0.0.0/8", (await _server.GetAsync("virtualNetworks/old")).Text("unbilledAddressRanges"));
    }

    [Fact]
    public async Task Discovery_BothAddresses_ListTwelveVersionsWithoutAnEtag()
    {
        Reply bare = await _server.SendAsync(HttpMethod.Get, "discovery", null);
        Reply versioned = await _server.GetAsync("discovery", "v1");

        Assert.Equal(12, bare.Properties["supportedRestVersions"]!.AsArray().Count);
        Assert.Equal("V7", versioned.Text("currentRestVersion"));
        Assert.Null(bare.Body!["etag"]);
    }

    [Fact]
    public async Task WriteOfWhatWasRead_ChangesNothingButTheEtag()
    {
        foreach (string path in Story.Documents().Select(d => d.Path))
        {
            Reply before = await _server.GetAsync(path);

            Reply after = await _server.PutAsync(path, before.Body!.ToJsonString());

            Assert.Equal(WithoutEtags(before.Body!), WithoutEtags((await _server.GetAsync(path)).Body!));
            Assert.Equal(HttpStatusCode.OK, after.Status);
        }
    }

    [Fact]
    public async Task OpenApi_EveryType_HasASchema()
    {
        Reply reply = await _server.SendAsync(HttpMethod.Get, "/openapi.json", null);

        Assert.NotNull(reply.Body!["components"]!["schemas"]!["networkInterfaces.ipConfigurations"]);
        Assert.NotNull(reply.Body["paths"]!["/networking/{version}/virtualNetworkManager/configuration"]!["put"]);
    }

    private static string WithoutEtags(JsonNode document) =>
        System.Text.RegularExpressions.Regex.Replace(document.ToJsonString(), "\"etag\":\"[^,]*\",", "");

    private static IEnumerable<string> Refs(JsonNode? references) => references!.AsArray().Select(r => (string)r!["resourceRef"]!);
}
