using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>
/// Samples of what a switch dropped: a ring of bounded size, filled within a budget, so that a flood costs a look at two counters for each
/// packet. Every drop is counted elsewhere; here is only what some of them looked like.
/// </summary>
/// <remarks>Written by any worker without a lock, read by anyone at any time; a reader passes over an entry that is being overwritten.</remarks>
public sealed class DropLog
{
    /// <summary>Samples kept.</summary>
    public const int Capacity = 4096;

    /// <summary>Bytes kept of each frame: enough for any tenant's headers.</summary>
    public const int FrameBytesMax = 128;

    /// <summary>Samples taken per second, of the whole switch.</summary>
    public const int PerSecondMax = 100;

    /// <summary>Samples taken per second of one port for one reason, so that one flood does not hide the other drops.</summary>
    public const int PerSecondOfPortAndReasonMax = 10;

    private const int CountBits = 16;
    private const long CountMask = (1L << CountBits) - 1;

    private readonly Entry[] _entries = [.. Enumerable.Range(0, Capacity).Select(_ => new Entry())];
    private readonly long[] _underlayBudget = new long[DropReasons.Count];
    private readonly PerSecond _budget = new();
    private long _next;
    private long _now;

    /// <summary>Drops noted since the switch was made, those that the ring has lost again included; the number of the last one.</summary>
    public long Noted => Volatile.Read(ref _next);

    /// <summary>The samples behind one, oldest first.</summary>
    /// <param name="after">The number of the last sample known; 0 for all that are kept.</param>
    /// <param name="limit">No more than this many.</param>
    public ImmutableArray<DropSample> Read(long after, int limit)
    {
        ImmutableArray<DropSample>.Builder samples = ImmutableArray.CreateBuilder<DropSample>();
        long last = Noted;
        for (long number = Math.Max(after, last - Capacity) + 1; number <= last && samples.Count < limit; number++)
        {
            if (_entries[number % Capacity].TryRead(number) is { } sample)
            {
                samples.Add(sample);
            }
        }

        return samples.ToImmutable();
    }

    /// <summary>A budget for the samples of one port, one slot for each reason.</summary>
    internal static long[] NewBudget() => new long[DropReasons.Count];

    /// <summary>The clock for drops that come without one.</summary>
    internal void Tick(long now) => Volatile.Write(ref _now, now);

    /// <summary>Notes a packet from the provider network that reached no port, if the budget allows.</summary>
    internal void NoteUnderlay(DropReason reason, ReadOnlySpan<byte> frame, long now)
    {
        if (TryTake(_underlayBudget, reason, ref now))
        {
            Write(null, Direction.Inbound, reason, null, null, frame, now);
        }
    }

    /// <summary>Is there budget for another sample of a port? Taking it is promising to <see cref="Write"/> it.</summary>
    /// <param name="budget">The port's.</param>
    /// <param name="reason">Why the packet was dropped.</param>
    /// <param name="now">Coarse clock, milliseconds; 0 takes the latest known.</param>
    internal bool TryTake(long[] budget, DropReason reason, ref long now)
    {
        now = now == 0 ? Volatile.Read(ref _now) : now;
        return TryTake(ref budget[(int)reason], PerSecondOfPortAndReasonMax, now) && !_budget.IsOver(PerSecondMax, now);
    }

    internal void Write(VPort? port, Direction direction, DropReason reason, string? layer, Rule? rule, ReadOnlySpan<byte> frame, long now)
    {
        long number = Interlocked.Increment(ref _next);
        _entries[number % Capacity].Write(number, port, direction, reason, layer, rule, frame, now);
    }

    /// <summary>One word: the second in the upper bits, the samples taken in it in the lower. A lost update between two workers is accepted.</summary>
    private static bool TryTake(ref long slot, int limit, long now)
    {
        long second = now / 1000, held = Volatile.Read(ref slot);
        long count = held >> CountBits == second ? held & CountMask : 0;
        if (count >= limit)
        {
            return false;
        }

        Volatile.Write(ref slot, (second << CountBits) | (count + 1));
        return true;
    }

    private sealed class Entry
    {
        private readonly byte[] _frame = new byte[FrameBytesMax];
        private long _number;
        private VPort? _port;
        private Rule? _rule;
        private string? _layer;
        private long _time;
        private int _length;
        private DropReason _reason;
        private Direction _direction;

        public void Write(long number, VPort? port, Direction direction, DropReason reason, string? layer, Rule? rule, ReadOnlySpan<byte> frame, long now)
        {
            // The number says which sample lies here; 0 while it is neither the old nor the new one.
            _ = Interlocked.Exchange(ref _number, 0);
            _port = port;
            _direction = direction;
            _reason = reason;
            _layer = layer;
            _rule = rule;
            _time = now;
            _length = frame.Length;
            frame[..Math.Min(frame.Length, FrameBytesMax)].CopyTo(_frame);
            Volatile.Write(ref _number, number);
        }

        public DropSample? TryRead(long number)
        {
            if (Volatile.Read(ref _number) != number)
            {
                return null;
            }

            DropSample sample = new(
                number, _time, _port, _direction, _reason, _layer, _rule, _length, [.. _frame.AsSpan(0, Math.Clamp(_length, 0, FrameBytesMax))]);
            Interlocked.MemoryBarrier();
            return Volatile.Read(ref _number) == number ? sample : null;
        }
    }
}

/// <summary>One dropped packet.</summary>
/// <param name="Number">Counts samples from 1; a gap is what the ring has lost.</param>
/// <param name="Time">The coarse clock that it was decided with, milliseconds.</param>
/// <param name="Port">Whose it was; null for a packet from the provider network that reached no port.</param>
/// <param name="Direction">As the VM sees it.</param>
/// <param name="Reason">Why.</param>
/// <param name="Layer">The layer that dropped it; null when none did.</param>
/// <param name="Rule">The rule that dropped it; null when none did.</param>
/// <param name="Length">Bytes of the frame; 0 when only the drop was told.</param>
/// <param name="Frame">Its first bytes, <see cref="DropLog.FrameBytesMax"/> at most; what came from the provider network is the inner frame.</param>
public sealed record DropSample(
    long Number, long Time, VPort? Port, Direction Direction, DropReason Reason, string? Layer, Rule? Rule, int Length, ImmutableArray<byte> Frame);
