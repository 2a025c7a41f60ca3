using System.Runtime.InteropServices;
using Hnv.Dataplane.Ebpf;
using Hnv.Linux;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// From the provider network: receive, check the outer headers against policy, find the port, let it decide, join TCP segments again,
/// deliver. No allocation, lock or log per packet. What reaches no port is counted on the switch.
/// </summary>
internal sealed class InboundPath
{
    private const int UdpBatchMax = 32;
    private const int UdpBufferSize = 65536;
    private const int GreBatchMax = 64;
    private const int GreBufferSize = 65536;
    private const int TunnelHeaderSize = VxlanHeader.Size;              // NVGRE's is as long
    private const int DatagramsPerMessageMax = 128;                     // UDP_MAX_SEGMENTS of newer kernels
    private const int FramesMax = UdpBatchMax * DatagramsPerMessageMax;
    private const int JoinMax = 64;

    private readonly ReceiveBatch _udp = new(UdpBatchMax, UdpBufferSize);
    private readonly ReceiveBatch _gre = new(GreBatchMax, GreBufferSize);
    private readonly FramePiece[] _frames = new FramePiece[FramesMax];
    private readonly FramePiece[] _pieces = new FramePiece[JoinMax];
    private readonly VSwitch _switch;
    private readonly Departures _departures;
    private readonly Forwarder _forwarder;
    private readonly Pacing _pacing;
    private readonly Offers _offers;

    public InboundPath(VSwitch vSwitch, Departures departures, Forwarder forwarder, Pacing pacing, Offers offers)
    {
        _offers = offers;
        _pacing = pacing;
        _forwarder = forwarder;
        _switch = vSwitch;
        _departures = departures;
    }

    /// <summary>One turn of one VXLAN socket.</summary>
    /// <returns>Messages read, or minus the errno.</returns>
    public int RunVxlan(UdpTunnelSocket socket, long now)
    {
        int count = _udp.Receive(socket, UdpBatchMax);
        try
        {
            for (int i = 0; i < count;)
            {
                // A sender's super-packet may come as two messages, because one carries 65,507 bytes at most: messages of one outer source and
                // TOS that came behind one another are looked at together.
                ProviderAddress source = new(_udp.Source(i));
                byte trafficClass = _udp.ReadAncillary(i).TrafficClass;
                int frames = 0, run = i;
                for (; run < count && frames + DatagramsPerMessageMax <= FramesMax; run++)
                {
                    ReceiveBatch.Ancillary ancillary = _udp.ReadAncillary(run);
                    if (run > i && (ancillary.TrafficClass != trafficClass || _udp.Source(run) != source.Value))
                    {
                        break;
                    }

                    frames += CutMessage(run, ancillary.SegmentSize, frames);
                }

                for (int first = 0; first < frames;)
                {
                    first += HandleVxlan(source, trafficClass, _frames.AsSpan(first, frames - first), now);
                }

                i = run;
            }
        }
        finally
        {
            // Also after a bug: what has been decided refers to buffers that the next batch overwrites.
            _forwarder.Flush();
        }

        return count;
    }

    /// <summary>One turn of one raw GRE socket.</summary>
    /// <returns>Packets read, or minus the errno.</returns>
    public int RunNvgre(RawGreSocket socket, long now)
    {
        int count = _gre.Receive(socket, GreBatchMax);
        try
        {
            for (int i = 0; i < count;)
            {
                // Packets of one outer source and TOS that came behind one another may belong to one super-packet.
                ProviderAddress source = new(_gre.Source(i));
                int frames = 0, run = i;
                byte trafficClass = 0;
                for (; run < count && frames < FramesMax; run++)
                {
                    if (!TryStripOuter(socket, run, out FramePiece piece, out byte outer))
                    {
                        _switch.CountUnderlayDrop(DropReason.InvalidEncapsulation);
                        continue;
                    }

                    if (frames > 0 && (outer != trafficClass || _gre.Source(run) != source.Value))
                    {
                        break;
                    }

                    source = new ProviderAddress(_gre.Source(run));
                    trafficClass = outer;
                    _frames[frames++] = piece;
                }

                for (int first = 0; first < frames;)
                {
                    first += HandleNvgre(source, trafficClass, _frames.AsSpan(first, frames - first), now);
                }

                i = run;
            }
        }
        finally
        {
            // Also after a bug: what has been decided refers to buffers that the next batch overwrites.
            _forwarder.Flush();
        }

        return count;
    }

