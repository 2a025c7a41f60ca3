using System.Security.Cryptography;

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

    private readonly Dictionary<Key, Entry> _entries = [];
    private readonly Queue<Key> _age = [];
    private readonly Lock _gate = new();
    private long _bytes;

    private readonly record struct Key(string RequestId, string Verb, string Path, string BodyHash);

    private sealed record Entry(Task<Answer> Answer, DateTimeOffset At);

    /// <summary>The answer of the first such request, or of <paramref name="execute"/> when this is the first.</summary>
    public Task<Answer> GetOrExecuteAsync(string requestId, string verb, string path, ReadOnlySpan<byte> body, Func<Task<Answer>> execute)
    {
        var key = new Key(requestId, verb, path.ToLowerInvariant(), Convert.ToHexString(SHA256.HashData(body)));
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

    private async Task<Answer> ExecuteAsync(Key key, TaskCompletionSource<Answer> first, Func<Task<Answer>> execute)
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
        while (_age.TryPeek(out Key key)
            && (_entries.Count > EntriesMax || _bytes > BytesMax || !_entries.TryGetValue(key, out Entry? entry) || entry.At < oldest))
        {
            _age.Dequeue();
            Remove(key);
        }
    }

    private void Remove(Key key)
    {
        if (_entries.Remove(key, out Entry? entry) && entry.Answer.IsCompletedSuccessfully)
        {
            _bytes -= entry.Answer.Result.Body.Length;
        }
    }
}
