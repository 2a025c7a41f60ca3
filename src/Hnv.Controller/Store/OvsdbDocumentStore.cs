using System.Text.Json;
using Hnv.Ovsdb;

namespace Hnv.Controller.Store;

/// <summary>
/// Documents as rows of the <c>hnv_controller</c> database, one row per tree. The single row of <c>Store</c> carries the revision:
/// every commit waits for the one it builds on, so two writers cannot both believe they won; and it carries the epoch, the number
/// of the controller's terms of office, which fences out an earlier controller at the hosts.
/// </summary>
internal sealed class OvsdbDocumentStore(IReadOnlyList<OvsdbEndpoint> endpoints) : IDocumentStore
{
    public const string Database = "hnv_controller";

    private const string StoreTable = "Store";
    private const string DocumentTable = "Document";

    // Documents asked for at once: a few megabytes of answer.
    private const int PartMax = 4096;

    private readonly StoreConnection _connection = new(endpoints);

    // The row of every document, by its key; as of the revision that the next commit builds on.
    private readonly Dictionary<string, Guid> _rows = [];
    private long? _epoch;

    /// <summary>A store of one server.</summary>
    public OvsdbDocumentStore(OvsdbEndpoint endpoint)
        : this([endpoint])
    {
    }

    /// <summary>The database, ready for <see cref="OvsdbServerOptions.Databases"/>.</summary>
    public static OvsdbDatabaseFile Schema()
    {
        using Stream stream = typeof(OvsdbDocumentStore).Assembly.GetManifestResourceStream($"{Database}.ovsschema")!;
        using var reader = new StreamReader(stream);
        return new OvsdbDatabaseFile(Database, reader.ReadToEnd());
    }

    /// <summary>Begins a term of office; each is greater than every one before, and a store of an earlier one commits nothing any more.</summary>
    public async Task<long> BeginTermAsync(CancellationToken cancellation)
    {
        await _connection.UpgradeAsync(Schema(), cancellation);
        await EnsureRowAsync(cancellation);
        using var transaction = new OvsdbTransaction(Database);
        transaction.Mutate(StoreTable, OvsdbTransaction.EveryRow, ("epoch", "+=", 1));
        transaction.Select(StoreTable, OvsdbTransaction.EveryRow, "epoch");
        transaction.Commit();
        long epoch = (await _connection.TransactAsync(transaction, cancellation)).Rows(1)[0]["epoch"].Single.Integer;
        _epoch = epoch;
        return epoch;
    }

    public async Task<(long Revision, IReadOnlyList<StoredDocument> Documents)> LoadAsync(CancellationToken cancellation)
    {
        await EnsureRowAsync(cancellation);
        using var look = new OvsdbTransaction(Database);
        look.Select(StoreTable, OvsdbTransaction.EveryRow, "revision");
        look.Select(DocumentTable, OvsdbTransaction.EveryRow, "revision");
        OvsdbTransactionResult found = await _connection.TransactAsync(look, cancellation);
        long revision = found.Rows(0)[0]["revision"].Single.Integer;
        _rows.Clear();
        var documents = new List<StoredDocument>();

        // In parts: while the server prints one, we read the one before. An answer with everything would also be held in memory several times.
        Task<OvsdbTransactionResult>? coming = null;
        foreach ((long from, long to) in Parts([.. found.RawRows(1).Select(row => row.GetProperty("revision"u8).GetInt64())]))
        {
            Task<OvsdbTransactionResult> next = LoadPartAsync(revision, from, to, cancellation);
            if (coming is not null)
            {
                Take(await coming, documents);
            }

            coming = next;
        }

        if (coming is not null)
        {
            Take(await coming, documents);
        }

        return (revision, documents);
    }

