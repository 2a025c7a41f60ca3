using System.Buffers.Binary;
using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;
using static Hnv.Vfp.Tests.DualStackWorld;

namespace Hnv.Vfp.Tests;

/// <summary>Router solicitations and advertisements, and what else passes between a guest's link-local address and the router's.</summary>
public class AdvertisedRouterTests
{
    private static readonly InetAddress s_any = InetAddress.Parse("::");
    private static readonly string s_autonomous = InetAddress.AutonomousOf(ContosoFabrikam.SubnetV6, Mac).ToString();

    private static FrameBuilder Solicitation(InetAddress source) =>
        To(source, NeighborDiscovery.AllRouters).Icmp(133).TimeToLive(255).Payload(source.IsUnspecified ? [] : [1, 1, 0, 0x1D, 0xD8, 0xB7, 0x1C, 0x07]);

    private static byte[] BodyOf(byte[] advertisement)
    {
        Assert.Equal(ParseFault.None, PacketParser.TryParse(advertisement, out ParsedPacket packet));
        Assert.Equal((RouterLinkLocal, World.RouterMac, (byte)255), (packet.Ufid.Source, packet.Ufid.SourceMac, packet.TimeToLive));
        Assert.Equal(134 << 8, packet.Ufid.DestinationPort);
        Assert.Equal(0xFFFF, FrameBuilder.FoldedSum([.. PseudoHeader(packet), .. advertisement[packet.TransportOffset..packet.Length]]));
        return advertisement[packet.TransportOffset..packet.Length];
    }

    private static byte[] PseudoHeader(ParsedPacket packet) =>
    [
        .. Bytes(packet.Ufid.Source.ToString()), .. Bytes(packet.Ufid.Destination.ToString()),
        0, 0, (byte)((packet.Length - packet.TransportOffset) >> 8), (byte)(packet.Length - packet.TransportOffset), 0, 0, 0, 58,
    ];

    private static byte[] OptionOf(byte[] body, byte type)
    {
        for (int at = 16; at < body.Length; at += body[at + 1] * 8)
        {
            if (body[at] == type)
            {
                return body[at..(at + (body[at + 1] * 8))];
            }
        }

        return [];
    }

    [Theory]
    [InlineData("link-local", "fe80::21d:d8ff:feb7:1c07")]
    [InlineData("stable privacy", "fe80::1234:5678:9abc:def0")]
    [InlineData("own address", "2001:db8:1:1::12")]
    [InlineData("none yet", "::")]
    public void RouterSolicitation_IsAnsweredToWhoAsks(string _, string source)
    {
        var asker = InetAddress.Parse(source);

        Observation seen = Start().Send(Guest, Solicitation(asker)).ShouldAnswer().ShouldMove(OnlyCounted);

        ParsedPacket answer = seen.ParseAnswer();
        (InetAddress, MacAddress) expected = asker.IsUnspecified
            ? (NeighborDiscovery.AllNodes, NeighborDiscovery.MulticastMac(NeighborDiscovery.AllNodes))
            : (asker, Mac);
        Assert.Equal(expected, (answer.Ufid.Destination, answer.Ufid.DestinationMac));
        Assert.NotEmpty(BodyOf(seen.Answer));
    }

    [Theory]
    [InlineData(false, 0x80, 0x80)]                                     // M: DHCPv6 gives the address; the prefix is on the link
    [InlineData(true, 0x40, 0xC0)]                                      // O: the guest makes it; names come by DHCPv6
    public void RouterAdvertisement_SaysWhatPolicySays(bool isAutonomous, byte flags, byte prefixFlags)
    {
        byte[] body = BodyOf(Start("10.1.1.12", isAutonomous ? s_autonomous : "2001:db8:1:1::12").Send(Guest, Solicitation(LinkLocal)).ShouldAnswer().Answer);

        Assert.Equal([64, flags, 1800 >> 8, 1800 & 0xFF], body[4..8]);
        Assert.Equal([1, 1, 0x00, 0x1D, 0xD8, 0xB7, 0x1C, 0x00], OptionOf(body, 1));
        Assert.Equal([3, 4, 64, prefixFlags, 0, 1, 0x51, 0x80, 0, 1, 0x51, 0x80, 0, 0, 0, 0, .. Bytes("2001:db8:1:1::")], OptionOf(body, 3));
        Assert.Equal([5, 1, 0, 0, 0, 0, 0x05, 0x78], OptionOf(body, 5));
        Assert.Equal([25, 3, 0, 0, 0, 0, 0x07, 0x08, .. Bytes("2001:db8:1:1::53")], OptionOf(body, 25));
    }

