using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace Hnv.Controller.Tests;

/// <summary>The API page: served by the controller alone, and deaf to markup in names that tenants choose.</summary>
public sealed partial class ApiPageTests : IAsyncLifetime
{
    private const int BytesMax = 60_000;

    private readonly RestServer _rest = new();
    private HttpClient _http = null!;

    public async Task InitializeAsync()
    {
        await _rest.InitializeAsync();
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(_rest.Socket), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://controller/") };
    }

    public Task DisposeAsync()
    {
        _http.Dispose();
        return _rest.DisposeAsync();
    }

    [Theory]
    [InlineData("/", "text/html")]
    [InlineData("/docs", "text/html")]
    [InlineData("/docs/page.js", "text/javascript")]
    [InlineData("/docs/page.css", "text/css")]
    public async Task Get_APartOfThePage_ComesWithItsTypeAndAPolicy(string path, string type)
    {
        using HttpResponseMessage response = await _http.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(type, response.Content.Headers.ContentType?.MediaType);
        string policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'self'; ", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
    }

    [Fact]
    public async Task Page_LoadsNothingFromElsewhere_AndIsSmall()
    {
        string html = await TextAsync("/"), script = await TextAsync("/docs/page.js"), style = await TextAsync("/docs/page.css");

        Assert.DoesNotMatch(Elsewhere(), html + script + style);
        Assert.DoesNotMatch(InlineCode(), html);
        Assert.True(html.Length + script.Length + style.Length < BytesMax);
    }

    [Fact]
    public async Task Script_HasNoWayToMakeMarkupOfText()
    {
        string script = await TextAsync("/docs/page.js");

        Assert.DoesNotMatch(MarkupSinks(), script);
        Assert.Contains("textContent", script, StringComparison.Ordinal);
    }

    /// <summary>The script itself, run by node over a document in which every way to make markup throws.</summary>
    [Fact]
    public async Task Script_NamesFullOfMarkup_BecomeTextAndEncodedPaths()
    {
        const string Evil = "<img src=x onerror=alert(1)>\"'&";
        Reply put = await _rest.PutAsync(
            $"securityTags/{Uri.EscapeDataString(Evil)}",
            """{"tags":{"<script>":"</pre><script>alert(1)</script>","resourceRef":"javascript:alert(1)"},"properties":{"type":"<b>"}}""");
        Assert.Equal(HttpStatusCode.Created, put.Status);
        if (FindNode() is not { } node)
        {
            // Without node the two tests above are what there is.
            return;
        }

        string folder = Directory.CreateTempSubdirectory("hnv-p-").FullName;
        foreach ((string name, string path) in new[]
        {
            ("page.js", "/docs/page.js"), ("openapi.json", "/openapi.json"), ("list.json", "/networking/v7.1/securityTags"),
            ("one.json", $"/networking/v7.1/securityTags/{Uri.EscapeDataString(Evil)}"),
        })
        {
            await File.WriteAllTextAsync(Path.Combine(folder, name), await TextAsync(path));
        }

        ProcessStartInfo start = new(node, [Path.Combine(AppContext.BaseDirectory, "page-dom.mjs"), folder]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Directory.Delete(folder, recursive: true);

        Assert.True(process.ExitCode == 0, await error);
        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains($"text {Evil}", lines);
        Assert.Contains("text </pre><script>alert(1)</script>", lines.Select(line => line.Replace("\"", "", StringComparison.Ordinal)));
        Assert.DoesNotContain(lines, line => line is "element img" or "element script");
        Assert.All(lines.Where(line => line.StartsWith("href ", StringComparison.Ordinal)), line => Assert.Matches(@"^href (#/(type|get)/[^<>""]*|#/|/openapi\.json)$", line));
        Assert.Contains("href #/get/javascript%3Aalert(1)", lines);
    }

    private static string? FindNode() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => Path.Combine(folder, "node")).FirstOrDefault(File.Exists);

    private Task<string> TextAsync(string path) => _http.GetStringAsync(new Uri(path, UriKind.Relative));

    [GeneratedRegex(@"https?://|//cdn|@import|url\((?!['""]?data:)")]
    private static partial Regex Elsewhere();

    [GeneratedRegex(@"<script(?![^>]*\ssrc=)|\son\w+\s*=|\sstyle\s*=|javascript:")]
    private static partial Regex InlineCode();

    [GeneratedRegex(@"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|createContextualFragment|srcdoc|DOMParser|setAttribute\('on|location\.(href|assign|replace)")]
    private static partial Regex MarkupSinks();
}
