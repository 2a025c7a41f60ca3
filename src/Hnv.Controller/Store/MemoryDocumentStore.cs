namespace Hnv.Controller.Store;

/// <summary>Keeps documents as long as the process lives.</summary>
internal sealed class MemoryDocumentStore : IDocumentStore
{
    private readonly Dictionary<string, StoredDocument> _documents = [];
    private readonly Lock _gate = new();
    private long _revision;

    public Task<(long Revision, IReadOnlyList<StoredDocument> Documents)> LoadAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            return Task.FromResult<(long, IReadOnlyList<StoredDocument>)>((_revision, [.. _documents.Values]));
        }
    }

    public Task CommitAsync(IReadOnlyCollection<DocumentChange> changes, long from, long to, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (from != _revision)
            {
                throw new StoreException($"The store stands at revision {_revision}, not {from}: another controller wrote to it.") { IsRefusal = true };
            }

            foreach (DocumentChange change in changes)
            {
                if (change.Body is null)
                {
                    _documents.Remove(change.Key);
                }
                else
                {
                    _documents[change.Key] = new StoredDocument(change.Key, change.Type, change.Body);
                }
            }

            _revision = to;
            return Task.CompletedTask;
        }
    }

    public Task SettleAsync(CancellationToken cancellation) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
