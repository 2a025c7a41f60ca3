using System.Diagnostics;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>The composition under way: what the layers asked so far have said about one packet.</summary>
internal struct Evaluation
{
    /// <summary>The edits so far.</summary>
    public Transposition Transposition;

    /// <summary>The packet as it is behind the translations so far; later layers match this.</summary>
    public Ufid Flow;

    private readonly PortProgram _program;
    private readonly PathMtus _paths;
    private readonly Direction _direction;
    private Decision _settled;
    private Rule? _rule;
    private Vsid _vsid;
    private MacAddress _destinationMac;
    private CustomerAddress _nextHop;
    private Mapping _mapping;
    private NatPool? _pool;
    private MirrorTarget? _mirror;
    private MeterClass _meter;
    private int _idleSeconds;
    private bool _isRouted;
    private bool _hasMapping;
    private bool _isLocal;
    private bool _isStateless;
    private bool _isReplicated;
    private bool _isTranslated;
    private bool _isKnownTranslated;
    private bool _isReturning;

    public Evaluation(PortProgram program, PathMtus paths, Direction direction, in ParsedPacket packet)
    {
        _program = program;
        _paths = paths;
        _direction = direction;
        _vsid = program.Vsid;
        _destinationMac = packet.Ufid.DestinationMac;
        Flow = packet.Ufid;
    }

    /// <summary>The layer being asked, as an index into the program's.</summary>
    public int Layer { get; set; }

    /// <summary>True when no further layer has a say.</summary>
    public bool IsSettled { get; private set; }

    public void Apply(Rule rule, in ParsedPacket packet)
    {
        _rule = rule;
        switch (rule.Action)
        {
            case RuleAction.Allow allow:
                _isStateless |= !allow.Stateful;
                _idleSeconds = rule.IdleSeconds > 0 ? rule.IdleSeconds : _idleSeconds;
                break;
            case RuleAction.Block:
                Drop(DropReason.Acl);
                break;
            case RuleAction.Meter meter:
                _meter = meter.Class;
                break;
            case RuleAction.Mirror mirror:
                _mirror = IsForThePort() ? mirror.Target : _mirror;
                break;
            case RuleAction.TranslatePrefix prefix:
                TranslatePrefix(prefix);
                break;
            case RuleAction.TranslateSource source:
                _pool = source.Pool;
                _isTranslated = true;
                break;
            case RuleAction.TranslateDestination destination:
                TranslateDestination(destination, in packet);
                break;
            case RuleAction.RedirectToRouter router:
                Route(router, in packet);
                break;
            case RuleAction.MapMac map:
                MapMac(map);
                break;
            case RuleAction.EncapFromSpace encap:
                Encap(encap, in packet);
                break;
            case RuleAction.Replicate replicate:
                Replicate(replicate, in packet);
                break;
            case RuleAction.PaRoute route:
                ChooseTeamMember(route, in packet);
                break;
            case RuleAction.Decap or RuleAction.Qos:
                break;                                                  // done by the executor before, or for the port as a whole
            default:
                throw new UnreachableException($"The slow path does not know the action {rule.Action.GetType().Name}.");
        }
    }

    /// <summary>Rewrites a packet of a known conversation to its other face.</summary>
    public void Translate(in KnownFlow known)
    {
        if (known.Translation is not { } translation)
        {
            return;
        }

        _isKnownTranslated = true;
        if (known.IsError)
        {
            translation.ApplyToError(_direction, ref Flow, ref Transposition);
            return;
        }

        translation.Apply(_direction, ref Flow, ref Transposition);
    }

