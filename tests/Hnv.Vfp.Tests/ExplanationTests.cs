using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

/// <summary>
/// What is said about a packet before it is sent comes true when it is. <see cref="TestHost"/> holds every packet of every test here against its
/// explanation; these tests say what else an explanation tells, and send packets nobody thought of.
/// </summary>
public class ExplanationTests
{
    private static readonly AclRule s_noTelnet = Rule("no-telnet", AclAction.Block, 100, destinationPort: 23);

    [Fact]
    public void Blocked_NamesTheLayerAndTheRule()
    {
        TestHost host = Host(s_noTelnet);

        Explanation explained = Explain(host, ContosoFabrikam.SqlToWeb.Tcp(40000, 23, TcpFlags.Syn));

        Assert.Equal((Verdict.Drop, DropReason.Acl), (explained.Flow.Verdict, explained.Flow.DropReason));
        Assert.Equal((LayerNames.FirewallController, ExplainedBy.Layers), (explained.DropLayer, explained.By));
        Assert.Contains("no-telnet", explained.Rule!.Id, StringComparison.Ordinal);
    }

    [Fact]
    public void Forwarded_TellsWhetherAFlowIsKnown_AndStillNamesTheLayers()
    {
        TestHost host = Host();
        FrameBuilder open = ContosoFabrikam.SqlToWeb.Tcp(40000, 80, TcpFlags.Syn);

        Explanation before = Explain(host, open);
        host.Send("contoso-sql", open).ShouldForward();
        Explanation after = Explain(host, open);

        Assert.Equal((ExplainedBy.Layers, true, null), (before.By, before.BeginsConnection, before.Connection));
        Assert.Equal((ExplainedBy.UnifiedFlow, false, ConnectionState.Opening), (after.By, after.BeginsConnection, after.Connection));
        Assert.Equal(LayerNames.Encap, after.Steps[^2].Layer);
    }

    [Fact]
    public void Guarded_IsToldBeforeAnyLayer()
    {
        Explanation explained = Explain(Host(), FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac).IP("10.1.1.11", "10.1.1.12").Udp(1, 2));

