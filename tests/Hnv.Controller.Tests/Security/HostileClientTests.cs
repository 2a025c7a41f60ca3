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

    public static TheoryData<string, byte[]> BadBodies => new()
    {
        { "nothing", [] },
        { "no JSON", "properties"u8.ToArray() },
        { "cut off", """{"properties":{"inboundDefaultAction":"Deny" """u8.ToArray() },
        { "a list", "[]"u8.ToArray() },
        { "a number", "1"u8.ToArray() },
        { "null", "null"u8.ToArray() },
        { "two documents", """{"properties":{}}{"properties":{}}"""u8.ToArray() },
        { "a trailing comma", """{"properties":{},}"""u8.ToArray() },
        { "a comment", """{"properties":{}/* */}"""u8.ToArray() },
        { "a number that is none", """{"properties":{"x":NaN}}"""u8.ToArray() },
        { "bytes that are no UTF-8", [.. "{\"properties\":{\"inboundDefaultAction\":\""u8, 0xC3, 0x28, 0xFF, .. "\"}}"u8] },
        { "half a surrogate pair", """{"properties":{"inboundDefaultAction":"\uD800"}}"""u8.ToArray() },
        { "half a surrogate pair in a name", """{"properties":{"\uDC00":1}}"""u8.ToArray() },
        { "zeros", new byte[4096] },
        { "a name twice, far inside", """{"properties":{"aclRules":[{"resourceId":"r","properties":{"priority":"1","priority":"2"}}]}}"""u8.ToArray() },
        { "a million lists", [.. """{"properties":"""u8, .. Enumerable.Repeat((byte)'[', 1_000_000)] },
        { "a hundred thousand objects, closed", Encoding.ASCII.GetBytes($"{string.Concat(Enumerable.Repeat("{\"a\":", 100_000))}1{new string('}', 100_000)}") },
    };

    [Theory]
    [MemberData(nameof(BadBodies))]
    public async Task Body_Malformed_IsRefusedOverTls_AndNothingChanges(string what, byte[] body)
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await using Stream stream = await OpenAsync(server);
        await WriteAsync(stream, $"PUT /networking/v1/accessControlLists/a HTTP/1.1\r\nHost: nc\r\nConnection: close\r\nContent-Length: {body.Length}\r\n\r\n");
        await stream.WriteAsync(body);

        string answer = await ReadToEndAsync(stream);

        Assert.True(answer.StartsWith("HTTP/1.1 400", StringComparison.Ordinal), $"{what}: {answer}");
        Assert.Contains("InvalidRequestFormat", answer, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, await SecureServer.StatusAsync(server.Admin(), "GET", "accessControlLists/a"));
    }

    [Fact]
    public async Task Path_OfNoVersionOrNoResource_IsNotFound()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        HttpClient admin = server.Admin();
        foreach (string path in new[] { "v0/accessControlLists", "v7.2/accessControlLists", "v99999999999/accessControlLists", "vv1/accessControlLists", "1/accessControlLists", "v1.1.1/accessControlLists", "v1/nothing", "v1/%2e%2e/%2e%2e/etc/passwd", $"v1/{new string('a', 4000)}" })
        {
            Assert.Equal(HttpStatusCode.NotFound, await SecureServer.StatusAsync(admin, "GET", $"/networking/{path}"));
        }
    }

    public static TheoryData<string, string, string> BadRequests => new()
    {
        { "two lengths", "PUT /networking/v1/accessControlLists/a HTTP/1.1\r\nHost: nc\r\nContent-Length: 2\r\nContent-Length: 17\r\n\r\n{}", "400" },
        { "a length that is none", "PUT /networking/v1/accessControlLists/a HTTP/1.1\r\nHost: nc\r\nContent-Length: -1\r\n\r\n", "400" },
        { "a chunk that is none", "PUT /networking/v1/accessControlLists/a HTTP/1.1\r\nHost: nc\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n", "400" },
        { "a chunk of the whole memory", "PUT /networking/v1/accessControlLists/a HTTP/1.1\r\nHost: nc\r\nTransfer-Encoding: chunked\r\n\r\n7FFFFFFF\r\n{", "" },
        { "no host", "GET /networking/v1/accessControlLists HTTP/1.1\r\n\r\n", "400" },
        { "headers without end", $"GET /networking/v1/accessControlLists HTTP/1.1\r\nHost: nc\r\nX: {new string('x', 100_000)}\r\n\r\n", "431" },
        { "too many headers", $"GET /networking/v1/accessControlLists HTTP/1.1\r\nHost: nc\r\n{string.Concat(Enumerable.Range(0, 1000).Select(i => $"X{i}: 1\r\n"))}\r\n", "431" },
        { "a line without end", $"GET /{new string('a', 100_000)} HTTP/1.1\r\nHost: nc\r\n\r\n", "414" },
        { "another protocol", "EHLO mail.example.com\r\n\r\n", "400" },
        { "a zero in escape", "GET /networking/v1/%00 HTTP/1.1\r\nHost: nc\r\n\r\n", "400" },
        { "a zero", "GET /networking/v1/\0 HTTP/1.1\r\nHost: nc\r\n\r\n", "400" },
    };

    [Theory]
    [MemberData(nameof(BadRequests))]
    public async Task Request_ThatIsNoHttp_IsRefusedOrClosed_AndNothingChanges(string what, string request, string status)
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await using Stream stream = await OpenAsync(server);
        await WriteAsync(stream, request);

        string answer = await ReadToEndAsync(stream);

        Assert.True(answer.StartsWith($"HTTP/1.1 {status}", StringComparison.Ordinal), $"{what}: {answer}");
        Assert.DoesNotContain("HTTP/1.1 2", answer, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, await SecureServer.StatusAsync(server.Admin(), "GET", "accessControlLists/a"));
    }

    [Fact]
    public async Task BytesThatAreNoTls_EndTheConnection()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        foreach (byte[] bytes in new byte[][] { "GET /networking/v1/accessControlLists HTTP/1.1\r\nHost: nc\r\n\r\n"u8.ToArray(), new byte[5000], [22, 3, 1, 255, 255, 1, 0, 255, 255] })
        {
            using TcpClient tcp = new();
            await tcp.ConnectAsync(IPAddress.Loopback, server.Address.Port);
            await tcp.GetStream().WriteAsync(bytes);

            Assert.DoesNotContain("HTTP/1.1 2", await ReadToEndAsync(tcp.GetStream()), StringComparison.Ordinal);
        }

        Assert.Equal(HttpStatusCode.OK, await SecureServer.StatusAsync(server.Admin(), "GET", "accessControlLists"));
    }

    [Fact]
    public async Task SlowHeaders_AreGivenUp()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await using Stream stream = await OpenAsync(server);
        await WriteAsync(stream, "GET /networking/v1/accessControlLists HTTP/1.1\r\nHost: n");

        string answer = await ReadToEndAsync(stream);

        Assert.DoesNotContain("HTTP/1.1 2", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnswersThatAreNotRead_EndTheConnection()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        string large = $$$"""{"tags":{"x":"{{{new string('x', 20_000)}}}"},"properties":{}}""";
        Assert.Equal(HttpStatusCode.Created, await SecureServer.StatusAsync(server.Admin(), "PUT", "accessControlLists/large", large));
        await using Stream stream = await OpenAsync(server, receiveBuffer: 4096);
        await WriteAsync(stream, string.Concat(Enumerable.Repeat("GET /networking/v1/accessControlLists/large HTTP/1.1\r\nHost: nc\r\n\r\n", 1000)));

        // Nothing is read; the server has its fill of waiting.
        using CancellationTokenSource patience = new(s_patience * 3);
        bool ended = false;
        while (!ended)
        {
            patience.Token.ThrowIfCancellationRequested();
            try
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), patience.Token);
                await WriteAsync(stream, "\r\n");
            }
            catch (IOException)
            {
                ended = true;
            }
        }

        Assert.Equal(HttpStatusCode.OK, await SecureServer.StatusAsync(server.Admin(), "GET", "accessControlLists"));
    }

    [Fact]
    public async Task HalfSentChunk_ThenGone_ChangesNothing()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await using (Stream stream = await OpenAsync(server))
        {
            await WriteAsync(stream, "PUT /networking/v1/accessControlLists/a HTTP/1.1\r\nHost: nc\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{\"properties\":{}}\r\n");
        }

        Assert.Equal(HttpStatusCode.NotFound, await SecureServer.StatusAsync(server.Admin(), "GET", "accessControlLists/a"));
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

    private static async Task<Stream> OpenAsync(SecureServer server, int receiveBuffer = 65_536)
    {
        string ana = server.Pki.IssueClient("raw", new CertificateGrant(CertificateRole.Admin));
        TcpClient tcp = new() { ReceiveBufferSize = receiveBuffer };
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