    [Fact]
    public void RouterAdvertisement_WithNothingToSay_SaysNothing()
    {
        World world = Make("10.1.1.12", s_autonomous);
        world[Guest].Dhcp = DhcpPolicy.Default;

        byte[] body = BodyOf(world.Start(World.Host2).Send(Guest, Solicitation(LinkLocal)).ShouldAnswer().Answer);

        Assert.Equal(0, body[5]);
        Assert.Empty(OptionOf(body, 5));
        Assert.Empty(OptionOf(body, 25));
    }

    [Fact]
    public void RouterAdvertisement_OfTwoAddressesOfWhichOneIsTheGuestsOwnMaking_IsManagedAndAutonomous()
    {
        byte[] body = BodyOf(Start(s_autonomous, "2001:db8:1:1::77").Send(Guest, Solicitation(LinkLocal)).ShouldAnswer().Answer);

        Assert.Equal((0x80, 0xC0), (body[5], OptionOf(body, 3)[3]));
    }

    [Fact]
    public void ShortLease_DoesNotOutrunTheNextAdvertisement()
    {
        World world = Make();
        world[Guest].Dhcp = Dhcp with { LeaseSeconds = 60 };

        byte[] body = BodyOf(world.Start(World.Host2).Send(Guest, Solicitation(LinkLocal)).ShouldAnswer().Answer);

        Assert.Equal(1800, BinaryPrimitives.ReadInt32BigEndian(OptionOf(body, 3).AsSpan(4)));
    }

    [Fact]
    public void RouterSwitchedOff_AdvertisesThePrefixAndNoRouter()
    {
        World world = Make();
        world.NetworkOf(5001).DistributedRouter = false;

        byte[] body = BodyOf(world.Start(World.Host2).Send(Guest, Solicitation(LinkLocal)).ShouldAnswer().Answer);

        Assert.Equal(0, BinaryPrimitives.ReadUInt16BigEndian(body.AsSpan(6)));
        Assert.NotEmpty(OptionOf(body, 3));
    }

    [Theory]
    [InlineData("10.1.1.12", true)]
    [InlineData("2001:db8:1:1::12", false)]
    public void RouterSolicitation_WherePolicyAdvertisesNothing_IsSilent(string address, bool answersDhcp)
    {
        World world = Make(address);
        world[Guest].Dhcp = answersDhcp ? Dhcp : null;
        TestHost host = world.Start(World.Host2);

        host.Send(Guest, Solicitation(LinkLocal)).ShouldDrop(DropReason.ArpFilter).ShouldMove("out.bytes+1 out.drop.ArpFilter+1 out.packets+1");
        Assert.Equal(0, host[Guest].WriteRouterAdvertisement(new byte[2048]));
    }

    [Theory]
    [InlineData("hop limit")]
    [InlineData("group")]
    [InlineData("option without length")]
    [InlineData("option from nobody")]
    public void RouterSolicitation_ThatFailsItsChecks_IsSilent(string fault)
    {
        FrameBuilder frame = fault switch
        {
            "hop limit" => Solicitation(LinkLocal).TimeToLive(64),
            "group" => To(LinkLocal, NeighborDiscovery.AllNodes).Icmp(133).TimeToLive(255),
            "option without length" => Solicitation(LinkLocal).Payload(1, 0, 0, 0, 0, 0, 0, 0),
            _ => Solicitation(s_any).Payload(1, 1, 0, 0x1D, 0xD8, 0xB7, 0x1C, 0x07),
        };

        Start().Send(Guest, frame).ShouldDrop(DropReason.ArpFilter);
    }

    [Fact]
    public void RouterSolicitation_FromAForeignAddress_IsForged() =>
        Start().Send(Guest, Solicitation(InetAddress.Parse("2001:db8:1:1::99"))).ShouldDrop(DropReason.IPv6Guard);

    [Fact]
    public void WriteRouterAdvertisement_TellsAllNodesUnasked()
    {
        byte[] frame = new byte[2048];

        int length = Start()[Guest].WriteRouterAdvertisement(frame);

        byte[] body = BodyOf(frame[..length]);
        Assert.Equal(MacAddress.Parse("33-33-00-00-00-01"), MacAddress.Read(frame));
        Assert.NotEmpty(OptionOf(body, 3));
        Assert.Equal(0, Start()[Guest].WriteRouterAdvertisement(new byte[100]));
    }

