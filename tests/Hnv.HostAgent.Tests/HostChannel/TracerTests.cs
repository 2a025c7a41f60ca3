using Hnv.Contracts.HostChannel;
using Hnv.Corpus;
using Hnv.HostAgent.HostChannel;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.HostAgent.Tests.HostChannel;

/// <summary>What a trace tells of a packet, on the host it leaves and on the one it reaches.</summary>
public sealed class TracerTests
{
    [Fact]
    public void ToTheOtherHost_TellsTheOuterHeaders_AndTheOtherHostDeliversTheFrameItWasTold()
    {
        TwoHosts hosts = new();

        TraceReport left = hosts.Tracer2.AtPort(hosts.Host2.TryGetPort(TwoHosts.Web)!, Direction.Outbound, Built(hosts.Host2, TwoHosts.Web, new TracePacket { To = "10.1.1.11", Protocol = 6, SourcePort = 40000, DestinationPort = 5432 }));
        TraceWay way = Assert.Single(left.Ways);
        TraceReport reached = hosts.Tracer1.FromUnderlay(way.Outer!, ProviderAddress.Parse(way.Outer!.Source), Convert.FromHexString(way.Frame!));

        Assert.Equal(("Forward", "web0", "VXLAN", 5001u), (left.Verdict, left.Port, way.Outer.Encapsulation, way.Outer.Vsid));
        Assert.Equal(("192.168.2.20", "192.168.1.10", 4789, 20 + 8 + 8 + 14 + 40), (way.Outer.Source, way.Outer.Destination, way.Outer.DestinationPort, way.Outer.Length));
        Assert.Equal(["guards", "flow", "layer"], left.Stages.Select(stage => stage.Kind).Distinct().Take(3));
        Assert.Equal("underlay", reached.Stages[0].Kind);
        Assert.Equal(("Forward", "guest", TwoHosts.Sql.Value), (reached.Verdict, Assert.Single(reached.Ways).Kind, reached.Nic));
    }

    [Fact]
    public void BlockedAtTheReceiver_NamesTheRule_AndSaysWhatToTry()
    {
        TwoHosts hosts = new(TwoHosts.Block("no-telnet", 23, Direction.Inbound));
        TraceReport left = hosts.Tracer2.AtPort(hosts.Host2.TryGetPort(TwoHosts.Web)!, Direction.Outbound, Built(hosts.Host2, TwoHosts.Web, new TracePacket { To = "10.1.1.11", Protocol = 6, DestinationPort = 23 }));

        TraceReport reached = hosts.Tracer1.FromUnderlay(left.Ways[0].Outer!, TwoHosts.Pa2, Convert.FromHexString(left.Ways[0].Frame!));

        Assert.Equal(("Drop", "Acl", LayerNames.FirewallController), (reached.Verdict, reached.Reason, reached.Layer));
        Assert.Contains("no-telnet", reached.Rule, StringComparison.Ordinal);
        Assert.Contains("no-telnet", reached.Summary, StringComparison.Ordinal);
        Assert.NotNull(reached.Hint);
    }

    [Fact]
    public void ToAPortOfTheSameHost_GoesOnThere()
    {
        TwoHosts hosts = new(TwoHosts.Block("no-telnet", 23, Direction.Inbound));

        TraceReport report = hosts.Tracer1.AtPort(hosts.Host1.TryGetPort(TwoHosts.App)!, Direction.Outbound, Built(hosts.Host1, TwoHosts.App, new TracePacket { To = "10.1.1.11", Protocol = 6, DestinationPort = 23 }));

        Assert.Equal(("port", null), (report.Ways[0].Kind, report.Ways[0].Outer));
        Assert.Equal(("Inbound", "Drop", "Acl"), (report.Ways[0].Next!.Direction, report.Ways[0].Next!.Verdict, report.Ways[0].Next!.Reason));
    }

    [Fact]
    public void Broadcast_FollowsEveryCopy()
    {
        TwoHosts hosts = new();

        TraceReport report = hosts.Tracer1.AtPort(hosts.Host1.TryGetPort(TwoHosts.Sql)!, Direction.Outbound, Built(hosts.Host1, TwoHosts.Sql, new TracePacket { To = "255.255.255.255", Protocol = 17, DestinationPort = 9 }));

        Assert.Equal("Replicate", report.Verdict);
        Assert.Equal([true, false], report.Ways.Select(way => way.Outer is null).OrderDescending());
        Assert.Equal(TwoHosts.App.Value, report.Ways.Single(way => way.Next is not null).Next!.Nic);
    }

    [Fact]
    public void AddressNobodyHas_IsToldAsTheQuestionForIt()
    {
        TwoHosts hosts = new();
        PortProgram program = hosts.Host2.TryGetPort(TwoHosts.Web)!.Program!;

        Assert.True(TraceFrame.TryBuild(program, isInbound: false, new TracePacket { To = "10.1.1.99", Protocol = 1 }, out byte[]? frame, out string? note, out _));
        TraceReport report = hosts.Tracer2.AtPort(hosts.Host2.TryGetPort(TwoHosts.Web)!, Direction.Outbound, frame);

        Assert.Contains("10.1.1.99", note, StringComparison.Ordinal);
        Assert.Equal(("Drop", "ArpFilter"), (report.Verdict, report.Reason));
        Assert.Contains("10.1.1.99", report.Packet, StringComparison.Ordinal);
    }

