using Hnv.Contracts.HostChannel;

namespace Hnv.Client;

/// <summary>Follows an explained packet from host to host: whoever has the provider address that it is sent to is asked what becomes of it there.</summary>
/// <param name="agentWith">The agent of the host with a provider address; null when it is nobody known, and the journey ends there.</param>
public sealed class TraceJourney(Func<string, HostClient?> agentWith)
{
    /// <summary>Hosts one packet is followed to, one after the other. A packet goes to one, or by an appliance to another.</summary>
    private const int HopsMax = 4;

    /// <summary>Agents asked about one packet and its copies.</summary>
    private const int QuestionsMax = 64;

    private int _questions;

    /// <summary>The report with what becomes of each packet, or copy, on the host it is sent to.</summary>
    /// <exception cref="ApiException">An agent on the way does not answer, or refuses.</exception>
    public Task<TraceReport> FollowAsync(TraceReport report, CancellationToken cancellation = default) => FollowAsync(report, HopsMax, cancellation);

    // What an agent answers is what says whom to ask next: without bounds two of them could send us back and forth for ever.
    private async Task<TraceReport> FollowAsync(TraceReport report, int hops, CancellationToken cancellation)
    {
        List<TraceWay> ways = [];
        foreach (TraceWay way in report.Ways)
        {
            TraceReport? next = way.Next is { } here ? await FollowAsync(here, hops, cancellation) : null;
            if (way is { Next: null, Outer: { } outer, Frame: { } frame } && hops > 0 && _questions < QuestionsMax && agentWith(outer.Destination) is { } agent)
            {
                _questions++;
                next = await FollowAsync(await agent.TraceAsync(new TraceRequest { IsInbound = true, Frame = frame, Outer = outer }, cancellation), hops - 1, cancellation);
            }

            ways.Add(way with { Next = next });
        }

        return report with { Ways = ways };
    }
}
