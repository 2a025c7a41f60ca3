using Hnv.Corpus;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

/// <summary>How many flows there are, were and may be.</summary>
public class FlowStatisticsTests
{
    [Fact]
    public void Flows_AreCountedByProtocolAndDirection()
    {
        TestHost host = World.Figure8().Start(World.Host1);

        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Tcp(40000, 80, TcpFlags.Syn));
        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Tcp(40000, 80, TcpFlags.Syn));
        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(40000, 53));
        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Ping(7));
        host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Udp(53, 40000));

        FlowStatistics outbound = host["contoso-sql"].StatisticsOf(Direction.Outbound), inbound = host["contoso-sql"].StatisticsOf(Direction.Inbound);
        Assert.Equal((3, 4, PortFlows.DefaultFlowLimit), (outbound.Entries.Count, outbound.Entries.Matched, outbound.Entries.Limit));
        Assert.Equal((1, 1, 1), (outbound.Tcp.Count, outbound.Udp.Count, outbound.Other.Count));
        Assert.Equal(2, outbound.Tcp.Matched);
        Assert.Equal((3, 1), (outbound.Connections.Count, outbound.HalfOpen.Count));
        Assert.Equal((1, 0), (inbound.Entries.Count, inbound.Connections.Count));
    }

    [Fact]
    public void HalfOpen_IsOverWhenTheAnswerComes_AndItsMaximumIsKept()
    {
        TestHost host = World.Figure8().Start(World.Host1);

        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Tcp(40000, 80, TcpFlags.Syn));
        host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Tcp(80, 40000, TcpFlags.Syn | TcpFlags.Ack));

        FlowCounts halfOpen = host["contoso-sql"].StatisticsOf(Direction.Outbound).HalfOpen;
        Assert.Equal((0, 1, 1), (halfOpen.Count, halfOpen.Maximum, halfOpen.Created));
    }

    [Fact]
    public void Rates_AreOfTheLastSecondLookedAt_AndTheirMaximaStay()
    {
        TestHost host = World.Figure8().Start(World.Host1);
        host.Switch.Age(host.Now);
        for (ushort port = 1; port <= 10; port++)
        {
            host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(40000, port));
        }

        host.Switch.Age(host.Now += 1000);
        FlowCounts made = host["contoso-sql"].StatisticsOf(Direction.Outbound).Entries;
        for (int second = 0; second < 70; second++)
        {
            host.Switch.Age(host.Now += 1000);
        }

        FlowCounts after = host["contoso-sql"].StatisticsOf(Direction.Outbound).Entries;

        Assert.Equal((10, 10, 0), (made.CreatedPerSecond, made.CreatedPerSecondMaximum, made.DeletedPerSecond));
        Assert.Equal((0, 10, 0, 10), (after.Count, after.Maximum, after.CreatedPerSecond, after.CreatedPerSecondMaximum));
        Assert.Equal((0, 10), (after.DeletedPerSecond, after.DeletedPerSecondMaximum));
        Assert.Equal((10, 10), (after.Created, after.Matched));
    }

    [Fact]
    public void Resimulated_IsAFlowThatWentAndOneThatCame()
    {
        World world = World.Figure8();
        TestHost host = world.Start(World.Host1);
        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(40000, 53));
        world["contoso-sql"].Qos = world["contoso-sql"].Qos with { OutboundMaximumMbps = 10 };
        host.Install(world.PolicyOf(World.Host1));

        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(40000, 53));

        FlowCounts entries = host["contoso-sql"].StatisticsOf(Direction.Outbound).Entries;
        Assert.Equal((1, 1, 2, 2), (entries.Count, entries.Maximum, entries.Created, entries.Matched));
    }
}
