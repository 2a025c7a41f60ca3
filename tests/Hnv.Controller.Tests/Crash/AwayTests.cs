using System.Diagnostics;
using Hnv.Ovsdb;
using Hnv.Primitives;
using Xunit.Abstractions;

namespace Hnv.Controller.Tests.Crash;

/// <summary>A host, its database and its agent, is away while a thousand things change.</summary>
public sealed class AwayTests(ITestOutputHelper output) : IAsyncLifetime
{
    // A multiple of the number of clients.
    private const int Changes = 1008;

    // One pass is up to five transactions in three databases; the agent may look after each, and once to begin with.
    private const int ReadingsMax = 6;
    private const int Seed = 7;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-away-");
    private readonly List<LivingHost> _hosts = [];
    private OrphanGuard _guard = null!;
    private ControllerApp _app = null!;
    private CrashRun _run = null!;

    private LivingHost Away => _hosts[1];

    private ControllerOptions Options => new()
    {
        StateDirectory = At("state"),
        RunDirectory = At("run"),
        Listen = [],
        Ovsdb = new ControllerOptions.OvsdbSection { User = null },
    };

    public async Task InitializeAsync()
    {
        _guard = new OrphanGuard(_directory.FullName);
        for (int i = 0; i < 2; i++)
        {
            _hosts.Add(await LivingHost.StartAsync(At($"host{i}"), Workload.InstanceId($"servers/host{i}")));
        }

        _app = await ControllerApp.StartAsync(Options, CancellationToken.None);
        _run = new CrashRun([Options.SocketPath], _hosts, [_hosts[0]], Seed);
        await _run.PrepareAsync();
        for (int client = 0; client < CrashRun.Clients; client++)
        {
            string path = $"networkInterfaces/c{client}";
            await _run.WriteAsync(path, $"before{client}x2", client);
            await Away.Database.SetBindingAsync(new NicId(Workload.InstanceId(path)), $"tap{client}", CancellationToken.None);
        }

        await ReachAsync(() => Away.Database.ReadPolicy().Policy.Ports.Length == CrashRun.Clients);
        await QuietAsync();
    }

    public async Task DisposeAsync()
    {
        _run.Dispose();
        await _app.DisposeAsync();
        foreach (LivingHost host in _hosts)
        {
            await host.DisposeAsync();
        }

        _guard.Dispose();
    }

    [Fact]
    public async Task DatabaseAndAgentAway_DuringAThousandChanges_OnePassAndThenAnEmptyPlan()
    {
        int before = Away.Passes;
        await Away.StopAgentAsync();
        await Away.StopServerAsync();
        await _run.RunAsync(Changes);

        await ReturnAsync();

        Assert.Equal(before + 1, Away.Passes);
    }

    [Fact]
    public async Task DatabaseAndAgentAway_WhileAllThatItHadIsDeleted_OnePassAndThenAnEmptyPlanWithoutPorts()
    {
        int before = Away.Passes;
        await Away.StopAgentAsync();
        await Away.StopServerAsync();
        await _run.RunAsync(Changes);
        foreach (string kind in new[] { "networkInterfaces", "virtualNetworks", "accessControlLists" })
        {
            for (int client = 0; client < CrashRun.Clients; client++)
            {
                foreach (string suffix in new[] { "", "b", "c" })
                {
                    await _run.WriteAsync($"{kind}/c{client}{suffix}", mark: null, client);
                }
            }
        }

        await ReturnAsync();

        Assert.Equal(before + 1, Away.Passes);
        Assert.Empty(Away.Database.ReadPolicy().Policy.Ports);
        Assert.Empty(Away.Database.ReadPolicy().Policy.Mappings);
        Assert.Equal(CrashRun.Clients, Away.Database.Bindings.Count);
    }

    [Fact]
    public async Task AgentAlone_AwayDuringAThousandChanges_ReadsTheLastPolicyOnceAndSaysSo()
    {
        await Away.StopAgentAsync();
        await _run.RunAsync(Changes);
        int before = Away.Readings;

        await Away.StartAgentAsync();
        await AssertSettledAsync();

        Assert.InRange(Away.Readings - before, 1, ReadingsMax);
    }

    private string At(string name) => Path.Combine(_directory.FullName, name);

    private async Task ReturnAsync()
    {
        int readings = Away.Readings;
        long begin = Stopwatch.GetTimestamp();
        await Away.StartServerAsync();
        await Away.StartAgentAsync();
        await AssertSettledAsync();
        Assert.InRange(Away.Readings - readings, 1, ReadingsMax);
        output.WriteLine($"{_run.Summary}. Back, and everything said to be in force after {Stopwatch.GetElapsedTime(begin)}; policy was read {Away.Readings - readings} times.");
    }

    /// <summary>What the hosts have is what they should, they say so, and nobody writes any more.</summary>
    private async Task AssertSettledAsync()
    {
        Assert.Empty(_run.Violations);
        await FinalHosts.AssertPlansAreEmptyAsync([StoreEndpoint], await File.ReadAllBytesAsync(Path.Combine(At("state"), "secret.key")), _hosts);
        await FinalHosts.AssertRowsAreRightAsync(await _run.ReadAllAsync(), _hosts);
        await QuietAsync();
        Assert.Empty(_run.Violations);
    }

    private OvsdbEndpoint StoreEndpoint => new OvsdbServerOptions { DataDirectory = At("state/ovsdb"), RunDirectory = At("run/ovsdb"), Databases = [] }.Endpoint;

    /// <summary>Waits until every server is said to have everything in force and no pass has come for a while.</summary>
    private async Task QuietAsync()
    {
        int[] passes;
        do
        {
            passes = [.. _hosts.Select(host => host.Passes)];
            await Task.Delay(TimeSpan.FromMilliseconds(300));
            await ReachAsync(() => _hosts.All(host => _app.Fleet.WorkerOf(host.Id) is { PushedConfiguration: > 0 } worker && worker.Report.CurrentConfiguration >= worker.PushedConfiguration));
        }
        while (!passes.SequenceEqual(_hosts.Select(host => host.Passes)));
    }

    private static async Task ReachAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(s_patience);
        while (!condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), patience.Token);
        }
    }
}
