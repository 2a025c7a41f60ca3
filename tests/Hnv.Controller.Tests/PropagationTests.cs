using System.Collections.Immutable;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Tests;

/// <summary>From accepted to in force, without hosts: who is waited for, and how long it took.</summary>
public sealed class PropagationTests
{
    private static readonly Catalog s_catalog = NetworkControllerCatalog.Create();

    private readonly PlayedTime _time = new();
    private readonly Propagation _propagation;
    private readonly Dictionary<Guid, Node> _hosts = [];
    private Snapshot _snapshot = Snapshot.Empty;

    public PropagationTests()
    {
        _propagation = new Propagation(_time);
        HandOut();
    }

    [Fact]
    public void Change_OfTwoHosts_IsEnforcedWhenTheSecondSaysSo()
    {
        Guid first = Host("h1"), second = Host("h2");
        Node acl = Accept("acl");
        PropagationState accepted = Of(acl);
        _time.Pass(20);
        long wave = HandOut(first, second);
        PropagationState sent = Of(acl);
        _propagation.InForce(first, wave);
        PropagationState half = Of(acl);
        _time.Pass(22);
        _propagation.InForce(second, wave);
        _time.Pass(1000);

        Assert.Equal((false, null), (accepted.Enforced, accepted.Hosts));
        Assert.Equal((false, 2, 2), (sent.Enforced, sent.Hosts, sent.PendingHosts));
        Assert.Equal((false, 1, "/servers/h2"), (half.Enforced, half.PendingHosts, Assert.Single(half.Pending)));
        Assert.Equal((true, 0, TimeSpan.FromMilliseconds(42)), (Of(acl).Enforced, Of(acl).PendingHosts, Of(acl).After));
    }

    [Fact]
    public void Change_ThatNoHostIsToldOf_IsEnforcedWithoutATime()
    {
        Host("h1");
        Node acl = Accept("acl");
        HandOut();

        Assert.Equal((true, 0, null), (Of(acl).Enforced, Of(acl).Hosts, Of(acl).After));
    }

    [Fact]
    public void Host_ThatSaysItIsFurther_HasEverythingBeforeToo()
    {
        Guid host = Host("h1");
        Node one = Accept("one");
        HandOut(host);
        Node two = Accept("two");
        long wave = HandOut(host);

        _propagation.InForce(host, wave);

        Assert.True(Of(one).Enforced && Of(two).Enforced);
    }

    [Fact]
    public void Host_ThatIsQuickerThanTheBookkeeping_IsNotWaitedFor()
    {
        Guid host = Host("h1");
        Node acl = Accept("acl");
        long wave = _propagation.Begin(_hosts);
        _propagation.InForce(host, wave);
        _propagation.HandedOut(wave, _snapshot, [host]);

        Assert.Equal((true, 1), (Of(acl).Enforced, Of(acl).Hosts));
    }

    [Fact]
    public void Host_Deleted_IsWaitedForNoMore_AndTheNextOneInheritsNothing()
    {
        Guid stays = Host("h1"), goes = Host("h2");
        Node acl = Accept("acl");
        long wave = HandOut(stays, goes);
        _propagation.InForce(stays, wave);
        _hosts.Remove(goes);
        Host("h3");
        HandOut();

        Assert.Equal((true, 2), (Of(acl).Enforced, Of(acl).Hosts));
    }

    [Fact]
    public void Change_Overtaken_IsJudgedByTheLaterOne()
    {
        Guid host = Host("h1");
        Node before = Accept("acl");
        _propagation.InForce(host, HandOut(host));
        Node after = Accept("acl");

        Assert.False(Of(after).Enforced);
        Assert.False(Of(before).Enforced);
        HandOut(host);
        Assert.Equal(1, Of(after).PendingHosts);
    }

    [Fact]
    public void Change_ThatWasNotStored_LeavesNothingBehind()
    {
        Guid host = Host("h1");
        Node stored = Accept("acl");
        _propagation.InForce(host, HandOut(host));
        _propagation.Accept(stored.Key, "W/\"void\"", _snapshot.Revision);
        _propagation.InForce(host, HandOut(host));

        PropagationState state = Of(stored);
        Assert.Equal((stored.ETag, true, null), (state.ETag, state.Enforced, state.AcceptedAt));
    }

    [Fact]
    public void Resource_FromBeforeTheStart_IsJudgedByTheFirstHandingOut()
    {
        var started = new Propagation(_time);
        Guid host = Host("h1");
        Node old = Accept("old");
        PropagationState? before = started.Of(old);
        long wave = started.Begin(_hosts);
        started.HandedOut(wave, _snapshot, [host]);
        bool pending = started.Of(old)!.Enforced;
        started.InForce(host, wave);

        Assert.Null(before);
        Assert.False(pending);
        Assert.Equal((true, null, null), (started.Of(old)!.Enforced, started.Of(old)!.AcceptedAt, started.Of(old)!.After));
    }

    [Fact]
    public void MoreWavesThanAreTimed_TheOldestAreStillToldApart()
    {
        Guid away = Host("h1"), here = Host("h2");
        Node first = Accept("first");
        HandOut(away, here);
        for (int i = 0; i < Propagation.TimedMax; i++)
        {
            Accept("other");
            HandOut(away);
        }

        PropagationState waiting = Of(first);
        long last = HandOut();
        _propagation.InForce(here, last);
        int left = Of(first).PendingHosts;
        _propagation.InForce(away, last);

        Assert.Equal((2, 1), (waiting.PendingHosts, left));
        Assert.Equal((true, null), (Of(first).Enforced, Of(first).After));
        Assert.NotNull(Of(_snapshot.Find("/accessControlLists/other")!).After);
    }

    private Guid Host(string name)
    {
        var id = Guid.NewGuid();
        _hosts[id] = NodeOf("servers", name);
        return id;
    }

    private static Node NodeOf(string type, string name) =>
        new(s_catalog.Find(type)!, name, $"/{type}/{name}", Guid.NewGuid(), $"W/\"{Guid.NewGuid():D}\"", Random.Shared.NextInt64(), [], [], ImmutableArray<ImmutableArray<Node>>.Empty);

    private Node Accept(string name)
    {
        Node? before = _snapshot.Find($"/accessControlLists/{name}");
        Node node = NodeOf("accessControlLists", name);
        node = before is null ? node : before with { ETag = node.ETag };
        _snapshot = _snapshot.With(before, node);
        _propagation.Accept(node.Key, node.ETag, _snapshot.Revision);
        return node;
    }

    private long HandOut(params Guid[] concerned)
    {
        long wave = _propagation.Begin(_hosts);
        _propagation.HandedOut(wave, _snapshot, concerned);
        return wave;
    }

    private PropagationState Of(Node node) => _propagation.Of(node)!;

    private sealed class PlayedTime : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => 1000;

        public void Pass(int milliseconds) => _now += milliseconds;

        public override long GetTimestamp() => _now;
    }
}
