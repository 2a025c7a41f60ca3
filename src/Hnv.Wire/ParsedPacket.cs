namespace Hnv.Wire;

/// <summary>
/// What one pass over a frame found: offsets from the first byte of the frame, and the flow id. Filled by
/// <c>PacketParser.TryParse</c>; every offset it holds has been checked against the frame's length.
/// </summary>
public record struct ParsedPacket
{
    /// <summary>The flow id; for ARP and unknown EtherTypes only its Ethernet parts are set.</summary>
    public Ufid Ufid;

    /// <summary>Offset of the network header: 14, or 18 behind an 802.1Q tag.</summary>
    public ushort NetworkOffset;

    /// <summary>Offset of the transport header (behind IPv4 options or IPv6 extension headers); 0 when there is none.</summary>
    public ushort TransportOffset;

    /// <summary>Offset of the first byte behind the transport header; equals <see cref="TransportOffset"/> for unknown protocols.</summary>
    public ushort PayloadOffset;

    /// <summary>The 802.1Q tag's VLAN id when <see cref="IsTagged"/>.</summary>
    public ushort VlanId;

    /// <summary>Bytes from the frame's first byte to the end of the IP packet by its own length field; padding lies behind it.</summary>
    public int Length;

    /// <summary>
    /// Bytes of the largest IP packet this frame becomes on a wire, what an MTU is held against. The parser sets what lies behind the
    /// Ethernet header up to <see cref="Length"/>; who reads a super-packet sets headers and segment size instead.
    /// </summary>
    public int NetworkLength;

    /// <summary>What ties the fragments of one datagram together: the identification of IPv4, 16 bits, or of the IPv6 fragment header; 0 in a whole packet.</summary>
    public uint FragmentId;

    /// <summary>TTL or hop limit.</summary>
    public byte TimeToLive;

    /// <summary>TOS or traffic class: DSCP in the upper six bits, ECN in the lower two.</summary>
    public byte TrafficClass;

    /// <summary>TCP flags byte (FIN 1, SYN 2, RST 4, PSH 8, ACK 16); 0 for anything else.</summary>
    public byte TcpFlags;

    /// <summary>True when the frame carries an 802.1Q tag.</summary>
    public bool IsTagged;

    /// <summary>True when the IPv4 DF bit is set, and always for IPv6.</summary>
    public bool DontFragment;

    /// <summary>The EtherType behind any tag.</summary>
    public readonly ushort EtherType => Ufid.EtherType;

    /// <summary>True for IPv4 and IPv6.</summary>
    public readonly bool IsIP => EtherType is EtherTypes.IPv4 or EtherTypes.IPv6;

    /// <summary>True when the destination MAC is a group address.</summary>
    public readonly bool IsMulticastFrame => Ufid.DestinationMac.IsMulticast;
}
