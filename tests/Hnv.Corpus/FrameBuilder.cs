using System.Buffers.Binary;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Corpus;

/// <summary>
/// Builds one frame from the outside in, with right lengths and checksums unless asked otherwise. Immutable: a begun frame may be
/// continued in several ways.
/// <code>
/// byte[] frame = FrameBuilder.Ethernet(webMac, sqlMac).IP(web, sql).Tcp(40000, 5432, TcpFlags.Syn).Build();
/// </code>
/// </summary>
/// <remarks>Plain and slow on purpose, with its own scalar checksum: it is what the fast code is compared with.</remarks>
public sealed record FrameBuilder
{
    private MacAddress SourceMac { get; init; }

    private MacAddress DestinationMac { get; init; }

    private ushort OtherEtherType { get; init; }

    private ushort? VlanControl { get; init; }

    private InetAddress? Source { get; init; }

    private InetAddress Destination { get; init; }

    private byte Ttl { get; init; } = 64;

    private byte TrafficClass { get; init; }

    private ushort IdentificationValue { get; init; } = 0x1234;

    private ushort FlagsAndFragment { get; init; } = IPv4Header.DontFragmentFlag;

    private byte[] IPv4Options { get; init; } = [];

    private (byte Type, byte[] Bytes)[] Extensions { get; init; } = [];

    private byte Protocol { get; init; } = IPProtocols.NoNextHeader;

    private byte[] TransportHeader { get; init; } = [];

    private int ChecksumOffset { get; init; } = -1;

    private bool Partial { get; init; }

    private bool Crc { get; init; }

    private byte[] Data { get; init; } = [];

    private byte[] PaddingBytes { get; init; } = [];

    /// <summary>Begins an untagged frame.</summary>
    public static FrameBuilder Ethernet(MacAddress source, MacAddress destination) => new() { SourceMac = source, DestinationMac = destination };

    /// <summary>Adds an 802.1Q tag.</summary>
    public FrameBuilder Vlan(ushort id, byte priority = 0) => this with { VlanControl = (ushort)((priority << 13) | id) };

    /// <summary>Any other payload behind the EtherType.</summary>
    public FrameBuilder EtherType(ushort etherType) => this with { OtherEtherType = etherType };

    /// <summary>An ARP request, broadcast if the frame's destination is.</summary>
    public FrameBuilder ArpRequest(InetAddress sender, InetAddress target) =>
        Arp(new ArpMessage { Operation = ArpMessage.Request, SenderMac = SourceMac, SenderAddress = sender, TargetAddress = target });

    /// <summary>An ARP reply.</summary>
    public FrameBuilder ArpReply(InetAddress sender, InetAddress target) =>
        Arp(new ArpMessage
        {
            Operation = ArpMessage.Reply,
            SenderMac = SourceMac,
            SenderAddress = sender,
            TargetMac = DestinationMac,
            TargetAddress = target,
        });

    /// <summary>Any ARP message.</summary>
    public FrameBuilder Arp(ArpMessage message)
    {
        byte[] bytes = new byte[ArpMessage.Size];
        message.Write(bytes);
        return this with { OtherEtherType = EtherTypes.Arp, Data = bytes };
    }

    /// <summary>An IPv4 or IPv6 packet, as the addresses are.</summary>
    public FrameBuilder IP(InetAddress source, InetAddress destination) => this with { Source = source, Destination = destination };

    /// <summary>An IPv4 or IPv6 packet.</summary>
    public FrameBuilder IP(string source, string destination) => IP(InetAddress.Parse(source), InetAddress.Parse(destination));

    /// <summary>TTL or hop limit; 64 if not said.</summary>
    public FrameBuilder TimeToLive(byte ttl) => this with { Ttl = ttl };

    /// <summary>TOS or traffic class byte.</summary>
    public FrameBuilder Tos(byte trafficClass) => this with { TrafficClass = trafficClass };

    /// <summary>IPv4 identification.</summary>
    public FrameBuilder Identification(ushort value) => this with { IdentificationValue = value };

    /// <summary>IPv4 DF bit; set if not said.</summary>
    public FrameBuilder DontFragment(bool value = true) => this with
    {
        FlagsAndFragment = (ushort)(value ? FlagsAndFragment | IPv4Header.DontFragmentFlag : FlagsAndFragment & ~IPv4Header.DontFragmentFlag),
    };

    /// <summary>IPv4 options; a multiple of four bytes.</summary>
    public FrameBuilder Options(params byte[] options) => this with { IPv4Options = options };

