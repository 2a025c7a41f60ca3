using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Hnv.Client;
using Hnv.Controller.Http;
using Hnv.Pki;

namespace Hnv.Controller.Tests.Security;

public sealed class AuthenticationTests
{
    private const string Acl = "accessControlLists/a";

    [Fact]
    public async Task Roles_AdminChanges_ReaderReads_HostIsForbidden_NobodyIsUnauthorized()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        HttpClient admin = server.Admin(), reader = server.Reader();

        Assert.Equal(HttpStatusCode.Created, await SecureServer.StatusAsync(admin, "PUT", Acl, """{"properties":{}}"""));
        Assert.Equal(HttpStatusCode.OK, await SecureServer.StatusAsync(reader, "GET", Acl));
        Reply put = await SecureServer.SendAsync(reader, "PUT", Acl, """{"properties":{}}""");
        Reply delete = await SecureServer.SendAsync(reader, "DELETE", Acl);
        Reply host = await SecureServer.SendAsync(server.Client(server.Pki.IssueHost("host1", [])), "GET", Acl);
        Reply nobody = await SecureServer.SendAsync(server.Client((string?)null), "GET", Acl);

        Assert.Equal((HttpStatusCode.Forbidden, "Forbidden"), (put.Status, put.Code));
        Assert.Equal((HttpStatusCode.Forbidden, "Forbidden"), (delete.Status, delete.Code));
        Assert.Equal((HttpStatusCode.Forbidden, "Forbidden"), (host.Status, host.Code));
        Assert.Equal((HttpStatusCode.Unauthorized, "Unauthorized"), (nobody.Status, nobody.Code));
        Assert.Equal(HttpStatusCode.OK, await SecureServer.StatusAsync(reader, "GET", Acl));
    }

    [Fact]
    public async Task Certificate_Bad_EndsTheConnection()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        DirectoryInfo foreign = Directory.CreateTempSubdirectory("hnv-t-pki-");
        string stranger = PkiDirectory.Init(foreign.FullName, TimeProvider.System).IssueClient("ana", new CertificateGrant(CertificateRole.Admin));
        string southbound = server.Pki.IssueController("other", []);

        await Assert.ThrowsAsync<HttpRequestException>(() => SecureServer.SendAsync(server.Client(stranger), "GET", Acl));
        await Assert.ThrowsAsync<HttpRequestException>(() => SecureServer.SendAsync(server.Client(Signed(server, ClientUsage, -10, -1)), "GET", Acl));
        await Assert.ThrowsAsync<HttpRequestException>(() => SecureServer.SendAsync(server.Client(Signed(server, ClientUsage, 1, 10)), "GET", Acl));
        await Assert.ThrowsAsync<HttpRequestException>(() => SecureServer.SendAsync(server.Client(Signed(server, ServerUsage, -1, 10)), "GET", Acl));
        await Assert.ThrowsAsync<HttpRequestException>(() => SecureServer.SendAsync(
            server.Client(X509Certificate2.CreateFromPemFile($"{southbound}/southbound-cert.pem", $"{southbound}/southbound-key.pem")), "GET", Acl));
        Assert.Equal(HttpStatusCode.OK, await SecureServer.StatusAsync(server.Client(Signed(server, ClientUsage, -1, 10)), "GET", "accessControlLists"));
        foreign.Delete(recursive: true);
    }

    [Fact]
    public async Task Listed_ThumbprintDecides_AlsoAgainstWhatTheCertificateSays()
    {
        DirectoryInfo foreign = Directory.CreateTempSubdirectory("hnv-t-pki-");
        string stranger = PkiDirectory.Init(foreign.FullName, TimeProvider.System).IssueClient("bob", new CertificateGrant(CertificateRole.Admin));
        string withdrawn = "";
        await using SecureServer server = await SecureServer.StartAsync((options, s) =>
        {
            withdrawn = s.Pki.IssueClient("eve", new CertificateGrant(CertificateRole.Admin));
            options.Authentication.Clients =
            [
                new() { Thumbprint = Thumbprint(stranger, HashAlgorithmName.SHA1).ToLowerInvariant(), Role = CallerRole.Reader },
                new() { Thumbprint = string.Join(':', Thumbprint(withdrawn, HashAlgorithmName.SHA256).Chunk(2).Select(pair => new string(pair))), Role = CallerRole.None },
            ];
        });
        HttpClient bob = server.Client(stranger);

        Assert.Equal(HttpStatusCode.OK, await SecureServer.StatusAsync(bob, "GET", "accessControlLists"));
        Assert.Equal(HttpStatusCode.Forbidden, await SecureServer.StatusAsync(bob, "PUT", Acl, """{"properties":{}}"""));
        Assert.Equal(HttpStatusCode.Forbidden, await SecureServer.StatusAsync(server.Client(withdrawn), "GET", "accessControlLists"));
        Assert.Equal(HttpStatusCode.OK, await SecureServer.StatusAsync(server.Admin(), "GET", "accessControlLists"));
        foreign.Delete(recursive: true);
    }

    [Fact]
    public async Task Listed_Only_OtherCertificatesOfTheAuthorityDoNotCount()
    {
        string known = "";
        await using SecureServer server = await SecureServer.StartAsync((options, s) =>
        {
            known = s.Pki.IssueClient("ana", new CertificateGrant(CertificateRole.Reader));
            options.Authentication.TrustAuthorities = false;
            options.Authentication.Clients = [new() { Thumbprint = Thumbprint(known, HashAlgorithmName.SHA256) }];
        });

        Assert.Equal(HttpStatusCode.Created, await SecureServer.StatusAsync(server.Client(known), "PUT", Acl, """{"properties":{}}"""));
        await Assert.ThrowsAsync<HttpRequestException>(() => SecureServer.SendAsync(server.Admin("other"), "GET", Acl));
    }

    [Fact]
    public async Task Server_Renewed_NextConnectionSeesTheNewCertificate()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        string before = await PresentedAsync(server);

        server.Pki.IssueController("nc", []);

        Assert.NotEqual(before, await PresentedAsync(server));
    }

    [Fact]
    public async Task Client_TrustsOnlyItsAuthorityAndOnlyTheNameItAskedFor()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        string ana = server.Pki.IssueClient("ana", new CertificateGrant(CertificateRole.Admin));
        DirectoryInfo foreign = Directory.CreateTempSubdirectory("hnv-t-pki-");
        PkiDirectory.Init(foreign.FullName, TimeProvider.System);
        using ControllerClient right = new(server.Address.ToString(), identity: CertificateFiles.Open($"{ana}/cert.pem", $"{ana}/key.pem", $"{ana}/ca.pem"));
        using ControllerClient wrongName = new($"https://localhost:{server.Address.Port}", identity: CertificateFiles.Open($"{ana}/cert.pem", $"{ana}/key.pem", $"{ana}/ca.pem"));
        using ControllerClient wrongAuthority = new(server.Address.ToString(), identity: CertificateFiles.Open($"{ana}/cert.pem", $"{ana}/key.pem", $"{foreign.FullName}/ca.pem"));

        Assert.NotNull(await right.GetAsync("accessControlLists"));
        await Assert.ThrowsAsync<ApiException>(() => wrongName.GetAsync("accessControlLists"));
        await Assert.ThrowsAsync<ApiException>(() => wrongAuthority.GetAsync("accessControlLists"));
        foreign.Delete(recursive: true);
    }

    [Fact]
    public async Task Http_WhereCallersMustSayWhoTheyAre_IsNotServed() =>
        await Assert.ThrowsAsync<InvalidDataException>(() => SecureServer.StartAsync((options, _) => options.Listen = ["http://127.0.0.1:0"]));

    [Theory]
    [InlineData("12", "Admin", null)]
    [InlineData("0123456789012345678901234567890123456789", "Tenant", null)]
    [InlineData("0123456789012345678901234567890123456789", "Tenant", "a.b")]
    [InlineData("0123456789012345678901234567890123456789", "Admin", "contoso")]
    public void Options_ClientThatMakesNoSense_IsRefused(string thumbprint, string role, string? tenant) =>
        Assert.Throws<InvalidDataException>(() => new ControllerOptions
        {
            Authentication = new() { Clients = [new() { Thumbprint = thumbprint, Role = Enum.Parse<CallerRole>(role), Tenant = tenant }] },
        }.Check());

    private const string ClientUsage = CertificateAuthority.ClientAuthentication;
    private const string ServerUsage = CertificateAuthority.ServerAuthentication;

    /// <summary>A certificate of the server's own authority with any usage and dates, which the authority itself would not give.</summary>
    private static X509Certificate2 Signed(SecureServer server, string usage, int fromDays, int toDays)
    {
        using var authority = X509Certificate2.CreateFromPemFile($"{server.Folder}/pki/ca.pem", $"{server.Folder}/pki/ca-key.pem");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=ana", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        SubjectAlternativeNameBuilder names = new();
        names.AddUri(new Uri("urn:openhnv:admin"));
        request.CertificateExtensions.Add(names.Build());
        X509SignatureGenerator generator = X509SignatureGenerator.CreateForECDsa(authority.GetECDsaPrivateKey()!);
        using X509Certificate2 certificate = request.Create(authority.SubjectName, generator, DateTimeOffset.UtcNow.AddDays(fromDays), DateTimeOffset.UtcNow.AddDays(toDays), RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);
    }

    private static string Thumbprint(string folder, HashAlgorithmName hash) =>
        X509Certificate2.CreateFromPem(File.ReadAllText($"{folder}/cert.pem")).GetCertHashString(hash);

    private static async Task<string> PresentedAsync(SecureServer server)
    {
        using TcpClient tcp = new();
        await tcp.ConnectAsync(IPAddress.Loopback, server.Address.Port);
        await using SslStream tls = new(tcp.GetStream());
        await tls.AuthenticateAsClientAsync(server.Trusting(null));
        return tls.RemoteCertificate!.GetCertHashString();
    }
}
