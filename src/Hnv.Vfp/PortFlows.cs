using System.Collections.Immutable;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// What one port remembers: its unified flows, one table per direction, its connections and the datagrams that come in fragments. Hits take no
/// lock; everything else happens under the port's own.
/// </summary>
public sealed partial class PortFlows
{
    /// <summary>Unified flows of a port whose policy names no limit; as many connections. About 25 MB at the most.</summary>
    public const int DefaultFlowLimit = 65_536;

    private const int BucketsPerTurn = 512;
    private const int SlotsPerTurn = 4096;

    private readonly Lock _gate = new();
    private readonly ConnectionTable _connections = new();
    private readonly FragmentTable _fragments = new();
    private readonly UnifiedFlowTable _outbound;
    private readonly UnifiedFlowTable _inbound;
    private readonly VPort _port;
    private readonly IFlowOffload? _offload;

    internal PortFlows(VPort port, IFlowOffload? offload = null)
    {
        _port = port;
        _offload = offload;
        _outbound = new UnifiedFlowTable(offload);
        _inbound = new UnifiedFlowTable(offload);
    }

    /// <summary>Unified flows held, both directions.</summary>
    public int FlowCount => _outbound.Count + _inbound.Count;

    /// <summary>Connections held.</summary>
    public int ConnectionCount
    {
        get
        {
            lock (_gate)
            {
                return _connections.Count;
            }
        }
    }

    /// <summary>TCP connections that wait for an answer.</summary>
    public int HalfOpenCount
    {
        get
        {
            lock (_gate)
            {
                return _connections.HalfOpenCount;
            }
        }
    }

    internal UnifiedFlow? Find(Direction direction, in Ufid flow, uint hash) => Table(direction).Find(in flow, hash);

    /// <summary>Decides a packet that no flow is known for, or only one of a generation that has passed, and remembers the decision.</summary>
    internal UnifiedFlow Decide(
        InstalledProgram installed, VPort port, Direction direction, in ParsedPacket packet, ReadOnlySpan<byte> frame, long now, PortCounters counters)
    {
        lock (_gate)
        {
            if (packet.Ufid.Fragment == FragmentClass.Later)
            {
                return DecideLater(_fragments.Find(direction, in packet, installed.Generation), direction, in packet);
            }

            Connection? connection = FindConnection(installed, direction, in packet, out bool isTranslated);
            Decision decision;
            Connection? about = null;
            if (connection is { IsBlocked: true })
            {
                decision = Blocked(installed.Program, connection, direction, in packet);
            }
            else
            {
                bool isError = IcmpFlows.IsError(in packet.Ufid);
                KnownFlow known = connection is not null
                    ? new KnownFlow(IsEstablished: true, isTranslated ? connection.Translation : null)
                    : isError ? Related(installed, direction, in packet, frame, out about) : default;
                decision = SlowPath.Evaluate(installed.Program, installed.Forwarding.Paths, direction, in packet, in known, installed.Matches);

                // The flow id does not tell which packet an error is about, so what was decided of one error says nothing of the next.
                decision = decision with { IsForThisPacketOnly = decision.IsForThisPacketOnly || isError };
            }

            return Commit(installed, port, direction, in packet, now, decision, connection, about, counters);
        }
    }

    /// <summary>
    /// Forgets what has been idle too long, a part at a time: a packet that needs the lock waits for one part at the most. One caller at a time.
    /// </summary>
    internal void Age(long now)
    {
        for (int next = 0, count = 1; next < count; next += BucketsPerTurn)
        {
            lock (_gate)
            {
                count = _connections.Buckets;
                for (int bucket = next; bucket < Math.Min(next + BucketsPerTurn, count); bucket++)
                {
                    for (Connection? connection = _connections[bucket]; connection is not null;)
                    {
                        Connection? following = connection.NextInBucket;
                        connection.Fold();
                        if (now - connection.LastSeen > Timeouts.Of(connection))
                        {
                            Forget(connection);
                        }
                        else if (connection.FirstFlow is null)
                        {
                            NoteIdle(connection);
                        }

                        connection = following;
                    }
                }
            }
        }

        lock (_gate)
        {
            _fragments.Age(now);
        }

        Sweep(_outbound, now);
        Sweep(_inbound, now);
        TickTallies(now);
    }

