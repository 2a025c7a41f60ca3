using System.Collections.Immutable;
using Hnv.Controller.Planning;
using Hnv.Controller.Store;
using Hnv.Ovsdb;
using Hnv.Primitives;
using Hnv.Southbound;

namespace Hnv.Controller.Hosts;

/// <summary>
/// What each host last said to be plugged in, over restarts: a host that is away may well go on forwarding, so its machines stay
/// where they were until it says otherwise or its <c>servers</c> resource is gone. One caller tells and asks; writing goes on beside.
/// </summary>
internal sealed partial class PlacementLedger : IAsyncDisposable
{
    // What many hosts say at about the same time goes into one commit.
    private static readonly TimeSpan s_gather = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_lastWrite = TimeSpan.FromSeconds(5);

    private readonly OvsdbPlacementStore _store;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Dictionary<Guid, ImmutableDictionary<NicId, DateTimeOffset>> _known;
    private readonly Dictionary<Guid, HostReport> _seen = [];

    // Who says to have a port, by port; of what is known.
    private readonly Dictionary<NicId, ImmutableDictionary<Guid, DateTimeOffset>> _claims = [];
    private readonly Lock _gate = new();
    private readonly ChangeSignal _changed = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _writing;
    private Dictionary<Guid, ImmutableDictionary<NicId, DateTimeOffset>?> _unsaved = [];
    private HashSet<NicId> _moved = [];

    private PlacementLedger(
        OvsdbPlacementStore store, IReadOnlyDictionary<Guid, ImmutableDictionary<NicId, DateTimeOffset>> known, TimeProvider time, ILogger logger)
    {
        _store = store;
        _known = new(known);
        Placements = Planning.Placements.Latest(known.SelectMany(server => server.Value.Select(port => (port.Key, server.Key, port.Value))));
        foreach ((Guid server, ImmutableDictionary<NicId, DateTimeOffset> ports) in known)
        {
            foreach ((NicId nic, DateTimeOffset at) in ports)
            {
                _claims[nic] = (_claims.GetValueOrDefault(nic) ?? ImmutableDictionary<Guid, DateTimeOffset>.Empty).SetItem(server, at);
            }
        }

        _time = time;
        _logger = logger;
        _writing = WriteAsync();
    }

    /// <summary>Opens the ledger of a store; takes over <paramref name="store"/>.</summary>
    /// <exception cref="StoreException">It cannot be read.</exception>
    public static async Task<PlacementLedger> OpenAsync(OvsdbPlacementStore store, TimeProvider time, ILogger logger, CancellationToken cancellation) =>
        new(store, await store.LoadAsync(cancellation), time, logger);

    /// <summary>Notes what a host says; one that has not said who it is says nothing.</summary>
    public void Hear(Guid server, HostReport report)
    {
        if (_seen.GetValueOrDefault(server) == (object)report || !string.Equals(report.HostId, server.ToString("D"), StringComparison.OrdinalIgnoreCase))
        {
            return;
        }

        _seen[server] = report;
        if (!_known.TryGetValue(server, out ImmutableDictionary<NicId, DateTimeOffset>? before) || !Same(before, report.Ports))
        {
            ImmutableDictionary<NicId, DateTimeOffset> now = report.Ports.ToImmutableDictionary(port => port.Key, port => port.Value.AttachedAt);
            Claim(server, before ?? ImmutableDictionary<NicId, DateTimeOffset>.Empty, now);
            Note(server, _known[server] = now);
        }
    }

    /// <summary>Forgets every server that is not there any more.</summary>
    public void KeepOnly(IReadOnlyCollection<Guid> servers)
    {
        foreach (Guid gone in _known.Keys.Except(servers).ToArray())
        {
            Claim(gone, _known[gone], ImmutableDictionary<NicId, DateTimeOffset>.Empty);
            _known.Remove(gone);
            _seen.Remove(gone);
            Note(gone, null);
        }
    }

    /// <summary>Where every port is.</summary>
    public Placements Placements { get; private set; }

    /// <summary>The ports whose place may have changed since this was asked last.</summary>
    public IReadOnlyCollection<NicId> TakeMoved()
    {
        HashSet<NicId> moved = _moved;
        _moved = [];
        return moved;
    }

    public async ValueTask DisposeAsync()
    {
        _changed.Complete();
        _stop.CancelAfter(s_lastWrite);
        await _writing;
        await _store.DisposeAsync();
        _stop.Dispose();
    }

    private static bool Same(ImmutableDictionary<NicId, DateTimeOffset> known, ImmutableDictionary<NicId, PortBinding> ports) =>
        known.Count == ports.Count && ports.All(port => known.TryGetValue(port.Key, out DateTimeOffset at) && at == port.Value.AttachedAt);

    private void Claim(Guid server, ImmutableDictionary<NicId, DateTimeOffset> before, ImmutableDictionary<NicId, DateTimeOffset> now)
    {
        ImmutableDictionary<NicId, Guid>.Builder places = Placements.Servers.ToBuilder();
        foreach (NicId nic in before.Keys.Union(now.Keys).ToArray())
        {
            ImmutableDictionary<Guid, DateTimeOffset> claims = _claims.GetValueOrDefault(nic) ?? ImmutableDictionary<Guid, DateTimeOffset>.Empty;
            claims = now.TryGetValue(nic, out DateTimeOffset at) ? claims.SetItem(server, at) : claims.Remove(server);
            _moved.Add(nic);
            if (claims.IsEmpty)
            {
                _claims.Remove(nic);
                places.Remove(nic);
            }
            else
            {
                _claims[nic] = claims;
                places[nic] = Planning.Placements.Latest(claims);
            }
        }

        Placements = new Placements(places.ToImmutable());
    }

    private void Note(Guid server, ImmutableDictionary<NicId, DateTimeOffset>? ports)
    {
        lock (_gate)
        {
            _unsaved[server] = ports;
        }

        _changed.Set();
    }

    private async Task WriteAsync()
    {
        try
        {
            await foreach (bool _ in _changed.Reader.ReadAllAsync(_stop.Token))
            {
                // When we are being stopped there is no more to gather.
                await Task.WhenAny(Task.Delay(s_gather, _time, _stop.Token), _changed.Reader.Completion);
                while (!await SaveAsync())
                {
                    await Task.Delay(s_retry, _time, _stop.Token);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The store did not take the last placements in time. The hosts say them again.
        }
    }

    private async Task<bool> SaveAsync()
    {
        Dictionary<Guid, ImmutableDictionary<NicId, DateTimeOffset>?> batch;
        lock (_gate)
        {
            (batch, _unsaved) = (_unsaved, []);
        }

        try
        {
            if (batch.Count > 0)
            {
                await _store.SaveAsync(batch, _stop.Token);
            }

            return true;
        }
        catch (StoreException e)
        {
            Log.NotSaved(_logger, batch.Count, e.Message);
            lock (_gate)
            {
                foreach ((Guid server, ImmutableDictionary<NicId, DateTimeOffset>? ports) in batch)
                {
                    _unsaved.TryAdd(server, ports);
                }
            }

            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 2221, Level = LogLevel.Warning, Message = "Placements on {Servers} servers are not durable yet: {Reason}")]
        public static partial void NotSaved(ILogger logger, int servers, string reason);
    }
}
