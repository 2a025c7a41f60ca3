using System.Collections.Immutable;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Planning;
using Hnv.Controller.Resources;
using Hnv.Ovsdb;
using Hnv.Primitives;

namespace Hnv.Controller.Hosts;

/// <summary>
/// The southbound. Each change of documents or of what a host reports is planned anew for the hosts it can concern; only those
/// whose policy differs from before are written to.
/// </summary>
internal sealed partial class HostFleet : IAsyncDisposable
{
    /// <summary>
    /// After a start, policy is held back this long for hosts that have not reported which ports they have: what they are
    /// remembered with may be a little old.
    /// </summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(5);

    // Nobody should ever be forgotten when a change is planned; this bounds the harm if one is.
    private static readonly TimeSpan s_safetyNet = TimeSpan.FromSeconds(30);

    // What is made step by step must not be believed for ever; to make it anew takes a moment where there are a hundred thousand interfaces.
    private const int RoundsFromNothing = 20;

    private readonly ResourceEngine _engine;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly PlacementLedger _ledger;
    private readonly HostSessions _sessions;
    private readonly ChangeSignal _look = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly long _started;
    private Task _planning = Task.CompletedTask;
    private Task _patrol = Task.CompletedTask;
    private volatile FleetPlan _plan = FleetPlan.Empty;
    private volatile bool _everyone = true;
    private volatile bool _fromNothing;
    private long _hostPlans;

    // What the last plan was made of, to go on from.
    private PlannedNetworks? _networks;
    private Dictionary<Guid, Node> _managed = [];
    private IReadOnlyList<(Node Server, PlanFault Fault)> _unreachable = [];

    // The last plan that was handed out to the hosts; what changes are compared with.
    private FleetPlan _handedOut = FleetPlan.Empty;

    /// <summary>Takes over <paramref name="ledger"/>.</summary>
    public HostFleet(ResourceEngine engine, PlacementLedger ledger, int port, OvsdbTls? tls, long epoch, TimeProvider time, ILoggerFactory loggers)
    {
        _engine = engine;
        _ledger = ledger;
        _time = time;
        _logger = loggers.CreateLogger<HostFleet>();
        _sessions = new HostSessions(port, tls, epoch, _look.Set, engine.Propagation.InForce, time, loggers);
        _started = time.GetTimestamp();
    }

    /// <summary>The last plan.</summary>
    public FleetPlan Plan => _plan;

    /// <summary>How many policies of single hosts have been planned.</summary>
    public long HostPlans => Volatile.Read(ref _hostPlans);

    /// <summary>The servers that have a session.</summary>
    public IEnumerable<Guid> Hosts => _sessions.All.Select(session => session.Key);

    /// <summary>The session of a server; null when it has none.</summary>
    public HostWorker? WorkerOf(Guid server) => _sessions.Of(server);

    public void Start()
    {
        _engine.Changed += OnChanged;
        _planning = RunAsync();
        _patrol = PatrolAsync();
        _look.Set();
    }

    public async ValueTask DisposeAsync()
    {
        _engine.Changed -= OnChanged;
        await _stop.CancelAsync();
        _look.Complete();
        await Task.WhenAll(_planning, _patrol);
        await _sessions.DisposeAsync();
        await _ledger.DisposeAsync();
        _stop.Dispose();
    }

    private void OnChanged(Snapshot snapshot) => _look.Set();

