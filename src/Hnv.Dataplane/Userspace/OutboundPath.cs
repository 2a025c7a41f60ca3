using System.Runtime.InteropServices;
using Hnv.Dataplane.Ebpf;
using Hnv.Linux;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// From a VM: receive, parse, let the port decide, act. No allocation, lock or log per packet. One worker's; the frames lie in its
/// receive buffer and are edited there.
/// </summary>
internal sealed class OutboundPath
{
    private const int FrameMax = VirtioNetHeader.Size + 65536 + 64;
    private const int BatchMax = 32;

    private readonly ReceiveBatch _received = new(BatchMax, FrameMax);
    private readonly byte[] _answer = new byte[FrameMax];
    private readonly Departures _departures;
    private readonly Forwarder _forwarder;
    private readonly Offers _offers;
    private long _cost;

    public OutboundPath(Departures departures, Forwarder forwarder, Offers offers)
    {
        _offers = offers;
        _departures = departures;
        _forwarder = forwarder;
    }

    /// <summary>One turn of one port: a bounded batch, so that a busy VM cannot starve the others.</summary>
    /// <returns>Frames read, or minus the errno.</returns>
    public int Run(PortChannel channel, long now, long nowNs)
    {
        Pacer pacer = channel.Outbound;
        int max = pacer.Rate == 0 ? BatchMax : (int)Math.Clamp(pacer.Allowance(nowNs) / channel.FrameBytes, 1, BatchMax);
        int count = _received.Receive(channel.Socket, max);
        _cost = 0;
        try
        {
            for (int i = 0; i < count; i++)
            {
                Handle(channel, i, now);
            }
        }
        finally
        {
            // Also after a bug: what has been decided refers to buffers that the next batch overwrites.
            _forwarder.Flush();
        }

        if (count > 0)
        {
            channel.SentBytes += _cost;
            channel.FrameBytes = Math.Max(1, ((channel.FrameBytes * 7) + (int)(_cost / count)) / 8);
            pacer.Charge(_cost, nowNs);
        }

        return count;
    }

    /// <summary>One turn of what the fast path leaves to us: packets of guests, and packets from the provider network for them.</summary>
    public void RunPunted(PacketSocket socket, FastPath fastPath, InboundPath inbound, long now)
    {
        int count = _received.Receive(socket, BatchMax);
        try
        {
            for (int i = 0; i < count; i++)
            {
                uint mark = _received.ReadAncillary(i).Mark;
                int length = _received[i].Length - VirtioNetHeader.Size;
                fastPath.Taken(mark, length);
                if ((mark & Abi.MarkFromWire) != 0)
                {
                    inbound.RunPunted(_received, i, now);
                }
                else if (fastPath.PortOf(mark)?.Port.ExecutorState is PortChannel channel)
                {
                    Handle(channel, i, now);
                }
            }
        }
        finally
        {
            _forwarder.Flush();
        }
    }

    /// <summary>One frame that the guest did not send, as if it had.</summary>
    /// <param name="channel">The port.</param>
    /// <param name="frame">The frame, checksums complete.</param>
    /// <param name="now">Coarse clock, milliseconds.</param>
    public void RunInjected(PortChannel channel, ReadOnlySpan<byte> frame, long now)
    {
        // Seldom, and not to be where copies of this very frame are made.
        PinnedBuffer buffer = new(VirtioNetHeader.Size + frame.Length);
        frame.CopyTo(buffer.Slice(VirtioNetHeader.Size, frame.Length));
        try
        {
            Handle(channel, buffer, 0, buffer.Length, isTagged: false, now);
        }
        finally
        {
            _forwarder.Flush();
        }
    }

    private void Handle(PortChannel channel, int i, long now)
    {
        if (_received.IsTruncated(i))
        {
            channel.Port.CountDrop(DropReason.InvalidPacket, Direction.Outbound);
            return;
        }

        Handle(channel, _received.Buffer, _received.OffsetOf(i), _received[i].Length, _received.ReadAncillary(i).IsTagged, now);
    }

