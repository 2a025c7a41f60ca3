using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>The one parse of a frame into offsets and a flow id. Pure, allocation-free, safe on any bytes.</summary>
/// <remarks>
/// It checks what must hold for the offsets and the flow id to mean what they say to every later reader, and no more: transport
/// checksums are not looked at, because a guest's packet may await checksum offload.
/// </remarks>
public static class PacketParser
{
    /// <summary>The longest frame: an 802.1Q-tagged one with the largest IPv6 packet.</summary>
    public const int FrameLengthMax = EthernetHeader.Size + VlanTag.Size + IPv6Header.Size + ushort.MaxValue;

    /// <summary>Parses an Ethernet frame without FCS. It may be a super-packet of up to 64 KB.</summary>
    /// <returns><see cref="ParseFault.None"/>, or why the frame is malformed; <paramref name="packet"/> is then not to be used.</returns>
    public static ParseFault TryParse(ReadOnlySpan<byte> frame, out ParsedPacket packet)
    {
        packet = default;
        if (frame.Length < EthernetHeader.Size)
        {
            return ParseFault.Truncated;
        }

        ref readonly EthernetHeader ethernet = ref MemoryMarshal.AsRef<EthernetHeader>(frame);
        ushort etherType = ethernet.EtherType.Host;
        int network = EthernetHeader.Size;
        if (etherType == EtherTypes.Vlan)
        {
            if (frame.Length < EthernetHeader.Size + VlanTag.Size)
            {
                return ParseFault.Truncated;
            }

            ref readonly VlanTag tag = ref MemoryMarshal.AsRef<VlanTag>(frame[EthernetHeader.Size..]);
            packet.IsTagged = true;
            packet.VlanId = tag.VlanId;
            etherType = tag.EtherType.Host;
            network += VlanTag.Size;
            if (etherType == EtherTypes.Vlan)
            {
                return ParseFault.NestedTags;
            }
        }

        packet.NetworkOffset = (ushort)network;
        switch (etherType)
        {
            case EtherTypes.IPv4:
                return IPv4(frame, in ethernet, ref packet);
            case EtherTypes.IPv6:
                return IPv6(frame, in ethernet, ref packet);
            case EtherTypes.ServiceVlan:
                // A service tag is the outside of a stack by definition (IEEE 802.1ad).
                return ParseFault.NestedTags;
            default:
                packet.PayloadOffset = (ushort)network;
                packet.Length = frame.Length;
                packet.NetworkLength = frame.Length - network;
                packet.Ufid = new Ufid(default, default, ethernet.Source, ethernet.Destination, etherType, 0, FragmentClass.Whole, 0, 0);
                return ParseFault.None;
        }
    }

    private static ParseFault IPv4(ReadOnlySpan<byte> frame, in EthernetHeader ethernet, ref ParsedPacket packet)
    {
        ReadOnlySpan<byte> bytes = frame[packet.NetworkOffset..];
        if (bytes.Length < IPv4Header.Size)
        {
            return ParseFault.Truncated;
        }

        ref readonly IPv4Header header = ref MemoryMarshal.AsRef<IPv4Header>(bytes);
        int headerLength = header.HeaderLength;
        int totalLength = header.TotalLength;
        if (header.Version != 4 || headerLength < IPv4Header.Size || totalLength < headerLength || totalLength > bytes.Length)
        {
            return ParseFault.BadLength;
        }

        if (InternetChecksum.Compute(bytes[..headerLength]) != 0)
        {
            return ParseFault.BadChecksum;
        }

        int flags = header.FlagsAndFragment.Host;
        byte protocol = header.Protocol;
        int transport = packet.NetworkOffset + headerLength;
        packet.Length = packet.NetworkOffset + totalLength;
        packet.NetworkLength = totalLength;
        packet.TimeToLive = header.TimeToLive;
        packet.TrafficClass = header.TrafficClass;
        packet.DontFragment = (flags & IPv4Header.DontFragmentFlag) != 0;

        FragmentClass fragment = FragmentClass.Whole;
        if ((flags & (IPv4Header.MoreFragmentsFlag | IPv4Header.FragmentOffsetMask)) != 0)
        {
            int offset = (flags & IPv4Header.FragmentOffsetMask) * 8;
            fragment = offset == 0 ? FragmentClass.First : FragmentClass.Later;
            packet.FragmentId = header.Identification;
            if (!IsSaneFragment(protocol, offset, totalLength - headerLength, (flags & IPv4Header.MoreFragmentsFlag) != 0))
            {
                return ParseFault.BadLength;
            }
        }

        uint ports = 0;
        ParseFault fault = Transport(frame[..packet.Length], transport, protocol, fragment, IPProtocols.Icmp, ref packet, ref ports);
        packet.Ufid = new Ufid(
            header.Source, header.Destination, ethernet.Source, ethernet.Destination,
            EtherTypes.IPv4, protocol, fragment, (ushort)(ports >> 16), (ushort)ports);
        return fault;
    }

