using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Resources;
using Hnv.Controller.Store;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Hnv.Controller.Tests;

/// <summary>The REST API on a real Kestrel over a Unix socket, with a store in memory and no hosts.</summary>
public sealed class RestServer : IAsyncLifetime
{
    private readonly string _socket = Path.Combine(Path.GetTempPath(), $"hnv-t-{Guid.NewGuid():N}.sock");
    private readonly bool _keepsBackups = true;
    private readonly IDocumentStore _store = new MemoryDocumentStore();
    private WebApplication? _web;
    private HttpClient? _http;

    public RestServer()
    {
    }

    // A fixture may have one public constructor.
    internal RestServer(bool keepsBackups, IDocumentStore? store = null)
    {
        _keepsBackups = keepsBackups;
        _store = store ?? _store;
    }

    public string BackupDirectory { get; } = Directory.CreateTempSubdirectory("hnv-b-").FullName;

    internal ResourceEngine Engine { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Engine = new ResourceEngine(NetworkControllerCatalog.Create(_keepsBackups ? BackupDirectory : null), _store, SecretBox.Ephemeral(), new OperationLog());
        await Engine.StartAsync(CancellationToken.None);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.ListenUnixSocket(_socket));
        builder.WebHost.ConfigureKestrel(k => k.Limits.MaxRequestBodySize = Http.NetworkingApi.BodyMax);
        _web = builder.Build();
        ControllerApp.Map(_web, Engine);
        await _web.StartAsync();
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socket), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://controller/networking/") };
    }

    public async Task DisposeAsync()
    {
        _http?.Dispose();
        await _web!.DisposeAsync();
        await Engine.DisposeAsync();
        File.Delete(_socket);
        Directory.Delete(BackupDirectory, recursive: true);
    }

    public string Socket => _socket;

    public Task<Reply> GetAsync(string path, string version = "v7.1") => SendAsync(HttpMethod.Get, $"{version}/{path}", null);

    public Task<Reply> PutAsync(string path, string body, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Put, $"v7.1/{path}", body, headers);

    public Task<Reply> DeleteAsync(string path, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Delete, $"v7.1/{path}", null, headers);

    public async Task<Reply> SendAsync(HttpMethod method, string path, string? body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using HttpResponseMessage response = await _http!.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        return new Reply(
            response.StatusCode,
            text.Length == 0 ? null : JsonNode.Parse(text),
            response.Headers.ToDictionary(h => h.Key, h => string.Join(",", h.Value), StringComparer.OrdinalIgnoreCase));
    }
}

/// <summary>An answer, whole.</summary>
public sealed record Reply(HttpStatusCode Status, JsonNode? Body, IReadOnlyDictionary<string, string> Headers)
{
    public JsonNode Properties => Body!["properties"]!;

    public string? Code => (string?)Body?["error"]?["code"];

    public string? Message => (string?)Body?["error"]?["message"];

    public string ETag => (string)Body!["etag"]!;

    public string? Text(string property) => (string?)Properties[property];
}
