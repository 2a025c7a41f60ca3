using System.Collections.Immutable;
using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

public class FirewallTests
{
    private static AclRule Rule(
        string id,
        Direction direction,
        AclAction action,
        int priority,
        byte? protocol = null,
        string? source = null,
        string? destination = null,
        PortRange? sourcePort = null,
        PortRange? destinationPort = null,
        AclLevel level = AclLevel.NetworkInterface) =>
        new(
            id, level, direction, action, priority, protocol,
            source is null ? [] : [IpPrefix.Parse(source)],
            destination is null ? [] : [IpPrefix.Parse(destination)],
            sourcePort is { } s ? [s] : [],
            destinationPort is { } d ? [d] : [],
            Logging: false);

    private static AclRule Deny(Direction direction, AclLevel level = AclLevel.NetworkInterface) =>
        Rule($"default-{direction}-{level}", direction, AclAction.Block, 65001, level: level);

    private static TestHost Host1(params AclRule[] rules) => Start(World.Host1, "contoso-sql", rules).Host;

    private static (TestHost Host, World World) Start(ProviderAddress host, string nic, params AclRule[] rules)
    {
        World world = World.Figure8();
        world[nic].Rules = [.. rules];
        return (world.Start(host), world);
    }

    private static FrameBuilder Query => ContosoFabrikam.WebToSql.Tcp(40000, 5432, TcpFlags.Syn);

    private static FrameBuilder Reply => ContosoFabrikam.SqlToWeb.Tcp(5432, 40000, TcpFlags.Syn | TcpFlags.Ack);

    [Fact]
    public void DefaultDeny_Alone_DropsTheFirstPacket() =>
        Host1(Deny(Direction.Inbound)).Receive("contoso-sql", Query)
            .ShouldDrop(DropReason.Acl)
            .ShouldMove("flows+1 in.bytes+1 in.drop.Acl+1 in.packets+1 in.slow+1");

    public static TheoryData<string, byte, string, string, ushort, ushort> OneFieldOff => new()
    {
        { "protocol", IPProtocols.Udp, "10.1.1.12/32", "10.1.1.11/32", 40000, 5432 },
        { "source", IPProtocols.Tcp, "10.1.1.13/32", "10.1.1.11/32", 40000, 5432 },
        { "destination", IPProtocols.Tcp, "10.1.1.12/32", "10.1.1.10/32", 40000, 5432 },
        { "source port", IPProtocols.Tcp, "10.1.1.12/32", "10.1.1.11/32", 40001, 5432 },
        { "destination port", IPProtocols.Tcp, "10.1.1.12/32", "10.1.1.11/32", 40000, 5433 },
    };

    [Theory]
    [MemberData(nameof(OneFieldOff))]
    public void Allow_WithOneFieldOfTheTupleOff_DoesNotMatch(string field, byte protocol, string source, string destination, ushort from, ushort to)
    {
        AclRule right = Rule(
            "allow-sql", Direction.Inbound, AclAction.Allow, 101, IPProtocols.Tcp, "10.1.1.12/32", "10.1.1.11/32", new PortRange(40000, 40000), new PortRange(5432, 5432));
        AclRule wrong = Rule(
            "allow-sql", Direction.Inbound, AclAction.Allow, 101, protocol, source, destination, new PortRange(from, from), new PortRange(to, to));

        Observation admitted = Host1(right, Deny(Direction.Inbound)).Receive("contoso-sql", Query);
        Observation refused = Host1(wrong, Deny(Direction.Inbound)).Receive("contoso-sql", Query);

        Assert.True(admitted.Verdict == Verdict.Forward, field);
        Assert.True(refused is { Verdict: Verdict.Drop, Flow.DropReason: DropReason.Acl }, field);
    }

    [Theory]
    [InlineData(101, 102, Verdict.Forward)]
    [InlineData(102, 101, Verdict.Drop)]
    [InlineData(101, 101, Verdict.Drop)]
    public void Priority_TheLowerNumberWins_AndOfEqualsTheBlock(int allow, int block, Verdict verdict)
    {
        TestHost host1 = Host1(
            Rule("allow", Direction.Inbound, AclAction.Allow, allow), Rule("block", Direction.Inbound, AclAction.Block, block, IPProtocols.Tcp));

        Assert.Equal(verdict, host1.Receive("contoso-sql", Query).Verdict);
    }

    [Theory]
    [InlineData(AclAction.Allow, AclAction.Allow, Verdict.Forward)]
    [InlineData(AclAction.Allow, AclAction.Block, Verdict.Drop)]
    [InlineData(AclAction.Block, AclAction.Allow, Verdict.Drop)]
    public void BothLevels_HaveToPermit(AclAction subnet, AclAction nic, Verdict verdict)
    {
        TestHost host1 = Host1(
            Rule("subnet", Direction.Inbound, subnet, 101, level: AclLevel.Subnet), Rule("nic", Direction.Inbound, nic, 101));

        Assert.Equal(verdict, host1.Receive("contoso-sql", Query).Verdict);
    }

