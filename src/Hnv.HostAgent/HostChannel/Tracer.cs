using Hnv.Contracts.HostChannel;
using Hnv.Dataplane;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.HostAgent.HostChannel;

/// <summary>
/// Tells what becomes of a packet on this host: each stage in order (R108), the way it leaves by, and, where it stays on the host, what the other port
/// does with it. The deciding is the engine's own; nothing is sent, stored or counted.
/// </summary>
/// <param name="host">The host's name.</param>
/// <param name="vSwitch">The switch.</param>
/// <param name="nameOf">The resource id of a network interface; null when policy does not know it.</param>
/// <param name="vxlanPort">UDP port of VXLAN.</param>
internal sealed class Tracer(string host, VSwitch vSwitch, Func<NicId, string?> nameOf, ushort vxlanPort = VxlanHeader.DefaultPort)
{
    /// <summary>Copies of one packet that are followed.</summary>
    private const int CopiesMax = 64;

    /// <summary>Ports one packet may pass on one host: a copy of a copy is not made, so there are never more.</summary>
    private const int DepthMax = 3;

    /// <summary>Explains a packet at a port.</summary>
    /// <param name="port">The port.</param>
    /// <param name="direction">As the VM sees it.</param>
    /// <param name="frame">The frame.</param>
    public TraceReport AtPort(VPort port, Direction direction, ReadOnlySpan<byte> frame) => AtPort(port, direction, frame, [], DepthMax);

    /// <summary>Explains a packet that arrives from the provider network.</summary>
    /// <param name="outer">What it came in.</param>
    /// <param name="source">The outer source.</param>
    /// <param name="frame">The inner frame.</param>
    public TraceReport FromUnderlay(TraceOuter outer, ProviderAddress source, ReadOnlySpan<byte> frame)
    {
        string name = $"{outer.Encapsulation} {outer.Source} -> {outer.Destination}, VSID {outer.Vsid}";
        bool isPacket = PacketParser.TryParse(frame, out ParsedPacket packet) == ParseFault.None;
        if (vSwitch.TryGetSubnet(outer.Vsid) is not { } subnet)
        {
            return Refused(DropReason.UnknownVsid, frame, name);
        }

        if (!subnet.Accepts(source))
        {
            return Refused(DropReason.UnknownProviderAddress, frame, name);
        }

        if (!isPacket)
        {
            return Refused(DropReason.InvalidPacket, frame, name);
        }

        if (packet.IsTagged)
        {
            return Refused(DropReason.VlanTagged, frame, name);
        }

        if (packet.EtherType == EtherTypes.Arp)
        {
            return Refused(DropReason.AddressResolutionFromUnderlay, frame, name);
        }

        TraceStage accepted = new("underlay", name, null, null, "accepted: the VSID is of this host, and policy knows the outer source for it", null);
        if (packet.IsMulticastFrame)
        {
            List<TraceWay> ways = [];
            foreach (VPort each in subnet.Ports)
            {
                TraceReport there = AtPort(each, Direction.Inbound, frame, [], DepthMax - 1);
                ways.Add(new TraceWay("port", there.Port ?? each.DeviceName, null, Convert.ToHexString(frame), there));
            }

            return new TraceReport(
                host, null, null, nameof(Direction.Inbound), Wording.Packet(in packet), [accepted], nameof(Verdict.Replicate), null, null, null,
                $"Goes to every port of VSID {outer.Vsid} on {host}.", null, ways);
        }

        if (subnet.TryGetPort(packet.Ufid.DestinationMac) is not { } port)
        {
            return Refused(DropReason.WrongInnerDestination, frame, name);
        }

        byte[] decapsulated = frame.ToArray();
        return HeaderEdits.TryApplyOuterEcn(outer.TrafficClass, in packet, decapsulated)
            ? AtPort(port, Direction.Inbound, decapsulated, [accepted], DepthMax)
            : Refused(DropReason.EcnNotCapable, frame, name);
    }

