using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Lab.Fabric;
using Hnv.Lab.Running;
using Hnv.Pki;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class SecureLab() : LabFixture("labs/figure8.yaml", secure: true);

/// <summary>Figure 8 with <c>--secure</c>: everything that crosses a network between services is mutual TLS, and nobody else is let in.</summary>
public sealed class SecureLabTests(SecureLab story) : IClassFixture<SecureLab>
{
    private const string Controller = "198.18.0.2";
    private const string Collection = $"https://{Controller}/networking/v1/accessControlLists";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private string Pki => LabCertificates.Folder(story.Lab.Names);

    private string HostAddress => story.Lab.Host("host1").Address.ToString();

    [Theory]
    [InlineData("contoso-web", "10.1.1.11")]
    [InlineData("fabrikam-sql", "10.1.1.12")]
    public async Task Ping_OwnTenantAcrossHosts_IsAnswered(string machine, string address) =>
        Assert.True(await story.PingsAsync(machine, address));

    [Fact]
    public async Task Admin_WithTheLabsCertificate_IsServedByControllerAndHost()
    {
        Assert.Equal("200", await StatusAsync(Collection, $"{Pki}/clients/admin"));
        Assert.Equal("200", await StatusAsync($"https://{HostAddress}:8443/v1/health", $"{Pki}/clients/admin"));
        Assert.Equal("401", await StatusAsync(Collection, identity: null));
    }

