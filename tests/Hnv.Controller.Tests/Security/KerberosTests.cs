using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Hnv.Controller.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Controller.Tests.Security;

/// <summary>Callers with Kerberos tickets, from a stock MIT key distribution centre.</summary>
public sealed partial class KerberosTests(Kdc kdc) : IClassFixture<Kdc>, IAsyncLifetime
{
    private const string Acl = "accessControlLists/a";
    private string _keytab = "";

    public async Task InitializeAsync()
    {
        kdc.Logout();
        _keytab = await kdc.ServiceAsync($"{Guid.NewGuid():N}.keytab", "HTTP/127.0.0.1", "HTTP/localhost");
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Ticket_GivesThePrincipalItsRole_AndTheAuditNamesIt()
    {
        await using SecureServer server = await StartAsync();
        await kdc.LoginAsync("ana");
        Reply put = await SecureServer.SendAsync(WithTicket(server), "PUT", Acl, """{"properties":{}}""");
        await kdc.LoginAsync("rita");
        HttpClient reader = WithTicket(server);
        Reply get = await SecureServer.SendAsync(reader, "GET", Acl);
        Reply change = await SecureServer.SendAsync(reader, "PUT", Acl, """{"properties":{}}""");
        await kdc.LoginAsync("web");
        HttpClient tenant = WithTicket(server);
        Reply hidden = await SecureServer.SendAsync(tenant, "GET", Acl);
        Reply own = await SecureServer.SendAsync(tenant, "PUT", "accessControlLists/contoso.a", """{"properties":{}}""");

        Assert.Equal(
            (HttpStatusCode.Created, HttpStatusCode.OK, HttpStatusCode.Forbidden, HttpStatusCode.NotFound, HttpStatusCode.Created),
            (put.Status, get.Status, change.Status, hidden.Status, own.Status));
        Assert.Equal("contoso", (string?)own.Body!["resourceMetadata"]!["tenantId"]);
        Assert.Equal(
            ["ana@OPENHNV.TEST 201", "rita@OPENHNV.TEST 403", "web@OPENHNV.TEST 201"],
            server.AuditLines().Select(line => $"{line["caller"]} {line["status"]}"));
    }

    [Fact]
    public async Task Curl_AndHnv_WorkWithATicket()
    {
        await using SecureServer server = await StartAsync();
        await kdc.LoginAsync("ana");
        (int code, string output, string errors) = await kdc.TryRunAsync(
            "curl", ["-sS", "--negotiate", "-u", ":", "--cacert", $"{server.Folder}/pki/ca.pem", $"{server.Address}networking/v1/accessControlLists", "-o", "/dev/null", "-w", "%{http_code}"]);
        (int Code, string Output, string Errors) hnv = await HnvAsync(server, "get", "accessControlLists");
        kdc.Logout();
        (int Code, string Output, string Errors) without = await HnvAsync(server, "get", "accessControlLists");

        Assert.True((code, output) == (0, "200"), $"{output}{errors}");
        Assert.True(hnv.Code == 0, hnv.Output + hnv.Errors);
        Assert.NotEqual(0, without.Code);
        Assert.Contains("kinit", without.Output + without.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ControllerAnswers_ProveItToTheCaller_AndTheConnectionIsRemembered()
    {
        await using SecureServer server = await StartAsync();
        await kdc.LoginAsync("ana");
        await using Stream connection = await OpenAsync(server);

        string challenge = await AskAsync(connection, null);
        string first = await AskAsync(connection, Token());
        string second = await AskAsync(connection, null);
        await using Stream other = await OpenAsync(server);
        string elsewhere = await AskAsync(other, null);

        Assert.StartsWith("HTTP/1.1 401", challenge, StringComparison.Ordinal);
        Assert.Matches("(?m)^WWW-Authenticate: Negotiate\r?$", challenge);
        Assert.StartsWith("HTTP/1.1 200", first, StringComparison.Ordinal);
        Assert.Matches("(?m)^WWW-Authenticate: Negotiate [A-Za-z0-9+/=]+\r?$", first);
        Assert.StartsWith("HTTP/1.1 200", second, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 401", elsewhere, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connection_IsItsOwnersForTenMinutes_ThenATicketIsNeededAgain()
    {
        await kdc.LoginAsync("ana");
        Keytab.Use(_keytab);
        MovedTime time = new();
        KerberosCallers callers = new([new() { Principal = "ana@OPENHNV.TEST" }], time, NullLogger<KerberosCallers>.Instance);
        using KerberosCallers.Session session = new();
        Caller? Ask(string? token)
        {
            DefaultHttpContext context = new();
            context.Features.Set(session);
            context.Request.Headers.Authorization = token is null ? default : new($"Negotiate {token}");
            return callers.CallerOf(context, out _);
        }

        Assert.Null(Ask(null));
        Assert.Equal("ana@OPENHNV.TEST", Ask(Token())?.Name);
        time.Seconds += 599;
        Assert.NotNull(Ask(null));
        time.Seconds += 1;
        Assert.Null(Ask(null));
        Assert.NotNull(Ask(Token()));
    }

    [Fact]
    public async Task Refused_OnARememberedConnection_ForgetsWhoItWas()
    {
        await using SecureServer server = await StartAsync();
        await kdc.LoginAsync("ana");
        await using Stream connection = await OpenAsync(server);
        await AskAsync(connection, Token());

        Assert.StartsWith("HTTP/1.1 401", await AskAsync(connection, Convert.ToBase64String("nonsense"u8)), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 401", await AskAsync(connection, null), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_Replayed_IsRefused()
    {
        await using SecureServer server = await StartAsync();
        await kdc.LoginAsync("ana");
        string token = Token();
        await using Stream first = await OpenAsync(server);
        await using Stream second = await OpenAsync(server);

        Assert.StartsWith("HTTP/1.1 200", await AskAsync(first, token), StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 401", await AskAsync(second, token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ticket_Expired_IsRefused()
    {
        await using SecureServer server = await StartAsync();
        await kdc.LoginAsync("ana", "3s");
        string token = Token(), later = Token();
        await using Stream connection = await OpenAsync(server);
        Assert.StartsWith("HTTP/1.1 200", await AskAsync(connection, token), StringComparison.Ordinal);

        // Its life and the two seconds by which clocks may differ here.
        await Task.Delay(TimeSpan.FromSeconds(7));

        Assert.StartsWith("HTTP/1.1 401", await AskAsync(connection, later), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ticket_ForKeysTheControllerDoesNotHave_IsRefused()
    {
        await using SecureServer server = await StartAsync();
        await kdc.LoginAsync("ana");
        await kdc.ServiceAsync("newer.keytab", "HTTP/127.0.0.1");

        await using Stream connection = await OpenAsync(server);
        Assert.StartsWith("HTTP/1.1 401", await AskAsync(connection, Token()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ticket_ForAnotherService_IsRefused()
    {
        await using SecureServer server = await StartAsync();
        await kdc.ServiceAsync("other.keytab", "HTTP/other.example.com");
        await kdc.LoginAsync("ana");

        await using Stream connection = await OpenAsync(server);
        Assert.StartsWith("HTTP/1.1 401", await AskAsync(connection, Token("HTTP/other.example.com")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keytab_Replaced_IsUsedWithoutARestart()
    {
        await using SecureServer server = await StartAsync();
        string newer = await kdc.ServiceAsync("replacement.keytab", "HTTP/127.0.0.1");
        File.Move(newer, _keytab, overwrite: true);
        await kdc.LoginAsync("ana");

        await using Stream connection = await OpenAsync(server);
        Assert.StartsWith("HTTP/1.1 200", await AskAsync(connection, Token()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Principal_NotListedOrWithdrawn_IsForbidden_AndNamed()
    {
        await using SecureServer server = await StartAsync(("stranger@OTHER.REALM", CallerRole.Admin, null), ("rita@OPENHNV.TEST", CallerRole.None, null));
        foreach (string name in new[] { "stranger", "rita" })
        {
            await kdc.LoginAsync(name);
            Reply reply = await SecureServer.SendAsync(WithTicket(server), "GET", Acl);
            Assert.Equal((HttpStatusCode.Forbidden, "Forbidden"), (reply.Status, reply.Code));
            Assert.Contains($"{name}@OPENHNV.TEST", reply.Message, StringComparison.Ordinal);
        }
    }

    public static TheoryData<string, string> BadHeaders => new()
    {
        { "nothing", "Negotiate" },
        { "no base64", "Negotiate ????" },
        { "garbage", $"Negotiate {Convert.ToBase64String(Enumerable.Range(0, 2000).Select(i => (byte)(i * 7)).ToArray())}" },
        { "a cut SPNEGO token", "Negotiate YIIJvQYGKwYBBQUCoIIJsTCCCa2gMDAuBgkqhkiC9xIB" },
        { "NTLM by its own name", "NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAGAbEdAAAADw==" },
        { "NTLM in Negotiate", "Negotiate TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAAGAbEdAAAADw==" },
        { "a password", "Basic YW5hOnBhc3M=" },
        { "too large", $"Negotiate {Convert.ToBase64String(new byte[KerberosCallers.TokenBytesMax + 1])}" },
    };

    [Theory]
    [MemberData(nameof(BadHeaders))]
    public async Task Token_ThatIsNoTicket_IsUnauthorized(string what, string header)
    {
        await using SecureServer server = await StartAsync();
        await using Stream connection = await OpenAsync(server);

        string reply = await AskWithAsync(connection, $"Authorization: {header}\r\n");

        Assert.True(reply.StartsWith("HTTP/1.1 401", StringComparison.Ordinal), $"{what}: {reply}");
        Assert.Contains("WWW-Authenticate: Negotiate", reply, StringComparison.Ordinal);
        Assert.Contains("\"Unauthorized\"", reply, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 401", await AskAsync(connection, null), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Headers_LargerThanAnyTicket_AreRefused()
    {
        await using SecureServer server = await StartAsync();
        await using Stream connection = await OpenAsync(server);

        Assert.StartsWith("HTTP/1.1 431", await AskAsync(connection, new string('A', 200_000)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Guesses_OfOneAddress_AreLimited()
    {
        await using SecureServer server = await StartAsync(limits: new() { RequestsPerSecond = 10, RequestBurst = 3 });
        await using Stream connection = await OpenAsync(server);
        List<string> replies = [];
        for (int i = 0; i < 6; i++)
        {
            replies.Add((await AskAsync(connection, Convert.ToBase64String("guess"u8)))[..12]);
        }

        Assert.Contains("HTTP/1.1 429", replies);
    }

    [Fact]
    public async Task Keytab_ThatCannotBeUsed_IsRefusedAtStart_WithAReason()
    {
        await File.WriteAllTextAsync(kdc.At("no.keytab"), "this is no keytab");
        string shared = await kdc.ServiceAsync("shared.keytab", "HTTP/127.0.0.1", "host/127.0.0.1");
        foreach ((string keytab, string why) in new[] { (kdc.At("absent"), "cannot be read"), (kdc.At("no.keytab"), "is no keytab"), (shared, "holds a key of host/127.0.0.1@OPENHNV.TEST") })
        {
            InvalidDataException e = await Assert.ThrowsAsync<InvalidDataException>(() => SecureServer.StartAsync((options, _) => Kerberos(options, keytab)));
            Assert.Contains(why, e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Kerberos", "ana", null, "Admin", null)]
    [InlineData("Kerberos", "@REALM", null, "Admin", null)]
    [InlineData("Kerberos", "ana@REALM", "0123456789012345678901234567890123456789", "Admin", null)]
    [InlineData("Kerberos", "ana@REALM", null, "Tenant", null)]
    [InlineData("Kerberos", "ana@REALM", null, "Reader", "contoso")]
    [InlineData("Kerberos", null, "0123456789012345678901234567890123456789", "Admin", null)]
    [InlineData("X509", "ana@REALM", null, "Admin", null)]
    public void Options_ClientThatMakesNoSense_IsRefused(string mode, string? principal, string? thumbprint, string role, string? tenant) =>
        Assert.Throws<InvalidDataException>(() => new ControllerOptions
        {
            Authentication = new()
            {
                Mode = Enum.Parse<ControllerOptions.AuthenticationMode>(mode),
                Kerberos = new() { Keytab = "k" },
                Clients = [new() { Principal = principal, Thumbprint = thumbprint, Role = Enum.Parse<CallerRole>(role), Tenant = tenant }],
            },
        }.Check());

    [Fact]
    public void Options_WithoutAKeytab_OrWithAPrincipalTwice_AreRefused()
    {
        ControllerOptions.AuthenticationSection section = new() { Mode = ControllerOptions.AuthenticationMode.Kerberos };
        Assert.Throws<InvalidDataException>(() => new ControllerOptions { Authentication = section }.Check());
        ControllerOptions.ClientEntry ana = new() { Principal = "ana@REALM" };
        Assert.Throws<InvalidDataException>(() => new ControllerOptions { Authentication = section with { Kerberos = new() { Keytab = "k" }, Clients = [ana, ana with { Role = CallerRole.Reader }] } }.Check());
    }

    [Fact]
    public async Task Http_WithoutTls_IsNotServed() =>
        await Assert.ThrowsAsync<InvalidDataException>(() => SecureServer.StartAsync((options, _) =>
        {
            Kerberos(options, _keytab);
            options.Listen = ["http://127.0.0.1:0"];
        }));

    private static void Kerberos(ControllerOptions options, string keytab, params IEnumerable<(string Principal, CallerRole Role, string? Tenant)> clients) => options.Authentication = new()
    {
        Mode = ControllerOptions.AuthenticationMode.Kerberos,
        Kerberos = new() { Keytab = keytab },
        Clients = [.. clients.Select(client => new ControllerOptions.ClientEntry { Principal = client.Principal, Role = client.Role, Tenant = client.Tenant })],
    };

    private Task<SecureServer> StartAsync(params (string, CallerRole, string?)[] clients) => StartAsync(null, clients);

    private Task<SecureServer> StartAsync(ControllerOptions.LimitsSection? limits, params (string, CallerRole, string?)[] clients) => SecureServer.StartAsync((options, _) =>
    {
        options.Limits = limits ?? options.Limits;
        Kerberos(options, _keytab, clients.Length > 0 ? clients :
        [
            ("ana@OPENHNV.TEST", CallerRole.Admin, null),
            ("rita@OPENHNV.TEST", CallerRole.Reader, null),
            ("web@OPENHNV.TEST", CallerRole.Tenant, "contoso"),
        ]);
    });

    /// <summary>The framework's client with whoever is logged in.</summary>
    private static HttpClient WithTicket(SecureServer server) => new(new SocketsHttpHandler
    {
        SslOptions = server.Trusting(null),
        Credentials = CredentialCache.DefaultCredentials,
    })
    { BaseAddress = server.Address };

    /// <summary>What whoever is logged in would show to a service.</summary>
    private static string Token(string service = "HTTP/127.0.0.1")
    {
        using NegotiateAuthentication client = new(new NegotiateAuthenticationClientOptions { Package = "Negotiate", TargetName = service });
        return client.GetOutgoingBlob("", out NegotiateAuthenticationStatusCode status) ?? throw new InvalidOperationException($"no ticket: {status}");
    }

    /// <summary>The command line tool as a person runs it, who trusts the authority as systems do.</summary>
    private async Task<(int Code, string Output, string Errors)> HnvAsync(SecureServer server, params string[] arguments)
    {
        string tool = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "../../../../../src/Hnv.Cli/bin", Configuration, "net10.0", "hnv.dll"));
        return await kdc.TryRunAsync("env", [$"SSL_CERT_FILE={server.Folder}/pki/ca.pem", "dotnet", tool, .. arguments, "--controller", server.Address.ToString()]);
    }

    private sealed class MovedTime : TimeProvider
    {
        public long Seconds { get; set; } = 1000;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Seconds;
    }

    private static string Configuration => AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";

    private static async Task<Stream> OpenAsync(SecureServer server)
    {
        TcpClient tcp = new();
        await tcp.ConnectAsync(IPAddress.Loopback, server.Address.Port);
        SslStream tls = new(tcp.GetStream());
        await tls.AuthenticateAsClientAsync(server.Trusting(null));
        return tls;
    }

    private static Task<string> AskAsync(Stream connection, string? token) => AskWithAsync(connection, token is null ? "" : $"Authorization: Negotiate {token}\r\n");

    /// <summary>One request and its answer, headers and body.</summary>
    private static async Task<string> AskWithAsync(Stream connection, string header)
    {
        await connection.WriteAsync(Encoding.ASCII.GetBytes($"GET /networking/v1/accessControlLists HTTP/1.1\r\nHost: nc\r\n{header}\r\n"));
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(30));
        StringBuilder text = new();
        byte[] buffer = new byte[8192];
        while (await connection.ReadAsync(buffer, patience.Token) is var count and > 0)
        {
            text.Append(Encoding.UTF8.GetString(buffer, 0, count));
            string reply = text.ToString();
            int body = reply.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
            if (body >= 4 && Length().Match(reply) is { Success: true } length && Encoding.UTF8.GetByteCount(reply.AsSpan(body)) >= int.Parse(length.Groups[1].Value))
            {
                break;
            }

            if (body >= 4 && reply.EndsWith("\r\n0\r\n\r\n", StringComparison.Ordinal))
            {
                break;
            }
        }

        return text.ToString();
    }

    [GeneratedRegex("Content-Length: ([0-9]+)")]
    private static partial Regex Length();
}