    [Fact]
    public void WriteRouterAdvertisement_OfAPortWithoutProgram_IsEmpty()
    {
        TestHost host = new();
        World world = Make();
        host.Attach(world[Guest]);

        Assert.Equal(0, host[Guest].WriteRouterAdvertisement(new byte[2048]));
    }

    [Theory]
    [InlineData(134)]
    [InlineData(137)]
    public void MessagesOfARouter_FromAGuest_HaveAReasonOfTheirOwn(byte type)
    {
        FrameBuilder frame = To(LinkLocal, NeighborDiscovery.AllNodes);
        string counted = "out.bytes+1 out.drop.RouterGuard+1 out.packets+1";

        Start().Send(Guest, frame.Icmp(type).TimeToLive(255).Payload(32)).ShouldDrop(DropReason.RouterGuard).ShouldMove(counted);
        Start().Send(Guest, frame.Extension(60, 0, 0, 1, 4, 0, 0, 0, 0).Icmp(type).TimeToLive(255).Payload(32)).ShouldDrop(DropReason.RouterGuard).ShouldMove(counted);
        Start().Send(Guest, frame.Icmp(type).TimeToLive(255).Payload(32).Fragment(0, more: true)).ShouldDrop(DropReason.RouterGuard).ShouldMove(counted);
    }

    [Fact]
    public void RouterGuard_HoldsForAGuestThatMaySpoof()
    {
        World world = Make();
        world[Guest].Settings = PortSettings.Default with { MacSpoofing = true };

        world.Start(World.Host2).Send(Guest, To(LinkLocal, NeighborDiscovery.AllNodes).Icmp(134).TimeToLive(255).Payload(8)).ShouldDrop(DropReason.RouterGuard);
    }

    [Fact]
    public void Ping_OfTheRoutersLinkLocalAddress_IsAnsweredAndRemembered()
    {
        TestHost host = Start();
        FrameBuilder ping = FrameBuilder.Ethernet(Mac, World.RouterMac).IP(LinkLocal, RouterLinkLocal).Ping(7).Payload(56);

        Observation first = host.Send(Guest, ping).ShouldAnswer().ShouldMove("flows+1 out.bytes+1 out.packets+1 out.slow+1");
        host.Send(Guest, ping).ShouldAnswer().ShouldMove("out.bytes+1 out.hits+1 out.packets+1");

        ParsedPacket reply = first.ParseAnswer();
        Assert.Equal((RouterLinkLocal, LinkLocal), (reply.Ufid.Source, reply.Ufid.Destination));
        Assert.Equal(129 << 8, reply.Ufid.DestinationPort);
    }

    [Theory]
    [InlineData("fe80::21d:d8ff:feb7:1c00", true, DropReason.NoDestinationUnicast)]      // anything but an echo request
    [InlineData("fe80::21d:d8ff:feb7:1c06", true, DropReason.IPv6Guard)]                 // another machine's link-local address
    [InlineData("2001:db8:1:1::11", true, DropReason.IPv6Guard)]
    [InlineData("fe80::21d:d8ff:feb7:1c00", false, DropReason.IPv6Guard)]                // the router's address at another's MAC
    public void LinkLocalSource_ReachesNobodyButTheRouter(string destination, bool toRouter, DropReason reason) =>
        Start().Send(Guest, FrameBuilder.Ethernet(Mac, toRouter ? World.RouterMac : ContosoFabrikam.ContosoSqlMac).IP(LinkLocal, InetAddress.Parse(destination)).Udp(1, 2))
            .ShouldDrop(reason);

    [Fact]
    public void NeighbourSolicitation_ForTheRoutersLinkLocalAddress_IsAnsweredAsARouter()
    {
        InetAddress group = NeighborDiscovery.SolicitedNode(RouterLinkLocal);

        Observation seen = Start().Send(Guest, To(LinkLocal, group).NeighborSolicitation(RouterLinkLocal)).ShouldAnswer().ShouldMove(OnlyCounted);

        ParsedPacket answer = seen.ParseAnswer();
        Assert.True(NeighborDiscovery.TryReadAdvertisement(seen.Answer, in answer, out NeighborNotice notice));
        Assert.Equal((RouterLinkLocal, World.RouterMac), (notice.Target, notice.LinkLayer));
        Assert.Equal(0xE0, seen.Answer[answer.TransportOffset + 4]);
    }
}