    private TraceReport AtPort(VPort port, Direction direction, ReadOnlySpan<byte> frame, IReadOnlyList<TraceStage> before, int depth)
    {
        string name = NameOf(port);
        if (PacketParser.TryParse(frame, out ParsedPacket packet) is var fault && fault != ParseFault.None)
        {
            return new TraceReport(
                host, port.Nic.Value, name, direction.ToString(), Wording.Packet(frame, frame.Length), [.. before, new TraceStage("guards", "parser", null, null, $"drop: {fault}", null)],
                nameof(Verdict.Drop), nameof(DropReason.InvalidPacket), null, null, $"Dropped: {Advice.Sentence(DropReason.InvalidPacket)} ({fault}).", Advice.Try(DropReason.InvalidPacket), []);
        }

        Explanation explained = port.Explain(direction, in packet, frame);
        List<TraceStage> stages = [.. before, .. Stages(explained)];
        UnifiedFlow flow = explained.Flow;
        List<TraceWay> ways = flow.Verdict switch
        {
            Verdict.Forward => [Forward(port, direction, explained, in packet, frame, depth)],
            Verdict.Replicate => Copies(flow, in packet, frame, depth),
            Verdict.Hairpin => [new TraceWay("answer", AnswerOf(flow.Answer), null, null, null)],
            _ => [],
        };
        if (flow.Extras?.Mirror is { } mirror && depth > 1)
        {
            ways.Add(Leave("mirror", mirror.Transposition, mirror.Destination, in packet, frame, depth - 1));
        }

        if (ways.Count > 0)
        {
            stages.Add(new TraceStage("forwarding", "switch", null, null, string.Join("; ", ways.Select(way => way.To)), null));
        }

        bool isDrop = flow.Verdict == Verdict.Drop;
        return new TraceReport(
            host,
            port.Nic.Value,
            name,
            direction.ToString(),
            Wording.Packet(frame, frame.Length),
            stages,
            flow.Verdict.ToString(),
            isDrop ? flow.DropReason.ToString() : null,
            isDrop ? explained.DropLayer : LayerOf(explained),
            explained.Rule?.Id,
            Summary(explained, ways),
            isDrop ? Advice.Try(flow.DropReason) : null,
            ways);
    }

    private static IEnumerable<TraceStage> Stages(Explanation explained)
    {
        UnifiedFlow flow = explained.Flow;
        switch (explained.By)
        {
            case ExplainedBy.Program:
                yield return new TraceStage("guards", "program", null, null, Said(flow), null);
                yield break;
            case ExplainedBy.Guard:
                yield return new TraceStage("guards", "port guards", null, null, Said(flow), null);
                yield break;
            case ExplainedBy.FirstFragment:
                yield return new TraceStage("guards", "port guards", null, null, "passed", null);
                yield return new TraceStage("flow", "first fragment", null, null, $"shares its fate: {Said(flow)}", Edits(flow.Transposition));
                yield break;
            case ExplainedBy.UnifiedFlow:
                yield return new TraceStage("guards", "port guards", null, null, "passed", null);
                yield return new TraceStage(
                    "flow", "unified flow", null, null, $"known, {Wording.Number(flow.Packets)} packets so far: {Said(flow)}; the layers below said so", Edits(flow.Transposition));
                break;
            default:
                yield return new TraceStage("guards", "port guards", null, null, "passed", null);
                break;
        }

        string conversation = explained switch
        {
            { IsConnectionBlocked: true } => $"policy has taken back the conversation it belongs to: rule {explained.Rule?.Id ?? "-"} of {explained.DropLayer ?? "-"} blocks it",
            { Connection: { } state } => $"belongs to a known conversation ({state})",
            { BeginsConnection: true } => "would begin a conversation",
            _ => "belongs to no conversation",
        };
        yield return new TraceStage("flow", "connections", null, null, conversation, null);
        foreach (TraceStep step in explained.Steps)
        {
            yield return new TraceStage("layer", step.Layer, step.Group, step.Rule?.Id, Said(step), Edits(step.Transposition));
        }

        if (explained.IsPortChosenLater)
        {
            yield return new TraceStage("flow", "translation", null, null, "the source port is chosen at random when the packet comes; the one shown is free", null);
        }

        if (flow is { Verdict: Verdict.Drop } && explained.By == ExplainedBy.Layers && flow.DropRule is null)
        {
            yield return new TraceStage("flow", "commit", null, null, Said(flow), null);
        }
    }