    [Theory]
    [InlineData("controller", 80)]
    [InlineData("controller", 443)]
    [InlineData("host1", 8080)]
    [InlineData("host1", 8443)]
    public async Task Connection_WithoutTls_IsNotServed(string service, int port)
    {
        string address = service == "controller" ? Controller : HostAddress;
        ToolResult plain = await story.Lab.RunAsync("host2", ["curl", "-sS", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}", $"http://{address}:{port}/health"]);

        Assert.NotEqual(0, plain.ExitCode);
        Assert.Equal("000", plain.Output.Trim());
    }

    [Fact]
    public async Task PolicyDatabase_TakesTheControllersCertificateAndNoOther()
    {
        string controller = $"{Pki}/controllers/controller";
        Assert.Equal(0, (await DatabaseAsync($"ssl:{HostAddress}:6640", $"{controller}/southbound-cert.pem", $"{controller}/southbound-key.pem")).ExitCode);
        foreach (string folder in new[] { $"{Pki}/clients/admin", $"{Pki}/hosts/host2", controller })
        {
            Assert.NotEqual(0, (await DatabaseAsync($"ssl:{HostAddress}:6640", $"{folder}/cert.pem", $"{folder}/key.pem")).ExitCode);
        }

        Assert.NotEqual(0, (await DatabaseAsync($"tcp:{HostAddress}:6640")).ExitCode);
    }

    [Fact]
    public async Task PolicyDatabase_HasNoLoopbackPort_AndItsSocketIsNotForEverybody()
    {
        string socket = $"{story.Lab.Names.Directory}/host1/database/ovsdb.sock";
        ToolResult listening = await story.Lab.RunAsync("host1", ["ss", "-Hltn", "src", "127.0.0.0/8"]);

        Assert.DoesNotContain(":66", listening.Output, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(socket) & (UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute));
        Assert.Equal(0, (await DatabaseAsync($"unix:{socket}")).ExitCode);
    }

    [Fact]
    public async Task Certificate_OfAStranger_OrExpired_EndsTheConnection()
    {
        DirectoryInfo foreign = Directory.CreateTempSubdirectory("hnv-t-pki-");
        string stranger = PkiDirectory.Init(Path.Combine(foreign.FullName, "pki"), TimeProvider.System).IssueClient("admin", new CertificateGrant(CertificateRole.Admin));
        string late = PkiDirectory.Open(Pki, TimeProvider.System).IssueClient("late", new CertificateGrant(CertificateRole.Admin), TimeSpan.FromSeconds(10));

        Assert.Equal("000", await StatusAsync(Collection, stranger));
        Assert.Equal("000", await StatusAsync($"https://{HostAddress}:8443/v1/health", stranger));

        // Good until its time is up.
        Assert.Equal("200", await StatusAsync(Collection, late));
        Assert.NotNull(await LabFixture.WithinAsync(s_patience, async () => await StatusAsync(Collection, late) == "000"));
        Assert.Equal("000", await StatusAsync($"https://{HostAddress}:8443/v1/health", late));

        // The other way round: a service that the caller's authority did not sign.
        Assert.Equal("000", await StatusAsync(Collection, $"{Pki}/clients/admin", $"{stranger}/ca.pem"));
        foreign.Delete(recursive: true);
    }

    [Fact]
    public async Task Certificates_Renewed_AreUsedWithoutARestart()
    {
        PkiDirectory pki = PkiDirectory.Open(Pki, TimeProvider.System);
        string[] before = [await PresentedAsync(Controller, 443), await PresentedAsync(HostAddress, 8443), await PresentedAsync(HostAddress, 6640)];

        pki.Renew(TimeSpan.FromDays(1000));

        foreach ((string address, int port, string old) in new[] { (Controller, 443, before[0]), (HostAddress, 8443, before[1]), (HostAddress, 6640, before[2]) })
        {
            Assert.NotNull(await LabFixture.WithinAsync(s_patience, async () => await PresentedAsync(address, port) is var now && now.Length > 0 && now != old));
        }

        // And they work: the database's server ends, and a change goes to its successor over a new connection.
        string server = await File.ReadAllTextAsync($"{story.Lab.Names.Directory}/host1/database/ovsdb-server.pid");
        using (var process = Process.GetProcessById(int.Parse(server, CultureInfo.InvariantCulture)))
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        using ControllerClient controller = story.Lab.Controller();
        string nic = $"/networkInterfaces/{story.Lab.Machine("contoso-sql").Adapters[0].ResourceId}";
        await controller.PutAsync("/accessControlLists/renewed", JsonNode.Parse("""{"properties":{"inboundDefaultAction":"Permit","outboundDefaultAction":"Permit"}}""")!);
        JsonNode document = (await controller.GetAsync(nic))!;
        document["properties"]!["ipConfigurations"]![0]!["properties"]!["accessControlList"] = JsonNode.Parse("""{"resourceRef":"/accessControlLists/renewed"}""");
        await controller.PutAsync(nic, document);
        Assert.NotNull(await LabFixture.WithinAsync(s_patience, async () =>
            (bool?)(await controller.GetAsync(nic))?["x-openhnv-propagated"]?["enforced"] == true
            && (string?)(await controller.GetAsync("servers/host1"))?["properties"]?["configurationState"]?["status"] == "Success"));
        Assert.True(await story.PingsAsync("contoso-web", "10.1.1.11"));
    }

    /// <summary>The HTTP status that a caller on host2 gets; 000 when there is no answer.</summary>
    private async Task<string> StatusAsync(string url, string? identity, string? authority = null)
    {
        string[] certificate = identity is null ? [] : ["--cert", $"{identity}/cert.pem", "--key", $"{identity}/key.pem"];
        ToolResult result = await story.Lab.RunAsync(
            "host2", ["curl", "-sS", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", authority ?? $"{Pki}/ca.pem", .. certificate, url]);
        return result.Output.Trim();
    }

    /// <summary>Asks a policy database for its databases.</summary>
    private Task<ToolResult> DatabaseAsync(string endpoint, string? certificate = null, string? key = null)
    {
        string[] tls = certificate is null ? [] : ["-c", certificate, "-p", key!, "-C", $"{Pki}/ca.pem"];
        return story.Lab.RunAsync("host2", ["timeout", "10", "ovsdb-client", .. tls, "list-dbs", endpoint]);
    }

    /// <summary>Which certificate a service shows; empty while it does not.</summary>
    private async Task<string> PresentedAsync(string address, int port)
    {
        string target = string.Create(CultureInfo.InvariantCulture, $"{address}:{port}");
        ToolResult result = await story.Lab.RunAsync(
            "host2", ["bash", "-c", $"timeout 10 openssl s_client -connect {target} </dev/null 2>/dev/null | openssl x509 -noout -serial 2>/dev/null"]);
        return result.Output.Trim();
    }
}
