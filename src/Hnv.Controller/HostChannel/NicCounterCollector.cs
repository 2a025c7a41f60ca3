using System.Collections.Concurrent;
using Hnv.Client;
using Hnv.Contracts.HostChannel;
using Hnv.Controller.Hosts;

namespace Hnv.Controller.HostChannel;

/// <summary>
/// What the hosts have counted for each network interface: asked of every agent now and then, one question for all its ports, and added up over the hosts
/// that an interface has been on. What a host did not say yet is not known, which is something else than 0.
/// </summary>
internal sealed class NicCounterCollector : IAsyncDisposable
{
    /// <summary>Hosts asked at once.</summary>
    private const int AskedMax = 32;

    /// <summary>Above any honest count; an entry beyond is not taken, so that sums cannot overflow.</summary>
    private const long CountMax = 1L << 53;

    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    /// <summary>How soon a host that has not answered yet is asked.</summary>
    private static readonly TimeSpan s_tick = TimeSpan.FromSeconds(1);

    private readonly HostFleet _fleet;
    private readonly HostChannels _channels;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Guid, ConcurrentDictionary<Guid, Count>> _byNic = [];
    private readonly ConcurrentDictionary<Guid, long> _answeredAt = [];
    private readonly ConcurrentDictionary<Guid, long> _askedAt = [];
    private readonly Task _asking;

    /// <summary>Begins to ask.</summary>
    public NicCounterCollector(HostFleet fleet, HostChannels channels, TimeProvider time)
    {
        _fleet = fleet;
        _channels = channels;
        _time = time;
        _asking = AskAsync();
    }

    /// <summary>What one host said last, and what it had said before it began anew.</summary>
    private sealed record Count(NicTotals Before, NicTotals Last)
    {
        public NicTotals Total => Before.Plus(Last);
    }

    /// <summary>What an interface's ports have counted; null while the host it is on has not said it.</summary>
    public NicTotals? Of(Guid nic)
    {
        if (_channels.ServerOf(nic) is { } server && !_answeredAt.ContainsKey(server))
        {
            return null;
        }

        NicTotals? sum = null;
        foreach (Count count in _byNic.GetValueOrDefault(nic)?.Values ?? [])
        {
            sum = sum?.Plus(count.Total) ?? count.Total;
        }

        return sum;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _asking;
        _stop.Dispose();
    }

    /// <summary>Takes what a host said. A count that is less than before is of a host that lost its own: both count.</summary>
    internal void Hear(Guid server, HostNicTotals said)
    {
        foreach (NicTotals totals in said.Nics.Where(IsPlausible))
        {
            // An interface that we do not know is nobody's, and costs no memory.
            if (_fleet.Plan.Networks.ByInterface.ContainsKey(totals.Nic))
            {
                _byNic.GetOrAdd(totals.Nic, _ => [])
                    .AddOrUpdate(server, _ => new Count(NicTotals.Zero(totals.Nic), totals), (_, known) => IsLess(totals, known.Last) ? new Count(known.Total, totals) : known with { Last = totals });
            }
        }

        _answeredAt[server] = _time.GetTimestamp();
    }

    private static bool IsPlausible(NicTotals? totals) =>
        totals is { In: { } inbound, Out: { } outbound } && Numbers(totals).All(number => number is >= 0 and < CountMax);

    private static bool IsLess(NicTotals now, NicTotals before) => Numbers(now).Zip(Numbers(before)).Any(pair => pair.First < pair.Second);

    private static long[] Numbers(NicTotals of) =>
    [
        of.In.Total, of.In.Drop, of.In.DropNoRuleMatch, of.In.DropAcl, of.In.DropForwarding, of.In.TcpSyn, of.In.TcpFin, of.In.TcpReset,
        of.Out.Total, of.Out.Drop, of.Out.DropNoRuleMatch, of.Out.DropAcl, of.Out.DropForwarding, of.Out.TcpSyn, of.Out.TcpFin, of.Out.TcpReset,
        of.BytesIn, of.BytesOut, of.BilledBytes, of.UnbilledBytes,
    ];

    private async Task AskAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            await Task.Delay(s_tick, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Forget();
            Guid[] due = [.. _fleet.Hosts.Where(IsDue)];
            try
            {
                await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = AskedMax, CancellationToken = _stop.Token }, AskAsync);
            }
            catch (OperationCanceledException)
            {
                // Stopping.
            }
        }
    }

    private bool IsDue(Guid server) => !_askedAt.TryGetValue(server, out long at) || _time.GetElapsedTime(at) >= s_period;

    private async ValueTask AskAsync(Guid server, CancellationToken cancellation)
    {
        if (_channels.Of(server, out _) is not { } agent)
        {
            return;
        }

        _askedAt[server] = _time.GetTimestamp();
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(s_patience);
        try
        {
            Hear(server, await agent.GetNicTotalsAsync(limit.Token));
        }
        catch (Exception e) when (e is ApiException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            // What it said last holds until it answers again; configurationState tells that it is away.
        }
    }

    private void Forget()
    {
        _channels.Forget();
        foreach (Guid nic in _byNic.Keys.Where(nic => !_fleet.Plan.Networks.ByInterface.ContainsKey(nic)))
        {
            _ = _byNic.TryRemove(nic, out _);
        }

        foreach (Guid server in _askedAt.Keys.Where(server => _fleet.WorkerOf(server) is null))
        {
            _ = _askedAt.TryRemove(server, out _);
            _ = _answeredAt.TryRemove(server, out _);
        }
    }
}
