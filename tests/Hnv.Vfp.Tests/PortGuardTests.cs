using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

public class PortGuardTests
{
    private static readonly MacAddress s_web = ContosoFabrikam.ContosoWebMac;
    private static readonly MacAddress s_sql = ContosoFabrikam.ContosoSqlMac;
    private static readonly InetAddress s_own = ContosoFabrikam.Web;

    private static FrameBuilder Broadcast => FrameBuilder.Ethernet(s_web, MacAddress.Broadcast);

    public static TheoryData<string, DropReason> Refused => new()
    {
        { "tag", DropReason.VlanTagged },
        { "mac", DropReason.MacGuard },
        { "group mac", DropReason.MacGuard },
        { "ipv4", DropReason.IPv4Guard },
        { "ipv4 unspecified", DropReason.IPv4Guard },
        { "ipv6", DropReason.IPv6Guard },
        { "ipv6 link-local", DropReason.IPv6Guard },
        { "lldp", DropReason.NonIPBlocked },
        { "arp sender mac", DropReason.ArpGuard },
        { "arp sender address", DropReason.ArpGuard },
        { "arp reply", DropReason.ArpFilter },
        { "arp own", DropReason.ArpFilter },
        { "arp gratuitous", DropReason.ArpFilter },
        { "arp unknown", DropReason.ArpFilter },
        { "arp other subnet", DropReason.ArpFilter },
        { "arp garbage", DropReason.InvalidPacket },
        { "router advertisement", DropReason.RouterGuard },
        { "router solicitation", DropReason.ArpFilter },
        { "neighbour advertisement", DropReason.ArpFilter },
        { "icmpv6 redirect", DropReason.RouterGuard },
    };

