using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using Hnv.Contracts.HostChannel;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.HostAgent.HostChannel;

/// <summary>Makes the frame of a packet that was told in words, as the guest's own stack, or the host it comes from, would.</summary>
internal static class TraceFrame
{
    /// <summary>Bytes of a frame that can be explained.</summary>
    public const int LengthMax = 16 * 1024;

    private const byte TimeToLiveDefault = 64;
    private const byte EchoRequestV4 = 8;
    private const byte EchoRequestV6 = 128;
    private const byte TcpSyn = 2;
    private const int TcpHeaderLength = 20;

    /// <summary>The frame.</summary>
    /// <param name="program">The program of the port it leaves, or is to reach.</param>
    /// <param name="isInbound">It is on its way to the VM.</param>
    /// <param name="packet">The packet in words.</param>
    /// <param name="frame">The frame; when nobody answers for the next hop's MAC, the question for it.</param>
    /// <param name="note">What was assumed; null when nothing was.</param>
    /// <param name="problem">What is wrong with the words.</param>
    /// <param name="mark">What a probe is known by (<see cref="ProbeMark"/>); null for none.</param>
    public static bool TryBuild(
        PortProgram program, bool isInbound, TracePacket packet, [NotNullWhen(true)] out byte[]? frame, out string? note, [NotNullWhen(false)] out string? problem, ProbeMark? mark = null)
    {
        frame = null;
        note = null;
        if (!TryReadAddresses(program, isInbound, packet, out InetAddress source, out InetAddress destination, out problem))
        {
            return false;
        }

        if (!TryReadMac(packet.SourceMac, "sourceMac", out MacAddress? sourceMac, out problem)
            || !TryReadMac(packet.DestinationMac, "destinationMac", out MacAddress? destinationMac, out problem))
        {
            return false;
        }

        if (isInbound)
        {
            destinationMac ??= program.Mac;
            sourceMac ??= program.Space.TryFind(program.Vsid, new CustomerAddress(source), out Mapping from) ? from.Mac : program.Router?.Mac ?? default(MacAddress);
        }
        else
        {
            sourceMac ??= program.Mac;
            destinationMac ??= NextHop(program, destination);
            if (destinationMac is null)
            {
                note = $"the guest cannot send to {destination} before it knows a MAC for it, so here is what becomes of its question";
                frame = Question(program, source, destination);
                return true;
            }
        }

        return TryBuild(packet, mark, source, destination, sourceMac.Value, destinationMac.Value, out frame, out problem);
    }

    private static bool TryReadAddresses(
        PortProgram program, bool isInbound, TracePacket packet, out InetAddress source, out InetAddress destination, [NotNullWhen(false)] out string? problem)
    {
        (source, destination, problem) = (default, default, null);
        (string? own, string? other) = isInbound ? (packet.To, packet.From) : (packet.From, packet.To);
        string otherName = isInbound ? "from" : "to";
        if (other is null || !InetAddress.TryParse(other, out InetAddress far))
        {
            problem = $"{otherName} is '{other}'; it has to be an IPv4 or IPv6 address, for example 10.1.1.12.";
            return false;
        }

        InetAddress near;
        if (own is null)
        {
            InetAddress[] mine = [.. program.Addresses.Select(address => address.Value).Where(address => address.IsIPv4 == far.IsIPv4)];
            if (mine.Length == 0)
            {
                problem = $"The port has no address of the family of {far}; it has {string.Join(", ", program.Addresses)}. Say {(isInbound ? "to" : "from")}.";
                return false;
            }

            near = mine[0];
        }
        else if (!InetAddress.TryParse(own, out near) || near.IsIPv4 != far.IsIPv4)
        {
            problem = $"'{own}' is no address of the family of {far}.";
            return false;
        }

        (source, destination) = isInbound ? (far, near) : (near, far);
        return true;
    }

    private static bool TryReadMac(string? text, string name, out MacAddress? mac, [NotNullWhen(false)] out string? problem)
    {
        (mac, problem) = (null, null);
        if (text is null)
        {
            return true;
        }

        if (!MacAddress.TryParse(text, out MacAddress read))
        {
            problem = $"{name} is '{text}'; write it as 00-1D-D8-02-00-01.";
            return false;
        }

        mac = read;
        return true;
    }

