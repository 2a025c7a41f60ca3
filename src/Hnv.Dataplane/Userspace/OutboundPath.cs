using System.Runtime.InteropServices;
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
    private const int TunnelHeaderSize = VxlanHeader.Size;              // NVGRE's is as long
    private const int CopyRoom = 512 * 1024;
    private const int CutRoom = 256 * 1024;                             // four super-packets: small enough to stay in the core's cache

    private readonly ReceiveBatch _received = new(BatchMax, FrameMax);
    private readonly PinnedBuffer _copies = new(CopyRoom);
    private readonly PinnedBuffer _cut = new(CutRoom);
    private readonly byte[] _answer = new byte[FrameMax];
    private readonly Departures _departures;
    private readonly ushort _vxlanPort;
    private int _copied;
    private int _cutUsed;

    public OutboundPath(Departures departures, ushort vxlanPort)
    {
        _departures = departures;
        _vxlanPort = vxlanPort;
    }

    /// <summary>One turn of one port: a bounded batch, so that a busy VM cannot starve the others.</summary>
    /// <returns>Frames read, or minus the errno.</returns>
    public int Run(PortChannel channel, TunnelEnd?[] tunnels, long now)
    {
        int count = _received.Receive(channel.Socket, BatchMax);
        try
        {
            for (int i = 0; i < count; i++)
            {
                Handle(channel, tunnels, i, now);
            }
        }
        finally
        {
            // Also after a bug: what has been decided refers to buffers that the next batch overwrites.
            _departures.Flush();
            _copied = 0;
            _cutUsed = 0;
        }

        return count;
    }

    private void Handle(PortChannel channel, TunnelEnd?[] tunnels, int i, long now)
    {
        VPort port = channel.Port;
        Span<byte> bytes = _received[i];
        if (bytes.Length < VirtioNetHeader.Size || _received.IsTruncated(i))
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

        if (packet.IsTagged || _received.ReadAncillary(i).IsTagged)
        {
            port.CountDrop(DropReason.VlanTagged, Direction.Outbound);
            return;
        }

        if (offload.SegmentSize > 0)
        {
            packet.NetworkLength = packet.PayloadOffset - packet.NetworkOffset + offload.SegmentSize;
        }

        UnifiedFlow flow = port.DecideOutbound(in packet, frame, now);
        int offset = _received.OffsetOf(i) + VirtioNetHeader.Size;
        switch (flow.Verdict)
        {
            case Verdict.Forward:
                if (!HeaderEdits.TryApply(flow, in packet, frame, offload.ChecksumState))
                {
                    port.CountDrop(DropReason.InvalidPacket, Direction.Outbound);
                    break;
                }

                Forward(channel, tunnels, in flow.Transposition, flow.Destination, in packet, in offload, _received.Buffer, offset, frame.Length, now);
                break;
            case Verdict.Hairpin:
                Answer(channel, flow, in packet, frame, now);
                break;
            case Verdict.Replicate:
                Replicate(channel, tunnels, flow, in packet, in offload, frame, now);
                break;
            default:
                break;                                                  // dropped, and counted by the port
        }
    }

    /// <summary>The inner edits are made; the ten bytes before the frame hold its virtio header and are ours to overwrite.</summary>
    private void Forward(
        PortChannel channel,
        TunnelEnd?[] tunnels,
        in Transposition transposition,
        VPort? destination,
        in ParsedPacket packet,
        in Offload offload,
        PinnedBuffer buffer,
        int offset,
        int length,
        long now)
    {
        if ((transposition.Edits & TranspositionEdits.Encap) == 0)
        {
            DeliverLocally(channel, destination, transposition.Edits, in packet, offload.ChecksumState, buffer, offset, length, now);
            return;
        }

        bool isVxlan = transposition.Encapsulation == EncapsulationType.Vxlan;
        if (tunnels[transposition.TeamMember] is not { } tunnel || (isVxlan ? !tunnel.SpeaksVxlan : tunnel.Gre is null))
        {
            channel.Port.CountDrop(DropReason.NoProviderAddress, Direction.Outbound);
            return;
        }

        uint entropy = packet.Ufid.Entropy();
        DatagramSocket socket = isVxlan ? tunnel.SenderFor(entropy) : tunnel.Gre!;
        ushort port = isVxlan ? _vxlanPort : (ushort)0;
        byte trafficClass = HeaderEdits.OuterTrafficClass(in transposition, in packet);
        Span<byte> frame = buffer.Slice(offset, length);
        if (offload.SegmentSize == 0)
        {
            offload.CompleteChecksum(packet.IsIP ? frame[..packet.Length] : frame);
            WriteTunnelHeader(in transposition, entropy, buffer.Slice(offset - TunnelHeaderSize, TunnelHeaderSize));
            int whole = _departures.BeginDatagram(
                channel.Port, socket, transposition.Provider, port, trafficClass, length + TunnelHeaderSize, mayJoin: isVxlan);
            _departures.Append(whole, buffer, offset - TunnelHeaderSize, length + TunnelHeaderSize);
            return;
        }

        SuperPacketSegmenter segmenter = new(frame, in packet, offload.SegmentSize);
        while (segmenter.Remaining > 0)
        {
            if (_cutUsed + TransmitBatch.DatagramBytesMax > CutRoom)
            {
                _departures.Flush();
                _cutUsed = 0;
            }

            SegmentRun run = segmenter.Segment(
                TunnelHeaderSize, TransmitBatch.SegmentMax, _cut.Slice(_cutUsed, TransmitBatch.DatagramBytesMax));
            for (int i = 0; i < run.Count; i++)
            {
                WriteTunnelHeader(in transposition, entropy, _cut.Slice(_cutUsed + (i * run.Stride), TunnelHeaderSize));
            }

            Send(channel.Port, socket, in transposition, port, trafficClass, in run);
            _cutUsed += run.Length;
        }
    }

    /// <summary>Datagrams side by side: the kernel cuts UDP apart again, GRE goes one by one.</summary>
    private void Send(VPort source, DatagramSocket socket, in Transposition transposition, ushort port, byte trafficClass, in SegmentRun run)
    {
        if (transposition.Encapsulation == EncapsulationType.Vxlan)
        {
            int train = _departures.BeginDatagrams(source, socket, transposition.Provider, port, trafficClass, run.Stride, run.Count, run.Length);
            _departures.Append(train, _cut, _cutUsed, run.Length);
            return;
        }

        for (int i = 0; i < run.Count; i++)
        {
            int length = i == run.Count - 1 ? run.LastLength : run.Stride;
            int message = _departures.BeginDatagrams(source, socket, transposition.Provider, port, trafficClass, length, 1, length);
            _departures.Append(message, _cut, _cutUsed + (i * run.Stride), length);
        }
    }

    private void DeliverLocally(
        PortChannel channel,
        VPort? destination,
        TranspositionEdits edits,
        in ParsedPacket packet,
        ChecksumState state,
        PinnedBuffer buffer,
        int offset,
        int length,
        long now)
    {
        if (destination?.ExecutorState is not PortChannel target)
        {
            channel.Port.CountDrop(DropReason.DestinationPortNotReady, Direction.Outbound);
            return;
        }

        // What the other port decides by is the packet after our edits.
        Span<byte> frame = buffer.Slice(offset, length);
        ParsedPacket edited = packet;
        if (edits != TranspositionEdits.None)
        {
            _ = PacketParser.TryParse(frame, out edited);
            edited.NetworkLength = packet.NetworkLength;
        }

        UnifiedFlow flow = destination.DecideInbound(in edited, frame, now);
        if (flow.Verdict != Verdict.Forward)
        {
            return;
        }

        if (!HeaderEdits.TryApply(flow, in edited, frame, state))
        {
            destination.CountDrop(DropReason.InvalidPacket, Direction.Inbound);
            return;
        }

        int message = _departures.BeginBareFrame(target);
        _departures.Append(message, buffer, offset - VirtioNetHeader.Size, length + VirtioNetHeader.Size);
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
    private void Replicate(
        PortChannel channel, TunnelEnd?[] tunnels, UnifiedFlow flow, in ParsedPacket packet, in Offload offload, ReadOnlySpan<byte> frame, long now)
    {
        int room = VirtioNetHeader.Size + frame.Length;
        foreach (ReplicationTarget target in flow.ReplicationTargets.Span)
        {
            if (_copied + room > CopyRoom)
            {
                _departures.Flush();
                _copied = 0;
            }

            int offset = _copied + VirtioNetHeader.Size;
            _copied += (room + 7) & ~7;
            Span<byte> copy = _copies.Slice(offset, frame.Length);
            VirtioNetHeader header = offload.Header;
            MemoryMarshal.Write(_copies.Slice(offset - VirtioNetHeader.Size, VirtioNetHeader.Size), in header);
            frame.CopyTo(copy);
            if (target.Address is { } address)
            {
                _ = FrameEdits.TryReplaceDestination(copy, in packet, address.Value, offload.ChecksumState);
            }

            Transposition transposition = target.Transposition;
            _ = HeaderEdits.TryApply(in transposition, in packet, copy, offload.ChecksumState);
            if (PacketParser.TryParse(copy, out ParsedPacket edited) == ParseFault.None)
            {
                Forward(channel, tunnels, in transposition, target.Destination, in edited, in offload, _copies, offset, frame.Length, now);
            }
        }
    }

    private static void WriteTunnelHeader(in Transposition transposition, uint entropy, Span<byte> bytes)
    {
        if (transposition.Encapsulation == EncapsulationType.Vxlan)
        {
            new VxlanHeader(transposition.Vsid).Write(bytes);
            return;
        }

        new NvgreHeader(transposition.Vsid, NvgreHeader.FlowId(entropy)).Write(bytes);
    }
}
