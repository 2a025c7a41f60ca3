using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Wire.Tests;

public sealed class RouterAdvertisementTests
{
    private static readonly InetAddress s_router = NeighborDiscovery.LinkLocal(ContosoFabrikam.RouterMac);
    private static readonly InetAddress s_host = NeighborDiscovery.LinkLocal(ContosoFabrikam.ContosoWebMac);

    private static readonly RouterAdvertisement s_advertisement = new()
    {
        IsManaged = true,
        HasOtherConfiguration = true,
        RouterLifetimeSeconds = 9000,
        Mtu = 1430,
        Prefixes = [new AdvertisedPrefix(ContosoFabrikam.SubnetV6, IsOnLink: true, IsAutonomous: false, 7200, 3600)],
        DnsServers = [InetAddress.Parse("2001:db8:1:1::53"), InetAddress.Parse("10.1.1.53"), InetAddress.Parse("2001:db8:1:1::54")],
        DnsLifetimeSeconds = 600,
    };

    private static readonly byte[] s_options =
    [
        0, 0, 0, 0, 0, 0, 0, 0,
        1, 1, 0x00, 0x1D, 0xD8, 0xB7, 0x1C, 0x00,
        5, 1, 0, 0, 0, 0, 5, 0x96,
        3, 4, 64, 0x80, 0, 0, 0x1C, 0x20, 0, 0, 0x0E, 0x10, 0, 0, 0, 0, 0x20, 1, 0x0D, 0xB8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
        25, 5, 0, 0, 0, 0, 2, 0x58,
        0x20, 1, 0x0D, 0xB8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x53,
        0x20, 1, 0x0D, 0xB8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x54,
    ];

    [Fact]
    public void Write_ToASolicitingHost_IsTheFrameTheStandardDescribes()
    {
        byte[] solicitation = Solicitation(s_host, [1, 1, 0x00, 0x1D, 0xD8, 0xB7, 0x1C, 0x07]);
        ParsedPacket packet = Packets.Parse(solicitation);
        byte[] frame = new byte[RouterAdvertisement.FrameLengthMax];
        frame.AsSpan().Fill(0xEE);

        Assert.True(NeighborDiscovery.TryReadRouterSolicitation(solicitation, in packet));
        int length = s_advertisement.Write(in packet, s_router, ContosoFabrikam.RouterMac, frame);

        Assert.Equal(
            FrameBuilder.Ethernet(ContosoFabrikam.RouterMac, ContosoFabrikam.ContosoWebMac).IP(s_router, s_host).TimeToLive(255)
                .Icmp(IcmpTypes.RouterAdvertisement, 0, 0x40C0_2328).Payload(s_options).Build(),
            frame[..length]);
    }

    [Fact]
    public void Write_ToAHostWithoutAnAddress_GoesToAllNodes()
    {
        byte[] solicitation = Solicitation(default, []);
        ParsedPacket packet = Packets.Parse(solicitation);
        byte[] frame = new byte[RouterAdvertisement.FrameLengthMax];

        Assert.True(NeighborDiscovery.TryReadRouterSolicitation(solicitation, in packet));
        int length = new RouterAdvertisement { RouterLifetimeSeconds = 0 }.Write(in packet, s_router, ContosoFabrikam.RouterMac, frame);

        Assert.Equal(
            FrameBuilder.Ethernet(ContosoFabrikam.RouterMac, MacAddress.Parse("33-33-00-00-00-01")).IP(s_router, NeighborDiscovery.AllNodes).TimeToLive(255)
                .Icmp(IcmpTypes.RouterAdvertisement, 0, 0x4000_0000).Payload(s_options[..16]).Build(),
            frame[..length]);
    }

    [Fact]
    public void Write_MoreThanAPacketHolds_LeavesOutWhatHasNoRoom()
    {
        RouterAdvertisement many = s_advertisement with
        {
            Prefixes = [.. Enumerable.Repeat(s_advertisement.Prefixes[0], 34)],
            DnsServers = [.. Enumerable.Repeat(s_advertisement.DnsServers[0], 400)],
        };
        byte[] frame = new byte[RouterAdvertisement.FrameLengthMax];

        int length = many.Write(s_router, ContosoFabrikam.RouterMac, NeighborDiscovery.AllNodes, MacAddress.Broadcast, frame);

        Assert.InRange(length, RouterAdvertisement.FrameLengthMax - 16, RouterAdvertisement.FrameLengthMax);
        Packets.AssertIntact(frame.AsSpan(0, length));
    }

