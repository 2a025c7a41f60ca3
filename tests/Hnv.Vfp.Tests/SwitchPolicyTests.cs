using System.Collections.Immutable;
using Hnv.Compiler;
using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

/// <summary>What the whole switch does beside subnets, firewall and translation: lengths, user routes, peers, mirrors, meters, limits, plain ports.</summary>
public class SwitchPolicyTests
{
    [Theory]
    [InlineData(1450, true, Verdict.Forward)]
    [InlineData(1451, true, Verdict.Hairpin)]
    [InlineData(1451, false, Verdict.Forward)]
    public void Packet_LongerThanTheProviderNetworkTakes_IsReportedWhenItMayNotBeCut(int length, bool dontFragment, Verdict expected)
    {
        TestHost host = Start(World.Figure8(), new HostFacts(UnderlayMtu: 1500));
        FrameBuilder packet = ContosoFabrikam.SqlToWeb.Udp(1, 2).Payload(length - 28).DontFragment(dontFragment);

        Observation first = host.Send("contoso-sql", packet);
        Observation second = host.Send("contoso-sql", packet);

        Assert.Equal((expected, expected), (first.Verdict, second.Verdict));
        Assert.Equal(1450, first.Transposition.MaxLength);
        if (expected == Verdict.Hairpin)
        {
            ParsedPacket answer = first.ParseAnswer();
            Assert.Equal((InetAddress.Parse("10.1.1.1"), InetAddress.Parse("10.1.1.11")), (answer.Ufid.Source, answer.Ufid.Destination));
            Assert.Equal((IcmpTypes.DestinationUnreachable << 8) | 4, answer.Ufid.DestinationPort);
            Assert.Equal(1450, (first.Answer[answer.TransportOffset + 6] << 8) | first.Answer[answer.TransportOffset + 7]);
        }
    }