    [Theory]
    [InlineData(Direction.Inbound)]
    [InlineData(Direction.Outbound)]
    public void Replies_OfAnAdmittedConnection_PassADefaultDeny(Direction initiator)
    {
        TestHost host1 = Host1(
            Rule("allow", initiator, AclAction.Allow, 101), Deny(initiator == Direction.Inbound ? Direction.Outbound : Direction.Inbound));
        FrameBuilder request = initiator == Direction.Inbound ? Query : ContosoFabrikam.SqlToWeb.Tcp(50000, 80, TcpFlags.Syn);
        FrameBuilder reply = initiator == Direction.Inbound ? Reply : ContosoFabrikam.WebToSql.Tcp(80, 50000, TcpFlags.Syn | TcpFlags.Ack);

        Observation unasked = initiator == Direction.Inbound ? host1.Send("contoso-sql", reply) : host1.Receive("contoso-sql", reply);
        _ = initiator == Direction.Inbound ? host1.Receive("contoso-sql", request).ShouldForward() : host1.Send("contoso-sql", request).ShouldForward();
        Observation answered = initiator == Direction.Inbound ? host1.Send("contoso-sql", reply) : host1.Receive("contoso-sql", reply);

        unasked.ShouldDrop(DropReason.Acl);
        answered.ShouldForward();
    }

    [Fact]
    public void PingReply_PassesByState_AndDoesNotOpenTheWayBack()
    {
        TestHost host1 = Host1(Deny(Direction.Inbound));

        host1.Receive("contoso-sql", ContosoFabrikam.WebToSql.Icmp(IcmpTypes.EchoReply, 0, 7u << 16)).ShouldDrop(DropReason.Acl);
        host1.Send("contoso-sql", ContosoFabrikam.SqlToWeb.Ping(8)).ShouldForward();
        host1.Receive("contoso-sql", ContosoFabrikam.WebToSql.Icmp(IcmpTypes.EchoReply, 0, 8u << 16)).ShouldForward();
        host1.Receive("contoso-sql", ContosoFabrikam.WebToSql.Ping(9)).ShouldDrop(DropReason.Acl);
    }

    [Fact]
    public void IcmpError_AboutAKnownConnection_IsAdmitted_AboutAnotherItIsNot()
    {
        TestHost host1 = Host1(Deny(Direction.Inbound));
        FrameBuilder known = ContosoFabrikam.SqlToWeb.Udp(5000, 53);
        FrameBuilder unknown = ContosoFabrikam.SqlToWeb.Udp(5001, 53);
        host1.Send("contoso-sql", known).ShouldForward();

        Observation related = host1.Receive("contoso-sql", ErrorAbout(known));
        Observation unrelated = host1.Receive("contoso-sql", ErrorAbout(unknown));
        Observation again = host1.Receive("contoso-sql", ErrorAbout(known));

        related.ShouldForward().ShouldMove("in.bytes+1 in.packets+1 in.slow+1");
        unrelated.ShouldDrop(DropReason.Acl);
        again.ShouldForward();
    }

    [Fact]
    public void LaterFragments_FollowTheFirst()
    {
        TestHost host1 = Host1(
            Rule("dns", Direction.Inbound, AclAction.Allow, 101, IPProtocols.Udp, destinationPort: new PortRange(53, 53)), Deny(Direction.Inbound), Deny(Direction.Outbound));
        FrameBuilder first = ContosoFabrikam.SqlToWeb.Udp(53, 4000).Payload(64).Fragment(0, more: true);
        FrameBuilder later = ContosoFabrikam.SqlToWeb.Udp(53, 4000).Payload(64).Fragment(72, more: false);

        host1.Send("contoso-sql", later).ShouldDrop(DropReason.FragmentWithoutFirst);
        host1.Send("contoso-sql", first).ShouldDrop(DropReason.Acl);
        host1.Send("contoso-sql", later).ShouldDrop(DropReason.Acl);
        host1.Receive("contoso-sql", ContosoFabrikam.WebToSql.Udp(4000, 53)).ShouldForward();
        host1.Send("contoso-sql", first).ShouldForward();
        host1.Send("contoso-sql", later).ShouldForward();
    }

    [Fact]
    public void PortRule_DoesNotMatchProtocolsWithoutPorts()
    {
        TestHost host1 = Host1(Rule("web", Direction.Inbound, AclAction.Allow, 101, destinationPort: new PortRange(0, 1024)), Deny(Direction.Inbound));

        host1.Receive("contoso-sql", ContosoFabrikam.WebToSql.Ping(1)).ShouldDrop(DropReason.Acl);
    }

    [Fact]
    public void Matches_AreCountedPerRule_AndSurviveANewProgram()
    {
        (TestHost host1, World world) = Start(World.Host1, "contoso-sql", Rule("allow-sql", Direction.Inbound, AclAction.Allow, 101), Deny(Direction.Inbound));
        host1.Receive("contoso-sql", Query);

        world["contoso-sql"].Rules = [Rule("new", Direction.Inbound, AclAction.Block, 100, IPProtocols.Udp), .. world["contoso-sql"].Rules];
        host1.Install(world.PolicyOf(World.Host1));
        host1.Receive("contoso-sql", ContosoFabrikam.WebToSql.Tcp(40001, 5432, TcpFlags.Syn));

        ImmutableArray<RuleSnapshot> rules = host1["contoso-sql"].Snapshot(10).Layers.Single(layer => layer.Layer.Name == LayerNames.FirewallController).Groups[0].Rules;
        Assert.Equal([("new", 0L), ("allow-sql", 2L), ("default-Inbound-NetworkInterface", 0L)], rules.Select(rule => (rule.Rule.Id, rule.Matches)));
    }

    private static FrameBuilder ErrorAbout(FrameBuilder sent) => ContosoFabrikam.WebToSql.Icmp(IcmpTypes.DestinationUnreachable, 3).Payload(sent.Build()[14..]);
}
