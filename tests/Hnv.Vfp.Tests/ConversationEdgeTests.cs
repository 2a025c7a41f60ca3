using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

/// <summary>What is remembered of one packet must not decide wrongly for another: found by comparison with the model, each kept here at its smallest.</summary>
public class ConversationEdgeTests
{
    private static readonly InetAddress s_sql = ContosoFabrikam.Sql;
    private static readonly InetAddress s_web = ContosoFabrikam.Web;

    private static FrameBuilder Routed => FrameBuilder.Ethernet(World.Figure2()["a"].Mac, World.RouterMac).IP("10.1.1.11", "10.1.3.11");

    private static AclRule Block(Direction direction) => new("deny", AclLevel.Subnet, direction, AclAction.Block, 100, null, [], [], [], [], false);

    [Fact]
    public void LaterFragment_OfAFirstThatWasAnswered_EndsInSilence()
    {
        TestHost host = World.Figure2().Start(World.Host1);

        host.Send("a", Routed.Udp(1, 2).Payload(24).TimeToLive(1).Fragment(0, more: true)).ShouldAnswer();
        Observation later = host.Send("a", Routed.Udp(1, 2).Payload(24).TimeToLive(1).Fragment(32, more: false));

        Assert.Empty(later.ShouldDrop(DropReason.TtlExpired).Answer);
    }

    [Fact]
    public void LaterFragment_WhoseOwnTtlRunsOut_GoesNoFurther()
    {
        TestHost host = World.Figure2().Start(World.Host1);

        host.Send("a", Routed.Udp(1, 2).Payload(24).Fragment(0, more: true)).ShouldForward();

        host.Send("a", Routed.Udp(1, 2).Payload(24).TimeToLive(1).Fragment(32, more: false)).ShouldDrop(DropReason.TtlExpired);
    }

    [Fact]
    public void LaterFragment_TowardAnotherMac_IsNotDecidedByTheFirst()
    {
        TestHost host = World.Figure2().Start(World.Host1);
        host.Send("a", Routed.Udp(1, 2).Payload(24).Fragment(0, more: true)).ShouldForward();

        FrameBuilder elsewhere = FrameBuilder.Ethernet(World.Figure2()["a"].Mac, World.Figure2()["d"].Mac).IP("10.1.1.11", "10.1.3.11");

        host.Send("a", elsewhere.Udp(1, 2).Payload(24).Fragment(32, more: false)).ShouldDrop(DropReason.FragmentWithoutFirst);
    }

    [Fact]
    public void Broadcast_AfterOneThatWasTooLong_ReachesOtherHostsAsBefore()
    {
        TestHost host = new();
        World world = World.Figure8();
        host.Attach(world["contoso-sql"]);
        host.Install(world.PolicyOf(World.Host1), new Compiler.HostFacts(UnderlayMtu: 1500));
        FrameBuilder broadcast = FrameBuilder.Ethernet(ContosoFabrikam.ContosoSqlMac, MacAddress.Broadcast).IP(s_sql, InetAddress.Parse("10.1.1.255"));

        host.Send("contoso-sql", broadcast.Udp(1, 2).Payload(1470));

        Assert.Single(host.Send("contoso-sql", broadcast.Udp(1, 3)).Flow.ReplicationTargets.ToArray());
    }

    [Fact]
    public void Broadcast_ThatFoundNobody_FindsAMemberPluggedInLater()
    {
        World world = new();
        world.AddNetwork("two", (5001, "10.1.1.0/24"));
        World.Nic one = world.AddNic("one", 5001, "00-1D-D8-B7-1C-06", World.Host1, "10.1.1.11"), two = world.AddNic("two", 5001, "00-1D-D8-B7-1C-07", World.Host1, "10.1.1.12");
        TestHost host = new();
        host.Attach(one);
        host.Install(world.PolicyOf(World.Host1));
        FrameBuilder broadcast = FrameBuilder.Ethernet(one.Mac, MacAddress.Broadcast).IP("10.1.1.11", "10.1.1.255").Udp(1, 2);
        host.Send("one", broadcast).ShouldDrop(DropReason.NoDestinationsBroadcast);

        host.Attach(two);

        Assert.Equal(Verdict.Replicate, host.Send("one", broadcast).Verdict);
    }

    [Fact]
    public void EchoRequest_OfTheOneWhoWasPinged_IsNoAnswer()
    {
        World world = World.Figure8();
        world["contoso-sql"].Rules = [Block(Direction.Inbound)];
        TestHost host = world.Start(World.Host1);
        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Ping(7)).ShouldForward();