    [Fact]
    public void Packet_ThatFitted_DoesNotHideALongerOneOfTheSameFlow()
    {
        TestHost host = Start(World.Figure8(), new HostFacts(UnderlayMtu: 1500));
        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(1, 2).DontFragment()).ShouldForward();

        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(1, 2).Payload(1440).DontFragment()).ShouldAnswer();
    }

    [Fact]
    public void Path_ThatTakesLess_IsRememberedForTenMinutes()
    {
        const int fits = 1400 - 50;
        TestHost host = Start(World.Figure8(), new HostFacts(UnderlayMtu: 1500));
        FrameBuilder packet = ContosoFabrikam.SqlToWeb.Udp(1, 2).Payload(fits - 28 + 1).DontFragment();
        host.Send("contoso-sql", packet).ShouldForward();

        host.Switch.ReportPathMtu(ProviderAddress.Parse("192.168.2.20"), 1400, host.Now);
        Observation refused = host.Send("contoso-sql", packet).ShouldAnswer();
        host.Switch.ReportPathMtu(ProviderAddress.Parse("192.168.2.20"), 1480, host.Now);
        Observation still = host.Send("contoso-sql", packet).ShouldAnswer();
        host.Now += 600_000;
        host.Switch.Age(host.Now);
        Observation forgotten = host.Send("contoso-sql", packet).ShouldForward();

        Assert.Equal((fits, fits, 1450), (refused.Transposition.MaxLength, still.Transposition.MaxLength, forgotten.Transposition.MaxLength));
    }

    [Theory]
    [InlineData("192.168.2.20", 68, 576 - 50)]
    [InlineData("203.0.113.7", 1400, 1450)]
    public void Path_ReportThatCannotBeTrue_DoesLittleHarm(string provider, int mtu, int maxLength)
    {
        TestHost host = Start(World.Figure8(), new HostFacts(UnderlayMtu: 1500));

        host.Switch.ReportPathMtu(ProviderAddress.Parse(provider), mtu, host.Now);

        Assert.Equal(maxLength, host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(1, 2)).ShouldForward().Transposition.MaxLength);
    }

    [Fact]
    public void IcmpErrors_BeyondTheLimitOfASecond_AreCountedAndNotSent()
    {
        TestHost host = Start(World.Figure8(), new HostFacts(UnderlayMtu: 1500));
        int answered = 0;
        for (int i = 0; i < VPort.IcmpErrorsPerSecond + 50; i++)
        {
            answered += host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(1, 2).Payload(1440).DontFragment()).Answer.Length > 0 ? 1 : 0;
        }

        Assert.Equal(VPort.IcmpErrorsPerSecond, answered);
        Assert.Equal(50, host["contoso-sql"].Counts(Direction.Outbound).Drops[DropReason.IcmpLimit]);
    }

    [Theory]
    [InlineData("10.1.3.0/24", UserRouteKind.VirtualAppliance, "10.1.2.11", "00-1D-D8-B7-1C-12")]
    [InlineData("10.0.0.0/8", UserRouteKind.VirtualAppliance, "10.1.2.11", "00-1D-D8-B7-1C-13")]
    [InlineData("10.1.3.11/32", UserRouteKind.VnetLocal, null, "00-1D-D8-B7-1C-13")]
    public void UserRoute_OfTheSendersSubnet_ChoosesTheNextHop(string prefix, UserRouteKind kind, string? hop, string mac)
    {
        TestHost host = Start(Figure2(new UserRoute(IpPrefix.Parse(prefix), kind, hop is null ? null : CustomerAddress.Parse(hop))));

        Observation sent = host.Send("a", FrameBuilder.Ethernet(World.Figure2()["a"].Mac, World.RouterMac).IP("10.1.1.11", "10.1.3.11").Udp(1, 2));

        Assert.Equal(MacAddress.Parse(mac), sent.ShouldForward().Transposition.DestinationMac);
    }

    [Fact]
    public void UserRoute_None_DropsWithAReasonOfItsOwn_AndOnlyForItsSubnet()
    {
        TestHost host = Start(Figure2(new UserRoute(IpPrefix.Parse("10.1.3.0/24"), UserRouteKind.None, null)));

        host.Send("a", FrameBuilder.Ethernet(World.Figure2()["a"].Mac, World.RouterMac).IP("10.1.1.11", "10.1.3.11").Udp(1, 2)).ShouldDrop(DropReason.RouteDrop);
        host.Send("b", FrameBuilder.Ethernet(World.Figure2()["b"].Mac, World.RouterMac).IP("10.1.2.11", "10.1.3.11").Udp(1, 2)).ShouldForward();
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void Peers_ReachEachOther_WhenBothSaySo(bool mine, bool theirs)
    {
        World world = World.Figure2();
        HostPolicy policy = world.PolicyOf(World.Host1);
        RoutingDomainId own = policy.VirtualNetworks[0].RoutingDomain, other = policy.VirtualNetworks[1].RoutingDomain;
        policy = policy with
        {
            VirtualNetworks =
            [
                policy.VirtualNetworks[0] with { Peers = mine ? [other] : [] },
                policy.VirtualNetworks[1] with { Peers = theirs ? [own] : [] },
            ],
        };
        TestHost host = Start(world, policy);

        Observation sent = host.Send("a", FrameBuilder.Ethernet(world["a"].Mac, World.RouterMac).IP("10.1.1.11", "10.1.4.11").Udp(1, 2));

        if (mine && theirs)
        {
            Assert.Same(host["other"], sent.ShouldForward().Flow.Destination);
        }
        else
        {
            sent.ShouldDrop(DropReason.NoRoute);
        }
    }

    [Fact]
    public void Mirror_CopiesWhatTheGuestSends_AlsoWhenAFirewallStopsIt()
    {
        World world = World.Figure2();
        world["a"].Mirrors = [new MirrorRule("m", 100, null, [], [], [], [], new TenantEndpoint(Vsid.Create(5003), CustomerAddress.Parse("10.1.3.11")))];
        world["a"].Rules = [new AclRule("deny", AclLevel.Subnet, Direction.Outbound, AclAction.Block, 100, null, [], [], [], [], false)];
        TestHost host = Start(world, world.PolicyOf(World.Host1));

        UnifiedFlow flow = host.Send("a", FrameBuilder.Ethernet(world["a"].Mac, World.RouterMac).IP("10.1.1.11", "10.1.2.11").Udp(1, 2)).ShouldDrop(DropReason.Acl).Flow;

        MirrorCopy copy = flow.Extras!.Mirror!;
        Assert.Equal((world["c"].Mac, World.Host2, 5003u), (copy.Transposition.DestinationMac, copy.Transposition.Provider, copy.Transposition.Vsid.Value));
    }

    [Fact]
    public void Meter_BillsWhatLeavesTheNetwork()
    {
        World world = World.Figure2();
        HostPolicy policy = world.PolicyOf(World.Host1);
        policy = policy with { VirtualNetworks = [.. policy.VirtualNetworks.Select(network => network with { UnbilledRanges = [IpPrefix.Parse("192.0.2.0/24")] })] };
        TestHost host = Start(world, policy);

        host.Send("a", FrameBuilder.Ethernet(world["a"].Mac, World.RouterMac).IP("10.1.1.11", "10.1.2.11").Udp(1, 2).Payload(72)).ShouldForward();

        PortCounts counts = host["a"].Counts(Direction.Outbound);
        Assert.Equal((0L, 100L), (counts.BilledBytes, counts.UnbilledBytes));
    }

    [Fact]
    public void HalfOpenConnections_BeyondTheLimit_AreRefused_AndAnswersMakeRoom()
    {
        World world = World.Figure8();
        world["contoso-sql"].Settings = PortSettings.Default with { PortFlowLimit = 128 };
        TestHost host = Start(world, world.PolicyOf(World.Host1));
        for (ushort i = 0; i < 64; i++)
        {
            host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Tcp((ushort)(40000 + i), 80, TcpFlags.Syn)).ShouldForward();
        }

        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Tcp(50000, 80, TcpFlags.Syn)).ShouldDrop(DropReason.HalfOpenLimit);
        host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Tcp(80, 40000, TcpFlags.Syn | TcpFlags.Ack)).ShouldForward();
        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Tcp(50000, 80, TcpFlags.Syn)).ShouldForward();
        Assert.Equal(64, host["contoso-sql"].HalfOpenCount);
    }

    [Fact]
    public void Reset_ThatNobodyBelieved_EndsNothing()
    {
        TestHost host = World.Figure8().Start(World.Host1);
        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Tcp(40000, 80, TcpFlags.Syn));
        host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Tcp(80, 40000, TcpFlags.Syn | TcpFlags.Ack));
        host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Tcp(80, 40000, TcpFlags.Rst));
        for (int second = 0; second < 60; second += 3)
        {
            host.Now += 3000;
            host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Tcp(40000, 80, TcpFlags.Ack)).ShouldForward();
            host.Receive("contoso-sql", ContosoFabrikam.WebToSql.Tcp(80, 40000, TcpFlags.Ack)).ShouldForward();
            host.Switch.Age(host.Now);
        }

        host.Now += 600_000;
        host.Switch.Age(host.Now);

        Assert.Equal(1, host["contoso-sql"].ConnectionCount);
    }

    [Fact]
    public void PlainPort_PassesFramesAsTheyAre_ByMacAndVlan()
    {
        PortPolicy a = Plain("a", "02-00-00-00-00-0A", 10), b = Plain("b", "02-00-00-00-00-0B", 10), c = Plain("c", "02-00-00-00-00-0C", 20);
        VSwitch vSwitch = new();
        VPort portA = vSwitch.AddPort(a.Nic, "a"), portB = vSwitch.AddPort(b.Nic, "b");
        _ = vSwitch.AddPort(c.Nic, "c");
        CompileResult compiled = HostCompiler.Compile(HostPolicy.Empty with { Ports = [a, b, c] });
        Assert.Empty(compiled.Errors);
        vSwitch.Install(compiled.Program);

        UnifiedFlow toB = Decide(portA, FrameBuilder.Ethernet(a.Mac, b.Mac).IP("192.0.2.1", "192.0.2.2").Udp(1, 2));
        UnifiedFlow toC = Decide(portA, FrameBuilder.Ethernet(a.Mac, c.Mac).IP("192.0.2.1", "192.0.2.2").Udp(1, 2));
        UnifiedFlow lldp = Decide(portA, FrameBuilder.Ethernet(a.Mac, MacAddress.Parse("01-80-C2-00-00-0E")).EtherType(0x88CC).Payload(50));
        UnifiedFlow spoofed = Decide(portA, FrameBuilder.Ethernet(b.Mac, a.Mac).IP("192.0.2.1", "192.0.2.2").Udp(1, 2));

        Assert.Equal((Verdict.Forward, TranspositionEdits.None, portB), (toB.Verdict, toB.Transposition.Edits, toB.Destination));
        Assert.Equal((Verdict.Forward, TranspositionEdits.Uplink, null), (toC.Verdict, toC.Transposition.Edits, toC.Destination));
        Assert.Equal(Verdict.Replicate, lldp.Verdict);
        Assert.Equal([portB, null], lldp.ReplicationTargets.ToArray().Select(target => target.Destination));
        Assert.Equal((Verdict.Drop, DropReason.MacGuard), (spoofed.Verdict, spoofed.DropReason));
        Assert.Same(portB, vSwitch.TryGetPlainPort(10, b.Mac));
        Assert.Null(vSwitch.TryGetPlainPort(20, b.Mac));
    }

    [Fact]
    public void PortDefault_BlockTraffic_ClosesPortsWithoutAList()
    {
        World world = World.Figure8();
        HostPolicy policy = world.PolicyOf(World.Host1);
        TestHost host = Start(world, policy with { Settings = policy.Settings with { PortDefault = PortDefaultState.BlockTraffic } });

        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(1, 2)).ShouldDrop(DropReason.Acl);
    }

    [Fact]
    public void Team_FlowsOfOnePort_LeaveFromEveryAddress()
    {
        World world = World.Figure8();
        HostPolicy policy = world.PolicyOf(World.Host1);
        ProviderAddress second = ProviderAddress.Parse("192.168.1.11");
        policy = policy with
        {
            ProviderAddresses = [policy.ProviderAddresses[0], policy.ProviderAddresses[0] with { TeamMember = 1, Address = second }],
            Teams = [new ProviderTeam([World.Host1, second])],
        };
        TestHost host = Start(world, policy);

        HashSet<byte> members = [.. Enumerable.Range(0, 64).Select(i => host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp((ushort)(40000 + i), 2)).Transposition.TeamMember)];

        Assert.Equal<byte>([0, 1], members.Order());
        Assert.True(host.Switch.TryGetSubnet(5001)!.Accepts(second));
    }

    [Fact]
    public void PolicyChange_ForOneTenant_LeavesTheFlowsOfTheOthersAsTheyAre()
    {
        World world = World.Figure8();
        TestHost host = Start(world, world.PolicyOf(World.Host1));
        UnifiedFlow contoso = host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(1, 2)).Flow, fabrikam = host.Send("fabrikam-sql", ContosoFabrikam.SqlToWeb.Udp(1, 2)).Flow;

        world["contoso-sql"].Rules = [new AclRule("allow", AclLevel.Subnet, Direction.Outbound, AclAction.Allow, 100, null, [], [], [], [], false)];
        host.Install(world.PolicyOf(World.Host1) with { Configuration = 2 });
        UnifiedFlow again = host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Udp(1, 2)).Flow, same = host.Send("fabrikam-sql", ContosoFabrikam.SqlToWeb.Udp(1, 2)).Flow;

        Assert.NotSame(contoso, again);
        Assert.Same(fabrikam, same);
    }

    [Fact]
    public void PortsThatComeAndGo_LeaveTheFlowsOfOtherPortsAsTheyAre_ExceptThoseTheyNamed()
    {
        World world = World.Figure2();
        TestHost host = Start(world, world.PolicyOf(World.Host1));
        FrameBuilder toB = FrameBuilder.Ethernet(world["a"].Mac, World.RouterMac).IP("10.1.1.11", "10.1.2.11").Udp(1, 2);
        FrameBuilder toC = FrameBuilder.Ethernet(world["a"].Mac, World.RouterMac).IP("10.1.1.11", "10.1.3.11").Udp(1, 2);
        UnifiedFlow remote = host.Send("a", toC).ShouldForward().Flow;
        host.Send("a", toB).ShouldForward();

        host.Switch.RemovePort(world["b"].Id);
        host.Send("a", toB).ShouldDrop(DropReason.DestinationPortNotReady);
        Assert.Same(remote, host.Send("a", toC).Flow);
        VPort back = host.Attach(world["b"]);

        Assert.Same(back, host.Send("a", toB).ShouldForward().Flow.Destination);
        Assert.Same(remote, host.Send("a", toC).Flow);
    }

    [Fact]
    public void PolicyChange_WithAHundredThousandLiveFlows_StallsNobody()
    {
        World world = World.Figure8();
        world["contoso-sql"].Settings = PortSettings.Default with { PortFlowLimit = 300_000 };
        TestHost host = Start(world, world.PolicyOf(World.Host1));
        VPort port = host["contoso-sql"];
        (byte[] Frame, ParsedPacket Packet)[] packets = [.. Enumerable.Range(0, 100_000).Select(i =>
        {
            byte[] frame = ContosoFabrikam.SqlToWeb.Udp((ushort)(i % 50_000), (ushort)(i / 50_000)).Build();
            Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out ParsedPacket packet));
            return (frame, packet);
        })];
        Array.ForEach(packets, packet => port.DecideOutbound(in packet.Packet, packet.Frame, host.Now));
        long decided = port.Counts(Direction.Outbound).SlowPathEvaluations;

        world["contoso-sql"].Rules = [new AclRule("deny", AclLevel.Subnet, Direction.Outbound, AclAction.Block, 100, IPProtocols.Tcp, [], [], [], [], false)];
        host.Install(world.PolicyOf(World.Host1) with { Configuration = 2 });
        long afterInstall = port.Counts(Direction.Outbound).SlowPathEvaluations;
        port.DecideOutbound(in packets[77].Packet, packets[77].Frame, host.Now);

        // The change itself looks at no flow; each is decided again when it is next used, and only then.
        Assert.Equal((100_000, 100_000, 100_001), (decided, afterInstall, port.Counts(Direction.Outbound).SlowPathEvaluations));
        Assert.Equal(100_000, port.FlowCount);
    }

    private static PortPolicy Plain(string name, string mac, int vlan) =>
        new(new NicId(Guid.NewGuid()), name, default, MacAddress.Parse(mac), [], PortSettings.Default, []) { VlanId = vlan };

    private static UnifiedFlow Decide(VPort port, FrameBuilder builder)
    {
        byte[] frame = builder.Build();
        Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out ParsedPacket packet));
        return port.DecideOutbound(in packet, frame, 1_000_000);
    }

    private static (World World, HostPolicy Policy) Figure2(UserRoute route)
    {
        World world = World.Figure2();
        HostPolicy policy = world.PolicyOf(World.Host1);
        VirtualNetworkPolicy network = policy.VirtualNetworks[0];
        ImmutableArray<VirtualSubnetPolicy> subnets = [network.Subnets[0] with { Routes = [route] }, .. network.Subnets.Skip(1)];
        return (world, policy with { VirtualNetworks = [network with { Subnets = subnets }, .. policy.VirtualNetworks.Skip(1)] });
    }

    private static TestHost Start((World World, HostPolicy Policy) story) => Start(story.World, story.Policy);

    private static TestHost Start(World world, HostFacts facts) => Start(world, world.PolicyOf(World.Host1), facts);

    private static TestHost Start(World world, HostPolicy policy, HostFacts? facts = null)
    {
        TestHost host = new();
        foreach (World.Nic nic in world.Nics.Where(nic => nic.Host == World.Host1))
        {
            host.Attach(nic);
        }

        host.Install(policy, facts);
        return host;
    }
}
