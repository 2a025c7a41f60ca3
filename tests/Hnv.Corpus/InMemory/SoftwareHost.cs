using Hnv.Compiler;
using Hnv.Dataplane;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Corpus.InMemory;

/// <summary>
/// A host in process: compiler, virtual switch and the byte edits that all executors share, without sockets. It goes the same way in the same
/// order as the userspace executor, one packet at a time, and keeps what it is given: frames are copied before they are edited.
/// </summary>
public sealed class SoftwareHost : IFabricHost
{
    private const int TunnelHeaderSize = VxlanHeader.Size;

    private CompileResult? _compiled;
    private readonly byte[] _answer = new byte[PacketParser.FrameLengthMax];

    /// <summary>The switch, for counters and flows.</summary>
    public VSwitch Switch { get; } = new();

    /// <inheritdoc/>
    public void Install(HostPolicy policy, HostFacts facts)
    {
        CompileResult result = HostCompiler.Compile(policy, facts, _compiled);
        if (!result.Errors.IsEmpty)
        {
            throw new ArgumentException(string.Join('\n', result.Errors), nameof(policy));
        }

        _compiled = result;
        Switch.Install(result.Program);
    }

    /// <inheritdoc/>
    public void Attach(NicId nic) => Switch.AddPort(nic, nic.ToString());

    /// <inheritdoc/>
    public void Detach(NicId nic) => Switch.RemovePort(nic);

    /// <inheritdoc/>
    public void Age(long now) => Switch.Age(now);

    /// <inheritdoc/>
    public void FromGuest(NicId nic, ReadOnlySpan<byte> frame, long now, ICollection<Hop> hops)
    {
        VPort port = Switch.TryGetPort(nic) ?? throw new ArgumentException($"NIC {nic} is not plugged in.", nameof(nic));
        byte[] bytes = frame.ToArray();
        if (PacketParser.TryParse(bytes, out ParsedPacket packet) != ParseFault.None)
        {
            Drop(port, DropReason.InvalidPacket, Direction.Outbound, hops);
            return;
        }

        if (packet.IsTagged)
        {
            Drop(port, DropReason.VlanTagged, Direction.Outbound, hops);
            return;
        }

        UnifiedFlow flow = port.DecideOutbound(in packet, bytes, now);
        Mirror(port, flow, in packet, bytes, now, hops);
        switch (flow.Verdict)
        {
            case Verdict.Forward when !HeaderEdits.TryApply(flow, in packet, bytes, ChecksumState.Full):
                Drop(port, DropReason.InvalidPacket, Direction.Outbound, hops);
                break;
            case Verdict.Forward:
                Forward(port, in flow.Transposition, flow.Destination, in packet, bytes, now, hops);
                break;
            case Verdict.Hairpin:
                Answer(port, flow, in packet, bytes, now, hops);
                break;
            case Verdict.Replicate:
                Replicate(port, flow, in packet, bytes, now, hops);
                break;
            default:
                hops.Add(new Hop(HopKind.Dropped, nic, [], flow.DropReason));
                break;
        }
    }

    /// <inheritdoc/>
    public void FromUnderlay(ReadOnlySpan<byte> packet, long now, ICollection<Hop> hops)
    {
        if (!Encapsulated.TryRead(packet, out OuterHeaders outer))
        {
            Drop(DropReason.InvalidEncapsulation, hops);
            return;
        }

        ReadOnlySpan<byte> tunnel = packet[outer.TunnelOffset..];
        bool isHeader = outer.IsUdp ? (tunnel[0] & 0x08) != 0 : tunnel is [0x20, 0x00, 0x65, 0x58, ..];
        Vsid vsid;
        bool isSubnet = outer.IsUdp ? VxlanHeader.TryRead(tunnel, out vsid) : NvgreHeader.TryRead(tunnel, out vsid, out _);
        if (!isSubnet || Switch.TryGetSubnet(vsid.Value) is not { } subnet)
        {
            Drop(isHeader ? DropReason.UnknownVsid : DropReason.InvalidEncapsulation, hops);
            return;
        }

        if (!subnet.Accepts(outer.Source))
        {
            Drop(DropReason.UnknownProviderAddress, hops);
            return;
        }

        byte[] frame = tunnel[TunnelHeaderSize..].ToArray();
        if (PacketParser.TryParse(frame, out ParsedPacket inner) != ParseFault.None)
        {
            Drop(DropReason.InvalidPacket, hops);
        }
        else if (inner.IsTagged)
        {
            Drop(DropReason.VlanTagged, hops);
        }
        else if (IsAddressResolution(in inner))
        {
            Drop(DropReason.AddressResolutionFromUnderlay, hops);
        }
        else if (inner.IsMulticastFrame)
        {
            DeliverToAll(subnet, outer.TrafficClass, in inner, frame, now, hops);
        }
        else if (subnet.TryGetPort(inner.Ufid.DestinationMac) is not { } port)
        {
            Drop(DropReason.WrongInnerDestination, hops);
        }
        else if (!HeaderEdits.TryApplyOuterEcn(outer.TrafficClass, in inner, frame))
        {
            Drop(port, DropReason.EcnNotCapable, Direction.Inbound, hops);
        }
        else
        {
            Deliver(port, in inner, frame, isMirror: false, now, hops);
        }
    }