    private void Sweep(UnifiedFlowTable table, long now)
    {
        for (int slot = 0; slot >= 0;)
        {
            lock (_gate)
            {
                slot = table.Sweep(slot, SlotsPerTurn, flow =>
                {
                    if (now - flow.LastUsed <= (flow.Verdict == Verdict.Drop ? Timeouts.DropMs : Timeouts.FlowMs))
                    {
                        return true;
                    }

                    _connections.Unlink(flow);
                    if (flow.Connection is { FirstFlow: null, IsPlaceholder: false } connection)
                    {
                        NoteIdle(connection);
                    }

                    return false;
                });
            }
        }
    }

    /// <summary>Forgets everything: the port has gone.</summary>
    internal void Clear()
    {
        lock (_gate)
        {
            _connections.Clear();
            _fragments.Clear();
            _outbound.Clear();
            _inbound.Clear();
        }
    }

    internal void ForEach(Direction direction, Func<UnifiedFlow, bool> visit) => Table(direction).ForEach(visit);

    /// <summary>How far the ranges of a program's pools are used.</summary>
    internal ImmutableArray<NatRangeUse> NatRanges(IEnumerable<NatPool> pools)
    {
        lock (_gate)
        {
            return _connections.Bindings.Ranges(pools);
        }
    }

    /// <summary>
    /// The connection of a packet, judged under the program in force: a running conversation feels a changed rule on its next packet, and the one
    /// who began it is asked about, whichever side that packet comes from.
    /// </summary>
    private Connection? FindConnection(InstalledProgram installed, Direction direction, in ParsedPacket packet, out bool isTranslated)
    {
        if (_connections.Find(direction, ConnectionKey.Of(direction, in packet.Ufid), out isTranslated) is not { } connection)
        {
            return null;
        }

        if (BeginsAnew(connection, in packet) || !StillStands(installed, connection))
        {
            Forget(connection);
            return null;
        }

        return connection;
    }

    /// <summary>Judges a connection under a program it has not been judged under.</summary>
    /// <returns>False when the addresses it was translated to are no longer policy's to give: the conversation is over.</returns>
    private bool StillStands(InstalledProgram installed, Connection connection)
    {
        if (connection.Generation == installed.Generation)
        {
            return true;
        }

        bool stands = WouldStand(installed, connection, out bool isBlocked);
        connection.Generation = installed.Generation;
        if (!stands)
        {
            return false;
        }

        connection.IsBlocked = isBlocked;
        if (isBlocked)
        {
            RemoveFlows(connection);
        }

        return true;
    }

    /// <summary>What judging a connection under the program in force comes to.</summary>
    private static bool WouldStand(InstalledProgram installed, Connection connection, out bool isBlocked)
    {
        isBlocked = connection.IsBlocked;
        if (connection.Generation == installed.Generation)
        {
            return true;
        }

        if (connection.Translation is { } translation && !connection.IsReturning
            && !SlowPath.StillTranslates(installed.Program, connection.Direction, translation))
        {
            return false;
        }

        isBlocked = !SlowPath.Admits(installed.Program, connection.Direction, connection.Initiator);
        return true;
    }

    /// <summary>The packet opens a conversation whose predecessor with the same addresses and ports is over, or was refused.</summary>
    private static bool BeginsAnew(Connection connection, in ParsedPacket packet) =>
        (connection.IsClosed || connection.IsBlocked) && Connection.IsOpening(in packet);

    private static int LimitOf(PortProgram program) => program.Guards.FlowLimit is > 0 and int asked ? asked : DefaultFlowLimit;

    private KnownFlow Related(InstalledProgram installed, Direction direction, in ParsedPacket packet, ReadOnlySpan<byte> frame, out Connection? about)
    {
        // The packet that an error quotes went the other way.
        about = null;
        if (!IcmpFlows.TryReadQuoted(direction, in packet, frame, out ConnectionKey key)
            || _connections.Find(direction, in key, out bool isTranslated) is not { } connection)
        {
            return default;
        }

        if (!StillStands(installed, connection))
        {
            Forget(connection);
            return default;
        }

        if (connection.IsBlocked)
        {
            return default;
        }

        about = connection;
        return new KnownFlow(IsEstablished: true, isTranslated ? connection.Translation : null, IsError: true);
    }

