using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Vfp.Tests;

public class FlowOffloadTests
{
    [Fact]
    public void RememberedFlow_WhenForgotten_IsToldOnce()
    {
        (TestHost host, Elsewhere elsewhere) = Start();

        UnifiedFlow flow = Decide(host);
        bool wasRemembered = flow.IsRemembered;
        Age(host, 61);

        Assert.True(wasRemembered);
        Assert.False(flow.IsRemembered);
        Assert.Equal([flow], elsewhere.Forgotten);
    }

    [Fact]
    public void FlowThatCountsElsewhere_StaysAsLongAsItIsUsedThere()
    {
        (TestHost host, Elsewhere elsewhere) = Start();
        UnifiedFlow flow = Decide(host);
        elsewhere.OnFold = now => host["contoso-sql"].CountOffloaded(flow, 10, 1000, now);

        Age(host, 61);
        Age(host, 61);

        Assert.True(flow.IsRemembered);
        Assert.Equal((21, 2000 + Frame().Build().Length), (flow.Packets, flow.Bytes));
        PortCounts counts = host["contoso-sql"].Counts(Direction.Outbound);
        Assert.Equal((21, 20), (counts.Packets, counts.UnifiedFlowHits));
    }

    [Fact]
    public void PolicyInForce_IsToldWithTheNewGenerations()
    {
        (TestHost host, Elsewhere elsewhere) = Start();
        World world = World.Figure8();
        world["contoso-sql"].Settings = world["contoso-sql"].Settings with { MacSpoofing = true };
        uint before = host["contoso-sql"].Generation;
        uint told = 0;
        elsewhere.OnPolicy = () => told = host["contoso-sql"].Generation;

        host.Install(world.PolicyOf(World.Host1));

        Assert.Equal(before + 1, told);
    }

    [Fact]
    public void RefusedPackets_AreCountedUnderTheirReason()
    {
        (TestHost host, _) = Start();

        host["contoso-sql"].CountDrops(DropReason.PuntLimit, Direction.Outbound, 7);

        Assert.Equal(7, host["contoso-sql"].Counts(Direction.Outbound).Drops[DropReason.PuntLimit]);
    }

    private static FrameBuilder Frame() => ContosoFabrikam.SqlToWeb.Udp(5000, 53);

    private static UnifiedFlow Decide(TestHost host) => host.Send("contoso-sql", Frame()).Flow;

    private static void Age(TestHost host, long seconds)
    {
        host.Now += seconds * 1000;
        host.Switch.Age(host.Now);
    }

    private static (TestHost Host, Elsewhere Elsewhere) Start()
    {
        Elsewhere elsewhere = new();
        TestHost host = World.Figure8().Start(World.Host1, elsewhere);
        return (host, elsewhere);
    }

    private sealed class Elsewhere : IFlowOffload
    {
        public List<UnifiedFlow> Forgotten { get; } = [];

        public Action<long>? OnFold { get; set; }

        public Action? OnPolicy { get; set; }

        public void PolicyInForce() => OnPolicy?.Invoke();

        public void Forget(UnifiedFlow flow) => Forgotten.Add(flow);

        public List<CarriedFlow> Notes { get; } = [];

        public void Fold(long now) => OnFold?.Invoke(now);

        public void NoteIdle(VPort port, in CarriedFlow conversation) => Notes.Add(conversation);

        public void ForgetIdle(VPort port, in CarriedFlow conversation)
        {
            CarriedFlow ended = conversation;
            Assert.Equal(1, Notes.RemoveAll(note => note.Ufid == ended.Ufid));
        }
    }
}
