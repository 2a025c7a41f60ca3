using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Contracts;
using Hnv.Contracts.Rest;
using Hnv.Pki;

namespace Hnv.Client;

/// <summary>One HTTP+JSON conversation; turns every failure into an <see cref="ApiException"/>.</summary>
internal sealed class JsonChannel(string endpoint, CertificateFiles? identity, ClientLimits? limits = null) : IDisposable
{
    private readonly HttpClient _http = Endpoint.Open(endpoint, identity, limits);

    /// <summary>Sends and reads the whole answer. A 404 to a GET is returned, every other failure thrown.</summary>
    public async Task<JsonAnswer> SendAsync(HttpMethod method, string path, string? body, string? ifMatch, CancellationToken cancellation, string? ifNoneMatch = null)
    {
        using HttpRequestMessage request = Request(method, path, body, ifMatch, ifNoneMatch);
        try
        {
            using HttpResponseMessage response = await _http.SendAsync(request, cancellation);
            string text = await response.Content.ReadAsStringAsync(cancellation);
            var answer = new JsonAnswer(
                response.StatusCode,
                Parse(text),
                response.Headers.TryGetValues("Azure-AsyncOperation", out IEnumerable<string>? values) ? values.FirstOrDefault() : null);
            bool absent = method == HttpMethod.Get && response.StatusCode == HttpStatusCode.NotFound;
            return response.IsSuccessStatusCode || absent ? answer : throw Refusal(response.StatusCode, text);
        }
        catch (HttpRequestException e)
        {
            throw new ApiException($"{endpoint} does not answer ({e.InnerException?.Message ?? e.Message}). Is the service running?", e);
        }
    }

    /// <summary>Opens a stream of server-sent events, by GET, or with a body by POST. The caller owns it.</summary>
    public async Task<Stream> StreamAsync(string path, CancellationToken cancellation, string? body = null)
    {
        try
        {
            using HttpRequestMessage request = Request(body is null ? HttpMethod.Get : HttpMethod.Post, path, body);
            HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (response.IsSuccessStatusCode)
            {
                Stream stream = await response.Content.ReadAsStreamAsync(cancellation);
                return limits is null ? stream : new BoundedStream(stream, limits.AnswerBytesMax);
            }

            using (response)
            {
                await response.Content.LoadIntoBufferAsync(limits?.AnswerBytesMax ?? int.MaxValue, cancellation);
                throw Refusal(response.StatusCode, await response.Content.ReadAsStringAsync(cancellation));
            }
        }
        catch (HttpRequestException e)
        {
            throw new ApiException($"{endpoint} does not stream {path}: {e.Message}", e);
        }
    }

    public void Dispose() => _http.Dispose();

    private static HttpRequestMessage Request(HttpMethod method, string path, string? body, string? ifMatch = null, string? ifNoneMatch = null)
    {
        var request = new HttpRequestMessage(method, new Uri(path.TrimStart('/'), UriKind.Relative));
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        }

        if (ifMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        if (ifNoneMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-None-Match", ifNoneMatch);
        }

        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        return request;
    }

    private static JsonNode? Parse(string text)
    {
        try
        {
            return text.Length == 0 ? null : JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static ApiException Refusal(HttpStatusCode status, string text)
    {
        ErrorBody? error = null;
        try
        {
            error = JsonSerializer.Deserialize(text, ContractJson.Default.ErrorResponse)?.Error;
        }
        catch (JsonException)
        {
            // Not our error body: a proxy spoke, or the service broke. What it said goes into the message below.
        }

        return new ApiException(status, error ?? new ErrorBody(status.ToString(), $"HTTP {(int)status}: {text}"));
    }
}

/// <summary>An answer with its body.</summary>
internal sealed record JsonAnswer(HttpStatusCode Status, JsonNode? Body, string? Operation);
