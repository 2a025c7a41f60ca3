using System.Security.Cryptography.X509Certificates;

namespace Hnv.Cli.Tests;

/// <summary><c>hnv pki</c> as a person runs it.</summary>
public sealed class PkiCommandTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-pkicli-");

    private string Folder => Path.Combine(_directory.FullName, "pki");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void Deployment_FromInitToShow_EveryFolderHasWhatItsHolderNeeds()
    {
        Assert.Equal(0, Pki("init").Code);
        (int code, string host, string error) = Pki("host", "host1", "--address", "10.0.0.1");
        Assert.True(code == 0, error);
        Assert.Equal($"{Folder}/hosts/host1", host.Trim());
        Assert.Equal(0, Pki("controller", "nc", "--address", "nc.example.net", "--address", "10.0.0.10").Code);
        Assert.Equal(0, Pki("client", "ana", "--role", "admin").Code);
        Assert.Equal(0, Pki("client", "web-team", "--role", "tenant", "--tenant", "contoso").Code);

        Assert.Equal(["ca.pem", "cert.pem", "controllers-ca.pem", "key.pem"], Files("hosts/host1"));
        Assert.Equal(["ca.pem", "cert.pem", "key.pem", "southbound-cert.pem", "southbound-key.pem"], Files("controllers/nc"));
        Assert.Equal(["ca.pem", "cert.pem", "key.pem"], Files("clients/web-team"));
        foreach (string key in Directory.GetFiles(Folder, "*key.pem", SearchOption.AllDirectories))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(key));
        }

        string shown = Pki("show", "--output", "json").Output;
        Assert.Contains("nc.example.net", shown, StringComparison.Ordinal);
        Assert.Contains("10.0.0.1", shown, StringComparison.Ordinal);
        Assert.Contains("contoso", shown, StringComparison.Ordinal);
        Assert.Contains(Certificate("clients/ana").GetCertHashString(System.Security.Cryptography.HashAlgorithmName.SHA256), shown, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Renew_TakesWhoEndsSoon_AndKeepsNames()
    {
        Pki("init");
        Pki("host", "short", "--address", "10.0.0.1", "--days", "10");
        Pki("host", "long", "--address", "10.0.0.2");
        string before = Certificate("hosts/long").Thumbprint;

        (int code, string output, _) = Pki("renew");

        Assert.Equal(0, code);
        Assert.Equal($"{Folder}/hosts/short", output.Trim());
        Assert.True(Certificate("hosts/short").NotAfter > DateTime.Now.AddDays(300));
        Assert.True(Certificate("hosts/short").MatchesHostname("10.0.0.1"));
        Assert.Equal(before, Certificate("hosts/long").Thumbprint);
        Assert.Contains("Nobody", Pki("renew").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Init_Twice_IsRefused_AndTheAuthoritiesStay()
    {
        Pki("init");
        string before = File.ReadAllText($"{Folder}/ca.pem");

        (int code, _, string error) = Pki("init");

        Assert.Equal(1, code);
        Assert.Contains("holds authorities already", error, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText($"{Folder}/ca.pem"));
    }

    [Theory]
    [InlineData("Which tenant? Add --tenant ID.", "client", "eve", "--role", "tenant")]
    [InlineData("--tenant goes with --role tenant only.", "client", "eve", "--role", "admin", "--tenant", "contoso")]
    [InlineData("1 to 64 letters", "client", "eve", "--role", "tenant", "--tenant", "a.b")]
    [InlineData("neither a DNS name nor an IP address", "host", "h", "--address", "10.0.0.1/24")]
    [InlineData("--days 0 is not acceptable", "host", "h", "--days", "0")]
    [InlineData("--days 99999 is not acceptable", "client", "eve", "--role", "admin", "--days", "99999")]
    [InlineData("root", "client", "eve", "--role", "root")]
    [InlineData("--role", "client", "eve")]
    [InlineData("../out", "host", "../out")]
    public void Wrong_IsRefusedInOneLineThatSaysWhatIsRight_AndNothingIsMade(string said, params string[] arguments)
    {
        Pki("init");

        (int code, string output, string error) = Pki(arguments);

        Assert.NotEqual(0, code);
        Assert.Contains(said, error + output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        Assert.Equal(["ca-key.pem", "ca.pem", "controllers-ca-key.pem", "controllers-ca.pem"], Directory.GetFiles(_directory.FullName, "*.pem", SearchOption.AllDirectories).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Directory_WithoutAuthorities_SaysHowToMakeThem()
    {
        (int code, _, string error) = Pki("host", "host1");

        Assert.Equal(1, code);
        Assert.Contains($"hnv pki init --directory {Folder}", error, StringComparison.Ordinal);
    }

    private (int Code, string Output, string Error) Pki(params string[] arguments) => CommandLineTests.Run(["pki", .. arguments, "--directory", Folder]);

    private string[] Files(string folder) => [.. Directory.GetFiles(Path.Combine(Folder, folder)).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal)];

    private X509Certificate2 Certificate(string folder) => X509Certificate2.CreateFromPem(File.ReadAllText(Path.Combine(Folder, folder, "cert.pem")));
}
