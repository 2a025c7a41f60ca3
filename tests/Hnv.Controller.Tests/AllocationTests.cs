using System.Net;

namespace Hnv.Controller.Tests;

public sealed class AllocationTests : IAsyncLifetime
{
    private readonly RestServer _server = new();

    public async Task InitializeAsync()
    {
        await _server.InitializeAsync();
        await _server.PutAsync("macPools/default", Story.MacPool);
        await _server.PutAsync("logicalNetworks/hnvpa", Story.Provider);
    }

    public Task DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Vsid_ManyNetworksAtOnce_NeverRepeats()
    {
        Reply[] replies = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => _server.PutAsync($"virtualNetworks/n{i}", Network())));

        string[] ids = [.. replies.Select(r => (string)r.Properties["subnets"]![0]!["properties"]!["virtualSubnetId"]!)];
        Assert.Equal(100, ids.Distinct().Count());
        Assert.Equal(100, replies.Select(r => (string)r.Body!["instanceId"]!).Distinct().Count());
        Assert.All(ids, id => Assert.InRange(int.Parse(id, System.Globalization.CultureInfo.InvariantCulture), 4096, 16777214));
    }

    [Fact]
    public async Task Vsid_RangeUsedUp_IsRefusedAndARemovedOneComesBack()
    {
        await _server.PutAsync("virtualNetworkManager/configuration", """{"properties":{"virtualSubnetIdRange":{"startId":5001,"endId":5002}}}""");
        await _server.PutAsync("virtualNetworks/a", Network());
        await _server.PutAsync("virtualNetworks/b", Network());

        Reply full = await _server.PutAsync("virtualNetworks/c", Network());
        await _server.DeleteAsync("virtualNetworks/a");
        Reply again = await _server.PutAsync("virtualNetworks/c", Network());

        Assert.Equal("SubnetIsFull", full.Code);
        Assert.Equal("5001", (string?)again.Properties["subnets"]![0]!["properties"]!["virtualSubnetId"]);
    }

    [Fact]
    public async Task Vsid_Kept_WhenTheSubnetIsPutAgainWithoutIt()
    {
        Reply first = await _server.PutAsync("virtualNetworks/a", Story.Network(5001));

        Reply second = await _server.PutAsync("virtualNetworks/a", Network("10.1.1.0/24", "s1"));

        Assert.Equal("5001", (string?)second.Properties["subnets"]![0]!["properties"]!["virtualSubnetId"]);
        Assert.Equal((string?)first.Body!["instanceId"], (string?)second.Body!["instanceId"]);
    }

    [Fact]
    public async Task CustomerAddress_Dynamic_SkipsRouterAndTakenOnesUntilTheSubnetIsFull()
    {
        await _server.PutAsync("virtualNetworks/small", Network("10.1.1.0/29"));
        await _server.PutAsync("networkInterfaces/fixed", Dynamic("small").Replace("\"Dynamic\",\"subnet\"", "\"Static\",\"privateIPAddress\":\"10.1.1.3\",\"subnet\"", StringComparison.Ordinal));

        var given = new List<string?>();
        for (int i = 0; i < 4; i++)
        {
            given.Add(Address(await _server.PutAsync($"networkInterfaces/d{i}", Dynamic("small"))));
        }

        Reply full = await _server.PutAsync("networkInterfaces/one-too-many", Dynamic("small"));
        Assert.Equal(["10.1.1.2", "10.1.1.4", "10.1.1.5", "10.1.1.6"], given);
        Assert.Equal("SubnetIsFull", full.Code);
        Assert.Equal(HttpStatusCode.Conflict, full.Status);
    }

    [Fact]
    public async Task CustomerAddress_Dynamic_IsKeptByALaterPut()
    {
        await _server.PutAsync("virtualNetworks/small", Network("10.1.1.0/29"));
        Reply first = await _server.PutAsync("networkInterfaces/d", Dynamic("small"));

        Reply second = await _server.PutAsync("networkInterfaces/d", Dynamic("small"));

        Assert.Equal(Address(first), Address(second));
        Assert.Equal(first.Text("privateMacAddress"), second.Text("privateMacAddress"));
    }

    [Fact]
    public async Task Mac_WithoutAPool_IsRefusedWithWhatToDo()
    {
        await _server.DeleteAsync("macPools/default");

        Reply reply = await _server.PutAsync("networkInterfaces/x", """{"properties":{"privateMacAllocationMethod":"Dynamic"}}""");

        Assert.Equal(HttpStatusCode.Conflict, reply.Status);
        Assert.Contains("PUT /macPools/NAME", reply.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProviderAddress_TwoUplinks_AreTwoOfOneSubnet()
    {
        Reply reply = await _server.PutAsync("servers/host1", Story.Server(Story.Host1, "pa-1", "h", "eth1", "eth2"));

        Assert.Equal(["192.168.1.10", "192.168.1.11"], Provider(reply));
    }

    [Fact]
    public async Task ProviderAddress_PoolComesAfterTheServer_IsGivenThen()
    {
        await _server.PutAsync("logicalNetworks/late", """{"properties":{"networkVirtualizationEnabled":true,"subnets":[{"resourceId":"s","properties":{"addressPrefix":"192.168.9.0/24"}}]}}""");
        await _server.PutAsync("servers/host1", Story.Server(Story.Host1, "pa-1").Replace("hnvpa/subnets/pa-1", "late/subnets/s", StringComparison.Ordinal));
        Reply before = await _server.GetAsync("servers/host1");

        await _server.PutAsync("logicalNetworks/late/subnets/s/ipPools/p", """{"properties":{"startIpAddress":"192.168.9.5","endIpAddress":"192.168.9.9"}}""");

        Reply after = await _server.GetAsync("servers/host1");
        Assert.Equal([null], Provider(before));
        Assert.Equal(["192.168.9.5"], Provider(after));
        Assert.Equal(before.ETag, after.ETag);
    }

    [Fact]
    public async Task ProviderAddress_UplinkMovesToAnotherSubnet_ChangesAndTheOldOneIsFree()
    {
        await _server.PutAsync("servers/host1", Story.Server(Story.Host1, "pa-1"));

        Reply moved = await _server.PutAsync("servers/host1", Story.Server(Story.Host1, "pa-2"));
        Reply other = await _server.PutAsync("servers/host2", Story.Server(Story.Host2, "pa-1"));

        Assert.Equal(["192.168.2.20"], Provider(moved));
        Assert.Equal(["192.168.1.10"], Provider(other));
    }

    [Fact]
    public async Task ProviderAddress_OfAForeignEndpoint_IsNeverGivenToAHost()
    {
        await _server.PutAsync("servers/foreign", """{"properties":{"unmanagedVtep":{"address":"192.168.1.10"}}}""");

        Reply host = await _server.PutAsync("servers/host1", Story.Server(Story.Host1, "pa-1"));
        Reply taken = await _server.PutAsync("servers/foreign2", """{"properties":{"unmanagedVtep":{"address":"192.168.1.11"}}}""");

        Assert.Equal(["192.168.1.11"], Provider(host));
        Assert.Equal("PrivateIPAddressInUse", taken.Code);
    }

    private static string Network(string prefix = "10.1.1.0/24", string id = "s") => $$$$$$"""
        {"properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},
         "subnets":[{"resourceId":"{{{{{{id}}}}}}","properties":{"addressPrefix":"{{{{{{prefix}}}}}}"}}]}}
        """;

    private static string Dynamic(string network) => $$$$$$"""
        {"properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{"privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"/virtualNetworks/{{{{{{network}}}}}}/subnets/s"}}}]}}
        """;

    private static string? Address(Reply reply) => (string?)reply.Properties["ipConfigurations"]![0]!["properties"]!["privateIPAddress"];

    private static IEnumerable<string?> Provider(Reply server) =>
        server.Properties["networkInterfaces"]!.AsArray().Select(n => (string?)n!["properties"]!["providerAddress"]?["address"]);
}
