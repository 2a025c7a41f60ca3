using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <content>Going on with what was carried while no engine ran.</content>
public sealed partial class PortFlows
{
    /// <summary>Has somebody note a conversation that no flow is left of, unless nothing has changed since it was noted.</summary>
    private void NoteIdle(Connection connection)
    {
        if (_offload is not null && connection.NotedAt != connection.LastSeen)
        {
            connection.NotedAt = connection.LastSeen;
            _offload.NoteIdle(_port, connection.ToCarried());
        }
    }

    /// <summary>
    /// Restores the conversation of a flow, to be judged under the program in force like any other that was begun under an earlier one. What cannot be
    /// restored as it was is not: its packets are decided as those of strangers.
    /// </summary>
    /// <returns>False when it cannot be restored, or has no state.</returns>
    internal bool Restore(InstalledProgram installed, in CarriedFlow carried)
    {
        const uint never = 0;
        bool isTranslated = (carried.Marks & ConversationMarks.Translated) != 0;
        ConnectionKey asIs = ConnectionKey.Of(carried.Direction, carried.Ufid), other = ConnectionKey.Of(carried.Direction, carried.Translated);
        (ConnectionKey guest, ConnectionKey network) = carried.Direction == Direction.Outbound ? (asIs, other) : (other, asIs);
        if ((carried.Marks & ConversationMarks.Stateful) == 0 || isTranslated != (guest != network))
        {
            return false;
        }

        lock (_gate)
        {
            if (_connections.FindOfGuest(in guest) is { } known)
            {
                _connections.Restore(known, carried.Marks, carried.Direction, carried.LastUsed);
                return true;
            }

            NatBindings.Binding? binding = null;
            if (_connections.Count >= LimitOf(installed.Program) || _connections.IsTakenOnTheNetwork(in network))
            {
                return false;
            }

            if ((carried.Marks & ConversationMarks.HoldsBinding) != 0)
            {
                binding = _connections.Bindings.Retake(guest.Local, guest.LocalPort, guest.Protocol, network.Local, network.LocalPort);
                if (binding is null)
                {
                    return false;
                }
            }

            Direction begunBy = (carried.Marks & ConversationMarks.BegunInbound) != 0 ? Direction.Inbound : Direction.Outbound;
            Connection connection = new(in guest, begunBy, never)
            {
                Translation = isTranslated ? new Translation(in guest, in network) { Binding = binding } : null,
                IsReturning = (carried.Marks & ConversationMarks.Returning) != 0,
                IdleSeconds = carried.IdleSeconds,
            };
            connection.Restore(carried.Marks, carried.Direction, carried.LastUsed);
            connection.NotedAt = carried.IsNote ? carried.LastUsed : null;
            _connections.Add(connection);
            return true;
        }
    }

    /// <summary>Decides a flow anew as its next packet would have it decided, with the conversations that have been restored.</summary>
    /// <returns>Null when only a packet can tell, or there is no room.</returns>
    internal UnifiedFlow? Resume(InstalledProgram installed, VPort port, Direction direction, in ParsedPacket packet, long lastUsed)
    {
        lock (_gate)
        {
            Connection? connection = FindConnection(installed, direction, in packet, out bool isTranslated);
            Decision decision;
            if (connection is { IsBlocked: true })
            {
                decision = Blocked(installed.Program, connection, direction, in packet);
            }
            else
            {
                KnownFlow known = connection is null ? default : new KnownFlow(IsEstablished: true, isTranslated ? connection.Translation : null);
                decision = SlowPath.Evaluate(installed.Program, installed.Forwarding.Paths, direction, in packet, in known);
            }

            (decision, VPort? destination, FlowExtras? extras) = Resolve(installed, port, direction, in packet, decision, about: null);
            bool begins = decision is { Verdict: Verdict.Forward, IsStateful: true } && connection is null;
            if (begins || decision.IsForThisPacketOnly || decision.Verdict is not (Verdict.Forward or Verdict.Drop))
            {
                return null;
            }

            UnifiedFlow flow = Make(in packet, direction, installed, in decision, decision.Transposition, destination, extras);
            flow.Count(0, 0, lastUsed);
            if (!Remember(flow, decision, direction, LimitOf(installed.Program)))
            {
                return null;
            }

            if (connection is not null)
            {
                connection.Link(flow);
            }
            else
            {
                _connections.AddUnconnected(flow, direction, installed.Generation);
            }

            return flow;
        }
    }
}
