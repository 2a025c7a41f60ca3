using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;
using static Hnv.Vfp.Tests.DualStackWorld;

namespace Hnv.Vfp.Tests;

/// <summary>What a guest may send beside its own addresses, who may play the DHCP server, and how much of anything gets an answer.</summary>
public class GuardLimitTests
{
    private static readonly MacAddress s_sql = ContosoFabrikam.ContosoSqlMac;
    private static readonly InetAddress s_extra = InetAddress.Parse("10.1.1.200");
    private static readonly InetAddress s_extraV6 = InetAddress.Parse("2001:db8:1:1::200");

    private static World With(PortSettings settings)
    {
        World world = Make();
        world[Guest].Settings = settings;
        return world;
    }

    private static FrameBuilder FromExtra(string what, InetAddress extra) => what switch
    {
        "packet" => FrameBuilder.Ethernet(Mac, s_sql).IP(extra, extra.IsIPv4 ? ContosoFabrikam.Sql : ContosoFabrikam.SqlV6).Udp(1, 2),
        "arp" => Broadcast.ArpRequest(extra, ContosoFabrikam.Sql),
        _ => To(extra, NeighborDiscovery.SolicitedNode(ContosoFabrikam.SqlV6)).NeighborSolicitation(ContosoFabrikam.SqlV6),
    };

    [Theory]
    [InlineData("packet", "10.1.1.200", true, Verdict.Forward, "")]
    [InlineData("packet", "10.1.1.200", false, Verdict.Drop, "IPv4Guard")]
    [InlineData("packet", "10.1.1.201", true, Verdict.Drop, "IPv4Guard")]
    [InlineData("packet", "2001:db8:1:1::200", true, Verdict.Forward, "")]
    [InlineData("packet", "2001:db8:1:1::200", false, Verdict.Drop, "IPv6Guard")]
    [InlineData("arp", "10.1.1.200", true, Verdict.Hairpin, "")]
    [InlineData("arp", "10.1.1.200", false, Verdict.Drop, "ArpGuard")]
    [InlineData("arp", "10.1.1.201", true, Verdict.Drop, "ArpGuard")]
    [InlineData("solicitation", "2001:db8:1:1::200", true, Verdict.Hairpin, "")]
    [InlineData("solicitation", "2001:db8:1:1::200", false, Verdict.Drop, "IPv6Guard")]
    public void AllowedAddresses_AreTheGuestsAsItsOwnAre(string what, string source, bool allowed, Verdict expected, string reason)
    {
        World world = With(PortSettings.Default with { ArpGuard = true });
        world[Guest].AllowedAddresses = allowed ? [IpPrefix.Create(s_extra, 32), IpPrefix.Create(s_extraV6, 128)] : [];

        Observation seen = world.Start(World.Host2).Send(Guest, FromExtra(what, InetAddress.Parse(source)));

        Assert.Equal((expected, reason), (seen.Verdict, seen.Reason));
    }

    [Fact]
    public void ArpGuard_HoldsSendersToTheirAddresses_WhereTheGuestMaySpoofTheRest()
    {
        TestHost host = With(PortSettings.Default with { MacSpoofing = true, ArpGuard = true }).Start(World.Host2);

        host.Send(Guest, FromExtra("packet", s_extra)).ShouldForward();
        host.Send(Guest, FromExtra("arp", s_extra)).ShouldDrop(DropReason.ArpGuard);
    }

    private static FrameBuilder ServerMessage(string which)
    {
        FrameBuilder v4 = FrameBuilder.Ethernet(Mac, s_sql).IP(ContosoFabrikam.Web, ContosoFabrikam.Sql);
        FrameBuilder v6 = FrameBuilder.Ethernet(Mac, s_sql).IP(ContosoFabrikam.WebV6, ContosoFabrikam.SqlV6);
        return which switch
        {
            "v4" => v4.Udp(67, 68),
            "v4 relayed" => v4.Udp(67, 67),
            "v4 from another port" => v4.Udp(4000, 68),
            "v4 fragment" => v4.Udp(67, 68).Payload(32).Fragment(0, more: true),
            "v4 broadcast" => Broadcast.IP(ContosoFabrikam.Web, InetAddress.Parse("255.255.255.255")).Udp(67, 68),
            "v4 forged" => v4.IP("10.1.1.1", "10.1.1.11").Udp(67, 68),
            "v6" => v6.Udp(547, 546),
            "v6 from another port" => v6.Udp(4000, 546),
            _ => FrameBuilder.Ethernet(Mac, s_sql).IP(LinkLocal, InetAddress.LinkLocalOf(s_sql)).Udp(547, 546),
        };
    }

