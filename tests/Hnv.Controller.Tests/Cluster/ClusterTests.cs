using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Controller.Engine;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;
using Hnv.Controller.Store;
using Hnv.Ovsdb;

namespace Hnv.Controller.Tests.Cluster;

/// <summary>Three stock servers keep the store; two controllers, real processes, stand for office.</summary>
public sealed class ClusterTests : IAsyncLifetime
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-clu-");
    private readonly OrphanGuard _guard;
    private readonly Dictionary<string, Process> _controllers = [];
    private StoreCluster _cluster = null!;

    public ClusterTests() => _guard = new OrphanGuard(_directory.FullName);

    public async Task InitializeAsync() => _cluster = await StoreCluster.StartAsync(At("store"));

    public Task DisposeAsync()
    {
        foreach (Process controller in _controllers.Values)
        {
            controller.Kill(entireProcessTree: true);
            controller.WaitForExit();
            controller.Dispose();
        }

        _cluster.Dispose();
        _guard.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Store_LeaderKilled_NothingAcknowledgedIsLostAndWritingGoesOn()
    {
        await using ResourceEngine engine = await StartEngineAsync(_cluster.Endpoints);
        await PutAsync(engine, "accessControlLists/before");

        await _cluster.KillLeaderAsync();
        long begin = Stopwatch.GetTimestamp();
        await PutUntilAcceptedAsync(engine, "accessControlLists/after");
        TimeSpan away = Stopwatch.GetElapsedTime(begin);

        await using ResourceEngine again = await StartEngineAsync(_cluster.Endpoints);
        Assert.NotNull(again.Current.Find("/accessControlLists/before"));
        Assert.NotNull(again.Current.Find("/accessControlLists/after"));
        Assert.True(away < TimeSpan.FromSeconds(10), $"The store was away for {away}.");
    }

    [Fact]
    public async Task Term_Later_FencesOutTheEarlierOnesCommits()
    {
        await using OvsdbDocumentStore first = new(_cluster.Endpoints), second = new(_cluster.Endpoints);
        await first.BeginTermAsync(CancellationToken.None);
        (long revision, _) = await first.LoadAsync(CancellationToken.None);
        await first.CommitAsync([new DocumentChange("/a/1", "a", "{}")], revision, revision + 1, CancellationToken.None);

        await second.BeginTermAsync(CancellationToken.None);

        await Assert.ThrowsAsync<StoreException>(() => first.CommitAsync([new DocumentChange("/a/2", "a", "{}")], revision + 1, revision + 2, CancellationToken.None));
        await second.CommitAsync([new DocumentChange("/a/3", "a", "{}")], revision + 1, revision + 2, CancellationToken.None);
        (_, IReadOnlyList<StoredDocument> documents) = await second.LoadAsync(CancellationToken.None);
        Assert.Equal(["/a/1", "/a/3"], documents.Select(d => d.Key).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Lock_IsOneHoldersAtATime_AndPassesOnWithTheSession()
    {
        StoreLock first = await StoreLock.AcquireAsync(_cluster.Endpoints, CancellationToken.None);
        Task<StoreLock> waiting = StoreLock.AcquireAsync(_cluster.Endpoints, CancellationToken.None);

        Assert.NotSame(waiting, await Task.WhenAny(waiting, Task.Delay(TimeSpan.FromMilliseconds(500))));
        Assert.False(first.Lost.IsCancellationRequested);
        await first.DisposeAsync();

        await using StoreLock second = await waiting.WaitAsync(s_patience);
        Assert.False(second.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task Lock_HolderThatLives_KeepsItHoweverManyWait_AndTheNextOneToo()
    {
        // Longer than a holder may be silent.
        TimeSpan aWhile = TimeSpan.FromSeconds(3);
        StoreLock first = await StoreLock.AcquireAsync(_cluster.Endpoints, CancellationToken.None);
        Task<StoreLock>[] waiting = [StoreLock.AcquireAsync(_cluster.Endpoints, CancellationToken.None), StoreLock.AcquireAsync(_cluster.Endpoints, CancellationToken.None)];

        await Task.WhenAny([.. waiting, Task.Delay(aWhile)]);
        Assert.All(waiting, task => Assert.False(task.IsCompleted));
        Assert.True(first.IsConfirmed);
        await first.DisposeAsync();
        Task<StoreLock> second = await Task.WhenAny(waiting).WaitAsync(s_patience), third = waiting.Single(task => task != second);
        await Task.WhenAny(third, Task.Delay(aWhile));
        Assert.False(third.IsCompleted);
        Assert.True((await second).IsConfirmed);
        await (await second).DisposeAsync();

        await using StoreLock last = await third.WaitAsync(s_patience);
        Assert.False(last.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task ControllerInOfficeKilled_TheOtherTakesOverWithinThreeSeconds_AndStandbySaysSo()
    {
        await StartControllersAsync();
        (string active, string standby) = await OfficeAsync();
        using ControllerClient client = new(Socket(active)), other = new(Socket(standby));
        await client.PutAsync("accessControlLists/a", JsonNode.Parse("""{"properties":{}}""")!);
        ApiException waits = await Assert.ThrowsAsync<ApiException>(() => other.GetAsync("accessControlLists/a"));

        _controllers[active].Kill();
        long begin = Stopwatch.GetTimestamp();
        JsonNode? seen = null;
        while (seen is null && Stopwatch.GetElapsedTime(begin) < s_patience)
        {
            seen = await TryAsync(() => other.GetAsync("accessControlLists/a"));
        }

        TimeSpan away = Stopwatch.GetElapsedTime(begin);
        Assert.Equal("RetryableError", waits.Code);
        Assert.Equal("a", (string?)seen?["resourceId"]);
        Assert.True(away < TimeSpan.FromSeconds(3), $"It took {away}.");
    }

    [Fact]
    public async Task ManyWriters_ControllerAndLeadingServerKilled_NothingAcknowledgedIsLost()
    {
        const int Writers = 16, Each = 40;
        await StartControllersAsync();
        await OfficeAsync();
        ConcurrentDictionary<string, bool> acknowledged = [];
        int done = 0;
        Task writers = Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
        {
            Dictionary<string, ControllerClient> clients = _controllers.Keys.ToDictionary(name => name, name => new ControllerClient(Socket(name)));
            for (int i = 0; i < Each; i++)
            {
                string name = $"accessControlLists/w{writer}-{i}";
                await EventuallyAsync(clients, client => client.PutAsync(name, JsonNode.Parse("""{"properties":{}}""")!, wait: false));
                acknowledged[name] = true;
                if (i % 3 == 0)
                {
                    await EventuallyAsync(clients, async client => await client.DeleteAsync(name));
                    acknowledged[name] = false;
                }

                Interlocked.Increment(ref done);
            }

            clients.Values.ToList().ForEach(client => client.Dispose());
        }));

        await ReachAsync(() => done > Writers * Each / 4);
        await _cluster.KillLeaderAsync();
        await ReachAsync(() => done > Writers * Each / 2);
        (string active, string standby) = await OfficeAsync();
        _controllers[active].Kill();
        await writers.WaitAsync(TimeSpan.FromSeconds(90));

        using ControllerClient survivor = new(Socket(standby));
        HashSet<string> present = [.. (await survivor.GetAsync("accessControlLists"))!["value"]!.AsArray().Select(node => ((string)node!["resourceRef"]!)[1..])];
        Assert.Empty(acknowledged.Where(pair => pair.Value != present.Contains(pair.Key)).Select(pair => pair.Key));
    }

    [Fact]
    public async Task Schema_OlderIsUpgradedInPlace_NewerIsLeftAlone()
    {
        JsonObject old = JsonNode.Parse(OvsdbDocumentStore.Schema().Schema)!.AsObject();
        old["version"] = "1.0.0";
        old["tables"]!.AsObject().Remove("Placement");
        using StoreCluster earlier = await StoreCluster.StartAsync(At("old"), old.ToJsonString());
        await using (OvsdbClient client = await OvsdbLeader.ConnectAsync(earlier.Endpoints, OvsdbDocumentStore.Database, CancellationToken.None))
        {
            using OvsdbTransaction transaction = new(OvsdbDocumentStore.Database);
            transaction.Insert("Store", [KeyValuePair.Create("revision", (OvsdbValue)7), KeyValuePair.Create("epoch", (OvsdbValue)3)]);
            transaction.Insert("Document", [KeyValuePair.Create("key", (OvsdbValue)"/a/1"), KeyValuePair.Create("type", (OvsdbValue)"a"), KeyValuePair.Create("revision", (OvsdbValue)7), KeyValuePair.Create("body", (OvsdbValue)"{}")]);
            await client.TransactAsync(transaction, CancellationToken.None);
        }

        await using (OvsdbDocumentStore store = new(earlier.Endpoints))
        {
            Assert.Equal(4, await store.BeginTermAsync(CancellationToken.None));
            (long revision, IReadOnlyList<StoredDocument> documents) = await store.LoadAsync(CancellationToken.None);
            Assert.Equal((7, "/a/1"), (revision, Assert.Single(documents).Key));
        }

        await using OvsdbPlacementStore placements = new(earlier.Endpoints);
        Assert.Empty(await placements.LoadAsync(CancellationToken.None));

        JsonObject future = JsonNode.Parse(OvsdbDocumentStore.Schema().Schema)!.AsObject();
        future["version"] = "99.0.0";
        using StoreCluster later = await StoreCluster.StartAsync(At("new"), future.ToJsonString());
        await using OvsdbDocumentStore refused = new(later.Endpoints);
        StoreException newer = await Assert.ThrowsAsync<StoreException>(() => refused.BeginTermAsync(CancellationToken.None));
        Assert.Contains("99.0.0", newer.Message, StringComparison.Ordinal);
    }

    private string At(string name) => Path.Combine(_directory.FullName, name);

    private string Socket(string controller) => Path.Combine(At(controller), "controller.sock");

    private async Task StartControllersAsync()
    {
        byte[] key = RandomNumberGenerator.GetBytes(32);
        foreach (string name in new[] { "one", "two" })
        {
            Directory.CreateDirectory(At(name));
            await File.WriteAllBytesAsync(Path.Combine(At(name), "secret.key"), key);
            string config = Path.Combine(At(name), "config.json");
            await File.WriteAllTextAsync(config, new JsonObject
            {
                ["stateDirectory"] = At(name),
                ["runDirectory"] = At(name),
                ["listen"] = new JsonArray(),
                ["ovsdb"] = new JsonObject { ["endpoints"] = new JsonArray([.. _cluster.Texts.Select(text => JsonValue.Create(text))]) },
            }.ToJsonString());
            _controllers[name] = Process.Start(new ProcessStartInfo("dotnet", [typeof(ControllerApp).Assembly.Location, "--config", config]) { RedirectStandardOutput = true })!;
            _controllers[name].BeginOutputReadLine();
        }
    }

    /// <summary>Waits until one is in office and the other answers.</summary>
    private async Task<(string Active, string Standby)> OfficeAsync()
    {
        long begin = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(begin) < s_patience)
        {
            List<(string Name, bool? Serves)> all = [];
            foreach (string name in _controllers.Keys)
            {
                all.Add((name, await ServesAsync(name)));
            }

            if (all.Count(each => each.Serves == true) == 1 && all.All(each => each.Serves is not null))
            {
                return (all.Single(each => each.Serves == true).Name, all.Single(each => each.Serves == false).Name);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }

        throw new TimeoutException("Nobody took office.");
    }

    /// <summary>Null while it does not answer at all.</summary>
    private async Task<bool?> ServesAsync(string name)
    {
        using ControllerClient client = new(Socket(name));
        try
        {
            await client.GetAsync("discovery");
            return true;
        }
        catch (ApiException e)
        {
            return e.Code == ApiException.UnreachableCode ? null : false;
        }
    }

    private static async Task<JsonNode?> TryAsync(Func<Task<JsonNode?>> ask)
    {
        try
        {
            return await ask();
        }
        catch (ApiException)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5));
            return null;
        }
    }

    /// <summary>Asks each controller in turn until one has done it, as a client of a cluster does.</summary>
    private static async Task EventuallyAsync(Dictionary<string, ControllerClient> clients, Func<ControllerClient, Task> ask)
    {
        using CancellationTokenSource patience = new(s_patience);
        while (true)
        {
            foreach (ControllerClient client in clients.Values)
            {
                try
                {
                    await ask(client);
                    return;
                }
                catch (ApiException)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(10), patience.Token);
                }
            }
        }
    }

    private static async Task ReachAsync(Func<bool> condition)
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        while (!condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), patience.Token);
        }
    }

    private static async Task<ResourceEngine> StartEngineAsync(IReadOnlyList<OvsdbEndpoint> endpoints)
    {
        var engine = new ResourceEngine(NetworkControllerCatalog.Create(), new OvsdbDocumentStore(endpoints), SecretBox.Ephemeral(), new OperationLog());
        await engine.StartAsync(CancellationToken.None);
        return engine;
    }

    private static Task<PutResult> PutAsync(ResourceEngine engine, string path) =>
        engine.PutAsync(engine.Catalog.Resolve(path.Split('/'), ApiVersion.All[^1])!, JsonNode.Parse("""{"properties":{}}""")!.AsObject(), ApiVersion.All[^1], default, Guid.NewGuid());

    private static async Task PutUntilAcceptedAsync(ResourceEngine engine, string path)
    {
        using CancellationTokenSource patience = new(s_patience);
        while (true)
        {
            try
            {
                await PutAsync(engine, path);
                return;
            }
            catch (RefusedException e) when (e.Errors[0].Code == ErrorCodes.RetryableError)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), patience.Token);
            }
        }
    }
}