    private static ParseFault IPv6(ReadOnlySpan<byte> frame, in EthernetHeader ethernet, ref ParsedPacket packet)
    {
        ReadOnlySpan<byte> bytes = frame[packet.NetworkOffset..];
        if (bytes.Length < IPv6Header.Size)
        {
            return ParseFault.Truncated;
        }

        ref readonly IPv6Header header = ref MemoryMarshal.AsRef<IPv6Header>(bytes);
        int totalLength = IPv6Header.Size + header.PayloadLength.Host;
        if (header.Version != 6 || totalLength > bytes.Length)
        {
            return ParseFault.BadLength;
        }

        InetAddress source = header.Source;
        InetAddress destination = header.Destination;
        if (source.IsIPv4 || destination.IsIPv4)
        {
            return ParseFault.MappedAddress;
        }

        packet.Length = packet.NetworkOffset + totalLength;
        packet.NetworkLength = totalLength;
        packet.TimeToLive = header.HopLimit;
        packet.TrafficClass = header.TrafficClass;
        packet.DontFragment = true;

        byte protocol = header.NextHeader;
        int transport = packet.NetworkOffset + IPv6Header.Size;
        FragmentClass fragment = FragmentClass.Whole;
        if (IPv6Extensions.IsExtension(protocol))
        {
            ParseFault extensions = IPv6Extensions.Walk(
                frame[..packet.Length], packet.Length, ref transport, ref protocol, ref fragment, ref packet.FragmentId);
            if (extensions != ParseFault.None)
            {
                return extensions;
            }
        }

        uint ports = 0;
        ParseFault fault = Transport(frame[..packet.Length], transport, protocol, fragment, IPProtocols.IcmpV6, ref packet, ref ports);
        packet.Ufid = new Ufid(
            source, destination, ethernet.Source, ethernet.Destination,
            EtherTypes.IPv6, protocol, fragment, (ushort)(ports >> 16), (ushort)ports);
        return fault;
    }

    /// <summary>
    /// What every honest fragment keeps to: no datagram over 64 KB, whole units of eight bytes before the last fragment (RFC 791 §3.2,
    /// RFC 8200 §4.5), and no TCP fragment that begins inside the header that the first one was judged by (RFC 1858, RFC 3128). A first
    /// fragment without its whole transport header is a truncated packet, as any other is.
    /// </summary>
    /// <param name="protocol">What the fragment header says follows.</param>
    /// <param name="offset">Where the fragment's data belongs in the datagram, bytes.</param>
    /// <param name="length">Its data, bytes.</param>
    /// <param name="more">It is not the last.</param>
    internal static bool IsSaneFragment(byte protocol, int offset, int length, bool more) =>
        offset + length <= ushort.MaxValue
        && !(more && (length == 0 || (length & 7) != 0))
        && !(offset is > 0 and < TcpHeader.Size && protocol == IPProtocols.Tcp);

