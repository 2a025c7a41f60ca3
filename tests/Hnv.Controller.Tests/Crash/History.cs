using System.Diagnostics;
using System.Globalization;

namespace Hnv.Controller.Tests.Crash;

/// <summary>
/// Everything that clients asked to be written to one resource, with the span of time in which it may have taken effect, and what a reader may
/// see then: a value that nobody wrote over for certain before the reading began. A write without an answer may take effect at any time or never.
/// </summary>
internal sealed class History
{
    private readonly Lock _gate = new();

    // Before all writes there was nothing.
    private readonly List<Write> _writes = [new Write(null, 0) { End = 0 }];

    /// <summary>One write.</summary>
    /// <param name="Value">What it makes of the resource; null for its removal.</param>
    /// <param name="Begin">When it was sent.</param>
    internal sealed record Write(string? Value, long Begin)
    {
        /// <summary>When it was acknowledged; <see cref="long.MaxValue"/> while it is not.</summary>
        public long End { get; set; } = long.MaxValue;

        /// <summary>The etag it was acknowledged with.</summary>
        public string? ETag { get; set; }
    }

    /// <summary>A write is about to be sent.</summary>
    public Write Begin(string? value)
    {
        Write write = new(value, Stopwatch.GetTimestamp());
        lock (_gate)
        {
            _writes.Add(write);
        }

        return write;
    }

    /// <summary>It was answered as done.</summary>
    public void Acknowledge(Write write, string? etag)
    {
        lock (_gate)
        {
            (write.End, write.ETag) = (Stopwatch.GetTimestamp(), etag);
        }
    }

    /// <summary>It was refused, so nothing was changed by it.</summary>
    public void Refuse(Write write)
    {
        lock (_gate)
        {
            _writes.Remove(write);
        }
    }

    /// <summary>Why nobody may have seen this; null when somebody may.</summary>
    /// <param name="value">What was seen; null for nothing.</param>
    /// <param name="etag">The etag it was seen with; null when it has none of its own.</param>
    /// <param name="begin">When the reading was asked for.</param>
    /// <param name="end">When it was there.</param>
    public string? Contradiction(string? value, string? etag, long begin, long end)
    {
        lock (_gate)
        {
            long settled = _writes.Where(write => write.End < begin).Max(write => write.Begin);
            bool possible = _writes.Any(write => write.Value == value && write.Begin < end && write.End >= settled
                && (value is null || etag is null || write.ETag is null || write.End >= begin || write.ETag == etag));
            return possible ? null : $"'{value ?? "nothing"}' ({etag}) was seen {Ms(begin)} to {Ms(end)}; written: {string.Join(", ", _writes.Where(write => write.Value == value || write.End >= settled).Select(Text))}";
        }

        string Text(Write write) => $"'{write.Value ?? "nothing"}' ({write.ETag}) {Ms(write.Begin)} to {(write.End == long.MaxValue ? "an unknown end" : Ms(write.End))}";

        static string Ms(long timestamp) => string.Create(CultureInfo.InvariantCulture, $"{timestamp / (Stopwatch.Frequency / 1000)}");
    }
}
