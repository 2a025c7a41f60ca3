using System.Collections.Concurrent;
using Hnv.Client;
using Hnv.Controller.Hosts;
using Hnv.Pki;
using Hnv.Primitives;

namespace Hnv.Controller.HostChannel;

/// <summary>The way to each host's agent: found in the host's own database, kept open while it is used. Thread-safe.</summary>
/// <param name="fleet">The hosts.</param>
/// <param name="identity">What we show to hosts, and whose signature on theirs we trust; null speaks plain HTTP.</param>
internal sealed class HostChannels(HostFleet fleet, CertificateFiles? identity) : IAsyncDisposable
{
    /// <summary>Probes under way at once; each costs a host a packet socket or two, of which it has eight.</summary>
    private const int ProbesMax = 4;

    private const int AnswerBytesMax = 8 << 20;
    private static readonly TimeSpan s_connectTimeout = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<Guid, (string Endpoint, HostClient Client)> _open = [];
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _turns = new(ProbesMax);
    private bool _disposed;

    /// <summary>Waits for its turn to send a probe; disposing of the result is the end of the turn.</summary>
    public async Task<IDisposable> TakeTurnAsync()
    {
        await _turns.WaitAsync();
        return new Turn(_turns);
    }

    /// <summary>The server a network interface's port is on; null when it is on none.</summary>
    public Guid? ServerOf(Guid networkInterface) => fleet.Plan.Networks.ByInterface.GetValueOrDefault(networkInterface)?.Server;

    /// <summary>What people call a server.</summary>
    public string NameOf(Guid server) => fleet.Plan.Networks.Server(server)?.Ref ?? server.ToString("D");

    /// <summary>The agent of the server with a provider address; null when nobody has it, or has no agent that can be asked.</summary>
    public HostClient? With(string providerAddress) =>
        ProviderAddress.TryParse(providerAddress, out ProviderAddress address)
        && fleet.Hosts.FirstOrDefault(server => fleet.Plan.Networks.ProviderAddresses(server).Contains(address)) is var found && found != Guid.Empty
            ? Of(found, out _)
            : null;

    /// <summary>The agent of a server.</summary>
    /// <param name="server">Its instanceId.</param>
    /// <param name="why">Why there is no way to it; null when there is.</param>
    public HostClient? Of(Guid server, out string? why)
    {
        if (fleet.WorkerOf(server) is not { } worker)
        {
            why = $"{NameOf(server)} runs no host agent.";
            return null;
        }

        if (worker.Status.State is not Southbound.HostSessionState.Connected)
        {
            why = $"{NameOf(server)} is not connected: {worker.Status.Message}";
            return null;
        }

        if (ChannelAddress.Choose(worker.Address, worker.Report.HostChannel, identity is not null) is not { } endpoint)
        {
            why = $"The agent of {NameOf(server)} cannot be asked: its host channel listens on no {(identity is null ? "http" : "https")} URL at {worker.Address}. Name one in channel.listen of its configuration.";
            return null;
        }

        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            why = null;
            if (_open.TryGetValue(server, out (string Endpoint, HostClient Client) known) && known.Endpoint == endpoint)
            {
                return known.Client;
            }

            // Whoever still uses the old one finds it closed, as if the host had gone away; it has.
            known.Client?.Dispose();
            HostClient client = new(endpoint, identity, new ClientLimits(s_connectTimeout, AnswerBytesMax));
            _open[server] = (endpoint, client);
            return client;
        }
    }

    /// <summary>Closes what leads to servers that are gone.</summary>
    public void Forget()
    {
        foreach (Guid gone in _open.Keys.Where(server => fleet.WorkerOf(server) is null))
        {
            if (_open.TryRemove(gone, out (string Endpoint, HostClient Client) channel))
            {
                channel.Client.Dispose();
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposed = true;
            foreach ((string _, HostClient client) in _open.Values)
            {
                client.Dispose();
            }

            _open.Clear();
        }

        // Checks that are still under way find everything closed, and end.
        _turns.Dispose();
        return ValueTask.CompletedTask;
    }

    private sealed class Turn(SemaphoreSlim turns) : IDisposable
    {
        public void Dispose()
        {
            try
            {
                _ = turns.Release();
            }
            catch (ObjectDisposedException)
            {
                // The term of office ended meanwhile.
            }
        }
    }
}
