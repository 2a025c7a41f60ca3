using System.Collections.Immutable;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Hnv.Ovsdb;

/// <summary>
/// A local copy of chosen tables of one server, kept by <c>monitor_cond_since</c>. Reconnects for ever; every new session sends the
/// whole content, which is compared with the copy, so an interruption that changed nothing changes nothing here. While there is no
/// session the last copy stays readable.
/// </summary>
public sealed partial class OvsdbReplica : IAsyncDisposable
{
    private readonly OvsdbReplicaOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ChangeSignal _changed = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _run;
    private volatile OvsdbSnapshot _snapshot = OvsdbSnapshot.Empty;
    private volatile OvsdbReplicaStatus _status;
    private volatile OvsdbClient? _client;
    private volatile TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private OvsdbReplica(OvsdbReplicaOptions options, TimeProvider time, ILogger logger)
    {
        _options = options;
        _time = time;
        _logger = logger;
        _status = new OvsdbReplicaStatus(IsConnected: false, IsRefused: false, HoldsLock: false, "Connecting for the first time.", time.GetUtcNow());
        _run = Task.Run(RunAsync);
    }

    /// <summary>The copy as it is now.</summary>
    public OvsdbSnapshot Snapshot => _snapshot;

    /// <summary>How the copy stands with its server.</summary>
    public OvsdbReplicaStatus Status => _status;

    /// <summary>Holds an item after rows or <see cref="Status"/> changed. For one reader.</summary>
    public ChannelReader<bool> Changes => _changed.Reader;

    /// <summary>Begins to replicate; returns at once.</summary>
    public static OvsdbReplica Start(OvsdbReplicaOptions options, TimeProvider time, ILogger logger) => new(options, time, logger);

    /// <summary>Ends when the copy follows the server; at once when it does already.</summary>
    public Task WaitUntilSyncedAsync(CancellationToken cancellation) => _synced.Task.WaitAsync(cancellation);

    /// <summary>Carries out a transaction in the replica's own session: when it returns, the copy shows the result.</summary>
    /// <exception cref="OvsdbTransactionException">The server refused it and changed nothing.</exception>
    /// <exception cref="OvsdbConnectionException">There is no session, or it was lost and the outcome is unknown.</exception>
    public Task<OvsdbTransactionResult> TransactAsync(OvsdbTransaction transaction, CancellationToken cancellation)
    {
        OvsdbClient client = _client ?? throw new OvsdbConnectionException(_status.Message);
        return client.TransactAsync(transaction, cancellation);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _changed.Complete();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        TimeSpan delay = _options.ReconnectDelayMin;
        while (!_stop.IsCancellationRequested)
        {
            string reason;
            bool refused = false;
            CertificateFault certificate = CertificateFault.None;
            try
            {
                reason = await HoldSessionAsync(() => delay = _options.ReconnectDelayMin);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                reason = "Stopped.";
            }
            catch (OperationCanceledException)
            {
                reason = $"{_options.Endpoint} did not answer within {_options.ProbeInterval}.";
            }
            catch (Exception exception) when (exception is OvsdbException or TimeoutException or FormatException or KeyNotFoundException or InvalidOperationException or JsonException)
            {
                // All but the first mean the server sent what it should not have; a fresh session starts from the whole content.
                reason = exception.Message;
                refused = exception is not (OvsdbConnectionException or TimeoutException);
                certificate = (exception as OvsdbConnectionException)?.Certificate ?? CertificateFault.None;
            }

            _client = null;
            if (_synced.Task.IsCompleted)
            {
                _synced = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            DateTimeOffset since = _status.IsConnected ? _time.GetUtcNow() : _status.Since;
            _status = new OvsdbReplicaStatus(IsConnected: false, refused, HoldsLock: false, reason, since) { Certificate = certificate };
            _changed.Set();
            if (_stop.IsCancellationRequested)
            {
                break;
            }

            Log.Disconnected(_logger, _options.Endpoint, reason, delay);
            await Task.Delay(delay, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, _options.ReconnectDelayMax.Ticks));
        }
    }

    private async Task<string> HoldSessionAsync(Action onSynced)
    {
        Session session = new(this);
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        patience.CancelAfter(_options.ProbeInterval);
        await using OvsdbClient client = await OvsdbClient.ConnectAsync(_options.Endpoint, patience.Token, session.OnNotification);
        await client.SetDatabaseChangeAwareAsync(patience.Token);

        // The whole content of a large database takes as long as it takes; while bytes flow the session lives.
        await session.MonitorAsync(client, _stop.Token);
        _client = client;
        bool held = _options.LockName is not null
            && await (_options.StealsLock ? client.StealAsync(_options.LockName, _stop.Token) : client.LockAsync(_options.LockName, _stop.Token));
        onSynced();
        session.Publish(held);
        _synced.TrySetResult();
        Log.Connected(_logger, string.Join(", ", _options.Databases.Keys), _options.Endpoint);

        while (true)
        {
            Task tick = Task.Delay(_options.ProbeInterval, _time, _stop.Token);
            Task first = await Task.WhenAny(client.Closed, session.Broken, tick);
            if (first == client.Closed)
            {
                return $"The session with {_options.Endpoint} ended: {(await client.Closed).Message}.";
            }

            if (first == session.Broken)
            {
                return await session.Broken;
            }

            await tick;
            await client.EchoAsync(_stop.Token).WaitAsync(_options.ProbeInterval, _time, _stop.Token);
        }
    }