    /// <summary>One packet that the fast path left to us as the uplink brought it, outer headers and all, and what was left to be done to it.</summary>
    public void RunPunted(ReceiveBatch received, int i, long now)
    {
        Span<byte> bytes = received[i];
        ReadOnlySpan<byte> outer = bytes.Length > VirtioNetHeader.Size ? bytes[VirtioNetHeader.Size..] : [];
        if (received.IsTruncated(i) || !OuterHeaders.TryRead(outer, out OuterHeaders headers))
        {
            _switch.CountUnderlayDrop(DropReason.InvalidEncapsulation);
            return;
        }

        VirtioNetHeader left = MemoryMarshal.Read<VirtioNetHeader>(bytes);
        left.Flags &= VirtioNetHeader.NeedsChecksum;
        left.HeaderLength = (ushort)Math.Max(0, left.HeaderLength - headers.Length);
        if (left.Flags != 0)
        {
            if (left.ChecksumStart < headers.Length)
            {
                _switch.CountUnderlayDrop(DropReason.InvalidEncapsulation);
                return;
            }

            left.ChecksumStart -= (ushort)headers.Length;
        }

        _frames[0] = new FramePiece(received.OffsetOf(i) + VirtioNetHeader.Size + headers.Length, outer.Length - headers.Length);
        _ = Handle(headers.Vsid, headers.Source, headers.TrafficClass, received.Buffer, _frames.AsSpan(0, 1), now, in left);
    }

    /// <summary>Notes the frames of a message, which the kernel joined from datagrams of that size; those too short for a header are counted.</summary>
    /// <returns>Frames noted.</returns>
    private int CutMessage(int message, int segmentSize, int at)
    {
        int length = _udp[message].Length, offset = _udp.OffsetOf(message), frames = 0;
        int stride = segmentSize > 0 ? segmentSize : Math.Max(length, 1);
        for (int start = 0; start < length && frames < DatagramsPerMessageMax; start += stride)
        {
            int datagram = Math.Min(stride, length - start);
            if (datagram < TunnelHeaderSize || _udp.IsTruncated(message))
            {
                _switch.CountUnderlayDrop(DropReason.InvalidEncapsulation);
                continue;
            }

            _frames[at + frames++] = new FramePiece(offset + start + TunnelHeaderSize, datagram - TunnelHeaderSize);
        }

        return frames;
    }

    private bool TryStripOuter(RawGreSocket socket, int i, out FramePiece piece, out byte trafficClass)
    {
        ReadOnlySpan<byte> bytes = _gre[i];
        int outer = 0;
        trafficClass = 0;
        piece = default;
        if (socket.StartsWithIPHeader)
        {
            if (!IPv4Header.TryRead(bytes, out IPv4Header header))
            {
                return false;
            }

            outer = header.HeaderLength;
            trafficClass = header.TrafficClass;
        }
        else
        {
            trafficClass = _gre.ReadAncillary(i).TrafficClass;
        }

        int start = outer + TunnelHeaderSize;
        if (_gre.IsTruncated(i) || bytes.Length < start)
        {
            return false;
        }

        piece = new FramePiece(_gre.OffsetOf(i) + start, bytes.Length - start);
        return true;
    }

    private int HandleVxlan(ProviderAddress source, byte trafficClass, ReadOnlySpan<FramePiece> frames, long now)
    {
        const int instanceFlagAt = 0;
        const byte instanceFlag = 0x08;
        Span<byte> header = _udp.Buffer.Slice(frames[0].Offset - TunnelHeaderSize, TunnelHeaderSize);
        if (VxlanHeader.TryRead(header, out Vsid vsid))
        {
            return Handle(vsid, source, trafficClass, _udp.Buffer, frames, now);
        }

        _switch.CountUnderlayDrop((header[instanceFlagAt] & instanceFlag) != 0 ? DropReason.UnknownVsid : DropReason.InvalidEncapsulation);
        return 1;
    }

    private int HandleNvgre(ProviderAddress source, byte trafficClass, ReadOnlySpan<FramePiece> frames, long now)
    {
        Span<byte> header = _gre.Buffer.Slice(frames[0].Offset - TunnelHeaderSize, TunnelHeaderSize);
        if (NvgreHeader.TryRead(header, out Vsid vsid, out _))
        {
            return Handle(vsid, source, trafficClass, _gre.Buffer, frames, now);
        }

        bool isNvgre = header is [0x20, 0x00, 0x65, 0x58, ..];
        _switch.CountUnderlayDrop(isNvgre ? DropReason.UnknownVsid : DropReason.InvalidEncapsulation);
        return 1;
    }