    private void Handle(PortChannel channel, PinnedBuffer buffer, int start, int size, bool isTagged, long now)
    {
        VPort port = channel.Port;
        Span<byte> bytes = buffer.Slice(start, size);
        if (bytes.Length < VirtioNetHeader.Size)
        {
            port.CountDrop(DropReason.InvalidPacket, Direction.Outbound);
            return;
        }

        VirtioNetHeader header = MemoryMarshal.Read<VirtioNetHeader>(bytes);
        Span<byte> frame = bytes[VirtioNetHeader.Size..];
        if (PacketParser.TryParse(frame, out ParsedPacket packet) != ParseFault.None
            || !Offload.TryRead(in header, in packet, frame.Length, out Offload offload))
        {
            port.CountDrop(DropReason.InvalidPacket, Direction.Outbound);
            return;
        }

        if (packet.IsTagged || isTagged)
        {
            port.CountDrop(DropReason.VlanTagged, Direction.Outbound);
            return;
        }

        _cost += Pacing.CostOf(in packet, frame.Length, offload.SegmentSize);
        if (offload.SegmentSize > 0)
        {
            packet.NetworkLength = packet.PayloadOffset - packet.NetworkOffset + offload.SegmentSize;
        }

        UnifiedFlow flow = port.DecideOutbound(in packet, frame, now);
        _offers.Offer(channel, flow);
        int offset = start + VirtioNetHeader.Size;
        if (flow.Extras?.Mirror is { } mirror)
        {
            // As the guest sent it, and whatever becomes of it.
            _forwarder.Mirror(port, mirror, in packet, in offload, frame, now);
        }

        switch (flow.Verdict)
        {
            case Verdict.Forward:
                if (!HeaderEdits.TryApply(flow, in packet, frame, offload.ChecksumState))
                {
                    port.CountDrop(DropReason.InvalidPacket, Direction.Outbound);
                    break;
                }

                _forwarder.Forward(port, in flow.Transposition, flow.Destination, in packet, in offload, buffer, offset, frame.Length, now);
                break;
            case Verdict.Hairpin:
                Answer(channel, flow, in packet, frame, now);
                break;
            case Verdict.Replicate:
                Replicate(port, flow, in packet, in offload, frame, now);
                break;
            default:
                break;                                                  // dropped, and counted by the port
        }
    }

    private void Answer(PortChannel channel, UnifiedFlow flow, in ParsedPacket packet, ReadOnlySpan<byte> frame, long now)
    {
        int length = channel.Port.Answer(flow, in packet, frame, _answer, now);
        if (length > 0)
        {
            int message = _departures.BeginFrame(channel, default, length);
            _answer.AsSpan(0, length).CopyTo(_departures.AppendScratch(message, length));
        }
    }

    /// <summary>One copy per member, addressed to it (R37).</summary>
    private void Replicate(VPort port, UnifiedFlow flow, in ParsedPacket packet, in Offload offload, ReadOnlySpan<byte> frame, long now)
    {
        foreach (ReplicationTarget target in flow.ReplicationTargets.Span)
        {
            VirtioNetHeader header = offload.Header;
            int offset = _forwarder.BeginCopy(in header, frame.Length);
            Span<byte> copy = _forwarder.Copies.Slice(offset, frame.Length);
            frame.CopyTo(copy);
            if (target.Address is { } address)
            {
                _ = FrameEdits.TryReplaceDestination(copy, in packet, address.Value, offload.ChecksumState);
            }

            Transposition transposition = target.Transposition;
            _ = HeaderEdits.TryApply(in transposition, in packet, copy, offload.ChecksumState);
            if (PacketParser.TryParse(copy, out ParsedPacket edited) == ParseFault.None)
            {
                edited.NetworkLength = packet.NetworkLength;
                _forwarder.Forward(port, in transposition, target.Destination, in edited, in offload, _forwarder.Copies, offset, frame.Length, now);
            }
        }
    }
}