    /// <summary>Makes it a fragment (IPv4 flags, or an IPv6 fragment header). A later one gets no transport header, only the payload.</summary>
    /// <param name="offset">Bytes, a multiple of 8.</param>
    /// <param name="more">More fragments follow.</param>
    public FrameBuilder Fragment(int offset, bool more)
    {
        if (Source is { IsIPv4: true })
        {
            return this with { FlagsAndFragment = (ushort)((more ? IPv4Header.MoreFragmentsFlag : 0) | (offset / 8)) };
        }

        byte[] header = new byte[8];
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), (ushort)(offset | (more ? 1 : 0)));
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), IdentificationValue);
        return Extension(IPProtocols.Fragment, header) with { FlagsAndFragment = (ushort)(offset / 8) };
    }

    /// <summary>Adds an IPv6 extension header behind those already there; its first byte (next header) is filled in.</summary>
    public FrameBuilder Extension(byte type, params byte[] bytes) => this with { Extensions = [.. Extensions, (type, bytes)] };

    /// <summary>A TCP segment.</summary>
    public FrameBuilder Tcp(ushort source, ushort destination, byte flags = TcpFlags.Ack, uint sequence = 1, uint acknowledgment = 1, ushort window = 512, byte[]? options = null)
    {
        options ??= [];
        byte[] header = new byte[TcpHeader.Size + options.Length];
        new TcpHeader
        {
            SourcePort = source,
            DestinationPort = destination,
            Sequence = sequence,
            Acknowledgment = acknowledgment,
            OffsetAndReserved = (byte)(header.Length / 4 << 4),
            Flags = flags,
            Window = window,
        }.Write(header);
        options.CopyTo(header, TcpHeader.Size);
        return Transport(IPProtocols.Tcp, header, TcpHeader.ChecksumOffset);
    }

    /// <summary>A UDP datagram.</summary>
    /// <param name="source">Source port.</param>
    /// <param name="destination">Destination port.</param>
    /// <param name="withChecksum">False leaves the checksum 0, "none".</param>
    public FrameBuilder Udp(ushort source, ushort destination, bool withChecksum = true)
    {
        byte[] header = new byte[UdpHeader.Size];
        new UdpHeader { SourcePort = source, DestinationPort = destination }.Write(header);
        return Transport(IPProtocols.Udp, header, withChecksum ? UdpHeader.ChecksumOffset : -1);
    }

    /// <summary>An SCTP packet with its CRC32c; the payload is its chunks.</summary>
    public FrameBuilder Sctp(ushort source, ushort destination)
    {
        byte[] header = new byte[12];
        BinaryPrimitives.WriteUInt16BigEndian(header, source);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), destination);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), 0xCAFE_F00D);
        return Transport(IPProtocols.Sctp, header) with { Crc = true };
    }

    /// <summary>An ICMP or ICMPv6 message, as the addresses are.</summary>
    public FrameBuilder Icmp(byte type, byte code = 0, uint rest = 0)
    {
        byte[] header = new byte[IcmpHeader.Size];
        new IcmpHeader { Type = type, Code = code, Rest = rest }.Write(header);
        return Transport(Source is { IsIPv4: true } ? IPProtocols.Icmp : IPProtocols.IcmpV6, header, IcmpHeader.ChecksumOffset);
    }

    /// <summary>An echo request.</summary>
    public FrameBuilder Ping(ushort identifier, ushort sequence = 1) =>
        Icmp(Source is { IsIPv4: true } ? IcmpTypes.EchoRequest : IcmpTypes.V6EchoRequest, 0, ((uint)identifier << 16) | sequence);

    /// <summary>A neighbour solicitation for an address, with the frame's source MAC as option unless the packet comes from ::.</summary>
    public FrameBuilder NeighborSolicitation(InetAddress target)
    {
        bool probe = Source is not { IsUnspecified: false };
        byte[] body = new byte[16 + (probe ? 0 : 8)];
        target.Write(body);
        if (!probe)
        {
            body[16] = 1;
            body[17] = 1;
            SourceMac.Write(body.AsSpan(18));
        }

        return Icmp(IcmpTypes.NeighborSolicitation).TimeToLive(255).Payload(body);
    }

    /// <summary>Any other protocol.</summary>
    /// <param name="protocol">IP protocol.</param>
    /// <param name="header">Its header.</param>
    /// <param name="checksumOffset">Where an Internet checksum goes in it, or -1.</param>
    public FrameBuilder Transport(byte protocol, byte[] header, int checksumOffset = -1) =>
        this with { Protocol = protocol, TransportHeader = header, ChecksumOffset = checksumOffset, Crc = false };

    /// <summary>Leaves the transport checksum as a guest does that offloads it: the folded pseudo-header sum, not complemented.</summary>
    public FrameBuilder PartialChecksum() => this with { Partial = true };

    /// <summary>Payload bytes.</summary>
    public FrameBuilder Payload(params byte[] bytes) => this with { Data = bytes };

    /// <summary>So many payload bytes, of a fixed pattern that depends on the seed.</summary>
    public FrameBuilder Payload(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++)
        {
            bytes[i] = (byte)((i * 31) + (i >> 8) + seed);
        }

        return Payload(bytes);
    }

    /// <summary>Adds bytes behind the packet, as Ethernet pads short frames.</summary>
    public FrameBuilder Padding(int length) => this with { PaddingBytes = new byte[length] };

    /// <summary>The frame, without FCS.</summary>
    public byte[] Build()
    {
        byte[] network = Source is null ? Data : Source.Value.IsIPv4 ? BuildIPv4(Source.Value) : BuildIPv6(Source.Value);
        ushort etherType = Source is null ? OtherEtherType : Source.Value.IsIPv4 ? EtherTypes.IPv4 : EtherTypes.IPv6;
        byte[] link = new byte[EthernetHeader.Size + (VlanControl is null ? 0 : VlanTag.Size)];
        new EthernetHeader
        {
            Destination = DestinationMac,
            Source = SourceMac,
            EtherType = VlanControl is null ? etherType : EtherTypes.Vlan,
        }.Write(link);
        if (VlanControl is ushort control)
        {
            new VlanTag { Control = control, EtherType = etherType }.Write(link.AsSpan(EthernetHeader.Size));
        }

        return [.. link, .. network, .. PaddingBytes];
    }

    /// <summary>The one's-complement sum of 16-bit words, the slow and obvious way.</summary>
    public static ushort FoldedSum(params ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (i & 1) == 0 ? (uint)bytes[i] << 8 : bytes[i];
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)sum;
    }

    /// <summary>CRC32c (RFC 9260 appendix A), bit by bit.</summary>
    public static uint Crc32C(params ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F6_3B78u : 0);
            }
        }

        return ~crc;
    }

    private byte[] BuildIPv4(InetAddress source)
    {
        byte[] transport = BuildTransport(source);
        byte[] header = new byte[IPv4Header.Size + IPv4Options.Length];
        new IPv4Header
        {
            VersionAndLength = (byte)(0x40 | (header.Length / 4)),
            TrafficClass = TrafficClass,
            TotalLength = (ushort)(header.Length + transport.Length),
            Identification = IdentificationValue,
            FlagsAndFragment = FlagsAndFragment,
            TimeToLive = Ttl,
            Protocol = Protocol,
            Source = source,
            Destination = Destination,
        }.Write(header);
        IPv4Options.CopyTo(header, IPv4Header.Size);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), (ushort)~FoldedSum(header));
        return [.. header, .. transport];
    }

    private byte[] BuildIPv6(InetAddress source)
    {
        byte[] transport = BuildTransport(source);
        byte next = Protocol;
        byte[] extensions = [];
        foreach ((byte type, byte[] bytes) in Extensions.Reverse())
        {
            byte[] header = [.. bytes];
            header[0] = next;
            extensions = [.. header, .. extensions];
            next = type;
        }

        byte[] network = new byte[IPv6Header.Size];
        new IPv6Header
        {
            VersionClassLabel = IPv6Header.VersionOnly | ((uint)TrafficClass << 20),
            PayloadLength = (ushort)(extensions.Length + transport.Length),
            NextHeader = next,
            HopLimit = Ttl,
            Source = source,
            Destination = Destination,
        }.Write(network);
        return [.. network, .. extensions, .. transport];
    }

    private byte[] BuildTransport(InetAddress source)
    {
        if ((FlagsAndFragment & IPv4Header.FragmentOffsetMask) != 0)
        {
            return Data;
        }

        byte[] bytes = [.. TransportHeader, .. Data];
        if (Protocol == IPProtocols.Udp)
        {
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(4), (ushort)bytes.Length);
        }

        if (Crc)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), Crc32C(bytes));
        }

        if (ChecksumOffset < 0)
        {
            return bytes;
        }

        byte[] pseudo = Protocol == IPProtocols.Icmp ? [] : PseudoHeader(source, bytes.Length);
        ushort sum = Partial ? FoldedSum(pseudo) : (ushort)~FoldedSum([.. pseudo, .. bytes]);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(ChecksumOffset), Protocol == IPProtocols.Udp && sum == 0 ? ushort.MaxValue : sum);
        return bytes;
    }

    private byte[] PseudoHeader(InetAddress source, int length)
    {
        byte[] bytes = new byte[(source.Size * 2) + 8];
        source.Write(bytes);
        Destination.Write(bytes.AsSpan(source.Size));
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(source.Size * 2), length);
        bytes[^1] = Protocol;
        return bytes;
    }
}