    [Theory]
    [InlineData("v4", "")]
    [InlineData("v4 relayed", "")]
    [InlineData("v4 from another port", "")]
    [InlineData("v4 fragment", "")]
    [InlineData("v4 broadcast", "")]
    [InlineData("v4 forged", "IPv4Guard")]
    [InlineData("v6", "")]
    [InlineData("v6 from another port", "")]
    [InlineData("v6 link-local", "")]
    public void DhcpGuard_On_DropsWhatClientsWouldTakeForAServers(string which, string reasonWhenOff)
    {
        FrameBuilder frame = ServerMessage(which);

        Observation off = Start().Send(Guest, frame);
        Observation on = With(PortSettings.Default with { DhcpGuard = true }).Start(World.Host2).Send(Guest, frame);
        Observation spoofing = With(PortSettings.Default with { DhcpGuard = true, MacSpoofing = true }).Start(World.Host2).Send(Guest, frame);

        Assert.Equal(reasonWhenOff, off.Reason);
        on.ShouldDrop(DropReason.DhcpGuard).ShouldMove("out.bytes+1 out.drop.DhcpGuard+1 out.packets+1");
        spoofing.ShouldDrop(DropReason.DhcpGuard);
    }

    [Fact]
    public void DhcpGuard_On_LetsAClientAsk() =>
        With(PortSettings.Default with { DhcpGuard = true }).Start(World.Host2).Send(Guest, DhcpV4Frame(DhcpV4(DhcpV4MessageType.Discover))).ShouldAnswer();

    [Fact]
    public void StormLimit_CountsUnknownUnicastWithBroadcastAndMulticast()
    {
        TestHost host = With(PortSettings.Default with { StormLimit = 3 }).Start(World.Host2);
        FrameBuilder unknown = FrameBuilder.Ethernet(Mac, MacAddress.Parse("02-00-00-00-00-99")).IP("10.1.1.12", "10.1.1.99").Udp(1, 2);

        Assert.Equal(Verdict.Replicate, host.Send(Guest, Broadcast.IP("10.1.1.12", "255.255.255.255").Udp(1, 2)).Verdict);
        Assert.Equal(Verdict.Replicate, host.Send(Guest, FrameBuilder.Ethernet(Mac, MacAddress.Parse("01-00-5E-00-00-FB")).IP("10.1.1.12", "224.0.0.251").Udp(1, 2)).Verdict);
        host.Send(Guest, unknown).ShouldDrop(DropReason.NoDestinationUnicast);
        host.Send(Guest, unknown).ShouldDrop(DropReason.StormLimit).ShouldMove("out.bytes+1 out.drop.StormLimit+1 out.hits+1 out.packets+1");
        host.Send(Guest, unknown.Udp(3, 4)).ShouldDrop(DropReason.StormLimit);
        host.Send(Guest, Broadcast.ArpRequest(ContosoFabrikam.Web, ContosoFabrikam.Sql)).ShouldDrop(DropReason.StormLimit);
        host.Send(Guest, ContosoFabrikam.WebToSql.Udp(1, 2)).ShouldForward();
        host.Now += 1000;
        host.Send(Guest, unknown).ShouldDrop(DropReason.NoDestinationUnicast);
    }

    [Fact]
    public void StormLimit_None_LeavesUnknownUnicastItsReason()
    {
        TestHost host = Start();
        FrameBuilder unknown = FrameBuilder.Ethernet(Mac, MacAddress.Parse("02-00-00-00-00-99")).IP("10.1.1.12", "10.1.1.99").Udp(1, 2);
        for (int i = 0; i < 100; i++)
        {
            host.Send(Guest, unknown).ShouldDrop(DropReason.NoDestinationUnicast);
        }
    }

