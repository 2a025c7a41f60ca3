using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// What one port remembers: its unified flows, one table per direction, and its connections. Hits take no lock; everything else happens under the
/// port's own.
/// </summary>
public sealed class PortFlows
{
    /// <summary>Unified flows of a port whose policy names no limit; as many connections. About 25 MB at the most.</summary>
    public const int DefaultFlowLimit = 65_536;

    private readonly Lock _gate = new();
    private readonly Dictionary<ConnectionKey, Connection> _connections = [];

    // What the firewall refused, by the same key: when the other side begins that very conversation, the remembered drops must not stop its replies.
    private readonly Dictionary<ConnectionKey, Connection> _refused = [];
    private readonly UnifiedFlowTable _outbound = new();
    private readonly UnifiedFlowTable _inbound = new();

    internal PortFlows()
    {
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

    internal UnifiedFlow? Find(Direction direction, in Ufid flow, uint hash) => Table(direction).Find(in flow, hash);

    /// <summary>Decides a packet that no flow is known for, or only one of a generation that has passed, and remembers the decision.</summary>
    internal UnifiedFlow Decide(
        InstalledProgram installed, VPort port, Direction direction, in ParsedPacket packet, ReadOnlySpan<byte> frame, long now, PortCounters counters)
    {
        lock (_gate)
        {
            Connection? connection = FindConnection(installed, direction, in packet);
            Decision decision;
            if (connection is { IsBlocked: true })
            {
                decision = Decision.Drop(DropReason.Acl);
            }
            else
            {
                bool isError = IcmpFlows.IsError(in packet.Ufid);
                bool isEstablished = connection is not null || (isError && IsRelated(installed, direction, in packet, frame));
                decision = SlowPath.Evaluate(installed.Program, direction, in packet, isEstablished, installed.Matches);

                // The flow id does not tell which packet an error is about, so what was decided of one error says nothing of the next.
                decision = decision with { IsForThisPacketOnly = decision.IsForThisPacketOnly || isError };
            }

            return Commit(installed, port, direction, in packet, now, decision, connection, counters);
        }
    }

    /// <summary>Forgets what has been idle too long.</summary>
    internal void Age(long now)
    {
        lock (_gate)
        {
            // First the connections learn from their flows, then those that are over take their flows with them.
            bool Fold(UnifiedFlow flow)
            {
                if (flow.Connection is { } connection)
                {
                    connection.LastSeen = Math.Max(connection.LastSeen, flow.LastUsed);
                }

                return true;
            }

            _outbound.ForEach(Fold);
            _inbound.ForEach(Fold);
            foreach (Connection connection in _connections.Values)
            {
                if (now - connection.LastSeen > Timeouts.Of(connection))
                {
                    Forget(connection);
                }
            }

            bool Keep(UnifiedFlow flow)
            {
                if (now - flow.LastUsed <= (flow.Verdict == Verdict.Drop ? Timeouts.DropMs : Timeouts.FlowMs))
                {
                    return true;
                }

                Unlink(flow);
                return false;
            }

            _outbound.Sweep(Keep);
            _inbound.Sweep(Keep);
        }
    }

    /// <summary>Forgets everything: the port has gone.</summary>
    internal void Clear()
    {
        lock (_gate)
        {
            _connections.Clear();
            _refused.Clear();
            _outbound.Sweep(static _ => false);
            _inbound.Sweep(static _ => false);
        }
    }

    internal void ForEach(Direction direction, Func<UnifiedFlow, bool> visit) => Table(direction).ForEach(visit);

    /// <summary>
    /// The connection of a packet, judged under the program in force: a running conversation feels a changed rule on its next packet, and the one
    /// who began it is asked about, whichever side that packet comes from.
    /// </summary>
    private Connection? FindConnection(InstalledProgram installed, Direction direction, in ParsedPacket packet)
    {
        if (!_connections.TryGetValue(ConnectionKey.Of(direction, in packet.Ufid), out Connection? connection))
        {
            return null;
        }

        if ((connection.IsClosed || connection.IsBlocked) && Connection.IsOpening(in packet))
        {
            Forget(connection);
            return null;
        }

        Judge(installed, connection);
        return connection;
    }

    private void Judge(InstalledProgram installed, Connection connection)
    {
        if (connection.Generation == installed.Generation)
        {
            return;
        }

        connection.Generation = installed.Generation;
        connection.IsBlocked = !SlowPath.Admits(installed.Program, connection.Direction, connection.Initiator);
        if (connection.IsBlocked)
        {
            RemoveFlows(connection);
        }
    }

    private bool IsRelated(InstalledProgram installed, Direction direction, in ParsedPacket packet, ReadOnlySpan<byte> frame)
    {
        if (!IcmpFlows.TryReadEmbedded(direction, in packet, frame, out ConnectionKey key) || !_connections.TryGetValue(key, out Connection? connection))
        {
            return false;
        }

        Judge(installed, connection);
        return !connection.IsBlocked;
    }

    private UnifiedFlow Commit(
        InstalledProgram installed, VPort port, Direction direction, in ParsedPacket packet, long now, Decision decision, Connection? connection, PortCounters counters)
    {
        ReplicationTarget[] targets = [];
        VPort? destination = null;
        if (decision.Verdict == Verdict.Replicate)
        {
            targets = installed.ReplicationTargets(in packet);
            decision = targets.Length == 0 ? Decision.Drop(DropReason.NoDestinationsBroadcast) : decision;
        }
        else if (decision.Verdict == Verdict.Forward)
        {
            destination = direction == Direction.Inbound
                ? port
                : decision.IsLocal ? installed.Forwarding.TryGetPort(decision.LocalVsid, decision.LocalMac) : null;
            decision = decision.IsLocal && destination is null ? Decision.Drop(DropReason.DestinationPortNotReady) : decision;
        }

        UnifiedFlow flow = new()
        {
            Ufid = packet.Ufid,
            Hash = packet.Ufid.Hash(),
            Generation = installed.Generation,
            Verdict = decision.Verdict,
            DropReason = decision.DropReason,
            Transposition = decision.Transposition,
            Destination = destination,
            ReplicationTargets = targets,
        };

        int limit = installed.Program.Guards.FlowLimit is > 0 and int asked ? asked : DefaultFlowLimit;
        bool isFull = !Remember(flow, decision, direction, limit);
        if (connection is { IsBlocked: true })
        {
            Attach(connection, flow, installed, direction, in packet, now, isStored: !isFull, limit);
        }
        else if (decision is { Verdict: Verdict.Drop, DropReason: DropReason.Acl, IsForThisPacketOnly: false } && !isFull)
        {
            Refuse(flow, direction, installed.Generation);
        }
        else if (decision.Verdict == Verdict.Forward && decision.IsStateful)
        {
            connection ??= Begin(installed, direction, in packet, limit, ref isFull);
            Attach(connection, flow, installed, direction, in packet, now, isStored: !isFull && !decision.IsForThisPacketOnly, limit);
        }

        if (isFull)
        {
            counters.CountUncached();
        }

        return flow;
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
            Unlink(replaced);
        }

        return true;
    }