    /// <summary>The drop of a packet of a conversation that policy no longer wants, under the rule that does not want it.</summary>
    private static Decision Blocked(PortProgram program, Connection connection, Direction direction, in ParsedPacket packet)
    {
        (int Layer, Rule Rule)? by = SlowPath.WhoBlocks(program, connection.Direction, connection.Initiator);
        return Decision.Drop(DropReason.Acl, by?.Layer ?? -1) with { Rule = by?.Rule, Mirror = SlowPath.MirrorOf(program, direction, packet.Ufid) };
    }

    private UnifiedFlow Commit(
        InstalledProgram installed,
        VPort port,
        Direction direction,
        in ParsedPacket packet,
        long now,
        Decision decision,
        Connection? connection,
        Connection? about,
        PortCounters counters)
    {
        int limit = LimitOf(installed.Program);
        (decision, VPort? destination, FlowExtras? extras) = Resolve(installed, port, direction, in packet, decision, about);
        if (decision is { Verdict: Verdict.Forward, IsStateful: true } && connection is null)
        {
            decision = Begin(installed, direction, in packet, decision, limit, out connection);
            destination = decision.Verdict == Verdict.Forward ? destination : null;
        }

        UnifiedFlow flow = Make(in packet, direction, installed, in decision, decision.Transposition, destination, extras);
        bool isStored = Remember(flow, decision, direction, limit);
        if (connection is not null && decision is not { Verdict: Verdict.Hairpin })
        {
            _connections.Saw(connection, direction, packet.TcpFlags, now);
            if (isStored && !decision.IsForThisPacketOnly)
            {
                connection.Link(flow);
            }
        }
        else if (connection is null && packet.IsIP && !decision.IsForThisPacketOnly && isStored)
        {
            _connections.AddUnconnected(flow, direction, installed.Generation);
        }

        if (packet.Ufid.Fragment == FragmentClass.First)
        {
            Transposition rest = decision.Transposition;
            rest.Edits &= ~(TranspositionEdits.SourcePort | TranspositionEdits.DestinationPort);
            Decision later = decision.Verdict == Verdict.Hairpin ? Unanswered(in decision) : decision;
            _fragments.Add(direction, in packet, Make(in packet, direction, installed, in later, rest, destination, extras), now);
        }

        if (!isStored)
        {
            counters.CountUncached();
        }

        return flow;
    }

    /// <summary>No ICMP error is sent about a later fragment (RFC 1122 §3.2.2): where its first one was answered, it ends in silence.</summary>
    private static Decision Unanswered(in Decision decision) =>
        Decision.Drop(decision.Answer == AnswerKind.TooBig ? DropReason.MtuExceeded : DropReason.TtlExpired);

    /// <summary>A later fragment shares the fate of the first, unless its own TTL or length forbids it.</summary>
    private static UnifiedFlow DecideLater(UnifiedFlow? first, Direction direction, in ParsedPacket packet)
    {
        if (first is null)
        {
            return Outcome.Drop(DropReason.FragmentWithoutFirst);
        }

        ref readonly Transposition transposition = ref first.Transposition;
        return first.Verdict != Verdict.Forward ? first
            : (transposition.Edits & TranspositionEdits.DecrementTtl) != 0 && packet.TimeToLive <= 1 ? Refused(DropReason.TtlExpired)
            : transposition.MaxLength > 0 && packet.NetworkLength > transposition.MaxLength && packet.DontFragment ? Refused(DropReason.MtuExceeded)
            : first;

        UnifiedFlow Refused(DropReason reason) => new()
        {
            Ufid = first.Ufid,
            Direction = direction,
            Generation = first.Generation,
            Verdict = Verdict.Drop,
            DropReason = reason,
            Extras = first.Extras?.Mirror is { } mirror ? new FlowExtras { Mirror = mirror } : null,
        };
    }