    [Theory]
    [InlineData("arp", VPort.ResolutionsPerSecond, DropReason.ArpLimiter)]
    [InlineData("solicitation", VPort.ResolutionsPerSecond, DropReason.ArpLimiter)]
    [InlineData("dhcp", VPort.ConfigurationsPerSecond, DropReason.DhcpLimiter)]
    [InlineData("dhcpv6", VPort.ConfigurationsPerSecond, DropReason.DhcpLimiter)]
    [InlineData("router", VPort.ConfigurationsPerSecond, DropReason.DhcpLimiter)]
    public void Questions_BeyondTheLimitOfASecond_AreCountedAndNotAnswered(string which, int limit, DropReason reason)
    {
        TestHost host = Start();
        FrameBuilder question = which switch
        {
            "arp" => Broadcast.ArpRequest(ContosoFabrikam.Web, ContosoFabrikam.Sql),
            "solicitation" => To(ContosoFabrikam.WebV6, NeighborDiscovery.SolicitedNode(ContosoFabrikam.SqlV6)).NeighborSolicitation(ContosoFabrikam.SqlV6),
            "dhcp" => DhcpV4Frame(DhcpV4(DhcpV4MessageType.Discover)),
            "dhcpv6" => DhcpV6Frame(DhcpV6MessageType.Solicit, 0, 1, 0, 4, 0, 2, 0, 0, 0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
            _ => To(LinkLocal, NeighborDiscovery.AllRouters).Icmp(133).TimeToLive(255),
        };
        for (int i = 0; i < limit; i++)
        {
            host.Send(Guest, question).ShouldAnswer();
        }

        host.Send(Guest, question).ShouldDrop(reason).ShouldMove($"out.bytes+1 out.drop.{reason}+1 out.packets+1");
        host.Now += 1000;
        host.Send(Guest, question).ShouldAnswer();
    }

    [Fact]
    public void Limits_OfQuestions_AreTwoThatDoNotTouchEachOther()
    {
        TestHost host = Start();
        for (int i = 0; i <= VPort.ConfigurationsPerSecond; i++)
        {
            host.Send(Guest, DhcpV4Frame(DhcpV4(DhcpV4MessageType.Discover)));
        }

        host.Send(Guest, To(LinkLocal, NeighborDiscovery.AllRouters).Icmp(133).TimeToLive(255)).ShouldDrop(DropReason.DhcpLimiter);
        host.Send(Guest, Broadcast.ArpRequest(ContosoFabrikam.Web, ContosoFabrikam.Sql)).ShouldAnswer();
    }

    /// <summary>Fabrikam's Web in VXLAN and NVGRE, as a guest would write it who wants to reach a network that is not its own.</summary>
    public static TheoryData<string> Tunnels => ["vxlan", "vxlan old port", "nvgre", "ip in ip"];

    [Theory]
    [MemberData(nameof(Tunnels))]
    public void Encapsulation_WrittenByAGuest_StaysAPayloadInItsOwnSubnet(string which)
    {
        byte[] inner = FrameBuilder.Ethernet(Mac, s_sql).IP("10.1.1.12", "10.1.1.11").Udp(1, 2).Build();
        byte[] vxlan = [8, 0, 0, 0, 0x00, 0x17, 0x71, 0];                // VNI 6001
        byte[] nvgre = [0x20, 0, 0x65, 0x58, 0x00, 0x17, 0x71, 0];       // VSID 6001
        FrameBuilder toSql = ContosoFabrikam.WebToSql;
        FrameBuilder frame = which switch
        {
            "vxlan" => toSql.Udp(50_000, VxlanHeader.DefaultPort).Payload([.. vxlan, .. inner]),
            "vxlan old port" => toSql.Udp(50_000, 8472).Payload([.. vxlan, .. inner]),
            "nvgre" => toSql.Transport(IPProtocols.Gre, nvgre).Payload(inner),
            _ => toSql.Transport(4, inner[14..34]).Payload(inner[34..]),
        };

        Observation seen = World.Figure8().Start(World.Host2).Send(Guest, frame).ShouldForward();

        Assert.Equal((ContosoFabrikam.ContosoVsid, World.Host1), (seen.Transposition.Vsid, seen.Transposition.Provider));
        Assert.Equal(TranspositionEdits.Encap, seen.Transposition.Edits);
    }

    [Theory]
    [InlineData("192.168.1.10")]
    [InlineData("192.168.2.20")]
    public void Encapsulation_ToAProviderAddress_HasNoRouteInside(string provider)
    {
        FrameBuilder frame = FrameBuilder.Ethernet(Mac, World.RouterMac).IP("10.1.1.12", provider).Udp(50_000, VxlanHeader.DefaultPort).Payload(60);

        World.Figure8().Start(World.Host2).Send(Guest, frame).ShouldDrop(DropReason.NoRoute);
    }
}
