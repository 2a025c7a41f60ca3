using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Contracts.HostChannel;
using Hnv.Lab.Fabric;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Counted() : LabFixture("labs/figure8.yaml");

/// <summary>Counters read by REST against what guests are known to have sent.</summary>
public sealed class CountersTests(Counted story) : IClassFixture<Counted>
{
    private const string Sql = "10.1.1.11";
    private const string Subnet = "virtualNetworks/contoso/subnets/s1";

    /// <summary>Hosts are asked every ten seconds.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(40);

    [Fact]
    public async Task Pings_AreCountedToTheByte_ByTheSubnetAndByTheInterfaces_AndOutliveTheAgent()
    {
        const int pings = 10, payload = 1000, bytes = pings * (payload + 28);
        Assert.True(await story.PingsAsync("contoso-web", Sql));
        NicTotals web = await TotalsAsync("contoso-web"), sql = await TotalsAsync("contoso-sql");

        ToolResult ping = await story.Lab.RunAsync("contoso-web", ["ping", "-n", "-q", "-i", "0.02", "-c", $"{pings}", "-s", $"{payload}", Sql]);
        Assert.Equal(0, ping.ExitCode);

        long unbilled = web.UnbilledBytes + sql.UnbilledBytes + (2 * bytes);
        await EventuallyAsync(Subnet, "unbilledEgressBytes", unbilled);
        Assert.Equal(web.BilledBytes + sql.BilledBytes, await NumberAsync(Subnet, "billedEgressBytes"));
        Assert.True(await CounterAsync("contoso-web", "TotalPacketsOut") >= web.Out.Total + pings);
        Assert.True(await CounterAsync("contoso-sql", "TotalPacketsIn") >= sql.In.Total + pings);

        // What was told once is never taken back, however an agent ends.
        await story.Lab.SignalAsync("host1", "KILL");
        await story.Lab.StartAsync("host1");
        NicTotals after = await TotalsAsync("contoso-sql");
        Assert.True(after.UnbilledBytes >= sql.UnbilledBytes + bytes, $"{after.UnbilledBytes}");
        Assert.True(await NumberAsync(Subnet, "unbilledEgressBytes") >= unbilled);

        using ControllerClient controller = story.Lab.Controller();
        _ = await controller.PutAsync("subnetEgressReset", JsonNode.Parse($$$"""{"properties":{"virtualSubnetResourceReference":"/{{{Subnet}}}"}}""")!);
        Assert.Equal(0, await NumberAsync(Subnet, "unbilledEgressBytes"));
        Assert.True(await CounterAsync("contoso-web", "TotalPacketsOut") >= web.Out.Total + pings);
    }

    [Fact]
    public async Task ConnectionAttempt_IsOneSynOutAndOneResetIn()
    {
        Assert.True(await story.PingsAsync("fabrikam-web", Sql));
        NicTotals before = await TotalsAsync("fabrikam-web");

        Assert.Null(await story.WhoAnswersAsync("fabrikam-web", Sql, 4444));

        NicTotals after = await TotalsAsync("fabrikam-web");
        Assert.Equal((before.Out.TcpSyn + 1, before.In.TcpReset + 1), (after.Out.TcpSyn, after.In.TcpReset));
        Assert.NotNull(await LabFixture.WithinAsync(s_patience, async () => await CounterAsync("fabrikam-web", "TcpResetPacketsIn") == after.In.TcpReset));
        Assert.Equal(after.Out.TcpSyn, await CounterAsync("fabrikam-web", "TcpSynPacketsOut"));
    }

    private async Task<NicTotals> TotalsAsync(string machine)
    {
        using HostClient agent = story.Lab.Agent(story.Lab.Machine(machine).Host);
        Guid nic = story.Lab.Machine(machine).Adapters[0].InstanceId;
        return (await agent.GetNicTotalsAsync()).Nics.Single(totals => totals.Nic == nic);
    }

    private async Task EventuallyAsync(string path, string property, long value)
    {
        long? last = null;
        TimeSpan? reached = await LabFixture.WithinAsync(s_patience, async () => (last = await NumberAsync(path, property)) == value);
        Assert.True(reached is not null, $"{property} is {last}, not {value}");
    }

    private async Task<long?> NumberAsync(string path, string property)
    {
        using ControllerClient controller = story.Lab.Controller();
        return (long?)(await controller.GetAsync(path))!["properties"]![property];
    }

    private async Task<long?> CounterAsync(string machine, string name)
    {
        using ControllerClient controller = story.Lab.Controller();
        JsonNode nic = (await controller.GetAsync($"networkInterfaces/{story.Lab.Machine(machine).Adapters[0].ResourceId}"))!;
        return (long?)nic["properties"]!["counters"]!.AsArray().FirstOrDefault(counter => (string?)counter!["name"] == name)?["currentValue"];
    }
}
