using System.Collections.Immutable;
using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

public class ResimulationTests
{
    private static readonly ImmutableArray<AclRule> s_denyInbound =
        [new("deny", AclLevel.NetworkInterface, Direction.Inbound, AclAction.Block, 65001, null, [], [], [], [], Logging: false)];

    private static FrameBuilder Data(byte flags = TcpFlags.Ack) => ContosoFabrikam.WebToSql.Tcp(40000, 5432, flags);

    private static FrameBuilder Answer(byte flags = TcpFlags.Ack) => ContosoFabrikam.SqlToWeb.Tcp(5432, 40000, flags);

    private static (World World, TestHost Host1) Running()
    {
        World world = World.Figure8();
        TestHost host1 = world.Start(World.Host1);
        host1.Receive("contoso-sql", Data(TcpFlags.Syn)).ShouldForward();
        host1.Send("contoso-sql", Answer(TcpFlags.Syn | TcpFlags.Ack)).ShouldForward();
        host1.Receive("contoso-sql", Data()).ShouldForward();
        return (world, host1);
    }

    private static void SetRules(World world, TestHost host, ImmutableArray<AclRule> rules)
    {
        world["contoso-sql"].Rules = rules;
        host.Install(world.PolicyOf(World.Host1));
    }

    [Fact]
    public void Install_NewGeneration_ResimulatesTheFlowOnItsNextPacket()
    {
        (World world, TestHost host1) = Running();

        SetRules(world, host1, [.. world["contoso-sql"].Rules, new AclRule("new", AclLevel.Subnet, Direction.Outbound, AclAction.Block, 100, IPProtocols.Sctp, [], [], [], [], false)]);
        Observation next = host1.Receive("contoso-sql", Data());
        Observation after = host1.Receive("contoso-sql", Data());

        next.ShouldForward().ShouldMove("in.bytes+1 in.packets+1 in.slow+1");
        after.ShouldForward().ShouldMove("in.bytes+1 in.hits+1 in.packets+1");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Rule_ThatBlocksARunningConnection_StopsItWhicheverSideSpeaksFirst(bool serverSpeaksFirst)
    {
        (World world, TestHost host1) = Running();

        SetRules(world, host1, s_denyInbound);
        Observation server = serverSpeaksFirst ? host1.Send("contoso-sql", Answer()) : host1.Receive("contoso-sql", Data());
        Observation client = serverSpeaksFirst ? host1.Receive("contoso-sql", Data()) : host1.Send("contoso-sql", Answer());

        server.ShouldDrop(DropReason.Acl);
        client.ShouldDrop(DropReason.Acl);
        host1.Send("contoso-sql", Answer()).ShouldDrop(DropReason.Acl);
    }

    [Fact]
    public void Rule_TakenAwayAgain_LetsTheConnectionGoOn()
    {
        (World world, TestHost host1) = Running();
        SetRules(world, host1, s_denyInbound);
        host1.Receive("contoso-sql", Data()).ShouldDrop(DropReason.Acl);

        SetRules(world, host1, []);

        host1.Send("contoso-sql", Answer()).ShouldForward();
        host1.Receive("contoso-sql", Data()).ShouldForward();
    }

    [Fact]
    public void Rule_ThatBlocksTheOtherDirection_LeavesTheConnectionAlone()
    {
        (World world, TestHost host1) = Running();

        SetRules(world, host1, [s_denyInbound[0] with { Direction = Direction.Outbound }]);

        host1.Send("contoso-sql", Answer()).ShouldForward();
        host1.Receive("contoso-sql", Data()).ShouldForward();
        host1.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Tcp(50000, 80, TcpFlags.Syn)).ShouldDrop(DropReason.Acl);
    }

    [Fact]
    public void NewSyn_OnABlockedConnection_IsJudgedAfresh()
    {
        (World world, TestHost host1) = Running();
        SetRules(world, host1, s_denyInbound);
        host1.Receive("contoso-sql", Data()).ShouldDrop(DropReason.Acl);

        Observation outbound = host1.Send("contoso-sql", Answer(TcpFlags.Syn));

        outbound.ShouldForward();
        host1.Receive("contoso-sql", Data(TcpFlags.Syn | TcpFlags.Ack)).ShouldForward();
    }

    [Fact]
    public void Mapping_ThatMovedToAnotherHost_IsFollowedByTheNextPacket()
    {
        World world = World.Figure8();
        TestHost host2 = world.Start(World.Host2);
        host2.Send("contoso-web", Data()).ShouldForward();
        ProviderAddress host3 = ProviderAddress.Parse("192.168.3.30");

        HostPolicy policy = world.PolicyOf(World.Host2);
        host2.Install(policy with
        {
            Mappings = [.. policy.Mappings.Select(mapping => mapping.Provider == World.Host1 ? mapping with { Provider = host3 } : mapping)],
        });

        Assert.Equal(host3, host2.Send("contoso-web", Data()).ShouldForward().Transposition.Provider);
    }

    [Fact]
    public void Port_UnpluggedAndPluggedInAgain_IsReachedThroughItsNewPort()
    {
        World world = World.Figure8();
        world.AddNic("contoso-app", 5001, "00-1D-D8-B7-1C-08", World.Host2, "10.1.1.13");
        TestHost host2 = world.Start(World.Host2);
        FrameBuilder packet = FrameBuilder.Ethernet(world["contoso-web"].Mac, world["contoso-app"].Mac).IP("10.1.1.12", "10.1.1.13").Udp(1, 2);
        VPort old = host2["contoso-app"];
        Assert.Same(old, host2.Send("contoso-web", packet).Flow.Destination);

        host2.Switch.RemovePort(old.Nic);
        VPort renewed = host2.Switch.AddPort(old.Nic, "contoso-app");

        Assert.Same(renewed, host2.Send("contoso-web", packet).Flow.Destination);
        byte[] frame = packet.Build();
        _ = PacketParser.TryParse(frame, out ParsedPacket parsed);
        Assert.Equal(DropReason.NoPolicy, old.DecideInbound(in parsed, frame, host2.Now).DropReason);
    }
}
