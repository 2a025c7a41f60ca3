using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Hnv.Dataplane.Ebpf;
using Hnv.Linux;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// Carries a packet to where its transposition says, its inner edits made: behind tunnel headers to another host, cut into segments or fragments as
/// it must be, or to a port of this host. One worker's. No allocation, lock or log per packet.
/// </summary>
internal sealed class Forwarder(Departures departures, Pacing pacing, Offers offers, ushort vxlanPort)
{
    /// <summary>Bytes in front of every frame handed over: its virtio header, overwritten by a tunnel header or the other way round.</summary>
    public const int Headroom = VirtioNetHeader.Size;

    private const int TunnelHeaderSize = VxlanHeader.Size;              // NVGRE's is as long
    private const int CutRoom = 256 * 1024;                             // four super-packets: small enough to stay in the core's cache
    private const int SegmentRoom = 65536;
    private const int CopyRoom = 512 * 1024;

    private readonly PinnedBuffer _cut = new(CutRoom);
    private readonly byte[] _segment = new byte[SegmentRoom];
    private TunnelEnd?[] _tunnels = new TunnelEnd?[256];
    private PacketSocket? _uplink;
    private int _cutUsed;
    private int _copied;

    /// <summary>Where <see cref="BeginCopy"/> finds room.</summary>
    public PinnedBuffer Copies { get; } = new(CopyRoom);

    /// <summary>The tunnel ends to send from, by team member.</summary>
    public void SetTunnels(TunnelEnd?[] tunnels) => _tunnels = tunnels;

    /// <summary>Where frames of ports without a VSID leave by; null drops them.</summary>
    public void SetUplink(PacketSocket? uplink) => _uplink = uplink;

    /// <summary>Sends what has been handed over; from then on its buffers may be overwritten.</summary>
    public void Flush()
    {
        departures.Flush();
        _cutUsed = 0;
        _copied = 0;
    }

    /// <summary>Finds room for a frame that is not where it was received, behind its virtio header; what has been handed over may be sent for it.</summary>
    /// <returns>Where in <see cref="Copies"/> the frame is to be written.</returns>
    public int BeginCopy(in VirtioNetHeader header, int length)
    {
        // Twice, so that a copy of the copy, for an appliance, finds room without sending what is not yet handed over.
        if (_copied + (2 * RoomOf(length)) > CopyRoom)
        {
            Flush();
        }

        return TakeCopy(in header, length);
    }

    /// <summary>Sends a copy of a packet, as it lies there, to an appliance. A copy is not copied again.</summary>
    /// <param name="source">The port whose packet it is: what cannot be sent is counted there.</param>
    /// <param name="mirror">Where it goes.</param>
    /// <param name="packet">Its parse; the length held against the MTU is that of one segment.</param>
    /// <param name="offload">What is left to be done to it.</param>
    /// <param name="frame">Its bytes; they stay as they are.</param>
    /// <param name="now">Coarse clock, milliseconds.</param>
    public void Mirror(VPort source, MirrorCopy mirror, in ParsedPacket packet, in Offload offload, ReadOnlySpan<byte> frame, long now)
    {
        VirtioNetHeader header = offload.Header;
        int offset = BeginCopy(in header, frame.Length);
        frame.CopyTo(Copies.Slice(offset, frame.Length));
        MirrorCopied(source, mirror, in packet, in offload, offset, frame.Length, now);
    }

    private static int RoomOf(int length) => (Headroom + length + 7) & ~7;

    private int TakeCopy(in VirtioNetHeader header, int length)
    {
        int offset = _copied + Headroom;
        _copied += RoomOf(length);
        MemoryMarshal.Write(Copies.Slice(offset - Headroom, Headroom), in header);
        return offset;
    }

    /// <summary>The same for a frame that has been written to <see cref="Copies"/> already.</summary>
    /// <inheritdoc cref="Mirror"/>
    public void MirrorCopied(VPort source, MirrorCopy mirror, in ParsedPacket packet, in Offload offload, int offset, int length, long now)
    {
        Transposition transposition = mirror.Transposition;
        _ = HeaderEdits.TryApply(in transposition, in packet, Copies.Slice(offset, length), offload.ChecksumState);
        if ((transposition.Edits & TranspositionEdits.Encap) != 0)
        {
            Encapsulate(source, in transposition, in packet, in offload, Copies, offset, length, now);
        }
        else
        {
            DeliverLocally(source, mirror.Destination, transposition.Edits, in packet, in offload, Copies, offset, length, now, isCopy: true);
        }
    }