    private static string Said(TraceStep step) => step switch
    {
        { IsConnection: true } => "passes: known conversation",
        { Group: null } => "no group for it",
        { Rule: null } => "no rule matches",
        { Rule.Action: var action } => RuleTypes.Of(action).ToString().ToLowerInvariant(),
    };

    private static string Said(UnifiedFlow flow) => flow.Verdict switch
    {
        Verdict.Drop => $"drop: {flow.DropReason}",
        Verdict.Hairpin => $"answer: {AnswerOf(flow.Answer)}",
        _ => flow.Verdict.ToString().ToLowerInvariant(),
    };

    private TraceWay Forward(VPort port, Direction direction, Explanation explained, in ParsedPacket packet, ReadOnlySpan<byte> frame, int depth)
    {
        UnifiedFlow flow = explained.Flow;
        byte[] edited = frame.ToArray();
        if (!HeaderEdits.TryApply(flow, in packet, edited, ChecksumState.Full))
        {
            return new TraceWay("none", "nowhere: its headers do not have what is to be replaced", null, null, null);
        }

        return direction == Direction.Inbound
            ? new TraceWay("guest", $"{NameOf(port)} ({port.DeviceName})", null, Convert.ToHexString(edited), null)
            : Sent("provider", flow.Transposition, flow.Destination, in packet, edited, depth);
    }

    private List<TraceWay> Copies(UnifiedFlow flow, in ParsedPacket packet, ReadOnlySpan<byte> frame, int depth)
    {
        List<TraceWay> ways = [];
        foreach (ReplicationTarget target in flow.ReplicationTargets.Span[..Math.Min(CopiesMax, flow.ReplicationTargets.Length)])
        {
            byte[] copy = frame.ToArray();
            if (target.Address is { } address)
            {
                _ = FrameEdits.TryReplaceDestination(copy, in packet, address.Value, ChecksumState.Full);
            }

            ways.Add(Leave("copy", target.Transposition, target.Destination, in packet, copy, depth));
        }

        return ways;
    }

    private TraceWay Leave(string kind, in Transposition transposition, VPort? destination, in ParsedPacket packet, ReadOnlySpan<byte> frame, int depth)
    {
        byte[] edited = frame.ToArray();
        _ = HeaderEdits.TryApply(in transposition, in packet, edited, ChecksumState.Full);
        return Sent(kind, in transposition, destination, in packet, edited, depth);
    }

    /// <summary>The way of a packet whose inner edits are made.</summary>
    private TraceWay Sent(string kind, in Transposition transposition, VPort? destination, in ParsedPacket packet, byte[] edited, int depth)
    {
        string bytes = Convert.ToHexString(edited);
        if ((transposition.Edits & TranspositionEdits.Encap) != 0)
        {
            TraceOuter outer = Outer(in transposition, in packet, edited.Length);
            bool isCut = transposition.MaxLength > 0 && packet.NetworkLength > transposition.MaxLength;
            return new TraceWay(
                kind, $"{outer.Encapsulation} {outer.Source} -> {outer.Destination}, VSID {outer.Vsid}{(isCut ? ", cut into fragments" : "")}", outer, bytes, null);
        }

        if ((transposition.Edits & TranspositionEdits.Uplink) != 0)
        {
            return new TraceWay("uplink", "the uplink, as it is", null, bytes, null);
        }

        if (destination is null || depth <= 1)
        {
            return new TraceWay("none", "nowhere: no port here", null, bytes, null);
        }

        return new TraceWay(kind == "provider" ? "port" : kind, $"{NameOf(destination)} on this host", null, bytes, AtPort(destination, Direction.Inbound, edited, [], depth - 1));
    }