    /// <summary>Handles the first frame, with as many of the following as join it.</summary>
    /// <returns>Frames taken.</returns>
    private int Handle(
        Vsid vsid,
        ProviderAddress source,
        byte trafficClass,
        PinnedBuffer buffer,
        ReadOnlySpan<FramePiece> frames,
        long now,
        in VirtioNetHeader left = default)
    {
        FramePiece first = frames[0];
        Span<byte> frame = buffer.Slice(first.Offset, first.Length);
        if (_switch.TryGetSubnet(vsid.Value) is not { } subnet)
        {
            return Drop(DropReason.UnknownVsid, frame, now);
        }

        if (!subnet.Accepts(source))
        {
            return Drop(DropReason.UnknownProviderAddress, frame, now);
        }

        if (PacketParser.TryParse(frame, out ParsedPacket packet) != ParseFault.None)
        {
            return Drop(DropReason.InvalidPacket, frame, now);
        }

        VirtioNetHeader undone = left.Flags == 0 ? UnfinishedPacket.Recognize(in packet, frame) : left;
        if (!Offload.TryRead(in undone, in packet, frame.Length, out Offload offload))
        {
            return Drop(DropReason.InvalidPacket, frame, now);
        }

        if (packet.IsTagged)
        {
            return Drop(DropReason.VlanTagged, frame, now);
        }

        if (IsAddressResolution(in packet))
        {
            return Drop(DropReason.AddressResolutionFromUnderlay, frame, now);
        }

        if (packet.IsMulticastFrame)
        {
            DeliverToAll(subnet, trafficClass, in packet, buffer, first, now, in offload);
            return 1;
        }

        if (subnet.TryGetPort(packet.Ufid.DestinationMac) is not { } port)
        {
            return Drop(DropReason.WrongInnerDestination, frame, now);
        }

        CoalescedFrame joined = TcpCoalescer.Join(buffer.Slice(0, buffer.Length), frames, in packet, TunnelHeaderSize, _pieces);
        if (!HeaderEdits.TryApplyOuterEcn(trafficClass, in packet, frame))
        {
            for (int i = 0; i < joined.FrameCount; i++)
            {
                port.CountDrop(DropReason.EcnNotCapable, Direction.Inbound, frame, now);
            }

            return joined.FrameCount;
        }

        Deliver(port, source, in packet, buffer, in joined, now, in offload);
        return joined.FrameCount;
    }

    private int Drop(DropReason reason, ReadOnlySpan<byte> frame, long now)
    {
        _switch.CountUnderlayDrop(reason, frame, now);
        return 1;
    }

    private void Deliver(
        VPort port, ProviderAddress source, in ParsedPacket packet, PinnedBuffer buffer, in CoalescedFrame joined, long now, in Offload offload)
    {
        // What lies behind the first frame are the other datagrams, not the rest of the super-packet; the port looks at headers only,
        // and at the length for its counters.
        ReadOnlySpan<byte> frame = buffer.Slice(_pieces[0].Offset, Math.Min(joined.Length, buffer.Length - _pieces[0].Offset));
        ParsedPacket whole = packet with { Length = joined.IsJoined ? joined.Length : packet.Length };
        UnifiedFlow flow = port.DecideInbound(in whole, frame, now);
        VirtioNetHeader header = joined.IsJoined ? HeaderOf(in joined) : offload.Header;
        int segmentSize = joined.IsJoined ? joined.SegmentSize : offload.SegmentSize;
        if (port.ExecutorState is PortChannel { Kernel: not null } known)
        {
            _offers.Offer(known, flow, source);
        }

        if (flow.Verdict != Verdict.Forward)
        {
            if (flow.Extras?.Mirror is { } dropped)
            {
                Mirror(port, dropped, in whole, in header, buffer, in joined, now);
            }

            return;
        }

        if (port.ExecutorState is not PortChannel channel)
        {
            port.CountDrop(DropReason.DestinationPortNotReady, Direction.Inbound, frame, now);
            return;
        }

        ChecksumState state = joined.IsJoined ? ChecksumState.Partial : offload.ChecksumState;
        if (!HeaderEdits.TryApply(flow, in packet, buffer.Slice(_pieces[0].Offset, _pieces[0].Length), state))
        {
            port.CountDrop(DropReason.InvalidPacket, Direction.Inbound);
            return;
        }

        if (flow.Extras?.Mirror is { } mirror)
        {
            Mirror(port, mirror, in whole, in header, buffer, in joined, now);
        }

        int cost = Pacing.CostOf(in whole, joined.Length, segmentSize);
        if (!_pacing.MayPass(channel, cost))
        {
            Hold(channel, in header, buffer, in joined, cost);
            return;
        }

        int message = _departures.BeginFrame(channel, in header);
        for (int i = 0; i < joined.FrameCount; i++)
        {
            _departures.Append(message, buffer, _pieces[i].Offset, _pieces[i].Length);
        }
    }