    /// <summary>A frame of the physical network reaches the uplink, its VLAN tag taken off.</summary>
    /// <param name="vlan">The tag's VLAN; 0 when there was none.</param>
    /// <param name="frame">The frame; not changed.</param>
    /// <param name="now">Coarse clock, milliseconds.</param>
    /// <param name="hops">Takes what became of it.</param>
    public void FromUplink(int vlan, ReadOnlySpan<byte> frame, long now, ICollection<Hop> hops)
    {
        if (PacketParser.TryParse(frame, out ParsedPacket packet) != ParseFault.None)
        {
            Drop(DropReason.InvalidPacket, hops);
            return;
        }

        VPort[] ports = packet.IsMulticastFrame
            ? [.. Switch.PlainPorts(vlan)]
            : Switch.TryGetPlainPort(vlan, packet.Ufid.DestinationMac) is { } one ? [one] : [];
        if (ports.Length == 0)
        {
            Drop(DropReason.UnknownVlan, hops);
        }

        foreach (VPort port in ports)
        {
            Deliver(port, in packet, frame.ToArray(), isMirror: false, now, hops);
        }
    }

    private void Forward(
        VPort port, in Transposition transposition, VPort? destination, in ParsedPacket packet, byte[] frame, long now, ICollection<Hop> hops, bool isMirror = false)
    {
        if ((transposition.Edits & TranspositionEdits.Uplink) != 0)
        {
            hops.Add(new Hop(HopKind.Uplink, port.Nic, frame, IsMirror: isMirror));
        }
        else if ((transposition.Edits & TranspositionEdits.Encap) == 0)
        {
            DeliverLocally(port, destination, in packet, frame, isMirror, now, hops);
        }
        else if (transposition.MaxLength == 0 || packet.NetworkLength <= transposition.MaxLength)
        {
            Emit(port, in transposition, in packet, frame, isMirror, hops);
        }
        else if (InnerFragmenter.CanFragment(frame, in packet, transposition.MaxLength))
        {
            InnerFragmenter fragmenter = new(frame, in packet, transposition.MaxLength);
            byte[] pieces = new byte[fragmenter.Count * fragmenter.Stride(0)];
            SegmentRun run = fragmenter.Fragment(0, fragmenter.Count, pieces);
            for (int i = 0; i < run.Count; i++)
            {
                int length = i == run.Count - 1 ? run.LastLength : run.Stride;
                Emit(port, in transposition, in packet, pieces.AsSpan(i * run.Stride, length), isMirror, hops);
            }
        }
        else
        {
            Drop(port, DropReason.MtuExceeded, Direction.Outbound, hops);
        }
    }

    private void Emit(VPort port, in Transposition transposition, in ParsedPacket packet, ReadOnlySpan<byte> frame, bool isMirror, ICollection<Hop> hops)
    {
        byte[] bytes = Encapsulated.Write(
            transposition.Encapsulation, transposition.Vsid.Value, Switch.Program.ProviderAddresses[transposition.TeamMember], transposition.Provider,
            packet.Ufid.Entropy(), HeaderEdits.OuterTrafficClass(in transposition, in packet), frame);
        hops.Add(new Hop(HopKind.Wire, port.Nic, bytes, IsMirror: isMirror));
    }

    private void DeliverLocally(VPort port, VPort? destination, in ParsedPacket packet, byte[] frame, bool isMirror, long now, ICollection<Hop> hops)
    {
        if (destination is null)
        {
            Drop(port, DropReason.DestinationPortNotReady, Direction.Outbound, hops);
            return;
        }

        hops.Add(new Hop(HopKind.Local, destination.Nic, [.. frame], IsMirror: isMirror));
        if (PacketParser.TryParse(frame, out ParsedPacket edited) != ParseFault.None)
        {
            Drop(port, DropReason.InvalidPacket, Direction.Outbound, hops);
            return;
        }

        edited.NetworkLength = packet.NetworkLength;
        Deliver(destination, in edited, frame, isMirror, now, hops);
    }

