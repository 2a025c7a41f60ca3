using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>A program in force at a port: what every packet of one generation sees, read once.</summary>
internal sealed class InstalledProgram(PortProgram program, uint generation, ForwardingTable forwarding, InstalledProgram? before)
{
    private const int SharedMax = 4096;

    private readonly Dictionary<Transposition, SharedTransposition> _shared = [];
    private readonly Dictionary<Rule, SharedTransposition> _sharedDrops = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Rule, SharedTransposition> _sharedRoutedDrops = new(ReferenceEqualityComparer.Instance);
    private ReplicationTarget[]? _targetsIPv4;
    private ReplicationTarget[]? _targetsIPv6;

    public PortProgram Program { get; } = program;

    /// <summary>What answers the guest's DHCP; null when that is ordinary traffic.</summary>
    public DhcpAnswers? Dhcp { get; } = ReferenceEquals(before?.Program, program) ? before.Dhcp : DhcpAnswers.Of(program);

    /// <summary>What router advertisements the guest gets; null when none.</summary>
    public AdvertisedRouter? AdvertisedRouter { get; } = ReferenceEquals(before?.Program, program) ? before.AdvertisedRouter : AdvertisedRouter.Of(program);

    public uint Generation { get; } = generation;

    public ForwardingTable Forwarding { get; } = forwarding;

    /// <summary>Goes on counting where the program before left off.</summary>
    public MatchCounters Matches { get; } = MatchCounters.Continue(before?.Program, before?.Matches, program);

    /// <summary>The one object for equal transpositions. Called under the port's lock; those of translated flows are hardly ever equal.</summary>
    public SharedTransposition Share(in Transposition transposition)
    {
        if (transposition.Edits == TranspositionEdits.None && transposition.MaxLength == 0)
        {
            return SharedTransposition.None;
        }

        if (transposition.Translates)
        {
            return new SharedTransposition(in transposition);
        }

        if (!_shared.TryGetValue(transposition, out SharedTransposition? shared))
        {
            shared = new SharedTransposition(in transposition);
            if (_shared.Count < SharedMax)
            {
                _shared.Add(transposition, shared);
            }
        }

        return shared;
    }

    /// <summary>The one object for what a rule dropped, be it before or after the router had a say. Called under the port's lock.</summary>
    public SharedTransposition Share(Rule dropRule, in Transposition transposition)
    {
        Dictionary<Rule, SharedTransposition> drops = transposition.Edits == TranspositionEdits.None ? _sharedDrops : _sharedRoutedDrops;
        if (!drops.TryGetValue(dropRule, out SharedTransposition? shared))
        {
            shared = new SharedTransposition(in transposition) { DropRule = dropRule };
            if (drops.Count < SharedMax)
            {
                drops.Add(dropRule, shared);
            }
        }

        return shared;
    }

    /// <summary>
    /// The copies of a broadcast or multicast of this port. Each member is decided by the evaluator like a packet to it alone, firewall aside: the
    /// firewall has judged the packet as the guest wrote it.
    /// </summary>
    public ReplicationTarget[] ReplicationTargets(in ParsedPacket packet)
    {
        bool isIPv4 = packet.EtherType == EtherTypes.IPv4;
        ref ReplicationTarget[]? targets = ref isIPv4 ? ref _targetsIPv4 : ref _targetsIPv6;
        return targets ??= Build(in packet, isIPv4);
    }

    /// <summary>The copy for an appliance; null when it lives on this host and its port is not plugged in.</summary>
    public MirrorCopy? Mirror(MirrorTarget target)
    {
        Transposition transposition = new() { Edits = TranspositionEdits.DestinationMac, DestinationMac = target.Mac };
        if (target.IsLocal)
        {
            return Forwarding.TryGetPort(target.Vsid, target.Mac) is { } port ? new MirrorCopy(transposition, port) : null;
        }

        transposition.Edits |= TranspositionEdits.Encap;
        transposition.Encapsulation = target.Encapsulation;
        transposition.Vsid = target.Vsid;
        transposition.Provider = target.Provider;
        transposition.TeamMember = target.TeamMember;
        transposition.MaxLength = Forwarding.Paths.InnerLengthMax(target.UnderlayMtu, target.Encapsulation, target.Provider);
        return new MirrorCopy(transposition, null);
    }

    /// <summary>Where a frame of a port without a VSID goes: by MAC and VLAN, to everybody in the VLAN, or out of the uplink (R17, R18).</summary>
    public (VPort? Port, ReplicationTarget[]? All, bool LeavesByUplink) FindPlain(VPort sender, MacAddress destination)
    {
        if (!destination.IsMulticast)
        {
            VPort? port = Forwarding.TryGetPlainPort(Program.VlanId, destination);
            return (port, null, port is null);
        }

        List<ReplicationTarget> targets = [];
        foreach (VPort port in Forwarding.PlainPorts(Program.VlanId))
        {
            if (port != sender)
            {
                targets.Add(new ReplicationTarget(null, default, port));
            }
        }

        targets.Add(new ReplicationTarget(null, new Transposition { Edits = TranspositionEdits.Uplink, VlanId = (ushort)Program.VlanId }, null));
        return (null, [.. targets], false);
    }

    private ReplicationTarget[] Build(in ParsedPacket packet, bool isIPv4)
    {
        List<ReplicationTarget> targets = [];
        ReadOnlySpan<Mapping> mappings = Program.Space.Mappings;
        foreach (int member in Program.Space.Members(Program.Vsid, isIPv4))
        {
            ref readonly Mapping mapping = ref mappings[member];
            if (mapping.Mac == Program.Mac)
            {
                continue;
            }

            // For all packets of the family, so nothing but addresses may count: its length is held against each copy when it is sent.
            ParsedPacket copy = packet;
            copy.NetworkLength = 0;
            Ufid flow = packet.Ufid;
            copy.Ufid = new Ufid(
                flow.Source, mapping.Address.Value, flow.SourceMac, mapping.Mac, flow.EtherType, flow.Protocol, flow.Fragment, flow.SourcePort, flow.DestinationPort);

            // Remembered for packets of every length; whether one fits the provider network is seen when its copies are made.
            copy.NetworkLength = 0;
            Decision decision = SlowPath.Evaluate(Program, Forwarding.Paths, Direction.Outbound, in copy, new KnownFlow(IsEstablished: true));
            VPort? port = decision.IsLocal ? Forwarding.TryGetPort(decision.LocalVsid, decision.LocalMac) : null;
            if (decision.Verdict != Verdict.Forward || (decision.IsLocal && port is null))
            {
                continue;
            }

            Transposition transposition = decision.Transposition;
            transposition.DestinationMac = mapping.Mac;
            transposition.Edits |= TranspositionEdits.DestinationMac;
            targets.Add(new ReplicationTarget(mapping.Address, transposition, port));
        }

        return [.. targets];
    }
}
