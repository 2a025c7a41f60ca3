using Hnv.Controller.Schema;

namespace Hnv.Controller.Http;

/// <summary>Reads request bodies, few large ones at a time: what all clients together can make us hold is bounded.</summary>
internal sealed class RequestBodies(int largeAtOnce)
{
    /// <summary>Bodies up to this are read at once.</summary>
    private const int Small = 64 << 10;

    private int _large;

    /// <exception cref="RefusedException">503: too many large bodies are being read.</exception>
    public async Task<byte[]> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        using var buffer = new MemoryStream();
        byte[] chunk = new byte[16 << 10];
        bool counted = false;
        try
        {
            while (await request.Body.ReadAsync(chunk, cancellation) is var count and > 0)
            {
                if (!counted && buffer.Length + count > Small)
                {
                    counted = true;
                    if (Interlocked.Increment(ref _large) > largeAtOnce)
                    {
                        throw new RefusedException(ErrorCodes.RetryableError, "", $"Too many requests of more than {Small} bytes at once. Send it again.");
                    }
                }

                buffer.Write(chunk, 0, count);
            }

            return buffer.ToArray();
        }
        finally
        {
            if (counted)
            {
                Interlocked.Decrement(ref _large);
            }
        }
    }
}
