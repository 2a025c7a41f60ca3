using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Hnv.Contracts;
using Hnv.Contracts.Rest;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Http;

/// <summary>A complete answer, so that a repeated request can be given the very same one.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Body">JSON; empty for none, and for one that is streamed.</param>
/// <param name="Headers">Headers beside the ones every answer has.</param>
internal sealed record Answer(int Status, ReadOnlyMemory<byte> Body, IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    private static readonly JsonWriterOptions s_writer = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Bytes of a streamed answer that are held before the client has to take them.</summary>
    private const int HeldMax = 64 << 10;

    /// <summary>The parts of a long answer, printed while it is sent; null for one that is complete.</summary>
    private IEnumerable<Action<Utf8JsonWriter>>? Parts { get; init; }

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

    /// <summary>An answer of any length, of which little is ever in memory: the next part is printed when the client has taken the last.</summary>
    public static Answer Stream(int status, IEnumerable<Action<Utf8JsonWriter>> parts) => new(status, default, []) { Parts = parts };

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

        if (Parts is not null)
        {
            await StreamAsync(Parts, response, cancellation);
        }
        else if (Body.Length > 0)
        {
            response.ContentType = "application/json; charset=utf-8";
            response.ContentLength = Body.Length;
            await response.Body.WriteAsync(Body, cancellation);
        }
    }

    private static async Task StreamAsync(IEnumerable<Action<Utf8JsonWriter>> parts, HttpResponse response, CancellationToken cancellation)
    {
        response.ContentType = "application/json; charset=utf-8";
        using var json = new Utf8JsonWriter(response.BodyWriter, s_writer);
        long sent = 0;
        foreach (Action<Utf8JsonWriter> part in parts)
        {
            part(json);
            if (json.BytesCommitted + json.BytesPending - sent > HeldMax)
            {
                json.Flush();
                sent = json.BytesCommitted;
                await response.BodyWriter.FlushAsync(cancellation);
            }
        }

        json.Flush();
        await response.BodyWriter.FlushAsync(cancellation);
    }
}
