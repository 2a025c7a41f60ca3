using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Contracts.HostChannel;
using Hnv.Lab.Fabric;
using Hnv.Lab.Running;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Resilience() : LabFixture("labs/figure8.yaml");

/// <summary>What goes on when a part is gone: forwarding needs the host's own database and nothing else.</summary>
public sealed class ResilienceTests(Resilience story) : IClassFixture<Resilience>, IAsyncLifetime
{
    private const string Sql = "10.1.1.11";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(15);

    public Task InitializeAsync() => Task.CompletedTask;

    /// <summary>Whatever a test stopped runs again for the next one, and the controller has nothing left to do.</summary>
    public async Task DisposeAsync()
    {
        await story.Lab.StartAsync(Services.Controller);
        await story.Lab.StartAsync("host1");
        await story.Lab.StartAsync("host2");
        Assert.NotNull(await LabFixture.WithinAsync(s_patience, IsSettledAsync));
    }

    [Fact]
    public async Task Controller_Stopped_OldAndNewFlowsGoOn()
    {
        await story.ServeAsync("contoso-sql", 5432);
        using Conversation old = await story.TalkAsync("contoso-web", Sql, 5432);

        await story.Lab.SignalAsync(Services.Controller, "KILL");

        Assert.True(await old.EchoesAsync(TimeSpan.FromSeconds(1)));
        Assert.Equal("contoso-sql", await story.WhoAnswersAsync("contoso-web", Sql, 5432));
        Assert.True(await story.PingsAsync("fabrikam-web", Sql));
    }

    [Fact]
    public async Task Agent_KilledAndRestartedWithoutController_BringsTrafficBackByItself()
    {
        Assert.True(await story.PingsAsync("contoso-web", Sql));
        await story.Lab.SignalAsync(Services.Controller, "KILL");
        await story.Lab.SignalAsync("host1", "KILL");

        Task restart = story.Lab.StartAsync("host1");
        TimeSpan? back = await LabFixture.WithinAsync(s_patience, () => FastPingAsync("contoso-web", Sql));

        await restart;
        Assert.NotNull(back);
    }

    [Fact]
    public async Task DatabaseServer_Killed_IsRestartedAndNothingIsLost()
    {
        string mappings = await MappingsAsync();
        DatabaseServer before = await FindServerAsync();

        await Tool.RunAsync("sh", ["-c", $"kill -9 {before.Pid}"]);

        TimeSpan? restarted = await LabFixture.WithinAsync(s_patience, async () => (await FindServerAsync()).Pid is { } pid and > 0 && pid != before.Pid);
        Assert.NotNull(restarted);
        Assert.True(await story.PingsAsync("contoso-web", Sql));
        Assert.NotNull(await LabFixture.WithinAsync(s_patience, IsSettledAsync));
        Assert.Equal(mappings, await MappingsAsync());
    }

    private async Task<bool> FastPingAsync(string machine, string address) =>
        (await story.Lab.RunAsync(machine, ["ping", "-n", "-c", "1", "-W", "0.1", address])).ExitCode == 0;

    private async Task<string> MappingsAsync()
    {
        using HostClient agent = story.Lab.Agent("host1");
        return string.Join('\n', (await agent.GetMappingsAsync()).Select(mapping => mapping.ToString()).Order(StringComparer.Ordinal));
    }

    /// <summary>Every host has the policy that was asked for last, and every interface says so.</summary>
    private async Task<bool> IsSettledAsync()
    {
        try
        {
            foreach (string host in new[] { "host1", "host2" })
            {
                using HostClient agent = story.Lab.Agent(host);
                HostInventory inventory = await agent.GetHostAsync();
                if (!inventory.Connected || inventory.Configuration.Current != inventory.Configuration.Next)
                {
                    return false;
                }
            }

            using ControllerClient controller = story.Lab.Controller();
            JsonArray nics = (JsonArray)(await controller.GetAsync("/networkInterfaces"))!["value"]!;
            return nics.Count == 4 && nics.All(nic => (string?)nic!["properties"]!["configurationState"]?["status"] == "Success");
        }
        catch (ApiException)
        {
            return false;
        }
    }

    /// <summary>The ovsdb-server that lives in host1's namespace.</summary>
    private async Task<DatabaseServer> FindServerAsync()
    {
        string pids = await Tool.RunAsync("ip", ["netns", "pids", story.Lab.Names.Namespace("host1")]);
        foreach (string pid in pids.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string comm = $"/proc/{pid}/comm";
            if (File.Exists(comm) && (await File.ReadAllTextAsync(comm)).Trim() == "ovsdb-server")
            {
                return new DatabaseServer(int.Parse(pid, System.Globalization.CultureInfo.InvariantCulture));
            }
        }

        return new DatabaseServer(0);
    }

    private sealed record DatabaseServer(int Pid);
}