    public async Task CommitAsync(IReadOnlyCollection<DocumentChange> changes, long from, long to, CancellationToken cancellation)
    {
        using var transaction = new OvsdbTransaction(Database);
        WaitFor(transaction, from);
        WaitForTerm(transaction);
        transaction.Update(StoreTable, OvsdbTransaction.EveryRow, [KeyValuePair.Create("revision", (OvsdbValue)to)]);
        List<(string Key, int Operation)> inserted = [];
        foreach (DocumentChange change in changes)
        {
            // By identity: to find a row by its key the server looks at every one.
            bool isThere = _rows.TryGetValue(change.Key, out Guid row);
            if (change.Body is null && isThere)
            {
                transaction.Delete(DocumentTable, [OvsdbCondition.Row(row)]);
            }
            else if (change.Body is not null && isThere)
            {
                transaction.Update(DocumentTable, [OvsdbCondition.Row(row)],
                [
                    KeyValuePair.Create("revision", (OvsdbValue)to),
                    KeyValuePair.Create("body", (OvsdbValue)change.Body),
                ]);
            }
            else if (change.Body is not null)
            {
                inserted.Add((change.Key, transaction.Count));
                transaction.Insert(DocumentTable,
                [
                    KeyValuePair.Create("key", (OvsdbValue)change.Key),
                    KeyValuePair.Create("type", (OvsdbValue)change.Type),
                    KeyValuePair.Create("revision", (OvsdbValue)to),
                    KeyValuePair.Create("body", (OvsdbValue)change.Body),
                ]);
            }
        }

        transaction.Commit();
        OvsdbTransactionResult result = await _connection.TransactAsync(transaction, cancellation);
        foreach (DocumentChange change in changes.Where(change => change.Body is null))
        {
            _rows.Remove(change.Key);
        }

        foreach ((string key, int operation) in inserted)
        {
            _rows[key] = result.InsertedUuid(operation);
        }
    }

    public async Task SettleAsync(CancellationToken cancellation)
    {
        // Every commit waits for the revision it builds on. This one is written after whatever came before it, also where a cluster's new
        // leader has not told yet what the old one left behind, and makes anything that comes later wait in vain.
        using var transaction = new OvsdbTransaction(Database);
        WaitForTerm(transaction);
        transaction.Mutate(StoreTable, OvsdbTransaction.EveryRow, ("revision", "+=", 1));
        transaction.Commit();
        try
        {
            await _connection.TransactAsync(transaction, cancellation);
        }
        catch (StoreException e) when (e.IsRefusal)
        {
            // Another one is in office; the commit that began its term has done the same.
        }
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private void WaitForTerm(OvsdbTransaction transaction)
    {
        if (_epoch is { } epoch)
        {
            transaction.Wait(StoreTable, OvsdbTransaction.EveryRow, ["epoch"], [[KeyValuePair.Create("epoch", (OvsdbValue)epoch)]]);
        }
    }

    /// <summary>Ranges of revisions, both ends within, with no more documents in each than are asked for at once, as far as revisions tell them apart.</summary>
    private static IEnumerable<(long From, long To)> Parts(long[] revisions)
    {
        Array.Sort(revisions);
        for (int begin = 0, end; begin < revisions.Length; begin = end)
        {
            end = Math.Min(begin + PartMax, revisions.Length);
            while (end < revisions.Length && revisions[end] == revisions[end - 1])
            {
                end++;
            }

            yield return (revisions[begin], revisions[end - 1]);
        }
    }

    private async Task<OvsdbTransactionResult> LoadPartAsync(long revision, long from, long to, CancellationToken cancellation)
    {
        using var transaction = new OvsdbTransaction(Database);
        WaitFor(transaction, revision);
        transaction.Select(
            DocumentTable, [new OvsdbCondition("revision", ">=", from), new OvsdbCondition("revision", "<=", to)], "_uuid", "key", "type", "body");
        return await _connection.TransactAsync(transaction, cancellation);
    }

    private static void WaitFor(OvsdbTransaction transaction, long revision) =>
        transaction.Wait(StoreTable, OvsdbTransaction.EveryRow, ["revision"], [[KeyValuePair.Create("revision", (OvsdbValue)revision)]]);

    private void Take(OvsdbTransactionResult part, List<StoredDocument> documents)
    {
        foreach (JsonElement row in part.RawRows(1))
        {
            string key = row.GetProperty("key"u8).GetString()!;
            _rows[key] = row.GetProperty("_uuid"u8)[1].GetGuid();
            documents.Add(new StoredDocument(key, row.GetProperty("type"u8).GetString()!, row.GetProperty("body"u8).GetString()!));
        }
    }

    private async Task EnsureRowAsync(CancellationToken cancellation)
    {
        using var look = new OvsdbTransaction(Database);
        look.Select(StoreTable, OvsdbTransaction.EveryRow, "revision");
        if ((await _connection.TransactAsync(look, cancellation)).Rows(0).Count > 0)
        {
            return;
        }

        using var make = new OvsdbTransaction(Database);
        make.Wait(StoreTable, OvsdbTransaction.EveryRow, ["revision"], []);
        make.Insert(StoreTable, [KeyValuePair.Create("revision", (OvsdbValue)0), KeyValuePair.Create("epoch", (OvsdbValue)0)]);
        make.Commit();
        await _connection.TransactAsync(make, cancellation);
    }
}
