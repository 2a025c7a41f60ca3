using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Hnv.Pki.Tests;

public sealed class PkiDirectoryTests : IDisposable
{
    private static readonly DateTimeOffset s_begin = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-pki-");
    private readonly FixedTime _time = new(s_begin);
    private readonly PkiDirectory _pki;

    public PkiDirectoryTests() => _pki = PkiDirectory.Init(_directory.FullName, _time);

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Host_IsServerAndClient_ForItsNamesAndAddresses()
    {
        X509Certificate2 host = Load(_pki.IssueHost("host1", ["10.0.0.1", "fd00::1", "host1.example.net"]));

        Assert.Null(Fault(host, CertificateAuthority.ServerAuthentication));
        Assert.Null(Fault(host, CertificateAuthority.ClientAuthentication));
        Assert.All(["host1", "10.0.0.1", "fd00::1", "host1.example.net"], name => Assert.True(host.MatchesHostname(name), name));
        Assert.False(host.MatchesHostname("host2"));
        Assert.False(host.MatchesHostname("10.0.0.2"));
        Assert.Equal(new CertificateGrant(CertificateRole.Host), CertificateGrant.Of(host));
    }

    [Theory]
    [InlineData(CertificateRole.Admin, null)]
    [InlineData(CertificateRole.Reader, null)]
    [InlineData(CertificateRole.Tenant, "contoso")]
    [InlineData(CertificateRole.Tenant, "7a1f3f0a-6b4c-4b39-9c1e-1f5d0a6c2f11")]
    public void Client_CarriesItsRole_AndIsNoServer(CertificateRole role, string? tenant)
    {
        X509Certificate2 client = Load(_pki.IssueClient("ana", new CertificateGrant(role, tenant)));

        Assert.Equal(new CertificateGrant(role, tenant), CertificateGrant.Of(client));
        Assert.Null(Fault(client, CertificateAuthority.ClientAuthentication));
        Assert.NotNull(Fault(client, CertificateAuthority.ServerAuthentication));
    }

    [Theory]
    [InlineData(CertificateRole.Tenant, null)]
    [InlineData(CertificateRole.Tenant, "")]
    [InlineData(CertificateRole.Tenant, "a.b")]
    [InlineData(CertificateRole.Tenant, "a:b")]
    [InlineData(CertificateRole.Admin, "contoso")]
    [InlineData(CertificateRole.Host, null)]
    [InlineData(CertificateRole.Controller, null)]
    public void Client_RoleThatIsNoClients_IsRefused(CertificateRole role, string? tenant) =>
        Assert.Throws<PkiException>(() => _pki.IssueClient("ana", new CertificateGrant(role, tenant)));

    [Theory]
    [InlineData("urn:openhnv:tenant:")]
    [InlineData("urn:openhnv:tenant:a:b")]
    [InlineData("urn:openhnv:tenant")]
    [InlineData("urn:openhnv:root")]
    [InlineData("urn:openhnv:Admin")]
    [InlineData("urn:other:admin")]
    [InlineData("https://openhnv/admin")]
    public void Grant_OtherUri_GrantsNothing(string uri) => Assert.Null(CertificateGrant.Parse(uri));

    [Fact]
    public void Controller_TowardHosts_IsSignedByTheOtherAuthority()
    {
        string folder = _pki.IssueController("nc", ["10.0.0.10"]);
        X509Certificate2 southbound = Load(folder, PkiDirectory.SouthboundCertificateFile);
        X509Certificate2 host = Load(_pki.IssueHost("host1", []));
        X509Certificate2 admin = Load(_pki.IssueClient("ana", new CertificateGrant(CertificateRole.Admin)));

        Assert.Null(Fault(southbound, CertificateAuthority.ClientAuthentication, PkiDirectory.ControllersAuthorityFile));
        Assert.NotNull(Fault(southbound, CertificateAuthority.ClientAuthentication));
        Assert.NotNull(Fault(host, CertificateAuthority.ClientAuthentication, PkiDirectory.ControllersAuthorityFile));
        Assert.NotNull(Fault(admin, CertificateAuthority.ClientAuthentication, PkiDirectory.ControllersAuthorityFile));
    }