    /// <summary>What belongs to one connection: its monitors, and changes that came before the content they change.</summary>
    private sealed class Session(OvsdbReplica replica)
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<string, Monitor> _monitors = [];
        private readonly TaskCompletionSource<string> _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private bool _published;
        private bool _lockHeld;

        /// <summary>Ends with a reason when the session must be given up.</summary>
        public Task<string> Broken => _broken.Task;

        public async Task MonitorAsync(OvsdbClient client, CancellationToken cancellation)
        {
            foreach ((string database, IReadOnlyDictionary<string, IReadOnlyList<string>> tables) in replica._options.Databases)
            {
                OvsdbSchema schema = await client.GetSchemaAsync(database, cancellation);
                Monitor monitor = new(database, tables.ToDictionary(table => table.Key, table => new ReplicaTable(schema, table.Key, table.Value)));
                string name = Guid.NewGuid().ToString();
                lock (_gate)
                {
                    _monitors[name] = monitor;
                }

                // A standalone server keeps no history, so [found, id, updates] is always the whole content.
                JsonElement reply = await client.MonitorCondSinceAsync(database, name, tables, Guid.Empty, cancellation);
                lock (_gate)
                {
                    OvsdbSnapshot snapshot = monitor.ReadAll(replica._snapshot, reply[2]);
                    foreach (JsonElement early in monitor.Early)
                    {
                        snapshot = monitor.Apply(snapshot, early);
                    }

                    monitor.Early.Clear();
                    monitor.IsFilled = true;
                    replica._snapshot = snapshot;
                }
            }
        }

        public void Publish(bool lockHeld)
        {
            lock (_gate)
            {
                _published = true;
                _lockHeld |= lockHeld;
                SetStatus();
            }
        }

        public void OnNotification(string method, JsonElement parameters)
        {
            try
            {
                lock (_gate)
                {
                    switch (method)
                    {
                        case "update3" when _monitors.TryGetValue(parameters[0].GetString()!, out Monitor? monitor):
                            OnUpdate(monitor, parameters[2]);
                            break;
                        case "locked" or "stolen" when parameters[0].ValueEquals(replica._options.LockName):
                            _lockHeld = method == "locked";
                            if (_published)
                            {
                                SetStatus();
                            }

                            break;
                        case "monitor_canceled":
                            _broken.TrySetResult("The database was converted or removed.");
                            break;
                        default:
                            break;
                    }
                }
            }
            catch (Exception exception) when (exception is FormatException or KeyNotFoundException or InvalidOperationException)
            {
                _broken.TrySetResult(exception.Message);
            }
        }

        private void OnUpdate(Monitor monitor, JsonElement updates)
        {
            if (!monitor.IsFilled)
            {
                monitor.Early.Add(updates.Clone());
                return;
            }

            replica._snapshot = monitor.Apply(replica._snapshot, updates);
            replica._changed.Set();
        }

        private void SetStatus()
        {
            OvsdbReplicaStatus old = replica._status;
            if (replica._options.LockName is string name && old.HoldsLock != _lockHeld)
            {
                Log.LockChanged(replica._logger, name, replica._options.Endpoint, _lockHeld);
            }

            replica._status = new OvsdbReplicaStatus(IsConnected: true, IsRefused: false, _lockHeld, string.Empty, old.IsConnected ? old.Since : replica._time.GetUtcNow());
            replica._changed.Set();
        }
    }

    private sealed class Monitor(string database, Dictionary<string, ReplicaTable> tables)
    {
        public List<JsonElement> Early { get; } = [];

        public bool IsFilled { get; set; }

        public OvsdbSnapshot ReadAll(OvsdbSnapshot snapshot, JsonElement updates)
        {
            foreach ((string name, ReplicaTable table) in tables)
            {
                JsonElement? rows = updates.TryGetProperty(name, out JsonElement found) ? found : null;
                snapshot = snapshot.With(database, name, table.ReadAll(snapshot[database, name], rows));
            }

            return snapshot;
        }

        public OvsdbSnapshot Apply(OvsdbSnapshot snapshot, JsonElement updates)
        {
            foreach (JsonProperty table in updates.EnumerateObject())
            {
                ImmutableDictionary<Guid, OvsdbRow> rows = snapshot[database, table.Name];
                snapshot = snapshot.With(database, table.Name, tables[table.Name].Apply(rows, table.Value));
            }

            return snapshot;
        }
    }
}
