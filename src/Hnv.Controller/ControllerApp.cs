using Hnv.Controller.Engine;
using Hnv.Controller.Hosts;
using Hnv.Controller.Http;
using Hnv.Controller.Http.OpenApi;
using Hnv.Controller.Http.Page;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;
using Hnv.Controller.Store;
using Hnv.Ovsdb;
using Hnv.Pki;

namespace Hnv.Controller;

/// <summary>The whole controller: listeners, audit log, the store's server, and the terms of office. Stops in the reverse order.</summary>
internal sealed class ControllerApp : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _parts;
    private ControllerTerm? _only;
    private Candidacy? _candidacy;

    private ControllerApp(WebApplication web, List<IAsyncDisposable> parts)
    {
        Web = web;
        _parts = parts;
    }

    public WebApplication Web { get; }

    /// <summary>The present term of office; null while another controller of the same store is in office.</summary>
    public ControllerTerm? Term => _only ?? _candidacy?.Term;

    public ResourceEngine Engine => Term!.Engine;

    public HostFleet Fleet => Term!.Fleet;

    /// <summary>Starts everything and returns once it answers; with a shared store, that another one is in office may be the answer.</summary>
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
        WebApplicationBuilder builder = Builder(new Listeners(options, own, callers));
        var parts = new List<IAsyncDisposable>();
        try
        {
            WebApplication web = builder.Build();
            parts.Add(web);
            ILoggerFactory loggers = web.Services.GetRequiredService<ILoggerFactory>();
            var app = new ControllerApp(web, parts);
            var audit = new AuditLog(options.AuditPath, options.Audit.FileBytesMax, options.Audit.FilesKept, TimeProvider.System, loggers.CreateLogger<AuditLog>());
            web.Lifetime.ApplicationStopped.Register(audit.Dispose);
            var gate = new AccessGate(options.Authentication.Mode, callers, Tickets(options.Authentication, loggers), options.Limits);
            web.Lifetime.ApplicationStopped.Register(gate.Dispose);
            web.Use(gate.InvokeAsync);
            Map(web, () => app.Term is { } term ? (term.Engine, term.Api) : null);
            await app.TakePartAsync(options, audit, loggers, cancellation);
            File.Delete(options.SocketPath);
            await web.StartAsync(cancellation);
            File.SetUnixFileMode(options.SocketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            return app;
        }
        catch
        {
            await DisposeAsync(parts);
            throw;
        }
    }

    /// <summary>Puts the routes of one engine into an application.</summary>
    public static void Map(WebApplication web, ResourceEngine engine, AuditLog? audit = null, ControllerOptions.LimitsSection? limits = null)
    {
        var api = new NetworkingApi(engine, audit, limits ?? new ControllerOptions.LimitsSection(), TimeProvider.System, web.Services.GetRequiredService<ILogger<NetworkingApi>>());
        Map(web, () => (engine, api));
    }

    public async ValueTask DisposeAsync()
    {
        await Web.StopAsync();
        await DisposeAsync(_parts);
    }

    /// <summary>Takes office at once where the store is ours alone, and stands for it where it is shared.</summary>
    private async Task TakePartAsync(ControllerOptions options, AuditLog audit, ILoggerFactory loggers, CancellationToken cancellation)
    {
        bool shared = options.Ovsdb.Endpoints.Count > 0;
        OvsdbTls? southbound = TlsOf(options.Southbound.Tls), toStore = TlsOf(options.Ovsdb.Tls);
        SecretBox secrets = SecretBox.FromFile(Path.Combine(options.StateDirectory, "secret.key"), shared);
        IReadOnlyList<OvsdbEndpoint> endpoints = shared ? [.. options.Ovsdb.Endpoints.Select(endpoint => ParseEndpoint(endpoint, toStore))] : [ServerOptions(options).Endpoint];
        Task<ControllerTerm> BeginAsync(CancellationToken inOffice) => ControllerTerm.BeginAsync(options, endpoints, secrets, southbound, audit, loggers, inOffice);
        if (shared)
        {
            _candidacy = new Candidacy(endpoints, BeginAsync, loggers.CreateLogger<Candidacy>());
            _parts.Add(_candidacy);
            return;
        }

        _parts.Add(await OvsdbServerProcess.StartAsync(ServerOptions(options), TimeProvider.System, loggers.CreateLogger<OvsdbServerProcess>(), cancellation));
        _only = await BeginAsync(cancellation);
        _parts.Add(_only);
    }

    /// <summary>What knows callers by their tickets; null in the other modes.</summary>
    /// <exception cref="InvalidDataException">The keytab cannot be used.</exception>
    internal static KerberosCallers? Tickets(ControllerOptions.AuthenticationSection authentication, ILoggerFactory loggers)
    {
        if (authentication.Mode != ControllerOptions.AuthenticationMode.Kerberos)
        {
            return null;
        }

        Keytab.Use(authentication.Kerberos!.Keytab);
        return new KerberosCallers(authentication.Clients, TimeProvider.System, loggers.CreateLogger<KerberosCallers>());
    }

    private static OvsdbTls? TlsOf(ControllerOptions.TlsSection? section)
    {
        if (section is null)
        {
            return null;
        }

        var files = CertificateFiles.Open(section.Certificate, section.PrivateKey, section.Authorities);
        return new OvsdbTls(() => files.Certificate, () => files.Authorities);
    }

    private static OvsdbEndpoint ParseEndpoint(string text, OvsdbTls? tls)
    {
        try
        {
            return OvsdbEndpoint.Parse(text, tls);
        }
        catch (FormatException e)
        {
            throw new InvalidDataException($"ovsdb.endpoints: {e.Message}", e);
        }
    }

    private static void Map(WebApplication web, Func<(ResourceEngine Engine, NetworkingApi Api)?> serving)
    {
        web.Map("/networking/{**path}", context => serving() is { } now
            ? now.Api.HandleAsync(context)
            : Answer.Refusal(new RefusedException(
                ErrorCodes.RetryableError, "", "This controller waits for its turn: another one of the same store is in office, or about to be. Ask the others, or again in a second."))
                .SendAsync(context.Response, context.RequestAborted));

        // The revision counts everybody's changes.
        web.MapGet("/health", (HttpContext context) => Results.Json(serving() is not { } now
            ? new Dictionary<string, object> { ["status"] = "standby" }
            : context.Features.Get<Caller>() is { Role: CallerRole.Tenant }
            ? new Dictionary<string, object> { ["status"] = "ok" }
            : new Dictionary<string, object> { ["status"] = "ok", ["revision"] = now.Engine.Current.Revision }));
        ApiPage.Map(web);
        web.MapGet("/openapi.json", () => Results.Text(OpenApiDocument.Build(serving()?.Engine.Catalog ?? NetworkControllerCatalog.Create()).ToJsonString(), "application/json"));
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
