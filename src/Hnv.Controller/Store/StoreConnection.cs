using Hnv.Ovsdb;

namespace Hnv.Controller.Store;

/// <summary>A connection to the store that is made anew when it was lost. For one caller at a time.</summary>
internal sealed class StoreConnection(OvsdbEndpoint endpoint) : IAsyncDisposable
{
    private static readonly TimeSpan s_answerMax = TimeSpan.FromSeconds(10);

    private OvsdbClient? _client;

    /// <summary>Has a transaction carried out.</summary>
    /// <exception cref="StoreException">It was not, or nobody knows.</exception>
    public async Task<OvsdbTransactionResult> TransactAsync(OvsdbTransaction transaction, CancellationToken cancellation)
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

    public async ValueTask DisposeAsync()
    {
        if (_client is not null)
        {
            await _client.DisposeAsync();
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