    public static TheoryData<uint, string, string> Forged => new()
    {
        { 5002, "192.168.2.20", "UnknownVsid" },
        { 5001, "192.168.9.9", "UnknownProviderAddress" },
        { 5001, "192.168.2.20", "WrongInnerDestination" },
    };

    [Theory]
    [MemberData(nameof(Forged))]
    public void FromTheProviderNetwork_WhatIsRefused_SaysWhy(uint vsid, string source, string reason)
    {
        TwoHosts hosts = new();
        byte[] frame = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, MacAddress.Parse("00-1D-D8-00-00-AA")).IP("10.1.1.12", "10.1.1.11").Udp(1, 2).Build();

        TraceReport report = hosts.Tracer1.FromUnderlay(new TraceOuter("VXLAN", source, "192.168.1.10", vsid, 0, 4789, 0, 0), ProviderAddress.Parse(source), frame);

        Assert.Equal(("Drop", reason), (report.Verdict, report.Reason));
        Assert.NotNull(report.Hint);
    }

    [Fact]
    public void NothingIsCountedOrRemembered()
    {
        TwoHosts hosts = new(TwoHosts.Block("no-telnet", 23, Direction.Inbound));
        VPort web = hosts.Host2.TryGetPort(TwoHosts.Web)!;

        _ = hosts.Tracer2.AtPort(web, Direction.Outbound, Built(hosts.Host2, TwoHosts.Web, new TracePacket { To = "10.1.1.11", Protocol = 6, DestinationPort = 80 }));
        _ = hosts.Tracer2.AtPort(web, Direction.Outbound, Built(hosts.Host2, TwoHosts.Web, new TracePacket { To = "192.0.2.1", Protocol = 17, DestinationPort = 53 }));

        Assert.Equal((0, 0, 0, 0), (web.FlowCount, web.ConnectionCount, web.Counts(Direction.Outbound).Packets, web.Counts(Direction.Outbound).Drops.Count));
        Assert.Equal(0, hosts.Host2.Drops.Noted);
        Assert.All(web.Snapshot(0).Layers, layer => Assert.Equal(0, layer.Packets));
    }

    [Theory]
    [InlineData("10.1.1.11", 6)]
    [InlineData("10.1.1.11", 17)]
    [InlineData("10.1.1.11", 1)]
    [InlineData("10.1.1.11", 132)]
    [InlineData("10.1.1.11", 47)]
    public void FrameInWords_IsAPacketThatTheParserTakes_WithRightChecksums(string to, byte protocol)
    {
        TwoHosts hosts = new();

        byte[] frame = Built(hosts.Host2, TwoHosts.Web, new TracePacket { To = to, Protocol = protocol, SourcePort = 1000, DestinationPort = 2000, Size = 333, TimeToLive = 7 });

        Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out ParsedPacket packet));
        Assert.Equal((333, (byte)7, protocol, ContosoFabrikam.ContosoSqlMac), (packet.NetworkLength, packet.TimeToLive, packet.Ufid.Protocol, packet.Ufid.DestinationMac));
        Assert.Equal(0, InternetChecksum.Compute(frame.AsSpan(packet.NetworkOffset, 20)));
        Span<byte> transport = frame.AsSpan(packet.TransportOffset);
        ulong pseudo = protocol == 1 ? 0 : InternetChecksum.PseudoHeader(packet.Ufid.Source, packet.Ufid.Destination, protocol, transport.Length);
        if (protocol is 1 or 6 or 17)
        {
            Assert.Equal(0, InternetChecksum.Complete(InternetChecksum.Sum(transport) + pseudo));
        }
    }

    [Theory]
    [InlineData("nonsense", 0, "to is 'nonsense'")]
    [InlineData("2001:db8::1", 0, "no address of the family")]
    [InlineData("10.1.1.11", 20, "size is 20")]
    [InlineData("10.1.1.11", 70_000, "size is 70000")]
    public void WordsThatMakeNoPacket_AreRefusedWithAReason(string to, int size, string reason)
    {
        TwoHosts hosts = new();

        Assert.False(TraceFrame.TryBuild(hosts.Host2.TryGetPort(TwoHosts.Web)!.Program!, isInbound: false, new TracePacket { To = to, Protocol = 6, Size = size }, out _, out _, out string? problem));

        Assert.Contains(reason, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Advice_HasASentenceForEveryReason() =>
        Assert.All(Enum.GetValues<DropReason>(), reason => Assert.NotEqual(reason.ToString(), Advice.Sentence(reason)));

    private static byte[] Built(VSwitch vSwitch, NicId nic, TracePacket packet)
    {
        Assert.True(TraceFrame.TryBuild(vSwitch.TryGetPort(nic)!.Program!, isInbound: false, packet, out byte[]? frame, out _, out string? problem), problem);
        return frame;
    }
}
