using Hnv.Contracts.HostChannel;
using Hnv.HostAgent.Enforcement;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Southbound;
using Hnv.Vfp;

namespace Hnv.HostAgent.HostChannel;

/// <summary>What the engine and the loop know, in the shapes of the host channel.</summary>
internal static class ChannelViews
{
    public static PortStatus Port(AttachedPort port, PortPolicy? policy, EnforcementStatus status)
    {
        PortCounts? inbound = port.Port?.Counts(Direction.Inbound), outbound = port.Port?.Counts(Direction.Outbound);
        return new PortStatus(
            port.Nic.Value,
            policy?.Name,
            port.Device,
            policy?.Vsid.Value,
            policy?.Mac.ToString(),
            policy is null ? [] : [.. policy.Addresses.Select(address => address.ToString())],
            status.State switch
            {
                EnforcementState.Running => "active",
                EnforcementState.Failed => "failed",
                _ => "blocked",
            },
            Null(status.Code),
            Null(status.Message),
            new PortCounters(
                Delivered(inbound),
                Delivered(outbound),
                inbound?.Bytes ?? 0,
                outbound?.Bytes ?? 0,
                Names(inbound?.Drops),
                Names(outbound?.Drops)));
    }

    public static FlowInfo Flow(Direction direction, UnifiedFlow flow, long now) => new(
        direction.ToString(),
        flow.Ufid.SourceMac.ToString(),
        flow.Ufid.DestinationMac.ToString(),
        flow.Ufid.Source.ToString(),
        flow.Ufid.Destination.ToString(),
        flow.Ufid.Protocol,
        flow.Ufid.SourcePort,
        flow.Ufid.DestinationPort,
        flow.Verdict.ToString(),
        flow.Verdict == Verdict.Drop ? flow.DropReason.ToString() : null,
        Wording.Line(flow),
        flow.Packets,
        flow.Bytes,
        Math.Max(0, now - flow.LastUsed) / 1000.0);

    public static MappingInfo Mapping(CaPaMapping mapping) => new(
        mapping.Customer.Vsid.Value,
        mapping.Customer.Address.ToString(),
        mapping.Mac.ToString(),
        mapping.Provider.ToString(),
        mapping.Encapsulation.ToString().ToUpperInvariant());

    public static IReadOnlyDictionary<string, long> Names(IReadOnlyDictionary<DropReason, long>? drops) =>
        drops is null ? new Dictionary<string, long>() : drops.ToDictionary(drop => drop.Key.ToString(), drop => drop.Value);

    private static long Delivered(PortCounts? counts) => counts is null ? 0 : counts.Packets - counts.Drops.Values.Sum();

    private static string? Null(string text) => text.Length == 0 ? null : text;
}
