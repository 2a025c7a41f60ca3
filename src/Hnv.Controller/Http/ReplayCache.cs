using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Hnv.Controller.Http;

/// <summary>
/// Idempotency (2.7): a write that comes again with the same <c>x-ms-client-request-id</c>, verb, path and body is not executed
/// again; it gets the answer of the first, also when that one is still under way.
/// </summary>
internal sealed class ReplayCache(TimeProvider time)
{
    private const int EntriesMax = 100_000;
    private const long BytesMax = 64 << 20;
    private static readonly TimeSpan s_kept = TimeSpan.FromHours(24);

    private readonly Dictionary<string, Entry> _entries = [];
    private readonly Queue<string> _age = [];
    private readonly Lock _gate = new();
    private long _bytes;

    private sealed record Entry(Task<Answer> Answer, DateTimeOffset At);

    /// <summary>By what a request is known: equal for repetitions, and for nothing else.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="requestId">Its <c>x-ms-client-request-id</c>.</param>
    /// <param name="verb">PUT or DELETE.</param>
    /// <param name="path">The path of the URI.</param>
    /// <param name="body">As sent.</param>
    public static string KeyOf(string caller, string requestId, string verb, string path, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (string part in (ReadOnlySpan<string>)[caller, requestId, verb, path.ToLowerInvariant()])
        {
            byte[] text = Encoding.UTF8.GetBytes(part);
            BinaryPrimitives.WriteInt32BigEndian(length, text.Length);
            hash.AppendData(length);
            hash.AppendData(text);
        }

        hash.AppendData(body);
        return Convert.ToBase64String(hash.GetHashAndReset());
    }

    /// <summary>The answer of the first such request, or of <paramref name="execute"/> when this is the first.</summary>
    /// <param name="key"><see cref="KeyOf"/> it.</param>
    /// <param name="execute">Carries it out.</param>
    public Task<Answer> GetOrExecuteAsync(string key, Func<Task<Answer>> execute)
    {
        TaskCompletionSource<Answer> first;
        lock (_gate)
        {
            Expire();
            if (_entries.TryGetValue(key, out Entry? known))
            {
                return known.Answer;
            }

            first = new TaskCompletionSource<Answer>(TaskCreationOptions.RunContinuationsAsynchronously);
            _entries[key] = new Entry(first.Task, time.GetUtcNow());
            _age.Enqueue(key);
        }

        return ExecuteAsync(key, first, execute);
    }

    private async Task<Answer> ExecuteAsync(string key, TaskCompletionSource<Answer> first, Func<Task<Answer>> execute)
    {
        try
        {
            Answer answer = await execute();
            first.SetResult(answer);
            lock (_gate)
            {
                _bytes += answer.Body.Length;
                if (answer.Status >= StatusCodes.Status500InternalServerError)
                {
                    // Trying again is what such an answer asks for.
                    Remove(key);
                }
            }

            return answer;
        }
        catch (Exception e)
        {
            first.SetException(e);
            lock (_gate)
            {
                Remove(key);
            }

            throw;
        }
    }

    private void Expire()
    {
        DateTimeOffset oldest = time.GetUtcNow() - s_kept;
        while (_age.TryPeek(out string? key)
            && (_entries.Count > EntriesMax || _bytes > BytesMax || !_entries.TryGetValue(key, out Entry? entry) || entry.At < oldest))
        {
            _age.Dequeue();
            Remove(key);
        }
    }

    private void Remove(string key)
    {
        if (_entries.Remove(key, out Entry? entry) && entry.Answer.IsCompletedSuccessfully)
        {
            _bytes -= entry.Answer.Result.Body.Length;
        }
    }
}
