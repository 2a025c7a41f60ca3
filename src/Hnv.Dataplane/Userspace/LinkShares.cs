namespace Hnv.Dataplane.Userspace;

/// <summary>What one port asks of the link, bits per second.</summary>
/// <param name="Reserved">Its own, however busy the link is.</param>
/// <param name="Weight">Its share of what is left, relative to the others'.</param>
/// <param name="Maximum">No more than this; 0 is no limit.</param>
/// <param name="Wanted">What it would send if it could.</param>
internal readonly record struct LinkDemand(long Reserved, int Weight, long Maximum, long Wanted);

/// <summary>Divides a link among ports: first what each has reserved, then what is left by weight, to nobody more than it wants.</summary>
internal static class LinkShares
{
    /// <summary>Computes each port's rate. Pure; allocates nothing.</summary>
    /// <param name="demands">The ports.</param>
    /// <param name="link">Capacity, bits per second.</param>
    /// <param name="rates">Takes the rates. What nobody wants is offered to everybody, and nobody is held below what it has reserved.</param>
    public static void Divide(ReadOnlySpan<LinkDemand> demands, long link, Span<long> rates)
    {
        long reserved = 0, allWeights = 0;
        foreach (LinkDemand demand in demands)
        {
            reserved += Math.Min(demand.Reserved, link);
            allWeights += demand.Weight;
        }

        // More promised than there is: everybody gives way in proportion.
        double scale = reserved > link ? (double)link / reserved : 1;
        long left = link;
        for (int i = 0; i < demands.Length; i++)
        {
            rates[i] = Math.Min(Wish(demands[i], link), Promise(demands[i], link, scale));
            left -= rates[i];
        }

        for (int round = 0; round < demands.Length && left > 0; round++)
        {
            long weights = 0;
            for (int i = 0; i < demands.Length; i++)
            {
                weights += rates[i] < Wish(demands[i], link) ? demands[i].Weight : 0;
            }

            if (weights == 0)
            {
                break;
            }

            long given = 0;
            for (int i = 0; i < demands.Length; i++)
            {
                long wish = Wish(demands[i], link);
                if (rates[i] < wish)
                {
                    long share = Math.Min(wish - rates[i], (long)((double)left * demands[i].Weight / weights));
                    rates[i] += share;
                    given += share;
                }
            }

            left -= given;
            if (given == 0)
            {
                break;
            }
        }

        for (int i = 0; i < demands.Length; i++)
        {
            long rate = Math.Max(rates[i] + Math.Max(0, left), Promise(demands[i], link, scale));
            if (demands[i].Wanted < link)
            {
                // What it does not use it may begin to use at any moment: its share then is divided anew, and until then is not withheld.
                rate = Math.Max(rate, (long)((double)link * demands[i].Weight / allWeights));
            }

            rates[i] = Math.Max(1, demands[i].Maximum > 0 ? Math.Min(rate, demands[i].Maximum) : rate);
        }
    }

    private static long Wish(LinkDemand demand, long link) => Math.Min(demand.Wanted, demand.Maximum > 0 ? Math.Min(demand.Maximum, link) : link);

    private static long Promise(LinkDemand demand, long link, double scale) => (long)(Math.Min(demand.Reserved, link) * scale);
}
