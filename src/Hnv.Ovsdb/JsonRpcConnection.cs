using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;

namespace Hnv.Ovsdb;

/// <summary>
/// JSON-RPC 1.0 on a stream: requests by id, notifications in order of arrival, <c>echo</c> answered by the reader itself, since an
/// idle probe that stays unanswered ends the session. One reader task; writers take turns.
/// </summary>
internal sealed class JsonRpcConnection : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly string _peer;
    private readonly Action<string, JsonElement> _onNotification;
    private readonly ConcurrentDictionary<long, TaskCompletionSource<JsonElement>> _pending = new();
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<Exception> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _reader;
    private long _lastId;

    /// <param name="stream">Owned by the connection.</param>
    /// <param name="peer">Who is at the other end, for messages.</param>
    /// <param name="onNotification">Called by the reader, in order; <c>update…</c>, <c>locked</c> and the like. Must not block.</param>
    public JsonRpcConnection(Stream stream, string peer, Action<string, JsonElement> onNotification)
    {
        _stream = stream;
        _peer = peer;
        _onNotification = onNotification;
        _reader = Task.Run(ReadAsync);
    }

    /// <summary>Ends with the reason when the connection does.</summary>
    public Task<Exception> Closed => _closed.Task;

    /// <summary>Asks and awaits the answer. The result is the caller's to keep.</summary>
    /// <param name="method">The RPC method.</param>
    /// <param name="parameters">The JSON array of parameters.</param>
    /// <param name="cancellation">Gives up waiting; whether the server acts on the request is then unknown.</param>
    /// <exception cref="OvsdbException">The server answered with an error.</exception>
    /// <exception cref="OvsdbConnectionException">The connection was lost; the outcome is unknown.</exception>
    public async Task<JsonElement> CallAsync(string method, ReadOnlyMemory<byte> parameters, CancellationToken cancellation)
    {
        long id = Interlocked.Increment(ref _lastId);
        TaskCompletionSource<JsonElement> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _pending[id] = answer;
        try
        {
            // Whoever completes _closed fails the pending ones after it, so asking in this order leaves nobody waiting.
            if (_closed.Task.IsCompleted)
            {
                throw Lost(await _closed.Task);
            }

            await WriteAsync(
                json =>
                {
                    json.WriteNumber("id"u8, id);
                    json.WriteString("method"u8, method);
                    json.WritePropertyName("params"u8);
                    json.WriteRawValue(parameters.Span, skipInputValidation: true);
                },
                cancellation);
            return await answer.Task.WaitAsync(cancellation);
        }
        finally
        {
            _pending.TryRemove(id, out _);
        }
    }

    /// <summary>Closes the stream; the reader then ends.</summary>
    public void Abandon() => _stream.Dispose();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _stream.DisposeAsync();
        await _reader;
        _writing.Dispose();
        _stop.Dispose();
    }

    private async Task ReadAsync()
    {
        Exception reason;
        try
        {
            JsonFramer framer = new();
            while (true)
            {
                int count = await _stream.ReadAsync(framer.Space(), _stop.Token);
                if (count == 0)
                {
                    reason = new EndOfStreamException("the server closed the connection");
                    break;
                }

                framer.Advance(count);
                while (framer.TryTake(out ReadOnlyMemory<byte> message))
                {
                    await DispatchAsync(message);
                }
            }
        }
        catch (Exception exception)
        {
            reason = exception;
        }

        _closed.TrySetResult(reason);
        foreach (TaskCompletionSource<JsonElement> answer in _pending.Values)
        {
            answer.TrySetException(Lost(reason));
        }
    }

    private async ValueTask DispatchAsync(ReadOnlyMemory<byte> message)
    {
        using JsonDocument document = JsonDocument.Parse(message);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException("A JSON-RPC message is an object.");
        }

        if (root.TryGetProperty("method", out JsonElement method))
        {
            JsonElement parameters = root.GetProperty("params");
            if (method.ValueEquals("echo"u8))
            {
                JsonElement id = root.GetProperty("id");
                await WriteAsync(
                    json =>
                    {
                        json.WritePropertyName("id"u8);
                        id.WriteTo(json);
                        json.WriteNull("error"u8);
                        json.WritePropertyName("result"u8);
                        parameters.WriteTo(json);
                    },
                    _stop.Token);
                return;
            }

            _onNotification(method.GetString()!, parameters);
            return;
        }

        if (!root.TryGetProperty("id", out JsonElement replyId) || replyId.ValueKind != JsonValueKind.Number
            || !_pending.TryRemove(replyId.GetInt64(), out TaskCompletionSource<JsonElement>? answer))
        {
            return;
        }

        // A failed request's reply has no result at all, a good one says error: null; missing and null mean the same.
        if (root.TryGetProperty("error", out JsonElement error) && error.ValueKind != JsonValueKind.Null)
        {
            answer.TrySetException(new OvsdbException($"The OVSDB server at {_peer} refused the request: {Describe(error)}."));
        }
        else
        {
            answer.TrySetResult(root.TryGetProperty("result", out JsonElement result) ? result.Clone() : default);
        }
    }

    private async Task WriteAsync(Action<Utf8JsonWriter> members, CancellationToken cancellation)
    {
        ArrayBufferWriter<byte> bytes = new(512);
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        await _writing.WaitAsync(cancellation);
        try
        {
            // Not cancellable: half a message would spoil the stream for everybody.
            await _stream.WriteAsync(bytes.WrittenMemory, CancellationToken.None);
            await _stream.FlushAsync(CancellationToken.None);
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            throw Lost(exception);
        }
        finally
        {
            _writing.Release();
        }
    }

    private OvsdbConnectionException Lost(Exception reason) => new($"The connection to the OVSDB server at {_peer} was lost: {reason.Message}", reason);

    private static string Describe(JsonElement error)
    {
        if (error.ValueKind != JsonValueKind.Object)
        {
            return error.ToString();
        }

        string name = error.TryGetProperty("error", out JsonElement text) ? text.ToString() : error.GetRawText();
        return error.TryGetProperty("details", out JsonElement details) ? string.Create(CultureInfo.InvariantCulture, $"{name}: {details}") : name;
    }
}
