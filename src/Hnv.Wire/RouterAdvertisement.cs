using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>A prefix that hosts of a link are told about (RFC 4861 §4.6.2).</summary>
/// <param name="Prefix">The prefix, IPv6.</param>
/// <param name="IsOnLink">L: its addresses are reached without a router.</param>
/// <param name="IsAutonomous">A: hosts may make themselves addresses of it (RFC 4862); it must have 64 bits then.</param>
/// <param name="ValidSeconds">How long it is on the link and its addresses are valid, or <see cref="RouterAdvertisement.Infinite"/>.</param>
/// <param name="PreferredSeconds">How long addresses made of it are preferred; at most <paramref name="ValidSeconds"/>.</param>
public readonly record struct AdvertisedPrefix(IpPrefix Prefix, bool IsOnLink, bool IsAutonomous, uint ValidSeconds, uint PreferredSeconds);

/// <summary>
/// What a router tells the hosts of a link (RFC 4861 §4.2).
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Type = 134  |   Code = 0    |           Checksum            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Cur Hop Limit |M|O|  Reserved |       Router Lifetime         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                         Reachable Time                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                          Retrans Timer                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Options: source link-layer address, MTU, prefixes, RDNSS
/// </code>
/// </summary>
public sealed record RouterAdvertisement
{
    /// <summary>A lifetime without end.</summary>
    public const uint Infinite = uint.MaxValue;

    /// <summary>Room that every frame fits into: IPv6's minimum MTU.</summary>
    public const int FrameLengthMax = EthernetHeader.Size + PacketLengthMax;

    private const int PacketLengthMax = 1280;
    private const int MessageSize = 16;
    private const int OptionUnitSize = 8;
    private const int LinkLayerOptionSize = 8;
    private const int MtuOptionSize = 8;
    private const int PrefixOptionSize = 32;
    private const byte SourceLinkLayerOption = 1;
    private const byte PrefixOption = 3;
    private const byte MtuOption = 5;
    private const byte DnsServersOption = 25;
    private const byte MessageHopLimit = 255;

    /// <summary>The hop limit hosts should begin with; 0 says nothing.</summary>
    public byte HopLimit { get; init; } = 64;

    /// <summary>M: addresses are given by DHCPv6.</summary>
    public bool IsManaged { get; init; }

    /// <summary>O: other configuration is given by DHCPv6.</summary>
    public bool HasOtherConfiguration { get; init; }

    /// <summary>How long this router is a default router, seconds; 0 when it is none.</summary>
    public ushort RouterLifetimeSeconds { get; init; } = 1800;

    /// <summary>The link's MTU, bytes; 0 when nothing is said about it.</summary>
    public int Mtu { get; init; }

    /// <summary>Prefixes; 32 bytes each.</summary>
    public ImmutableArray<AdvertisedPrefix> Prefixes { get; init; } = [];

    /// <summary>Domain name servers of IPv6 (RFC 8106 §5.1); 16 bytes each.</summary>
    public ImmutableArray<InetAddress> DnsServers { get; init; } = [];

    /// <summary>How long the name servers may be used, seconds, or <see cref="Infinite"/>.</summary>
    public uint DnsLifetimeSeconds { get; init; } = Infinite;

    /// <summary>Writes the frame that answers a solicitation: to its sender, or to all nodes when that has no address yet (RFC 4861 §6.2.6).</summary>
    /// <param name="solicitation">The parsed solicitation.</param>
    /// <param name="router">The router's link-local address.</param>
    /// <param name="routerMac">Its Ethernet address.</param>
    /// <param name="frame">Takes up to <see cref="FrameLengthMax"/> bytes.</param>
    /// <returns>The frame's length.</returns>
    public int Write(in ParsedPacket solicitation, InetAddress router, MacAddress routerMac, Span<byte> frame) =>
        solicitation.Ufid.Source.IsUnspecified
            ? Write(router, routerMac, NeighborDiscovery.AllNodes, NeighborDiscovery.MulticastMac(NeighborDiscovery.AllNodes), frame)
            : Write(router, routerMac, solicitation.Ufid.Source, solicitation.Ufid.SourceMac, frame);

