using Hnv.Corpus;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

public class Figure8Tests
{
    private const string FirstPacketOut = "connections+1 flows+1 out.bytes+1 out.packets+1 out.slow+1";

    [Theory]
    [InlineData("contoso-web", 5001u)]
    [InlineData("fabrikam-web", 6001u)]
    public void Unicast_ToTheOtherHost_IsEncapsulatedInTheTenantsOwnVsid(string web, uint vsid)
    {
        TestHost host2 = World.Figure8().Start(World.Host2);

        Observation seen = host2.Send(web, ContosoFabrikam.WebToSql.Tcp(40000, 5432, TcpFlags.Syn));

        seen.ShouldForward().ShouldMove(FirstPacketOut);
        Assert.Null(seen.Flow.Destination);
        Assert.Equal(TranspositionEdits.Encap, seen.Transposition.Edits);
        Assert.Equal(Vsid.Create(vsid), seen.Transposition.Vsid);
        Assert.Equal(World.Host1, seen.Transposition.Provider);
        Assert.Equal(EncapsulationType.Vxlan, seen.Transposition.Encapsulation);
        Assert.Equal(0, seen.Transposition.TeamMember);
    }

    [Fact]
    public void Unicast_ToAnNvgreMapping_IsEncapsulatedAsNvgre()
    {
        World world = World.Figure8();
        world["contoso-sql"].Encapsulation = EncapsulationType.Nvgre;
        TestHost host2 = world.Start(World.Host2);

        Observation seen = host2.Send("contoso-web", ContosoFabrikam.WebToSql.Tcp(40000, 5432));

        Assert.Equal(EncapsulationType.Nvgre, seen.ShouldForward().Transposition.Encapsulation);
    }

    [Fact]
    public void SecondPacket_OfAFlow_TouchesNoLayer()
    {
        TestHost host2 = World.Figure8().Start(World.Host2);
        UnifiedFlow first = host2.Send("contoso-web", ContosoFabrikam.WebToSql.Tcp(40000, 5432)).Flow;
        long[] layersBefore = [.. host2["contoso-web"].Snapshot(0).Layers.Select(layer => layer.Packets)];

        Observation second = host2.Send("contoso-web", ContosoFabrikam.WebToSql.Tcp(40000, 5432));

        second.ShouldForward().ShouldMove("out.bytes+1 out.hits+1 out.packets+1");
        Assert.Same(first, second.Flow);
        Assert.Equal(2, first.Packets);
        Assert.Equal(2 * second.Length, first.Bytes);
        Assert.Equal(layersBefore, host2["contoso-web"].Snapshot(0).Layers.Select(layer => layer.Packets));
    }

    [Fact]
    public void TwoFlows_OfOnePort_DifferInEntropy()
    {
        TestHost host2 = World.Figure8().Start(World.Host2);

        uint first = host2.Send("contoso-web", ContosoFabrikam.WebToSql.Tcp(40000, 5432)).Flow.Ufid.Entropy();
        uint second = host2.Send("contoso-web", ContosoFabrikam.WebToSql.Tcp(40001, 5432)).Flow.Ufid.Entropy();

        Assert.NotEqual(first, second);
    }

    [Fact]
    public void Inbound_DecapsulatedPacket_IsDeliveredAndRemembered()
    {
        TestHost host1 = World.Figure8().Start(World.Host1);

        Observation seen = host1.Receive("contoso-sql", ContosoFabrikam.WebToSql.Tcp(40000, 5432, TcpFlags.Syn));

        seen.ShouldForward().ShouldMove("connections+1 flows+1 in.bytes+1 in.packets+1 in.slow+1");
        Assert.Same(host1["contoso-sql"], seen.Flow.Destination);
        Assert.Equal(TranspositionEdits.None, seen.Transposition.Edits);
    }

