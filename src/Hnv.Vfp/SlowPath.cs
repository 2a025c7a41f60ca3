using System.Collections.Immutable;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// The slow path: asks every layer of a port about one packet and composes what they say (R109). Pure: it stores nothing, reads no clock and
/// touches no byte of the packet.
/// </summary>
public static class SlowPath
{
    /// <summary>Decides a packet that has passed the port's guards.</summary>
    /// <param name="program">The port's program.</param>
    /// <param name="direction">As the VM sees it.</param>
    /// <param name="packet">The parsed packet.</param>
    /// <param name="known">What is known of its connection.</param>
    /// <param name="counters">Where matches are counted; null counts nothing.</param>
    /// <param name="trace">Where each step is noted; null notes nothing and costs nothing.</param>
    public static Decision Evaluate(
        PortProgram program,
        Direction direction,
        in ParsedPacket packet,
        in KnownFlow known = default,
        MatchCounters? counters = null,
        SlowPathTrace? trace = null) => Evaluate(program, PathMtus.None, direction, in packet, in known, counters, trace);

    /// <summary>The same, with what has been learnt of paths through the provider network.</summary>
    internal static Decision Evaluate(
        PortProgram program,
        PathMtus paths,
        Direction direction,
        in ParsedPacket packet,
        in KnownFlow known,
        MatchCounters? counters = null,
        SlowPathTrace? trace = null)
    {
        if (program.IsFailClosed)
        {
            return Decision.Drop(DropReason.NoPolicy);
        }

        Evaluation evaluation = new(program, paths, direction, in packet);
        int count = packet.IsIP ? program.Layers.Length : 0;
        for (int i = 0; i < count && !evaluation.IsSettled; i++)
        {
            int index = direction == Direction.Outbound ? i : count - 1 - i;
            Layer layer = program.Layers[index];
            counters?.CountLayer(index);
            evaluation.Layer = index;
            if (known.IsEstablished && layer.Connections != LayerConnections.AsksEachPacket)
            {
                if (layer.Connections == LayerConnections.Translates)
                {
                    evaluation.Translate(in known);
                }

                trace?.Add(layer, null, null, in evaluation.Transposition, isConnection: true);
                continue;
            }

            Ask(layer, index, direction, in packet, ref evaluation, counters, trace);
        }

        return evaluation.Conclude(in packet);
    }

    /// <summary>
    /// Asks only the firewall layers, about the packet that began a connection: is it still wanted under this program?
    /// </summary>
    public static bool Admits(PortProgram program, Direction direction, in Ufid flow) =>
        !program.IsFailClosed && WhoBlocks(program, direction, in flow) is null;

    /// <summary>The firewall layer and the rule in it that do not want the packet; null when all firewall layers do.</summary>
    internal static (int Layer, Rule Rule)? WhoBlocks(PortProgram program, Direction direction, in Ufid flow)
    {
        bool isIPv4 = flow.EtherType == EtherTypes.IPv4;
        for (int i = 0; i < program.Layers.Length; i++)
        {
            Layer layer = program.Layers[i];
            if (layer.Connections != LayerConnections.Passes)
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
                    return (i, group.Rules[match]);
                }

                if (group.Rules[match].Terminating)
                {
                    break;
                }
            }
        }

        return null;
    }

    /// <summary>Asks only the mirror: a copy is made also of what a firewall stops, as long as the guest itself sent it.</summary>
    internal static MirrorTarget? MirrorOf(PortProgram program, Direction direction, in Ufid flow)
    {
        if (direction == Direction.Outbound)
        {
            foreach (Layer layer in program.Layers)
            {
                foreach (int index in layer.GroupsOf(direction, flow.EtherType == EtherTypes.IPv4))
                {
                    RuleGroup group = layer.Groups[index];
                    if (group.Find(in flow) is >= 0 and int match && group.Rules[match].Action is RuleAction.Mirror mirror)
                    {
                        return mirror.Target;
                    }
                }
            }
        }

        return null;
    }

    /// <summary>
    /// Does policy still have the addresses that a conversation was translated with? It need not be what a new conversation would get.
    /// </summary>
    internal static bool StillTranslates(PortProgram program, Direction direction, Translation translation)
    {
        Ufid flow = (direction == Direction.Outbound ? translation.Guest : translation.Network).ToFlow(direction);
        ConnectionKey other = direction == Direction.Outbound ? translation.Network : translation.Guest;
        foreach (Layer layer in program.Layers)
        {
            if (layer.Connections != LayerConnections.Translates)
            {
                continue;
            }

            foreach (int index in layer.GroupsOf(direction, flow.EtherType == EtherTypes.IPv4))
            {
                foreach (Rule rule in layer.Groups[index].Rules)
                {
                    if (rule.Condition.Matches(in flow, matchesLaterFragments: true) && Translations.CouldGive(rule.Action, direction, in flow, in other))
                    {
                        return true;
                    }
                }
            }
        }

        return false;
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
            int match = group.Find(in evaluation.Flow);
            if (match < 0)
            {
                trace?.Add(layer, group, null, in evaluation.Transposition);
                continue;
            }

            Rule rule = group.Rules[match];
            counters?.CountRule(layerIndex, index, match);
            evaluation.Apply(rule, in packet);
            trace?.Add(layer, group, rule, in evaluation.Transposition);
            if (rule.Terminating || evaluation.IsSettled)
            {
                return;
            }
        }
    }
}