    /// <summary>Writes an untagged frame. Prefixes and servers that have no room in <see cref="FrameLengthMax"/> are left out.</summary>
    /// <param name="router">The router's link-local address.</param>
    /// <param name="routerMac">Its Ethernet address.</param>
    /// <param name="destination">Who is told: a host, or all nodes.</param>
    /// <param name="destinationMac">Its Ethernet address.</param>
    /// <param name="frame">Takes up to <see cref="FrameLengthMax"/> bytes.</param>
    /// <returns>The frame's length.</returns>
    public int Write(InetAddress router, MacAddress routerMac, InetAddress destination, MacAddress destinationMac, Span<byte> frame)
    {
        frame = frame[..FrameLengthMax];
        Span<byte> body = frame[(EthernetHeader.Size + IPv6Header.Size)..];
        uint flags = ((uint)HopLimit << 24) | (IsManaged ? 0x80_0000u : 0) | (HasOtherConfiguration ? 0x40_0000u : 0) | RouterLifetimeSeconds;
        new IcmpHeader { Type = IcmpTypes.RouterAdvertisement, Rest = flags }.Write(body);

        // Reachable time and retransmission timer: nothing is said about them.
        body[IcmpHeader.Size..MessageSize].Clear();
        int length = MessageSize;

        body[length] = SourceLinkLayerOption;
        body[length + 1] = LinkLayerOptionSize / OptionUnitSize;
        routerMac.Write(body[(length + 2)..]);
        length += LinkLayerOptionSize;

        if (Mtu > 0)
        {
            Span<byte> option = body.Slice(length, MtuOptionSize);
            BinaryPrimitives.WriteUInt32BigEndian(option, (MtuOption << 24) | (MtuOptionSize / OptionUnitSize << 16));
            BinaryPrimitives.WriteInt32BigEndian(option[4..], Mtu);
            length += MtuOptionSize;
        }

        length += WritePrefixes(body[length..]);
        length += WriteDnsServers(body[length..]);

        new EthernetHeader { Destination = destinationMac, Source = routerMac, EtherType = EtherTypes.IPv6 }.Write(frame);
        new IPv6Header
        {
            VersionClassLabel = IPv6Header.VersionOnly,
            PayloadLength = (ushort)length,
            NextHeader = IPProtocols.IcmpV6,
            HopLimit = MessageHopLimit,
            Source = router,
            Destination = destination,
        }.Write(frame[EthernetHeader.Size..]);
        ulong sum = InternetChecksum.PseudoHeader(router, destination, IPProtocols.IcmpV6, length) + InternetChecksum.Sum(body[..length]);
        MemoryMarshal.Write(body[IcmpHeader.ChecksumOffset..], U16Be.FromHost(InternetChecksum.Complete(sum)));
        return EthernetHeader.Size + IPv6Header.Size + length;
    }

    private int WritePrefixes(Span<byte> room)
    {
        int length = 0;
        foreach (AdvertisedPrefix prefix in Prefixes)
        {
            if (prefix.Prefix.IsIPv4 || PrefixOptionSize > room.Length - length)
            {
                continue;
            }

            Span<byte> option = room.Slice(length, PrefixOptionSize);
            option[0] = PrefixOption;
            option[1] = PrefixOptionSize / OptionUnitSize;
            option[2] = (byte)prefix.Prefix.Length;
            option[3] = (byte)((prefix.IsOnLink ? 0x80 : 0) | (prefix.IsAutonomous ? 0x40 : 0));
            BinaryPrimitives.WriteUInt32BigEndian(option[4..], prefix.ValidSeconds);
            BinaryPrimitives.WriteUInt32BigEndian(option[8..], Math.Min(prefix.PreferredSeconds, prefix.ValidSeconds));
            BinaryPrimitives.WriteUInt32BigEndian(option[12..], 0);
            prefix.Prefix.Address.Write(option[16..]);
            length += PrefixOptionSize;
        }

        return length;
    }

    private int WriteDnsServers(Span<byte> room)
    {
        int length = OptionUnitSize;
        foreach (InetAddress server in DnsServers)
        {
            if (!server.IsIPv4 && length + IPv6Be.Size <= room.Length)
            {
                server.Write(room[length..]);
                length += IPv6Be.Size;
            }
        }

        if (length == OptionUnitSize)
        {
            return 0;
        }

        BinaryPrimitives.WriteUInt32BigEndian(room, (uint)((DnsServersOption << 24) | (length / OptionUnitSize << 16)));
        BinaryPrimitives.WriteUInt32BigEndian(room[4..], DnsLifetimeSeconds);
        return length;
    }
}