    /// <summary>What it comes to, once all layers have spoken.</summary>
    public readonly Decision Conclude(in ParsedPacket packet)
    {
        if (IsSettled)
        {
            return _settled with { Mirror = _mirror };
        }

        if (_isReplicated)
        {
            return new Decision { Verdict = Verdict.Replicate, Transposition = Transposition, Mirror = _mirror, Meter = _meter };
        }

        if (_direction == Direction.Outbound && _program.IsVirtualized && !_isLocal && (Transposition.Edits & TranspositionEdits.Encap) == 0)
        {
            return Decision.Drop(DropReason.NoDestinationUnicast) with { Mirror = _mirror };
        }

        // Too long for the provider network: the sender hears of it, unless it left cutting the packet up to us.
        if (Transposition.MaxLength > 0 && packet.NetworkLength > Transposition.MaxLength && packet.DontFragment)
        {
            return IcmpFlows.MayReport(in packet.Ufid)
                ? new Decision { Verdict = Verdict.Hairpin, Answer = AnswerKind.TooBig, Transposition = Transposition, IsForThisPacketOnly = true, Mirror = _mirror }
                : Decision.Drop(DropReason.MtuExceeded) with { IsForThisPacketOnly = true, Mirror = _mirror };
        }

        return new Decision
        {
            Verdict = Verdict.Forward,
            Transposition = Transposition,
            IsLocal = _isLocal,
            LocalVsid = _vsid,
            LocalMac = _destinationMac,
            IsStateful = packet.IsIP && (!_isStateless || _isTranslated),
            IsTranslated = _isTranslated,
            Translated = Flow,
            Pool = _pool,
            IsReturning = _isReturning,
            Mirror = _mirror,
            Meter = _meter,
            IdleSeconds = _idleSeconds,
        };
    }

    /// <summary>
    /// Inbound, only what is addressed to the port is mirrored: copies keep their addresses, so an appliance that is mirrored itself, perhaps to where
    /// its copies come from, does not set off an endless exchange.
    /// </summary>
    private readonly bool IsForThePort() =>
        _direction == Direction.Outbound || !_program.IsVirtualized || PortGuard.Owns(_program, Flow.Destination);

    private void TranslatePrefix(RuleAction.TranslatePrefix rule)
    {
        InetAddress old = _direction == Direction.Outbound ? Flow.Source : Flow.Destination;
        if (!Translations.TryExchange(old, rule, out InetAddress translated))
        {
            Drop(DropReason.NatNoState);
            return;
        }

        _isTranslated = true;
        Rewrite(
            _direction == Direction.Outbound ? translated : Flow.Source,
            _direction == Direction.Outbound ? Flow.Destination : translated,
            Flow.SourcePort,
            Flow.DestinationPort);
    }

    private void TranslateDestination(RuleAction.TranslateDestination rule, in ParsedPacket packet)
    {
        TranslationTarget target = Translations.Choose(rule.Targets, in packet.Ufid);
        _isTranslated = true;
        ushort port = target.Port != 0 && TransportPorts.Has(Flow.Protocol) ? target.Port : Flow.DestinationPort;
        Rewrite(Flow.Source, target.Address, Flow.SourcePort, port);
    }

    private void Route(RuleAction.RedirectToRouter router, in ParsedPacket packet)
    {
        InetAddress destination = Flow.Destination;
        if (router.Routes.IsGateway(destination))
        {
            Settle(IcmpFlows.IsEchoRequest(in packet.Ufid) && packet.Ufid.Fragment == FragmentClass.Whole
                ? new Decision { Verdict = Verdict.Hairpin, Answer = AnswerKind.EchoReply }
                : Decision.Drop(DropReason.NoDestinationUnicast, Layer));
        }
        else if (packet.TimeToLive <= 1)
        {
            Settle((IcmpFlows.MayReport(in packet.Ufid)
                    ? new Decision { Verdict = Verdict.Hairpin, Answer = AnswerKind.TimeExceeded }
                    : Decision.Drop(DropReason.TtlExpired, Layer))
                with
            { IsForThisPacketOnly = true });
        }
        else if (!router.Routes.TryFind(destination, out Route route))
        {
            DropRouted(DropReason.NoRoute);
        }
        else if (route.Kind == RouteKind.Drop)
        {
            DropRouted(DropReason.RouteDrop);
        }
        else
        {
            _isRouted = true;
            _vsid = route.Vsid;
            _nextHop = route.Kind == RouteKind.Appliance ? route.NextHop : new CustomerAddress(destination);
            Transposition.SourceMac = router.RouterMac;
            Transposition.Edits |= TranspositionEdits.SourceMac | TranspositionEdits.DecrementTtl;
        }
    }