        host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Icmp(IcmpTypes.EchoReply, 0, 7 << 16)).ShouldForward();
        host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Ping(7)).ShouldDrop(DropReason.Acl);
    }

    [Fact]
    public void OtherIcmp_OfTheOneWhoWasPinged_IsNoAnswer()
    {
        const byte timestamp = 13;
        World world = World.Figure8();
        world["contoso-sql"].Rules = [Block(Direction.Inbound)];
        TestHost host = world.Start(World.Host1);
        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Ping(0)).ShouldForward();

        host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Icmp(timestamp)).ShouldDrop(DropReason.Acl);
    }

    [Fact]
    public void TcpAnswer_NobodyAskedFor_DoesNotHideABeginning()
    {
        World world = World.Figure8();
        world["contoso-sql"].Rules = [Block(Direction.Outbound)];
        TestHost host = world.Start(World.Host1);

        host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Tcp(80, 40000, TcpFlags.Syn | TcpFlags.Ack)).ShouldForward();
        host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Tcp(80, 40000)).ShouldForward();

        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Tcp(40000, 80)).ShouldForward();
    }

    [Fact]
    public void WhatWasDecidedWithoutAConversation_IsDecidedAgainWithinIt()
    {
        World world = World.Figure8();
        world["contoso-sql"].Nat = [Static];
        TestHost host = world.Start(World.Host1);
        FrameBuilder reply = ContosoFabrikam.SqlToWeb.Icmp(IcmpTypes.EchoReply, 0, 7 << 16);
        Assert.True(host.Send("contoso-sql", reply).ShouldForward().Transposition.Translates);

        host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Ping(7)).ShouldForward();

        Assert.False(host.Send("contoso-sql", reply).ShouldForward().Transposition.Translates);
    }

    [Fact]
    public void RememberedDrop_OfTheRouter_DoesNotHideAnExpiredTtl()
    {
        TestHost host = World.Figure2().Start(World.Host1);
        FrameBuilder nowhere = FrameBuilder.Ethernet(World.Figure2()["a"].Mac, World.RouterMac).IP("10.1.1.11", "192.0.2.1").Udp(1, 2);
        host.Send("a", nowhere).ShouldDrop(DropReason.NoRoute);

        host.Send("a", nowhere.TimeToLive(1)).ShouldAnswer();
    }

    [Fact]
    public void Error_AboutATranslatedProtocolWithoutPorts_IsTranslated()
    {
        const byte gre = 47;
        World world = World.Figure8();
        world["contoso-sql"].Nat = [Static];
        TestHost host = world.Start(World.Host1);
        FrameBuilder sent = FrameBuilder.Ethernet(ContosoFabrikam.ContosoSqlMac, ContosoFabrikam.ContosoWebMac).IP(s_sql, s_web).Transport(gre, new byte[8]);
        host.Send("contoso-sql", sent).ShouldForward();
        byte[] seen = FrameBuilder.Ethernet(ContosoFabrikam.ContosoSqlMac, ContosoFabrikam.ContosoWebMac)
            .IP("10.1.1.200", "10.1.1.12").Transport(gre, new byte[8]).Build()[14..];

        Observation error = host.Receive("contoso-sql", FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac)
            .IP("10.1.1.12", "10.1.1.200").Icmp(IcmpTypes.DestinationUnreachable, 2).Payload(seen));

        Assert.Equal(AddressRewriteParts.Source | AddressRewriteParts.Destination, error.ShouldForward().Flow.Extras!.Quoted!.Value.Parts);
    }

    [Fact]
    public void Hairpin_ToOneself_AsksTheInboundFirewallToo()
    {
        World world = World.Figure8();
        world["contoso-sql"].Rules = [Block(Direction.Inbound)];
        world["contoso-sql"].Nat =
        [
            new NatRule("lb", NatKind.LoadBalance, 100, null, [], [IpPrefix.Parse("10.1.1.200/32")], [], PortRange.All, [new NatTarget(s_sql, 0)]),
        ];
        TestHost host = world.Start(World.Host1);
        host.Send("contoso-sql", FrameBuilder.Ethernet(ContosoFabrikam.ContosoSqlMac, World.RouterMac).IP("10.1.1.11", "10.1.1.200").Udp(40000, 80)).ShouldForward();

        host.Receive("contoso-sql", FrameBuilder.Ethernet(World.RouterMac, ContosoFabrikam.ContosoSqlMac).IP("10.1.1.200", "10.1.1.11").Udp(40000, 80)).ShouldDrop(DropReason.Acl);
    }

    [Fact]
    public void PingOfABalancedAddress_WithTargetsOfAPort_OutlivesAPolicyChange()
    {
        World world = World.Figure8();
        world["contoso-sql"].Nat =
        [
            new NatRule("lb", NatKind.LoadBalance, 100, null, [], [IpPrefix.Parse("10.1.1.200/32")], [], PortRange.All, [new NatTarget(s_web, 80)]),
        ];
        TestHost host = world.Start(World.Host1);
        host.Send("contoso-sql", FrameBuilder.Ethernet(ContosoFabrikam.ContosoSqlMac, World.RouterMac).IP("10.1.1.11", "10.1.1.200").Ping(7)).ShouldForward();

        world["contoso-sql"].Rules = [Block(Direction.Inbound)];
        host.Install(world.PolicyOf(World.Host1));

        Transposition answer = host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Icmp(IcmpTypes.EchoReply, 0, 7 << 16)).ShouldForward().Transposition;
        Assert.Equal(InetAddress.Parse("10.1.1.200"), answer.Source);
    }

    private static NatRule Static { get; } = new(
        "static", NatKind.Static, 100, null, [IpPrefix.Parse("10.1.1.11/32")], [IpPrefix.Parse("10.1.1.200/32")], [], PortRange.All, []);
}
