using System.Net;
using System.Text.Json.Nodes;

namespace Hnv.Controller.Tests;

/// <summary>Who is in a pool, and where VIPs come from.</summary>
public sealed class LoadBalancerTests : IAsyncLifetime
{
    private readonly FullServer _full = new();

    private RestServer Server => _full.Rest;

    public Task InitializeAsync() => _full.InitializeAsync();

    public Task DisposeAsync() => _full.DisposeAsync();

    [Fact]
    public async Task Pool_WrittenThroughV7WithTheSwitch_IsWrittenOnTheInterfaces()
    {
        string etag = (await Server.GetAsync("networkInterfaces/contoso-sql")).ETag;

        await PutBalancerAsync("v7", update: true, "/networkInterfaces/contoso-sql/ipConfigurations/ip1", "/networkInterfaces/contoso-web/ipConfigurations/ip1");

        Assert.Equal(["/networkInterfaces/contoso-sql/ipConfigurations/ip1", "/networkInterfaces/contoso-web/ipConfigurations/ip1"], await MembersAsync());
        Reply sql = await Server.GetAsync("networkInterfaces/contoso-sql/ipConfigurations/ip1", "v1");
        Assert.Equal("/loadBalancers/web/backendAddressPools/web", (string?)sql.Properties["loadBalancerBackendAddressPools"]![0]!["resourceRef"]);
        Assert.Empty((await Server.GetAsync("networkInterfaces/balanced/ipConfigurations/ip1")).Properties["loadBalancerBackendAddressPools"]!.AsArray());
        Assert.NotEqual(etag, (await Server.GetAsync("networkInterfaces/contoso-sql")).ETag);
    }

    [Theory]
    [InlineData("v7", false)]
    [InlineData("v6.1", false)]
    public async Task Pool_WrittenWithoutTheSwitch_KeepsItsMembers(string version, bool update)
    {
        await PutBalancerAsync(version, update, "/networkInterfaces/contoso-sql/ipConfigurations/ip1");

        Assert.Equal(["/networkInterfaces/balanced/ipConfigurations/ip1"], await MembersAsync());
    }

    [Fact]
    public async Task Pool_WithMembersOfTwoNetworks_IsRefused()
    {
        Reply reply = await PutBalancerAsync("v7", update: true, "/networkInterfaces/contoso-sql/ipConfigurations/ip1", "/networkInterfaces/fabrikam-sql/ipConfigurations/ip1");

        Assert.Equal("BackendIPConfigurationsDontUseSameVnet", reply.Code);
        Assert.Equal(["/networkInterfaces/balanced/ipConfigurations/ip1"], await MembersAsync());
    }

    [Fact]
    public async Task PublicAddresses_Dynamic_AreGivenOnceAndCountedInTheirPool()
    {
        Reply[] given = await Task.WhenAll(Enumerable.Range(0, 80).Select(i => Server.PutAsync($"publicIPAddresses/p{i}", """{"properties":{}}""")));
        string[] addresses = [.. given.Select(g => g.Text("ipAddress")!)];

        Assert.All(given, g => Assert.Equal(HttpStatusCode.Created, g.Status));
        Assert.Equal(addresses.Length, addresses.Distinct().Count());
        Assert.DoesNotContain("203.0.113.50", addresses);
        Assert.All(addresses, a => Assert.StartsWith("203.0.113.", a, StringComparison.Ordinal));
        JsonNode usage = (await Server.GetAsync("logicalNetworks/vips/subnets/public/ipPools/pool")).Properties["usage"]!;
        Assert.Equal(("90", "82"), ((string?)usage["numberOfIPAddresses"], (string?)usage["numberofIPAddressesAllocated"]));
    }

    [Fact]
    public async Task PublicAddress_ThatWasGivenBack_RestsBeforeItIsGivenAgain()
    {
        string first = (await Server.PutAsync("publicIPAddresses/a", """{"properties":{}}""")).Text("ipAddress")!;
        await Server.DeleteAsync("publicIPAddresses/a");

        Assert.NotEqual(first, (await Server.PutAsync("publicIPAddresses/b", """{"properties":{}}""")).Text("ipAddress"));
    }

    private Task<Reply> PutBalancerAsync(string version, bool update, params string[] members)
    {
        var pool = new JsonObject
        {
            ["resourceId"] = "web",
            ["properties"] = new JsonObject { ["backendIPConfigurations"] = new JsonArray([.. members.Select(m => new JsonObject { ["resourceRef"] = m })]) },
        };
        var properties = new JsonObject { ["backendAddressPools"] = new JsonArray(pool) };
        if (update)
        {
            properties["updateBackendAddressPools"] = true;
        }

        return Server.SendAsync(HttpMethod.Put, $"{version}/loadBalancers/web", new JsonObject { ["properties"] = properties }.ToJsonString());
    }

    private async Task<string[]> MembersAsync() =>
        [.. (await Server.GetAsync("loadBalancers/web/backendAddressPools/web")).Properties["backendIPConfigurations"]!.AsArray().Select(r => (string)r!["resourceRef"]!)];
}
