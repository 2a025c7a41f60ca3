using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

/// <summary>Address translation: what becomes of the first packet, the answers, the errors about it, and of both when policy changes.</summary>
public class TranslationTests
{
    private static readonly InetAddress s_guest = InetAddress.Parse("10.1.1.11");
    private static readonly InetAddress s_web = InetAddress.Parse("10.1.1.12");
    private static readonly InetAddress s_external = InetAddress.Parse("10.1.1.200");

    [Fact]
    public void Source_TakesAnAddressAndPortOfThePool_AndAnswersComeBack()
    {
        TestHost host = Start(Pool("10.1.1.200/32", 5000, 5009));

        Transposition sent = host.Send("contoso-sql", ToWeb(40000)).ShouldForward().Transposition;
        Transposition answered = host.Receive("contoso-sql", FromWeb(s_external, sent.SourcePort)).ShouldForward().Transposition;

        Assert.Equal(TranspositionEdits.Source | TranspositionEdits.SourcePort, sent.Edits & TranspositionEdits.Translation);
        Assert.Equal((s_external, true), (sent.Source, sent.SourcePort is >= 5000 and <= 5009));
        Assert.Equal(TranspositionEdits.Destination | TranspositionEdits.DestinationPort, answered.Edits & TranspositionEdits.Translation);
        Assert.Equal((s_guest, (ushort)40000), (answered.Destination, answered.DestinationPort));
    }

    [Fact]
    public void Source_OneEndpoint_KeepsItsExternalPortWhateverItTalksTo()
    {
        TestHost host = Start(Pool("10.1.1.200/32", 5000, 5009));

        ushort first = host.Send("contoso-sql", ToWeb(40000, 80)).ShouldForward().Transposition.SourcePort;
        ushort second = host.Send("contoso-sql", ToWeb(40000, 81)).ShouldForward().Transposition.SourcePort;

        Assert.Equal(first, second);
    }

    [Fact]
    public void Source_AWantedPortInRange_IsKept()
    {
        TestHost host = Start(Pool("10.1.1.200/32", 40000, 40010));

        Transposition sent = host.Send("contoso-sql", ToWeb(40003)).ShouldForward().Transposition;

        Assert.Equal(TranspositionEdits.Source, sent.Edits & TranspositionEdits.Translation);
    }

    [Fact]
    public void Source_ExhaustedPool_RefusesTheNewcomerOnly_AndRecovers()
    {
        TestHost host = Start(Pool("10.1.1.200/32", 5000, 5001));
        host.Send("contoso-sql", ToWeb(40000)).ShouldForward();
        host.Send("contoso-sql", ToWeb(40001)).ShouldForward();

        host.Send("contoso-sql", ToWeb(40002)).ShouldDrop(DropReason.NatExhausted);
        host.Send("contoso-sql", ToWeb(40000)).ShouldForward();
        Assert.Equal([(2, NatRangeState.Used)], host["contoso-sql"].NatRanges().Select(range => (range.Used, range.State)));
        host.Now += 200_000;
        host.Switch.Age(host.Now);

        host.Send("contoso-sql", ToWeb(40002)).ShouldForward();
    }

    [Fact]
    public void Source_UnaskedPacketToThePool_ReachesNobody()
    {
        TestHost host = Start(Pool("10.1.1.200/32", 5000, 5009));

        Observation unasked = host.Receive("contoso-sql", FromWeb(s_external, 5003));

        Assert.Equal(TranspositionEdits.None, unasked.Transposition.Edits & TranspositionEdits.Translation);
    }

