using System.Buffers.Binary;
using Hnv.Linux;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// What a sending kernel left to a NIC that there was none of: between two hosts joined by veth alone nobody cuts super-packets of a tunnel or finishes
/// their checksums, and a socket tells neither of it. A packet whose checksum is the pseudo-header's sum and no more is taken for one.
/// </summary>
/// <remarks>
/// One right checksum of 65,536 looks like that too. The guest then takes a packet whose payload nobody has summed, and no other harm comes of it. The
/// sizes of datagrams that were sent as one are lost: of UDP what is longer than any link takes is not recognised, and is dropped for its checksum.
/// </remarks>
internal static class UnfinishedPacket
{
    private const int UdpLengthMax = 9216;

    /// <summary>Longer than this, a packet of TCP is a super-packet.</summary>
    private const int SinglePacketMax = 1500;

    /// <summary>What every link takes (RFC 8200 §5): segments of that size are right wherever they go.</summary>
    private const int SegmentLength = 1280;

    /// <summary>What is left to do to a packet from the provider network; nothing, when its checksum says so.</summary>
    public static VirtioNetHeader Recognize(in ParsedPacket packet, ReadOnlySpan<byte> frame)
    {
        int field = packet.Ufid.Protocol switch
        {
            IPProtocols.Tcp => TcpHeader.ChecksumOffset,
            IPProtocols.Udp => UdpHeader.ChecksumOffset,
            _ => -1,
        };
        int start = packet.TransportOffset;
        if (field < 0 || start == 0 || packet.Ufid.Fragment != FragmentClass.Whole || packet.Length > frame.Length || start + field + sizeof(ushort) > packet.Length)
        {
            return default;
        }

        ushort pseudo = InternetChecksum.Fold(
            InternetChecksum.PseudoHeader(packet.Ufid.Source, packet.Ufid.Destination, packet.Ufid.Protocol, packet.Length - start));
        bool isTcp = packet.Ufid.Protocol == IPProtocols.Tcp;
        if (BinaryPrimitives.ReadUInt16BigEndian(frame[(start + field)..]) != pseudo || (!isTcp && packet.NetworkLength > UdpLengthMax))
        {
            return default;
        }

        bool isSuper = isTcp && packet.NetworkLength > SinglePacketMax;
        return new VirtioNetHeader
        {
            Flags = VirtioNetHeader.NeedsChecksum,
            GsoType = !isSuper ? VirtioNetHeader.GsoNone : packet.EtherType == EtherTypes.IPv4 ? VirtioNetHeader.GsoTcpV4 : VirtioNetHeader.GsoTcpV6,
            HeaderLength = isSuper ? packet.PayloadOffset : (ushort)0,
            GsoSize = isSuper ? (ushort)(SegmentLength - (packet.PayloadOffset - packet.NetworkOffset)) : (ushort)0,
            ChecksumStart = packet.TransportOffset,
            ChecksumOffset = (ushort)field,
        };
    }
}