    /// <param name="frame">The frame, cut to the end of the IP packet.</param>
    /// <param name="transport">Offset of what follows the network headers.</param>
    /// <param name="protocol">Its protocol.</param>
    /// <param name="fragment">Its fragment class.</param>
    /// <param name="icmp">The ICMP of this family; the other family's is an unknown protocol.</param>
    /// <param name="packet">Takes offsets and TCP flags.</param>
    /// <param name="ports">Takes source port &lt;&lt; 16 | destination port.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ParseFault Transport(
        ReadOnlySpan<byte> frame, int transport, byte protocol, FragmentClass fragment, byte icmp, ref ParsedPacket packet, ref uint ports)
    {
        packet.PayloadOffset = (ushort)transport;
        if (fragment == FragmentClass.Later)
        {
            return ParseFault.None;
        }

        packet.TransportOffset = (ushort)transport;
        ReadOnlySpan<byte> bytes = frame[transport..];
        switch (protocol)
        {
            case IPProtocols.Tcp:
                if (bytes.Length < TcpHeader.Size)
                {
                    return ParseFault.Truncated;
                }

                ref readonly TcpHeader tcp = ref MemoryMarshal.AsRef<TcpHeader>(bytes);
                int tcpLength = tcp.HeaderLength;
                if (tcpLength < TcpHeader.Size || tcpLength > bytes.Length)
                {
                    return ParseFault.BadLength;
                }

                packet.TcpFlags = tcp.Flags;
                packet.PayloadOffset = (ushort)(transport + tcpLength);
                ports = MemoryMarshal.AsRef<U32Be>(bytes).Host;
                return ParseFault.None;

            case IPProtocols.Udp:
                if (bytes.Length < UdpHeader.Size)
                {
                    return ParseFault.Truncated;
                }

                int udpLength = MemoryMarshal.AsRef<UdpHeader>(bytes).Length;
                if (udpLength < UdpHeader.Size || (udpLength > bytes.Length && fragment == FragmentClass.Whole))
                {
                    return ParseFault.BadLength;
                }

                packet.PayloadOffset = (ushort)(transport + UdpHeader.Size);
                ports = MemoryMarshal.AsRef<U32Be>(bytes).Host;
                return ParseFault.None;

            case IPProtocols.Sctp:
                const int sctpHeaderSize = 12;
                if (bytes.Length < sctpHeaderSize)
                {
                    return ParseFault.Truncated;
                }

                packet.PayloadOffset = (ushort)(transport + sctpHeaderSize);
                ports = MemoryMarshal.AsRef<U32Be>(bytes).Host;
                return ParseFault.None;

            default:
                return protocol == icmp ? Icmp(bytes, protocol, ref packet, ref ports) : ParseFault.None;
        }
    }

    private static ParseFault Icmp(ReadOnlySpan<byte> bytes, byte protocol, ref ParsedPacket packet, ref uint ports)
    {
        if (bytes.Length < IcmpHeader.Size)
        {
            return ParseFault.Truncated;
        }

        ref readonly IcmpHeader icmp = ref MemoryMarshal.AsRef<IcmpHeader>(bytes);
        bool echo = protocol == IPProtocols.Icmp
            ? icmp.Type is IcmpTypes.EchoRequest or IcmpTypes.EchoReply
            : icmp.Type is IcmpTypes.V6EchoRequest or IcmpTypes.V6EchoReply;
        uint identifier = echo ? icmp.Rest.Host >> 16 : 0;
        packet.PayloadOffset += IcmpHeader.Size;
        ports = (identifier << 16) | ((uint)icmp.Type << 8) | icmp.Code;
        return ParseFault.None;
    }
}

/// <summary>Why a frame could not be parsed.</summary>
public enum ParseFault : byte
{
    /// <summary>It could.</summary>
    None = 0,

    /// <summary>The frame ends inside a header.</summary>
    Truncated = 1,

    /// <summary>A version, header length, total length or fragment offset contradicts the frame or the rules for it.</summary>
    BadLength = 2,

    /// <summary>The IPv4 header checksum is wrong.</summary>
    BadChecksum = 3,

    /// <summary>More or longer IPv6 extension headers than we follow, in an order that is forbidden, or a source route of type 0 (RFC 5095).</summary>
    ExtensionHeaders = 4,

    /// <summary>A stack of VLAN tags.</summary>
    NestedTags = 5,

    /// <summary>An IPv4-mapped address in an IPv6 header: it never lies on a wire honestly and would pass for the IPv4 address.</summary>
    MappedAddress = 6,
}
