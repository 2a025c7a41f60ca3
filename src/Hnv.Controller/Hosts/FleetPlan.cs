using System.Collections.Immutable;
using Hnv.Controller.Model;
using Hnv.Controller.Planning;

namespace Hnv.Controller.Hosts;

/// <summary>Why something does not reach the hosts, as a configurationState says it.</summary>
internal sealed record PlanFault(string Code, string Message);

/// <summary>What was planned last, from which state, and what could not be planned.</summary>
/// <param name="Snapshot">The documents.</param>
/// <param name="Networks">What they mean.</param>
/// <param name="Resources">Faults by key of the top-level resource to put right.</param>
/// <param name="Hosts">Faults by instanceId of the server that keeps an older policy because of them.</param>
internal sealed record FleetPlan(
    Snapshot Snapshot, PlannedNetworks Networks, ImmutableDictionary<string, PlanFault> Resources, ImmutableDictionary<Guid, PlanFault> Hosts)
{
    public static FleetPlan Empty { get; } = new(
        Snapshot.Empty,
        new PlannedNetworks(Snapshot.Empty, Placements.None),
        ImmutableDictionary<string, PlanFault>.Empty,
        ImmutableDictionary<Guid, PlanFault>.Empty);

    /// <summary>Why nothing at all could be planned; null when that is not so.</summary>
    public PlanFault? Failure { get; init; }
}
