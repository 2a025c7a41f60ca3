using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Hnv.HostAgent.Configuration;
using Hnv.Pki;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Hnv.HostAgent.Tests.Configuration;

/// <summary>The host channel's door, on real sockets with real certificates.</summary>
public sealed class ChannelAccessTests : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-door-");
    private readonly List<HttpClient> _clients = [];
    private PkiDirectory _pki = null!;
    private WebApplication? _web;

    public async Task InitializeAsync()
    {
        _pki = PkiDirectory.Init(Path.Combine(_directory.FullName, "pki"), TimeProvider.System);
        string host = _pki.IssueHost("host1", ["127.0.0.1"]);
        var access = ChannelAccess.Open(
            new TlsOptions { Certificate = $"{host}/cert.pem", PrivateKey = $"{host}/key.pem", Authorities = $"{host}/ca.pem", ControllersAuthorities = $"{host}/controllers-ca.pem" },
            TimeProvider.System);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => access.Listen(kestrel, ["https://127.0.0.1:0"]));
        _web = builder.Build();
        _web.Use(access.InvokeAsync);
        _web.Map("/{**path}", () => "served");
        await _web.StartAsync();
    }

    public async Task DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        await _web!.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task ControllerAndAdmin_MayDoEverything_ReaderMayRead()
    {
        HttpClient controller = Client(_pki.IssueController("nc", []), "southbound-cert.pem", "southbound-key.pem");
        HttpClient admin = Client(_pki.IssueClient("ana", new CertificateGrant(CertificateRole.Admin)));
        HttpClient reader = Client(_pki.IssueClient("rita", new CertificateGrant(CertificateRole.Reader)));

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(controller, HttpMethod.Put));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(admin, HttpMethod.Delete));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(reader, HttpMethod.Get));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(reader, HttpMethod.Put));
    }

    [Fact]
    public async Task Nobody_IsUnauthorized() => Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(Client((X509Certificate2?)null), HttpMethod.Get));

    [Fact]
    public async Task TenantHostStrangerAndExpired_AreTurnedAway()
    {
        string tenant = _pki.IssueClient("user", new CertificateGrant(CertificateRole.Tenant, "contoso"));
        string foreign = PkiDirectory.Init(Path.Combine(_directory.FullName, "foreign"), TimeProvider.System).IssueClient("ana", new CertificateGrant(CertificateRole.Admin));

        // What one authority says the other one may not: a controller of the people's authority is none here.
        foreach (string folder in new[] { tenant, _pki.IssueHost("host2", []), _pki.IssueController("nc", []), foreign })
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => StatusAsync(Client(folder), HttpMethod.Get));
        }
    }

    private HttpClient Client(string folder, string certificate = "cert.pem", string key = "key.pem") => Client(X509Certificate2.CreateFromPemFile($"{folder}/{certificate}", $"{folder}/{key}"));

    private HttpClient Client(X509Certificate2? certificate)
    {
        X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(Path.Combine(_directory.FullName, "pki", "ca.pem"));
        HttpClient client = new(new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = policy,
                LocalCertificateSelectionCallback = certificate is null ? null : (_, _, _, _, _) => certificate,
            },
        })
        { BaseAddress = new Uri(_web!.Urls.Single()) };
        _clients.Add(client);
        return client;
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient client, HttpMethod method)
    {
        using HttpRequestMessage request = new(method, new Uri("/v1/ports", UriKind.Relative));
        using HttpResponseMessage response = await client.SendAsync(request);
        return response.StatusCode;
    }
}
