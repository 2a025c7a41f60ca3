using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Policy;

/// <summary>One firewall rule of one port: a 5-tuple and what to do with it (R45); a row of <c>FW_Rules</c>.</summary>
/// <param name="RuleId">The rule's identity within its port: instanceId of the aclRule, or a derived id for a default action.</param>
/// <param name="Level">Whose rule it is; a packet needs the consent of both levels.</param>
/// <param name="Direction">As the VM sees it.</param>
/// <param name="Action">Allow or block.</param>
/// <param name="Priority">Lower numbers are asked first. 101-65000 belong to users, the rest to the platform.</param>
/// <param name="Protocol">IANA protocol number, or null for any.</param>
/// <param name="Sources">Source prefixes; empty is any.</param>
/// <param name="Destinations">Destination prefixes; empty is any.</param>
/// <param name="SourcePorts">Source port ranges; empty is any.</param>
/// <param name="DestinationPorts">Destination port ranges; empty is any.</param>
/// <param name="Logging">True when matches are to be logged.</param>
public sealed record AclRule(
    string RuleId,
    AclLevel Level,
    Direction Direction,
    AclAction Action,
    int Priority,
    byte? Protocol,
    ImmutableArray<IpPrefix> Sources,
    ImmutableArray<IpPrefix> Destinations,
    ImmutableArray<PortRange> SourcePorts,
    ImmutableArray<PortRange> DestinationPorts,
    bool Logging)
{
    /// <summary>By value, lists included: an equal policy needs no new program.</summary>
    public bool Equals(AclRule? other) =>
        other is not null
        && RuleId == other.RuleId
        && Level == other.Level
        && Direction == other.Direction
        && Action == other.Action
        && Priority == other.Priority
        && Protocol == other.Protocol
        && Logging == other.Logging
        && Sources.AsSpan().SequenceEqual(other.Sources.AsSpan())
        && Destinations.AsSpan().SequenceEqual(other.Destinations.AsSpan())
        && SourcePorts.AsSpan().SequenceEqual(other.SourcePorts.AsSpan())
        && DestinationPorts.AsSpan().SequenceEqual(other.DestinationPorts.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(RuleId, Level, Direction, Priority);
}

/// <summary>Where an access control list was attached.</summary>
public enum AclLevel
{
    /// <summary>On the network interface; <c>RuleWithControllerPriority</c> in the policy database.</summary>
    NetworkInterface,

    /// <summary>On the virtual subnet; <c>RuleWithAdminPriority</c> in the policy database.</summary>
    Subnet,
}

/// <summary>What a firewall rule does.</summary>
public enum AclAction
{
    /// <summary>Admit the flow; its replies are admitted by state.</summary>
    Allow,

    /// <summary>Drop the packet.</summary>
    Block,
}

/// <summary>An inclusive range of transport ports.</summary>
public readonly record struct PortRange(ushort First, ushort Last)
{
    /// <summary>Every port.</summary>
    public static PortRange All { get; } = new(0, ushort.MaxValue);

    /// <summary><c>80</c> or <c>1024-2048</c>.</summary>
    public override string ToString() => First == Last ? $"{First}" : $"{First}-{Last}";
}
