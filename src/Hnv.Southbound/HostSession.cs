using System.Globalization;
using System.Threading.Channels;
using Hnv.Ovsdb;
using Hnv.Policy;
using Microsoft.Extensions.Logging;

namespace Hnv.Southbound;

/// <summary>The controller's side of one host: follows its policy database and makes it say what is desired. Thread-safe.</summary>
public sealed class HostSession : IAsyncDisposable
{
    // A conflict means another writer was there in between. Two controllers change hands once; more often is a fault to report.
    private const int PushAttemptsMax = 8;

    /// <summary>
    /// How long it is believed, at least, that a host says what we wrote because nobody was seen to touch it, before every row is compared again.
    /// </summary>
    private static readonly TimeSpan s_believedMin = TimeSpan.FromMinutes(10);

    private readonly OvsdbReplica _replica;
    private readonly HostSessionOptions _options;
    private readonly TimeProvider _time;
    private readonly string _epoch;
    private readonly SemaphoreSlim _pushing = new(1, 1);
    private readonly ChangeSignal _changed = new();
    private readonly Task _follow;
    private volatile HostSessionStatus _status;
    private volatile HostReport _report = HostReport.Empty;

    // What the host was last found to say; null when that has to be found out anew.
    private volatile VerifiedPolicy? _verified;
    private long _comparisons;

    // Not everybody at the same moment.
    private readonly TimeSpan _believed = s_believedMin * (1 + Random.Shared.NextDouble());

    private HostSession(OvsdbEndpoint endpoint, HostSessionOptions options, TimeProvider time, ILogger logger)
    {
        _options = options;
        _time = time;
        _epoch = options.Epoch.ToString(CultureInfo.InvariantCulture);
        _status = new HostSessionStatus(HostSessionState.Connecting, $"Connecting to {endpoint} for the first time.", time.GetUtcNow());
        _replica = OvsdbReplica.Start(
            new OvsdbReplicaOptions { Endpoint = endpoint, Databases = HostTables.Replicated, LockName = HostTables.AgentLock, ReconnectDelayMax = options.ReconnectDelayMax },
            time,
            logger);
        _follow = Task.Run(FollowAsync);
    }

    /// <summary>How the session stands.</summary>
    public HostSessionStatus Status => _status;

    /// <summary>What the host last said about itself; stays readable while there is no session.</summary>
    public HostReport Report => _report;

    /// <summary>How often all rows of the host were compared with a policy.</summary>
    public long Comparisons => Volatile.Read(ref _comparisons);

    /// <summary>Holds an item after <see cref="Status"/> or <see cref="Report"/> changed. For one reader.</summary>
    public ChannelReader<bool> Changes => _changed.Reader;

    /// <summary>Begins to connect; returns at once. Attempts go on until the session is disposed of.</summary>
    public static HostSession Start(OvsdbEndpoint endpoint, HostSessionOptions options, TimeProvider time, ILogger logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new HostSession(endpoint, options, time, logger);
    }

    /// <summary>Makes the host's database say the desired policy: writes the difference only, nothing when there is none.</summary>
    /// <param name="desired">The policy; its <see cref="HostPolicy.Configuration"/> is ignored.</param>
    /// <param name="cancellation">Gives up; what was written by then stays, and the next push completes it.</param>
    /// <exception cref="ArgumentException">The policy contradicts itself; nothing was written.</exception>
    /// <exception cref="HostSessionException">The session is not <see cref="HostSessionState.Connected"/>.</exception>
    /// <exception cref="OvsdbException">The connection was lost under way, or the server refused; push again.</exception>
    public async Task<PushResult> PushAsync(HostPolicy desired, CancellationToken cancellation)
    {
        DesiredRows? rows = _verified is null ? DesiredRows.From(desired) : null;
        await _pushing.WaitAsync(cancellation);
        try
        {
            for (int attempt = 1; ; attempt++)
            {
                OvsdbSnapshot snapshot = RequireConnected();
                try
                {
                    if (await TakeOverAsync(snapshot, cancellation))
                    {
                        continue;
                    }

                    VerifiedPolicy? known = _verified is { } verified && verified.Holds(snapshot) ? verified : null;
                    HostPlan? changes = known is null ? null : HostPlan.Between(snapshot, known.Policy, desired, _epoch);
                    HostPlan plan = changes ?? Compare(snapshot, rows ??= DesiredRows.From(desired), desired);
                    _verified = null;
                    if (!plan.IsEmpty)
                    {
                        await WriteAsync(plan, cancellation);
                    }

                    _verified = changes is null ? null : known!.After(desired, plan, snapshot, _replica.Snapshot);
                    if (plan.IsEmpty)
                    {
                        return new PushResult(plan.Configuration, 0);
                    }

                    return new PushResult(plan.Configuration, plan.RowCount);
                }
                catch (OvsdbTransactionException exception) when (exception.IsConflict && attempt < PushAttemptsMax)
                {
                    // Whatever was in the way is in the replica before the refusal arrives: look again.
                }
            }
        }
        finally
        {
            _pushing.Release();
        }
    }

