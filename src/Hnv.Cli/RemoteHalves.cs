using System.CommandLine;
using Hnv.Client;
using Hnv.Contracts.HostChannel;

namespace Hnv.Cli;

/// <summary>The other hosts' halves of a trace: whoever has the provider address that a packet is sent to is asked what becomes of it there.</summary>
internal sealed class RemoteHalves : IDisposable
{
    private readonly Dictionary<string, HostClient> _byProviderAddress = new(StringComparer.Ordinal);
    private readonly List<HostClient> _agents = [];

    private RemoteHalves()
    {
    }

    /// <summary>Learns which agent has which provider address; one that does not answer is left out.</summary>
    public static async Task<RemoteHalves> OpenAsync(ParseResult parsed, IReadOnlyList<string> peers, CancellationToken cancellation)
    {
        RemoteHalves halves = new();
        foreach (HostClient agent in Endpoints.Everyone(parsed).Select(each => each.Client).Concat(peers.Select(peer => Endpoints.AgentAt(parsed, peer))))
        {
            halves._agents.Add(agent);
            try
            {
                foreach (ProviderAddressStatus address in (await agent.GetHostAsync(cancellation)).ProviderAddresses)
                {
                    halves._byProviderAddress[address.Address] = agent;
                }
            }
            catch (ApiException)
            {
                // The trace then ends where it leaves for that host, and says so.
            }
        }

        return halves;
    }

    /// <summary>The report with what becomes of each packet, or copy, on the host it is sent to.</summary>
    public Task<TraceReport> FollowAsync(TraceReport report, CancellationToken cancellation) =>
        new TraceJourney(_byProviderAddress.GetValueOrDefault).FollowAsync(report, cancellation);

    /// <inheritdoc/>
    public void Dispose() => _agents.ForEach(agent => agent.Dispose());
}