    [Fact]
    public void Keys_AreTheirOwnersOnly()
    {
        _pki.IssueHost("host1", []);
        _pki.IssueController("nc", []);
        _pki.IssueClient("ana", new CertificateGrant(CertificateRole.Admin));

        string[] keys = Directory.GetFiles(_directory.FullName, "*key.pem", SearchOption.AllDirectories);

        Assert.Equal(6, keys.Length);
        Assert.All(keys, key => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key)));
    }

    [Fact]
    public void Init_Again_IsRefusedAndChangesNothing()
    {
        string before = File.ReadAllText(Path.Combine(_directory.FullName, PkiDirectory.AuthorityFile));

        Assert.Throws<PkiException>(() => PkiDirectory.Init(_directory.FullName, _time));

        Assert.Equal(before, File.ReadAllText(Path.Combine(_directory.FullName, PkiDirectory.AuthorityFile)));
    }

    [Fact]
    public void Certificate_BeforeAndAfterItsTime_IsFaulty()
    {
        X509Certificate2 host = Load(_pki.IssueHost("host1", [], TimeSpan.FromDays(10)));

        Assert.NotNull(Fault(host, CertificateAuthority.ServerAuthentication, at: s_begin.AddDays(-1)));
        Assert.Null(Fault(host, CertificateAuthority.ServerAuthentication, at: s_begin.AddDays(9)));
        Assert.NotNull(Fault(host, CertificateAuthority.ServerAuthentication, at: s_begin.AddDays(11)));
    }

    [Fact]
    public void Certificate_OfAnotherAuthorityOfTheSameName_IsFaulty()
    {
        DirectoryInfo other = Directory.CreateTempSubdirectory("hnv-t-pki-");
        X509Certificate2 host = Load(PkiDirectory.Init(other.FullName, _time).IssueHost("host1", []));
        other.Delete(recursive: true);

        Assert.NotNull(Fault(host, CertificateAuthority.ServerAuthentication));
    }

    [Fact]
    public void Renew_OnlyWhoEndsSoon_KeepsNamesAndRights()
    {
        _pki.IssueHost("host1", ["10.0.0.1"], TimeSpan.FromDays(20));
        string stays = _pki.IssueHost("host2", ["10.0.0.2"]);
        string ana = _pki.IssueClient("ana", new CertificateGrant(CertificateRole.Tenant, "contoso"), TimeSpan.FromDays(20));
        string before = Load(stays).Thumbprint;

        IReadOnlyList<string> renewed = _pki.Renew(TimeSpan.FromDays(30));

        Assert.Equal(["host1", "ana"], renewed.Select(folder => Path.GetFileName(folder)));
        Assert.Equal(before, Load(stays).Thumbprint);
        Assert.Equal(new CertificateGrant(CertificateRole.Tenant, "contoso"), CertificateGrant.Of(Load(ana)));
        X509Certificate2 host1 = Load(Path.Combine(_directory.FullName, "hosts", "host1"));
        Assert.True(host1.MatchesHostname("10.0.0.1"));
        Assert.True(host1.NotAfter.ToUniversalTime() > s_begin.AddDays(390));
    }

    [Fact]
    public void Lifetime_NeverOutlivesTheAuthority()
    {
        _time.Now = s_begin + PkiDirectory.AuthorityLifetime - TimeSpan.FromDays(5);

        X509Certificate2 host = Load(_pki.IssueHost("host1", []));

        Assert.Equal(s_begin + PkiDirectory.AuthorityLifetime, new DateTimeOffset(host.NotAfter.ToUniversalTime()), TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData("../host1")]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("a/b")]
    public void Name_ThatLeavesTheFolder_IsRefused(string name) => Assert.Throws<PkiException>(() => _pki.IssueHost(name, []));

    [Fact]
    public void List_ShowsEveryone()
    {
        _pki.IssueHost("host1", ["10.0.0.1"]);
        _pki.IssueClient("ana", new CertificateGrant(CertificateRole.Tenant, "contoso"));

        IReadOnlyList<PkiEntry> all = _pki.List();

        Assert.Equal(["ca.pem", "controllers-ca.pem", "hosts/host1", "clients/ana"], all.Select(entry => entry.Path));
        Assert.Equal(["authority", "authority", "host", "tenant contoso"], all.Select(entry => entry.Holder));
        Assert.Equal(["host1", "10.0.0.1"], all[2].Addresses);
    }

    [Fact]
    public void Files_Renewed_AreReadAgain_AndHalfARenewalIsNot()
    {
        string folder = _pki.IssueHost("host1", ["10.0.0.1"]);
        string certificate = Path.Combine(folder, PkiDirectory.CertificateFile), key = Path.Combine(folder, PkiDirectory.KeyFile);
        var files = CertificateFiles.Open(certificate, key, Path.Combine(folder, PkiDirectory.AuthorityFile));
        string first = files.Certificate.Thumbprint;
        using var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        File.WriteAllText(key, foreign.ExportPkcs8PrivateKeyPem());
        string half = files.Certificate.Thumbprint;
        _pki.IssueHost("host1", []);
        string renewed = files.Certificate.Thumbprint;

        Assert.Equal(first, half);
        Assert.NotEqual(first, renewed);
        Assert.Equal(Load(folder).Thumbprint, renewed);
        Assert.True(files.Certificate.HasPrivateKey);
    }

    [Fact]
    public void Files_ThatAreNotThere_AreNamed()
    {
        PkiException missing = Assert.Throws<PkiException>(() => CertificateFiles.Open("/nowhere/cert.pem", "/nowhere/key.pem", "/nowhere/ca.pem"));

        Assert.Contains("/nowhere/ca.pem", missing.Message, StringComparison.Ordinal);
    }

    private static X509Certificate2 Load(string folder, string file = PkiDirectory.CertificateFile) =>
        X509Certificate2.CreateFromPem(File.ReadAllText(Path.Combine(folder, file)));

    private string? Fault(X509Certificate2 certificate, string usage, string authority = PkiDirectory.AuthorityFile, DateTimeOffset? at = null)
    {
        X509Certificate2Collection authorities = [];
        authorities.ImportFromPemFile(Path.Combine(_directory.FullName, authority));
        return PeerCheck.Fault(certificate, authorities, usage, at ?? s_begin.AddMinutes(1));
    }
}