    /// <summary>True when a push of that policy would write nothing, judged by what the host last said.</summary>
    public bool IsCurrent(HostPolicy desired)
    {
        OvsdbSnapshot snapshot = _replica.Snapshot;
        if (_verified is { } known && ReferenceEquals(known.Policy, desired) && _time.GetElapsedTime(known.Since) < _believed && known.Holds(snapshot))
        {
            return true;
        }

        DesiredRows rows = DesiredRows.From(desired);
        if (!IsPrepared(snapshot) || Compare(snapshot, rows, desired) is not { IsEmpty: true } plan)
        {
            return false;
        }

        _verified = VerifiedPolicy.Compared(desired, snapshot, plan.Configuration, _time.GetTimestamp());
        return true;
    }

    /// <summary>Ends the session.</summary>
    public async ValueTask DisposeAsync()
    {
        await _replica.DisposeAsync();
        await _follow;
        _changed.Complete();
        _pushing.Dispose();
    }

    private HostPlan Compare(OvsdbSnapshot snapshot, DesiredRows rows, HostPolicy desired)
    {
        Interlocked.Increment(ref _comparisons);
        return HostPlan.Between(snapshot, rows, desired, _epoch);
    }

    private async Task WriteAsync(HostPlan plan, CancellationToken cancellation)
    {
        List<Task> under = [];
        foreach (OvsdbTransaction transaction in plan.Transactions())
        {
            using (transaction)
            {
                under.Add(_replica.TransactAsync(transaction, cancellation));
                if (!plan.IsInAnyOrder)
                {
                    await under[^1];
                }
            }
        }

        await Task.WhenAll(under);
    }

    private async Task FollowAsync()
    {
        OvsdbSnapshot? read = null;
        await foreach (bool _ in _replica.Changes.ReadAllAsync())
        {
            OvsdbSnapshot snapshot = _replica.Snapshot;
            _report = HostReportReader.Read(snapshot, read, _report);
            read = snapshot;
            (HostSessionState state, string message) = Judge(snapshot);
            HostSessionStatus old = _status;
            OvsdbReplicaStatus replica = _replica.Status;
            bool hasAgent = replica is { IsConnected: true, HoldsLock: false };
            if (old.State != state || old.Message != message || old.HasAgent != hasAgent || old.Certificate != replica.Certificate)
            {
                _status = new HostSessionStatus(state, message, old.State == state ? old.Since : _time.GetUtcNow()) { Certificate = replica.Certificate, HasAgent = hasAgent };
            }

            _changed.Set();
        }
    }

    private OvsdbSnapshot RequireConnected()
    {
        OvsdbSnapshot snapshot = _replica.Snapshot;
        (HostSessionState state, string message) = Judge(snapshot);
        return state == HostSessionState.Connected ? snapshot : throw new HostSessionException(state, message);
    }

    private (HostSessionState State, string Message) Judge(OvsdbSnapshot snapshot)
    {
        OvsdbReplicaStatus replica = _replica.Status;
        if (!replica.IsConnected)
        {
            return (replica.IsRefused ? HostSessionState.Failed : HostSessionState.Connecting, replica.Message);
        }

        if (!IsPrepared(snapshot))
        {
            return (HostSessionState.Connecting, "The host agent has not prepared its policy database yet.");
        }

        string hostId = HostReportReader.HostId(snapshot);
        if (!string.Equals(hostId, _options.ExpectedHostId, StringComparison.OrdinalIgnoreCase))
        {
            return (
                HostSessionState.HostIdMismatch,
                $"The host calls itself '{hostId}'; its servers resource has instanceId '{_options.ExpectedHostId}'. Set the agent's host id to that.");
        }

        long epoch = HostTables.Databases.Max(database => EpochOf(snapshot, database));
        return epoch > _options.Epoch
            ? (HostSessionState.Fenced, $"A controller of epoch {epoch} has taken over this host; ours is {_options.Epoch}.")
            : (HostSessionState.Connected, string.Empty);
    }

    /// <summary>Writes our epoch where an older one stands; from then on an older controller's transactions fail.</summary>
    private async Task<bool> TakeOverAsync(OvsdbSnapshot snapshot, CancellationToken cancellation)
    {
        bool wrote = false;
        foreach (HostDatabase database in HostTables.Databases.Where(database => EpochOf(snapshot, database) != _options.Epoch))
        {
            OvsdbRow row = snapshot.Only(database.Name, database.Global)!;
            using OvsdbTransaction transaction = new(database.Name);
            transaction.WaitRow(database.Global, row.Uuid, KeyValuePair.Create("other_config", row["other_config"]));
            transaction.PutEntries(database.Global, [OvsdbCondition.Row(row.Uuid)], "other_config", [KeyValuePair.Create(HostTables.EpochKey, _epoch)]);
            await _replica.TransactAsync(transaction, cancellation);
            wrote = true;
        }

        return wrote;
    }

    private static bool IsPrepared(OvsdbSnapshot snapshot) =>
        HostTables.Databases.All(database => snapshot.Only(database.Name, database.Global) is not null);

    /// <summary>The epoch a database was last taken over with; lower than any when there is none that can be read.</summary>
    private static long EpochOf(OvsdbSnapshot snapshot, HostDatabase database) =>
        snapshot.Only(database.Name, database.Global)!["other_config"].TryGetValue(OvsdbAtom.From(HostTables.EpochKey), out OvsdbAtom text)
        && long.TryParse(text.Text, NumberStyles.None, CultureInfo.InvariantCulture, out long epoch)
            ? epoch
            : long.MinValue;
}
