using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Lab.Fabric;
using Hnv.Lab.Running;
using Hnv.Lab.Topology;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Routing() : StackFixture("labs/routing.yaml");

/// <summary>Routes of the tenant's own through a machine that forwards, routes to nowhere, and networks that are peers (R26).</summary>
public sealed class RoutingTests(Routing story) : IClassFixture<Routing>
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    [Theory]
    [InlineData("10.1.2.12")]
    [InlineData("10.1.2.13")]
    [InlineData("fd00:10:1:2::12")]
    [InlineData("fd00:10:1:2::13")]
    public async Task Ping_ThroughTheAppliance_IsAnsweredAndSeenThereInBothDirections(string address)
    {
        Assert.True(await story.PingsAsync("client", address));
        await using Capture capture = await Capture.StartAsync(story.Lab, "nva", "eth0", "icmp[icmptype] == 8 or icmp[icmptype] == 0 or (icmp6 and ip6[40] >= 128 and ip6[40] <= 129)");

        ToolResult ping = await story.Lab.RunAsync("client", ["ping", "-n", "-c", "3", "-i", "0.1", "-W", "1", address]);

        Assert.Contains("3 received", ping.Output, StringComparison.Ordinal);
        Assert.Equal(3 * 2 * 2, (await capture.StopAsync()).Count);
    }

    [Theory]
    [InlineData("10.1.2.13", "10.1.1.1", "10.1.9.50", "10.1.9.1")]
    [InlineData("fd00:10:1:2::13", "fd00:10:1:1::1", "fd00:10:1:9::50", "fd00:10:1:9::1")]
    public async Task Traceroute_ThroughTheAppliance_ShowsEveryRouter(string address, params string[] routers)
    {
        string[] hops = await story.TraceAsync("client", address, "-I");

        Assert.Equal([.. routers, address], hops);
    }

    [Theory]
    [InlineData("10.1.2.12", "server")]
    [InlineData("fd00:10:1:2::13", "server2")]
    public async Task Iperf_ThroughTheAppliance_MovesData(string address, string server)
    {
        JsonNode end = await story.IperfAsync("client", server, address, "-t", "1");

        Assert.InRange((double)end["sum_received"]!["bits_per_second"]!, 50e6, double.MaxValue);
    }

    [Fact]
    public async Task Ping_ToARouteThatDrops_IsUnanswered_AndALongerLocalRouteGoesBefore()
    {
        Assert.False(await story.PingsAsync("client", "10.1.3.12", attempts: 1));
        Assert.True(await story.PingsAsync("client", "10.1.3.13"));
        Assert.True(await story.PingsAsync("server", "10.1.3.12"));
    }

    [Fact]
    public async Task Ping_OutsideTheNetwork_ReachesTheAppliance()
    {
        await using Capture capture = await Capture.StartAsync(story.Lab, "nva", "eth0", "dst host 10.99.1.1");

        await story.PingsAsync("client", "10.99.1.1", attempts: 1);

        Assert.NotEmpty(await capture.StopAsync());
    }

    [Theory]
    [InlineData("client", "10.2.1.11")]
    [InlineData("client", "10.2.1.12")]
    [InlineData("client", "fd00:10:2:1::12")]
    [InlineData("friend2", "10.1.9.50")]
    [InlineData("friend", "10.1.3.13")]
    public async Task Ping_PeeredNetwork_IsAnswered(string machine, string address) => Assert.True(await story.PingsAsync(machine, address));

    [Theory]
    [InlineData("client", "10.3.1.11")]
    [InlineData("stranger", "10.1.9.50")]
    [InlineData("stranger", "10.2.1.11")]
    public async Task Ping_NetworkThatHasNotAgreed_IsUnanswered(string machine, string address) =>
        Assert.False(await story.PingsAsync(machine, address, attempts: 1));

    [Fact]
    public async Task Peering_TakenBackByOneSide_StopsBothWithinSeconds()
    {
        const string Side = "/virtualNetworks/fabrikam/virtualNetworkPeerings/contoso";
        using ControllerClient controller = story.Lab.Controller();
        Assert.True(await story.PingsAsync("server", "10.2.1.12"));

        await controller.DeleteAsync(Side);

        try
        {
            Assert.NotNull(await LabFixture.WithinAsync(s_patience, async () => !await story.PingsAsync("server", "10.2.1.12", attempts: 1)));
            Assert.False(await story.PingsAsync("friend", "10.1.9.50", attempts: 1));
        }
        finally
        {
            PolicyDocument again = PolicyDocuments.Of(story.Lab.Topology).SelectMany(wave => wave).Single(document => document.Path == Side);
            await controller.PutAsync(again.Path, again.Body);
        }

        Assert.NotNull(await LabFixture.WithinAsync(s_patience, () => story.PingsAsync("server", "10.2.1.12", attempts: 1)));
    }

    [Fact]
    public async Task RouteTable_Changed_MovesRunningTrafficWithinSeconds()
    {
        using ControllerClient controller = story.Lab.Controller();
        LabRouteTable table = story.Lab.Topology.RouteTables.Single(t => t.Name == "clients");
        Assert.False(await story.PingsAsync("client", "10.1.3.12", attempts: 1));

        await PutAsync(table with { Routes = [.. table.Routes.Where(route => route.NextHopType != "None")] });

        try
        {
            Assert.NotNull(await LabFixture.WithinAsync(s_patience, () => story.PingsAsync("client", "10.1.3.12", attempts: 1)));
        }
        finally
        {
            await PutAsync(table);
        }

        Assert.NotNull(await LabFixture.WithinAsync(s_patience, async () => !await story.PingsAsync("client", "10.1.3.12", attempts: 1)));

        async Task PutAsync(LabRouteTable routes)
        {
            PolicyDocument document = PolicyDocuments.RouteTable(routes);
            await controller.PutAsync(document.Path, document.Body);
        }
    }
}
