using System.Collections.Immutable;
using Hnv.Contracts.HostChannel;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.HostAgent.HostChannel;

/// <summary>The objects of a port, each under its parent (R103), in the shapes of the host channel.</summary>
internal static class VfpViews
{
    /// <summary>What rules call the port's CA-PA mappings.</summary>
    public const string MappingSpaceName = "VNET_CA_PA_SPACE";

    private const string RouteSpaceName = "VNET_ROUTE_SPACE";
    private const string PoolName = "NAT_POOL";

    /// <summary>Routes that one rule shows at most.</summary>
    private const int RoutesShownMax = 256;

    public static IReadOnlyList<VfpLayer> Layers(PortSnapshot port) =>
    [
        .. port.Layers.Select(layer => new VfpLayer(
            layer.Layer.Name,
            layer.Layer.Priority,
            layer.Layer.Connections.ToString(),
            layer.Packets,
            [.. layer.Groups.Select(group => Group(group.Group)).OrderBy(group => group.Priority)])),
    ];

    public static VfpGroup Group(RuleGroup group) => new(
        group.Name, group.Priority, DirectionName(group.Direction), group.IsIPv4 ? "IPv4" : "IPv6", group.Rules.Length);

    /// <summary>Rules of a port, of one layer, or of one group of it.</summary>
    public static Page<VfpRule> Rules(VPort port, string? layer, string? group, int skip, int top)
    {
        PortProgram? program = port.Program;
        PortSnapshot snapshot = port.Snapshot(flowLimit: 0);
        IEnumerable<(LayerSnapshot Layer, GroupSnapshot Group, RuleSnapshot Rule)> all =
            from each in snapshot.Layers
            where layer is null || each.Layer.Name.Equals(layer, StringComparison.OrdinalIgnoreCase)
            from groupOf in each.Groups
            where @group is null || groupOf.Group.Name.Equals(@group, StringComparison.OrdinalIgnoreCase)
            from rule in groupOf.Rules
            select (each, groupOf, rule);
        return Cut(all, skip, top, each => Rule(program, each.Layer.Layer, each.Group.Group, each.Rule));
    }

    public static IReadOnlyList<VfpSpace> Spaces(PortProgram program)
    {
        List<VfpSpace> spaces = [new(MappingSpaceName, "CaPaMappings", program.Space.Mappings.Length)];
        if (program.Router is { } router)
        {
            spaces.Add(new VfpSpace(RouteSpaceName, "Routes", router.Routes.Count));
        }

        ImmutableArray<NatPool> pools = Pools(program);
        spaces.AddRange(pools.Select((pool, i) => new VfpSpace(PoolNameOf(i), "NatPool", pool.Addresses.Length * pool.PortsPerAddress)));
        return spaces;
    }

    public static Page<VfpMapping> Mappings(PortProgram program, int skip, int top)
    {
        ReadOnlySpan<Mapping> mappings = program.Space.Mappings;
        List<VfpMapping> items = [];
        for (int i = Math.Min(skip, mappings.Length); i < mappings.Length && items.Count < top; i++)
        {
            ref readonly Mapping mapping = ref mappings[i];
            items.Add(new VfpMapping(
                MappingSpaceName, mapping.Vsid.Value, mapping.Address.ToString(), mapping.Mac.ToString(), mapping.Provider.ToString(), Name(mapping.Encapsulation)));
        }

        return new Page<VfpMapping>(mappings.Length, skip, items);
    }

    public static IReadOnlyList<VfpNatRange> NatRanges(VPort port) =>
    [
        .. port.NatRanges().Select(range => new VfpNatRange(
            range.Address.ToString(), range.Protocol, range.FirstPort, range.LastPort, range.Used, range.State.ToString())),
    ];

    public static Page<VfpUnifiedFlow> Flows(VPort port, int skip, int top, long now)
    {
        PortProgram? program = port.Program;
        int wanted = (int)Math.Min((long)skip + top, int.MaxValue);
        ImmutableArray<UnifiedFlow> outbound = port.Flows(Direction.Outbound, wanted);
        IEnumerable<UnifiedFlow> all = outbound.Length < wanted ? outbound.Concat(port.Flows(Direction.Inbound, wanted - outbound.Length)) : outbound;
        return new Page<VfpUnifiedFlow>(port.FlowCount, skip, [.. all.Skip(skip).Take(top).Select(flow => Flow(program, flow, now))]);
    }

