using System.Threading.Channels;
using Hnv.Ovsdb;
using Hnv.Primitives;
using Microsoft.Extensions.Logging;

namespace Hnv.Southbound;

/// <summary>
/// The host agent's side of its own policy database: reads intent, writes status. What it was told to report is kept and written
/// again whenever the database does not say it, so a restart of the server loses nothing. Thread-safe.
/// </summary>
public sealed partial class HostPolicyDatabase : IAsyncDisposable
{
    private static readonly TimeSpan s_retryDelay = TimeSpan.FromMilliseconds(100);

    private readonly OvsdbReplica _replica;
    private readonly AgentState _state;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ChangeSignal _changed = new();
    private readonly ChangeSignal _owed = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _follow;
    private readonly Task _publish;

    private HostPolicyDatabase(OvsdbEndpoint endpoint, AgentState state, TimeProvider time, ILogger logger)
    {
        _state = state;
        _time = time;
        _logger = logger;
        _replica = OvsdbReplica.Start(new OvsdbReplicaOptions { Endpoint = endpoint, Databases = HostTables.Replicated, LockName = HostTables.AgentLock, StealsLock = true }, time, logger);
        _follow = Task.Run(FollowAsync);
        _publish = Task.Run(PublishAsync);
    }

    /// <summary>True when the readings below follow the database; false when they are the last ones known.</summary>
    public bool IsConnected => _replica.Status.IsConnected;

    /// <summary>Holds an item after policy or bindings changed; not for what the agent itself reported. For one reader.</summary>
    public ChannelReader<bool> Changes => _changed.Reader;

    /// <summary>The devices plugged in, as the database has them; they survive a restart of agent and server.</summary>
    public IReadOnlyList<PortBinding> Bindings => [.. HostReportReader.ReadBindings(_replica.Snapshot).OrderBy(binding => binding.Nic.Value)];

    /// <summary>Begins to follow the database and makes the rows an agent owes it; returns at once.</summary>
    /// <param name="endpoint">The local server.</param>
    /// <param name="hostId">The instanceId of this host's <c>servers</c> resource; may be empty while it is not known.</param>
    /// <param name="agentVersion">The agent's version.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where the sessions are logged.</param>
    public static HostPolicyDatabase Open(OvsdbEndpoint endpoint, string hostId, string agentVersion, TimeProvider time, ILogger logger) =>
        new(endpoint, new AgentState(hostId, agentVersion), time, logger);

    /// <summary>Ends when the content is known.</summary>
    public Task WaitUntilSyncedAsync(CancellationToken cancellation) => _replica.WaitUntilSyncedAsync(cancellation);

    /// <summary>The policy as it stands, with the <c>next_cfg</c> it belongs to, and the rows that make no sense.</summary>
    public HostPolicyReading ReadPolicy() => PolicyReader.Read(_replica.Snapshot);

    /// <summary>Says that the policy of that configuration is in force; becomes <c>cur_cfg</c>. Never goes back.</summary>
    public void ReportApplied(long configuration)
    {
        _state.SetApplied(configuration);
        _owed.Set();
    }

    /// <summary>Says under which id and version this host presents itself.</summary>
    public void SetHostIdentity(string hostId, string agentVersion)
    {
        _state.SetIdentity(hostId, agentVersion);
        _owed.Set();
    }

    /// <summary>Says where the agent's host channel listens, so that a controller finds it.</summary>
    /// <param name="listeners">Its <c>http</c> and <c>https</c> URLs; none when it listens nowhere but on its local socket.</param>
    public void SetHostChannel(IEnumerable<string> listeners)
    {
        _state.SetChannel(string.Join(' ', listeners));
        _owed.Set();
    }

    /// <summary>Says how the port of a binding is doing; forgotten when the binding is removed.</summary>
    public void SetBindingStatus(NicId nic, EnforcementStatus status)
    {
        _state.SetStatus(nic, status);
        _owed.Set();
    }

    /// <summary>Says how a provider address is doing; kept until the address leaves the policy.</summary>
    public void SetProviderAddressStatus(ProviderAddress address, EnforcementStatus status)
    {
        _state.SetStatus(address, status);
        _owed.Set();
    }

    /// <summary>Notes durably that a device is the port of a network interface; replaces an earlier device of the same interface.</summary>
    /// <exception cref="OvsdbException">The database could not be written; nothing is noted.</exception>
    public async Task SetBindingAsync(NicId nic, string device, CancellationToken cancellation)
    {
        using OvsdbTransaction transaction = new(HostSchemas.VtepName);
        transaction.Delete(HostTables.PortBinding, [OvsdbCondition.Equal("nic_id", nic.ToString())]);
        transaction.Insert(
            HostTables.PortBinding,
            [
                KeyValuePair.Create<string, OvsdbValue>("attached_at", _time.GetUtcNow().ToUnixTimeMilliseconds()),
                KeyValuePair.Create<string, OvsdbValue>("device", device),
                KeyValuePair.Create<string, OvsdbValue>("nic_id", nic.ToString()),
                KeyValuePair.Create("status", OvsdbValue.Map(EnforcementStatus.Pending.ToMap())),
            ]);
        transaction.Commit();
        _state.Forget(nic);
        await _replica.TransactAsync(transaction, cancellation);
    }

    /// <summary>Notes durably that a network interface has no port here any more; nothing happens when it has none.</summary>
    /// <exception cref="OvsdbException">The database could not be written; the binding stays.</exception>
    public async Task RemoveBindingAsync(NicId nic, CancellationToken cancellation)
    {
        using OvsdbTransaction transaction = new(HostSchemas.VtepName);
        transaction.Delete(HostTables.PortBinding, [OvsdbCondition.Equal("nic_id", nic.ToString())]);
        transaction.Commit();
        await _replica.TransactAsync(transaction, cancellation);
        _state.Forget(nic);
    }

    /// <summary>Stops following; the server goes on.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _replica.DisposeAsync();
        await _follow;
        _owed.Complete();
        await _publish;
        _changed.Complete();
        _stop.Dispose();
    }

    private async Task FollowAsync()
    {
        OvsdbSnapshot? seen = null;
        await foreach (bool _ in _replica.Changes.ReadAllAsync())
        {
            OvsdbSnapshot snapshot = _replica.Snapshot;
            _owed.Set();
            if (seen is null || PolicyChange.Between(seen, snapshot))
            {
                _changed.Set();
            }

            seen = snapshot;
        }
    }

    private async Task PublishAsync()
    {
        await foreach (bool _ in _owed.Reader.ReadAllAsync())
        {
            if (!_replica.Status.IsConnected)
            {
                continue;
            }

            try
            {
                foreach (HostDatabase database in HostTables.Databases)
                {
                    using OvsdbTransaction? transaction = _state.Owed(_replica.Snapshot, database);
                    if (transaction is not null)
                    {
                        await _replica.TransactAsync(transaction, _stop.Token);
                    }
                }
            }
            catch (OvsdbException exception)
            {
                // Lost sessions come back with a signal of their own; a refusal is retried, for the rows may have changed meanwhile.
                Log.ReportFailed(_logger, exception.Message);
                await Task.Delay(s_retryDelay, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                _owed.Set();
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2100, LogLevel.Warning, "The agent's report could not be written: {Reason}")]
        public static partial void ReportFailed(ILogger logger, string reason);
    }
}
