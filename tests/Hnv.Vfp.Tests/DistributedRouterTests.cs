using Hnv.Corpus;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

public class DistributedRouterTests
{
    private const TranspositionEdits Routed = TranspositionEdits.SourceMac | TranspositionEdits.DestinationMac | TranspositionEdits.DecrementTtl;

    private static readonly World s_world = World.Figure2();

    private static FrameBuilder FromA(string destination) =>
        FrameBuilder.Ethernet(s_world["a"].Mac, World.RouterMac).IP("10.1.1.11", destination);

    [Fact]
    public void Routed_ToAnotherSubnetOfThisHost_StaysHereAndChangesMacs()
    {
        TestHost host1 = s_world.Start(World.Host1);

        Observation seen = host1.Send("a", FromA("10.1.2.11").Udp(1, 2));

        seen.ShouldForward().ShouldMove("connections+1 flows+1 out.bytes+1 out.packets+1 out.slow+1");
        Assert.Same(host1["b"], seen.Flow.Destination);
        Assert.Equal(Routed, seen.Transposition.Edits);
        Assert.Equal(World.RouterMac, seen.Transposition.SourceMac);
        Assert.Equal(s_world["b"].Mac, seen.Transposition.DestinationMac);
    }

    [Fact]
    public void Routed_ToAnotherHost_CarriesTheDestinationsVsid()
    {
        TestHost host1 = s_world.Start(World.Host1);

        Observation seen = host1.Send("a", FromA("10.1.3.11").Udp(1, 2)).ShouldForward();

        Assert.Equal(Routed | TranspositionEdits.Encap, seen.Transposition.Edits);
        Assert.Equal(Vsid.Create(5003), seen.Transposition.Vsid);
        Assert.Equal(World.Host2, seen.Transposition.Provider);
        Assert.Equal(s_world["c"].Mac, seen.Transposition.DestinationMac);
    }

    [Fact]
    public void Routed_WithinItsOwnSubnet_IsForwarded()
    {
        TestHost host1 = s_world.Start(World.Host1);

        Observation seen = host1.Send("a", FromA("10.1.1.12").Udp(1, 2)).ShouldForward();

        Assert.Equal(Vsid.Create(5001), seen.Transposition.Vsid);
        Assert.Equal(s_world["d"].Mac, seen.Transposition.DestinationMac);
    }

    [Theory]
    [InlineData("10.1.4.11", DropReason.NoRoute)]
    [InlineData("8.8.8.8", DropReason.NoRoute)]
    [InlineData("10.1.2.99", DropReason.NoDestinationUnicast)]
    [InlineData("10.1.2.255", DropReason.NoDestinationUnicast)]
    [InlineData("10.1.2.1", DropReason.NoDestinationUnicast)]
    public void Routed_WhereNothingIs_Drops(string destination, DropReason reason)
    {
        TestHost host1 = s_world.Start(World.Host1);

        Observation seen = host1.Send("a", FromA(destination).Udp(1, 2));

        seen.ShouldDrop(reason).ShouldMove($"flows+1 out.bytes+1 out.drop.{reason}+1 out.packets+1 out.slow+1");
    }

    [Fact]
    public void OtherRoutingDomain_ByItsMac_IsNotReached()
    {
        TestHost host1 = s_world.Start(World.Host1);

        Observation seen = host1.Send("a", FrameBuilder.Ethernet(s_world["a"].Mac, s_world["other"].Mac).IP("10.1.1.11", "10.1.4.11").Udp(1, 2));

        seen.ShouldDrop(DropReason.NoDestinationUnicast);
    }

    [Theory]
    [InlineData("10.1.1.1")]
    [InlineData("10.1.2.1")]
    [InlineData("10.1.3.1")]
    public void Echo_ToAGatewayAddress_IsAnsweredByTheRouter(string gateway)
    {
        TestHost host1 = s_world.Start(World.Host1);

        Observation seen = host1.Send("a", FromA(gateway).TimeToLive(1).Ping(7).Payload(32)).ShouldAnswer();

        ParsedPacket answer = seen.ParseAnswer();
        Assert.Equal(InetAddress.Parse(gateway), answer.Ufid.Source);
        Assert.Equal(s_world["a"].Address, answer.Ufid.Destination);
        Assert.Equal((World.RouterMac, s_world["a"].Mac), (answer.Ufid.SourceMac, answer.Ufid.DestinationMac));
        Assert.Equal(IcmpTypes.EchoReply << 8, answer.Ufid.DestinationPort);
        Assert.Equal(7, answer.Ufid.SourcePort);
    }

