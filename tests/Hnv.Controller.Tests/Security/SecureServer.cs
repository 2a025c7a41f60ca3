using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Http;
using Hnv.Controller.Resources;
using Hnv.Controller.Store;
using Hnv.Pki;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Controller.Tests.Security;

/// <summary>The API behind its real listeners on loopback, with certificates of its own and a store in memory.</summary>
internal sealed class SecureServer : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-sec-");
    private readonly List<HttpClient> _clients = [];
    private WebApplication? _web;
    private AccessGate? _gate;
    private AuditLog? _audit;

    private SecureServer() => Pki = PkiDirectory.Init(Path.Combine(_directory.FullName, "pki"), TimeProvider.System);

    public PkiDirectory Pki { get; }

    public ResourceEngine Engine { get; private set; } = null!;

    public Uri Address { get; private set; } = null!;

    public string Folder => _directory.FullName;

    public string AuditPath => Path.Combine(_directory.FullName, "audit.jsonl");

    public static async Task<SecureServer> StartAsync(Action<ControllerOptions, SecureServer>? change = null)
    {
        SecureServer server = new();
        try
        {
            return await StartAsync(server, change);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private static async Task<SecureServer> StartAsync(SecureServer server, Action<ControllerOptions, SecureServer>? change)
    {
        string own = server.Pki.IssueController("nc", ["127.0.0.1"]);
        ControllerOptions options = new()
        {
            StateDirectory = server.Folder,
            RunDirectory = server.Folder,
            Listen = ["https://127.0.0.1:0"],
            Tls = new ControllerOptions.TlsSection { Certificate = $"{own}/cert.pem", PrivateKey = $"{own}/key.pem", Authorities = $"{own}/ca.pem" },
            Authentication = new ControllerOptions.AuthenticationSection { Mode = ControllerOptions.AuthenticationMode.X509 },
        };
        change?.Invoke(options, server);
        options.Check();
        var files = CertificateFiles.Open(options.Tls.Certificate, options.Tls.PrivateKey, options.Tls.Authorities);
        CertificateCallers callers = new(options.Authentication.TrustAuthorities ? files : null, options.Authentication.Clients, TimeProvider.System);
        server.Engine = new ResourceEngine(NetworkControllerCatalog.Create(), new MemoryDocumentStore(), SecretBox.Ephemeral(), new OperationLog());
        await server.Engine.StartAsync(CancellationToken.None);
        server._audit = new AuditLog(options.AuditPath, options.Audit.FileBytesMax, options.Audit.FilesKept, TimeProvider.System, NullLogger.Instance);
        KerberosCallers? tickets = ControllerApp.Tickets(options.Authentication, NullLoggerFactory.Instance);
        server._gate = new AccessGate(options.Authentication.Mode, callers, tickets, options.Limits);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(new Listeners(options, files, tickets is null ? callers : null).Configure);
        server._web = builder.Build();
        server._web.Use(server._gate.InvokeAsync);
        ControllerApp.Map(server._web, server.Engine, server._audit, options.Limits);
        await server._web.StartAsync();
        server.Address = new Uri(server._web.Urls.Single(url => url.StartsWith("https", StringComparison.Ordinal)));
        return server;
    }

    /// <summary>A client that shows the certificate of a folder; null shows none.</summary>
    public HttpClient Client(string? folder) =>
        Client(folder is null ? null : X509Certificate2.CreateFromPemFile($"{folder}/cert.pem", $"{folder}/key.pem"));

    public HttpClient Client(X509Certificate2? certificate)
    {
        HttpClient client = new(new SocketsHttpHandler
        {
            SslOptions = Trusting(certificate),
        })
        { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(30) };
        _clients.Add(client);
        return client;
    }

    /// <summary>TLS that trusts the server's authority and shows a certificate.</summary>
    public SslClientAuthenticationOptions Trusting(X509Certificate2? certificate)
    {
        X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile($"{Folder}/pki/ca.pem");
        return new SslClientAuthenticationOptions
        {
            TargetHost = "127.0.0.1",
            CertificateChainPolicy = policy,
            LocalCertificateSelectionCallback = certificate is null ? null : (_, _, _, _, _) => certificate,
        };
    }

    public HttpClient Admin(string name = "ana") => Client(Pki.IssueClient(name, new CertificateGrant(CertificateRole.Admin)));

    public HttpClient Reader() => Client(Pki.IssueClient("rita", new CertificateGrant(CertificateRole.Reader)));

    public HttpClient Tenant(string id) => Client(Pki.IssueClient($"user-of-{id}", new CertificateGrant(CertificateRole.Tenant, id)));

    public static async Task<Reply> SendAsync(HttpClient client, string verb, string path, string? body = null, params (string Name, string Value)[] headers)
    {
        using HttpRequestMessage request = new(new HttpMethod(verb), path.StartsWith('/') ? path : $"/networking/v7.1/{path}");
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using HttpResponseMessage response = await client.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        return new Reply(
            response.StatusCode,
            text.Length == 0 ? null : JsonNode.Parse(text),
            response.Headers.ToDictionary(h => h.Key, h => string.Join(",", h.Value), StringComparer.OrdinalIgnoreCase));
    }

    public static async Task<HttpStatusCode> StatusAsync(HttpClient client, string verb, string path, string? body = null) => (await SendAsync(client, verb, path, body)).Status;

    public List<JsonNode> AuditLines() => [.. File.ReadLines(AuditPath).Select(line => JsonNode.Parse(line)!)];

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        await (_web?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (Engine?.DisposeAsync() ?? ValueTask.CompletedTask);
        _gate?.Dispose();
        _audit?.Dispose();
        _directory.Delete(recursive: true);
    }
}
