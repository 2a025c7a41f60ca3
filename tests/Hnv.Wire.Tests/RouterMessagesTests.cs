using System.Runtime.InteropServices;
using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Wire.Tests;

public sealed class RouterMessagesTests
{
    private static readonly FrameBuilder s_toGateway = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.RouterMac);
    private static readonly FrameBuilder s_fromGateway = FrameBuilder.Ethernet(ContosoFabrikam.RouterMac, ContosoFabrikam.ContosoWebMac);

    [Fact]
    public void ArpAnswer_ToARequest_IsTheOwnersReply()
    {
        byte[] request = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, MacAddress.Broadcast)
            .ArpRequest(ContosoFabrikam.Web, ContosoFabrikam.Gateway).Padding(18).Build();
        Span<byte> reply = stackalloc byte[64];

        Assert.True(ArpMessage.TryRead(request.AsSpan(EthernetHeader.Size), out ArpMessage message));
        int length = message.Answer(ContosoFabrikam.RouterMac).WriteFrame(reply);

        Assert.Equal(s_fromGateway.ArpReply(ContosoFabrikam.Gateway, ContosoFabrikam.Web).Build(), reply[..length].ToArray());
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 0x86)]
    [InlineData(4, 8)]
    [InlineData(5, 16)]
    [InlineData(7, 0)]
    [InlineData(7, 3)]
    public void ArpTryRead_NotIPv4OverEthernet_IsRefused(int offset, byte value)
    {
        byte[] frame = Packets.Get("arp").Build();
        frame[EthernetHeader.Size + offset] = value;

        Assert.False(ArpMessage.TryRead(frame.AsSpan(EthernetHeader.Size), out _));
        Assert.False(ArpMessage.TryRead(frame.AsSpan(EthernetHeader.Size, ArpMessage.Size - 1), out _));
    }

    [Fact]
    public void Arp_AnnouncementOfAnAddress_IsGratuitous()
    {
        var announcement = new ArpMessage { Operation = ArpMessage.Request, SenderAddress = ContosoFabrikam.Web, TargetAddress = ContosoFabrikam.Web };

        Assert.True(announcement.IsGratuitous);
        Assert.False((announcement with { TargetAddress = ContosoFabrikam.Sql }).IsGratuitous);
    }

    [Theory]
    [InlineData("10.1.1.12", "10.1.1.1", IcmpTypes.EchoReply)]
    [InlineData("2001:db8:1:1::12", "2001:db8:1:1::1", IcmpTypes.V6EchoReply)]
    public void WriteEchoReply_ToAPing_IsThePingTurnedRound(string web, string gateway, byte type)
    {
        byte[] request = s_toGateway.Vlan(5).IP(web, gateway).TimeToLive(17).Ping(77, 3).Payload(57).Padding(3).Build();
        ParsedPacket packet = Packets.Parse(request);
        byte[] reply = new byte[request.Length];

        int length = IcmpMessages.WriteEchoReply(request, in packet, reply);

        Assert.True(IcmpMessages.IsEchoRequest(in packet));
        Assert.Equal(
            s_fromGateway.Vlan(5).IP(gateway, web).TimeToLive(64).Icmp(type, 0, (77 << 16) | 3).Payload(57).Build(),
            reply[..length]);
    }

    [Fact]
    public void WriteEchoReply_DamagedPing_GivesADamagedReply()
    {
        byte[] request = s_toGateway.IP(ContosoFabrikam.Web, ContosoFabrikam.Gateway).Ping(77).Payload(56).Build();
        request[60] ^= 1;

        _ = IcmpMessages.WriteEchoReply(request, Packets.Parse(request), request);

        Assert.NotEqual(0, InternetChecksum.Compute(request.AsSpan(34)));
    }

    [Theory]
    [InlineData(0, 28)]
    [InlineData(520, 548)]
    [InlineData(3000, 548)]
    public void WriteTimeExceeded_IPv4_QuotesUpTo576Bytes(int payload, int quoted)
    {
        byte[] about = s_toGateway.IP(ContosoFabrikam.Web, ContosoFabrikam.Sql).TimeToLive(1).Udp(33434, 33435).Payload(payload).Padding(4).Build();
        byte[] frame = new byte[IcmpMessages.ErrorFrameLengthMax];

        int length = IcmpMessages.WriteTimeExceeded(about, Packets.Parse(about), ContosoFabrikam.RouterMac, ContosoFabrikam.Gateway, frame);

        Assert.Equal(
            s_fromGateway.IP(ContosoFabrikam.Gateway, ContosoFabrikam.Web).Tos(0xC0).Identification(0).DontFragment(false)
                .Icmp(IcmpTypes.TimeExceeded).Payload(about[14..(14 + quoted)]).Build(),
            frame[..length]);
    }

    [Fact]
    public void WriteTimeExceeded_IPv6_QuotesUpTo1280Bytes()
    {
        byte[] about = s_toGateway.IP(ContosoFabrikam.WebV6, ContosoFabrikam.SqlV6).TimeToLive(1).Udp(33434, 33435).Payload(1400).Build();
        byte[] frame = new byte[IcmpMessages.ErrorFrameLengthMax];

        int length = IcmpMessages.WriteTimeExceeded(about, Packets.Parse(about), ContosoFabrikam.RouterMac, ContosoFabrikam.GatewayV6, frame);

        Assert.Equal(14 + 1280, length);
        Assert.Equal(
            s_fromGateway.IP(ContosoFabrikam.GatewayV6, ContosoFabrikam.WebV6).Tos(0xC0)
                .Icmp(IcmpTypes.V6TimeExceeded).Payload(about[14..(14 + 1232)]).Build(),
            frame[..length]);
    }

    [Theory]
    [InlineData("tcp4", IcmpTypes.DestinationUnreachable, IcmpTypes.FragmentationNeededCode)]
    [InlineData("tcp6", IcmpTypes.V6PacketTooBig, 0)]
    public void WritePacketTooBig_EitherFamily_TellsTheMtu(string name, byte type, byte code)
    {
        byte[] about = Packets.Get(name).Build();
        ParsedPacket packet = Packets.Parse(about);
        byte[] frame = new byte[IcmpMessages.ErrorFrameLengthMax];
        InetAddress router = packet.EtherType == EtherTypes.IPv4 ? ContosoFabrikam.Gateway : ContosoFabrikam.GatewayV6;

        int length = IcmpMessages.WritePacketTooBig(about, in packet, ContosoFabrikam.RouterMac, router, 1450, frame);

        ParsedPacket error = Packets.Parse(frame[..length]);
        IcmpHeader icmp = MemoryMarshal.Read<IcmpHeader>(frame.AsSpan(error.TransportOffset));
        Assert.Equal((type, code, 1450u), (icmp.Type, icmp.Code, icmp.Rest.Host));
        Assert.True(IcmpMessages.IsError(in error));
        Packets.AssertIntact(frame.AsSpan(0, length));
    }

    [Theory]
    [InlineData("tcp4", UnreachableReason.NoRoute, 3, 0)]
    [InlineData("udp4", UnreachableReason.Prohibited, 3, 13)]
    [InlineData("tcp6", UnreachableReason.NoRoute, 1, 0)]
    [InlineData("udp6", UnreachableReason.Prohibited, 1, 1)]
    public void WriteUnreachable_EitherFamily_SaysWhyAndQuotesThePacket(string name, UnreachableReason reason, byte type, byte code)
    {
        byte[] about = Packets.Get(name).Build();
        ParsedPacket packet = Packets.Parse(about);
        bool isIPv4 = packet.EtherType == EtherTypes.IPv4;
        InetAddress router = isIPv4 ? ContosoFabrikam.Gateway : ContosoFabrikam.GatewayV6;
        byte[] frame = new byte[IcmpMessages.ErrorFrameLengthMax];

        int length = IcmpMessages.WriteUnreachable(about, in packet, ContosoFabrikam.RouterMac, router, reason, frame);

        Assert.Equal(
            s_fromGateway.IP(router, packet.Ufid.Source).Tos(0xC0).Identification(0).DontFragment(false)
                .Icmp(type, code).Payload(about[packet.NetworkOffset..packet.Length]).Build(),
            frame[..length]);
        Assert.True(IcmpErrorEdits.TryReadQuoted(frame, Packets.Parse(frame[..length]), out QuotedPacket quoted));
        Assert.Equal((packet.Ufid.SourcePort, packet.Ufid.DestinationPort), (quoted.SourcePort, quoted.DestinationPort));
    }

    [Theory]
    [InlineData("ping4")]
    [InlineData("tcp4")]
    [InlineData("ping6")]
    [InlineData("solicitation")]
    [InlineData("later4")]
    [InlineData("arp")]
    public void IsError_AnythingElse_IsFalse(string name)
    {
        Assert.False(IcmpMessages.IsError(Packets.Parse(Packets.Get(name).Build())));
    }

    [Fact]
    public void TryReadSolicitation_AddressResolution_GivesTargetAndAsker()
    {
        byte[] frame = Packets.Get("solicitation").Build();

        Assert.True(NeighborDiscovery.TryReadSolicitation(frame, Packets.Parse(frame), out NeighborNotice notice));

        Assert.Equal(new NeighborNotice(ContosoFabrikam.SqlV6, ContosoFabrikam.ContosoWebMac, true), notice);
    }

    [Fact]
    public void TryReadSolicitation_EveryFlippedBit_IsRefused()
    {
        byte[] origin = Packets.Get("solicitation").Build();
        for (int bit = 14 * 8; bit < origin.Length * 8; bit++)
        {
            byte[] frame = [.. origin];
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
            bool isTrafficClassOrLabel = bit / 8 is 14 or 15 or 16 or 17;
            bool accepted = PacketParser.TryParse(frame, out ParsedPacket packet) == ParseFault.None
                && NeighborDiscovery.TryReadSolicitation(frame, in packet, out _);

            Assert.True(!accepted || isTrafficClassOrLabel, $"bit {bit}");
        }
    }

    [Fact]
    public void TryReadSolicitation_ZeroLengthOption_IsRefused()
    {
        byte[] frame = Packets.Get("solicitation").Icmp(IcmpTypes.NeighborSolicitation)
            .Payload([.. new byte[15], 9, 1, 0, 0, 0, 0, 0, 0, 0]).Build();

        Assert.False(NeighborDiscovery.TryReadSolicitation(frame, Packets.Parse(frame), out _));
    }

    [Fact]
    public void TryReadSolicitation_ProbeWithOptionOrToTheWrongGroup_IsRefused()
    {
        InetAddress group = NeighborDiscovery.SolicitedNode(ContosoFabrikam.SqlV6);
        FrameBuilder probe = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, NeighborDiscovery.MulticastMac(group))
            .IP(default, group).NeighborSolicitation(ContosoFabrikam.SqlV6);
        byte[] target = probe.Build()[^16..];

        Assert.True(Accepts(probe));
        Assert.False(Accepts(probe.Payload([.. target, 1, 1, 0, 0x1D, 0xD8, 0xB7, 0x1C, 7])));
        Assert.False(Accepts(probe.IP(default, NeighborDiscovery.AllNodes)));

        static bool Accepts(FrameBuilder builder)
        {
            byte[] frame = builder.Build();
            return NeighborDiscovery.TryReadSolicitation(frame, Packets.Parse(frame), out _);
        }
    }

    [Fact]
    public void WriteAdvertisement_ToAddressResolution_CanBeReadBack()
    {
        byte[] frame = Packets.Get("solicitation").Build();
        ParsedPacket packet = Packets.Parse(frame);
        Assert.True(NeighborDiscovery.TryReadSolicitation(frame, in packet, out NeighborNotice asked));
        byte[] answer = new byte[NeighborDiscovery.AdvertisementFrameLength];

        int length = NeighborDiscovery.WriteAdvertisement(in packet, in asked, ContosoFabrikam.ContosoSqlMac, isRouter: false, answer);

        ParsedPacket parsed = Packets.Parse(answer[..length]);
        Assert.True(NeighborDiscovery.TryReadAdvertisement(answer, in parsed, out NeighborNotice told));
        Assert.Equal(new NeighborNotice(ContosoFabrikam.SqlV6, ContosoFabrikam.ContosoSqlMac, true), told);
        Assert.Equal((ContosoFabrikam.SqlV6, ContosoFabrikam.WebV6), (parsed.Ufid.Source, parsed.Ufid.Destination));
        Assert.Equal((ContosoFabrikam.ContosoSqlMac, ContosoFabrikam.ContosoWebMac), (parsed.Ufid.SourceMac, parsed.Ufid.DestinationMac));
        Assert.Equal(0x60, answer[parsed.TransportOffset + 4]);
    }

    [Fact]
    public void WriteAdvertisement_ToDuplicateAddressDetection_GoesToAllNodesUnsolicited()
    {
        InetAddress group = NeighborDiscovery.SolicitedNode(ContosoFabrikam.GatewayV6);
        byte[] frame = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, NeighborDiscovery.MulticastMac(group))
            .IP(default, group).NeighborSolicitation(ContosoFabrikam.GatewayV6).Build();
        ParsedPacket packet = Packets.Parse(frame);
        Assert.True(NeighborDiscovery.TryReadSolicitation(frame, in packet, out NeighborNotice asked));
        byte[] answer = new byte[NeighborDiscovery.AdvertisementFrameLength];

        _ = NeighborDiscovery.WriteAdvertisement(in packet, in asked, ContosoFabrikam.RouterMac, isRouter: true, answer);

        ParsedPacket parsed = Packets.Parse(answer);
        Assert.Equal(NeighborDiscovery.AllNodes, parsed.Ufid.Destination);
        Assert.Equal(MacAddress.Parse("33-33-00-00-00-01"), parsed.Ufid.DestinationMac);
        Assert.Equal(0xA0, answer[parsed.TransportOffset + 4]);
        Packets.AssertIntact(answer);
    }

    [Fact]
    public void SolicitedNode_OfAnAddress_TakesItsLast24Bits()
    {
        Assert.Equal(InetAddress.Parse("ff02::1:ff00:11"), NeighborDiscovery.SolicitedNode(ContosoFabrikam.SqlV6));
    }

    [Fact]
    public void Answers_TenThousandTimes_AllocateNothing()
    {
        byte[] ping = s_toGateway.IP(ContosoFabrikam.Web, ContosoFabrikam.Gateway).Ping(1).Payload(56).Build();
        byte[] solicitation = Packets.Get("solicitation").Build();
        byte[] answer = new byte[IcmpMessages.ErrorFrameLengthMax];
        ParsedPacket pingPacket = Packets.Parse(ping);
        ParsedPacket solicitationPacket = Packets.Parse(solicitation);
        Answer(ping, in pingPacket, solicitation, in solicitationPacket, answer);

        Allocation.AssertNone(10_000, () =>
        {
            Answer(ping, in pingPacket, solicitation, in solicitationPacket, answer);
        });
    }

    private static void Answer(byte[] ping, in ParsedPacket pingPacket, byte[] solicitation, in ParsedPacket solicitationPacket, byte[] answer)
    {
        _ = IcmpMessages.WriteEchoReply(ping, in pingPacket, answer);
        _ = IcmpMessages.WriteTimeExceeded(ping, in pingPacket, ContosoFabrikam.RouterMac, ContosoFabrikam.Gateway, answer);
        _ = NeighborDiscovery.TryReadSolicitation(solicitation, in solicitationPacket, out NeighborNotice notice);
        _ = NeighborDiscovery.WriteAdvertisement(in solicitationPacket, in notice, ContosoFabrikam.RouterMac, isRouter: true, answer);
    }
}
