using System.Buffers.Binary;
using Hnv.Primitives;

namespace Hnv.Corpus.Model;

/// <summary>
/// A packet of a guest as the model thinks of it: fields, no bytes. Its frame is written anew whenever it is asked for, every checksum computed from
/// scratch over the whole datagram, so that whatever the switch patches can be compared with it byte for byte.
/// </summary>
public sealed record TenantPacket
{
    private const byte IcmpV4 = 1, Tcp = 6, Udp = 17, FragmentHeader = 44, IcmpV6 = 58, Sctp = 132;

    /// <summary>Source MAC.</summary>
    public MacAddress SourceMac { get; init; }

    /// <summary>Destination MAC.</summary>
    public MacAddress DestinationMac { get; init; }

    /// <summary>Source address; its family is the packet's.</summary>
    public InetAddress Source { get; init; }

    /// <summary>Destination address.</summary>
    public InetAddress Destination { get; init; }

    /// <summary>IP protocol.</summary>
    public byte Protocol { get; init; }

    /// <summary>Source port of TCP, UDP and SCTP; identifier of ICMP echo.</summary>
    public ushort SourcePort { get; init; }

    /// <summary>Destination port of TCP, UDP and SCTP.</summary>
    public ushort DestinationPort { get; init; }

    /// <summary>Type of ICMP.</summary>
    public byte IcmpType { get; init; }

    /// <summary>Code of ICMP.</summary>
    public byte IcmpCode { get; init; }

    /// <summary>The last four bytes of an ICMP header that is not echo: an MTU, or 0.</summary>
    public uint IcmpRest { get; init; }

    /// <summary>TCP flags byte.</summary>
    public byte TcpFlags { get; init; }

    /// <summary>TTL or hop limit.</summary>
    public byte TimeToLive { get; init; } = 64;

    /// <summary>DSCP and ECN.</summary>
    public byte TrafficClass { get; init; }

    /// <summary>DF of IPv4.</summary>
    public bool DontFragment { get; init; }

    /// <summary>Identification of IPv4 or of the IPv6 fragment header.</summary>
    public ushort Identification { get; init; }

    /// <summary>False leaves UDP's checksum 0.</summary>
    public bool HasUdpChecksum { get; init; } = true;

    /// <summary>What follows the transport header; with <see cref="Quoted"/> nothing.</summary>
    public byte[] Payload { get; init; } = [];

    /// <summary>The packet that an ICMP error is about, as far as it was understood.</summary>
    public TenantPacket? Quoted { get; init; }

    /// <summary>Bytes of <see cref="Quoted"/>, from its IP header on, that the error carries.</summary>
    public int QuotedLength { get; init; }

    /// <summary>Which part of the datagram this is; null for all of it.</summary>
    public FragmentPart? Part { get; init; }

    /// <summary>True for IPv4.</summary>
    public bool IsIPv4 => Source.IsIPv4;

    /// <summary>True for the ICMP of the packet's family.</summary>
    public bool IsIcmp => Protocol == (IsIPv4 ? IcmpV4 : IcmpV6);

    /// <summary>True for an echo request.</summary>
    public bool IsEchoRequest => IsIcmp && IcmpType == (IsIPv4 ? 8 : 128);

    /// <summary>True for an echo reply.</summary>
    public bool IsEchoReply => IsIcmp && IcmpType == (IsIPv4 ? 0 : 129);

    /// <summary>True for ICMP errors and redirects.</summary>
    public bool IsIcmpError => IsIcmp && (IsIPv4 ? IcmpType is 3 or 4 or 5 or 11 or 12 : IcmpType is < 128 or 137);

    /// <summary>True for protocols that rules on ports apply to.</summary>
    public bool HasPorts => Protocol is Tcp or Udp or Sctp;

    /// <summary>True for a fragment without the transport header.</summary>
    public bool IsLaterPart => Part is { Start: > 0 };

    /// <summary>Bytes of the IP packet.</summary>
    public int NetworkLength => (IsIPv4 ? 20 : Part is null ? 40 : 48) + (Part?.Length ?? DatagramLength);

    /// <summary>Bytes behind the IP header of the whole datagram.</summary>
    public int DatagramLength => TransportHeaderLength + (Quoted is null ? Payload.Length : QuotedLength);

    private bool IsEcho => IsEchoRequest || IsEchoReply;

    private int TransportHeaderLength => Protocol switch
    {
        Tcp => 20,
        Udp => 8,
        Sctp => 12,
        _ => IsIcmp ? 8 : 0,
    };

