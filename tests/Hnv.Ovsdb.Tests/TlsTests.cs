using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Hnv.Pki;

namespace Hnv.Ovsdb.Tests;

/// <summary>Mutual TLS between our client and the stock server: its own checks of us, and ours of it.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-tls-");
    private readonly PkiDirectory _pki;
    private readonly string _controller;
    private readonly int _port = FreePort();

    public TlsTests()
    {
        _pki = PkiDirectory.Init(Path.Combine(_directory.FullName, "pki"), TimeProvider.System);
        _controller = _pki.IssueController("nc", []);
    }

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Controller_AndHost_TrustEachOther_AlsoThroughAReplica()
    {
        await using TestServer server = await StartAsync(_pki.IssueHost("host1", ["127.0.0.1"]));
        await using OvsdbClient client = await OvsdbClient.ConnectAsync(Endpoint(Southbound()), TestServer.Soon);
        using OvsdbTransaction transaction = new(TestServer.Database);
        transaction.Insert("Cage", [KeyValuePair.Create("name", (OvsdbValue)"lion")]);
        await client.TransactAsync(transaction, TestServer.Soon);

        await using OvsdbReplica replica = server.Replicate(endpoint: Endpoint(Southbound()));
        await replica.WaitUntilSyncedAsync(TestServer.Soon);

        Assert.Single(replica.Snapshot[TestServer.Database, "Cage"]);
    }

    [Fact]
    public async Task Server_RefusesWhoIsNoController()
    {
        await using TestServer server = await StartAsync(_pki.IssueHost("host1", ["127.0.0.1"]));
        string host2 = _pki.IssueHost("host2", []);
        string admin = _pki.IssueClient("ana", new CertificateGrant(CertificateRole.Admin));
        string foreign = PkiDirectory.Init(Path.Combine(_directory.FullName, "foreign"), TimeProvider.System).IssueController("nc", []);

        await RefusedAsync(Load(host2, "cert.pem", "key.pem"));
        await RefusedAsync(Load(admin, "cert.pem", "key.pem"));
        await RefusedAsync(Load(_controller, "cert.pem", "key.pem"));
        await RefusedAsync(Load(foreign, "southbound-cert.pem", "southbound-key.pem"));
        await RefusedAsync(Signed("controllers-ca", CertificateAuthority.ClientAuthentication, -10, -1));
        await RefusedAsync(Signed("controllers-ca", CertificateAuthority.ClientAuthentication, 1, 10));
        await RefusedAsync(Signed("controllers-ca", CertificateAuthority.ServerAuthentication, -1, 10));
        await using OvsdbClient still = await OvsdbClient.ConnectAsync(Endpoint(Signed("controllers-ca", CertificateAuthority.ClientAuthentication, -1, 10)), TestServer.Soon);
        await still.EchoAsync(TestServer.Soon);
    }

    [Fact]
    public async Task Client_RefusesAHostOfAnotherName()
    {
        await using TestServer server = await StartAsync(_pki.IssueHost("host2", ["127.0.0.2"]));

        await RefusedAsync(Southbound());
        await using OvsdbClient byName = await OvsdbClient.ConnectAsync(
            OvsdbEndpoint.Parse($"ssl:127.0.0.1:{_port}", new OvsdbTls(Southbound, () => Authorities("ca"), ServerName: "host2")), TestServer.Soon);
        await byName.EchoAsync(TestServer.Soon);
    }

    [Theory]
    [InlineData("stranger")]
    [InlineData("expired")]
    [InlineData("client")]
    public async Task Client_RefusesABadServer(string kind)
    {
        string folder = Path.Combine(_directory.FullName, "bad");
        Directory.CreateDirectory(folder);
        using X509Certificate2 certificate = kind switch
        {
            "expired" => Signed("ca", CertificateAuthority.ServerAuthentication, -10, -1),
            "client" => Signed("ca", CertificateAuthority.ClientAuthentication, -1, 10),
            _ => Load(PkiDirectory.Init(Path.Combine(_directory.FullName, "foreign"), TimeProvider.System).IssueHost("host1", ["127.0.0.1"]), "cert.pem", "key.pem"),
        };
        File.WriteAllText($"{folder}/cert.pem", certificate.ExportCertificatePem());
        File.WriteAllText($"{folder}/key.pem", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        File.Copy(Path.Combine(_directory.FullName, "pki", "controllers-ca.pem"), $"{folder}/controllers-ca.pem");
        await using TestServer server = await StartAsync(folder);

        await RefusedAsync(Southbound());
    }

    [Fact]
    public async Task Renewed_ServerShowsTheNewCertificateWithoutARestart()
    {
        string folder = _pki.IssueHost("host1", ["127.0.0.1"]);
        await using TestServer server = await StartAsync(folder, TimeSpan.FromMilliseconds(20));
        int process = server.Process.ProcessId;
        string before = await PresentedAsync();

        _pki.IssueHost("host1", []);
        string renewed = X509Certificate2.CreateFromPem(File.ReadAllText($"{folder}/cert.pem")).Thumbprint;

        CancellationToken patience = TestServer.Soon;
        while (await PresentedAsync() != renewed)
        {
            patience.ThrowIfCancellationRequested();
        }

        Assert.NotEqual(before, renewed);
        Assert.Equal(process, server.Process.ProcessId);
    }

    [Fact]
    public async Task Key_IsReadableByTheServersUserOnly()
    {
        await using TestServer server = await StartAsync(_pki.IssueHost("host1", ["127.0.0.1"]));

        string key = Path.Combine(server.Options.RunDirectory, "tls", "key.pem");

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(key)!));
    }

    [Fact]
    public async Task Certificates_Missing_ServerIsNotStarted()
    {
        OvsdbException missing = await Assert.ThrowsAsync<OvsdbException>(() => StartAsync("/nowhere"));

        Assert.Contains("/nowhere", missing.Message, StringComparison.Ordinal);
    }

    private Task<TestServer> StartAsync(string folder, TimeSpan? refresh = null) => TestServer.StartAsync(options => options with
    {
        Remotes = [$"pssl:{_port}:127.0.0.1"],
        Tls = new OvsdbServerTls($"{folder}/key.pem", $"{folder}/cert.pem", $"{folder}/controllers-ca.pem") { RefreshInterval = refresh ?? TimeSpan.FromSeconds(30) },
    });

    private OvsdbEndpoint Endpoint(X509Certificate2 certificate) =>
        OvsdbEndpoint.Parse($"ssl:127.0.0.1:{_port}", new OvsdbTls(() => certificate, () => Authorities("ca")));

    /// <summary>In TLS 1.3 a server's refusal comes after the handshake is over on our side; either way nothing is served.</summary>
    private async Task RefusedAsync(X509Certificate2 certificate) => await Assert.ThrowsAsync<OvsdbConnectionException>(async () =>
    {
        await using OvsdbClient client = await OvsdbClient.ConnectAsync(Endpoint(certificate), TestServer.Soon);
        await client.EchoAsync(TestServer.Soon);
    });

    private async Task<string> PresentedAsync()
    {
        using TcpClient tcp = new();
        await tcp.ConnectAsync(IPAddress.Loopback, _port, TestServer.Soon);
        await using System.Net.Security.SslStream tls = new(tcp.GetStream());
        X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(Authorities("ca"));
        try
        {
            await tls.AuthenticateAsClientAsync(new System.Net.Security.SslClientAuthenticationOptions
            {
                TargetHost = "host1",
                CertificateChainPolicy = policy,
                LocalCertificateSelectionCallback = (_, _, _, _, _) => Southbound(),
            });
        }
        catch (System.Security.Authentication.AuthenticationException)
        {
            // The stock server has read one of the two new files: the next attempt finds both.
            return "";
        }

        return ((X509Certificate2)tls.RemoteCertificate!).Thumbprint;
    }

    private X509Certificate2 Southbound() => Load(_controller, "southbound-cert.pem", "southbound-key.pem");

    private static X509Certificate2 Load(string folder, string certificate, string key) => X509Certificate2.CreateFromPemFile($"{folder}/{certificate}", $"{folder}/{key}");

    private X509Certificate2Collection Authorities(string name)
    {
        X509Certificate2Collection authorities = [];
        authorities.ImportFromPemFile(Path.Combine(_directory.FullName, "pki", $"{name}.pem"));
        return authorities;
    }

    /// <summary>A certificate with any usage and dates, which the authority itself would not give.</summary>
    private X509Certificate2 Signed(string authorityName, string usage, int fromDays, int toDays)
    {
        string path = Path.Combine(_directory.FullName, "pki", authorityName);
        using var authority = X509Certificate2.CreateFromPemFile($"{path}.pem", $"{path}-key.pem");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=nc", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        SubjectAlternativeNameBuilder names = new();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.Create(
            authority.SubjectName, X509SignatureGenerator.CreateForECDsa(authority.GetECDsaPrivateKey()!), DateTimeOffset.UtcNow.AddDays(fromDays), DateTimeOffset.UtcNow.AddDays(toDays), [1, 2, 3, 4]);
        return certificate.CopyWithPrivateKey(key);
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
