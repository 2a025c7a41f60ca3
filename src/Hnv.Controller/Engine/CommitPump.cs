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

    private readonly Channel<Entry> _entries = Channel.CreateUnbounded<Entry>(new UnboundedChannelOptions { SingleReader = true });

    private sealed record Entry(IReadOnlyList<DocumentChange> Changes, JsonObject Operation, long From, Snapshot Result, TaskCompletionSource Done);

    /// <summary>Ends, or fails, with the change that was queued last, and so with all before it. Belongs to the writer's lock.</summary>
    public Task Newest { get; private set; } = Task.CompletedTask;

    /// <summary>Queues a change. The task ends when it is durable, or fails with <see cref="StoreException"/>.</summary>
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
    /// <param name="onFailure">Told of a failed commit; everything queued behind it has been failed too once it returns the lock.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task RunAsync(Action<Snapshot> onDurable, Func<StoreException, Task> onFailure, CancellationToken cancellation)
    {
        var batch = new List<Entry>();
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
                await onFailure(e);
                batch.ForEach(entry => entry.Done.TrySetException(e));
                continue;
            }

            onDurable(batch[^1].Result);
            batch.ForEach(entry => entry.Done.TrySetResult());
        }
    }

    /// <summary>Fails everything that waits; the caller holds the writer's lock, so nothing new can come.</summary>
    public void FailQueued(StoreException reason)
    {
        while (_entries.Reader.TryRead(out Entry? entry))
        {
            entry.Done.TrySetException(reason);
        }

        Newest = Task.CompletedTask;
    }

    /// <summary>Takes no more; <see cref="RunAsync"/> ends once everything queued is durable.</summary>
    public void Complete() => _entries.Writer.TryComplete();

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
