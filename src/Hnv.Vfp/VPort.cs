using System.Runtime.CompilerServices;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>The vSwitch port of one VM NIC: owner of one program, one flow table per direction, and counters.</summary>
public sealed partial class VPort
{
    /// <summary>ICMP errors that the router sends to one port per second at most (RFC 1812 §4.3.2.8).</summary>
    public const int IcmpErrorsPerSecond = 100;

    /// <summary>ARP requests and neighbour solicitations of one port that are answered per second at most.</summary>
    public const int ResolutionsPerSecond = 1000;

    /// <summary>DHCP messages and router solicitations of one port that are answered per second at most.</summary>
    public const int ConfigurationsPerSecond = 50;

    private const byte FinSynReset = 0x07;

    private readonly PortFlows _flows;
    private readonly PortCounters _outbound = new();
    private readonly PortCounters _inbound = new();
    private readonly PerSecond _storm = new();
    private readonly PerSecond _icmpErrors = new();
    private readonly PerSecond _resolutions = new();
    private readonly PerSecond _configurations = new();
    private readonly DropLog _drops;
    private readonly long[] _dropBudget = DropLog.NewBudget();
    private InstalledProgram? _installed;
    private uint _generation;
    private bool _isUnplugged;

    /// <summary>Makes a port without a program: it drops everything (<see cref="DropReason.NoPolicy"/>) until it gets one.</summary>
    internal VPort(NicId nic, string deviceName, DropLog drops, IFlowOffload? offload = null)
    {
        _flows = new PortFlows(this, offload);
        _drops = drops;
        Nic = nic;
        DeviceName = deviceName;
    }

    /// <summary>The network interface plugged in here.</summary>
    public NicId Nic { get; }

    /// <summary>The Linux network device.</summary>
    public string DeviceName { get; }

    /// <summary>Whatever the executor needs to reach the device; set by it, never looked at here.</summary>
    public object? ExecutorState { get; set; }

    /// <summary>The program in force; null when policy has none for this port.</summary>
    public PortProgram? Program => Volatile.Read(ref _installed)?.Program;

    /// <summary>Dates the decisions of the program in force: flows of any other number are decided anew. 0 when there is no program.</summary>
    public uint Generation => Volatile.Read(ref _installed)?.Generation ?? 0;

    /// <summary>
    /// Decides a packet that the VM sent: guards, then the unified flow, then (on a miss) the slow path. Never null. Callable from several
    /// workers at once; lock-free on a hit. Counts the packet on the port and the flow, a drop under its reason: the executor counts only
    /// what it drops itself.
    /// </summary>
    /// <param name="packet">The parse of <paramref name="frame"/>.</param>
    /// <param name="frame">The frame, for what the flow id does not hold (ARP bodies).</param>
    /// <param name="now">Coarse clock in milliseconds.</param>
    public UnifiedFlow DecideOutbound(in ParsedPacket packet, ReadOnlySpan<byte> frame, long now) =>
        Decide(Direction.Outbound, in packet, frame, now, _outbound);

    /// <summary>Decides a packet on its way to the VM, decapsulated or from another port of this host.</summary>
    /// <inheritdoc cref="DecideOutbound"/>
    public UnifiedFlow DecideInbound(in ParsedPacket packet, ReadOnlySpan<byte> frame, long now) =>
        Decide(Direction.Inbound, in packet, frame, now, _inbound);

