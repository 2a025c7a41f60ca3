using System.Text.Json.Nodes;
using System.Threading.Channels;
using Hnv.Controller.Model;
using Hnv.Controller.Store;

namespace Hnv.Controller.Engine;

/// <summary>
/// Makes accepted changes durable, in order. Everything that waits goes into one commit, so the rate of writes is not bound by the
/// rate of disk flushes: while one commit is on its way the next gathers.
/// </summary>
internal sealed class CommitPump(IDocumentStore store, OperationJournal journal)
{
    private const int BatchMax = 512;

    /// <summary>How long those who wait for a commit whose answer never came are left without one.</summary>
    private static readonly TimeSpan s_findOutMax = TimeSpan.FromSeconds(5);

    private readonly Channel<Entry> _entries = Channel.CreateUnbounded<Entry>(new UnboundedChannelOptions { SingleReader = true });

    private sealed record Entry(IReadOnlyList<DocumentChange> Changes, JsonObject Operation, long From, Snapshot Result, TaskCompletionSource Done)
    {
        public Guid OperationId => (Guid)Operation["id"]!;
    }

    /// <summary>Ends, or fails, with the change that was queued last, and so with all before it. Belongs to the writer's lock.</summary>
    public Task Newest { get; private set; } = Task.CompletedTask;

    /// <summary>Queues a change. The task ends when it is durable, or fails with <see cref="StoreException"/> or, when nobody knows, <see cref="OutcomeUnknownException"/>.</summary>
    /// <param name="changes">What changes.</param>
    /// <param name="operation">What it was, for the journal.</param>
    /// <param name="from">The revision it builds on.</param>
    /// <param name="result">Everything afterwards.</param>
    public Task EnqueueAsync(IReadOnlyList<DocumentChange> changes, JsonObject operation, long from, Snapshot result)
    {
        var entry = new Entry(changes, operation, from, result, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        return Newest = _entries.Writer.TryWrite(entry)
            ? entry.Done.Task
            : Task.FromException(new StoreException("The controller is stopping."));
    }

    /// <summary>Runs until <see cref="Complete"/>.</summary>
    /// <param name="onDurable">Told of each snapshot that became durable, before the writers that waited for it go on.</param>
    /// <param name="onFailure">
    /// Told of a failed commit and of the operations in it; everything queued behind it has been failed too once it returns the lock. Finds out
    /// which of them are in the store all the same.
    /// </param>
    /// <param name="cancellation">Gives up.</param>
    public async Task RunAsync(Action<Snapshot> onDurable, Func<StoreException, IReadOnlyList<Guid>, Task<IReadOnlySet<Guid>>> onFailure, CancellationToken cancellation)
    {
        var batch = new List<Entry>();
        try
        {
            await PumpAsync(batch, onDurable, onFailure, cancellation);
        }
        finally
        {
            // Given up: of what was on its way nobody knows, and what waits behind it was never sent.
            batch.ForEach(entry => entry.Done.TrySetException(new OutcomeUnknownException("the controller is stopping.")));
            Complete();
            Drain(new StoreException("the controller is stopping."));
        }
    }

    private async Task PumpAsync(List<Entry> batch, Action<Snapshot> onDurable, Func<StoreException, IReadOnlyList<Guid>, Task<IReadOnlySet<Guid>>> onFailure, CancellationToken cancellation)
    {
        while (await _entries.Reader.WaitToReadAsync(cancellation))
        {
            batch.Clear();
            while (batch.Count < BatchMax && _entries.Reader.TryRead(out Entry? entry))
            {
                batch.Add(entry);
            }

            try
            {
                await store.CommitAsync([.. Merge(batch), .. journal.Append([.. batch.Select(e => e.Operation)], batch[^1].Result.Revision)], batch[0].From, batch[^1].Result.Revision, cancellation);
            }
            catch (StoreException e)
            {
                Task<IReadOnlySet<Guid>> findingOut = onFailure(e, [.. batch.Select(entry => entry.OperationId)]);
                if (await Task.WhenAny(findingOut, Task.Delay(s_findOutMax, cancellation)) != findingOut)
                {
                    batch.ForEach(entry => entry.Done.TrySetException(new OutcomeUnknownException(e.Message)));
                }

                IReadOnlySet<Guid> stored = await findingOut;
                foreach (Entry entry in batch)
                {
                    _ = stored.Contains(entry.OperationId) ? entry.Done.TrySetResult() : entry.Done.TrySetException(e);
                }

                continue;
            }

            onDurable(batch[^1].Result);
            batch.ForEach(entry => entry.Done.TrySetResult());
        }
    }

    /// <summary>Fails everything that waits; the caller holds the writer's lock, so nothing new can come.</summary>
    public void FailQueued(StoreException reason)
    {
        Drain(reason);
        Newest = Task.CompletedTask;
    }

    /// <summary>Takes no more; <see cref="RunAsync"/> ends once everything queued is durable.</summary>
    public void Complete() => _entries.Writer.TryComplete();

    private void Drain(StoreException reason)
    {
        while (_entries.Reader.TryRead(out Entry? entry))
        {
            entry.Done.TrySetException(reason);
        }
    }

    private static Dictionary<string, DocumentChange>.ValueCollection Merge(List<Entry> batch)
    {
        var last = new Dictionary<string, DocumentChange>();
        foreach (DocumentChange change in batch.SelectMany(e => e.Changes))
        {
            last[change.Key] = change;
        }

        return last.Values;
    }
}
