using System.Collections.Concurrent;
using System.Collections.Immutable;
using Hnv.Controller.Model;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Planning;

/// <summary>
/// What has been worked out for a line of plans. Parts go over from a plan to the next while they stay true; what is about one machine names the
/// machine it was worked out for, so that it is right for whoever has the very same one. Thread-safe.
/// </summary>
internal sealed class PlanCache
{
    /// <summary>Virtual networks by key.</summary>
    public ConcurrentDictionary<string, VirtualNetworkPolicy> Networks { get; private init; } = [];

    /// <summary>Connected peers by key of the network.</summary>
    public ConcurrentDictionary<string, ImmutableArray<Node>> Peers { get; private init; } = [];

    /// <summary>Mappings of everyone in a network, by its key.</summary>
    public ConcurrentDictionary<string, ImmutableArray<CaPaMapping>> Mappings { get; private init; } = [];

    /// <summary>Mappings of one machine by its interface's instanceId, and the provider addresses they lead to.</summary>
    public ConcurrentDictionary<Guid, (PlannedNetworks.Machine Of, ImmutableArray<ProviderAddress> To, CaPaMapping[] Mappings)> MachineMappings { get; private init; } = [];

    /// <summary>Ports by the interface's instanceId.</summary>
    public ConcurrentDictionary<Guid, (PlannedNetworks.Machine Of, PortPolicy Policy)> Ports { get; private init; } = [];

    /// <summary>What hosts with the same networks share, by the keys of these.</summary>
    public ConcurrentDictionary<string, Reach> Reaches { get; private init; } = [];

    public PlanWork Work { get; private init; } = new();

    /// <summary>The cache of the next plan.</summary>
    /// <param name="rulesStay">No port's rules can be others, but for machines that changed themselves.</param>
    /// <param name="networksStay">No virtual network is another one.</param>
    public PlanCache After(bool rulesStay, bool networksStay) => new()
    {
        Networks = networksStay ? Networks : [],
        Peers = networksStay ? Peers : [],
        Ports = rulesStay ? Ports : [],
        Mappings = new(Mappings),
        MachineMappings = MachineMappings,
        Reaches = Reaches,
        Work = Work,
    };

    /// <summary>An interface is gone.</summary>
    public void Forget(Guid nic)
    {
        MachineMappings.TryRemove(nic, out _);
        Ports.TryRemove(nic, out _);
    }

    /// <summary>What the mappings of some networks come to.</summary>
    /// <param name="Parts">Those of each network.</param>
    /// <param name="Addresses">The provider addresses of all servers.</param>
    /// <param name="Mappings">All of them.</param>
    /// <param name="Teams">The teams they lead to.</param>
    internal sealed record Reach(
        ImmutableArray<ImmutableArray<CaPaMapping>> Parts,
        ImmutableDictionary<Guid, ImmutableArray<ProviderAddress>> Addresses,
        ImmutableArray<CaPaMapping> Mappings,
        ImmutableArray<ProviderTeam> Teams)
    {
        /// <summary>True when it was worked out from these very parts.</summary>
        public bool Holds(ImmutableArray<ImmutableArray<CaPaMapping>> parts, ImmutableDictionary<Guid, ImmutableArray<ProviderAddress>> addresses) =>
            ReferenceEquals(Addresses, addresses) && Parts.AsSpan().SequenceEqual(parts.AsSpan());
    }
}

/// <summary>How much has been worked out: what was taken over is not counted. For tests and statistics. Thread-safe.</summary>
internal sealed class PlanWork
{
    private long _machines;
    private long _ports;
    private long _mapped;

    /// <summary>Interfaces that were looked at.</summary>
    public long Machines => Volatile.Read(ref _machines);

    /// <summary>Ports whose policy was worked out.</summary>
    public long Ports => Volatile.Read(ref _ports);

    /// <summary>Machines whose mappings were made.</summary>
    public long Mapped => Volatile.Read(ref _mapped);

    public void CountMachine() => Interlocked.Increment(ref _machines);

    public void CountPort() => Interlocked.Increment(ref _ports);

    public void CountMapped() => Interlocked.Increment(ref _mapped);
}
