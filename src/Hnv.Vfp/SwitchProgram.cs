using System.Collections.Frozen;
using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>The compiled policy of one host. Immutable; <see cref="VSwitch.Install"/> puts it in force whole.</summary>
public sealed record SwitchProgram
{
    /// <summary>A host without policy: every port drops everything.</summary>
    public static SwitchProgram Empty { get; } = new();

    /// <summary>The host's own PAs; <see cref="Transposition.TeamMember"/> is an index into it.</summary>
    public ImmutableArray<ProviderAddress> ProviderAddresses { get; init; } = [];

    /// <summary>Outbound capacity that reservations are taken from, bits per second; 0 when unknown, and nothing is divided.</summary>
    public long LinkBitsPerSecond { get; init; }

    /// <summary>A program for each port that policy puts on this host, plugged in or not.</summary>
    public FrozenDictionary<NicId, PortProgram> Ports { get; init; } = FrozenDictionary<NicId, PortProgram>.Empty;

    /// <summary>What is accepted from the provider network, for each virtual subnet.</summary>
    public ImmutableArray<SubnetProgram> Subnets { get; init; } = [];
}

/// <summary>A virtual subnet as the receiving side sees it.</summary>
/// <param name="Vsid">Its VSID.</param>
/// <param name="AcceptedProviders">The PAs its packets may come from: those of every member of the routing domain.</param>
public sealed record SubnetProgram(Vsid Vsid, FrozenSet<ProviderAddress> AcceptedProviders);