    public static VfpFlowStatistics Statistics(VPort port)
    {
        FlowStatistics outbound = port.StatisticsOf(Direction.Outbound), inbound = port.StatisticsOf(Direction.Inbound);
        return new VfpFlowStatistics((int)outbound.Entries.Limit, (int)outbound.HalfOpen.Limit, Of(outbound), Of(inbound));

        static VfpDirectionFlows Of(FlowStatistics of) => new(
            Counts(of.Entries), Counts(of.Connections), Counts(of.HalfOpen), Counts(of.Tcp), Counts(of.Udp), Counts(of.Other));

        static VfpFlowCounts Counts(FlowCounts of) => new(
            of.Count, of.Limit, of.Maximum, of.Created, of.Matched, of.CreatedPerSecond, of.DeletedPerSecond, of.CreatedPerSecondMaximum, of.DeletedPerSecondMaximum);
    }

    public static VfpPortCounts Counts(PortCounts? counts) => counts is null
        ? new VfpPortCounts(0, 0, 0, 0, 0, 0, 0, new Dictionary<string, long>())
        : new VfpPortCounts(
            counts.Packets, counts.Bytes, counts.UnifiedFlowHits, counts.SlowPathEvaluations, counts.Uncached, counts.BilledBytes, counts.UnbilledBytes,
            ChannelViews.Names(counts.Drops));

    /// <summary>The counters of the REST resource.</summary>
    public static NicDirectionCounters Nic(PortCounts counts)
    {
        long Sum(params ReadOnlySpan<DropReason> reasons)
        {
            long sum = 0;
            foreach (DropReason reason in reasons)
            {
                sum += counts.Drops.GetValueOrDefault(reason);
            }

            return sum;
        }

        return new NicDirectionCounters(
            counts.Packets,
            counts.Drops.Values.Sum(),
            Sum(DropReason.NoPolicy),
            Sum(DropReason.Acl),
            Sum(
                DropReason.NoDestinationsBroadcast, DropReason.NoDestinationUnicast, DropReason.DestinationPortNotReady, DropReason.NoRoute, DropReason.RouteDrop,
                DropReason.TtlExpired, DropReason.NoProviderAddress, DropReason.MtuExceeded, DropReason.WrongInnerDestination, DropReason.TransmitQueueFull),
            counts.Tcp.Syn,
            counts.Tcp.Fin,
            counts.Tcp.Reset);
    }

    public static VfpUnifiedFlow Flow(PortProgram? program, UnifiedFlow flow, long now) => new(
        ChannelViews.Flow(flow.Direction, flow, now),
        flow.State?.ToString(),
        flow.Generation,
        flow.DropLayer > 0 && program is not null && flow.DropLayer <= program.Layers.Length ? program.Layers[flow.DropLayer - 1].Name : null,
        flow.DropRule?.Id,
        Wording.Edits(in flow.Transposition));

    public static string DirectionName(Direction direction) => direction == Direction.Outbound ? "OUT" : "IN";

    private static VfpRule Rule(PortProgram? program, Layer layer, RuleGroup group, RuleSnapshot rule)
    {
        RuleType type = RuleTypes.Of(rule.Rule.Action);
        Condition condition = rule.Rule.Condition;
        return new VfpRule(
            layer.Name,
            group.Name,
            rule.Rule.Id,
            rule.Rule.Priority,
            rule.Rule.Terminating,
            (int)type,
            type.ToString(),
            new VfpCondition(
                condition.Protocol,
                [.. condition.Sources.Select(prefix => prefix.ToString())],
                [.. condition.Destinations.Select(prefix => prefix.ToString())],
                [.. condition.SourcePorts.Select(Span)],
                [.. condition.DestinationPorts.Select(Span)],
                condition.DestinationMac?.ToString(),
                condition.GroupDestination),
            rule.Rule.IdleSeconds,
            SpaceOf(program, rule.Rule.Action),
            [.. Data(rule.Rule.Action)],
            rule.Matches);

        static string Span(PortSpan span) => span.First == span.Last ? Wording.Number(span.First) : $"{Wording.Number(span.First)}-{Wording.Number(span.Last)}";
    }

    private static string? SpaceOf(PortProgram? program, RuleAction action) => action switch
    {
        RuleAction.EncapFromSpace or RuleAction.MapMac or RuleAction.Replicate => MappingSpaceName,
        RuleAction.RedirectToRouter => RouteSpaceName,
        RuleAction.TranslateSource source when program is not null && Pools(program).IndexOf(source.Pool) is >= 0 and int at => PoolNameOf(at),
        _ => null,
    };