    /// <summary>
    /// Writes what the port says itself to a packet whose verdict is <see cref="Verdict.Hairpin"/>: a complete frame for the port it came from.
    /// </summary>
    /// <param name="flow">The decision.</param>
    /// <param name="packet">The packet it was made of.</param>
    /// <param name="frame">Its frame.</param>
    /// <param name="answer">Room for the answer.</param>
    /// <param name="now">Coarse clock in milliseconds; ICMP errors are limited to <see cref="IcmpErrorsPerSecond"/>.</param>
    /// <returns>Bytes written; 0 when there is nothing to say (or no room).</returns>
    public int Answer(UnifiedFlow flow, in ParsedPacket packet, ReadOnlySpan<byte> frame, Span<byte> answer, long now)
    {
        if (Volatile.Read(ref _installed) is not { Program: { IsFailClosed: false } program } installed)
        {
            return 0;
        }

        if (flow.Answer is AnswerKind.TimeExceeded or AnswerKind.TooBig && _icmpErrors.IsOver(IcmpErrorsPerSecond, now))
        {
            CountDrop(DropReason.IcmpLimit, Direction.Outbound);
            return 0;
        }

        int length = flow.Answer switch
        {
            AnswerKind.AddressResolution => AddressResolution.Answer(program, in packet, frame, answer),
            AnswerKind.Dhcp => installed.Dhcp?.Answer(in packet, frame, answer) ?? 0,
            AnswerKind.RouterAdvertisement => installed.AdvertisedRouter?.Answer(in packet, answer) ?? 0,
            _ => RouterAnswers.Answer(program, flow, in packet, frame, answer),
        };
        if (length == 0)
        {
            CountSilence(flow.Answer, frame, now);
        }

        return length;
    }

    /// <summary>
    /// Writes the router advertisement that the guest is to get unasked: when the port is attached, when its program changes, and every few minutes
    /// (RFC 4861 §6.2.4).
    /// </summary>
    /// <param name="frame">Takes up to <see cref="RouterAdvertisement.FrameLengthMax"/> bytes.</param>
    /// <returns>The length of a complete frame for the guest; 0 when policy advertises nothing to it.</returns>
    public int WriteRouterAdvertisement(Span<byte> frame) =>
        Volatile.Read(ref _installed) is { Program.IsFailClosed: false, AdvertisedRouter: { } router } ? router.Announce(frame) : 0;

    /// <summary>Counts a drop that the executor had to make, and keeps a sample within the switch's <see cref="DropLog"/>.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="direction">As the VM sees it.</param>
    /// <param name="frame">The frame, where it is at hand.</param>
    /// <param name="now">Coarse clock in milliseconds; 0 when it is not at hand.</param>
    public void CountDrop(DropReason reason, Direction direction, ReadOnlySpan<byte> frame = default, long now = 0)
    {
        (direction == Direction.Outbound ? _outbound : _inbound).CountDrop(reason);
        if (_drops.TryTake(_dropBudget, reason, ref now))
        {
            _drops.Write(this, direction, reason, null, null, frame, now);
        }
    }

    /// <summary>Counts packets that a flow of this port decided while somebody else carried it out, as they would have been counted here.</summary>
    /// <param name="flow">A flow of this port.</param>
    /// <param name="packets">Packets; a super-packet counts as one.</param>
    /// <param name="bytes">Bytes of their frames.</param>
    /// <param name="lastUsed">When the last one came, coarse clock in milliseconds.</param>
    public void CountOffloaded(UnifiedFlow flow, long packets, long bytes, long lastUsed)
    {
        PortCounters counters = flow.Direction == Direction.Outbound ? _outbound : _inbound;
        flow.Count(packets, bytes, lastUsed);
        counters.CountOffloaded(packets, bytes);
        if (flow.Verdict == Verdict.Drop)
        {
            counters.CountDrops(flow.DropReason, packets);
        }
        else if (flow.Meter != MeterClass.None)
        {
            counters.CountMeter(flow.Meter, bytes - (packets * EthernetHeader.Size));
        }
    }

    /// <summary>Counts drops that somebody else had to make, without a sample.</summary>
    public void CountDrops(DropReason reason, Direction direction, long packets) =>
        (direction == Direction.Outbound ? _outbound : _inbound).CountDrops(reason, packets);

    /// <summary>
    /// Puts a program in force. The same one as before goes on under the same generation, and its flows with it; only what names other ports is
    /// decided again.
    /// </summary>
    internal void Install(PortProgram? program, ForwardingTable forwarding)
    {
        InstalledProgram? before = _installed;
        if (program is null)
        {
            Volatile.Write(ref _installed, null);
            return;
        }

        bool goesOn = before is not null && ReferenceEquals(before.Program, program) && program.IsVirtualized
            && ReferenceEquals(before.Forwarding.Paths, forwarding.Paths);
        uint generation = goesOn ? before!.Generation : ++_generation;
        Volatile.Write(ref _installed, new InstalledProgram(program, generation, forwarding, before));
    }

