using System.Net;
using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;
using Hnv.Controller.Store;

namespace Hnv.Controller.Tests;

/// <summary>A commit whose answer is lost: what is said about it is true.</summary>
public sealed class CommitOutcomeTests
{
    private const string Path = "accessControlLists/a";
    private const string Body = """{"properties":{"inboundDefaultAction":"Permit"}}""";

    [Fact]
    public async Task Made_AndTheAnswerLost_IsAnsweredAsDone()
    {
        var store = new BreakingStore { NextCommit = Outcome.MadeAndNotAnswered };
        await using ResourceEngine engine = await StartAsync(store);

        store.Breaks = true;
        PutResult put = await PutAsync(engine);

        Assert.True(put.Created);
        Assert.Equal(put.Node.ETag, engine.Current.Find("/" + Path)!.ETag);
        Assert.Equal(OperationStatus.Succeeded, engine.Operations.Find(put.Operation.Id)!.Status);
    }

    [Fact]
    public async Task NotMade_SaysThatNothingWasChanged_AndItIsSo()
    {
        var store = new BreakingStore { NextCommit = Outcome.Lost };
        await using ResourceEngine engine = await StartAsync(store);

        store.Breaks = true;
        Guid operation = Guid.NewGuid();
        RefusedException refused = await Assert.ThrowsAsync<RefusedException>(() => PutAsync(engine, operation));

        Assert.Equal(("RetryableError", 503), (refused.Errors[0].Code, refused.Status));
        Assert.Contains("Nothing was changed", refused.Message, StringComparison.Ordinal);
        Assert.Null(engine.Current.Find("/" + Path));
        Assert.Equal(OperationStatus.Failed, engine.Operations.Find(operation)!.Status);
        Assert.True((await PutAsync(engine)).Created);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task StoreStaysAway_SaysThatNobodyKnows_AndTheOperationTellsLater(bool made)
    {
        var store = new BreakingStore { NextCommit = made ? Outcome.MadeAndNotAnswered : Outcome.Lost };
        await using ResourceEngine engine = await StartAsync(store);

        store.Breaks = store.IsAway = true;
        Guid operation = Guid.NewGuid();
        RefusedException refused = await Assert.ThrowsAsync<RefusedException>(() => PutAsync(engine, operation, "key"));
        store.IsAway = false;
        await WaitAsync(() => made ? engine.Current.Find("/" + Path) is not null : engine.Operations.Find(operation)!.Status == OperationStatus.Failed);

        Assert.Equal(("TransientError", 503), (refused.Errors[0].Code, refused.Status));
        Assert.Contains("may have been made, or not", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Nothing was changed", refused.Message, StringComparison.Ordinal);
        if (made)
        {
            RepeatedException again = await Assert.ThrowsAsync<RepeatedException>(() => PutAsync(engine, key: "key"));
            Assert.Equal((operation, true), (again.First.Id, again.First.Answer!.Created));
        }
        else
        {
            Assert.True((await PutAsync(engine, key: "key")).Created);
        }
    }

    [Fact]
    public async Task Stopping_WhileTheStoreDoesNotAnswer_LeavesNobodyWaiting()
    {
        var store = new BreakingStore { NextCommit = Outcome.Hangs };
        ResourceEngine engine = await StartAsync(store);

        store.Breaks = true;
        Task<PutResult> put = PutAsync(engine);
        await engine.DisposeAsync();

        RefusedException refused = await Assert.ThrowsAsync<RefusedException>(() => put.WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.Equal("TransientError", refused.Errors[0].Code);
    }

    [Fact]
    public async Task SameRequest_AfterARestart_GetsTheFirstAnswerAndChangesNothing()
    {
        var store = new MemoryDocumentStore();
        (string, string) id = ("x-ms-client-request-id", "one");
        Reply created, replaced, deleted;
        await using (Serving first = await Serving.StartAsync(store))
        {
            created = await first.Server.PutAsync(Path, Body, id);
            replaced = await first.Server.PutAsync(Path, Body, ("x-ms-client-request-id", "two"));
            await first.Server.PutAsync("accessControlLists/gone", Body);
            deleted = await first.Server.DeleteAsync("accessControlLists/gone", id);
        }

        await using Serving second = await Serving.StartAsync(store);
        long before = second.Server.Engine.Current.Revision;
        Reply createdAgain = await second.Server.PutAsync(Path, Body, id);
        Reply replacedAgain = await second.Server.PutAsync(Path, Body, ("x-ms-client-request-id", "two"));
        Reply deletedAgain = await second.Server.DeleteAsync("accessControlLists/gone", id);
        long after = second.Server.Engine.Current.Revision;
        Reply other = await second.Server.PutAsync(Path, Body.Replace("Permit", "Deny", StringComparison.Ordinal), id);

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.OK, HttpStatusCode.OK), (created.Status, replaced.Status, deleted.Status));
        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.OK, HttpStatusCode.OK), (createdAgain.Status, replacedAgain.Status, deletedAgain.Status));
        Assert.Equal((replaced.ETag, replaced.ETag), (createdAgain.ETag, replacedAgain.ETag));
        Assert.Equal(before, after);
        Assert.Equal(created.Headers["Azure-AsyncOperation"], createdAgain.Headers["Azure-AsyncOperation"]);
        Assert.Equal(deleted.Headers["Azure-AsyncOperation"], deletedAgain.Headers["Azure-AsyncOperation"]);
        Assert.Equal(HttpStatusCode.OK, other.Status);
    }

    private static async Task<ResourceEngine> StartAsync(IDocumentStore store)
    {
        var engine = new ResourceEngine(NetworkControllerCatalog.Create(), store, SecretBox.Ephemeral(), new OperationLog());
        await engine.StartAsync(CancellationToken.None);
        return engine;
    }

    private static Task<PutResult> PutAsync(ResourceEngine engine, Guid? operation = null, string? key = null) => engine.PutAsync(
        engine.Catalog.Resolve(Path.Split('/'), ApiVersion.All[^1])!, JsonNode.Parse(Body)!.AsObject(), ApiVersion.All[^1], default, operation ?? Guid.NewGuid(), null, key);

    private static async Task WaitAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), patience.Token);
        }
    }

    private enum Outcome
    {
        MadeAndNotAnswered,
        Lost,
        Hangs,
    }

    private sealed class Serving(RestServer server) : IAsyncDisposable
    {
        public RestServer Server => server;

        public static async Task<Serving> StartAsync(IDocumentStore store)
        {
            var server = new RestServer(keepsBackups: false, store);
            await server.InitializeAsync();
            return new Serving(server);
        }

        public async ValueTask DisposeAsync() => await server.DisposeAsync();
    }

    /// <summary>A store whose connection breaks in the next commit.</summary>
    private sealed class BreakingStore : IDocumentStore
    {
        private readonly MemoryDocumentStore _inner = new();

        public Outcome NextCommit { get; init; }

        public bool Breaks { get; set; }

        public volatile bool IsAway;

        public Task<(long Revision, IReadOnlyList<StoredDocument> Documents)> LoadAsync(CancellationToken cancellation) =>
            IsAway ? throw new StoreException("nobody is there.") : _inner.LoadAsync(cancellation);

        public async Task CommitAsync(IReadOnlyCollection<DocumentChange> changes, long from, long to, CancellationToken cancellation)
        {
            if (!Breaks)
            {
                await _inner.CommitAsync(changes, from, to, cancellation);
                return;
            }

            Breaks = false;
            if (NextCommit == Outcome.Hangs)
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
            }

            if (NextCommit == Outcome.MadeAndNotAnswered)
            {
                await _inner.CommitAsync(changes, from, to, cancellation);
            }

            throw new StoreException("the connection broke.");
        }

        public Task SettleAsync(CancellationToken cancellation) => IsAway ? throw new StoreException("nobody is there.") : _inner.SettleAsync(cancellation);

        public ValueTask DisposeAsync() => _inner.DisposeAsync();
    }
}