    [Fact]
    public void Source_PingIsTranslatedByItsIdentifier()
    {
        TestHost host = Start(Pool("10.1.1.200/32", 5000, 5009));

        Transposition sent = host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Ping(77)).ShouldForward().Transposition;
        Transposition answered = host.Receive(
            "contoso-sql", FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac).IP(s_web, s_external).Icmp(IcmpTypes.EchoReply, 0, (uint)sent.SourcePort << 16)).ShouldForward().Transposition;

        Assert.InRange(sent.SourcePort, 5000, 5009);
        Assert.Equal((s_guest, (ushort)77), (answered.Destination, answered.SourcePort));
    }

    [Fact]
    public void Source_ErrorAboutATranslatedPacket_BringsItsSenderBack()
    {
        TestHost host = Start(Pool("10.1.1.200/32", 5000, 5009));
        ushort port = host.Send("contoso-sql", ToWeb(40000, 9)).ShouldForward().Transposition.SourcePort;
        byte[] asTheNetworkSawIt = FrameBuilder.Ethernet(ContosoFabrikam.ContosoSqlMac, ContosoFabrikam.ContosoWebMac).IP(s_external, s_web).Udp(port, 9).Build();
        FrameBuilder error = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac)
            .IP(s_web, s_external).Icmp(IcmpTypes.DestinationUnreachable, 3).Payload(asTheNetworkSawIt[14..]);

        Observation seen = host.Receive("contoso-sql", error).ShouldForward();

        Assert.Equal((TranspositionEdits.Destination, s_guest), (seen.Transposition.Edits & TranspositionEdits.Translation, seen.Transposition.Destination));
        AddressRewrite quoted = seen.Flow.Extras!.Quoted!.Value;
        Assert.Equal((s_guest, (ushort)40000, s_web, (ushort)9), (quoted.Source, quoted.SourcePort, quoted.Destination, quoted.DestinationPort));
    }

    [Fact]
    public void Static_BothDirections_EachMayBegin()
    {
        TestHost host = Start(Rule(NatKind.Static, @internal: "10.1.1.11/32", external: "10.1.1.200/32"));

        Transposition sent = host.Send("contoso-sql", ToWeb(40000)).ShouldForward().Transposition;
        Transposition received = host.Receive("contoso-sql", FromWeb(s_external, 22, 41000)).ShouldForward().Transposition;
        Transposition reply = host.Send("contoso-sql", ToWeb(22, 41000)).ShouldForward().Transposition;

        Assert.Equal((TranspositionEdits.Source, s_external), (sent.Edits & TranspositionEdits.Translation, sent.Source));
        Assert.Equal((TranspositionEdits.Destination, s_guest), (received.Edits & TranspositionEdits.Translation, received.Destination));
        Assert.Equal((TranspositionEdits.Source, s_external), (reply.Edits & TranspositionEdits.Translation, reply.Source));
    }

    [Fact]
    public void Destination_APortOfTheOutsideLeadsToAPortOfTheGuest()
    {
        TestHost host = Start(Rule(NatKind.Destination, external: "10.1.1.200/32", ports: new PortRange(8080, 8080), targets: [("10.1.1.11", 80)]));

        Transposition received = host.Receive("contoso-sql", FromWeb(s_external, 8080, 41000)).ShouldForward().Transposition;
        Transposition reply = host.Send("contoso-sql", ToWeb(80, 41000)).ShouldForward().Transposition;

        Assert.Equal((s_guest, (ushort)80), (received.Destination, received.DestinationPort));
        Assert.Equal((s_external, (ushort)8080), (reply.Source, reply.SourcePort));
    }

    [Fact]
    public void LoadBalance_OneConnectionKeepsItsTarget_AndItsAnswersComeFromTheVirtualAddress()
    {
        TestHost host = Start(Rule(NatKind.LoadBalance, external: "10.1.1.200/32", ports: new PortRange(80, 80), targets: [("10.1.1.12", 8080)]));

        Observation question = host.Send("contoso-sql", FrameBuilder.Ethernet(ContosoFabrikam.ContosoSqlMac, World.RouterMac).ArpRequest(s_guest, s_external));
        Transposition sent = host.Send("contoso-sql", ToVirtual(40000)).ShouldForward().Transposition;
        Transposition answered = host.Receive(
            "contoso-sql",
            FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac).IP(s_web, s_guest).Tcp(8080, 40000, TcpFlags.Syn | TcpFlags.Ack)).ShouldForward().Transposition;

        Assert.Equal(Verdict.Hairpin, question.Verdict);
        Assert.Equal((s_web, (ushort)8080, World.Host2), (sent.Destination, sent.DestinationPort, sent.Provider));
        Assert.Equal((s_external, (ushort)80), (answered.Source, answered.SourcePort));
    }

    [Fact]
    public void LoadBalance_ThatLeadsBackToTheSender_ReturnsByItsOwnPort_FromTheVirtualAddress()
    {
        TestHost host = Start(Rule(NatKind.LoadBalance, external: "10.1.1.200/32", ports: new PortRange(80, 80), targets: [("10.1.1.11", 8080)]));
        VPort port = host["contoso-sql"];

        UnifiedFlow sent = host.Send("contoso-sql", ToVirtual(40000)).ShouldForward().Flow;
        host.Receive("contoso-sql", FrameBuilder.Ethernet(World.RouterMac, ContosoFabrikam.ContosoSqlMac).IP(s_external, s_guest).Tcp(40000, 8080, TcpFlags.Syn)).ShouldForward();
        UnifiedFlow answer = host.Send(
            "contoso-sql", FrameBuilder.Ethernet(ContosoFabrikam.ContosoSqlMac, World.RouterMac).IP(s_guest, s_external).Tcp(8080, 40000, TcpFlags.Syn | TcpFlags.Ack)).ShouldForward().Flow;

        Assert.Same(port, sent.Destination);
        Assert.Equal((s_external, s_guest, (ushort)8080), (sent.Transposition.Source, sent.Transposition.Destination, sent.Transposition.DestinationPort));
        Assert.Same(port, answer.Destination);
        Assert.Equal(
            (s_external, (ushort)80, s_guest), (answer.Transposition.Source, answer.Transposition.SourcePort, answer.Transposition.Destination));
        Observation arrived = host.Receive("contoso-sql", FrameBuilder.Ethernet(World.RouterMac, ContosoFabrikam.ContosoSqlMac).IP(s_external, s_guest).Tcp(80, 40000, TcpFlags.Syn | TcpFlags.Ack));
        Assert.Equal(TranspositionEdits.None, arrived.ShouldForward().Transposition.Edits);
    }

    [Fact]
    public void PolicyChange_ThatKeepsThePool_KeepsTheConnectionsPort()
    {
        World world = World.Figure8();
        TestHost host = Start(world, Pool("10.1.1.200/32", 5000, 5009));
        ushort before = host.Send("contoso-sql", ToWeb(40000)).Transposition.SourcePort;

        world["contoso-sql"].Nat = [Pool("10.1.1.199/32", 6000, 6009) with { RuleId = "new", Priority = 90 }, Pool("10.1.1.200/32", 5000, 5100)];
        host.Install(world.PolicyOf(World.Host1));

        Assert.Equal(before, host.Send("contoso-sql", ToWeb(40000)).ShouldForward().Transposition.SourcePort);
        Assert.InRange(host.Send("contoso-sql", ToWeb(40001)).ShouldForward().Transposition.SourcePort, 6000, 6009);
    }

    [Fact]
    public void PolicyChange_ThatTakesTheAddressAway_EndsTheConnection()
    {
        World world = World.Figure8();
        TestHost host = Start(world, Pool("10.1.1.200/32", 5000, 5009));
        host.Send("contoso-sql", ToWeb(40000)).ShouldForward();

        world["contoso-sql"].Nat = [];
        host.Install(world.PolicyOf(World.Host1));

        Assert.Equal(TranspositionEdits.None, host.Send("contoso-sql", ToWeb(40000)).ShouldForward().Transposition.Edits & TranspositionEdits.Translation);
    }

    [Fact]
    public void Prefix_IsExchangedChecksumNeutrally()
    {
        World world = new();
        world.AddNetwork("six", (5001, "fd00:1:1::/48"));
        world.AddNic("a", 5001, "00-1D-D8-B7-1C-06", World.Host1, "fd00:1:1::11");
        world.AddNic("b", 5001, "00-1D-D8-B7-1C-07", World.Host2, "fd00:1:1::12");
        world["a"].Nat = [Rule(NatKind.Prefix, @internal: "fd00:1:1::/48", external: "2001:db8:1::/48")];
        TestHost host = world.Start(World.Host1);
        InetAddress a = InetAddress.Parse("fd00:1:1::11"), b = InetAddress.Parse("fd00:1:1::12");

        Transposition sent = host.Send("a", FrameBuilder.Ethernet(world["a"].Mac, world["b"].Mac).IP(a, b).Udp(1, 2)).ShouldForward().Transposition;
        Transposition answered = host.Receive("a", FrameBuilder.Ethernet(world["b"].Mac, world["a"].Mac).IP(b, sent.Source).Udp(2, 1)).ShouldForward().Transposition;

        Assert.True(IpPrefix.Parse("2001:db8:1::/48").Contains(sent.Source));
        Assert.Equal(a, answered.Destination);
    }

    [Fact]
    public void LaterFragments_OfATranslatedDatagram_AreTranslatedToo()
    {
        TestHost host = Start(Pool("10.1.1.200/32", 5000, 5009));
        FrameBuilder first = ContosoFabrikam.SqlToWeb.Udp(40000, 53).Payload(64).Fragment(0, more: true);
        FrameBuilder later = ContosoFabrikam.SqlToWeb.Udp(40000, 53).Payload(64).Fragment(72, more: false);

        Transposition ofFirst = host.Send("contoso-sql", first).ShouldForward().Transposition;
        Transposition ofLater = host.Send("contoso-sql", later).ShouldForward().Transposition;

        Assert.Equal(TranspositionEdits.Source | TranspositionEdits.SourcePort, ofFirst.Edits & TranspositionEdits.Translation);
        Assert.Equal((TranspositionEdits.Source, s_external), (ofLater.Edits & TranspositionEdits.Translation, ofLater.Source));
    }

    private static TestHost Start(NatRule rule) => Start(World.Figure8(), rule);

    private static TestHost Start(World world, NatRule rule)
    {
        world["contoso-sql"].Nat = [rule];
        return world.Start(World.Host1);
    }

    private static NatRule Pool(string external, ushort first, ushort last) =>
        Rule(NatKind.Source, external: external, ports: new PortRange(first, last));

    private static NatRule Rule(
        NatKind kind, string? @internal = null, string external = "10.1.1.200/32", PortRange? ports = null, params (string Address, ushort Port)[] targets) => new(
        "nat", kind, 100, null, @internal is null ? [] : [IpPrefix.Parse(@internal)], [IpPrefix.Parse(external)], [], ports ?? PortRange.All,
        [.. targets.Select(target => new NatTarget(InetAddress.Parse(target.Address), target.Port))]);

    private static FrameBuilder ToWeb(ushort sourcePort, ushort port = 80) => ContosoFabrikam.SqlToWeb.Udp(sourcePort, port);

    private static FrameBuilder ToVirtual(ushort sourcePort) =>
        FrameBuilder.Ethernet(ContosoFabrikam.ContosoSqlMac, World.RouterMac).IP(s_guest, s_external).Tcp(sourcePort, 80, TcpFlags.Syn);

    private static FrameBuilder FromWeb(InetAddress destination, ushort port, ushort sourcePort = 80) =>
        FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac).IP(s_web, destination).Udp(sourcePort, port);
}