    /// <summary>The MAC the guest would be told: of the machine itself in its own subnet, of the router for everything else.</summary>
    private static MacAddress? NextHop(PortProgram program, InetAddress destination)
    {
        if (destination.IsMulticast || destination.IsLimitedBroadcast)
        {
            return destination.IsIPv4 && destination.IsMulticast
                ? MacAddress.FromNumber(0x0100_5E00_0000 | (destination.Low & 0x7F_FFFF))
                : destination.IsIPv4 ? MacAddress.Broadcast : NeighborDiscovery.MulticastMac(destination);
        }

        if (program.Router is not { } router)
        {
            return program.Space.TryFind(program.Vsid, new CustomerAddress(destination), out Mapping mapping) ? mapping.Mac : null;
        }

        bool isOnLink = router.Routes.TryFind(destination, out Vfp.Route route) && route.Kind == RouteKind.Local && route.Vsid == program.Vsid;
        return router.Is(destination) || !isOnLink || program.VirtualAddresses.Contains(destination) ? router.Mac
            : program.Space.TryFind(program.Vsid, new CustomerAddress(destination), out Mapping neighbour) ? neighbour.Mac
            : null;
    }

    private static byte[] Question(PortProgram program, InetAddress source, InetAddress target)
    {
        if (source.IsIPv4)
        {
            byte[] arp = new byte[EthernetHeader.Size + ArpMessage.Size];
            new EthernetHeader { Destination = MacAddress.Broadcast, Source = program.Mac, EtherType = EtherTypes.Arp }.Write(arp);
            new ArpMessage { Operation = ArpMessage.Request, SenderMac = program.Mac, SenderAddress = source, TargetAddress = target }.Write(arp.AsSpan(EthernetHeader.Size));
            return arp;
        }

        // A neighbour solicitation with the sender's link-layer address (RFC 4861 §4.3).
        const byte solicitation = 135, sourceLinkLayer = 1, hopLimit = 255;
        const int length = 32;
        InetAddress group = NeighborDiscovery.SolicitedNode(target);
        byte[] frame = new byte[EthernetHeader.Size + IPv6Header.Size + length];
        Span<byte> message = frame.AsSpan(EthernetHeader.Size + IPv6Header.Size);
        new IcmpHeader { Type = solicitation }.Write(message);
        BinaryPrimitives.WriteUInt64BigEndian(message[8..], target.High);
        BinaryPrimitives.WriteUInt64BigEndian(message[16..], target.Low);
        message[24] = sourceLinkLayer;
        message[25] = 1;
        new EthernetHeader { Destination = program.Mac, Source = program.Mac, EtherType = 0 }.Write(frame);
        frame.AsSpan(6, 6).CopyTo(message[26..]);
        new EthernetHeader { Destination = NeighborDiscovery.MulticastMac(group), Source = program.Mac, EtherType = EtherTypes.IPv6 }.Write(frame);
        WriteIPv6(frame.AsSpan(EthernetHeader.Size), source, group, IPProtocols.IcmpV6, length, hopLimit, 0);
        WriteChecksum(message, 2, source, group, IPProtocols.IcmpV6);
        return frame;
    }

