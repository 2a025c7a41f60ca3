using System.Net;
using System.Text.Json.Nodes;
using Hnv.Client.Declarative;
using Hnv.Pki;

namespace Hnv.Client;

/// <summary>
/// The Network Controller's REST API. Paths are resourceRefs, <c>/virtualNetworks/contoso</c>, without <c>/networking/v1</c>.
/// Safe for concurrent use.
/// </summary>
/// <param name="endpoint"><c>http://host:port</c>, <c>https://host:port</c>, <c>unix:/path</c> or a socket's absolute path.</param>
/// <param name="version">The URI version to speak.</param>
/// <param name="identity">For <c>https</c>: our certificate, and whose signature on the service's we trust.</param>
public sealed class ControllerClient(string endpoint, string version = "v7.1", CertificateFiles? identity = null) : IDisposable
{
    private static readonly TimeSpan s_firstPoll = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan s_slowestPoll = TimeSpan.FromMilliseconds(250);

    private readonly JsonChannel _channel = new(endpoint, identity);

    /// <summary>Reads a resource or a collection; null when there is none.</summary>
    /// <exception cref="ApiException">Refused, or no answer.</exception>
    public async Task<JsonNode?> GetAsync(string path, CancellationToken cancellation = default)
    {
        JsonAnswer answer = await _channel.SendAsync(HttpMethod.Get, Full(path), null, null, cancellation);
        return answer.Status == HttpStatusCode.NotFound ? null : answer.Body;
    }

    /// <summary>Creates or replaces a resource and returns the document as it is once the controller has finished with it.</summary>
    /// <param name="path">The resourceRef.</param>
    /// <param name="body">The document to send.</param>
    /// <param name="ifMatch">The etag the resource must have; null for any.</param>
    /// <param name="wait">False returns the first answer, whose provisioningState may still be Updating.</param>
    /// <param name="ifNoneMatch"><c>*</c> creates, and replaces nothing.</param>
    /// <param name="cancellation">Gives up waiting; the controller goes on.</param>
    /// <exception cref="ApiException">Refused, failed later on, or no answer.</exception>
    public async Task<JsonNode> PutAsync(
        string path, JsonNode body, string? ifMatch = null, bool wait = true, string? ifNoneMatch = null, CancellationToken cancellation = default)
    {
        JsonAnswer answer = await _channel.SendAsync(HttpMethod.Put, Full(path), body.ToJsonString(), ifMatch, cancellation, ifNoneMatch);
        JsonNode document = answer.Body ?? throw new ApiException($"{endpoint} answered PUT {path} without a document.", new FormatException());
        return wait && State(document) == "Updating" ? await SettledAsync(path, cancellation) : document;
    }

    /// <summary>Removes a resource with its descendants and waits until it is gone.</summary>
    /// <param name="path">The resourceRef.</param>
    /// <param name="ifMatch">The etag the resource must have; null for any.</param>
    /// <param name="cancellation">Gives up waiting; the controller goes on.</param>
    /// <returns>False when there was nothing to remove.</returns>
    /// <exception cref="ApiException">Refused, or no answer.</exception>
    public async Task<bool> DeleteAsync(string path, string? ifMatch = null, CancellationToken cancellation = default)
    {
        JsonAnswer answer = await _channel.SendAsync(HttpMethod.Delete, Full(path), null, ifMatch, cancellation);
        TimeSpan pause = s_firstPoll;
        while (answer.Status == HttpStatusCode.Accepted && await GetAsync(path, cancellation) is not null)
        {
            await Task.Delay(pause, cancellation);
            pause = Longer(pause);
        }

        return answer.Status != HttpStatusCode.NoContent;
    }

    /// <summary>The resource types of this controller, from its OpenAPI document.</summary>
    /// <exception cref="ApiException">Refused, or no answer.</exception>
    /// <exception cref="FormatException">It does not describe what it serves.</exception>
    public async Task<ApiSchema> GetSchemaAsync(CancellationToken cancellation = default)
    {
        JsonAnswer answer = await _channel.SendAsync(HttpMethod.Get, "openapi.json", null, null, cancellation);
        return new ApiSchema(answer.Body ?? throw new FormatException($"{endpoint} serves no /openapi.json. Is it a controller?"));
    }

    /// <summary>True when the controller answers and says it is healthy.</summary>
    public async Task<bool> IsHealthyAsync(CancellationToken cancellation = default)
    {
        try
        {
            return (await _channel.SendAsync(HttpMethod.Get, "health", null, null, cancellation)).Status == HttpStatusCode.OK;
        }
        catch (ApiException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _channel.Dispose();

    private static string? State(JsonNode? document) => (string?)document?["properties"]?["provisioningState"];

    private static TimeSpan Longer(TimeSpan pause) => pause * 2 < s_slowestPoll ? pause * 2 : s_slowestPoll;

    private async Task<JsonNode> SettledAsync(string path, CancellationToken cancellation)
    {
        TimeSpan pause = s_firstPoll;
        while (true)
        {
            JsonNode document = await GetAsync(path, cancellation)
                ?? throw new ApiException(HttpStatusCode.NotFound, new("NotFound", $"{path} was deleted while the PUT was under way.", path));
            switch (State(document))
            {
                case "Updating":
                    await Task.Delay(pause, cancellation);
                    pause = Longer(pause);
                    break;
                case "Failed":
                    throw new ApiException(
                        HttpStatusCode.InternalServerError,
                        new("InternalServerError", $"{path} ended in provisioningState Failed.", path));
                default:
                    return document;
            }
        }
    }

    private string Full(string path) => $"networking/{version}/{path.Trim('/')}";
}