    [Fact]
    public void Unicast_ToAPortOfThisHost_StaysOnThisHost()
    {
        World world = World.Figure8();
        world.AddNic("contoso-app", 5001, "00-1D-D8-B7-1C-08", World.Host2, "10.1.1.13");
        TestHost host2 = world.Start(World.Host2);

        Observation seen = host2.Send("contoso-web", FrameBuilder.Ethernet(world["contoso-web"].Mac, world["contoso-app"].Mac).IP("10.1.1.12", "10.1.1.13").Udp(1, 2));

        seen.ShouldForward().ShouldMove(FirstPacketOut);
        Assert.Same(host2["contoso-app"], seen.Flow.Destination);
        Assert.Equal(TranspositionEdits.None, seen.Transposition.Edits);
    }

    [Fact]
    public void Unicast_ToAMappedPortOfThisHostThatIsNotPluggedIn_Drops()
    {
        World world = World.Figure8();
        world.AddNic("contoso-app", 5001, "00-1D-D8-B7-1C-08", World.Host2, "10.1.1.13");
        TestHost host2 = world.Start(World.Host2);
        host2.Switch.RemovePort(world["contoso-app"].Id);

        Observation seen = host2.Send("contoso-web", FrameBuilder.Ethernet(world["contoso-web"].Mac, world["contoso-app"].Mac).IP("10.1.1.12", "10.1.1.13").Udp(1, 2));

        seen.ShouldDrop(DropReason.DestinationPortNotReady).ShouldMove("out.bytes+1 out.drop.DestinationPortNotReady+1 out.packets+1 out.slow+1");
    }

    [Theory]
    [InlineData("00-1D-D8-B7-1C-99")]
    [InlineData("00-1D-D8-B7-1C-07")]
    public void Unicast_ToAnUnknownMacOrItself_Drops(string destination)
    {
        TestHost host2 = World.Figure8().Start(World.Host2);

        Observation seen = host2.Send(
            "contoso-web", FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, MacAddress.Parse(destination)).IP("10.1.1.12", "10.1.1.99").Udp(1, 2));

        seen.ShouldDrop(DropReason.NoDestinationUnicast).ShouldMove("flows+1 out.bytes+1 out.drop.NoDestinationUnicast+1 out.packets+1 out.slow+1");
    }

    [Fact]
    public void Port_WithoutPolicy_DropsEverything()
    {
        TestHost host = new();
        host.Switch.AddPort(World.Figure8()["contoso-web"].Id, "contoso-web");

        host.Send("contoso-web", ContosoFabrikam.WebToSql.Udp(1, 2)).ShouldDrop(DropReason.NoPolicy).ShouldMove("out.bytes+1 out.drop.NoPolicy+1 out.packets+1");
        host.Receive("contoso-web", ContosoFabrikam.SqlToWeb.Udp(1, 2)).ShouldDrop(DropReason.NoPolicy).ShouldMove("in.bytes+1 in.drop.NoPolicy+1 in.packets+1");
    }

    [Fact]
    public void Trace_OfAPacket_NamesEveryLayerInOrder()
    {
        TestHost host2 = World.Figure8().Start(World.Host2);
        byte[] frame = ContosoFabrikam.WebToSql.Tcp(40000, 5432).Build();
        _ = PacketParser.TryParse(frame, out ParsedPacket packet);
        SlowPathTrace outbound = new(), inbound = new();

        Decision decision = SlowPath.Evaluate(host2["contoso-web"].Program!, Direction.Outbound, in packet, trace: outbound);
        _ = SlowPath.Evaluate(host2["contoso-web"].Program!, Direction.Inbound, in packet, trace: inbound);

        string[] order =
        [
            LayerNames.FirewallAdmin, LayerNames.FirewallController, LayerNames.Meter, LayerNames.Nat, LayerNames.DistributedRouter,
            LayerNames.MacRewrite, LayerNames.Encap, LayerNames.PaRoute,
        ];
        Assert.Equal(order, outbound.Steps.Select(step => step.Layer));
        Assert.Equal(order.Reverse(), inbound.Steps.Select(step => step.Layer));
        Assert.Equal("ENCAP", outbound.Steps[6].Rule!.Id);
        Assert.Equal("VNET_GROUP_ENCAP_IPV4_OUT", outbound.Steps[6].Group);
        Assert.Equal(decision.Transposition, outbound.Steps[7].Transposition);
    }
}