    private static FrameBuilder Frame(string name) => name switch
    {
        "tag" => ContosoFabrikam.WebToSql.Vlan(100).Udp(1, 2),
        "mac" => FrameBuilder.Ethernet(s_sql, s_web).IP(s_own, ContosoFabrikam.Sql).Udp(1, 2),
        "group mac" => FrameBuilder.Ethernet(MacAddress.Broadcast, s_sql).IP(s_own, ContosoFabrikam.Sql).Udp(1, 2),
        "ipv4" => FrameBuilder.Ethernet(s_web, s_sql).IP("10.1.1.99", "10.1.1.11").Udp(1, 2),
        "ipv4 unspecified" => FrameBuilder.Ethernet(s_web, s_sql).IP("0.0.0.0", "10.1.1.11").Udp(68, 67),
        "ipv6" => FrameBuilder.Ethernet(s_web, s_sql).IP("2001:db8::99", "2001:db8::11").Udp(1, 2),
        "ipv6 link-local" => FrameBuilder.Ethernet(s_web, s_sql).IP("fe80::99", "fe80::11").Udp(1, 2),
        "lldp" => FrameBuilder.Ethernet(s_web, s_sql).EtherType(0x88CC).Payload(1, 2, 3),
        "arp sender mac" => FrameBuilder.Ethernet(s_web, MacAddress.Broadcast).Arp(
            new ArpMessage { Operation = ArpMessage.Request, SenderMac = s_sql, SenderAddress = s_own, TargetAddress = ContosoFabrikam.Sql }),
        "arp sender address" => Broadcast.ArpRequest(InetAddress.Parse("10.1.1.99"), ContosoFabrikam.Sql),
        "arp reply" => FrameBuilder.Ethernet(s_web, s_sql).ArpReply(s_own, ContosoFabrikam.Sql),
        "arp own" => Broadcast.ArpRequest(InetAddress.Parse("0.0.0.0"), s_own),
        "arp gratuitous" => Broadcast.ArpRequest(s_own, s_own),
        "arp unknown" => Broadcast.ArpRequest(s_own, InetAddress.Parse("10.1.1.77")),
        "arp other subnet" => Broadcast.ArpRequest(s_own, InetAddress.Parse("10.1.2.11")),
        "arp garbage" => Broadcast.EtherType(EtherTypes.Arp).Payload(1, 2, 3),
        "router solicitation" => FrameBuilder.Ethernet(s_web, s_sql).IP("fe80::1", "ff02::2").Icmp(133).TimeToLive(255),
        "router advertisement" => FrameBuilder.Ethernet(s_web, s_sql).IP("fe80::1", "ff02::1").Icmp(134).TimeToLive(255).Payload(16),
        "neighbour advertisement" => FrameBuilder.Ethernet(s_web, s_sql).IP("fe80::1", "ff02::1").Icmp(136).TimeToLive(255).Payload(16),
        "icmpv6 redirect" => FrameBuilder.Ethernet(s_web, s_sql).IP("fe80::1", "ff02::1").Icmp(137).TimeToLive(255).Payload(32),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    private static World WithOtherSubnet()
    {
        World world = new();
        world.AddNetwork("contoso", (5001, "10.1.1.0/24"), (5002, "10.1.2.0/24"));
        world.AddNic("contoso-sql", 5001, s_sql.ToString(), World.Host1, "10.1.1.11");
        world.AddNic("contoso-web", 5001, s_web.ToString(), World.Host2, "10.1.1.12");
        world.AddNic("contoso-app", 5002, "00-1D-D8-B7-1C-09", World.Host2, "10.1.2.11");
        return world;
    }

    [Theory]
    [MemberData(nameof(Refused))]
    public void Outbound_WhatAGuestMayNotSend_IsDroppedAndNotRemembered(string frame, DropReason reason)
    {
        TestHost host2 = WithOtherSubnet().Start(World.Host2);

        Observation seen = host2.Send("contoso-web", Frame(frame));

        seen.ShouldDrop(reason).ShouldMove($"out.bytes+1 out.drop.{reason}+1 out.packets+1");
    }

    [Theory]
    [InlineData("10.1.1.1", "00-1D-D8-B7-1C-00")]
    [InlineData("10.1.1.11", "00-1D-D8-B7-1C-06")]
    public void Arp_ForTheGatewayOrAMappedAddress_IsAnsweredFromPolicy(string target, string mac)
    {
        TestHost host2 = WithOtherSubnet().Start(World.Host2);

        Observation seen = host2.Send("contoso-web", Broadcast.ArpRequest(s_own, InetAddress.Parse(target))).ShouldAnswer();

        seen.ShouldMove("out.bytes+1 out.packets+1");
        Assert.True(ArpMessage.TryRead(seen.Answer.AsSpan(14), out ArpMessage reply));
        Assert.Equal(ArpMessage.Reply, reply.Operation.Host);
        Assert.Equal((MacAddress.Parse(mac), InetAddress.Parse(target)), ((MacAddress)reply.SenderMac, (InetAddress)reply.SenderAddress));
        Assert.Equal((s_web, s_own), ((MacAddress)reply.TargetMac, (InetAddress)reply.TargetAddress));
        Assert.Equal(s_web, seen.ParseAnswer().Ufid.DestinationMac);
    }

    [Theory]
    [InlineData("2001:db8:1:1::1", true)]
    [InlineData("2001:db8:1:1::11", true)]
    [InlineData("2001:db8:1:1::12", false)]
    [InlineData("2001:db8:1:1::77", false)]
    public void NeighbourSolicitation_IsAnsweredLikeArp(string target, bool answered)
    {
        World world = new();
        world.AddNetwork("contoso", (5001, "2001:db8:1:1::/64"));
        world.AddNic("contoso-sql", 5001, s_sql.ToString(), World.Host1, "2001:db8:1:1::11");
        world.AddNic("contoso-web", 5001, s_web.ToString(), World.Host2, "2001:db8:1:1::12");
        InetAddress address = InetAddress.Parse(target);
        InetAddress group = NeighborDiscovery.SolicitedNode(address);

        Observation seen = world.Start(World.Host2).Send(
            "contoso-web", FrameBuilder.Ethernet(s_web, NeighborDiscovery.MulticastMac(group)).IP(ContosoFabrikam.WebV6, group).NeighborSolicitation(address));

        if (!answered)
        {
            seen.ShouldDrop(DropReason.ArpFilter);
            return;
        }

        ParsedPacket answer = seen.ShouldAnswer().ParseAnswer();
        Assert.True(NeighborDiscovery.TryReadAdvertisement(seen.Answer, in answer, out NeighborNotice notice));
        Assert.Equal(target.EndsWith("::1", StringComparison.Ordinal) ? World.RouterMac : s_sql, notice.LinkLayer);
    }

    [Fact]
    public void MaySpoof_LetsOtherMacsAndAddressesPass()
    {
        World world = WithOtherSubnet();
        world["contoso-web"].Settings = PortSettings.Default with { MacSpoofing = true };

        world.Start(World.Host2).Send("contoso-web", FrameBuilder.Ethernet(MacAddress.Parse("02-00-00-00-00-01"), s_sql).IP("10.1.1.99", "10.1.1.11").Udp(1, 2)).ShouldForward();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void DhcpGuard_DropsServerMessages(bool on)
    {
        World world = WithOtherSubnet();
        world["contoso-web"].Settings = PortSettings.Default with { DhcpGuard = on };

        Observation seen = world.Start(World.Host2).Send("contoso-web", ContosoFabrikam.WebToSql.Udp(67, 68));

        Assert.Equal(on ? "DhcpGuard" : "", seen.Reason);
    }

    [Fact]
    public void DhcpRequest_WherePolicyAnswersNone_ReachesItsSubnet()
    {
        World world = WithOtherSubnet();
        world["contoso-web"].Dhcp = null;

        Assert.Equal(Verdict.Replicate, world.Start(World.Host2).Send("contoso-web", Broadcast.IP("0.0.0.0", "255.255.255.255").Udp(68, 67)).Verdict);
    }

    [Fact]
    public void StormLimit_DropsWhatExceedsItInASecond()
    {
        World world = WithOtherSubnet();
        world["contoso-web"].Settings = PortSettings.Default with { StormLimit = 2 };
        TestHost host2 = world.Start(World.Host2);
        FrameBuilder broadcast = Broadcast.IP(s_own, InetAddress.Parse("255.255.255.255")).Udp(1, 2);

        Verdict[] first = [host2.Send("contoso-web", broadcast).Verdict, host2.Send("contoso-web", broadcast).Verdict];
        Observation third = host2.Send("contoso-web", broadcast);
        host2.Now += 1000;
        Verdict nextSecond = host2.Send("contoso-web", broadcast).Verdict;

        Assert.Equal([Verdict.Replicate, Verdict.Replicate], first);
        third.ShouldDrop(DropReason.StormLimit);
        Assert.Equal(Verdict.Replicate, nextSecond);
    }

    [Theory]
    [InlineData("tag", DropReason.VlanTagged)]
    [InlineData("lldp", DropReason.NonIPBlocked)]
    [InlineData("arp reply", DropReason.AddressResolutionFromUnderlay)]
    [InlineData("router advertisement", DropReason.AddressResolutionFromUnderlay)]
    public void Inbound_WhatNoHostShouldHaveSent_Drops(string frame, DropReason reason) =>
        WithOtherSubnet().Start(World.Host2).Receive("contoso-web", Frame(frame)).ShouldDrop(reason);
}
