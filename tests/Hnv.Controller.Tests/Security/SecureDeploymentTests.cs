using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Ovsdb;
using Hnv.Pki;
using Hnv.Primitives;

namespace Hnv.Controller.Tests.Security;

/// <summary>The whole controller as <c>hnv pki</c> and the documents say to run it: TLS to clients and to the hosts' stock databases.</summary>
public sealed class SecureDeploymentTests : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-tlsdep-");
    private readonly OrphanGuard _guard;
    private readonly List<PlayedHost> _hosts = [];
    private PkiDirectory _pki = null!;
    private ControllerApp _app = null!;
    private ControllerClient _client = null!;

    public SecureDeploymentTests() => _guard = new OrphanGuard(_directory.FullName);

    public async Task InitializeAsync()
    {
        _pki = PkiDirectory.Init(At("pki"), TimeProvider.System);
        string own = _pki.IssueController("nc", ["127.0.0.1"]);
        string ana = _pki.IssueClient("ana", new CertificateGrant(CertificateRole.Admin));
        _app = await ControllerApp.StartAsync(
            new ControllerOptions
            {
                StateDirectory = At("state"),
                RunDirectory = At("run"),
                Listen = ["https://127.0.0.1:0"],
                Ovsdb = new() { User = null },
                Tls = new() { Certificate = $"{own}/cert.pem", PrivateKey = $"{own}/key.pem", Authorities = $"{own}/ca.pem" },
                Authentication = new() { Mode = ControllerOptions.AuthenticationMode.X509 },
                Southbound = new() { Tls = new() { Certificate = $"{own}/southbound-cert.pem", PrivateKey = $"{own}/southbound-key.pem", Authorities = $"{own}/ca.pem" } },
            },
            CancellationToken.None);
        string url = _app.Web.Urls.Single(u => u.StartsWith("https", StringComparison.Ordinal));
        _client = new ControllerClient(url, identity: CertificateFiles.Open($"{ana}/cert.pem", $"{ana}/key.pem", $"{ana}/ca.pem"));
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _app.DisposeAsync();
        foreach (PlayedHost host in _hosts)
        {
            await host.DisposeAsync();
        }

        _guard.Dispose();
    }

    [Fact]
    public async Task Policy_ReachesAHostThatProvesItsName_AndNoOther()
    {
        PlayedHost host1 = await HostAsync("host1", Story.Host1, "127.0.0.1");
        PlayedHost host2 = await HostAsync("host2", Story.Host2, "127.0.0.99");
        foreach ((string path, string body) in Story.Documents(host1.Address, host2.Address))
        {
            await _client.PutAsync(path, JsonNode.Parse(body)!);
        }

        var nic = new NicId((Guid)(await _client.GetAsync("networkInterfaces/contoso-sql"))!["instanceId"]!);
        await host1.Database.SetBindingAsync(nic, "veth1", CancellationToken.None);

        await EventuallyAsync(() => Task.FromResult(host1.Database.ReadPolicy().Policy.Ports.Any(port => port.Name == "contoso-sql")));
        await EventuallyAsync(async () => (string?)(await _client.GetAsync("servers/host1"))!["properties"]?["configurationState"]?["status"] == "Success");
        JsonNode state = (await _client.GetAsync("servers/host2"))!["properties"]!["configurationState"]!;
        Assert.Equal("Failure", (string?)state["status"]);
        Assert.Equal("CertificateNotAuthorized", (string?)state["detailedInfo"]![0]!["code"]);
        Assert.Empty(host2.Database.ReadPolicy().Policy.ProviderAddresses);
    }

    [Fact]
    public async Task Host_CertifiedBySomebodyElse_IsNotTrustedUntilItShowsOneOfOurs()
    {
        string theirs = PkiDirectory.Init(At("their-pki"), TimeProvider.System).IssueHost("host1", ["127.0.0.1"]);
        string ours = _pki.IssueHost("host1", ["127.0.0.1"]);
        PlayedHost stranger = await PlayedHost.StartAsync(At("stranger"), Story.Host1, new OvsdbServerTls($"{theirs}/key.pem", $"{theirs}/cert.pem", $"{ours}/controllers-ca.pem"));
        PlayedHost known = await PlayedHost.StartAsync(At("known"), Story.Host1, new OvsdbServerTls($"{ours}/key.pem", $"{ours}/cert.pem", $"{ours}/controllers-ca.pem"));
        _hosts.AddRange([stranger, known]);
        foreach ((string path, string body) in Story.Documents(stranger.Address, "192.0.2.2"))
        {
            await _client.PutAsync(path, JsonNode.Parse(body)!);
        }

        await EventuallyAsync(async () => (string?)(await _client.GetAsync("servers/host1"))!["properties"]?["configurationState"]?["detailedInfo"]?[0]?["code"] == "CertificateNotTrusted");
        await _client.PutAsync("servers/host1", JsonNode.Parse(Story.Server(Story.Host1, "pa-1", known.Address))!);

        await EventuallyAsync(async () => (string?)(await _client.GetAsync("servers/host1"))!["properties"]?["configurationState"]?["status"] == "Success");
    }

    private string At(string name) => Path.Combine(_directory.FullName, name);

    private async Task<PlayedHost> HostAsync(string name, Guid id, string certified)
    {
        string folder = _pki.IssueHost(name, [certified]);
        PlayedHost host = await PlayedHost.StartAsync(At(name), id, new OvsdbServerTls($"{folder}/key.pem", $"{folder}/cert.pem", $"{folder}/controllers-ca.pem"));
        _hosts.Add(host);
        return host;
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(30));
        while (!await condition())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), patience.Token);
        }
    }
}
