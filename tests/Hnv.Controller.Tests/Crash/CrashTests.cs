using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Hnv.Controller.Tests.Cluster;
using Hnv.Ovsdb;
using Xunit.Abstractions;

namespace Hnv.Controller.Tests.Crash;

/// <summary>
/// Controllers, and in a cluster the leading server, are killed at random moments while sixteen clients put and delete. <c>HNV_SEED</c> repeats a
/// run as far as its clients go; <c>HNV_LONG=1</c> makes it ten times as long.
/// </summary>
public sealed class CrashTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Requests = 2000;
    private const int Kills = 8;
    private const int RequestsAroundHangs = 800;
    private const int Hangs = 4;
    private const int HostCount = 3;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    // What is asked for is 3 s. A machine that builds and tests much else at the same time is given more.
    private static readonly TimeSpan s_takeoverMax = TimeSpan.FromSeconds(15);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-crash-");
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly List<LivingHost> _hosts = [];
    private readonly List<ControllerProcess> _controllers = [];
    private readonly List<(string What, TimeSpan Away)> _kills = [];
    private OrphanGuard _guard = null!;
    private StoreCluster? _cluster;
    private Random _random = null!;

    private static int Scale => Environment.GetEnvironmentVariable("HNV_LONG") == "1" ? 10 : 1;

    public async Task InitializeAsync()
    {
        _guard = new OrphanGuard(_directory.FullName);
        for (int i = 0; i < HostCount; i++)
        {
            _hosts.Add(await LivingHost.StartAsync(At($"host{i}"), Workload.InstanceId($"servers/host{i}")));
        }
    }

    public async Task DisposeAsync()
    {
        _controllers.ForEach(controller => controller.Dispose());
        foreach (LivingHost host in _hosts)
        {
            await host.DisposeAsync();
        }

        _cluster?.Dispose();
        _guard.Dispose();
    }

    [Fact]
    public async Task OneController_KilledAgainAndAgain_NothingAcknowledgedIsLostAndHostsEndWithAnEmptyPlan()
    {
        AddController("only", []);
        var store = new OvsdbServerOptions { DataDirectory = At("only/ovsdb"), RunDirectory = At("only/ovsdb"), Databases = [] };
        await RunAsync(Requests, Kills, KillOnlyAsync, [store.Endpoint]);
    }

    [Fact]
    public async Task TwoControllersOnACluster_TheOneInOfficeAndTheLeadingServerKilled_NothingAcknowledgedIsLostAndHostsEndWithAnEmptyPlan()
    {
        _cluster = await StoreCluster.StartAsync(At("store"));
        AddController("one", _cluster.Texts);
        AddController("two", _cluster.Texts);
        await RunAsync(Requests, Kills, KillOfTwoAsync, _cluster.Endpoints);
        Assert.All(_kills, kill => Assert.True(kill.Away < s_takeoverMax, $"{kill.What}: {kill.Away}"));
    }

    [Fact]
    public async Task TwoControllersOnACluster_TheOneInOfficeHangs_TheOtherTakesOverAndTheOneThatWakesChangesNothing()
    {
        _cluster = await StoreCluster.StartAsync(At("store"));
        AddController("one", _cluster.Texts);
        AddController("two", _cluster.Texts);
        await RunAsync(RequestsAroundHangs, Hangs, HangAsync, _cluster.Endpoints);
        Assert.All(_kills, kill => Assert.True(kill.Away < s_takeoverMax, $"{kill.What}: {kill.Away}"));
    }

    private string At(string name) => Path.Combine(_directory.FullName, name);

    private void AddController(string name, IReadOnlyList<string> endpoints)
    {
        ControllerProcess controller = new(At(name));
        controller.Configure(endpoints, _key);
        controller.Start();
        _controllers.Add(controller);
    }

    private async Task RunAsync(int requests, int kills, Func<int, FailoverClient, Task> killAsync, IReadOnlyList<OvsdbEndpoint> store)
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("HNV_SEED"), CultureInfo.InvariantCulture, out int given) ? given : RandomNumberGenerator.GetInt32(int.MaxValue);
        output.WriteLine($"HNV_SEED={seed}");
        _random = new Random(seed);
        string[] sockets = [.. _controllers.Select(controller => controller.Socket)];
        using CrashRun run = new(sockets, _hosts, _hosts, seed);
        using FailoverClient probe = new(sockets);
        await run.PrepareAsync();

        long begin = Stopwatch.GetTimestamp();
        Task running = run.RunAsync(requests * Scale);
        for (int i = 0; i < kills * Scale; i++)
        {
            int at = (requests * i / kills) + _random.Next(requests / kills / 2);
            await ReachAsync(() => run.Sent >= at || running.IsCompleted);
            await Task.Delay(_random.Next(100));
            await killAsync(i, probe);
        }

        await running;
        TimeSpan elapsed = Stopwatch.GetElapsedTime(begin);
        IReadOnlyDictionary<string, JsonNode[]> documents = await run.ReadAllAsync();
        Report(run, elapsed);

        Assert.Empty(run.Violations);
        Assert.True(run.Acknowledged > requests * Scale / 2, "Most requests should be done.");
        await FinalHosts.AssertPlansAreEmptyAsync(store, _key, _hosts);
        await FinalHosts.AssertRowsAreRightAsync(documents, _hosts);
    }

    private void Report(CrashRun run, TimeSpan elapsed)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{run.Summary}; {elapsed.TotalSeconds:F1} s"));
        foreach (IGrouping<string, TimeSpan> same in _kills.GroupBy(kill => kill.What, kill => kill.Away))
        {
            TimeSpan[] sorted = [.. same.Order()];
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{same.Key}: away {sorted[sorted.Length / 2].TotalSeconds:F2} s in the median of {sorted.Length}, {sorted[^1].TotalSeconds:F2} s at most (asked for: 3 s)"));
        }

        foreach (string violation in run.Violations.Take(20))
        {
            output.WriteLine(violation);
        }
    }

    /// <summary>Kills the controller, at times with the server that keeps its store, and starts it again.</summary>
    private async Task KillOnlyAsync(int number, FailoverClient probe)
    {
        ControllerProcess only = _controllers[0];
        bool withServer = number % 3 == 2;
        if (withServer)
        {
            using Process server = Process.GetProcessById(int.Parse(await File.ReadAllTextAsync(only.StorePidFile), CultureInfo.InvariantCulture));
            server.Kill();
        }

        only.Kill();
        long begin = Stopwatch.GetTimestamp();
        only.Start();
        await AnswersAsync(probe, 0, only);
        _kills.Add((withServer ? "controller and its store's server killed, started again" : "controller killed, started again", Stopwatch.GetElapsedTime(begin)));
    }

    /// <summary>Kills who is in office, the leading server, or both, and starts again what was killed once the others have gone on without it.</summary>
    private async Task KillOfTwoAsync(int number, FailoverClient probe)
    {
        (bool leader, bool office) = (number % 2 == 1, number % 4 != 1);
        int active = await InOfficeAsync(probe), other = 1 - active;
        int? server = leader ? await _cluster!.KillLeaderAsync() : null;
        long begin = Stopwatch.GetTimestamp();
        if (office)
        {
            _controllers[active].Kill();
            await AnswersAsync(probe, other, _controllers[other]);
            _controllers[active].Start();
        }
        else
        {
            // Reading needs no leader; writing does, and whichever controller then gets the lock.
            using var patience = new CancellationTokenSource(s_patience);
            Outcome written = await probe.SendAsync(HttpMethod.Put, "securityTags/probe", """{"properties":{"type":"tier"}}""", once: false, patience.Token);
            Assert.True(written.IsDone, written.Reply?.Message);
        }

        _kills.Add((office && leader ? "controller in office and leading server killed" : office ? "controller in office killed" : "leading server killed, until the next write", Stopwatch.GetElapsedTime(begin)));
        if (server is { } gone)
        {
            _cluster!.StartServer(gone);
            await _cluster.JoinedAsync(gone);
        }
    }

    /// <summary>Stops who is in office where it stands, and lets it go on when the other one has been in office for a while.</summary>
    private async Task HangAsync(int number, FailoverClient probe)
    {
        int active = await InOfficeAsync(probe), other = 1 - active;
        long begin = Stopwatch.GetTimestamp();
        _controllers[active].Hang();
        await AnswersAsync(probe, other, _controllers[other]);
        _kills.Add(("controller in office hung", Stopwatch.GetElapsedTime(begin)));
        await Task.Delay(_random.Next(500));
        _controllers[active].Wake();
    }

    private static async Task AnswersAsync(FailoverClient probe, int controller, ControllerProcess process)
    {
        using var patience = new CancellationTokenSource(s_patience);
        while (await probe.TryGetAsync(controller, "networkInterfaces/appliance", patience.Token) is not { Code: null })
        {
            Assert.False(patience.IsCancellationRequested, process.LogEnd);
            await Task.Delay(TimeSpan.FromMilliseconds(5));
        }
    }

    private async Task<int> InOfficeAsync(FailoverClient probe)
    {
        using var patience = new CancellationTokenSource(s_patience);
        for (int i = 0; ; i = (i + 1) % _controllers.Count)
        {
            if (await probe.TryGetAsync(i, "networkInterfaces/appliance", patience.Token) is { Code: null })
            {
                return i;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), patience.Token);
        }
    }

    private static async Task ReachAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(s_patience);
        while (!condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(2), patience.Token);
        }
    }
}