    private async Task RunAsync()
    {
        try
        {
            await foreach (bool _ in _look.Reader.ReadAllAsync(_stop.Token))
            {
                Snapshot snapshot = _engine.Current;
                try
                {
                    Replan(snapshot);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // Not to be blamed on one document. The hosts keep what they have; the next change and the patrol try again.
                    Log.PlanFailed(_logger, e, snapshot.Revision);
                    _networks = null;
                    _everyone = true;
                    _plan = _plan with { Failure = new PlanFault("PolicyConfigurationFailure", $"Revision {snapshot.Revision} cannot be planned: {e.Message}") };
                }

                _engine.Operations.CompleteThrough(snapshot.Revision);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    private void Replan(Snapshot snapshot)
    {
        bool everyone = _everyone;
        _everyone = false;
        if (_fromNothing)
        {
            _fromNothing = false;
            _networks = null;
        }

        if (_networks is null || !snapshot.IsSame(Servers.Name, _plan.Snapshot))
        {
            _managed = HostSessions.Managed(snapshot);
            _unreachable = _sessions.Match(_managed);
            _ledger.KeepOnly(_managed.Keys);
        }

        foreach ((Guid id, HostWorker worker) in _sessions.All)
        {
            _ledger.Hear(id, worker.Report);
        }

        IReadOnlyCollection<NicId> moved = _ledger.TakeMoved();
        PlannedNetworks networks = _networks is null ? new PlannedNetworks(snapshot, _ledger.Placements) : _networks.Next(snapshot, _ledger.Placements, moved);
        _networks = networks;
        ImmutableDictionary<string, PlanFault>.Builder resources = ImmutableDictionary.CreateBuilder<string, PlanFault>();
        foreach ((Node server, PlanFault fault) in _unreachable)
        {
            resources[server.Key] = fault;
        }

        foreach (PlanException fault in networks.Faults)
        {
            resources[fault.RootKey] = FaultOf(fault);
        }

        var plan = new FleetPlan(snapshot, networks, resources.ToImmutable(), ImmutableDictionary<Guid, PlanFault>.Empty);
        if (IsTooEarly())
        {
            _everyone = true;
            _plan = plan;
            return;
        }

        _plan = HandOut(plan, everyone ? null : Concern.Between(_handedOut, plan));
        _handedOut = _plan;
    }

    /// <summary>Tells the hosts concerned, and those that a fault has kept at an older policy, what they are to have.</summary>
    /// <returns>The plan with the faults found on the way.</returns>
    private FleetPlan HandOut(FleetPlan plan, IReadOnlySet<Guid>? concerned)
    {
        ImmutableDictionary<string, PlanFault>.Builder resources = plan.Resources.ToBuilder();
        ImmutableDictionary<Guid, PlanFault>.Builder hosts = plan.Hosts.ToBuilder();
        long wave = _engine.Propagation.Begin(_managed);
        List<Guid> changed = [];
        foreach ((Guid id, HostWorker worker) in _sessions.All)
        {
            if (concerned is not null && !concerned.Contains(id) && worker.Desired is not null && !_handedOut.Hosts.ContainsKey(id))
            {
                continue;
            }

            try
            {
                Interlocked.Increment(ref _hostPlans);
                if (worker.Desire(HostPlanner.Plan(plan.Snapshot, plan.Networks, _managed[id]), wave))
                {
                    changed.Add(id);
                }
            }
            catch (PlanException e)
            {
                PlanFault fault = FaultOf(e);
                changed.Add(id);
                resources[e.RootKey] = hosts[id] = fault;
                if (_handedOut.Hosts.GetValueOrDefault(id) != fault)
                {
                    Log.HostPlanFailed(_logger, e, worker.Server.Ref);
                }
            }
        }

        _engine.Propagation.HandedOut(wave, plan.Snapshot, changed);
        return plan with { Resources = resources.ToImmutable(), Hosts = hosts.ToImmutable() };
    }

    private static PlanFault FaultOf(PlanException e) => new("PolicyConfigurationFailure", e.Message);

    private bool IsTooEarly()
    {
        TimeSpan left = s_grace - _time.GetElapsedTime(_started);
        if (left <= TimeSpan.Zero || _sessions.All.All(w => w.Value.Report.HostId.Length > 0))
        {
            return false;
        }

        _ = LookAgainAsync(left);
        return true;
    }

    private async Task LookAgainAsync(TimeSpan after)
    {
        await Task.Delay(after, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _look.Set();
    }

    /// <summary>Has everyone planned now and then, whatever changed, and now and then from nothing.</summary>
    private async Task PatrolAsync()
    {
        for (int round = 1; !_stop.IsCancellationRequested; round++)
        {
            await Task.Delay(s_safetyNet, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _fromNothing |= round % RoundsFromNothing == 0;
            _everyone = true;
            _look.Set();
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 2212, Level = LogLevel.Error, Message = "Planning revision {Revision} failed")]
        public static partial void PlanFailed(ILogger logger, Exception exception, long revision);

        [LoggerMessage(EventId = 2213, Level = LogLevel.Error, Message = "{Server} keeps its policy, a new one cannot be planned")]
        public static partial void HostPlanFailed(ILogger logger, Exception exception, string server);
    }
}