    /// <summary>Hands one packet over.</summary>
    /// <param name="source">The port that it comes from: failures are counted there, outbound.</param>
    /// <param name="transposition">What was decided.</param>
    /// <param name="destination">The port of this host when there is no encap.</param>
    /// <param name="packet">Its parse, before the edits; the length held against the MTU is that of one segment.</param>
    /// <param name="offload">What is left to be done to it.</param>
    /// <param name="buffer">Where it lies.</param>
    /// <param name="offset">Its first byte; <see cref="Headroom"/> bytes before that hold its virtio header and are ours to overwrite.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="now">Coarse clock, milliseconds.</param>
    public void Forward(
        VPort source,
        in Transposition transposition,
        VPort? destination,
        in ParsedPacket packet,
        in Offload offload,
        PinnedBuffer buffer,
        int offset,
        int length,
        long now)
    {
        if ((transposition.Edits & TranspositionEdits.Uplink) != 0)
        {
            SendByUplink(source, transposition.VlanId, in offload, buffer, offset, length, now);
            return;
        }

        if ((transposition.Edits & TranspositionEdits.Encap) == 0)
        {
            DeliverLocally(source, destination, transposition.Edits, in packet, in offload, buffer, offset, length, now, isCopy: false);
            return;
        }

        Encapsulate(source, in transposition, in packet, in offload, buffer, offset, length, now);
    }

    private void Encapsulate(
        VPort source,
        in Transposition transposition,
        in ParsedPacket packet,
        in Offload offload,
        PinnedBuffer buffer,
        int offset,
        int length,
        long now)
    {
        bool isVxlan = transposition.Encapsulation == EncapsulationType.Vxlan;
        if (_tunnels[transposition.TeamMember] is not { } tunnel || (isVxlan ? !tunnel.SpeaksVxlan : tunnel.Gre is null))
        {
            source.CountDrop(DropReason.NoProviderAddress, Direction.Outbound, buffer.Slice(offset, length), now);
            return;
        }

        uint entropy = packet.Ufid.Entropy();
        Way way = new(
            source,
            isVxlan ? tunnel.SenderFor(entropy) : tunnel.Gre!,
            entropy,
            isVxlan ? vxlanPort : (ushort)0,
            HeaderEdits.OuterTrafficClass(in transposition, in packet),
            in transposition);
        Span<byte> frame = buffer.Slice(offset, length);
        if (transposition.MaxLength != 0 && packet.NetworkLength > transposition.MaxLength)
        {
            EncapsulateTooLong(in way, in packet, in offload, frame, now);
            return;
        }

        if (offload.SegmentSize > 0)
        {
            EncapsulateSegments(in way, in packet, offload.SegmentSize, frame);
            return;
        }

        offload.CompleteChecksum(packet.IsIP ? frame[..packet.Length] : frame);
        WriteTunnelHeader(in transposition, entropy, buffer.Slice(offset - TunnelHeaderSize, TunnelHeaderSize));
        int whole = departures.BeginDatagram(
            source, way.Socket, transposition.Provider, way.Port, way.TrafficClass, length + TunnelHeaderSize, mayJoin: isVxlan);
        departures.Append(whole, buffer, offset - TunnelHeaderSize, length + TunnelHeaderSize);
    }

    private void EncapsulateSegments(in Way way, in ParsedPacket packet, int segmentSize, ReadOnlySpan<byte> frame)
    {
        SuperPacketSegmenter segmenter = new(frame, in packet, segmentSize);
        while (segmenter.Remaining > 0)
        {
            SendCut(in way, segmenter.Segment(TunnelHeaderSize, TransmitBatch.SegmentMax, Room()));
        }
    }

