using System.Collections.Concurrent;
using System.Globalization;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Planning;
using Hnv.Controller.Resources;
using Hnv.Ovsdb;
using Hnv.Primitives;
using Hnv.Southbound;

namespace Hnv.Controller.Hosts;

/// <summary>
/// The southbound: one session for each server with a host agent. Each change of documents or of what a host reports makes a new
/// plan of everything; only hosts whose policy differs from before are written to.
/// </summary>
internal sealed partial class HostFleet : IAsyncDisposable
{
    /// <summary>
    /// After a start, policy is held back this long for hosts that have not reported which ports they have: a plan without them
    /// would take their machines out of everybody's mappings.
    /// </summary>
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(5);

    private readonly ResourceEngine _engine;
    private readonly int _port;
    private readonly long _epoch;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<Guid, HostWorker> _workers = [];
    private readonly List<Task> _farewells = [];
    private readonly ChangeSignal _look = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly long _started;
    private Task _planning = Task.CompletedTask;
    private volatile FleetPlan _plan = FleetPlan.Empty;

    public HostFleet(ResourceEngine engine, int port, long epoch, TimeProvider time, ILoggerFactory loggers)
    {
        _engine = engine;
        _port = port;
        _epoch = epoch;
        _time = time;
        _loggers = loggers;
        _logger = loggers.CreateLogger<HostFleet>();
        _started = time.GetTimestamp();
    }

    /// <summary>The last plan.</summary>
    public FleetPlan Plan => _plan;

    /// <summary>The session of a server; null when it has none.</summary>
    public HostWorker? WorkerOf(Guid server) => _workers.GetValueOrDefault(server);

    public void Start()
    {
        _engine.Changed += OnChanged;
        _planning = RunAsync();
        _look.Set();
    }

    public async ValueTask DisposeAsync()
    {
        _engine.Changed -= OnChanged;
        await _stop.CancelAsync();
        _look.Complete();
        await _planning;
        await Task.WhenAll(_farewells);
        foreach (HostWorker worker in _workers.Values)
        {
            await worker.DisposeAsync();
        }

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
                    MatchSessions(snapshot);
                    Replan(snapshot);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // A document that cannot be planned must not stop the others for good: the next change tries again.
                    Log.PlanFailed(_logger, e, snapshot.Revision);
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
        Placements placements = Placements.Latest(_workers.SelectMany(w => w.Value.Report.Ports.Values.Select(p => (p.Nic, w.Key, p.AttachedAt))));
        var networks = new PlannedNetworks(snapshot, placements);
        _plan = new FleetPlan(snapshot, networks);
        if (IsTooEarly())
        {
            return;
        }

        foreach ((Guid id, HostWorker worker) in _workers)
        {
            if (snapshot.Find(worker.Server.Ref) is { } server && server.InstanceId == id)
            {
                worker.Desire(HostPlanner.Plan(snapshot, networks, server));
            }
        }
    }

    private bool IsTooEarly()
    {
        TimeSpan left = s_grace - _time.GetElapsedTime(_started);
        if (left <= TimeSpan.Zero || _workers.Values.All(w => w.Report.HostId.Length > 0))
        {
            return false;
        }

        _ = LookAgainAsync(left);
        return true;
    }

    private async Task LookAgainAsync(TimeSpan after)
    {
        try
        {
            await Task.Delay(after, _time, _stop.Token);
            _look.Set();
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    // Beside the planning: one host that does not answer must not hold up the others.
    private static async Task CloseAsync(HostWorker worker, bool retire)
    {
        if (retire)
        {
            await worker.RetireAsync();
        }

        await worker.DisposeAsync();
    }

    private void MatchSessions(Snapshot snapshot)
    {
        _farewells.RemoveAll(farewell => farewell.IsCompleted);
        Dictionary<Guid, Node> wanted = snapshot.All(Servers.Name).Where(s => ManagementAddress(s) is not null).ToDictionary(s => s.InstanceId);
        foreach ((Guid id, HostWorker worker) in _workers)
        {
            bool stays = wanted.TryGetValue(id, out Node? server);
            if (stays && ManagementAddress(server!) == worker.Address)
            {
                continue;
            }

            _workers.TryRemove(id, out _);
            _farewells.Add(CloseAsync(worker, retire: !stays));
        }

        foreach ((Guid id, Node server) in wanted)
        {
            if (!_workers.ContainsKey(id))
            {
                _workers[id] = Open(server, ManagementAddress(server)!);
            }
        }
    }

    private HostWorker Open(Node server, string address)
    {
        ILogger logger = _loggers.CreateLogger<HostSession>();
        HostSession session = HostSession.Start(
            EndpointOf(address), new HostSessionOptions { ExpectedHostId = server.InstanceId.ToString("D"), Epoch = _epoch }, _time, logger);
        Log.Opened(_logger, server.Ref, address);
        return new HostWorker(server, address, session, _look.Set, _loggers.CreateLogger<HostWorker>());
    }

    private OvsdbEndpoint EndpointOf(string address) =>
        address.StartsWith("unix:", StringComparison.Ordinal) ? OvsdbEndpoint.Parse(address)
        : InetAddress.TryParse(address, out InetAddress ip) && !ip.IsIPv4 ? OvsdbEndpoint.Parse(string.Create(CultureInfo.InvariantCulture, $"tcp:[{ip}]:{_port}"))
        : address.Contains(':', StringComparison.Ordinal) ? OvsdbEndpoint.Parse($"tcp:{address}")
        : OvsdbEndpoint.Parse(string.Create(CultureInfo.InvariantCulture, $"tcp:{address}:{_port}"));

    private static string? ManagementAddress(Node server) =>
        Common.Texts(server.Properties["connections"]?.AsArray().FirstOrDefault()?["managementAddresses"]).FirstOrDefault();

    private static partial class Log
    {
        [LoggerMessage(EventId = 2211, Level = LogLevel.Information, Message = "{Server}: connecting to its policy database at {Address}")]
        public static partial void Opened(ILogger logger, string server, string address);

        [LoggerMessage(EventId = 2212, Level = LogLevel.Error, Message = "Planning revision {Revision} failed")]
        public static partial void PlanFailed(ILogger logger, Exception exception, long revision);
    }
}

/// <summary>What was planned last, and from which state.</summary>
internal sealed record FleetPlan(Snapshot Snapshot, PlannedNetworks Networks)
{
    public static FleetPlan Empty { get; } = new(Snapshot.Empty, new PlannedNetworks(Snapshot.Empty, Placements.None));
}
