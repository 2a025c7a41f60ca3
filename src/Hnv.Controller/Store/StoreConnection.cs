using System.Text.Json;
using Hnv.Ovsdb;

namespace Hnv.Controller.Store;

/// <summary>
/// A connection to the store, to the leader of a cluster's servers, that is made anew when it was lost. For one caller at a time.
/// </summary>
internal sealed class StoreConnection(IReadOnlyList<OvsdbEndpoint> endpoints) : IAsyncDisposable
{
    private static readonly TimeSpan s_answerMax = TimeSpan.FromSeconds(10);

    // An election takes a second or two; nothing was sent yet, so asking again is safe.
    private static readonly TimeSpan s_electionPoll = TimeSpan.FromMilliseconds(50);

    private OvsdbClient? _client;

    private string Where => string.Join(", ", endpoints);

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
            throw new StoreException("another controller wrote to the store meanwhile.", e) { IsRefusal = true };
        }
        catch (OvsdbException e)
        {
            throw new StoreException($"the store at {Where} does not take it: {e.Message}.", e);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new StoreException($"the store at {Where} did not answer within {s_answerMax.TotalSeconds} s.", e);
        }
    }

    /// <summary>Brings the database to a schema: an older one is converted, rows kept; a newer one is left alone.</summary>
    /// <exception cref="StoreException">It is newer than that, or was not converted.</exception>
    public async Task UpgradeAsync(OvsdbDatabaseFile wanted, CancellationToken cancellation)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limited.CancelAfter(s_answerMax);
        try
        {
            using JsonDocument schema = JsonDocument.Parse(wanted.Schema);
            var version = Version.Parse(schema.RootElement.GetProperty("version").GetString()!);
            OvsdbClient client = await ConnectedAsync(limited.Token);
            var present = Version.Parse((await client.GetSchemaAsync(wanted.Name, limited.Token)).Version);
            if (present > version)
            {
                throw new StoreException($"the store at {Where} has schema {present}, and this controller knows {version}. Start a controller that is at least as new as the one that wrote it.");
            }

            if (present < version)
            {
                await client.SetDatabaseChangeAwareAsync(limited.Token);
                await client.CallAsync(
                    "convert",
                    json =>
                    {
                        json.WriteStringValue(wanted.Name);
                        schema.RootElement.WriteTo(json);
                    },
                    limited.Token);
            }
        }
        catch (OvsdbException e)
        {
            throw new StoreException($"the store at {Where} cannot be upgraded: {e.Message}.", e);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new StoreException($"the store at {Where} did not answer within {s_answerMax.TotalSeconds} s.", e);
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

        while (endpoints.Count > 1)
        {
            try
            {
                return _client = await OvsdbLeader.ConnectAsync(endpoints, OvsdbDocumentStore.Database, cancellation);
            }
            catch (OvsdbConnectionException)
            {
                await Task.Delay(s_electionPoll, cancellation);
            }
        }

        return _client = await OvsdbClient.ConnectAsync(endpoints[0], cancellation);
    }
}
