using System.Buffers.Binary;
using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;
using static Hnv.Vfp.Tests.DualStackWorld;

namespace Hnv.Vfp.Tests;

/// <summary>DHCP of both families, answered by the host: message in, verdict, counters, and the reply read back.</summary>
public class DhcpAnswersTests
{
    private static readonly byte[] s_clientId = [0, 1, 0, 10, 0, 3, 0, 1, 0x00, 0x1D, 0xD8, 0xB7, 0x1C, 0x07];
    private static readonly byte[] s_serverId = [0, 2, 0, 10, 0, 3, 0, 1, 0x00, 0x1D, 0xD8, 0xB7, 0x1C, 0x00];
    private static readonly byte[] s_otherServerId = [0, 2, 0, 10, 0, 3, 0, 1, 0x00, 0x1D, 0xD8, 0xB7, 0x1C, 0x06];
    private static readonly byte[] s_association = [0, 3, 0, 12, 0xCA, 0xFE, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

    private static byte[] Option(byte code, string address) => [code, 4, .. Bytes(address)];

    private static Dictionary<byte, byte[]> OptionsOf(Observation seen)
    {
        ParsedPacket packet = seen.ParseAnswer();
        Dictionary<byte, byte[]> options = [];
        for (int at = packet.PayloadOffset + 240; seen.Answer[at] != 255; at += 2 + seen.Answer[at + 1])
        {
            options.Add(seen.Answer[at], seen.Answer[(at + 2)..(at + 2 + seen.Answer[at + 1])]);
        }

        return options;
    }

    private static InetAddress YourAddress(Observation seen) => InetAddress.ReadIPv4(seen.Answer.AsSpan(seen.ParseAnswer().PayloadOffset + 16));

    [Fact]
    public void Discover_IsOfferedWhatPolicySays()
    {
        Observation seen = Start().Send(Guest, DhcpV4Frame(DhcpV4(DhcpV4MessageType.Discover)));

        seen.ShouldAnswer().ShouldMove(OnlyCounted);
        ParsedPacket offer = seen.ParseAnswer();
        Assert.Equal((World.RouterMac, Mac), (offer.Ufid.SourceMac, offer.Ufid.DestinationMac));
        Assert.Equal((ContosoFabrikam.Gateway, ContosoFabrikam.Web), (offer.Ufid.Source, offer.Ufid.Destination));
        Assert.Equal((67, 68), ((int)offer.Ufid.SourcePort, (int)offer.Ufid.DestinationPort));
        Assert.Equal(ContosoFabrikam.Web, YourAddress(seen));
        Dictionary<byte, byte[]> options = OptionsOf(seen);
        Assert.Equal([2], options[53]);
        Assert.Equal(Bytes("10.1.1.1"), options[54]);
        Assert.Equal(Bytes("255.255.255.0"), options[1]);
        Assert.Equal(Bytes("10.1.1.1"), options[3]);
        Assert.Equal(Bytes("10.1.1.53"), options[6]);
        Assert.Equal("contoso.example"u8, options[15]);
        Assert.Equal(1400, BinaryPrimitives.ReadUInt16BigEndian(options[26]));
        Assert.Equal(86_400, BinaryPrimitives.ReadInt32BigEndian(options[51]));
        Assert.Equal(43_200, BinaryPrimitives.ReadInt32BigEndian(options[58]));
        Assert.Equal(75_600, BinaryPrimitives.ReadInt32BigEndian(options[59]));
        Assert.Equal([0, 10, 1, 1, 1, 24, 10, 1, 2, 10, 1, 1, 1], options[121]);
    }

    public static TheoryData<string, string, byte[], string> Messages => new()
    {
        { "taking the offer", "Request", [.. Option(50, "10.1.1.12"), .. Option(54, "10.1.1.1")], "Ack" },
        { "after a restart", "Request", Option(50, "10.1.1.12"), "Ack" },
        { "for another address", "Request", Option(50, "10.1.1.99"), "Nak" },
        { "of another network", "Request", Option(50, "192.168.7.7"), "Nak" },
        { "of another server", "Request", [.. Option(50, "10.1.1.12"), .. Option(54, "10.1.1.9")], "DhcpFilter" },
        { "given back", "Release", Option(54, "10.1.1.1"), "DhcpFilter" },
        { "found in use", "Decline", [.. Option(50, "10.1.1.12"), .. Option(54, "10.1.1.1")], "DhcpFilter" },
        { "no address to be informed at", "Inform", [], "DhcpFilter" },
        { "a server's message", "Offer", [], "DhcpFilter" },
        { "options that do not end", "Discover", [61, 200], "DhcpFilter" },
        { "overloaded", "Discover", [52, 1, 3], "DhcpFilter" },
    };

    [Theory]
    [MemberData(nameof(Messages))]
    public void DhcpV4_OfAGuestWithoutAddress_IsAnsweredByItsKind(string _, string type, byte[] options, string expected)
    {
        Observation seen = Start().Send(Guest, DhcpV4Frame(DhcpV4(Enum.Parse<DhcpV4MessageType>(type), options)));

        if (expected == "DhcpFilter")
        {
            seen.ShouldDrop(DropReason.DhcpFilter).ShouldMove("out.bytes+1 out.drop.DhcpFilter+1 out.packets+1");
            return;
        }

        seen.ShouldAnswer().ShouldMove(OnlyCounted);
        Assert.Equal([(byte)Enum.Parse<DhcpV4MessageType>(expected)], OptionsOf(seen)[53]);
        Assert.Equal(expected == "Nak" ? "0.0.0.0" : "10.1.1.12", YourAddress(seen).ToString());
        Assert.Equal(expected == "Nak", seen.ParseAnswer().Ufid.Destination.IsLimitedBroadcast);
    }

    [Theory]
    [InlineData("10.1.1.12", "10.1.1.1", "Ack")]                        // renewing, to the server
    [InlineData("10.1.1.12", "255.255.255.255", "Ack")]                 // rebinding, to all
    [InlineData("10.1.1.77", "255.255.255.255", "Nak")]                 // policy has changed the address meanwhile
    public void DhcpV4_OfAGuestWithAddress_ExtendsItsLeaseOrEndsIt(string source, string destination, string expected)
    {
        FrameBuilder frame = FrameBuilder.Ethernet(Mac, destination == "10.1.1.1" ? World.RouterMac : MacAddress.Broadcast)
            .IP(source, destination).Udp(68, 67).Payload(DhcpV4(DhcpV4MessageType.Request, ciaddr: source));

        Observation seen = Start().Send(Guest, frame).ShouldAnswer();

        Assert.Equal([(byte)Enum.Parse<DhcpV4MessageType>(expected)], OptionsOf(seen)[53]);
    }

    [Fact]
    public void Inform_IsToldEverythingButAnAddress()
    {
        FrameBuilder frame = Broadcast.IP("10.1.1.12", "255.255.255.255").Udp(68, 67).Payload(DhcpV4(DhcpV4MessageType.Inform, ciaddr: "10.1.1.12"));

        Observation seen = Start().Send(Guest, frame).ShouldAnswer();

        Assert.Equal([5], OptionsOf(seen)[53]);
        Assert.DoesNotContain((byte)51, OptionsOf(seen).Keys);
        Assert.True(YourAddress(seen).IsUnspecified);
    }

    [Fact]
    public void DhcpV4_OfAnotherAdapterThanItsPort_IsNotAnswered()
    {
        byte[] discover = DhcpV4(DhcpV4MessageType.Discover, mac: ContosoFabrikam.ContosoSqlMac);

        Start().Send(Guest, DhcpV4Frame(discover)).ShouldDrop(DropReason.DhcpFilter);
    }

    [Fact]
    public void DhcpV4_OfAMachineInsideAGuestThatMaySpoof_IsOrdinaryTraffic()
    {
        World world = Make();
        world[Guest].Settings = PortSettings.Default with { MacSpoofing = true };
        var nested = MacAddress.Parse("02-00-00-00-00-01");

        Observation seen = world.Start(World.Host2).Send(
            Guest, FrameBuilder.Ethernet(nested, MacAddress.Broadcast).IP("0.0.0.0", "255.255.255.255").Udp(68, 67).Payload(DhcpV4(DhcpV4MessageType.Discover, mac: nested)));

        Assert.Equal(Verdict.Replicate, seen.Verdict);
    }

    [Theory]
    [InlineData("2001:db8:1:1::12")]
    [InlineData("10.1.1.12")]
    public void Dhcp_OfAFamilyTheInterfaceHasNoAddressOf_IsSilent(string has)
    {
        FrameBuilder frame = has.Contains(':', StringComparison.Ordinal)
            ? DhcpV4Frame(DhcpV4(DhcpV4MessageType.Discover))
            : DhcpV6Frame(DhcpV6MessageType.Solicit, [.. s_clientId, .. s_association]);

        Start(has).Send(Guest, frame).ShouldDrop(DropReason.DhcpFilter).ShouldMove("out.bytes+1 out.drop.DhcpFilter+1 out.packets+1");
    }

    [Fact]
    public void RouterSwitchedOff_DhcpNamesNoRouterAndAnswersFromALinkLocalServerWithArp()
    {
        World world = Make();
        world.NetworkOf(5001).DistributedRouter = false;
        TestHost host = world.Start(World.Host2);

        Observation offer = host.Send(Guest, DhcpV4Frame(DhcpV4(DhcpV4MessageType.Discover))).ShouldAnswer();
        Observation arp = host.Send(Guest, Broadcast.ArpRequest(ContosoFabrikam.Web, InetAddress.Parse("169.254.169.254"))).ShouldAnswer();
        FrameBuilder renew = FrameBuilder.Ethernet(Mac, World.RouterMac).IP("10.1.1.12", "169.254.169.254").Udp(68, 67)
            .Payload(DhcpV4(DhcpV4MessageType.Request, ciaddr: "10.1.1.12"));

        Assert.Equal(Bytes("169.254.169.254"), OptionsOf(offer)[54]);
        Assert.Empty(OptionsOf(offer).Keys.Intersect([(byte)3, (byte)121]));
        Assert.True(ArpMessage.TryRead(arp.Answer.AsSpan(14), out ArpMessage reply));
        Assert.Equal(World.RouterMac, (MacAddress)reply.SenderMac);
        Assert.Equal([5], OptionsOf(host.Send(Guest, renew).ShouldAnswer())[53]);
    }

    [Fact]
    public void LeaseWithoutEnd_IsToldAsSuch()
    {
        World world = Make();
        world[Guest].Dhcp = Dhcp with { LeaseSeconds = 0 };

        Observation seen = world.Start(World.Host2).Send(Guest, DhcpV4Frame(DhcpV4(DhcpV4MessageType.Discover))).ShouldAnswer();

        Assert.Equal([255, 255, 255, 255], OptionsOf(seen)[51]);
    }

    public static TheoryData<string, byte[], string> MessagesV6 => new()
    {
        { "Solicit", [.. s_clientId, .. s_association], "Advertise" },
        { "Solicit", [.. s_clientId, .. s_association, 0, 14, 0, 0], "Reply" },
        { "Request", [.. s_clientId, .. s_serverId, .. s_association], "Reply" },
        { "Renew", [.. s_clientId, .. s_serverId, .. s_association], "Reply" },
        { "Rebind", [.. s_clientId, .. s_association], "Reply" },
        { "InformationRequest", s_clientId, "Reply" },
        { "Release", [.. s_clientId, .. s_serverId, .. s_association], "Reply" },
        { "Decline", [.. s_clientId, .. s_serverId, .. s_association], "Reply" },
        { "Confirm", [.. s_clientId, .. AssociationOf("2001:db8:1:1::12")], "Reply" },
        { "Confirm", s_clientId, "silence" },
        { "Request", [.. s_clientId, .. s_otherServerId, .. s_association], "silence" },
        { "Request", [.. s_clientId, .. s_association], "DhcpFilter" },
        { "Solicit", s_association, "DhcpFilter" },
        { "Advertise", [.. s_clientId, .. s_serverId], "DhcpFilter" },
        { "Solicit", [.. s_clientId, 0, 3, 0, 200], "DhcpFilter" },
    };

    private static byte[] AssociationOf(string address) =>
        [0, 3, 0, 40, 0xCA, 0xFE, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 24, .. Bytes(address), 0, 0, 0, 9, 0, 0, 0, 9];

    [Theory]
    [MemberData(nameof(MessagesV6))]
    public void DhcpV6_IsAnsweredByItsKind(string type, byte[] options, string expected)
    {
        TestHost host = Start();

        Observation seen = host.Send(Guest, DhcpV6Frame(Enum.Parse<DhcpV6MessageType>(type), options));

        switch (expected)
        {
            case "DhcpFilter":
                seen.ShouldDrop(DropReason.DhcpFilter).ShouldMove("out.bytes+1 out.drop.DhcpFilter+1 out.packets+1");
                return;
            case "silence":
                Assert.Empty(seen.Answer);
                Assert.Equal(1, host[Guest].Counts(Direction.Outbound).Drops[DropReason.DhcpFilter]);
                return;
            default:
                break;
        }

        seen.ShouldAnswer().ShouldMove(OnlyCounted);
        ParsedPacket reply = seen.ParseAnswer();
        Assert.Equal((World.RouterMac, Mac), (reply.Ufid.SourceMac, reply.Ufid.DestinationMac));
        Assert.Equal((RouterLinkLocal, LinkLocal, (ushort)547, (ushort)546), (reply.Ufid.Source, reply.Ufid.Destination, reply.Ufid.SourcePort, reply.Ufid.DestinationPort));
        ReadOnlySpan<byte> body = seen.Answer.AsSpan(reply.PayloadOffset..reply.Length);
        Assert.Equal((byte)Enum.Parse<DhcpV6MessageType>(expected), body[0]);
        Assert.True(body[4..].StartsWith([.. s_clientId, .. s_serverId]));
        bool grants = type is "Solicit" or "Request" or "Renew" or "Rebind";
        Assert.Equal(grants, body.IndexOf((byte[])[0, 5, 0, 24, .. Bytes("2001:db8:1:1::12"), 0, 1, 0x51, 0x80, 0, 1, 0x51, 0x80]) > 0);
        Assert.Equal(grants || type == "InformationRequest", body.IndexOf((byte[])[0, 23, 0, 16, .. Bytes("2001:db8:1:1::53")]) > 0);
    }

    [Fact]
    public void DhcpV6_OfAGuestThatMakesOneAddressItself_GivesTheOther()
    {
        string autonomous = InetAddress.AutonomousOf(ContosoFabrikam.SubnetV6, Mac).ToString();

        Observation seen = Start(autonomous, "2001:db8:1:1::77").Send(Guest, DhcpV6Frame(DhcpV6MessageType.Solicit, [.. s_clientId, .. s_association])).ShouldAnswer();

        Assert.True(seen.Answer.AsSpan().IndexOf((byte[])[0, 5, 0, 24, .. Bytes("2001:db8:1:1::77")]) > 0);
        Assert.Equal(-1, seen.Answer.AsSpan(62).IndexOf(Bytes(autonomous)));
    }

    [Fact]
    public void DhcpV6_WherePolicyAnswersNone_ReachesItsSubnet()
    {
        World world = Make();
        world[Guest].Dhcp = null;

        Observation seen = world.Start(World.Host2).Send(Guest, DhcpV6Frame(DhcpV6MessageType.Solicit, [.. s_clientId, .. s_association]));

        Assert.Equal((Verdict.Replicate, ""), (seen.Verdict, seen.Reason));
    }

    public static TheoryData<string> Hostile => ["v4", "v6", "rs"];

    private static FrameBuilder Request(string which) => which switch
    {
        "v4" => DhcpV4Frame(DhcpV4(DhcpV4MessageType.Request, [.. Option(50, "10.1.1.12"), .. Option(54, "10.1.1.1"), 55, 4, 1, 3, 121, 249, 61, 7, 1, 0, 29, 216, 183, 28, 7])),
        "v6" => DhcpV6Frame(DhcpV6MessageType.Renew, [.. s_clientId, .. s_serverId, .. AssociationOf("2001:db8:1:1::99"), 0, 6, 0, 4, 0, 23, 0, 24]),
        _ => To(LinkLocal, NeighborDiscovery.AllRouters).Icmp(133).TimeToLive(255).Payload(1, 1, 0, 0x1D, 0xD8, 0xB7, 0x1C, 0x07),
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Request_CutAtEveryByteOrWithEveryByteChanged_IsJudgedWithoutAnException(string which)
    {
        TestHost host = Start();
        byte[] whole = Request(which).Build();
        Assert.True(IsAnswered(host, whole, whole.Length));
        for (int length = 0; length < whole.Length; length++)
        {
            Assert.False(IsAnswered(host, whole, length));
        }

        int answered = 0;
        for (int at = 0; at < whole.Length; at++)
        {
            foreach (byte value in (ReadOnlySpan<byte>)[0, 1, 0x7F, 0x80, 0xFF, (byte)~whole[at]])
            {
                byte[] changed = [.. whole];
                changed[at] = value;
                answered += IsAnswered(host, changed, changed.Length) ? 1 : 0;
            }
        }

        Assert.InRange(answered, 1, whole.Length * 6);
    }

    [Theory]
    [InlineData("v4")]
    [InlineData("v6")]
    public void Message_CutWithLengthsToMatch_IsNeverAnsweredInHalf(string which)
    {
        TestHost host = Start();
        byte[] whole = Request(which).Build();
        Assert.Equal(ParseFault.None, PacketParser.TryParse(whole, out ParsedPacket packet));
        byte[] message = whole[packet.PayloadOffset..];
        for (int length = 0; length < message.Length; length++)
        {
            FrameBuilder cut = Request(which).Payload(message[..length]);
            host.Now += 1000;

            Observation seen = host.Send(Guest, cut);

            Assert.True(seen.Reason == "DhcpFilter" || seen.Verdict == Verdict.Hairpin, $"{length}: {seen.Verdict} {seen.Reason}");
            if (seen.Answer.Length > 0)
            {
                _ = seen.ParseAnswer();
            }
        }
    }

    private static bool IsAnswered(TestHost host, byte[] frame, int length)
    {
        ReadOnlySpan<byte> bytes = frame.AsSpan(0, length);
        if (PacketParser.TryParse(bytes, out ParsedPacket packet) != ParseFault.None)
        {
            return false;
        }

        host.Now += 1000;
        byte[] answer = new byte[2048];
        UnifiedFlow flow = host[Guest].DecideOutbound(in packet, bytes, host.Now);
        return flow.Verdict == Verdict.Hairpin && host[Guest].Answer(flow, in packet, bytes, answer, host.Now) > 0;
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Answer_AllocatesNothing(string which)
    {
        TestHost host = Start();
        byte[] frame = Request(which).Build();
        byte[] answer = new byte[2048];
        Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out ParsedPacket packet));
        VPort port = host[Guest];
        Assert.True(Once() > 0);
        long before = GC.GetAllocatedBytesForCurrentThread();

        int length = Once();

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(length > 0);

        int Once() => port.Answer(port.DecideOutbound(in packet, frame, 1), in packet, frame, answer, 1);
    }
}