    private static UnifiedFlow Make(
        in ParsedPacket packet,
        Direction direction,
        InstalledProgram installed,
        in Decision decision,
        in Transposition transposition,
        VPort? destination,
        FlowExtras? extras) => new()
        {
            Ufid = packet.Ufid,
            Direction = direction,
            Hash = packet.Ufid.Hash(),
            Generation = installed.Generation,
            Verdict = decision.Verdict,
            DropReason = decision.DropReason,
            DropLayer = decision.Verdict == Verdict.Drop ? (byte)(decision.Layer + 1) : (byte)0,
            Answer = decision.Answer,
            Meter = decision.Meter,
            Edits = decision is { Verdict: Verdict.Drop, Rule: { } rule } ? installed.Share(rule, in transposition) : installed.Share(in transposition),
            Destination = destination,
            Extras = extras,
        };

    /// <summary>Finds the ports that a decision names by VSID and MAC.</summary>
    private static (Decision Decision, VPort? Destination, FlowExtras? Extras) Resolve(
        InstalledProgram installed, VPort port, Direction direction, in ParsedPacket packet, Decision decision, Connection? about)
    {
        FlowExtras? extras = null;
        VPort? destination = null;
        if (decision.Verdict == Verdict.Replicate)
        {
            ReplicationTarget[] targets = installed.ReplicationTargets(in packet);
            decision = targets.Length == 0 ? Decision.Drop(DropReason.NoDestinationsBroadcast) with { Mirror = decision.Mirror } : decision;

            // Also without a target: the extras let it be decided again when a member's port comes.
            extras = new FlowExtras { Forwarding = installed.Forwarding, ReplicationTargets = targets };
        }
        else if (decision.Verdict == Verdict.Forward && direction == Direction.Outbound && !installed.Program.IsVirtualized)
        {
            (destination, ReplicationTarget[]? all, bool leaves) = installed.FindPlain(port, packet.Ufid.DestinationMac);
            Transposition transposition = decision.Transposition;
            if (leaves)
            {
                transposition.Edits |= TranspositionEdits.Uplink;
                transposition.VlanId = (ushort)installed.Program.VlanId;
            }

            decision = decision with { Verdict = all is null ? Verdict.Forward : Verdict.Replicate, Transposition = transposition };
            extras = all is null ? null : new FlowExtras { Forwarding = installed.Forwarding, ReplicationTargets = all };
        }
        else if (decision.Verdict == Verdict.Forward)
        {
            destination = direction == Direction.Inbound
                ? port
                : decision.IsReturning ? port
                : decision.IsLocal ? installed.Forwarding.TryGetPort(decision.LocalVsid, decision.LocalMac) : null;

            // Not remembered: the port may be plugged in at any moment, and nothing here would notice.
            decision = decision.IsLocal && destination is null
                ? Decision.Drop(DropReason.DestinationPortNotReady) with { IsForThisPacketOnly = true, Mirror = decision.Mirror }
                : decision;
            if (about?.Translation is { } translation && decision.Verdict == Verdict.Forward)
            {
                extras = new FlowExtras { Forwarding = installed.Forwarding, Quoted = translation.RewriteOfQuoted(direction) };
            }
        }

        // Also without a copy, because the appliance is not plugged in: the extras let the flow be decided again when a port comes.
        return decision.Mirror is { } mirror
            ? (decision, destination, (extras ?? new FlowExtras { Forwarding = installed.Forwarding }) with { Mirror = installed.Mirror(mirror) })
            : (decision, destination, extras);
    }

    private bool Remember(UnifiedFlow flow, in Decision decision, Direction direction, int limit)
    {
        if (decision.IsForThisPacketOnly)
        {
            return true;
        }

        UnifiedFlowTable table = Table(direction);
        bool isReplacement = table.Find(flow.Ufid, flow.Hash) is not null;
        if ((!isReplacement && FlowCount >= limit) || !table.TryStore(flow, out UnifiedFlow? replaced))
        {
            return false;
        }

        if (replaced is not null)
        {
            _connections.Unlink(replaced);
        }

        return true;
    }

