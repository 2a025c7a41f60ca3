using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Contracts;
using Hnv.Contracts.HostChannel;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Hnv.Controller.Tests.HostChannel;

/// <summary>Counters of hosts whose agents the test plays, as REST has them.</summary>
public sealed class CollectedCountersTests : HostedTests
{
    [Fact]
    public async Task Counters_ComeFromTheHosts_AndWhatIsNotKnownIsNotThere()
    {
        await AttachAllAsync();
        NicTotals sql = Totals((await NicAsync("contoso-sql")).Value, 100), web = Totals((await NicAsync("contoso-web")).Value, 7);
        await using PlayedAgent agent1 = await PlayedAgent.StartAsync(Host1, () => Answer(sql));
        await EventuallyAsync(async () => await CounterAsync("contoso-sql", "TotalPacketsOut") == 100);

        // The other half of the subnet is on a host that nobody heard of yet.
        Assert.Null(await CounterAsync("contoso-web", "TotalPacketsOut"));
        Assert.Null(await EgressAsync("billedEgressBytes"));
        await Assert.ThrowsAsync<ApiException>(ResetAsync);

        await using PlayedAgent agent2 = await PlayedAgent.StartAsync(Host2, () => Answer(web));
        await EventuallyAsync(async () => await EgressAsync("billedEgressBytes") == 107_000);

        Assert.Equal(214_000, await EgressAsync("unbilledEgressBytes"));
        Assert.Equal(7 + 3, await CounterAsync("contoso-web", "DropAclPacketsIn"));

        await ResetAsync();

        Assert.Equal((0, 0), (await EgressAsync("billedEgressBytes"), await EgressAsync("unbilledEgressBytes")));
        Assert.Equal(100, await CounterAsync("contoso-sql", "TotalPacketsOut"));
        web = Totals(web.Nic, 8);
        await EventuallyAsync(async () => await EgressAsync("billedEgressBytes") == 1000);
        JsonNode action = (await Client.GetAsync("subnetEgressReset"))!;
        Assert.DoesNotContain("egressBases", action.ToJsonString(), StringComparison.Ordinal);

        await StopControllerAsync();
        await StartControllerAsync();

        await EventuallyAsync(async () => await EgressAsync("billedEgressBytes") == 1000);
    }

    [Fact]
    public async Task HostThatBeginsAnew_OrTellsNonsense_TakesNothingBack()
    {
        await AttachAllAsync();
        Guid nic = (await NicAsync("contoso-sql")).Value;
        string answer = Answer(Totals(nic, 100));
        await using PlayedAgent agent = await PlayedAgent.StartAsync(Host1, () => answer);
        await EventuallyAsync(async () => await CounterAsync("contoso-sql", "TotalPacketsOut") == 100);

        int before = agent.Asked;
        answer = Answer(Totals(nic, -5), Totals(Guid.NewGuid(), 9)).Replace("\"in\":{", "\"in\":{\"total\":9e99,\"x\":{", StringComparison.Ordinal);
        await EventuallyAsync(() => agent.Asked > before);
        answer = $$$"""{"nics":[null,{"nic":"{{{nic}}}"},{"nic":"{{{nic}}}","in":{},"out":{"total":-1}}]}""";
        before = agent.Asked;
        await EventuallyAsync(() => agent.Asked > before);
        Assert.Equal(100, await CounterAsync("contoso-sql", "TotalPacketsOut"));

        answer = Answer(Totals(nic, 4));

        await EventuallyAsync(async () => await CounterAsync("contoso-sql", "TotalPacketsOut") == 104);
    }

    private static NicTotals Totals(Guid nic, long n) => new(
        nic, new NicDirectionCounters(n, 0, 0, n + 3, 0, 0, 0, 0), new NicDirectionCounters(n, 0, 0, 0, 0, 0, 0, 0), 0, 0, 1000 * n, 2000 * n);

    private static string Answer(params NicTotals[] totals) => JsonSerializer.Serialize(new HostNicTotals(totals), ContractJson.Default.HostNicTotals);

    private async Task<long?> CounterAsync(string nic, string name) =>
        (long?)(await Client.GetAsync($"networkInterfaces/{nic}"))!["properties"]!["counters"]!.AsArray().FirstOrDefault(counter => (string?)counter!["name"] == name)?["currentValue"];

    private async Task<long?> EgressAsync(string name) => (long?)(await Client.GetAsync("virtualNetworks/contoso/subnets/s1"))!["properties"]![name];

    private async Task ResetAsync() =>
        _ = await Client.PutAsync("subnetEgressReset", JsonNode.Parse("""{"properties":{"virtualSubnetResourceReference":"/virtualNetworks/contoso/subnets/s1"}}""")!);
}

/// <summary>The host channel of a played host.</summary>
internal sealed class PlayedAgent(WebApplication web) : IAsyncDisposable
{
    private int _asked;

    /// <summary>Answers so far.</summary>
    public int Asked => Volatile.Read(ref _asked);

    /// <summary>Serves counters, and has the host say where.</summary>
    public static async Task<PlayedAgent> StartAsync(PlayedHost host, Func<string> counters)
    {
        int port = FreePort();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        WebApplication web = builder.Build();
        PlayedAgent agent = new(web);
        web.MapGet("/v1/counters/nics", () =>
        {
            string answer = counters();
            _ = Interlocked.Increment(ref agent._asked);
            return Results.Text(answer, "application/json");
        });
        await web.StartAsync();
        host.Database.SetHostChannel([$"http://127.0.0.1:{port}"]);
        return agent;
    }

    public async ValueTask DisposeAsync()
    {
        await web.StopAsync();
        await web.DisposeAsync();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