    internal void Uninstall()
    {
        Volatile.Write(ref _isUnplugged, true);
        Volatile.Write(ref _installed, null);
        _flows.Clear();
    }

    internal void Age(long now) => _flows.Age(now);

    private UnifiedFlow Decide(Direction direction, in ParsedPacket packet, ReadOnlySpan<byte> frame, long now, PortCounters counters)
    {
        counters.CountPacket(frame.Length);
        if ((packet.TcpFlags & FinSynReset) != 0)
        {
            counters.CountTcp(packet.TcpFlags);
        }

        UnifiedFlow flow = direction == Direction.Outbound && packet.IsMulticastFrame && IsStorm(now)
            ? Outcome.Drop(DropReason.StormLimit)
            : Resolve(direction, in packet, frame, now, counters);
        if (flow.Verdict == Verdict.Drop)
        {
            // Unknown unicast counts as much as broadcast: on a switch that floods it would be one.
            bool isUnknown = flow.DropReason == DropReason.NoDestinationUnicast && direction == Direction.Outbound && !packet.IsMulticastFrame;
            flow = isUnknown && IsStorm(now) ? Outcome.Drop(DropReason.StormLimit) : flow;
            counters.CountDrop(flow.DropReason);
            if (_drops.TryTake(_dropBudget, flow.DropReason, ref now))
            {
                _drops.Write(this, direction, flow.DropReason, LayerName(flow), flow.DropRule, frame, now);
            }
        }
        else if (flow.Meter != MeterClass.None)
        {
            counters.CountMeter(flow.Meter, packet.Length - packet.NetworkOffset);
        }

        return flow;
    }