    /// <summary>Begins a connection for a packet that policy admits, with the translation it asks for.</summary>
    /// <returns>The decision with the pool's address and port in it; a drop when the connection is needed and cannot be had.</returns>
    private Decision Begin(InstalledProgram installed, Direction direction, in ParsedPacket packet, Decision decision, int limit, out Connection? connection)
    {
        connection = null;
        if (WhyNotBegin(installed.Program, in packet, in decision, limit) is { } reason)
        {
            return Refused(reason);
        }

        if (!CanBegin(in packet))
        {
            // Of TCP the flow id does not tell an answer from what may begin, so an answer that nobody asked for must not decide for the next packet.
            return decision with { IsForThisPacketOnly = decision.IsForThisPacketOnly || packet.Ufid.Protocol == IPProtocols.Tcp };
        }

        NatBindings.Binding? binding = null;
        if (decision.Pool is { } pool)
        {
            binding = _connections.Bindings.Take(pool, packet.Ufid.Source, packet.Ufid.SourcePort, packet.Ufid.Protocol);
            if (binding is null)
            {
                return Refused(DropReason.NatExhausted);
            }

            decision = WithSource(decision, binding.Address, binding.Port);
        }

        ConnectionKey asIs = ConnectionKey.Of(direction, in packet.Ufid), other = ConnectionKey.Of(direction, decision.Translated);
        (ConnectionKey guest, ConnectionKey network) = direction == Direction.Outbound ? (asIs, other) : (other, asIs);
        if (IsTaken(direction, in packet, in decision))
        {
            // Two conversations that the network could not tell apart.
            Release(binding);
            return Refused(DropReason.NatExhausted);
        }

        Add(connection = new Connection(in guest, direction, installed.Generation)
        {
            Translation = decision.IsTranslated ? new Translation(in guest, in network) { Binding = binding } : null,
            IdleSeconds = (ushort)Math.Min(decision.IdleSeconds, ushort.MaxValue),
        });
        if (decision.IsReturning)
        {
            AddReturn(installed, in guest, in network);
        }

        return decision;
    }

    private static Decision Refused(DropReason reason) => Decision.Drop(reason) with { IsForThisPacketOnly = true };

    /// <summary>Why a packet that policy admits may not begin the conversation it needs; null when nothing speaks against it.</summary>
    private DropReason? WhyNotBegin(PortProgram program, in ParsedPacket packet, in Decision decision, int limit)
    {
        if (!CanBegin(in packet))
        {
            return decision.Pool is null ? null : DropReason.NatNoState;
        }

        if (_connections.Count >= limit)
        {
            return DropReason.FlowLimit;
        }

        return packet.Ufid.Protocol == IPProtocols.Tcp && program.Guards.HalfOpenLimit is > 0 and int halfOpen && _connections.HalfOpenCount >= halfOpen
            ? DropReason.HalfOpenLimit
            : null;
    }

    /// <summary>The decision with the address and port that a pool gave.</summary>
    private static Decision WithSource(in Decision decision, InetAddress address, ushort port)
    {
        Transposition transposition = decision.Transposition;
        Ufid translated = decision.Translated;
        ushort source = HasPort(in translated) ? port : translated.SourcePort;
        Translation.Rewrite(ref translated, ref transposition, address, translated.Destination, source, translated.DestinationPort);
        return decision with { Transposition = transposition, Translated = translated };
    }

    /// <summary>Is there a conversation that the network, or the guest, could not tell from the one that would begin?</summary>
    private bool IsTaken(Direction direction, in ParsedPacket packet, in Decision decision, Connection? otherThan = null)
    {
        ConnectionKey asIs = ConnectionKey.Of(direction, in packet.Ufid), other = ConnectionKey.Of(direction, decision.Translated);
        (ConnectionKey guest, ConnectionKey network) = direction == Direction.Outbound ? (asIs, other) : (other, asIs);
        return _connections.IsTakenOnTheNetwork(in network, otherThan) || _connections.Contains(in guest, otherThan);
    }