    /// <summary>The frame, without FCS.</summary>
    public byte[] Frame()
    {
        byte[] link = new byte[14];
        DestinationMac.Write(link);
        SourceMac.Write(link.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(link.AsSpan(12), IsIPv4 ? (ushort)0x0800 : (ushort)0x86DD);
        return [.. link, .. Network()];
    }

    /// <summary>The IP packet.</summary>
    public byte[] Network()
    {
        byte[] datagram = Datagram();
        byte[] part = Part is { } slice ? datagram[slice.Start..(slice.Start + slice.Length)] : datagram;
        return IsIPv4 ? [.. IPv4(part.Length), .. part] : [.. IPv6(part.Length), .. part];
    }

    private byte[] IPv4(int length)
    {
        byte[] header = new byte[20];
        header[0] = 0x45;
        header[1] = TrafficClass;
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(2), (ushort)(20 + length));
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(4), Identification);
        int flags = (DontFragment ? 0x4000 : 0) | (Part is { IsLast: false } ? 0x2000 : 0) | ((Part?.Start ?? 0) / 8);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(6), (ushort)flags);
        header[8] = TimeToLive;
        header[9] = Protocol;
        Source.Write(header.AsSpan(12));
        Destination.Write(header.AsSpan(16));
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), (ushort)~FrameBuilder.FoldedSum(header));
        return header;
    }

    private byte[] IPv6(int length)
    {
        byte[] header = new byte[Part is null ? 40 : 48];
        BinaryPrimitives.WriteUInt32BigEndian(header, 0x6000_0000u | ((uint)TrafficClass << 20));
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(4), (ushort)(header.Length - 40 + length));
        header[6] = Part is null ? Protocol : FragmentHeader;
        header[7] = TimeToLive;
        Source.Write(header.AsSpan(8));
        Destination.Write(header.AsSpan(24));
        if (Part is { } part)
        {
            header[40] = Protocol;
            BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(42), (ushort)(part.Start | (part.IsLast ? 0 : 1)));
            BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(44), Identification);
        }

        return header;
    }

    private byte[] Datagram()
    {
        byte[] body = Quoted is null ? Payload : Quoted.Network()[..QuotedLength];
        byte[] bytes = [.. new byte[TransportHeaderLength], .. body];
        Span<byte> header = bytes;
        if (HasPorts)
        {
            BinaryPrimitives.WriteUInt16BigEndian(header, SourcePort);
            BinaryPrimitives.WriteUInt16BigEndian(header[2..], DestinationPort);
        }

        switch (Protocol)
        {
            case Tcp:
                BinaryPrimitives.WriteUInt32BigEndian(header[4..], 1);
                BinaryPrimitives.WriteUInt32BigEndian(header[8..], 1);
                header[12] = 0x50;
                header[13] = TcpFlags;
                BinaryPrimitives.WriteUInt16BigEndian(header[14..], 512);
                WriteChecksum(bytes, 16, hasPseudoHeader: true);
                break;
            case Udp:
                BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)bytes.Length);
                if (HasUdpChecksum)
                {
                    WriteChecksum(bytes, 6, hasPseudoHeader: true);
                }

                break;
            case Sctp:
                BinaryPrimitives.WriteUInt32BigEndian(header[4..], 0xCAFE_F00D);
                BinaryPrimitives.WriteUInt32LittleEndian(header[8..], FrameBuilder.Crc32C(bytes));
                break;
            default:
                if (IsIcmp)
                {
                    header[0] = IcmpType;
                    header[1] = IcmpCode;
                    BinaryPrimitives.WriteUInt32BigEndian(header[4..], IsEcho ? ((uint)SourcePort << 16) | 1 : IcmpRest);
                    WriteChecksum(bytes, 2, hasPseudoHeader: !IsIPv4);
                }

                break;
        }

        return bytes;
    }

    private void WriteChecksum(byte[] bytes, int offset, bool hasPseudoHeader)
    {
        byte[] pseudo = [];
        if (hasPseudoHeader)
        {
            pseudo = new byte[(Source.Size * 2) + 8];
            Source.Write(pseudo);
            Destination.Write(pseudo.AsSpan(Source.Size));
            BinaryPrimitives.WriteInt32BigEndian(pseudo.AsSpan(Source.Size * 2), bytes.Length);
            pseudo[^1] = Protocol;
        }

        ushort checksum = (ushort)~FrameBuilder.FoldedSum([.. pseudo, .. bytes]);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(offset), Protocol == Udp && checksum == 0 ? ushort.MaxValue : checksum);
    }
}

/// <summary>A part of a datagram: bytes behind its IP header.</summary>
/// <param name="Start">First byte, a multiple of eight.</param>
/// <param name="Length">Bytes.</param>
/// <param name="IsLast">The datagram ends with it.</param>
public sealed record FragmentPart(int Start, int Length, bool IsLast);
