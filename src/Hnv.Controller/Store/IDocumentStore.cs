namespace Hnv.Controller.Store;

/// <summary>One stored tree.</summary>
/// <param name="Key">Its resourceRef in lower case.</param>
/// <param name="Type">The top-level collection it belongs to.</param>
/// <param name="Body">The tree as JSON.</param>
internal sealed record StoredDocument(string Key, string Type, string Body);

/// <summary>A change of one tree.</summary>
/// <param name="Key">Its resourceRef in lower case.</param>
/// <param name="Type">The top-level collection it belongs to.</param>
/// <param name="Body">The tree as it is to be; null when it is to go.</param>
internal sealed record DocumentChange(string Key, string Type, string? Body);

/// <summary>
/// Where documents survive. Two kinds: <see cref="MemoryDocumentStore"/> for tests of what lies above, and the OVSDB store.
/// </summary>
internal interface IDocumentStore : IAsyncDisposable
{
    /// <summary>Reads everything and the revision it stands at.</summary>
    public Task<(long Revision, IReadOnlyList<StoredDocument> Documents)> LoadAsync(CancellationToken cancellation);

    /// <summary>
    /// Makes changes durable, all or none, provided the store still stands at <paramref name="from"/>; it stands at
    /// <paramref name="to"/> afterwards.
    /// </summary>
    /// <exception cref="StoreException">Not stored: another writer was here; or nobody knows: the store is out of reach.</exception>
    public Task CommitAsync(IReadOnlyCollection<DocumentChange> changes, long from, long to, CancellationToken cancellation);

    /// <summary>
    /// Ends the time in which an earlier commit of ours, whose answer never came, may still be made: what <see cref="LoadAsync"/> does not
    /// find afterwards has not happened and will not.
    /// </summary>
    /// <exception cref="StoreException">The store is out of reach.</exception>
    public Task SettleAsync(CancellationToken cancellation);
}

/// <summary>A change of which nobody knows whether it was stored.</summary>
internal sealed class OutcomeUnknownException(string message) : Exception(message);

/// <summary>A change that was not stored.</summary>
internal sealed class StoreException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>True when the store has said no; otherwise its answer never came.</summary>
    public bool IsRefusal { get; init; }
}