    /// <summary>
    /// The other half of a conversation that a port has with itself through a translated address: the answers go the same way back (R113).
    /// </summary>
    private void AddReturn(InstalledProgram installed, in ConnectionKey guest, in ConnectionKey network)
    {
        ConnectionKey answering = network.Reversed;
        ConnectionKey answered = guest.Reversed;
        if (!_connections.Contains(in answering) && !_connections.IsTakenOnTheNetwork(in answered))
        {
            Add(new Connection(in answering, Direction.Inbound, installed.Generation)
            {
                Translation = new Translation(in answering, in answered),
                IsReturning = true,
                IsBlocked = !SlowPath.Admits(installed.Program, Direction.Inbound, answering.ToFlow(Direction.Inbound)),
            });
        }
    }

    private void Release(NatBindings.Binding? binding)
    {
        if (binding is not null)
        {
            _connections.Bindings.Release(binding);
        }
    }

    private void Add(Connection connection)
    {
        _connections.Add(connection);
        Redecide(connection.Key);
        if (connection.Translation is { } translation)
        {
            // What spoke under that name untranslated can no longer be told from it.
            Redecide(translation.Network);
            if (_connections.FindUntranslated(translation.Network) is { } confused)
            {
                Forget(confused);
            }
        }

        void Redecide(in ConnectionKey key)
        {
            if (_connections.TryTakeUnconnected(in key, out Connection? unconnected))
            {
                RemoveFlows(unconnected!);
            }
        }
    }

    private static bool HasPort(in Ufid flow) => TransportPorts.Has(flow.Protocol) || IcmpFlows.IsEchoRequest(in flow);

    /// <summary>A reply begins nothing: were it taken for a beginning, the other side would be judged by the wrong rules ever after.</summary>
    private static bool CanBegin(in ParsedPacket packet) =>
        IcmpFlows.IsIcmp(in packet.Ufid)
            ? IcmpFlows.IsEchoRequest(in packet.Ufid)
            : (packet.TcpFlags & 0x12) != 0x12;

    private void Forget(Connection connection)
    {
        RemoveFlows(connection);
        _connections.Remove(connection);
        if (connection.NotedAt is not null)
        {
            _offload?.ForgetIdle(_port, connection.ToCarried());
        }
    }

    private void RemoveFlows(Connection connection)
    {
        while (connection.FirstFlow is { } flow)
        {
            _outbound.Remove(flow);
            _inbound.Remove(flow);
            connection.Unlink(flow);
        }
    }

    private UnifiedFlowTable Table(Direction direction) => direction == Direction.Outbound ? _outbound : _inbound;

    /// <summary>How long what is idle is kept, milliseconds.</summary>
    private static class Timeouts
    {
        /// <summary>A unified flow: cheap to make again.</summary>
        public const long FlowMs = 60_000;

        /// <summary>A remembered drop: soon given back, so that a scan does not fill the table for long.</summary>
        public const long DropMs = 10_000;

        /// <summary>A TCP connection that was closed or reset: as long as a last segment may be late.</summary>
        private const long ClosedMs = 10_000;

        /// <summary>Half-open TCP, and ICMP.</summary>
        private const long TransitoryMs = 60_000;

        /// <summary>TCP that one side has closed: RFC 5382 REQ-5 allows four minutes.</summary>
        private const long ClosingMs = 240_000;

        /// <summary>UDP and other protocols (RFC 4787 REQ-5).</summary>
        private const long OtherMs = 120_000;

        /// <summary>Established TCP: 2 h 4 min (RFC 5382 REQ-5).</summary>
        private const long EstablishedMs = 7_440_000;

        public static long Of(Connection connection) => connection.Key.Protocol switch
        {
            _ when connection.IsBlocked => OtherMs,
            IPProtocols.Tcp => connection.State switch
            {
                ConnectionState.Closed => ClosedMs,
                ConnectionState.Closing => ClosingMs,
                ConnectionState.Established => connection.IdleSeconds > 0 ? connection.IdleSeconds * 1000L : EstablishedMs,
                _ => TransitoryMs,
            },
            _ when connection.IdleSeconds > 0 => connection.IdleSeconds * 1000L,
            IPProtocols.Icmp or IPProtocols.IcmpV6 => TransitoryMs,
            _ => OtherMs,
        };
    }
}
