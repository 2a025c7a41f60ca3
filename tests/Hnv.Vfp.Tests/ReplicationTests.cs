using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Vfp.Tests;

public class ReplicationTests
{
    private static FrameBuilder BroadcastFrom(World.Nic nic) =>
        FrameBuilder.Ethernet(nic.Mac, MacAddress.Broadcast).IP(nic.Address, InetAddress.Parse("10.1.1.255")).Udp(1, 2);

    private static World Story()
    {
        World world = World.Figure8();
        world.AddNic("contoso-app", 5001, "00-1D-D8-B7-1C-08", World.Host2, "10.1.1.13", "10.1.1.14", "2001:db8:1:1::13");
        return world;
    }

    [Fact]
    public void Broadcast_ReachesEveryOtherMemberOnceAndNobodyElse()
    {
        World world = Story();
        TestHost host2 = world.Start(World.Host2);

        Observation seen = host2.Send("contoso-web", BroadcastFrom(world["contoso-web"]));

        Assert.Equal(Verdict.Replicate, seen.Verdict);
        seen.ShouldMove("flows+1 out.bytes+1 out.packets+1 out.slow+1");
        ReplicationTarget[] targets = seen.Flow.ReplicationTargets.ToArray();
        Assert.Equal(["10.1.1.11", "10.1.1.13"], targets.Select(target => target.Address.ToString()).Order());
        ReplicationTarget remote = targets.Single(target => target.Destination is null);
        Assert.Equal(TranspositionEdits.DestinationMac | TranspositionEdits.Encap, remote.Transposition.Edits);
        Assert.Equal(
            (Vsid.Create(5001), World.Host1, world["contoso-sql"].Mac),
            (remote.Transposition.Vsid, remote.Transposition.Provider, remote.Transposition.DestinationMac));
        ReplicationTarget local = targets.Single(target => target.Destination is not null);
        Assert.Same(host2["contoso-app"], local.Destination);
        Assert.Equal(TranspositionEdits.DestinationMac, local.Transposition.Edits);
        Assert.Equal(world["contoso-app"].Mac, local.Transposition.DestinationMac);
    }

    [Fact]
    public void Multicast_OfIPv6_GoesToMembersWithAnIPv6Address()
    {
        World world = Story();
        world.AddNic("contoso-v6", 5001, "00-1D-D8-B7-1C-0A", World.Host2, "2001:db8:1:1::20");
        TestHost host2 = world.Start(World.Host2);

        Observation seen = host2.Send(
            "contoso-v6", FrameBuilder.Ethernet(world["contoso-v6"].Mac, MacAddress.Parse("33-33-00-00-00-FB")).IP("2001:db8:1:1::20", "ff02::fb").Udp(5353, 5353));

        Assert.Equal(["2001:db8:1:1::13"], seen.Flow.ReplicationTargets.ToArray().Select(target => target.Address.ToString()));
    }

    [Fact]
    public void Broadcast_WithoutAnotherMember_Drops()
    {
        World world = new();
        world.AddNetwork("alone", (5001, "10.1.1.0/24"));
        world.AddNic("one", 5001, "00-1D-D8-B7-1C-06", World.Host1, "10.1.1.11");

        world.Start(World.Host1).Send("one", BroadcastFrom(world["one"]))
            .ShouldDrop(DropReason.NoDestinationsBroadcast)
            .ShouldMove("flows+1 out.bytes+1 out.drop.NoDestinationsBroadcast+1 out.packets+1 out.slow+1");
    }

    [Fact]
    public void Broadcast_AfterAMemberWasUnplugged_LeavesItOut()
    {
        World world = Story();
        TestHost host2 = world.Start(World.Host2);
        host2.Send("contoso-web", BroadcastFrom(world["contoso-web"]));

        host2.Switch.RemovePort(world["contoso-app"].Id);
        Observation seen = host2.Send("contoso-web", BroadcastFrom(world["contoso-web"]));

        Assert.Equal(["10.1.1.11"], seen.Flow.ReplicationTargets.ToArray().Select(target => target.Address.ToString()));
    }
}