    /// <summary>Has a packet wait whose pieces do not lie side by side.</summary>
    private void Hold(PortChannel channel, in VirtioNetHeader header, PinnedBuffer buffer, in CoalescedFrame joined, int cost)
    {
        Span<byte> room = _pacing.Hold(channel, VirtioNetHeader.Size + joined.Length, cost);
        if (room.IsEmpty)
        {
            return;
        }

        MemoryMarshal.Write(room, in header);
        room = room[VirtioNetHeader.Size..];
        for (int i = 0; i < joined.FrameCount; i++)
        {
            buffer.Slice(_pieces[i].Offset, _pieces[i].Length).CopyTo(room);
            room = room[_pieces[i].Length..];
        }
    }

    /// <summary>The copy of a packet whose pieces do not lie side by side.</summary>
    private void Mirror(
        VPort port, MirrorCopy mirror, in ParsedPacket packet, in VirtioNetHeader header, PinnedBuffer buffer, in CoalescedFrame joined, long now)
    {
        int offset = _forwarder.BeginCopy(in header, joined.Length);
        for (int i = 0, at = offset; i < joined.FrameCount; at += _pieces[i++].Length)
        {
            buffer.Slice(_pieces[i].Offset, _pieces[i].Length).CopyTo(_forwarder.Copies.Slice(at, _pieces[i].Length));
        }

        _forwarder.MirrorCopied(
            port, mirror, in packet, Offload.OfJoined(in header, header.GsoType == VirtioNetHeader.GsoNone ? 0 : header.GsoSize), offset, joined.Length, now);
    }

    private static VirtioNetHeader HeaderOf(in CoalescedFrame joined) => !joined.IsJoined
        ? default
        : new VirtioNetHeader
        {
            Flags = VirtioNetHeader.NeedsChecksum,
            GsoType = joined.IsIPv4 ? VirtioNetHeader.GsoTcpV4 : VirtioNetHeader.GsoTcpV6,
            HeaderLength = (ushort)joined.HeaderLength,
            GsoSize = (ushort)joined.SegmentSize,
            ChecksumStart = (ushort)joined.ChecksumStart,
            ChecksumOffset = CoalescedFrame.ChecksumOffset,
        };

    private void DeliverToAll(SubnetForwarding subnet, byte trafficClass, in ParsedPacket packet, PinnedBuffer buffer, FramePiece piece, long now, in Offload offload)
    {
        Span<byte> frame = buffer.Slice(piece.Offset, piece.Length);
        VirtioNetHeader header = offload.Header;
        if (!HeaderEdits.TryApplyOuterEcn(trafficClass, in packet, frame))
        {
            _switch.CountUnderlayDrop(DropReason.EcnNotCapable, frame, now);
            return;
        }

        foreach (VPort port in subnet.Ports)
        {
            UnifiedFlow flow = port.DecideInbound(in packet, frame, now);
            if (flow.Extras?.Mirror is { } mirror)
            {
                _forwarder.Mirror(port, mirror, in packet, in offload, frame, now);
            }

            if (flow.Verdict != Verdict.Forward)
            {
                continue;
            }

            if (port.ExecutorState is not PortChannel channel)
            {
                port.CountDrop(DropReason.DestinationPortNotReady, Direction.Inbound, frame, now);
                continue;
            }

            int cost = Pacing.CostOf(in packet, piece.Length, offload.SegmentSize);
            Span<byte> copy;
            if (_pacing.MayPass(channel, cost))
            {
                copy = _departures.AppendScratch(_departures.BeginFrame(channel, in header, piece.Length), piece.Length);
            }
            else if (_pacing.Hold(channel, VirtioNetHeader.Size + piece.Length, cost) is { IsEmpty: false } room)
            {
                MemoryMarshal.Write(room, in header);
                copy = room[VirtioNetHeader.Size..];
            }
            else
            {
                continue;
            }

            frame.CopyTo(copy);
            _ = HeaderEdits.TryApply(flow, in packet, copy, offload.ChecksumState);
        }
    }

    /// <summary>Answered on every host from policy, so nobody has reason to send one over the wire (R41).</summary>
    private static bool IsAddressResolution(in ParsedPacket packet)
    {
        const int routerSolicitation = 133, redirect = 137;
        return packet.EtherType == EtherTypes.Arp
            || (packet.Ufid.Protocol == IPProtocols.IcmpV6 && packet.EtherType == EtherTypes.IPv6
                && packet.Ufid.DestinationPort >> 8 is >= routerSolicitation and <= redirect);
    }
}