    private static bool TryBuild(
        TracePacket packet, ProbeMark? mark, InetAddress source, InetAddress destination, MacAddress sourceMac, MacAddress destinationMac, [NotNullWhen(true)] out byte[]? frame, [NotNullWhen(false)] out string? problem)
    {
        (frame, problem) = (null, null);
        byte protocol = packet.Protocol == IPProtocols.Icmp && !source.IsIPv4 ? IPProtocols.IcmpV6 : packet.Protocol;
        int header = source.IsIPv4 ? IPv4Header.Size : IPv6Header.Size;
        int transport = protocol switch
        {
            IPProtocols.Tcp => TcpHeaderLength,
            IPProtocols.Sctp => 12,
            _ => 8,
        };
        int least = header + transport + (mark is null ? 0 : ProbeMark.PayloadBytes(protocol));
        int size = mark is null && packet.Size != 0 ? packet.Size : Math.Max(packet.Size, least);
        if (size < header + transport || size + EthernetHeader.Size > LengthMax)
        {
            problem = $"size is {Wording.Number(packet.Size)}; it has to be {Wording.Number(header + transport)} … {Wording.Number(LengthMax - EthernetHeader.Size)} bytes.";
            return false;
        }

        if (packet.SourcePort is < 0 or > ushort.MaxValue || packet.DestinationPort is < 0 or > ushort.MaxValue || packet.TimeToLive is < 0 or > byte.MaxValue)
        {
            problem = "Ports lie between 0 and 65535, the TTL between 0 and 255.";
            return false;
        }

        frame = new byte[EthernetHeader.Size + size];
        new EthernetHeader { Destination = destinationMac, Source = sourceMac, EtherType = source.IsIPv4 ? EtherTypes.IPv4 : EtherTypes.IPv6 }.Write(frame);
        byte timeToLive = packet.TimeToLive == 0 ? TimeToLiveDefault : (byte)packet.TimeToLive;
        Span<byte> network = frame.AsSpan(EthernetHeader.Size);
        if (source.IsIPv4)
        {
            new IPv4Header
            {
                VersionAndLength = IPv4Header.VersionWithoutOptions,
                TrafficClass = packet.TrafficClass,
                TotalLength = (ushort)size,
                FlagsAndFragment = packet.DontFragment ? IPv4Header.DontFragmentFlag : (ushort)0,
                TimeToLive = timeToLive,
                Protocol = protocol,
                Source = source,
                Destination = destination,
            }.WithChecksum().Write(network);
        }
        else
        {
            WriteIPv6(network, source, destination, protocol, size - header, timeToLive, packet.TrafficClass);
        }

        mark?.Write(network[header..], transport, protocol);
        WriteTransport(network[header..], packet, mark?.Sequence ?? 1, source, destination, protocol);
        return true;
    }

    private static void WriteTransport(Span<byte> bytes, TracePacket packet, uint sequence, InetAddress source, InetAddress destination, byte protocol)
    {
        (ushort from, ushort to) = ((ushort)packet.SourcePort, (ushort)packet.DestinationPort);
        switch (protocol)
        {
            case IPProtocols.Tcp:
                new TcpHeader { SourcePort = from, DestinationPort = to, Sequence = sequence, OffsetAndReserved = TcpHeaderLength / 4 << 4, Flags = packet.TcpFlags ?? TcpSyn, Window = ushort.MaxValue }.Write(bytes);
                WriteChecksum(bytes, 16, source, destination, protocol);
                break;
            case IPProtocols.Udp:
                new UdpHeader { SourcePort = from, DestinationPort = to, Length = (ushort)bytes.Length }.Write(bytes);
                WriteChecksum(bytes, UdpHeader.ChecksumOffset, source, destination, protocol);
                break;
            case IPProtocols.Icmp or IPProtocols.IcmpV6:
                new IcmpHeader { Type = protocol == IPProtocols.Icmp ? EchoRequestV4 : EchoRequestV6, Rest = ((uint)from << 16) | Math.Max(to, (ushort)1) }.Write(bytes);
                WriteChecksum(bytes, 2, source, destination, protocol);
                break;
            default:
                // Two ports at the front where the protocol has them; nobody on the way looks further.
                BinaryPrimitives.WriteUInt16BigEndian(bytes, from);
                BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], to);
                break;
        }
    }

    private static void WriteIPv6(Span<byte> bytes, InetAddress source, InetAddress destination, byte protocol, int length, byte hopLimit, byte trafficClass) => new IPv6Header
    {
        VersionClassLabel = IPv6Header.VersionOnly | ((uint)trafficClass << 20),
        PayloadLength = (ushort)length,
        NextHeader = protocol,
        HopLimit = hopLimit,
        Source = source,
        Destination = destination,
    }.Write(bytes);

    private static void WriteChecksum(Span<byte> message, int offset, InetAddress source, InetAddress destination, byte protocol)
    {
        ulong sum = InternetChecksum.Sum(message);
        sum += protocol == IPProtocols.Icmp ? 0 : InternetChecksum.PseudoHeader(source, destination, protocol, message.Length);
        BinaryPrimitives.WriteUInt16BigEndian(
            message[offset..], protocol == IPProtocols.Udp ? InternetChecksum.CompleteUdp(sum) : InternetChecksum.Complete(sum));
    }
}