    private TraceOuter Outer(in Transposition transposition, in ParsedPacket packet, int length)
    {
        bool isVxlan = transposition.Encapsulation == EncapsulationType.Vxlan, isIPv4 = transposition.Provider.Value.IsIPv4;
        var own = vSwitch.Program.ProviderAddresses;
        int headers = (isIPv4 ? IPv4Header.Size : IPv6Header.Size) + (isVxlan ? UdpHeader.Size + VxlanHeader.Size : NvgreHeader.Size);
        return new TraceOuter(
            transposition.Encapsulation.ToString().ToUpperInvariant(),
            transposition.TeamMember < own.Length ? own[transposition.TeamMember].ToString() : "-",
            transposition.Provider.ToString(),
            transposition.Vsid.Value,
            isVxlan ? 0 : NvgreHeader.FlowId(packet.Ufid.Entropy()),
            isVxlan ? vxlanPort : 0,
            HeaderEdits.OuterTrafficClass(in transposition, in packet),
            headers + length);
    }

    private TraceReport Refused(DropReason reason, ReadOnlySpan<byte> frame, string outer) => new(
        host, null, null, nameof(Direction.Inbound), Wording.Packet(frame, frame.Length), [new TraceStage("underlay", outer, null, null, $"drop: {reason}", null)],
        nameof(Verdict.Drop), reason.ToString(), null, null, $"Dropped on arrival at {host}: {Advice.Sentence(reason)}.", Advice.Try(reason), []);

    private string Summary(Explanation explained, List<TraceWay> ways)
    {
        UnifiedFlow flow = explained.Flow;
        return flow.Verdict switch
        {
            Verdict.Drop when flow.DropRule is { } rule => $"Dropped by rule {rule.Id} of {explained.DropLayer ?? "a layer"}: {Advice.Sentence(flow.DropReason)}.",
            Verdict.Drop when explained.By == ExplainedBy.Guard => $"Dropped at the port, before any layer: {Advice.Sentence(flow.DropReason)}.",
            Verdict.Drop => $"Dropped: {Advice.Sentence(flow.DropReason)}.",
            Verdict.Hairpin => $"Answered by {host} itself: {AnswerOf(flow.Answer)}.",
            Verdict.Replicate => $"Goes to {Wording.Number(flow.ReplicationTargets.Length)} members of the virtual subnet.",
            _ when explained.Direction == Direction.Inbound => "Delivered to the guest.",
            _ => $"Goes to {(ways.Count > 0 ? ways[0].To : "nowhere")}.",
        };
    }

    private static string? LayerOf(Explanation explained) => explained.Steps.LastOrDefault(step => step.Rule is not null && step.Rule == explained.Rule)?.Layer;

    private static string? Edits(Transposition transposition) => Wording.Line(in transposition) is { Length: > 0 } line ? line : null;

    private static string AnswerOf(AnswerKind answer) => answer switch
    {
        AnswerKind.AddressResolution => "ARP reply or neighbour advertisement",
        AnswerKind.EchoReply => "echo reply of the router",
        AnswerKind.TimeExceeded => "ICMP time exceeded of the router",
        AnswerKind.TooBig => "ICMP fragmentation needed, or packet too big, of the router",
        AnswerKind.Dhcp => "DHCP reply",
        AnswerKind.RouterAdvertisement => "router advertisement",
        _ => "nothing",
    };

    private string NameOf(VPort port) => nameOf(port.Nic) ?? port.DeviceName;
}
