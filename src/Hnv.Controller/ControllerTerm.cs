using Hnv.Controller.Engine;
using Hnv.Controller.HostChannel;
using Hnv.Controller.Hosts;
using Hnv.Controller.Http;
using Hnv.Controller.Resources;
using Hnv.Controller.Store;
using Hnv.Ovsdb;
using Hnv.Pki;

namespace Hnv.Controller;

/// <summary>What a controller is made of while it is in office: engine, southbound, API. Another term is another one of these.</summary>
internal sealed class ControllerTerm : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _parts;

    private ControllerTerm(ResourceEngine engine, HostFleet fleet, NetworkingApi api, List<IAsyncDisposable> parts)
    {
        Engine = engine;
        Fleet = fleet;
        Api = api;
        _parts = parts;
    }

    public ResourceEngine Engine { get; }

    public HostFleet Fleet { get; }

    public NetworkingApi Api { get; }

    /// <summary>Takes office: fences out whoever was before, reads the store, and drives the hosts.</summary>
    /// <exception cref="StoreException">The store is out of reach, or newer than we are.</exception>
    public static async Task<ControllerTerm> BeginAsync(
        ControllerOptions options, IReadOnlyList<OvsdbEndpoint> endpoints, SecretBox secrets, OvsdbTls? southbound, AuditLog audit, ILoggerFactory loggers, CancellationToken cancellation)
    {
        var parts = new List<IAsyncDisposable>();
        try
        {
            var store = new OvsdbDocumentStore(endpoints);
            parts.Add(store);
            long epoch = await store.BeginTermAsync(cancellation);
            var engine = new ResourceEngine(NetworkControllerCatalog.Create(Path.Combine(options.StateDirectory, "backup")), store, secrets, new OperationLog());
            parts.Add(engine);
            await engine.StartAsync(cancellation);
            PlacementLedger ledger = await PlacementLedger.OpenAsync(
                new OvsdbPlacementStore(endpoints), TimeProvider.System, loggers.CreateLogger<PlacementLedger>(), cancellation);
            var fleet = new HostFleet(engine, ledger, options.Southbound.Port, southbound, epoch, TimeProvider.System, loggers);
            parts.Add(fleet);
            var channels = new HostChannels(
                fleet, options.Southbound.Tls is { } tls ? CertificateFiles.Open(tls.Certificate, tls.PrivateKey, tls.Authorities) : null);
            parts.Add(channels);
            fleet.Start();
            var counters = new NicCounterCollector(fleet, channels, TimeProvider.System);
            parts.Add(counters);
            engine.Live = new FleetLiveState(fleet, counters, TimeProvider.System);
            return new ControllerTerm(engine, fleet, new NetworkingApi(engine, audit, options.Limits, TimeProvider.System, loggers.CreateLogger<NetworkingApi>(), channels), parts);
        }
        catch
        {
            await DisposeAsync(parts);
            throw;
        }
    }

    public ValueTask DisposeAsync() => DisposeAsync(_parts);

    private static async ValueTask DisposeAsync(List<IAsyncDisposable> parts)
    {
        for (int i = parts.Count - 1; i >= 0; i--)
        {
            await parts[i].DisposeAsync();
        }

        parts.Clear();
    }
}
