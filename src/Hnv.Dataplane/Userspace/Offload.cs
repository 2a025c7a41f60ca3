using Hnv.Linux;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>What a VM left to do for us: a checksum, or cutting a super-packet. Read from the virtio header and checked against the parse.</summary>
internal readonly ref struct Offload
{
    private Offload(VirtioNetHeader header, int segmentSize)
    {
        Header = header;
        SegmentSize = segmentSize;
    }

    public VirtioNetHeader Header { get; }

    /// <summary>Payload bytes per segment; 0 when the frame is one packet.</summary>
    public int SegmentSize { get; }

    public bool NeedsChecksum => (Header.Flags & VirtioNetHeader.NeedsChecksum) != 0;

    /// <summary>What the transport checksum field holds.</summary>
    public ChecksumState ChecksumState => NeedsChecksum ? ChecksumState.Partial : ChecksumState.Full;

    /// <summary>What we ourselves leave to do, having joined segments.</summary>
    public static Offload OfJoined(in VirtioNetHeader header, int segmentSize) => new(header, segmentSize);

    /// <returns>False when the header asks for what the frame cannot be.</returns>
    public static bool TryRead(in VirtioNetHeader header, in ParsedPacket packet, int frameLength, out Offload offload)
    {
        offload = default;
        int type = header.GsoType & ~VirtioNetHeader.GsoEcn;
        bool needsChecksum = (header.Flags & VirtioNetHeader.NeedsChecksum) != 0;
        if (needsChecksum && header.ChecksumStart + header.ChecksumOffset + 2 > frameLength)
        {
            return false;
        }

        if (type == VirtioNetHeader.GsoNone)
        {
            offload = new Offload(header, 0);
            return true;
        }

        bool fits = type switch
        {
            VirtioNetHeader.GsoTcpV4 => packet.EtherType == EtherTypes.IPv4 && packet.Ufid.Protocol == IPProtocols.Tcp,
            VirtioNetHeader.GsoTcpV6 => packet.EtherType == EtherTypes.IPv6 && packet.Ufid.Protocol == IPProtocols.Tcp,
            VirtioNetHeader.GsoUdpL4 => packet.IsIP && packet.Ufid.Protocol == IPProtocols.Udp,
            _ => false,
        };
        if (!fits || header.GsoSize == 0 || packet.TransportOffset == 0 || packet.Ufid.Fragment != FragmentClass.Whole
            || packet.Length > frameLength || !needsChecksum || header.ChecksumStart != packet.TransportOffset)
        {
            return false;
        }

        int payload = packet.Length - packet.PayloadOffset;
        offload = new Offload(header, payload > header.GsoSize ? header.GsoSize : 0);
        return true;
    }

    /// <summary>Computes the checksum that the VM left out, so that the frame can leave the host.</summary>
    public void CompleteChecksum(Span<byte> packet)
    {
        if (NeedsChecksum)
        {
            _ = FrameEdits.TryCompleteChecksum(packet, Header.ChecksumStart, Header.ChecksumOffset);
        }
    }
}
