using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <content>What operators see and ask of a port's flows. Nothing here changes what the port remembers.</content>
public sealed partial class PortFlows
{
    /// <summary>How many flows of each kind there are, were and may be.</summary>
    internal FlowStatistics Statistics(Direction direction, PortProgram? program)
    {
        lock (_gate)
        {
            UnifiedFlowTable table = Table(direction);
            long[] matched = new long[table.Tallies.Length];
            table.ForEach(flow =>
            {
                matched[UnifiedFlowTable.TallyOf(flow.Ufid)] += flow.Packets;
                return true;
            });
            int limit = program is null ? DefaultFlowLimit : LimitOf(program);
            FlowCounts[] kinds = [.. table.Tallies.Select((tally, kind) => tally.Snapshot(limit, matched[kind]))];
            return new FlowStatistics(
                direction,
                table.Total.Snapshot(limit, matched.Sum()),
                _connections.Tallies[(int)direction].Snapshot(limit, 0),
                _connections.HalfOpenTallies[(int)direction].Snapshot(program?.Guards.HalfOpenLimit ?? 0, 0),
                kinds[0],
                kinds[1],
                kinds[2]);
        }
    }

    /// <summary>
    /// What <see cref="Decide"/> would say of a packet, by the same evaluator and the same checks, with nothing remembered, judged or counted.
    /// </summary>
    /// <param name="installed">The program in force.</param>
    /// <param name="port">The port.</param>
    /// <param name="direction">As the VM sees it.</param>
    /// <param name="packet">The packet.</param>
    /// <param name="frame">Its frame.</param>
    /// <param name="trace">Takes the steps.</param>
    internal Foresight Foresee(
        InstalledProgram installed, VPort port, Direction direction, in ParsedPacket packet, ReadOnlySpan<byte> frame, SlowPathTrace trace)
    {
        lock (_gate)
        {
            if (packet.Ufid.Fragment == FragmentClass.Later)
            {
                UnifiedFlow? first = _fragments.Find(direction, in packet, installed.Generation);
                return new Foresight(DecideLater(first, direction, in packet), null, false, IsRestOfDatagram: first is not null);
            }

            Connection? connection = _connections.Find(direction, ConnectionKey.Of(direction, in packet.Ufid), out bool isTranslated);
            Connection? over = null;
            bool isBlocked = false;
            if (connection is not null && (BeginsAnew(connection, in packet) || !WouldStand(installed, connection, out isBlocked)))
            {
                (over, connection) = (connection, null);
            }

            Decision decision;
            Connection? about = null;
            if (connection is not null && isBlocked)
            {
                decision = Blocked(installed.Program, connection, direction, in packet);
            }
            else
            {
                KnownFlow known = connection is not null
                    ? new KnownFlow(IsEstablished: true, isTranslated ? connection.Translation : null)
                    : ForeseeRelated(installed, direction, in packet, frame, out about);
                decision = SlowPath.Evaluate(installed.Program, installed.Forwarding.Paths, direction, in packet, in known, counters: null, trace);
            }

            (decision, VPort? destination, FlowExtras? extras) = Resolve(installed, port, direction, in packet, decision, about);
            bool begins = decision is { Verdict: Verdict.Forward, IsStateful: true } && connection is null;
            bool isChosenLater = false;
            if (begins)
            {
                decision = ForeseeBegin(installed, direction, in packet, decision, over, out isChosenLater);
                destination = decision.Verdict == Verdict.Forward ? destination : null;
            }

            UnifiedFlow flow = Make(in packet, direction, installed, in decision, decision.Transposition, destination, extras);
            ConnectionState? state = (connection ?? about)?.State;
            return new Foresight(flow, state, begins && decision.Verdict == Verdict.Forward, isBlocked, IsChosenLater: isChosenLater);
        }
    }

    private KnownFlow ForeseeRelated(InstalledProgram installed, Direction direction, in ParsedPacket packet, ReadOnlySpan<byte> frame, out Connection? about)
    {
        about = null;
        if (!IcmpFlows.IsError(in packet.Ufid)
            || !IcmpFlows.TryReadQuoted(direction, in packet, frame, out ConnectionKey key)
            || _connections.Find(direction, in key, out bool isTranslated) is not { } connection
            || !WouldStand(installed, connection, out bool isBlocked)
            || isBlocked)
        {
            return default;
        }

        about = connection;
        return new KnownFlow(IsEstablished: true, isTranslated ? connection.Translation : null, IsError: true);
    }

    private Decision ForeseeBegin(
        InstalledProgram installed, Direction direction, in ParsedPacket packet, Decision decision, Connection? over, out bool isChosenLater)
    {
        isChosenLater = false;
        int limit = LimitOf(installed.Program) + (over is null ? 0 : 1);
        if (WhyNotBegin(installed.Program, in packet, in decision, limit) is { } reason)
        {
            return Refused(reason);
        }

        if (!CanBegin(in packet))
        {
            return decision;
        }

        if (decision.Pool is { } pool)
        {
            if (_connections.Bindings.Peek(pool, packet.Ufid.Source, packet.Ufid.SourcePort, packet.Ufid.Protocol) is not { } binding)
            {
                return Refused(DropReason.NatExhausted);
            }

            isChosenLater = binding.Port != packet.Ufid.SourcePort && HasPort(decision.Translated);
            decision = WithSource(in decision, binding.Address, binding.Port);
        }

        return IsTaken(direction, in packet, in decision, over) ? Refused(DropReason.NatExhausted) : decision;
    }

    private void TickTallies(long now)
    {
        foreach (FlowTally[] tallies in (ReadOnlySpan<FlowTally[]>)[_outbound.Tallies, _inbound.Tallies, _connections.Tallies, _connections.HalfOpenTallies])
        {
            Array.ForEach(tallies, tally => tally.Tick(now));
        }

        _outbound.Total.Tick(now);
        _inbound.Total.Tick(now);
    }
}

/// <summary>What a port would do with a packet.</summary>
/// <param name="Flow">The decision; not stored anywhere unless it was before.</param>
/// <param name="Connection">How far the conversation has come that the packet belongs to, or is about; null when there is none.</param>
/// <param name="Begins">The packet would begin a conversation.</param>
/// <param name="IsBlocked">The conversation has been taken back by policy.</param>
/// <param name="IsRestOfDatagram">The packet shares the fate of its datagram's first fragment.</param>
/// <param name="IsChosenLater">The port of a source translation is chosen at random when the packet really comes.</param>
internal readonly record struct Foresight(
    UnifiedFlow Flow, ConnectionState? Connection, bool Begins, bool IsBlocked = false, bool IsRestOfDatagram = false, bool IsChosenLater = false);