    /// <summary>
    /// The provider network has no room for it, and its sender left cutting it up to us: the inner packet is cut, never the outer one. What may not
    /// be cut comes here only as a copy, whose original somebody heard of.
    /// </summary>
    private void EncapsulateTooLong(in Way way, in ParsedPacket packet, in Offload offload, Span<byte> frame, long now)
    {
        int room = way.Transposition.MaxLength;
        int segmentMax = room - (packet.PayloadOffset - packet.NetworkOffset);
        if (packet.DontFragment || segmentMax <= 0)
        {
            way.Source.CountDrop(DropReason.MtuExceeded, Direction.Outbound, frame, now);
        }
        else if (offload.SegmentSize == 0)
        {
            offload.CompleteChecksum(frame[..packet.Length]);
            Fragment(in way, in packet, room, frame, now);
        }
        else if (packet.Ufid.Protocol == IPProtocols.Tcp)
        {
            // Nobody has cut it yet, and TCP does not mind where it is cut.
            EncapsulateSegments(in way, in packet, segmentMax, frame);
        }
        else
        {
            SuperPacketSegmenter segmenter = new(frame, in packet, offload.SegmentSize);
            while (segmenter.Remaining > 0)
            {
                SegmentRun datagram = segmenter.Segment(0, 1, _segment);
                Span<byte> segment = _segment.AsSpan(0, datagram.Length);
                if (datagram.Count == 0 || PacketParser.TryParse(segment, out ParsedPacket parsed) != ParseFault.None)
                {
                    way.Source.CountDrop(DropReason.InvalidPacket, Direction.Outbound, segment, now);
                    return;
                }

                Fragment(in way, in parsed, room, segment, now);
            }
        }
    }

    private void Fragment(in Way way, in ParsedPacket packet, int room, ReadOnlySpan<byte> frame, long now)
    {
        if (!InnerFragmenter.CanFragment(frame, in packet, room))
        {
            way.Source.CountDrop(DropReason.MtuExceeded, Direction.Outbound, frame, now);
            return;
        }

        InnerFragmenter fragmenter = new(frame, in packet, room);
        while (fragmenter.Remaining > 0)
        {
            SendCut(in way, fragmenter.Fragment(TunnelHeaderSize, TransmitBatch.SegmentMax, Room()));
        }
    }

    /// <summary>Room for one message of pieces.</summary>
    private Span<byte> Room()
    {
        if (_cutUsed + TransmitBatch.DatagramBytesMax > CutRoom)
        {
            Flush();
        }

        return _cut.Slice(_cutUsed, TransmitBatch.DatagramBytesMax);
    }

    /// <summary>Sends the pieces just cut. Datagrams side by side: the kernel cuts UDP apart again, GRE goes one by one.</summary>
    private void SendCut(in Way way, SegmentRun run)
    {
        ref readonly Transposition transposition = ref way.Transposition;
        for (int i = 0; i < run.Count; i++)
        {
            WriteTunnelHeader(in transposition, way.Entropy, _cut.Slice(_cutUsed + (i * run.Stride), TunnelHeaderSize));
        }

        if (transposition.Encapsulation == EncapsulationType.Vxlan)
        {
            int train = departures.BeginDatagrams(
                way.Source, way.Socket, transposition.Provider, way.Port, way.TrafficClass, run.Stride, run.Count, run.Length);
            departures.Append(train, _cut, _cutUsed, run.Length);
        }
        else
        {
            for (int i = 0; i < run.Count; i++)
            {
                int length = i == run.Count - 1 ? run.LastLength : run.Stride;
                int message = departures.BeginDatagrams(
                    way.Source, way.Socket, transposition.Provider, way.Port, way.TrafficClass, length, 1, length);
                departures.Append(message, _cut, _cutUsed + (i * run.Stride), length);
            }
        }

        _cutUsed += run.Length;
    }

    private void DeliverLocally(
        VPort source,
        VPort? destination,
        TranspositionEdits edits,
        in ParsedPacket packet,
        in Offload offload,
        PinnedBuffer buffer,
        int offset,
        int length,
        long now,
        bool isCopy)
    {
        if (destination?.ExecutorState is not PortChannel target)
        {
            source.CountDrop(DropReason.DestinationPortNotReady, Direction.Outbound, buffer.Slice(offset, length), now);
            return;
        }

        Deliver(destination, target, edits != TranspositionEdits.None, in packet, in offload, buffer, offset, length, now, isCopy);
    }