    private static IEnumerable<VfpValue> Data(RuleAction action)
    {
        switch (action)
        {
            case RuleAction.Allow allow:
                yield return new VfpValue("Stateful", allow.Stateful ? "true" : "false");
                break;
            case RuleAction.Meter meter:
                yield return new VfpValue("Meter info", meter.Class.ToString());
                break;
            case RuleAction.RedirectToRouter router:
                yield return new VfpValue("Source MAC", router.RouterMac.ToString());
                Vfp.Route[] routes = router.Routes.Routes[..Math.Min(router.Routes.Count, RoutesShownMax)].ToArray();
                foreach (Vfp.Route route in routes)
                {
                    yield return new VfpValue($"Route {route.Prefix}", route.Kind switch
                    {
                        RouteKind.Drop => "Drop",
                        RouteKind.Appliance => $"Appliance {route.NextHop} in VSID {route.Vsid}",
                        _ => $"{route.Kind} VSID {route.Vsid}",
                    });
                }

                if (router.Routes.Count > routes.Length)
                {
                    yield return new VfpValue("Further routes", Wording.Number(router.Routes.Count - routes.Length));
                }

                break;
            case RuleAction.EncapFromSpace encap:
                yield return new VfpValue("Encap source IP", string.Join(", ", encap.OwnProviders));
                yield return new VfpValue("Outer DSCP", encap.OuterDscp is { } dscp ? Wording.Number(dscp) : "copied");
                yield return new VfpValue("Underlay MTU", encap.UnderlayMtu > 0 ? Wording.Number(encap.UnderlayMtu) : "unknown");
                break;
            case RuleAction.PaRoute route:
                yield return new VfpValue("Team members IPv4", string.Join(", ", route.TeamMembersIPv4));
                yield return new VfpValue("Team members IPv6", string.Join(", ", route.TeamMembersIPv6));
                break;
            case RuleAction.TranslatePrefix prefix:
                yield return new VfpValue("From", prefix.From.ToString());
                yield return new VfpValue("To", prefix.To.ToString());
                yield return new VfpValue("Checksum neutral", prefix.IsChecksumNeutral ? "true" : "false");
                break;
            case RuleAction.TranslateSource source:
                yield return new VfpValue("Addresses", string.Join(", ", source.Pool.Addresses));
                yield return new VfpValue("Ports", $"{Wording.Number(source.Pool.FirstPort)}-{Wording.Number(source.Pool.LastPort)}");
                break;
            case RuleAction.TranslateDestination destination:
                foreach (TranslationTarget target in destination.Targets)
                {
                    yield return new VfpValue("Target", target.Port == 0 ? target.Address.ToString() : $"{target.Address} port {Wording.Number(target.Port)}");
                }

                break;
            case RuleAction.Mirror mirror:
                yield return new VfpValue("Copy to", $"{mirror.Target.Mac} in VSID {mirror.Target.Vsid} behind {mirror.Target.Provider}");
                break;
            case RuleAction.Qos qos:
                yield return new VfpValue("Outbound maximum", $"{Wording.Number(qos.Rates.OutboundMaximum)} bit/s");
                yield return new VfpValue("Outbound reserved", $"{Wording.Number(qos.Rates.OutboundReserved)} bit/s");
                yield return new VfpValue("Outbound weight", Wording.Number(qos.Rates.OutboundWeight));
                yield return new VfpValue("Inbound maximum", $"{Wording.Number(qos.Rates.InboundMaximum)} bit/s");
                break;
            default:
                break;
        }
    }

    private static ImmutableArray<NatPool> Pools(PortProgram program) =>
    [
        .. program.Layers.SelectMany(layer => layer.Groups).SelectMany(group => group.Rules)
            .Select(rule => rule.Action).OfType<RuleAction.TranslateSource>().Select(action => action.Pool).Distinct(),
    ];

    private static string PoolNameOf(int index) => $"{PoolName}_{Wording.Number(index + 1)}";

    private static string Name(EncapsulationType encapsulation) => encapsulation.ToString().ToUpperInvariant();

    private static Page<TItem> Cut<TSource, TItem>(IEnumerable<TSource> all, int skip, int top, Func<TSource, TItem> view)
    {
        long total = 0;
        List<TItem> items = [];
        foreach (TSource each in all)
        {
            if (total++ >= skip && items.Count < top)
            {
                items.Add(view(each));
            }
        }

        return new Page<TItem>(total, skip, items);
    }
}
