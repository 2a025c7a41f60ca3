using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;
using Hnv.Controller.Store;

namespace Hnv.Controller.Tests.Crash;

/// <summary>Answers that say what is so wait until it is durable, also those that change nothing themselves.</summary>
public sealed class DurabilityTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(100);

    [Fact]
    public async Task DeleteOfWhatAnotherIsRemoving_IsAnsweredWhenTheRemovalIsDurable()
    {
        SlowStore store = new();
        await using ResourceEngine engine = await StartAsync(store);
        store.Hold();
        Task<DeleteResult?> first = DeleteAsync(engine), second = DeleteAsync(engine);

        await Task.WhenAny(second, Task.Delay(s_moment));
        bool early = second.IsCompleted;
        store.LetGo();

        Assert.False(early);
        Assert.NotNull(await first.WaitAsync(s_patience));
        Assert.Null(await second.WaitAsync(s_patience));
    }

    [Fact]
    public async Task DeleteOfWhatAnotherIsRemoving_RemovalIsLost_IsNotAnsweredAsDone()
    {
        SlowStore store = new();
        await using ResourceEngine engine = await StartAsync(store);
        store.Hold();
        Task<DeleteResult?> first = DeleteAsync(engine), second = DeleteAsync(engine);
        await store.Reached.WaitAsync(s_patience);
        store.LetGo(new StoreException("The store is gone."));

        await Assert.ThrowsAsync<RefusedException>(() => first.WaitAsync(s_patience));
        await Assert.ThrowsAsync<RefusedException>(() => second.WaitAsync(s_patience));
        Assert.NotNull(await DeleteAsync(engine).WaitAsync(s_patience));
        Assert.Null(await DeleteAsync(engine).WaitAsync(s_patience));
    }

    private static async Task<ResourceEngine> StartAsync(IDocumentStore store)
    {
        var engine = new ResourceEngine(NetworkControllerCatalog.Create(), store, SecretBox.Ephemeral(), new OperationLog());
        await engine.StartAsync(CancellationToken.None);
        await engine.PutAsync(PathOf(engine), JsonNode.Parse("""{"properties":{}}""")!.AsObject(), ApiVersion.All[^1], default, Guid.NewGuid());
        return engine;
    }

    private static Task<DeleteResult?> DeleteAsync(ResourceEngine engine) => engine.DeleteAsync(PathOf(engine), ApiVersion.All[^1], default, Guid.NewGuid());

    private static ResourcePath PathOf(ResourceEngine engine) => engine.Catalog.Resolve(["accessControlLists", "a"], ApiVersion.All[^1])!;

    /// <summary>A store that takes as long as the test wants.</summary>
    private sealed class SlowStore : IDocumentStore
    {
        private readonly MemoryDocumentStore _store = new();
        private TaskCompletionSource _gate = new();
        private TaskCompletionSource _reached = new();

        public SlowStore() => _gate.SetResult();

        /// <summary>Ends when a commit has come to be held.</summary>
        public Task Reached => _reached.Task;

        public void Hold()
        {
            _reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        public void LetGo(StoreException? failure = null)
        {
            TaskCompletionSource held = _gate;
            if (failure is null)
            {
                held.SetResult();
                return;
            }

            _gate = new TaskCompletionSource();
            _gate.SetResult();
            held.SetException(failure);
        }

        public Task<(long Revision, IReadOnlyList<StoredDocument> Documents)> LoadAsync(CancellationToken cancellation) => _store.LoadAsync(cancellation);

        public async Task CommitAsync(IReadOnlyCollection<DocumentChange> changes, long from, long to, CancellationToken cancellation)
        {
            Task gate = _gate.Task;
            _reached.TrySetResult();
            await gate.WaitAsync(cancellation);
            await _store.CommitAsync(changes, from, to, cancellation);
        }

        public Task SettleAsync(CancellationToken cancellation) => _store.SettleAsync(cancellation);

        public ValueTask DisposeAsync() => _store.DisposeAsync();
    }
}
