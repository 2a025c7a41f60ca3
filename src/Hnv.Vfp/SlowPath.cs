using System.Collections.Immutable;
using System.Diagnostics;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// The slow path: asks every layer of a port about one packet and composes what they say (R109). Pure: it stores nothing, reads no clock and
/// touches no byte of the packet.
/// </summary>
public static class SlowPath
{
    /// <summary>Decides an IP packet that has passed the port's guards.</summary>
    /// <param name="program">The port's program.</param>
    /// <param name="direction">As the VM sees it.</param>
    /// <param name="packet">The parsed packet.</param>
    /// <param name="isEstablished">True for a packet of a known connection: firewall layers let it pass.</param>
    /// <param name="counters">Where matches are counted; null counts nothing.</param>
    /// <param name="trace">Where each step is noted; null notes nothing and costs nothing.</param>
    public static Decision Evaluate(
        PortProgram program,
        Direction direction,
        in ParsedPacket packet,
        bool isEstablished = false,
        MatchCounters? counters = null,
        SlowPathTrace? trace = null)
    {
        if (program.IsFailClosed)
        {
            return Decision.Drop(DropReason.NoPolicy);
        }

        Evaluation evaluation = new(program, in packet);
        int count = program.Layers.Length;
        for (int i = 0; i < count; i++)
        {
            int index = direction == Direction.Outbound ? i : count - 1 - i;
            Layer layer = program.Layers[index];
            counters?.CountLayer(index);
            if (isEstablished && layer.PassesConnections)
            {
                trace?.Add(layer, null, null, in evaluation.Transposition);
                continue;
            }

            Ask(layer, index, direction, in packet, ref evaluation, counters, trace);
            if (evaluation.IsSettled)
            {
                break;
            }
        }

        return evaluation.Conclude(direction);
    }

    /// <summary>
    /// Asks only the firewall layers, about the packet that began a connection: is it still wanted under this program?
    /// </summary>
    public static bool Admits(PortProgram program, Direction direction, in Ufid flow)
    {
        bool isIPv4 = flow.EtherType == EtherTypes.IPv4;
        foreach (Layer layer in program.Layers)
        {
            if (!layer.PassesConnections)
            {
                continue;
            }

            foreach (int index in layer.GroupsOf(direction, isIPv4))
            {
                RuleGroup group = layer.Groups[index];
                int match = group.Find(in flow);
                if (match < 0)
                {
                    continue;
                }

                if (group.Rules[match].Action is RuleAction.Block)
                {
                    return false;
                }

                if (group.Rules[match].Terminating)
                {
                    break;
                }
            }
        }

        return !program.IsFailClosed;
    }

    private static void Ask(
        Layer layer,
        int layerIndex,
        Direction direction,
        in ParsedPacket packet,
        ref Evaluation evaluation,
        MatchCounters? counters,
        SlowPathTrace? trace)
    {
        ImmutableArray<int> groups = layer.GroupsOf(direction, packet.EtherType == EtherTypes.IPv4);
        if (groups.IsEmpty)
        {
            trace?.Add(layer, null, null, in evaluation.Transposition);
        }

        foreach (int index in groups)
        {
            RuleGroup group = layer.Groups[index];
            int match = group.Find(in packet.Ufid);
            if (match < 0)
            {
                trace?.Add(layer, group, null, in evaluation.Transposition);
                continue;
            }

            Rule rule = group.Rules[match];
            counters?.CountRule(layerIndex, index, match);
            evaluation.Apply(rule.Action, in packet);
            trace?.Add(layer, group, rule, in evaluation.Transposition);
            if (rule.Terminating || evaluation.IsSettled)
            {
                return;
            }
        }
    }
}

/// <summary>The composition under way: what the layers asked so far have said about one packet.</summary>
internal struct Evaluation
{
    public Transposition Transposition;
    private readonly PortProgram _program;
    private Decision _settled;
    private Vsid _vsid;
    private MacAddress _destinationMac;
    private Mapping _mapping;
    private bool _isRouted;
    private bool _hasMapping;
    private bool _isLocal;
    private bool _isStateless;
    private bool _isReplicated;

    public Evaluation(PortProgram program, in ParsedPacket packet)
    {
        _program = program;
        _vsid = program.Vsid;
        _destinationMac = packet.Ufid.DestinationMac;
    }

    /// <summary>True when no further layer has a say.</summary>
    public bool IsSettled { get; private set; }

    public void Apply(RuleAction action, in ParsedPacket packet)
    {
        switch (action)
        {
            case RuleAction.Allow allow:
                _isStateless |= !allow.Stateful;
                break;
            case RuleAction.Block:
                Drop(DropReason.Acl);
                break;
            case RuleAction.RedirectToRouter router:
                Route(router, in packet);
                break;
            case RuleAction.MapMac map:
                MapMac(map, in packet);
                break;
            case RuleAction.EncapFromSpace encap:
                Encap(encap, in packet);
                break;
            case RuleAction.Replicate replicate:
                Replicate(replicate, in packet);
                break;
            case RuleAction.PaRoute route:
                ChooseTeamMember(route);
                break;
            default:
                throw new UnreachableException($"The slow path does not know the action {action.GetType().Name}.");
        }
    }