    /// <summary>Hands a frame of the physical network, as it is and behind its virtio header, to a port without a VSID.</summary>
    public void DeliverPlain(VPort destination, in ParsedPacket packet, in Offload offload, PinnedBuffer buffer, int offset, int length, long now)
    {
        if (destination.ExecutorState is not PortChannel target)
        {
            destination.CountDrop(DropReason.DestinationPortNotReady, Direction.Inbound, buffer.Slice(offset, length), now);
            return;
        }

        Deliver(destination, target, isEdited: false, in packet, in offload, buffer, offset, length, now, isCopy: false);
    }

    /// <summary>The frame as it is, with everything its guest left to be done: only the tag is put in, and what counts from the front moved.</summary>
    private void SendByUplink(VPort source, ushort vlan, in Offload offload, PinnedBuffer buffer, int offset, int length, long now)
    {
        const int addresses = 12;
        const int front = Headroom + addresses + VlanTag.Size;
        if (_uplink is null)
        {
            source.CountDrop(DropReason.DestinationPortNotReady, Direction.Outbound, buffer.Slice(offset, length), now);
            return;
        }

        int message = departures.BeginUplinkFrame(source, _uplink, front);
        if (vlan == 0)
        {
            departures.Append(message, buffer, offset - Headroom, length + Headroom);
            return;
        }

        VirtioNetHeader header = offload.Header;
        header.ChecksumStart += offload.NeedsChecksum ? (ushort)VlanTag.Size : (ushort)0;
        header.HeaderLength += header.HeaderLength > 0 ? (ushort)VlanTag.Size : (ushort)0;
        Span<byte> tagged = departures.AppendScratch(message, front);
        MemoryMarshal.Write(tagged, in header);
        buffer.Slice(offset, addresses).CopyTo(tagged[Headroom..]);
        BinaryPrimitives.WriteUInt16BigEndian(tagged[(Headroom + addresses)..], EtherTypes.Vlan);
        BinaryPrimitives.WriteUInt16BigEndian(tagged[(Headroom + addresses + 2)..], vlan);
        departures.Append(message, buffer, offset + addresses, length - addresses);
    }

    private void Deliver(
        VPort destination,
        PortChannel target,
        bool isEdited,
        in ParsedPacket packet,
        in Offload offload,
        PinnedBuffer buffer,
        int offset,
        int length,
        long now,
        bool isCopy)
    {

        // What the other port decides by is the packet after our edits.
        Span<byte> frame = buffer.Slice(offset, length);
        ParsedPacket edited = packet;
        if (isEdited)
        {
            _ = PacketParser.TryParse(frame, out edited);
            edited.NetworkLength = packet.NetworkLength;
        }

        UnifiedFlow flow = destination.DecideInbound(in edited, frame, now);
        offers.Offer(target, flow);
        bool passes = flow.Verdict == Verdict.Forward;
        if (passes && !HeaderEdits.TryApply(flow, in edited, frame, offload.ChecksumState))
        {
            destination.CountDrop(DropReason.InvalidPacket, Direction.Inbound, frame, now);
            return;
        }

        if (flow.Extras?.Mirror is { } mirror && !isCopy)
        {
            VirtioNetHeader header = offload.Header;
            int copy = ReferenceEquals(buffer, Copies) ? TakeCopy(in header, length) : BeginCopy(in header, length);
            frame.CopyTo(Copies.Slice(copy, length));
            MirrorCopied(destination, mirror, in edited, in offload, copy, length, now);
        }

        if (!passes)
        {
            return;
        }

        int cost = Pacing.CostOf(in edited, length, offload.SegmentSize);
        if (!pacing.MayPass(target, cost))
        {
            Span<byte> room = pacing.Hold(target, Headroom + length, cost);
            _ = buffer.Slice(offset - Headroom, Headroom + length).TryCopyTo(room);
            return;
        }

        int message = departures.BeginBareFrame(target);
        departures.Append(message, buffer, offset - Headroom, length + Headroom);
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

    /// <summary>What all pieces of one packet have in common on their way to another host.</summary>
    private readonly ref struct Way(VPort source, DatagramSocket socket, uint entropy, ushort port, byte trafficClass, in Transposition transposition)
    {
        public readonly VPort Source = source;
        public readonly DatagramSocket Socket = socket;
        public readonly uint Entropy = entropy;
        public readonly ushort Port = port;
        public readonly byte TrafficClass = trafficClass;
        public readonly ref readonly Transposition Transposition = ref transposition;
    }
}
