using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>What a host's policy database says about the host, as the controller sees it. Immutable.</summary>
/// <param name="HostId">The instanceId of its <c>servers</c> resource as the agent was configured; empty before the agent said it.</param>
/// <param name="AgentVersion">The version of its agent; empty before the agent said it.</param>
/// <param name="CurrentConfiguration"><c>cur_cfg</c>: the last configuration in force.</param>
/// <param name="NextConfiguration"><c>next_cfg</c>: the last configuration asked for.</param>
/// <param name="Ports">The devices plugged in on that host, by network interface.</param>
/// <param name="ProviderAddresses">How far the host is with each of its PAs.</param>
public sealed record HostReport(
    string HostId,
    string AgentVersion,
    long CurrentConfiguration,
    long NextConfiguration,
    ImmutableDictionary<NicId, PortBinding> Ports,
    ImmutableDictionary<ProviderAddress, EnforcementStatus> ProviderAddresses)
{
    /// <summary>The URLs that the agent's host channel listens on, with spaces between them; empty when it named none. As the host wrote it: not to be trusted.</summary>
    public string HostChannel { get; init; } = string.Empty;

    /// <summary>A host that has not said anything yet.</summary>
    public static HostReport Empty { get; } = new(
        string.Empty,
        string.Empty,
        0,
        0,
        ImmutableDictionary<NicId, PortBinding>.Empty,
        ImmutableDictionary<ProviderAddress, EnforcementStatus>.Empty);

    /// <summary>True when the last configuration asked for is in force.</summary>
    public bool IsCurrent => CurrentConfiguration >= NextConfiguration;
}