    /// <summary>What it comes to, once all layers have spoken.</summary>
    public readonly Decision Conclude(Direction direction)
    {
        if (IsSettled)
        {
            return _settled;
        }

        if (_isReplicated)
        {
            return new Decision { Verdict = Verdict.Replicate, Transposition = Transposition };
        }

        if (direction == Direction.Outbound && !_isLocal && (Transposition.Edits & TranspositionEdits.Encap) == 0)
        {
            return Decision.Drop(DropReason.NoDestinationUnicast);
        }

        return new Decision
        {
            Verdict = Verdict.Forward,
            Transposition = Transposition,
            IsLocal = _isLocal,
            LocalVsid = _vsid,
            LocalMac = _destinationMac,
            IsStateful = !_isStateless,
        };
    }

    private void Route(RuleAction.RedirectToRouter router, in ParsedPacket packet)
    {
        InetAddress destination = packet.Ufid.Destination;
        if (router.Routes.IsGateway(destination))
        {
            Settle(IcmpFlows.IsEchoRequest(in packet.Ufid) && packet.Ufid.Fragment == FragmentClass.Whole
                ? new Decision { Verdict = Verdict.Hairpin }
                : Decision.Drop(DropReason.NoDestinationUnicast));
        }
        else if (packet.TimeToLive <= 1)
        {
            Settle((IcmpFlows.MayReport(in packet.Ufid) ? new Decision { Verdict = Verdict.Hairpin } : Decision.Drop(DropReason.TtlExpired))
                with
            { IsForThisPacketOnly = true });
        }
        else if (!router.Routes.TryFind(destination, out Route route))
        {
            Drop(DropReason.NoRoute);
        }
        else
        {
            _isRouted = true;
            _vsid = route.Vsid;
            Transposition.SourceMac = router.RouterMac;
            Transposition.Edits |= TranspositionEdits.SourceMac | TranspositionEdits.DecrementTtl;
        }
    }

    private void MapMac(RuleAction.MapMac map, in ParsedPacket packet)
    {
        if (!_isRouted)
        {
            return;
        }

        if (!map.Space.TryFind(_vsid, new CustomerAddress(packet.Ufid.Destination), out _mapping))
        {
            Drop(DropReason.NoDestinationUnicast);
            return;
        }

        _hasMapping = true;
        _destinationMac = _mapping.Mac;
        Transposition.DestinationMac = _mapping.Mac;
        Transposition.Edits |= TranspositionEdits.DestinationMac;
    }

    private void Encap(RuleAction.EncapFromSpace encap, in ParsedPacket packet)
    {
        bool isToItself = !_isRouted && _destinationMac == _program.Mac;
        if (isToItself || (!_hasMapping && !encap.Space.TryFind(_vsid, _destinationMac, out _mapping)))
        {
            Drop(DropReason.NoDestinationUnicast);
            return;
        }

        _isLocal = encap.OwnProviders.Contains(_mapping.Provider);
        if (!_isLocal)
        {
            Transposition.Edits |= TranspositionEdits.Encap;
            Transposition.Encapsulation = _mapping.Encapsulation;
            Transposition.Vsid = _vsid;
            Transposition.Provider = _mapping.Provider;
            Transposition.Entropy = packet.Ufid.Hash();
        }
    }

    private void Replicate(RuleAction.Replicate replicate, in ParsedPacket packet)
    {
        ReadOnlySpan<int> members = replicate.Space.Members(_vsid, packet.EtherType == EtherTypes.IPv4);
        ReadOnlySpan<Mapping> mappings = replicate.Space.Mappings;
        bool isAlone = members.Length < 2 && (members.IsEmpty || mappings[members[0]].Mac == _program.Mac);
        if (isAlone)
        {
            Drop(DropReason.NoDestinationsBroadcast);
            return;
        }

        _isReplicated = true;
        Transposition.Entropy = packet.Ufid.Hash();
    }

    private void ChooseTeamMember(RuleAction.PaRoute route)
    {
        if ((Transposition.Edits & TranspositionEdits.Encap) == 0)
        {
            return;
        }

        byte? member = Transposition.Provider.Value.IsIPv4 ? route.TeamMemberIPv4 : route.TeamMemberIPv6;
        if (member is null)
        {
            Drop(DropReason.NoProviderAddress);
            return;
        }

        Transposition.TeamMember = member.Value;
    }

    private void Drop(DropReason reason) => Settle(Decision.Drop(reason));

    private void Settle(Decision decision)
    {
        _settled = decision;
        IsSettled = true;
    }
}