    private void Deliver(VPort port, in ParsedPacket packet, byte[] frame, bool isMirror, long now, ICollection<Hop> hops)
    {
        UnifiedFlow flow = port.DecideInbound(in packet, frame, now);
        if (flow.Verdict != Verdict.Forward)
        {
            hops.Add(new Hop(HopKind.Dropped, port.Nic, [], flow.DropReason, isMirror));
        }
        else if (!HeaderEdits.TryApply(flow, in packet, frame, ChecksumState.Full))
        {
            Drop(port, DropReason.InvalidPacket, Direction.Inbound, hops);
        }
        else
        {
            hops.Add(new Hop(HopKind.Delivered, port.Nic, [.. frame], IsMirror: isMirror));
            if (!isMirror)
            {
                Mirror(port, flow, in packet, frame, now, hops);
            }
        }
    }

    private void DeliverToAll(SubnetForwarding subnet, byte trafficClass, in ParsedPacket packet, byte[] frame, long now, ICollection<Hop> hops)
    {
        if (!HeaderEdits.TryApplyOuterEcn(trafficClass, in packet, frame))
        {
            Drop(DropReason.EcnNotCapable, hops);
            return;
        }

        foreach (VPort port in subnet.Ports)
        {
            Deliver(port, in packet, [.. frame], isMirror: false, now, hops);
        }
    }

    private void Replicate(VPort port, UnifiedFlow flow, in ParsedPacket packet, byte[] frame, long now, ICollection<Hop> hops)
    {
        foreach (ReplicationTarget target in flow.ReplicationTargets.Span)
        {
            byte[] copy = [.. frame];
            if (target.Address is { } address)
            {
                _ = FrameEdits.TryReplaceDestination(copy, in packet, address.Value, ChecksumState.Full);
            }

            Transposition transposition = target.Transposition;
            _ = HeaderEdits.TryApply(in transposition, in packet, copy, ChecksumState.Full);
            if (PacketParser.TryParse(copy, out ParsedPacket edited) == ParseFault.None)
            {
                Forward(port, in transposition, target.Destination, in edited, copy, now, hops);
            }
        }
    }

    /// <summary>The copy for an appliance, as the packet is at the guest. Copies of copies are not made.</summary>
    private void Mirror(VPort port, UnifiedFlow flow, in ParsedPacket packet, byte[] frame, long now, ICollection<Hop> hops)
    {
        if (flow.Extras?.Mirror is not { } mirror)
        {
            return;
        }

        byte[] copy = [.. frame];
        Transposition transposition = mirror.Transposition;
        _ = HeaderEdits.TryApply(in transposition, in packet, copy, ChecksumState.Full);

        // Since the parse, decapsulation may have marked congestion in it.
        if (PacketParser.TryParse(copy, out ParsedPacket edited) == ParseFault.None)
        {
            Forward(port, in transposition, mirror.Destination, in edited, copy, now, hops, isMirror: true);
        }
    }

    private void Answer(VPort port, UnifiedFlow flow, in ParsedPacket packet, byte[] frame, long now, ICollection<Hop> hops)
    {
        int length = port.Answer(flow, in packet, frame, _answer, now);
        if (length > 0)
        {
            hops.Add(new Hop(HopKind.Answered, port.Nic, _answer[..length]));
            return;
        }

        DropReason reason = flow.Answer switch
        {
            AnswerKind.TimeExceeded => DropReason.TtlExpired,
            AnswerKind.TooBig => DropReason.MtuExceeded,
            _ => DropReason.InvalidPacket,
        };
        hops.Add(new Hop(HopKind.Dropped, port.Nic, [], reason));
    }

    private void Drop(DropReason reason, ICollection<Hop> hops)
    {
        Switch.CountUnderlayDrop(reason);
        hops.Add(new Hop(HopKind.Dropped, default, [], reason));
    }

    private static void Drop(VPort port, DropReason reason, Direction direction, ICollection<Hop> hops)
    {
        port.CountDrop(reason, direction);
        hops.Add(new Hop(HopKind.Dropped, port.Nic, [], reason));
    }

    private static bool IsAddressResolution(in ParsedPacket packet)
    {
        const int routerSolicitation = 133, redirect = 137;
        return packet.EtherType == EtherTypes.Arp
            || (packet.EtherType == EtherTypes.IPv6 && packet.Ufid.Protocol == IPProtocols.IcmpV6
                && packet.Ufid.DestinationPort >> 8 is >= routerSolicitation and <= redirect);
    }
}
