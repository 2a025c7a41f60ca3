using Hnv.Controller.Engine;
using Hnv.Controller.Hosts;
using Hnv.Controller.Http;
using Hnv.Controller.Resources;
using Hnv.Controller.Store;
using Hnv.Ovsdb;
using Hnv.Pki;

namespace Hnv.Controller;

/// <summary>The whole controller: store, engine, southbound, REST. Stops in the reverse order.</summary>
internal sealed class ControllerApp : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _parts;

    private ControllerApp(WebApplication web, ResourceEngine engine, HostFleet fleet, List<IAsyncDisposable> parts)
    {
        Web = web;
        Engine = engine;
        Fleet = fleet;
        _parts = parts;
    }

    public WebApplication Web { get; }

    public ResourceEngine Engine { get; }

    public HostFleet Fleet { get; }

    /// <summary>Starts everything and returns once it answers.</summary>
    /// <exception cref="OvsdbException">The store's server cannot be started.</exception>
    /// <exception cref="IOException">A directory, socket or port cannot be used.</exception>
    public static async Task<ControllerApp> StartAsync(ControllerOptions options, CancellationToken cancellation)
    {
        Directory.CreateDirectory(options.StateDirectory);
        Directory.CreateDirectory(options.RunDirectory);
        options.Check();
        CertificateFiles? own = options.Tls is { } tls ? CertificateFiles.Open(tls.Certificate, tls.PrivateKey, tls.Authorities) : null;
        CertificateCallers? callers = options.Authentication.Mode == ControllerOptions.AuthenticationMode.X509
            ? new CertificateCallers(options.Authentication.TrustAuthorities ? own : null, options.Authentication.Clients, TimeProvider.System)
            : null;
        OvsdbTls? southbound = options.Southbound.Tls is { } toHosts && CertificateFiles.Open(toHosts.Certificate, toHosts.PrivateKey, toHosts.Authorities) is { } hosts
            ? new OvsdbTls(() => hosts.Certificate, () => hosts.Authorities)
            : null;
        WebApplicationBuilder builder = Builder(new Listeners(options, own, callers));
        var parts = new List<IAsyncDisposable>();
        try
        {
            WebApplication web = builder.Build();
            parts.Add(web);
            ILoggerFactory loggers = web.Services.GetRequiredService<ILoggerFactory>();
            OvsdbServerProcess server = await OvsdbServerProcess.StartAsync(ServerOptions(options), TimeProvider.System, loggers.CreateLogger<OvsdbServerProcess>(), cancellation);
            parts.Add(server);
            var store = new OvsdbDocumentStore(ServerOptions(options).Endpoint);
            parts.Add(store);
            SecretBox secrets = SecretBox.FromFile(Path.Combine(options.StateDirectory, "secret.key"));
            var engine = new ResourceEngine(NetworkControllerCatalog.Create(Path.Combine(options.StateDirectory, "backup")), store, secrets, new OperationLog());
            parts.Add(engine);
            await engine.StartAsync(cancellation);

            long epoch = await store.BeginTermAsync(cancellation);
            PlacementLedger ledger = await PlacementLedger.OpenAsync(
                new OvsdbPlacementStore(ServerOptions(options).Endpoint), TimeProvider.System, loggers.CreateLogger<PlacementLedger>(), cancellation);
            var fleet = new HostFleet(engine, ledger, options.Southbound.Port, southbound, epoch, TimeProvider.System, loggers);
            parts.Add(fleet);
            fleet.Start();
            engine.Live = new FleetLiveState(fleet, TimeProvider.System);
            var audit = new AuditLog(options.AuditPath, options.Audit.FileBytesMax, options.Audit.FilesKept, TimeProvider.System, loggers.CreateLogger<AuditLog>());
            web.Lifetime.ApplicationStopped.Register(audit.Dispose);
            var gate = new AccessGate(options.Authentication.Mode, callers, options.Limits);
            web.Lifetime.ApplicationStopped.Register(gate.Dispose);
            web.Use(gate.InvokeAsync);
            Map(web, engine, audit, options.Limits);
            File.Delete(options.SocketPath);
            await web.StartAsync(cancellation);
            File.SetUnixFileMode(options.SocketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            return new ControllerApp(web, engine, fleet, parts);
        }
        catch
        {
            await DisposeAsync(parts);
            throw;
        }
    }

    /// <summary>Puts the routes into an application.</summary>
    public static void Map(WebApplication web, ResourceEngine engine, AuditLog? audit = null, ControllerOptions.LimitsSection? limits = null)
    {
        var api = new NetworkingApi(engine, audit, limits ?? new ControllerOptions.LimitsSection(), TimeProvider.System, web.Services.GetRequiredService<ILogger<NetworkingApi>>());
        web.Map("/networking/{**path}", api.HandleAsync);

        // The revision counts everybody's changes.
        web.MapGet("/health", (HttpContext context) => Results.Json(context.Features.Get<Caller>() is { Role: CallerRole.Tenant }
            ? new Dictionary<string, object> { ["status"] = "ok" }
            : new Dictionary<string, object> { ["status"] = "ok", ["revision"] = engine.Current.Revision }));
        web.MapGet("/openapi.json", () => Results.Text(OpenApiDocument.Build(engine.Catalog).ToJsonString(), "application/json"));
    }

    public async ValueTask DisposeAsync()
    {
        await Web.StopAsync();
        await DisposeAsync(_parts);
    }

    private static OvsdbServerOptions ServerOptions(ControllerOptions options) => new()
    {
        DataDirectory = Path.Combine(options.StateDirectory, "ovsdb"),
        RunDirectory = Path.Combine(options.RunDirectory, "ovsdb"),
        Databases = [OvsdbDocumentStore.Schema()],
        User = options.Ovsdb.User,
    };

    private static WebApplicationBuilder Builder(Listeners listeners)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.UseUtcTimestamp = true;
        });
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(listeners.Configure);
        return builder;
    }

    private static async ValueTask DisposeAsync(List<IAsyncDisposable> parts)
    {
        for (int i = parts.Count - 1; i >= 0; i--)
        {
            await parts[i].DisposeAsync();
        }

        parts.Clear();
    }
}
