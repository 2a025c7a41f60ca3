using Hnv.Ovsdb;

namespace Hnv.Controller.Store;

/// <summary>
/// Documents as rows of the <c>hnv_controller</c> database, one row per tree. The single row of <c>Store</c> carries the revision:
/// every commit waits for the one it builds on, so two writers cannot both believe they won; and it carries the epoch, the number
/// of the controller's terms of office, which fences out an earlier controller at the hosts.
/// </summary>
internal sealed class OvsdbDocumentStore(OvsdbEndpoint endpoint) : IDocumentStore
{
    public const string Database = "hnv_controller";

    private const string StoreTable = "Store";
    private const string DocumentTable = "Document";
    private static readonly TimeSpan s_answerMax = TimeSpan.FromSeconds(10);

    private OvsdbClient? _client;

    /// <summary>The database, ready for <see cref="OvsdbServerOptions.Databases"/>.</summary>
    public static OvsdbDatabaseFile Schema()
    {
        using Stream stream = typeof(OvsdbDocumentStore).Assembly.GetManifestResourceStream($"{Database}.ovsschema")!;
        using var reader = new StreamReader(stream);
        return new OvsdbDatabaseFile(Database, reader.ReadToEnd());
    }

    /// <summary>Begins a term of office; each is greater than every one before.</summary>
    public async Task<long> BeginTermAsync(CancellationToken cancellation)
    {
        await EnsureRowAsync(cancellation);
        using var transaction = new OvsdbTransaction(Database);
        transaction.Mutate(StoreTable, OvsdbTransaction.EveryRow, ("epoch", "+=", 1));
        transaction.Select(StoreTable, OvsdbTransaction.EveryRow, "epoch");
        transaction.Commit();
        return (await TransactAsync(transaction, cancellation)).Rows(1)[0]["epoch"].Single.Integer;
    }

    public async Task<(long Revision, IReadOnlyList<StoredDocument> Documents)> LoadAsync(CancellationToken cancellation)
    {
        await EnsureRowAsync(cancellation);
        using var transaction = new OvsdbTransaction(Database);
        transaction.Select(StoreTable, OvsdbTransaction.EveryRow, "revision");
        transaction.Select(DocumentTable, OvsdbTransaction.EveryRow, "key", "type", "body");
        OvsdbTransactionResult result = await TransactAsync(transaction, cancellation);
        return (
            result.Rows(0)[0]["revision"].Single.Integer,
            [.. result.Rows(1).Select(row => new StoredDocument(row["key"].Single.Text, row["type"].Single.Text, row["body"].Single.Text))]);
    }

    public async Task CommitAsync(IReadOnlyCollection<DocumentChange> changes, long from, long to, CancellationToken cancellation)
    {
        using var transaction = new OvsdbTransaction(Database);
        transaction.Wait(StoreTable, OvsdbTransaction.EveryRow, ["revision"], [[KeyValuePair.Create("revision", (OvsdbValue)from)]]);
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
        await TransactAsync(transaction, cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await _client.DisposeAsync();
        }
    }

    private async Task EnsureRowAsync(CancellationToken cancellation)
    {
        using var look = new OvsdbTransaction(Database);
        look.Select(StoreTable, OvsdbTransaction.EveryRow, "revision");
        if ((await TransactAsync(look, cancellation)).Rows(0).Count > 0)
        {
            return;
        }

        using var make = new OvsdbTransaction(Database);
        make.Wait(StoreTable, OvsdbTransaction.EveryRow, ["revision"], []);
        make.Insert(StoreTable, [KeyValuePair.Create("revision", (OvsdbValue)0), KeyValuePair.Create("epoch", (OvsdbValue)0)]);
        make.Commit();
        await TransactAsync(make, cancellation);
    }

    private async Task<OvsdbTransactionResult> TransactAsync(OvsdbTransaction transaction, CancellationToken cancellation)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limited.CancelAfter(s_answerMax);
        try
        {
            OvsdbClient client = await ConnectedAsync(limited.Token);
            return await client.TransactAsync(transaction, limited.Token);
        }
        catch (OvsdbTransactionException e) when (e.IsConflict)
        {
            throw new StoreException("another controller wrote to the store meanwhile.", e);
        }
        catch (OvsdbException e)
        {
            throw new StoreException($"the store at {endpoint} does not take it: {e.Message}.", e);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new StoreException($"the store at {endpoint} did not answer within {s_answerMax.TotalSeconds} s.", e);
        }
    }

    private async Task<OvsdbClient> ConnectedAsync(CancellationToken cancellation)
    {
        if (_client is { Closed.IsCompleted: false })
        {
            return _client;
        }

        if (_client is not null)
        {
            await _client.DisposeAsync();
            _client = null;
        }

        return _client = await OvsdbClient.ConnectAsync(endpoint, cancellation);
    }
}