        Assert.Equal((ExplainedBy.Guard, DropReason.MacGuard), (explained.By, explained.Flow.DropReason));
        Assert.Empty(explained.Steps);
    }

    [Fact]
    public void ConversationThatPolicyTookBack_NamesTheRuleThatDidIt()
    {
        World world = World.Figure8();
        TestHost host = world.Start(World.Host1);
        host.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Tcp(40000, 23, TcpFlags.Syn)).ShouldForward();
        world["contoso-sql"].Rules = [s_noTelnet];
        host.Install(world.PolicyOf(World.Host1));

        FrameBuilder answer = ContosoFabrikam.WebToSql.Tcp(23, 40000, TcpFlags.Ack);
        Explanation explained = Explain(host, answer, Direction.Inbound);
        Observation received = host.Receive("contoso-sql", answer).ShouldDrop(DropReason.Acl);

        Assert.True(explained.IsConnectionBlocked);
        Assert.Contains("no-telnet", explained.Rule!.Id, StringComparison.Ordinal);
        Assert.Same(explained.Rule, received.Flow.DropRule);
    }

    [Fact]
    public void PortWithoutPolicy_SaysSo()
    {
        TestHost host = new();
        host.Attach(World.Figure8()["contoso-sql"]);

        Assert.Equal((ExplainedBy.Program, DropReason.NoPolicy), (Explain(host, ContosoFabrikam.SqlToWeb.Udp(1, 2)).By, Explain(host, ContosoFabrikam.SqlToWeb.Udp(1, 2)).Flow.DropReason));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AnyPackets_UnderAnyPolicies_AreExplainedAsTheyAreDecided(int seed)
    {
        Random random = new(seed);
        World world = World.Figure8();
        world["contoso-sql"].Nat = [Source("10.1.1.200/32", 1000, 1007)];
        TestHost host = world.Start(World.Host1);
        HashSet<(Verdict, DropReason)> seen = [];
        for (int i = 0; i < 20_000; i++)
        {
            if (random.Next(400) == 0)
            {
                world["contoso-sql"].Rules = [.. Enumerable.Range(0, random.Next(4)).Select(rule => Rule(
                    $"rule{rule}", (AclAction)random.Next(2), 100 + rule, destinationPort: (ushort)random.Next(8), direction: (Direction)random.Next(2)))];
                world["contoso-sql"].Nat = random.Next(2) == 0 ? [] : [Source("10.1.1.200/32", 1000, 1007)];
                world["contoso-sql"].Settings = PortSettings.Default with { PortFlowLimit = random.Next(2) * 24 };
                host.Install(world.PolicyOf(World.Host1));
            }

            if (random.Next(100) == 0)
            {
                host.Now += random.Next(30_000);
                host.Switch.Age(host.Now);
            }

            Observation seenNow = random.Next(2) == 0 ? host.Send("contoso-sql", Any(random, outbound: true)) : host.Receive("contoso-sql", Any(random, outbound: false));
            _ = seen.Add((seenNow.Verdict, seenNow.Verdict == Verdict.Drop ? seenNow.Flow.DropReason : default));
        }

        Assert.Superset(
            new HashSet<(Verdict, DropReason)>
            {
                (Verdict.Forward, default), (Verdict.Hairpin, default), (Verdict.Drop, DropReason.Acl), (Verdict.Drop, DropReason.NoDestinationUnicast),
                (Verdict.Drop, DropReason.FragmentWithoutFirst), (Verdict.Drop, DropReason.FlowLimit), (Verdict.Drop, DropReason.NatExhausted),
            },
            seen);
    }

    private static FrameBuilder Any(Random random, bool outbound)
    {
        FrameBuilder to = random.Next(12) switch
        {
            0 => FrameBuilder.Ethernet(ContosoFabrikam.ContosoSqlMac, World.RouterMac).IP("10.1.1.11", "10.1.1.1"),
            1 => FrameBuilder.Ethernet(ContosoFabrikam.ContosoSqlMac, MacAddress.Parse("00-1D-D8-00-00-99")).IP("10.1.1.11", "10.1.1.99"),
            2 => FrameBuilder.Ethernet(ContosoFabrikam.ContosoSqlMac, World.RouterMac).IP("10.1.1.11", "192.0.2.1"),
            _ => ContosoFabrikam.SqlToWeb,
        };
        if (!outbound)
        {
            to = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac).IP("10.1.1.12", random.Next(3) == 0 ? "10.1.1.200" : "10.1.1.11");
        }

        to = to.TimeToLive((byte)random.Next(1, 4)).Identification((ushort)random.Next(4));
        (ushort near, ushort far) = ((ushort)(outbound ? 40000 + random.Next(12) : random.Next(2) == 0 ? 1000 + random.Next(8) : 40000 + random.Next(12)), (ushort)random.Next(8));
        (ushort source, ushort destination) = outbound ? (near, far) : (far, near);
        byte[] flags = [TcpFlags.Syn, TcpFlags.Ack, TcpFlags.Syn | TcpFlags.Ack, TcpFlags.Fin | TcpFlags.Ack, TcpFlags.Rst];
        return random.Next(10) switch
        {
            0 => to.Ping(near, 1),
            1 => to.Udp(source, destination).Payload(64).Fragment(0, more: true),
            2 => to.Udp(source, destination).Payload(64).Fragment(72, more: false),
            3 or 4 or 5 => to.Udp(source, destination),
            _ => to.Tcp(source, destination, flags[random.Next(flags.Length)]),
        };
    }

    private static TestHost Host(params AclRule[] rules)
    {
        World world = World.Figure8();
        world["contoso-sql"].Rules = [.. rules];
        return world.Start(World.Host1);
    }

    private static Explanation Explain(TestHost host, FrameBuilder builder, Direction direction = Direction.Outbound)
    {
        byte[] frame = builder.Build();
        Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out ParsedPacket packet));
        return host["contoso-sql"].Explain(direction, in packet, frame);
    }

    private static AclRule Rule(string id, AclAction action, int priority, ushort destinationPort, Direction direction = Direction.Outbound) => new(
        id, AclLevel.NetworkInterface, direction, action, priority, null, [], [], [], [new PortRange(destinationPort, destinationPort)], Logging: false);

    private static NatRule Source(string external, ushort first, ushort last) =>
        new("nat", NatKind.Source, 100, null, [], [IpPrefix.Parse(external)], [], new PortRange(first, last), []);
}