    private void Refuse(UnifiedFlow flow, Direction direction, uint generation)
    {
        ConnectionKey key = ConnectionKey.Of(direction, flow.Ufid);
        if (!_refused.TryGetValue(key, out Connection? refused))
        {
            refused = new Connection(key, direction, flow.Ufid, generation);
            _refused.Add(key, refused);
        }

        refused.Link(flow);
    }

    private void Add(Connection connection)
    {
        _connections.Add(connection.Key, connection);
        if (_refused.Remove(connection.Key, out Connection? refused))
        {
            RemoveFlows(refused);
        }
    }

    private void Unlink(UnifiedFlow flow)
    {
        if (flow.Connection is { } connection)
        {
            connection.Unlink(flow);
            if (connection.FirstFlow is null && _refused.TryGetValue(connection.Key, out Connection? refused) && ReferenceEquals(refused, connection))
            {
                _ = _refused.Remove(connection.Key);
            }
        }
    }

    private Connection? Begin(InstalledProgram installed, Direction direction, in ParsedPacket packet, int limit, ref bool isFull)
    {
        if (!CanBegin(in packet))
        {
            return null;
        }

        if (_connections.Count >= limit)
        {
            isFull = true;
            return null;
        }

        Connection connection = new(ConnectionKey.Of(direction, in packet.Ufid), direction, in packet.Ufid, installed.Generation);
        Add(connection);
        return connection;
    }

    /// <summary>A reply begins nothing: were it taken for a beginning, the other side would be judged by the wrong rules ever after.</summary>
    private static bool CanBegin(in ParsedPacket packet) =>
        IcmpFlows.IsIcmp(in packet.Ufid)
            ? IcmpFlows.IsEchoRequest(in packet.Ufid)
            : (packet.TcpFlags & 0x12) != 0x12;

    private void Attach(
        Connection? connection, UnifiedFlow flow, InstalledProgram installed, Direction direction, in ParsedPacket packet, long now, bool isStored, int limit)
    {
        if (connection is null)
        {
            return;
        }

        connection.LastSeen = now;
        connection.SeenOutbound |= direction == Direction.Outbound;
        connection.SeenInbound |= direction == Direction.Inbound;
        connection.Observe(direction, packet.TcpFlags);
        if (isStored)
        {
            connection.Link(flow);
        }

        // Later fragments have no ports to be recognised by: the first one that is admitted speaks for them.
        if (packet.Ufid.Fragment == FragmentClass.First
            && _connections.Count < limit
            && !_connections.ContainsKey(connection.Key.WithoutPorts()))
        {
            Add(new Connection(connection.Key.WithoutPorts(), connection.Direction, connection.Initiator, installed.Generation) { LastSeen = now });
        }
    }

    private void Forget(Connection connection)
    {
        RemoveFlows(connection);
        _ = _connections.Remove(connection.Key);
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

        /// <summary>UDP and other protocols (RFC 4787 REQ-5).</summary>
        private const long OtherMs = 120_000;

        /// <summary>Established TCP: 2 h 4 min (RFC 5382 REQ-5).</summary>
        private const long EstablishedMs = 7_440_000;

        public static long Of(Connection connection) => connection.Key.Protocol switch
        {
            _ when connection.IsBlocked => OtherMs,
            IPProtocols.Tcp when connection.IsClosed => ClosedMs,
            IPProtocols.Tcp => connection.IsAnswered ? EstablishedMs : TransitoryMs,
            IPProtocols.Icmp or IPProtocols.IcmpV6 => TransitoryMs,
            _ => OtherMs,
        };
    }
}
