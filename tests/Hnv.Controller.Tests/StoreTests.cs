using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;
using Hnv.Controller.Store;
using Hnv.Ovsdb;
using Hnv.Primitives;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Controller.Tests;

/// <summary>The real store: a stock <c>ovsdb-server</c>.</summary>
public sealed class StoreTests : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-store-");
    private readonly OrphanGuard _guard;
    private OvsdbServerProcess? _server;

    public StoreTests() => _guard = new OrphanGuard(_directory.FullName);

    public async Task InitializeAsync() =>
        _server = await OvsdbServerProcess.StartAsync(Options(), TimeProvider.System, NullLogger.Instance, CancellationToken.None);

    public async Task DisposeAsync()
    {
        await _server!.DisposeAsync();
        _guard.Dispose();
    }

    [Fact]
    public async Task Restart_EngineAndServer_KeepsEveryDocumentAndEveryAllocation()
    {
        string before;
        await using (ResourceEngine engine = await StartAsync())
        {
            await TellAsync(engine);
            before = Everything(engine);
        }

        await _server!.DisposeAsync();
        _server = await OvsdbServerProcess.StartAsync(Options(), TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        await using ResourceEngine again = await StartAsync();

        Assert.Equal(before, Everything(again));
        RefusedException taken = await Assert.ThrowsAsync<RefusedException>(() => PutAsync(again, "networkInterfaces/x", Story.Interface("contoso", "10.1.1.11")));
        Assert.Equal("PrivateIPAddressInUse", taken.Errors[0].Code);
        PutResult next = await PutAsync(again, "networkInterfaces/y", Story.Interface("contoso", "10.1.1.13"));
        Assert.Equal("001DD8B71C06", next.Node.Text("privateMacAddress"));
    }

    [Fact]
    public async Task Delete_IsDurableToo()
    {
        await using (ResourceEngine engine = await StartAsync())
        {
            await PutAsync(engine, "macPools/default", Story.MacPool);
            await engine.DeleteAsync(PathOf(engine, "macPools/default"), ApiVersion.V1, default, Guid.NewGuid());
        }

        await using ResourceEngine again = await StartAsync();

        Assert.Null(again.Current.Find("/macPools/default"));
    }

    [Fact]
    public async Task Settle_WhatWasOnItsWay_IsNotMadeAfterwards()
    {
        await using var store = new OvsdbDocumentStore(Options().Endpoint);
        (long revision, _) = await store.LoadAsync(CancellationToken.None);

        await store.SettleAsync(CancellationToken.None);

        StoreException late = await Assert.ThrowsAsync<StoreException>(() => store.CommitAsync([new DocumentChange("/a/1", "a", "{}")], revision, revision + 1, CancellationToken.None));
        (long settled, IReadOnlyList<StoredDocument> documents) = await store.LoadAsync(CancellationToken.None);
        Assert.True(late.IsRefusal);
        Assert.Empty(documents);
        await store.CommitAsync([new DocumentChange("/a/1", "a", "{}")], settled, settled + 1, CancellationToken.None);
    }

    [Fact]
    public async Task ServerKilledAgainAndAgain_WhileManyWrite_EveryAnswerIsTrue()
    {
        const int Writers = 8, Each = 40;
        await using ResourceEngine engine = await StartAsync();
        int done = 0;
        var said = new System.Collections.Concurrent.ConcurrentDictionary<string, string>();
        Task writing = Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
        {
            for (int i = 0; i < Each; i++)
            {
                string name = $"w{writer}-{i}";
                try
                {
                    await PutAsync(engine, $"accessControlLists/{name}", """{"properties":{}}""");
                    said[name] = "made";
                }
                catch (RefusedException e)
                {
                    said[name] = e.Errors[0].Code;
                    await Task.Delay(TimeSpan.FromMilliseconds(5));
                }

                Interlocked.Increment(ref done);
            }
        }));

        for (int kill = 1; kill <= 3; kill++)
        {
            while (done < Writers * Each * kill / 5)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(1));
            }

            // With commits under way; who keeps it running starts it again.
            using var process = System.Diagnostics.Process.GetProcessById(_server!.ProcessId);
            process.Kill();
            await process.WaitForExitAsync();
            while (_server.ProcessId == process.Id)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(1));
            }
        }

        await writing.WaitAsync(TimeSpan.FromSeconds(60));
        await using ResourceEngine again = await StartAsync();
        HashSet<string> present = [.. again.Current.All("accessControlLists").Select(node => node.Id)];
        Assert.Equal(Writers * Each, said.Count);
        Assert.DoesNotContain(said, answer => answer.Value != "TransientError" && (answer.Value == "made") != present.Contains(answer.Key));
        Assert.Contains("made", said.Values);
    }

    [Fact]
    public async Task TwoWriters_TheSecondIsToldToTryAgainAndThenSeesTheFirst()
    {
        await using ResourceEngine first = await StartAsync();
        await using ResourceEngine second = await StartAsync();
        await PutAsync(first, "macPools/default", Story.MacPool);

        RefusedException refused = await Assert.ThrowsAsync<RefusedException>(() => PutAsync(second, "macPools/other", Story.MacPool));
        RefusedException overlap = await Assert.ThrowsAsync<RefusedException>(() => PutAsync(second, "macPools/other", Story.MacPool));

        Assert.Equal("RetryableError", refused.Errors[0].Code);
        Assert.Equal("InvalidMacAddressForMacPool", overlap.Errors[0].Code);
        Assert.NotNull(second.Current.Find("/macPools/default"));
    }

    [Fact]
    public async Task Writes_Many_ShareCommitsAndAllSurvive()
    {
        await using (ResourceEngine engine = await StartAsync())
        {
            await Task.WhenAll(Enumerable.Range(0, 500).Select(i => PutAsync(engine, $"accessControlLists/a{i}", """{"properties":{}}""")));
        }

        await using ResourceEngine again = await StartAsync();

        Assert.Equal(500, again.Current.All(AccessControlLists.Name).Count());
    }

    [Fact]
    public async Task Terms_EachIsGreaterThanTheOneBefore()
    {
        await using var store = new OvsdbDocumentStore(Options().Endpoint);

        long first = await store.BeginTermAsync(CancellationToken.None);
        long second = await store.BeginTermAsync(CancellationToken.None);

        Assert.True(second > first);
    }

    [Fact]
    public async Task Placements_SavedAndForgotten_AreReadBack()
    {
        var sql = new NicId(Guid.NewGuid());
        DateTimeOffset at = new(2026, 1, 1, 8, 0, 0, TimeSpan.Zero);
        var ports = ImmutableDictionary<NicId, DateTimeOffset>.Empty.Add(sql, at);
        await using (var store = new OvsdbPlacementStore(Options().Endpoint))
        {
            await store.SaveAsync(new Dictionary<Guid, ImmutableDictionary<NicId, DateTimeOffset>?> { [Story.Host1] = ports, [Story.Host2] = ports }, CancellationToken.None);
            await store.SaveAsync(new Dictionary<Guid, ImmutableDictionary<NicId, DateTimeOffset>?> { [Story.Host1] = ports.Clear(), [Story.Host2] = null }, CancellationToken.None);
            await store.SaveAsync(new Dictionary<Guid, ImmutableDictionary<NicId, DateTimeOffset>?> { [Story.Host1] = ports }, CancellationToken.None);
        }

        await using var again = new OvsdbPlacementStore(Options().Endpoint);
        IReadOnlyDictionary<Guid, ImmutableDictionary<NicId, DateTimeOffset>> known = await again.LoadAsync(CancellationToken.None);

        Assert.Equal([Story.Host1], known.Keys);
        Assert.Equal([KeyValuePair.Create(sql, at)], known[Story.Host1]);
    }

    [Fact]
    public async Task Operations_AreKnownAfterARestart()
    {
        var created = Guid.NewGuid();
        var deleted = Guid.NewGuid();
        await using (ResourceEngine engine = await StartAsync())
        {
            await engine.PutAsync(PathOf(engine, "credentials/c"), JsonNode.Parse("""{"properties":{"type":"usernamePassword","userName":"u","value":"x"}}""")!.AsObject(), ApiVersion.All[^1], default, created);
            await engine.DeleteAsync(PathOf(engine, "credentials/c"), ApiVersion.All[^1], default, deleted);
        }

        await using ResourceEngine again = await StartAsync();

        Assert.Equal(("/credentials/c", false, OperationStatus.Succeeded), again.Operations.Find(created) is { } put ? (put.Target, put.IsDelete, put.Status) : default);
        Assert.Equal(("/credentials/c", true, OperationStatus.Succeeded), again.Operations.Find(deleted) is { } delete ? (delete.Target, delete.IsDelete, delete.Status) : default);
        Assert.Null(again.Current.Find("/operations/x"));
    }

    [Fact]
    public async Task Secrets_AreSealedInTheStore()
    {
        await using ResourceEngine engine = await StartAsync();
        await PutAsync(engine, "credentials/admin", """{"properties":{"type":"usernamePassword","userName":"u","value":"s3cret"}}""");

        await using var store = new OvsdbDocumentStore(Options().Endpoint);
        (_, IReadOnlyList<StoredDocument> documents) = await store.LoadAsync(CancellationToken.None);

        string stored = documents.Single(d => d.Key == "/credentials/admin").Body;
        Assert.DoesNotContain("s3cret", stored, StringComparison.Ordinal);
        Assert.Contains("\"u\"", stored, StringComparison.Ordinal);
    }

    private async Task<ResourceEngine> StartAsync()
    {
        var engine = new ResourceEngine(
            NetworkControllerCatalog.Create(),
            new OvsdbDocumentStore(Options().Endpoint),
            SecretBox.FromFile(Path.Combine(_directory.FullName, "key")),
            new OperationLog());
        await engine.StartAsync(CancellationToken.None);
        return engine;
    }

    private OvsdbServerOptions Options() => new()
    {
        DataDirectory = Path.Combine(_directory.FullName, "data"),
        RunDirectory = Path.Combine(_directory.FullName, "run"),
        Databases = [OvsdbDocumentStore.Schema()],
        User = null,
    };

    private static async Task TellAsync(ResourceEngine engine)
    {
        foreach ((string path, string body) in Story.Documents())
        {
            await PutAsync(engine, path, body);
        }
    }

    private static Task<PutResult> PutAsync(ResourceEngine engine, string path, string body) =>
        engine.PutAsync(PathOf(engine, path), JsonNode.Parse(body)!.AsObject(), ApiVersion.All[^1], default, Guid.NewGuid());

    private static ResourcePath PathOf(ResourceEngine engine, string path) => engine.Catalog.Resolve(path.Split('/'), ApiVersion.All[^1])!;

    private static string Everything(ResourceEngine engine) => string.Join(
        '\n', engine.Current.Roots.OrderBy(r => r.Sequence).Select(r => $"{r.Key} {Model.NodeJson.Write(r, s => s).ToJsonString()}"));
}
