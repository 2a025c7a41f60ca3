namespace Hnv.Dataplane.Userspace;

/// <summary>
/// Divides the link anew a few times a second by what its ports have been sending (<see cref="LinkShares"/>). A port that was held back wants all it can
/// get; another a bit more than it sent. The first worker's; the packet path sees nothing of it but a port's rate.
/// </summary>
internal sealed class LinkSharing(PortChannel[] channels, long link)
{
    /// <summary>How often, nanoseconds.</summary>
    public const long PeriodNs = 20_000_000;

    /// <summary>How long a port that was held back is taken to want more, nanoseconds: a super-packet may be several periods' worth of its rate.</summary>
    private const long GreedyNs = 300_000_000;

    private const double Decay = 0.9, Headroom = 1.25;

    private readonly double[] _sending = new double[channels.Length];
    private readonly long[] _greedyUntil = new long[channels.Length];
    private readonly LinkDemand[] _demands = new LinkDemand[channels.Length];
    private readonly long[] _rates = new long[channels.Length];
    private readonly long[] _sentBefore = [.. channels.Select(channel => channel.SentBytes)];
    private long _lastNs;

    /// <summary>Divides, when it is time.</summary>
    public void Run(long nowNs)
    {
        long elapsed = nowNs - _lastNs;
        if (elapsed < PeriodNs)
        {
            return;
        }

        for (int i = 0; i < channels.Length; i++)
        {
            PortChannel channel = channels[i];
            long sent = channel.SentBytes;
            _sending[i] = Math.Max(_sending[i] * Decay, (sent - _sentBefore[i]) * 8e9 / elapsed);
            _sentBefore[i] = sent;
            if (channel.WasHeldBack || channel.Outbound.ReadyAt > nowNs)
            {
                channel.WasHeldBack = false;
                _greedyUntil[i] = nowNs + GreedyNs;
            }

            long wanted = nowNs < _greedyUntil[i] ? long.MaxValue : (long)(_sending[i] * Headroom);
            _demands[i] = new LinkDemand(channel.Rates.OutboundReserved, Math.Max(1, channel.Rates.OutboundWeight), channel.Rates.OutboundMaximum, wanted);
        }

        _lastNs = nowNs;
        LinkShares.Divide(_demands, link, _rates);
        for (int i = 0; i < channels.Length; i++)
        {
            channels[i].Outbound.Rate = _rates[i];
        }
    }
}