    private void MapMac(RuleAction.MapMac map)
    {
        if (!_isRouted)
        {
            return;
        }

        if (!map.Space.TryFind(_vsid, _nextHop, out _mapping))
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
        bool isToItself = _destinationMac == _program.Mac && _vsid == _program.Vsid;
        if ((isToItself && !_isRouted) || (!_hasMapping && !encap.Space.TryFind(_vsid, _destinationMac, out _mapping)))
        {
            Drop(DropReason.NoDestinationUnicast);
            return;
        }

        if (isToItself)
        {
            Return(in packet);
            return;
        }

        _isLocal = encap.OwnProviders.Contains(_mapping.Provider);
        if (!_isLocal)
        {
            Transposition.Edits |= TranspositionEdits.Encap;
            Transposition.Encapsulation = _mapping.Encapsulation;
            Transposition.Vsid = _vsid;
            Transposition.Provider = _mapping.Provider;
            Transposition.MaxLength = _paths.InnerLengthMax(encap.UnderlayMtu, _mapping.Encapsulation, _mapping.Provider);
            if (encap.OuterDscp is { } dscp)
            {
                Transposition.Edits |= TranspositionEdits.FixedDscp;
                Transposition.OuterDscp = dscp;
            }
        }
    }

    /// <summary>
    /// The router led back to the sender (R113). It would not take a packet from its own address, so what a translation led back comes from the
    /// address it was sent to, unless the translation has given it another source; the connection's other half is made when this is stored.
    /// </summary>
    private void Return(in ParsedPacket packet)
    {
        _isLocal = true;
        if (_isTranslated || _isKnownTranslated)
        {
            _isReturning = true;
            InetAddress source = Flow.Source == packet.Ufid.Source ? packet.Ufid.Destination : Flow.Source;
            Rewrite(source, Flow.Destination, Flow.SourcePort, Flow.DestinationPort);
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
    }

    private void ChooseTeamMember(RuleAction.PaRoute route, in ParsedPacket packet)
    {
        if ((Transposition.Edits & TranspositionEdits.Encap) == 0)
        {
            return;
        }

        ReadOnlySpan<byte> members = (Transposition.Provider.Value.IsIPv4 ? route.TeamMembersIPv4 : route.TeamMembersIPv6).AsSpan();
        if (members.IsEmpty)
        {
            Drop(DropReason.NoProviderAddress);
            return;
        }

        Transposition.TeamMember = members[(int)(((ulong)packet.Ufid.Entropy() * (uint)members.Length) >> 32)];
    }

    private void Rewrite(InetAddress source, InetAddress destination, ushort sourcePort, ushort destinationPort) =>
        Translation.Rewrite(ref Flow, ref Transposition, source, destination, sourcePort, destinationPort);

    /// <summary>A drop that a TTL about to run out comes before: told by the edit, so that a remembered one is not taken for such a packet.</summary>
    private void DropRouted(DropReason reason)
    {
        Transposition.Edits |= TranspositionEdits.DecrementTtl;
        Drop(reason);
    }

    private void Drop(DropReason reason) => Settle(Decision.Drop(reason, Layer) with
    {
        Transposition = new Transposition { Edits = Transposition.Edits & TranspositionEdits.DecrementTtl },
    });

    private void Settle(Decision decision)
    {
        _settled = decision with { Rule = _rule };
        IsSettled = true;
    }
}
