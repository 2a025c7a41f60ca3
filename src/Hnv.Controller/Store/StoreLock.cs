using System.Text.Json;
using Hnv.Ovsdb;

namespace Hnv.Controller.Store;

/// <summary>
/// The OVSDB lock that one of several controllers holds on the store's leader: who holds it is in office. It is lost with the session it was
/// granted in. Who lost it unknowingly is fenced out by the epoch, at the store and at the hosts.
/// </summary>
internal sealed class StoreLock : IAsyncDisposable
{
    private const string Name = "hnv_controller";
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_probe = TimeSpan.FromSeconds(1);

    private readonly OvsdbClient _client;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watch;

    private StoreLock(OvsdbClient client, Task stolen)
    {
        _client = client;
        _watch = WatchAsync(stolen);
    }

    /// <summary>Fires when the lock is ours no more.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Waits, as long as it takes, until the lock is ours.</summary>
    public static async Task<StoreLock> AcquireAsync(IReadOnlyList<OvsdbEndpoint> endpoints, CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            TaskCompletionSource granted = new(TaskCreationOptions.RunContinuationsAsynchronously), stolen = new(TaskCreationOptions.RunContinuationsAsynchronously);
            void OnNotification(string method, JsonElement parameters) => (method switch { "locked" => granted, "stolen" => stolen, _ => null })?.TrySetResult();
            OvsdbClient? client = null;
            try
            {
                client = await OvsdbLeader.ConnectAsync(endpoints, OvsdbDocumentStore.Database, cancellation, OnNotification);
                if (await client.LockAsync(Name, cancellation))
                {
                    granted.TrySetResult();
                }

                while (await Task.WhenAny(granted.Task, client.Closed, Task.Delay(s_probe, cancellation)) is var first && first != granted.Task)
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (first == client.Closed)
                    {
                        throw new OvsdbConnectionException("The session ended.");
                    }

                    await client.EchoAsync(cancellation).WaitAsync(s_probe, cancellation);
                }

                return new StoreLock(client, stolen.Task);
            }
            catch (Exception e) when (e is OvsdbException or TimeoutException or OperationCanceledException)
            {
                await (client?.DisposeAsync() ?? ValueTask.CompletedTask);
                await Task.Delay(s_retry, cancellation);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watch;
        await _client.DisposeAsync();
        _stop.Dispose();
        _lost.Dispose();
    }

    private async Task WatchAsync(Task stolen)
    {
        try
        {
            while (await Task.WhenAny(stolen, _client.Closed, Task.Delay(s_probe, _stop.Token)) is var first && first != stolen && first != _client.Closed)
            {
                _stop.Token.ThrowIfCancellationRequested();
                await _client.EchoAsync(_stop.Token).WaitAsync(s_probe, _stop.Token);
            }
        }
        catch (Exception e) when (e is OvsdbException or TimeoutException or OperationCanceledException)
        {
            // A leader that does not answer may be one no more.
        }

        await _lost.CancelAsync();
    }
}
