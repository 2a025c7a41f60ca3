using System.Net;
using System.Text.Json.Nodes;

namespace Hnv.Controller.Tests;

/// <summary>What is made when it is asked for: statistics, instance ids, diagnostics (7.24, 8).</summary>
public sealed class ComputedTests(FullServer full) : IClassFixture<FullServer>
{
    private const string Check = """
        {"properties":{"senderVirtualNetwork":{"resourceRef":"/virtualNetworks/contoso"},"receiverVirtualNetwork":{"resourceRef":"/virtualNetworks/contoso"},
         "senderIpAddress":"10.1.1.12","receiverIpAddress":"10.1.1.11","protocol":"icmp"}}
        """;

    [Fact]
    public async Task InternalResourceInstance_OfAnyInstanceId_NamesItsResource()
    {
        string id = (string)(await full.Rest.GetAsync("loadBalancers/web/probes/p80")).Body!["instanceId"]!;

        Reply one = await full.Rest.GetAsync($"internalResourceInstances/{id.ToUpperInvariant()}", "v1");
        Reply all = await full.Rest.GetAsync("internalResourceInstances");

        Assert.Equal("/loadBalancers/web/probes/p80", one.Text("resourceReference"));
        Assert.Contains(all.Body!["value"]!.AsArray(), item => (string?)item!["instanceId"] == id);
        Assert.Equal(HttpStatusCode.NotFound, (await full.Rest.GetAsync($"internalResourceInstances/{Guid.NewGuid()}")).Status);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await full.Rest.PutAsync($"internalResourceInstances/{id}", "{}")).Status);
    }

    [Fact]
    public async Task Statistics_ListEveryKind_WithWhatIsInUse()
    {
        Reply reply = await full.Rest.GetAsync("monitoring/networkControllerStatistics", "v2");

        JsonArray health = reply.Properties["healthStatistics"]!.AsArray();
        JsonArray usage = reply.Properties["usageStatistics"]!.AsArray();
        Assert.Equal(["VirtualNetwork", "Gateway", "LoadBalancerMux"], health.Select(h => (string?)h!["resourceType"]));
        Assert.Equal(["PublicIPUtilization", "BackendIPUtilization", "MacPoolUtilization"], usage.Select(u => (string?)u!["resourceType"]));
        Assert.Equal((1, 1), ((int)health[1]!["totalResourceCount"]!, (int)health[1]!["errorResourceCount"]!));
        Assert.Equal(2, (int)usage[0]!["inUseResourceCount"]!);
        Assert.True((int)usage[2]!["inUseResourceCount"]! > 4);
        Assert.Null(reply.Body!["etag"]);
        Assert.Null((await full.Rest.GetAsync("monitoring/networkControllerStatistics", "v1")).Properties["counters"]);
    }

    [Theory]
    [InlineData("diagnostics/ConnectivityCheck")]
    [InlineData("diagnostics/diagnostics/connectivitycheck/")]
    public async Task ConnectivityCheck_IsAnsweredAtOnceAndItsResultIsFoundByItsOperation(string path)
    {
        Reply put = await full.Rest.PutAsync(path, Check);
        string reference = (string)put.Properties["connectivityCheckResult"]!["resourceRef"]!;
        Reply result = await full.Rest.GetAsync(reference[1..]);
        Reply all = await full.Rest.GetAsync("diagnostics/ConnectivityCheckResults");

        Assert.Equal((HttpStatusCode.Created, "Updating", "Icmp"), (put.Status, put.Text("provisioningState"), put.Text("protocol")));
        Assert.Equal($"/diagnostics/ConnectivityCheckResults/{put.Text("operationId")}", reference);
        JsonNode outcome = result.Properties["result"]!;
        Assert.Equal("Failure", (string?)outcome["status"]);
        Assert.Equal(2, outcome["nodeOutput"]!.AsArray().Count);
        Assert.Equal(2, outcome["nodeOuput"]!.AsArray().Count);
        Assert.Contains("contoso-web", (string?)outcome["nodeOutput"]![0]!["traceOutput"]![0], StringComparison.Ordinal);
        Assert.Contains(all.Body!["value"]!.AsArray(), r => (string?)r!["properties"]!["operationId"] == put.Text("operationId"));
    }

    [Theory]
    [InlineData("\"/virtualNetworks/contoso\"},\"rec", "\"/virtualNetworks/fabrikam\"},\"rec", "VirtualNetworkMismatch")]
    [InlineData("\"senderVirtualNetwork\":{\"resourceRef\":\"/virtualNetworks/contoso\"}", "\"senderLogicalNetwork\":{\"resourceRef\":\"/logicalNetworks/vips\"}", "NetworkMismatch")]
    [InlineData("\"senderVirtualNetwork\"", "\"x\"", "RequiredParamMissing")]
    [InlineData("\"/virtualNetworks/contoso\"},\"rec", "\"/virtualNetworks/none\"},\"rec", "InvalidResourceReference")]
    [InlineData("10.1.1.12", "10.1.1", "InvalidIPAddress")]
    [InlineData("icmp", "gre", "InvalidParameterValue")]
    public async Task ConnectivityCheck_Wrong_IsRefusedWithItsCode(string from, string to, string code)
    {
        Reply reply = await full.Rest.PutAsync("diagnostics/ConnectivityCheck", Check.Replace(from, to, StringComparison.Ordinal));

        Assert.Equal((HttpStatusCode.BadRequest, code), (reply.Status, reply.Code));
    }

    [Fact]
    public async Task SlbState_HasTheSectionsThatToolsLookFor()
    {
        Reply put = await full.Rest.PutAsync("diagnostics/SlbState", "{}");
        Reply result = await full.Rest.GetAsync($"diagnostics/slbStateResults/{put.Text("operationId")}");

        Assert.Equal("/diagnostics/slbState/Action", (string?)put.Body!["resourceRef"]);
        string[] sections = [.. result.Properties["output"]!["dataGroups"]!.AsArray().SelectMany(g => g!["dataSections"]!.AsArray()).Select(s => (string)s!["name"]!)];
        Assert.Equal(["SlbmVips", "MuxState", "RouterConfiguration", "ConnectedHostInfo", "VipRanges", "MuxRoutes", "VipConsolidatedState"], sections);
        Assert.Contains("203.0.113.10 - 203.0.113.99", result.Body!.ToJsonString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("diagnostics/networkControllerState")]
    [InlineData("diagnostics/diagnostics/networkControllerState")]
    public async Task NetworkControllerState_IsRememberedSinceTheLastPut(string path)
    {
        Reply put = await full.Rest.PutAsync(path, """{"properties":{}}""");
        Reply get = await full.Rest.GetAsync(path);

        Assert.Equal(HttpStatusCode.OK, put.Status);
        Assert.Matches("^[0-9]{17}$", put.Text("lastQueryTimeStamp"));
        Assert.Equal(put.Text("lastQueryTimeStamp"), get.Text("lastQueryTimeStamp"));
    }
}