    [Fact]
    public void TryReadRouterSolicitation_EveryFlippedBit_IsRefused()
    {
        byte[] origin = Solicitation(s_host, [1, 1, 0x00, 0x1D, 0xD8, 0xB7, 0x1C, 0x07]);
        for (int bit = 14 * 8; bit < origin.Length * 8; bit++)
        {
            byte[] frame = [.. origin];
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
            bool isTrafficClassOrLabel = bit / 8 is 14 or 15 or 16 or 17;
            bool accepted = PacketParser.TryParse(frame, out ParsedPacket packet) == ParseFault.None
                && NeighborDiscovery.TryReadRouterSolicitation(frame, in packet);

            Assert.True(!accepted || isTrafficClassOrLabel, $"bit {bit}");
        }
    }

    [Fact]
    public void TryReadRouterSolicitation_BadOptionOrOptionWithoutAnAddress_IsRefused()
    {
        Assert.False(Accepts(default, [1, 1, 0x00, 0x1D, 0xD8, 0xB7, 0x1C, 0x07]));
        Assert.False(Accepts(s_host, [1, 0, 0, 0, 0, 0, 0, 0]));
        Assert.False(Accepts(s_host, [1, 2, 0, 0, 0, 0, 0, 0]));
        Assert.False(Accepts(s_host, [1]));
        Assert.True(Accepts(s_host, [14, 1, 0, 0, 0, 0, 0, 0]));

        static bool Accepts(InetAddress source, byte[] options)
        {
            byte[] frame = Solicitation(source, options);
            return NeighborDiscovery.TryReadRouterSolicitation(frame, Packets.Parse(frame));
        }
    }

    [Fact]
    public void WriteAdvertisement_ForTheRoutersLinkLocalAddress_AnswersTheHost()
    {
        InetAddress group = NeighborDiscovery.SolicitedNode(s_router);
        byte[] asked = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, NeighborDiscovery.MulticastMac(group)).IP(s_host, group).NeighborSolicitation(s_router).Build();
        ParsedPacket packet = Packets.Parse(asked);
        byte[] answer = new byte[NeighborDiscovery.AdvertisementFrameLength];

        Assert.True(NeighborDiscovery.TryReadSolicitation(asked, in packet, out NeighborNotice notice));
        _ = NeighborDiscovery.WriteAdvertisement(in packet, in notice, ContosoFabrikam.RouterMac, isRouter: true, answer);

        ParsedPacket parsed = Packets.Parse(answer);
        Assert.True(NeighborDiscovery.TryReadAdvertisement(answer, in parsed, out NeighborNotice told));
        Assert.Equal((s_router, s_host), (parsed.Ufid.Source, parsed.Ufid.Destination));
        Assert.Equal(new NeighborNotice(s_router, ContosoFabrikam.RouterMac, true), told);
    }

    [Fact]
    public void LinkLocal_OfAMac_IsItsModifiedEui64()
    {
        Assert.Equal(InetAddress.Parse("fe80::21d:d8ff:feb7:1c00"), s_router);
    }

    [Fact]
    public void Write_AThousandTimes_AllocatesNothing()
    {
        byte[] frame = new byte[RouterAdvertisement.FrameLengthMax];
        _ = s_advertisement.Write(s_router, ContosoFabrikam.RouterMac, s_host, ContosoFabrikam.ContosoWebMac, frame);

        Allocation.AssertNone(1_000, () =>
        {
            _ = s_advertisement.Write(s_router, ContosoFabrikam.RouterMac, s_host, ContosoFabrikam.ContosoWebMac, frame);
        });
    }

    private static byte[] Solicitation(InetAddress source, byte[] options) =>
        FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, NeighborDiscovery.MulticastMac(NeighborDiscovery.AllRouters))
            .IP(source, NeighborDiscovery.AllRouters).TimeToLive(255).Icmp(IcmpTypes.RouterSolicitation).Payload(options).Build();
}