    [Fact]
    public void Echo_ToAnotherRoutingDomainsGateway_Drops() =>
        s_world.Start(World.Host1).Send("a", FromA("10.1.4.1").Ping(7)).ShouldDrop(DropReason.NoRoute);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void TimeToLive_RunOut_IsReportedFromTheSendersGateway(byte ttl)
    {
        TestHost host1 = s_world.Start(World.Host1);

        Observation seen = host1.Send("a", FromA("10.1.3.11").TimeToLive(ttl).Udp(33434, 33434)).ShouldAnswer();

        seen.ShouldMove("out.bytes+1 out.packets+1 out.slow+1");
        ParsedPacket answer = seen.ParseAnswer();
        Assert.Equal(InetAddress.Parse("10.1.1.1"), answer.Ufid.Source);
        Assert.Equal(IcmpTypes.TimeExceeded << 8, answer.Ufid.DestinationPort);
    }

    [Fact]
    public void TimeToLive_RunOutInAKnownFlow_IsReportedAndTheFlowGoesOn()
    {
        TestHost host1 = s_world.Start(World.Host1);
        host1.Send("a", FromA("10.1.3.11").Ping(7)).ShouldForward();

        host1.Send("a", FromA("10.1.3.11").TimeToLive(1).Ping(7)).ShouldAnswer();
        Observation next = host1.Send("a", FromA("10.1.3.11").TimeToLive(2).Ping(7));

        next.ShouldForward().ShouldMove("out.bytes+1 out.hits+1 out.packets+1");
    }

    [Fact]
    public void TimeToLive_RunOutInAnIcmpError_IsDroppedWithoutAReport() =>
        s_world.Start(World.Host1).Send("a", FromA("10.1.3.11").TimeToLive(1).Icmp(3, 1)).ShouldDrop(DropReason.TtlExpired);

    [Fact]
    public void TimeToLive_RunOutWithinASubnet_DoesNotMatter() =>
        s_world.Start(World.Host1)
            .Send("a", FrameBuilder.Ethernet(s_world["a"].Mac, s_world["d"].Mac).IP("10.1.1.11", "10.1.1.12").TimeToLive(1).Udp(1, 2))
            .ShouldForward();

    [Fact]
    public void Router_SwitchedOff_RoutesAndAnswersNothing()
    {
        World world = World.Figure2();
        world.NetworkOf(5001).DistributedRouter = false;
        TestHost host1 = world.Start(World.Host1);

        host1.Send("a", FromA("10.1.2.11").Udp(1, 2)).ShouldDrop(DropReason.NoRoute);
        host1.Send("a", FromA("10.1.1.1").Ping(1)).ShouldDrop(DropReason.NoRoute);
    }

    [Fact]
    public void RoutedIPv6_LowersTheHopLimitAndReportsItsEnd()
    {
        World world = new();
        world.AddNetwork("v6", (5001, "2001:db8:1:1::/64"), (5002, "2001:db8:1:2::/64"));
        world.AddNic("a", 5001, "00-1D-D8-B7-1C-11", World.Host1, "2001:db8:1:1::11");
        world.AddNic("b", 5002, "00-1D-D8-B7-1C-12", World.Host2, "2001:db8:1:2::11");
        TestHost host1 = world.Start(World.Host1);
        FrameBuilder packet = FrameBuilder.Ethernet(world["a"].Mac, World.RouterMac).IP("2001:db8:1:1::11", "2001:db8:1:2::11").Udp(1, 2);

        Assert.Equal(Routed | TranspositionEdits.Encap, host1.Send("a", packet).ShouldForward().Transposition.Edits);
        ParsedPacket report = host1.Send("a", packet.TimeToLive(1)).ShouldAnswer().ParseAnswer();
        Assert.Equal(IcmpTypes.V6TimeExceeded << 8, report.Ufid.DestinationPort);
        Assert.Equal(InetAddress.Parse("2001:db8:1:1::1"), report.Ufid.Source);
        ParsedPacket echo = host1.Send("a", FrameBuilder.Ethernet(world["a"].Mac, World.RouterMac).IP("2001:db8:1:1::11", "2001:db8:1:2::1").Ping(3)).ShouldAnswer().ParseAnswer();
        Assert.Equal(IcmpTypes.V6EchoReply << 8, echo.Ufid.DestinationPort);
    }
}
