using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Hnv.Pki;

namespace Hnv.Controller.Tests.Security;

/// <summary>Clients that ask too often, too much, too slowly or half: the documented error or a closed connection, and nothing changed.</summary>
public sealed class HostileClientTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Rate_OfOneClient_IsLimited_OthersGoOn()
    {
        await using SecureServer server = await SecureServer.StartAsync((options, _) => options.Limits = new() { RequestsPerSecond = 10, RequestBurst = 5 });
        HttpClient greedy = server.Tenant("contoso"), other = server.Tenant("fabrikam");

        List<Reply> replies = [];
        for (int i = 0; i < 20; i++)
        {
            replies.Add(await SecureServer.SendAsync(greedy, "GET", "accessControlLists"));
        }

        Reply refused = replies.First(reply => reply.Status != HttpStatusCode.OK);
        Assert.Equal((HttpStatusCode.TooManyRequests, "TooManyRequests"), (refused.Status, refused.Code));
        Assert.Equal("1", refused.Headers["Retry-After"]);
        Assert.Equal(HttpStatusCode.OK, await SecureServer.StatusAsync(other, "GET", "accessControlLists"));
    }

    [Fact]
    public async Task Body_TooLarge_TooDeep_OrNoJson_IsRefusedAndNothingChanges()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        HttpClient admin = server.Admin();
        string deep = $$$"""{"properties":{"x":{{{string.Concat(Enumerable.Repeat("[", 100))}}}{{{string.Concat(Enumerable.Repeat("]", 100))}}}}}""";

        await using Stream raw = await OpenAsync(server);
        await WriteAsync(raw, $"PUT /networking/v1/accessControlLists/a HTTP/1.1\r\nHost: nc\r\nContent-Length: {Http.NetworkingApi.BodyMax + 1}\r\n\r\n");
        string large = await ReadToEndAsync(raw);
        Reply nested = await SecureServer.SendAsync(admin, "PUT", "accessControlLists/a", deep);
        Reply twice = await SecureServer.SendAsync(admin, "PUT", "accessControlLists/a", """{"properties":{},"properties":{}}""");

        Assert.StartsWith("HTTP/1.1 413", large, StringComparison.Ordinal);
        Assert.Contains("InvalidRequestFormat", large, StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.BadRequest, "InvalidRequestFormat"), (nested.Status, nested.Code));
        Assert.Equal(HttpStatusCode.BadRequest, twice.Status);
        Assert.Equal(HttpStatusCode.NotFound, await SecureServer.StatusAsync(admin, "GET", "accessControlLists/a"));
    }

    [Fact]
    public async Task LargeBodies_AtOnce_AreBounded()
    {
        await using SecureServer server = await SecureServer.StartAsync((options, _) => options.Limits = new() { LargeBodies = 1 });
        await using Stream first = await OpenAsync(server);
        await WriteAsync(first, $"PUT /networking/v1/accessControlLists/a HTTP/1.1\r\nHost: nc\r\nContent-Length: 1000000\r\n\r\n{new string(' ', 200_000)}");

        Reply? second = null;
        using CancellationTokenSource patience = new(s_patience);
        while (second?.Status != HttpStatusCode.ServiceUnavailable)
        {
            patience.Token.ThrowIfCancellationRequested();
            second = await SecureServer.SendAsync(server.Admin(), "PUT", "accessControlLists/b", $$$"""{"tags":{"x":"{{{new string('x', 200_000)}}}"}}""");
        }

        Assert.Equal("RetryableError", second.Code);
        Assert.Equal(HttpStatusCode.Created, await SecureServer.StatusAsync(server.Admin(), "PUT", "accessControlLists/c", """{"properties":{}}"""));
    }

    [Fact]
    public async Task HalfSentRequest_ThenGone_ChangesNothing()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await using (Stream stream = await OpenAsync(server))
        {
            await WriteAsync(stream, "PUT /networking/v1/accessControlLists/a HTTP/1.1\r\nHost: nc\r\nContent-Length: 100\r\n\r\n{\"properties\":{}}");
        }

        Assert.Equal(HttpStatusCode.NotFound, await SecureServer.StatusAsync(server.Admin(), "GET", "accessControlLists/a"));
    }

    [Fact]
    public async Task SlowBody_IsGivenUp()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await using Stream stream = await OpenAsync(server);
        await WriteAsync(stream, "PUT /networking/v1/accessControlLists/a HTTP/1.1\r\nHost: nc\r\nContent-Length: 100000\r\n\r\n{");

        string answer = await ReadToEndAsync(stream);

        Assert.Contains("408", answer, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, await SecureServer.StatusAsync(server.Admin(), "GET", "accessControlLists/a"));
    }

    [Fact]
    public async Task SilentConnections_AreClosed_AndOneAddressCannotHaveThemAll()
    {
        await using SecureServer server = await SecureServer.StartAsync((options, _) => options.Limits = new() { ConnectionsPerClient = 3 });
        List<TcpClient> silent = [];
        for (int i = 0; i < 4; i++)
        {
            TcpClient tcp = new();
            await tcp.ConnectAsync(IPAddress.Loopback, server.Address.Port);
            silent.Add(tcp);
        }

        using CancellationTokenSource patience = new(s_patience);
        int fourth = await silent[3].GetStream().ReadAsync(new byte[1], patience.Token);
        int first = await ReadOrResetAsync(silent[0].GetStream(), patience.Token);

        Assert.Equal(0, fourth);
        Assert.Equal(0, first);
        silent.ForEach(tcp => tcp.Dispose());
    }

    private static async Task<int> ReadOrResetAsync(Stream stream, CancellationToken cancellation)
    {
        try
        {
            return await stream.ReadAsync(new byte[1], cancellation);
        }
        catch (IOException)
        {
            return 0;
        }
    }

    private static async Task<Stream> OpenAsync(SecureServer server)
    {
        string ana = server.Pki.IssueClient("raw", new CertificateGrant(CertificateRole.Admin));
        TcpClient tcp = new();
        await tcp.ConnectAsync(IPAddress.Loopback, server.Address.Port);
        SslStream tls = new(tcp.GetStream());
        await tls.AuthenticateAsClientAsync(server.Trusting(X509Certificate2.CreateFromPemFile($"{ana}/cert.pem", $"{ana}/key.pem")));
        return tls;
    }

    private static Task WriteAsync(Stream stream, string text) => stream.WriteAsync(Encoding.ASCII.GetBytes(text)).AsTask();

    private static async Task<string> ReadToEndAsync(Stream stream)
    {
        using CancellationTokenSource patience = new(s_patience);
        StringBuilder text = new();
        byte[] buffer = new byte[4096];
        try
        {
            while (await stream.ReadAsync(buffer, patience.Token) is var count and > 0)
            {
                text.Append(Encoding.ASCII.GetString(buffer, 0, count));
            }
        }
        catch (IOException)
        {
            // Reset instead of closed: ended all the same.
        }

        return text.ToString();
    }
}