    private UnifiedFlow Resolve(Direction direction, in ParsedPacket packet, ReadOnlySpan<byte> frame, long now, PortCounters counters)
    {
        InstalledProgram? installed = Volatile.Read(ref _installed);
        if (installed is null || installed.Program.IsFailClosed)
        {
            return Outcome.Drop(DropReason.NoPolicy);
        }

        // A remembered flow has passed the guards: all they look at is in its id, except the tag. Fragments are told apart by what is not.
        if (!packet.IsTagged
            && packet.Ufid.Fragment == FragmentClass.Whole
            && _flows.Find(direction, in packet.Ufid, packet.Ufid.Hash()) is { } known
            && IsCurrent(known, installed)
            && HoldsFor(known, direction, in packet, now))
        {
            counters.CountHit();
            known.Count(frame.Length, now);
            return known;
        }

        return ResolveSlowly(installed, direction, in packet, frame, now, counters);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private UnifiedFlow ResolveSlowly(
        InstalledProgram installed, Direction direction, in ParsedPacket packet, ReadOnlySpan<byte> frame, long now, PortCounters counters)
    {
        GuardResult guard = direction == Direction.Outbound
            ? PortGuard.Outbound(installed, in packet, frame)
            : PortGuard.Inbound(installed.Program, in packet);
        if (guard.Verdict != Verdict.Forward)
        {
            return Outcome.Of(Limit(guard, now));
        }

        counters.CountSlowPath();
        UnifiedFlow flow = _flows.Decide(installed, this, direction, in packet, frame, now, counters);
        flow.Count(frame.Length, now);
        return flow;
    }

    /// <summary>The layer that dropped a flow; null when none did, or the program has changed since.</summary>
    private string? LayerName(UnifiedFlow flow) =>
        flow.DropLayer > 0 && Volatile.Read(ref _installed) is { } installed && installed.Generation == flow.Generation
            ? installed.Program.Layers[flow.DropLayer - 1].Name
            : null;

    /// <summary>Was the flow decided by this program, and are the ports it names still there?</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsCurrent(UnifiedFlow flow, InstalledProgram installed) =>
        flow.Generation == installed.Generation
        && (flow.Extras is null || ReferenceEquals(flow.Extras.Forwarding, installed.Forwarding))
        && (flow.Destination is null || !Volatile.Read(ref flow.Destination._isUnplugged));

    /// <summary>Is what was decided for the flow right for this packet? Length, TTL and TCP flags are not part of a flow's identity.</summary>
    private static bool HoldsFor(UnifiedFlow flow, Direction direction, in ParsedPacket packet, long now)
    {
        if (!IsRightFor(flow, in packet))
        {
            return false;
        }

        if ((packet.TcpFlags & FinSynReset) != 0)
        {
            flow.Connection?.Observe(direction, packet.TcpFlags, now);
        }

        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsRightFor(UnifiedFlow flow, in ParsedPacket packet)
    {
        if ((flow.Transposition.Edits & TranspositionEdits.DecrementTtl) != 0 && packet.TimeToLive <= 1)
        {
            return false;
        }

        if (packet.NetworkLength > flow.Transposition.MaxLength && flow.Transposition.MaxLength != 0 && packet.DontFragment)
        {
            return false;
        }

        return !Connection.IsOpening(in packet) || flow.Connection is not ({ IsClosed: true } or { IsBlocked: true });
    }

    private GuardResult Limit(GuardResult guard, long now) => guard.Answer switch
    {
        AnswerKind.AddressResolution when _resolutions.IsOver(ResolutionsPerSecond, now) => GuardResult.Drop(DropReason.ArpLimiter),
        AnswerKind.Dhcp or AnswerKind.RouterAdvertisement when _configurations.IsOver(ConfigurationsPerSecond, now) =>
            GuardResult.Drop(DropReason.DhcpLimiter),
        _ => guard,
    };

    private void CountSilence(AnswerKind kind, ReadOnlySpan<byte> frame, long now)
    {
        DropReason? reason = kind switch
        {
            AnswerKind.TooBig => DropReason.MtuExceeded,
            AnswerKind.TimeExceeded => DropReason.TtlExpired,
            AnswerKind.Dhcp => DropReason.DhcpFilter,
            AnswerKind.AddressResolution or AnswerKind.RouterAdvertisement => DropReason.ArpFilter,
            _ => null,
        };
        if (reason is { } counted)
        {
            CountDrop(counted, Direction.Outbound, frame, now);
        }
    }

    private bool IsStorm(long now) =>
        Volatile.Read(ref _installed)?.Program.Guards.StormLimit is > 0 and int limit && _storm.IsOver(limit, now);
}

/// <summary>Counts events by the second. Written without a lock; around the turn of a second one event more or less is accepted.</summary>
internal sealed class PerSecond
{
    private long _second;
    private int _count;

    /// <summary>Counts one event.</summary>
    /// <returns>True when it is beyond the limit of its second.</returns>
    public bool IsOver(int limit, long now)
    {
        long second = now / 1000;
        if (Volatile.Read(ref _second) != second)
        {
            _second = second;
            _count = 0;
        }

        return Interlocked.Increment(ref _count) > limit;
    }
}

/// <summary>Decisions that belong to no flow: guards judge each packet by itself, and what they refuse must not fill a table.</summary>
internal static class Outcome
{
    private static readonly UnifiedFlow[] s_answers =
    [
        .. Enum.GetValues<AnswerKind>().Select(kind => new UnifiedFlow { Ufid = default, Generation = 0, Direction = Direction.Outbound, Verdict = Verdict.Hairpin, Answer = kind }),
    ];

    private static readonly UnifiedFlow[] s_drops =
    [
        .. Enumerable.Range(0, DropReasons.Count)
            .Select(reason => new UnifiedFlow { Ufid = default, Generation = 0, Direction = Direction.Outbound, Verdict = Verdict.Drop, DropReason = (DropReason)reason }),
    ];

    public static UnifiedFlow Drop(DropReason reason) => s_drops[(int)reason];

    public static UnifiedFlow Of(GuardResult guard) => guard.Verdict == Verdict.Hairpin ? s_answers[(int)guard.Answer] : Drop(guard.Reason);
}
