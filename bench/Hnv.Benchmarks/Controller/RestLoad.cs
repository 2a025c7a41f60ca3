using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;

namespace Hnv.Benchmarks.Controller;

/// <summary>HTTP clients over loopback TCP, each with one request under way at a time.</summary>
internal sealed class RestLoad(HttpClient http, Uri root)
{
    private static readonly MediaTypeHeaderValue s_json = new("application/json");

    /// <summary>Creates or replaces a resource.</summary>
    public async Task PutAsync(string path, string body, CancellationToken cancellation)
    {
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
        content.Headers.ContentType = s_json;
        using HttpResponseMessage answer = await http.PutAsync(new Uri(root, path), content, cancellation);
        if (!answer.IsSuccessStatusCode)
        {
            throw new InvalidOperationException($"PUT {path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(cancellation)}");
        }
    }

    /// <summary>Reads a resource or collection to its end.</summary>
    /// <returns>Bytes, and the time until the first of them.</returns>
    public async Task<(long Bytes, TimeSpan First)> GetAsync(string path, CancellationToken cancellation)
    {
        long begin = Stopwatch.GetTimestamp();
        using HttpResponseMessage answer = await http.GetAsync(new Uri(root, path), HttpCompletionOption.ResponseHeadersRead, cancellation);
        answer.EnsureSuccessStatusCode();
        await using Stream body = await answer.Content.ReadAsStreamAsync(cancellation);
        byte[] buffer = new byte[64 << 10];
        long bytes = 0;
        TimeSpan first = default;
        while (await body.ReadAsync(buffer, cancellation) is > 0 and var count)
        {
            first = bytes == 0 ? Stopwatch.GetElapsedTime(begin) : first;
            bytes += count;
        }

        return (bytes, first);
    }

    /// <summary>Has several clients send requests until there are no more, or the time is over.</summary>
    /// <param name="clients">How many at once.</param>
    /// <param name="requests">The requests, drawn from by all.</param>
    /// <param name="duration">When to stop drawing.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>Their durations, and the time it took.</returns>
    public async Task<(Measured Each, TimeSpan All)> PutAllAsync(
        int clients, IEnumerator<(string Path, string Body)> requests, TimeSpan duration, CancellationToken cancellation)
    {
        var each = new Measured();
        var gate = new Lock();
        long begin = Stopwatch.GetTimestamp();
        async Task RunAsync()
        {
            while (Stopwatch.GetElapsedTime(begin) < duration)
            {
                (string Path, string Body) next;
                lock (gate)
                {
                    if (!requests.MoveNext())
                    {
                        return;
                    }

                    next = requests.Current;
                }

                long sent = Stopwatch.GetTimestamp();
                await PutAsync(next.Path, next.Body, cancellation);
                each.Add(Stopwatch.GetElapsedTime(sent));
            }
        }

        await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(RunAsync, cancellation)));
        return (each, Stopwatch.GetElapsedTime(begin));
    }
}
