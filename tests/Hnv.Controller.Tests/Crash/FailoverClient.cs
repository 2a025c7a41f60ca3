using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Hnv.Controller.Tests.Crash;

/// <summary>How a request ended.</summary>
/// <param name="Reply">The last answer of a controller in office; null when there was none.</param>
/// <param name="Attempts">How often it was sent.</param>
internal sealed record Outcome(Reply? Reply, int Attempts)
{
    public bool IsDone => Reply is { } reply && (int)reply.Status < 300;
}

/// <summary>A client of several controllers: asks them in turn, with the same client request id, until one in office answers.</summary>
internal sealed class FailoverClient : IDisposable
{
    private static readonly TimeSpan s_answerMax = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(10);

    private readonly HttpClient[] _controllers;
    private int _preferred;

    public FailoverClient(IEnumerable<string> sockets) => _controllers = [.. sockets.Select(Open)];

    /// <summary>Sends until there is an answer other than 503, at most for as long as the caller has patience, or only once.</summary>
    public async Task<Outcome> SendAsync(HttpMethod method, string path, string? body, bool once, CancellationToken patience)
    {
        string requestId = Guid.NewGuid().ToString("D");
        for (int attempt = 1; ; attempt++)
        {
            int chosen = _preferred;
            try
            {
                Reply reply = await SendAsync(_controllers[chosen], method, path, body, requestId, patience);
                if (reply.Status != HttpStatusCode.ServiceUnavailable)
                {
                    return new Outcome(reply, attempt);
                }
            }
            catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException && !patience.IsCancellationRequested)
            {
                // Killed, or not answering: what became of the request is unknown.
            }

            _preferred = (chosen + 1) % _controllers.Length;
            if (once)
            {
                return new Outcome(null, attempt);
            }

            await Task.Delay(s_pause, patience);
        }
    }

    /// <summary>Reads from one controller, now; null when it has no answer.</summary>
    public async Task<Reply?> TryGetAsync(int controller, string path, CancellationToken cancellation)
    {
        try
        {
            Reply reply = await SendAsync(_controllers[controller], HttpMethod.Get, path, null, null, cancellation);
            return reply.Status == HttpStatusCode.ServiceUnavailable ? null : reply;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>The members of a collection, from whoever is in office.</summary>
    public async Task<JsonNode[]> ListAsync(string path, CancellationToken patience)
    {
        Outcome outcome = await SendAsync(HttpMethod.Get, path, null, once: false, patience);
        Assert.True(outcome.IsDone, $"GET {path}: {outcome.Reply?.Status} {outcome.Reply?.Message}");
        return [.. outcome.Reply!.Body!["value"]!.AsArray().Select(node => node!)];
    }

    public void Dispose()
    {
        foreach (HttpClient controller in _controllers)
        {
            controller.Dispose();
        }
    }

    private static async Task<Reply> SendAsync(HttpClient http, HttpMethod method, string path, string? body, string? requestId, CancellationToken patience)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(patience);
        limit.CancelAfter(s_answerMax);
        using var request = new HttpRequestMessage(method, new Uri($"v7.1/{path}", UriKind.Relative));
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        if (requestId is not null)
        {
            request.Headers.Add("x-ms-client-request-id", requestId);
        }

        using HttpResponseMessage response = await http.SendAsync(request, limit.Token);
        string text = await response.Content.ReadAsStringAsync(limit.Token);
        return new Reply(
            response.StatusCode, text.Length == 0 ? null : JsonNode.Parse(text), response.Headers.ToDictionary(h => h.Key, h => string.Join(",", h.Value), StringComparer.OrdinalIgnoreCase));
    }

    private static HttpClient Open(string path) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    })
    { BaseAddress = new Uri("http://controller/networking/") };
}
