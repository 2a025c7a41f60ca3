using System.Collections.Immutable;
using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

public class FlowLifeTests
{
    private static readonly ImmutableArray<AclRule> s_denyInbound =
        [new("deny", AclLevel.NetworkInterface, Direction.Inbound, AclAction.Block, 65001, null, [], [], [], [], Logging: false)];

    private static FrameBuilder Out(byte flags, ushort port = 50000) => ContosoFabrikam.SqlToWeb.Tcp(port, 80, flags);

    private static FrameBuilder Back(byte flags, ushort port = 50000) => ContosoFabrikam.WebToSql.Tcp(80, port, flags);

    private static TestHost Start(PortSettings? settings = null)
    {
        World world = World.Figure8();
        world["contoso-sql"].Settings = settings ?? PortSettings.Default;
        world["contoso-sql"].Rules = s_denyInbound;
        return world.Start(World.Host1);
    }

    private static void Wait(TestHost host, long seconds)
    {
        host.Now += seconds * 1000;
        host.Switch.Age(host.Now);
    }

    [Fact]
    public void IdleFlow_IsForgottenAfterAMinute_TrafficKeepsIt()
    {
        TestHost host1 = Start();
        host1.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(5000, 53));

        Wait(host1, 50);
        host1.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(5000, 53)).ShouldMove("out.bytes+1 out.hits+1 out.packets+1");
        Wait(host1, 50);
        int afterTraffic = host1["contoso-sql"].FlowCount;
        Wait(host1, 61);

        Assert.Equal((1, 0), (afterTraffic, host1["contoso-sql"].FlowCount));
    }

    [Fact]
    public void EstablishedTcp_OutlivesItsFlows()
    {
        TestHost host1 = Start();
        host1.Send("contoso-sql", Out(TcpFlags.Syn));
        host1.Receive("contoso-sql", Back(TcpFlags.Syn | TcpFlags.Ack)).ShouldForward();

        Wait(host1, 3600);

        Assert.Equal((0, 1), (host1["contoso-sql"].FlowCount, host1["contoso-sql"].ConnectionCount));
        host1.Receive("contoso-sql", Back(TcpFlags.Ack)).ShouldForward();
    }

    [Fact]
    public void HalfOpenTcp_IsForgottenAfterAMinute()
    {
        TestHost host1 = Start();
        host1.Send("contoso-sql", Out(TcpFlags.Syn));

        Wait(host1, 61);

        Assert.Equal(0, host1["contoso-sql"].ConnectionCount);
        host1.Receive("contoso-sql", Back(TcpFlags.Syn | TcpFlags.Ack)).ShouldDrop(DropReason.Acl);
    }

    [Theory]
    [InlineData(TcpFlags.Rst, 0)]
    [InlineData(TcpFlags.Fin | TcpFlags.Ack, TcpFlags.Fin | TcpFlags.Ack)]
    public void ClosedTcp_IsForgottenSoonWithItsFlows(byte outbound, byte inbound)
    {
        TestHost host1 = Start();
        host1.Send("contoso-sql", Out(TcpFlags.Syn));
        host1.Receive("contoso-sql", Back(TcpFlags.Syn | TcpFlags.Ack));
        host1.Send("contoso-sql", Out(outbound)).ShouldForward();
        if (inbound != 0)
        {
            host1.Receive("contoso-sql", Back(inbound)).ShouldForward();
        }

        Wait(host1, 11);

        Assert.Equal((0, 0), (host1["contoso-sql"].FlowCount, host1["contoso-sql"].ConnectionCount));
    }

    [Fact]
    public void Syn_OnAClosedTuple_StartsAnew()
    {
        TestHost host1 = Start();
        host1.Send("contoso-sql", Out(TcpFlags.Syn));
        host1.Receive("contoso-sql", Back(TcpFlags.Syn | TcpFlags.Ack));
        host1.Receive("contoso-sql", Back(TcpFlags.Rst));

        Observation fromOutside = host1.Receive("contoso-sql", Back(TcpFlags.Syn));
        Observation fromInside = host1.Send("contoso-sql", Out(TcpFlags.Syn));

        fromOutside.ShouldDrop(DropReason.Acl);
        fromInside.ShouldForward();
        host1.Receive("contoso-sql", Back(TcpFlags.Syn | TcpFlags.Ack)).ShouldForward();
    }

    [Fact]
    public void FullTable_RefusesTheNewcomer_CountsAndRecovers()
    {
        TestHost host1 = Start(PortSettings.Default with { PortFlowLimit = 2 });
        host1.Send("contoso-sql", Out(TcpFlags.Syn, 50000));
        host1.Send("contoso-sql", Out(TcpFlags.Syn, 50001));

        Observation third = host1.Send("contoso-sql", Out(TcpFlags.Syn, 50002));
        Wait(host1, 61);
        Observation later = host1.Send("contoso-sql", Out(TcpFlags.Syn, 50002));

        third.ShouldDrop(DropReason.FlowLimit).ShouldMove("out.bytes+1 out.drop.FlowLimit+1 out.packets+1 out.slow+1");
        later.ShouldForward().ShouldMove("connections+1 flows+1 out.bytes+1 out.packets+1 out.slow+1");
    }

    [Fact]
    public void ManyFlows_GrowTheTableAndAreAllFound()
    {
        TestHost host1 = Start();
        for (int i = 0; i < 20_000; i++)
        {
            host1["contoso-sql"].DecideOutbound(Parse(Out(TcpFlags.Syn, (ushort)(i + 10_000)), out byte[] frame), frame, host1.Now);
        }

        for (int i = 0; i < 20_000; i++)
        {
            host1["contoso-sql"].DecideOutbound(Parse(Out(TcpFlags.Ack, (ushort)(i + 10_000)), out byte[] frame), frame, host1.Now);
        }

        PortCounts counts = host1["contoso-sql"].Counts(Direction.Outbound);
        Assert.Equal((20_000, 20_000), (counts.SlowPathEvaluations, counts.UnifiedFlowHits + counts.Uncached));
        Assert.InRange(counts.Uncached, 0, 20);
        Assert.Equal(10, host1["contoso-sql"].Flows(Direction.Outbound, 10).Length);
    }

    [Fact]
    public void Hit_AllocatesNothing()
    {
        TestHost host1 = Start();
        VPort port = host1["contoso-sql"];
        ParsedPacket packet = Parse(Out(TcpFlags.Ack), out byte[] frame);
        ParsedPacket finished = Parse(Out(TcpFlags.Fin | TcpFlags.Ack), out byte[] fin);
        ParsedPacket spoofed = Parse(FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac).IP("10.1.1.11", "10.1.1.12").Udp(1, 2), out byte[] forged);
        for (int i = 0; i < 1000; i++)
        {
            port.DecideOutbound(in packet, frame, i);
            port.DecideOutbound(in finished, fin, i);
            port.DecideOutbound(in spoofed, forged, i);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10_000; i++)
        {
            port.DecideOutbound(in packet, frame, i);
            port.DecideOutbound(in finished, fin, i);
            port.DecideOutbound(in spoofed, forged, i);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task Hits_WhilePolicyChangesAndFlowsAge_NeverGoWrong()
    {
        World world = World.Figure8();
        TestHost host2 = world.Start(World.Host2);
        VPort port = host2["contoso-web"];
        Task[] workers = [.. Enumerable.Range(0, 2).Select(worker => Task.Factory.StartNew(
            () =>
            {
                for (int i = 0; i < 20_000; i++)
                {
                    ParsedPacket packet = Parse(ContosoFabrikam.WebToSql.Udp((ushort)(i % 500), (ushort)worker), out byte[] frame);
                    UnifiedFlow flow = port.DecideOutbound(in packet, frame, i);
                    Assert.Equal((Verdict.Forward, World.Host1, packet.Ufid), (flow.Verdict, flow.Transposition.Provider, flow.Ufid));
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        Task finished = Task.WhenAll(workers);
        for (int i = 0; !finished.IsCompleted; i++)
        {
            host2.Install(world.PolicyOf(World.Host2));
            host2.Switch.Age(i * 100_000L);
        }

        await finished;
    }

    private static ParsedPacket Parse(FrameBuilder builder, out byte[] frame)
    {
        frame = builder.Build();
        Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out ParsedPacket packet));
        return packet;
    }
}
