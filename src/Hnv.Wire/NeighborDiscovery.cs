using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>
/// The fixed part of a neighbour solicitation or advertisement (RFC 4861 §4.3, §4.4); options follow it.
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |  135 or 136   |   Code = 0    |           Checksum            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |R|S|O|                     Reserved                            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                                                               |
/// +                   Target Address (16 bytes)                   +
/// |                                                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct NeighborMessage
{
    /// <summary>Bytes on the wire without options.</summary>
    public const int Size = 24;

    /// <summary>Type, code, checksum and flags.</summary>
    public IcmpHeader Icmp { get; init; }

    /// <summary>The address that is asked for or told about.</summary>
    public IPv6Be Target { get; init; }
}

/// <summary>Flags of a neighbour advertisement (RFC 4861 §4.4).</summary>
[Flags]
public enum NeighborFlags
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The sender is a router.</summary>
    Router = 1,

    /// <summary>An answer to a solicitation.</summary>
    Solicited = 2,

    /// <summary>Replaces what the neighbour cache holds.</summary>
    Override = 4,
}

/// <summary>What a neighbour solicitation or advertisement says.</summary>
/// <param name="Target">The address that is asked for or told about.</param>
/// <param name="LinkLayer">The source (solicitation) or target (advertisement) link-layer address option; the default when there is none.</param>
/// <param name="HasLinkLayer">True when there is that option.</param>
public readonly record struct NeighborNotice(InetAddress Target, MacAddress LinkLayer, bool HasLinkLayer);

/// <summary>Reading and writing of neighbour discovery (RFC 4861). When to answer is for the caller to decide.</summary>
public static class NeighborDiscovery
{
    /// <summary>Bytes of the frame that <see cref="WriteAdvertisement(in ParsedPacket, in NeighborNotice, MacAddress, bool, Span{byte})"/> writes.</summary>
    public const int AdvertisementFrameLength = EthernetHeader.Size + IPv6Header.Size + NeighborMessage.Size + LinkLayerOptionSize;

    private const byte HopLimit = 255;
    private const byte SourceLinkLayerOption = 1;
    private const byte TargetLinkLayerOption = 2;
    private const int LinkLayerOptionSize = 8;
    private const int OptionUnitSize = 8;

    /// <summary>ff02::1, all nodes of the link.</summary>
    public static InetAddress AllNodes { get; } = InetAddress.FromNumbers(0xFF02_0000_0000_0000, 1);

    /// <summary>ff02::2, all routers of the link.</summary>
    public static InetAddress AllRouters { get; } = InetAddress.FromNumbers(0xFF02_0000_0000_0000, 2);

    /// <summary>The link-local address of a MAC, fe80:: and its modified EUI-64 (RFC 4291 §2.5.6, appendix A).</summary>
    public static InetAddress LinkLocal(MacAddress mac)
    {
        ulong value = mac.Value ^ 0x0200_0000_0000;
        return InetAddress.FromNumbers(0xFE80_0000_0000_0000, (value >> 24 << 40) | 0xFF_FE00_0000 | (value & 0xFF_FFFF));
    }

    /// <summary>The solicited-node multicast address of a unicast address, ff02::1:ffXX:XXXX (RFC 4291 §2.7.1).</summary>
    public static InetAddress SolicitedNode(InetAddress address) =>
        InetAddress.FromNumbers(0xFF02_0000_0000_0000, 0x0000_0001_FF00_0000 | (address.Low & 0xFF_FFFF));

    /// <summary>The Ethernet address of an IPv6 multicast address, 33-33-XX-XX-XX-XX (RFC 2464 §7).</summary>
    public static MacAddress MulticastMac(InetAddress group) => MacAddress.FromNumber(0x3333_0000_0000 | (group.Low & uint.MaxValue));

    /// <summary>Reads a neighbour solicitation that passes all checks of RFC 4861 §7.1.1, checksum among them.</summary>
    public static bool TryReadSolicitation(ReadOnlySpan<byte> frame, in ParsedPacket packet, out NeighborNotice notice)
    {
        if (!TryRead(frame, in packet, IcmpTypes.NeighborSolicitation, SourceLinkLayerOption, out notice))
        {
            return false;
        }

        return !packet.Ufid.Source.IsUnspecified
            || (!notice.HasLinkLayer && packet.Ufid.Destination == SolicitedNode(notice.Target));
    }

    /// <summary>Reads a router solicitation that passes all checks of RFC 4861 §6.1.1, checksum among them.</summary>
    public static bool TryReadRouterSolicitation(ReadOnlySpan<byte> frame, in ParsedPacket packet) =>
        TryReadBody(frame, in packet, IcmpTypes.RouterSolicitation, out ReadOnlySpan<byte> body)
        && TryReadOptions(body[IcmpHeader.Size..], SourceLinkLayerOption, out _, out bool hasLinkLayer)
        && !(packet.Ufid.Source.IsUnspecified && hasLinkLayer);

    /// <summary>Reads a neighbour advertisement that passes all checks of RFC 4861 §7.1.2, checksum among them.</summary>
    public static bool TryReadAdvertisement(ReadOnlySpan<byte> frame, in ParsedPacket packet, out NeighborNotice notice) =>
        TryRead(frame, in packet, IcmpTypes.NeighborAdvertisement, TargetLinkLayerOption, out notice);

