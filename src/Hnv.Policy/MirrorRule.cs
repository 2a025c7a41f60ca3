using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Policy;

/// <summary>Copies of a port's packets for an appliance that looks at them (serviceInsertions of type PortMirror in REST); a row of <c>SI_Rule</c>.</summary>
/// <param name="RuleId">The rule's identity within its port.</param>
/// <param name="Priority">Lower numbers are asked first; the first that matches decides where the copy goes.</param>
/// <param name="Protocol">IANA protocol number, or null for any.</param>
/// <param name="Sources">Source prefixes; empty is any.</param>
/// <param name="Destinations">Destination prefixes; empty is any.</param>
/// <param name="SourcePorts">Source port ranges; empty is any.</param>
/// <param name="DestinationPorts">Destination port ranges; empty is any.</param>
/// <param name="Appliance">The appliance's VSID and CA; its MAC and PA come from the mapping of it.</param>
public sealed record MirrorRule(
    string RuleId,
    int Priority,
    byte? Protocol,
    ImmutableArray<IpPrefix> Sources,
    ImmutableArray<IpPrefix> Destinations,
    ImmutableArray<PortRange> SourcePorts,
    ImmutableArray<PortRange> DestinationPorts,
    TenantEndpoint Appliance)
{
    /// <summary>By value, lists included: an equal policy needs no new program.</summary>
    public bool Equals(MirrorRule? other) =>
        other is not null
        && RuleId == other.RuleId
        && Priority == other.Priority
        && Protocol == other.Protocol
        && Appliance == other.Appliance
        && Sources.AsSpan().SequenceEqual(other.Sources.AsSpan())
        && Destinations.AsSpan().SequenceEqual(other.Destinations.AsSpan())
        && SourcePorts.AsSpan().SequenceEqual(other.SourcePorts.AsSpan())
        && DestinationPorts.AsSpan().SequenceEqual(other.DestinationPorts.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(RuleId, Priority, Appliance);
}
