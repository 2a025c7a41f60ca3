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

    private readonly StoreConnection _connection = new(endpoints);
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
        using var transaction = new OvsdbTransaction(Database);
        transaction.Select(StoreTable, OvsdbTransaction.EveryRow, "revision");
        transaction.Select(DocumentTable, OvsdbTransaction.EveryRow, "key", "type", "body");
        OvsdbTransactionResult result = await _connection.TransactAsync(transaction, cancellation);
        return (
            result.Rows(0)[0]["revision"].Single.Integer,
            [.. result.Rows(1).Select(row => new StoredDocument(row["key"].Single.Text, row["type"].Single.Text, row["body"].Single.Text))]);
    }

    public async Task CommitAsync(IReadOnlyCollection<DocumentChange> changes, long from, long to, CancellationToken cancellation)
    {
        using var transaction = new OvsdbTransaction(Database);
        transaction.Wait(StoreTable, OvsdbTransaction.EveryRow, ["revision"], [[KeyValuePair.Create("revision", (OvsdbValue)from)]]);
        WaitForTerm(transaction);
        transaction.Update(StoreTable, OvsdbTransaction.EveryRow, [KeyValuePair.Create("revision", (OvsdbValue)to)]);
        foreach (DocumentChange change in changes)
        {
            // Delete and insert: an update would have to know whether the row is there.
            transaction.Delete(DocumentTable, [OvsdbCondition.Equal("key", change.Key)]);
            if (change.Body is not null)
            {
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
        await _connection.TransactAsync(transaction, cancellation);
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
