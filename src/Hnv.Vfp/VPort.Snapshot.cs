using System.Collections.Immutable;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <content>What operators see of a port.</content>
public sealed partial class VPort
{
    /// <summary>The port's counters, as they stand.</summary>
    public PortCounts Counts(Direction direction) => (direction == Direction.Outbound ? _outbound : _inbound).Snapshot(direction);

    /// <summary>Unified flows held, both directions.</summary>
    public int FlowCount => _flows.FlowCount;

    /// <summary>Connections held.</summary>
    public int ConnectionCount => _flows.ConnectionCount;

    /// <summary>TCP connections that wait for an answer.</summary>
    public int HalfOpenCount => _flows.HalfOpenCount;

    /// <summary>How far the pools of the port's source translations are used.</summary>
    public ImmutableArray<NatRangeUse> NatRanges() => _flows.NatRanges(Program?.Pools ?? []);

    /// <summary>Lists the unified flows of a direction, in no particular order.</summary>
    /// <param name="direction">As the VM sees it.</param>
    /// <param name="limit">No more than this many.</param>
    public ImmutableArray<UnifiedFlow> Flows(Direction direction, int limit)
    {
        ImmutableArray<UnifiedFlow>.Builder flows = ImmutableArray.CreateBuilder<UnifiedFlow>();
        if (limit > 0)
        {
            _flows.ForEach(direction, flow =>
            {
                flows.Add(flow);
                return flows.Count < limit;
            });
        }

        return flows.ToImmutable();
    }

    /// <summary>How many flows of a direction there are, were and may be.</summary>
    public FlowStatistics StatisticsOf(Direction direction) => _flows.Statistics(direction, Program);

    /// <summary>
    /// Says what the port would do with a packet and why: by the guards, flows and evaluator that real packets meet. Nothing is stored, judged or
    /// counted. What depends on how many packets came before in the same second (storm limit, limits of answers and of ICMP errors, bandwidth) is left out.
    /// </summary>
    /// <param name="direction">As the VM sees it.</param>
    /// <param name="packet">The parse of <paramref name="frame"/>.</param>
    /// <param name="frame">The frame.</param>
    public Explanation Explain(Direction direction, in ParsedPacket packet, ReadOnlySpan<byte> frame)
    {
        InstalledProgram? installed = Volatile.Read(ref _installed);
        if (installed is null || installed.Program.IsFailClosed)
        {
            return new Explanation(direction, installed?.Program, Outcome.Drop(DropReason.NoPolicy), ExplainedBy.Program, []);
        }

        GuardResult guard = direction == Direction.Outbound
            ? PortGuard.Outbound(installed, in packet, frame)
            : PortGuard.Inbound(installed.Program, in packet);
        if (guard.Verdict != Verdict.Forward)
        {
            return new Explanation(direction, installed.Program, Outcome.Of(guard), ExplainedBy.Guard, []);
        }

        SlowPathTrace trace = new();
        Foresight foresight = _flows.Foresee(installed, this, direction, in packet, frame, trace);
        UnifiedFlow? known = packet.Ufid.Fragment == FragmentClass.Whole ? _flows.Find(direction, in packet.Ufid, packet.Ufid.Hash()) : null;
        bool isKnown = known is not null && IsCurrent(known, installed) && IsRightFor(known, in packet);
        return new Explanation(
            direction,
            installed.Program,
            isKnown ? known! : foresight.Flow,
            isKnown ? ExplainedBy.UnifiedFlow : foresight.IsRestOfDatagram ? ExplainedBy.FirstFragment : ExplainedBy.Layers,
            trace.Steps)
        {
            Connection = foresight.Connection,
            BeginsConnection = foresight.Begins,
            IsConnectionBlocked = foresight.IsBlocked,
            IsPortChosenLater = foresight.IsChosenLater && !isKnown,
        };
    }

    /// <summary>The whole port: program with match counts, counters, flows.</summary>
    /// <param name="flowLimit">No more than this many flows of each direction.</param>
    public PortSnapshot Snapshot(int flowLimit)
    {
        InstalledProgram? installed = Volatile.Read(ref _installed);
        return new PortSnapshot(
            Nic,
            DeviceName,
            installed?.Program,
            installed?.Generation ?? 0,
            Counts(Direction.Outbound),
            Counts(Direction.Inbound),
            installed is null ? [] : Layers(installed),
            FlowCount,
            ConnectionCount,
            Flows(Direction.Outbound, flowLimit),
            Flows(Direction.Inbound, flowLimit));
    }

    private static ImmutableArray<LayerSnapshot> Layers(InstalledProgram installed)
    {
        ImmutableArray<LayerSnapshot>.Builder layers = ImmutableArray.CreateBuilder<LayerSnapshot>(installed.Program.Layers.Length);
        for (int layer = 0; layer < installed.Program.Layers.Length; layer++)
        {
            Layer compiled = installed.Program.Layers[layer];
            ImmutableArray<GroupSnapshot>.Builder groups = ImmutableArray.CreateBuilder<GroupSnapshot>(compiled.Groups.Length);
            for (int group = 0; group < compiled.Groups.Length; group++)
            {
                ImmutableArray<Rule> rules = compiled.Groups[group].Rules;
                ImmutableArray<RuleSnapshot>.Builder matches = ImmutableArray.CreateBuilder<RuleSnapshot>(rules.Length);
                for (int rule = 0; rule < rules.Length; rule++)
                {
                    matches.Add(new RuleSnapshot(rules[rule], installed.Matches.RuleCount(layer, group, rule)));
                }

                groups.Add(new GroupSnapshot(compiled.Groups[group], matches.MoveToImmutable()));
            }

            layers.Add(new LayerSnapshot(compiled, installed.Matches.LayerCount(layer), groups.MoveToImmutable()));
        }

        return layers.MoveToImmutable();
    }
}

/// <summary>One port as it stood.</summary>
/// <param name="Nic">The network interface.</param>
/// <param name="DeviceName">The Linux network device.</param>
/// <param name="Program">The program in force; null when there is none.</param>
/// <param name="Generation">The program's generation.</param>
/// <param name="Outbound">What the VM sent.</param>
/// <param name="Inbound">What went to the VM.</param>
/// <param name="Layers">The layers with match counts, by priority.</param>
/// <param name="FlowCount">Unified flows held.</param>
/// <param name="ConnectionCount">Connections held.</param>
/// <param name="OutboundFlows">Some or all outbound flows.</param>
/// <param name="InboundFlows">Some or all inbound flows.</param>
public sealed record PortSnapshot(
    NicId Nic,
    string DeviceName,
    PortProgram? Program,
    uint Generation,
    PortCounts Outbound,
    PortCounts Inbound,
    ImmutableArray<LayerSnapshot> Layers,
    int FlowCount,
    int ConnectionCount,
    ImmutableArray<UnifiedFlow> OutboundFlows,
    ImmutableArray<UnifiedFlow> InboundFlows);

/// <summary>A layer and how many packets asked it (slow path only).</summary>
public sealed record LayerSnapshot(Layer Layer, long Packets, ImmutableArray<GroupSnapshot> Groups);

/// <summary>A group and its rules' counts.</summary>
public sealed record GroupSnapshot(RuleGroup Group, ImmutableArray<RuleSnapshot> Rules);

/// <summary>A rule and how many packets matched it (slow path only).</summary>
public sealed record RuleSnapshot(Rule Rule, long Matches);
