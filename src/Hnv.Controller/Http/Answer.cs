using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Hnv.Contracts;
using Hnv.Contracts.Rest;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Http;

/// <summary>A complete answer, so that a repeated request can be given the very same one.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Body">JSON; empty for none.</param>
/// <param name="Headers">Headers beside the ones every answer has.</param>
internal sealed record Answer(int Status, ReadOnlyMemory<byte> Body, IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    private static readonly JsonWriterOptions s_writer = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>An answer without a body.</summary>
    public static Answer Empty(int status) => new(status, default, []);

    /// <summary>An answer that is printed by a writer.</summary>
    public static Answer Json(int status, Action<Utf8JsonWriter> write, params IReadOnlyList<KeyValuePair<string, string>> headers)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, s_writer))
        {
            write(json);
        }

        return new Answer(status, buffer.WrittenMemory, headers);
    }

    /// <summary>The documented error body.</summary>
    public static Answer Error(int status, ErrorBody error, params IReadOnlyList<KeyValuePair<string, string>> headers) =>
        new(status, JsonSerializer.SerializeToUtf8Bytes(new ErrorResponse(error), ContractJson.Relaxed), headers);

    /// <summary>The answer to a refused request.</summary>
    public static Answer Refusal(RefusedException refused) => refused.Status == StatusCodes.Status503ServiceUnavailable
        ? Error(refused.Status, refused.ToBody(), KeyValuePair.Create("Retry-After", "1"))
        : Error(refused.Status, refused.ToBody());

    /// <summary>Sends it.</summary>
    public async Task SendAsync(HttpResponse response, CancellationToken cancellation)
    {
        response.StatusCode = Status;
        foreach ((string name, string value) in Headers)
        {
            response.Headers.Append(name, value);
        }

        if (Body.Length > 0)
        {
            response.ContentType = "application/json; charset=utf-8";
            response.ContentLength = Body.Length;
            await response.Body.WriteAsync(Body, cancellation);
        }
    }
}
