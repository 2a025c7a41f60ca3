namespace Hnv.Dataplane.Userspace;

/// <summary>
/// Keeps bytes to a rate: whatever passes is paid for by time. One may pass while all before it are paid, however long it is itself, so a
/// super-packet passes whole and the next one waits the longer. Lock-free; several workers may share one.
/// </summary>
internal sealed class Pacer
{
    /// <summary>Idle time that may be made up for, nanoseconds: a worker may be late by so much and the rate still holds.</summary>
    public const long CreditNs = 20_000_000;

    private const long BitNs = 8_000_000_000;

    private long _bitsPerSecond;
    private long _paidAt;

    /// <summary>Bits per second; 0 is no limit.</summary>
    public long Rate
    {
        get => Volatile.Read(ref _bitsPerSecond);
        set => Volatile.Write(ref _bitsPerSecond, value);
    }

    /// <summary>When the next one may pass, nanoseconds.</summary>
    public long ReadyAt => Rate == 0 ? 0 : Volatile.Read(ref _paidAt);

    /// <summary>May one pass now?</summary>
    public bool MayPass(long nowNs) => ReadyAt <= nowNs;

    /// <summary>Bytes that may pass now without debt.</summary>
    public long Allowance(long nowNs)
    {
        long rate = Rate;
        long idle = nowNs - Math.Max(Volatile.Read(ref _paidAt), nowNs - CreditNs);
        return rate == 0 ? long.MaxValue : idle <= 0 ? 0 : (long)((Int128)idle * rate / BitNs);
    }

    /// <summary>Charges what has passed.</summary>
    public void Charge(long bytes, long nowNs)
    {
        long rate = Rate;
        if (rate == 0)
        {
            return;
        }

        long cost = (long)((Int128)bytes * BitNs / rate);
        long before = Volatile.Read(ref _paidAt);
        while (true)
        {
            long seen = Interlocked.CompareExchange(ref _paidAt, Math.Max(before, nowNs - CreditNs) + cost, before);
            if (seen == before)
            {
                return;
            }

            before = seen;
        }
    }
}