    /// <summary>
    /// Writes the frame that answers a solicitation: <paramref name="notice"/>'s target is at <paramref name="mac"/>. To a solicitation
    /// from :: (duplicate address detection) the answer goes to all nodes and is not marked as solicited (RFC 4861 §7.2.4).
    /// </summary>
    /// <param name="solicitation">The parsed solicitation.</param>
    /// <param name="notice">What it says.</param>
    /// <param name="mac">The answer.</param>
    /// <param name="isRouter">The target is a router.</param>
    /// <param name="frame">Takes <see cref="AdvertisementFrameLength"/> bytes.</param>
    /// <returns>The frame's length.</returns>
    public static int WriteAdvertisement(
        in ParsedPacket solicitation, in NeighborNotice notice, MacAddress mac, bool isRouter, Span<byte> frame)
    {
        InetAddress asker = solicitation.Ufid.Source;
        NeighborFlags flags = NeighborFlags.Override | (isRouter ? NeighborFlags.Router : NeighborFlags.None);
        return asker.IsUnspecified
            ? WriteAdvertisement(notice.Target, mac, AllNodes, MulticastMac(AllNodes), flags, frame)
            : WriteAdvertisement(notice.Target, mac, asker, solicitation.Ufid.SourceMac, flags | NeighborFlags.Solicited, frame);
    }

    /// <summary>Writes an advertisement frame from the target itself.</summary>
    /// <param name="target">The address that is told about; also the source address.</param>
    /// <param name="mac">Its Ethernet address.</param>
    /// <param name="destination">Who is told.</param>
    /// <param name="destinationMac">Its Ethernet address.</param>
    /// <param name="flags">R, S, O.</param>
    /// <param name="frame">Takes <see cref="AdvertisementFrameLength"/> bytes.</param>
    /// <returns>The frame's length.</returns>
    public static int WriteAdvertisement(
        InetAddress target, MacAddress mac, InetAddress destination, MacAddress destinationMac, NeighborFlags flags, Span<byte> frame)
    {
        const int length = NeighborMessage.Size + LinkLayerOptionSize;
        frame = frame[..AdvertisementFrameLength];
        new EthernetHeader { Destination = destinationMac, Source = mac, EtherType = EtherTypes.IPv6 }.Write(frame);
        new IPv6Header
        {
            VersionClassLabel = IPv6Header.VersionOnly,
            PayloadLength = length,
            NextHeader = IPProtocols.IcmpV6,
            HopLimit = HopLimit,
            Source = target,
            Destination = destination,
        }.Write(frame[EthernetHeader.Size..]);

        Span<byte> body = frame[(EthernetHeader.Size + IPv6Header.Size)..];
        uint bits =
            ((flags & NeighborFlags.Router) != 0 ? 0x8000_0000 : 0)
            | ((flags & NeighborFlags.Solicited) != 0 ? 0x4000_0000u : 0)
            | ((flags & NeighborFlags.Override) != 0 ? 0x2000_0000u : 0);
        var message = new NeighborMessage
        {
            Icmp = new IcmpHeader { Type = IcmpTypes.NeighborAdvertisement, Rest = bits },
            Target = target,
        };
        MemoryMarshal.Write(body, in message);
        body[NeighborMessage.Size] = TargetLinkLayerOption;
        body[NeighborMessage.Size + 1] = LinkLayerOptionSize / OptionUnitSize;
        mac.Write(body[(NeighborMessage.Size + 2)..]);
        ulong sum = InternetChecksum.PseudoHeader(target, destination, IPProtocols.IcmpV6, length) + InternetChecksum.Sum(body);
        MemoryMarshal.Write(body[IcmpHeader.ChecksumOffset..], U16Be.FromHost(InternetChecksum.Complete(sum)));
        return AdvertisementFrameLength;
    }

    private static bool TryRead(ReadOnlySpan<byte> frame, in ParsedPacket packet, byte type, byte linkLayerOption, out NeighborNotice notice)
    {
        notice = default;
        if (!TryReadBody(frame, in packet, type, out ReadOnlySpan<byte> body) || !MemoryMarshal.TryRead(body, out NeighborMessage message))
        {
            return false;
        }

        InetAddress target = message.Target;
        if (target.IsMulticast
            || target.IsIPv4
            || !TryReadOptions(body[NeighborMessage.Size..], linkLayerOption, out MacAddress linkLayer, out bool hasLinkLayer))
        {
            return false;
        }

        notice = new NeighborNotice(target, linkLayer, hasLinkLayer);
        return true;
    }

    /// <summary>The message, when it passes what RFC 4861 asks of all: whole, from this link, of code 0, with a right checksum.</summary>
    private static bool TryReadBody(ReadOnlySpan<byte> frame, in ParsedPacket packet, byte type, out ReadOnlySpan<byte> body)
    {
        body = default;
        if (packet.Ufid.Protocol != IPProtocols.IcmpV6
            || packet.EtherType != EtherTypes.IPv6
            || packet.Ufid.Fragment != FragmentClass.Whole
            || packet.Ufid.DestinationPort != type << 8
            || packet.TimeToLive != HopLimit)
        {
            return false;
        }

        body = frame[packet.TransportOffset..packet.Length];
        ulong sum = InternetChecksum.PseudoHeader(packet.Ufid.Source, packet.Ufid.Destination, IPProtocols.IcmpV6, body.Length)
            + InternetChecksum.Sum(body);
        return InternetChecksum.Complete(sum) == 0;
    }

    private static bool TryReadOptions(ReadOnlySpan<byte> options, byte linkLayerOption, out MacAddress linkLayer, out bool hasLinkLayer)
    {
        linkLayer = default;
        hasLinkLayer = false;
        while (options.Length != 0)
        {
            int length = options.Length < 2 ? 0 : options[1] * OptionUnitSize;
            if (length == 0 || length > options.Length)
            {
                return false;
            }

            if (options[0] == linkLayerOption && length == LinkLayerOptionSize)
            {
                linkLayer = MacAddress.Read(options[2..]);
                hasLinkLayer = true;
            }

            options = options[length..];
        }

        return true;
    }
}
