using System.Text.Json.Nodes;
using Hnv.Lab.Fabric;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Stacks() : StackFixture("labs/stacks.yaml");

/// <summary>Stock Linux stacks and programs through the switch, across hosts and routed, in both IP families.</summary>
public sealed class StacksTests(Stacks story) : IClassFixture<Stacks>
{
    private const string Far = "10.1.1.12", FarIPv6 = "fd00:10:1:1::12", Routed = "10.1.2.12", RoutedIPv6 = "fd00:10:1:2::12";

    [Theory]
    [InlineData(Far)]
    [InlineData(FarIPv6)]
    [InlineData(Routed)]
    [InlineData(RoutedIPv6)]
    [InlineData("10.1.2.11")]
    [InlineData("fd00:10:1:2::11")]
    public async Task Ping_OfEveryKindOfPath_LosesNothing(string address)
    {
        Assert.True(await story.PingsAsync("near", address));

        ToolResult ping = await story.Lab.RunAsync("near", ["ping", "-n", "-c", "10", "-i", "0.02", "-W", "1", address]);

        Assert.Contains("10 received", ping.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Far)]
    [InlineData(FarIPv6)]
    [InlineData(Routed)]
    [InlineData(RoutedIPv6)]
    public async Task Ping_LargerThanTheMtu_ArrivesInFragments(string address)
    {
        const string SixFragments = "8000";
        Assert.True(await story.PingsAsync("near", address));

        ToolResult ping = await story.Lab.RunAsync("near", ["ping", "-n", "-c", "5", "-i", "0.05", "-W", "1", "-s", SixFragments, address]);

        Assert.Contains("5 received", ping.Output, StringComparison.Ordinal);
        Assert.Contains("8008 bytes from", ping.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Routed, "10.1.1.1")]
    [InlineData(Routed, "10.1.1.1", "-I")]
    [InlineData(Routed, "10.1.1.1", "-T")]
    [InlineData(RoutedIPv6, "fd00:10:1:1::1")]
    [InlineData(RoutedIPv6, "fd00:10:1:1::1", "-I")]
    [InlineData(RoutedIPv6, "fd00:10:1:1::1", "-T")]
    public async Task Traceroute_OtherSubnet_ShowsTheRouterThenTheMachine(string address, string router, params string[] options) =>
        Assert.Equal([router, address], await story.TraceAsync("near", address, options));

    [Theory]
    [InlineData(Far)]
    [InlineData(FarIPv6)]
    public async Task Traceroute_OwnSubnet_ShowsTheMachineAlone(string address) =>
        Assert.Equal([address], await story.TraceAsync("near", address));

    [Theory]
    [InlineData(Far, "far")]
    [InlineData(FarIPv6, "far")]
    [InlineData(Routed, "routed")]
    [InlineData(RoutedIPv6, "routed")]
    public async Task Udp_Datagrams_AllArriveAsTheyWereSent(string address, string receiver)
    {
        const int ExpeditedForwarding = 46 << 2;
        Assert.True(await story.PingsAsync("near", address));

        IReadOnlyList<int> classes = await story.SendDatagramsAsync("near", receiver, address, ExpeditedForwarding, count: 20, length: 1400);

        Assert.Equal(Enumerable.Repeat(ExpeditedForwarding, 20), classes);
    }

    [Theory]
    [InlineData(Far, "far", "10.1.1.11")]
    [InlineData(FarIPv6, "far", "fd00:10:1:1::11")]
    [InlineData(Routed, "routed", "10.1.1.11")]
    [InlineData(RoutedIPv6, "routed", "fd00:10:1:1::11")]
    public async Task Sctp_Association_OpensEchoesAndCloses(string address, string server, string source) =>
        Assert.Equal("four-way handshake", await story.SctpAsync("near", source, server, address, "four-way handshake"));

    [Theory]
    [InlineData(Far, "far")]
    [InlineData(Far, "far", "-R")]
    [InlineData(RoutedIPv6, "routed")]
    [InlineData(RoutedIPv6, "routed", "-R")]
    public async Task Iperf_Tcp_MovesDataInBothDirections(string address, string server, params string[] options)
    {
        JsonNode end = await story.IperfAsync("near", server, address, ["-t", "2", .. options]);

        double sent = (double)end["sum_sent"]!["bytes"]!, received = (double)end["sum_received"]!["bytes"]!;
        Assert.InRange(received, 0.9 * sent, sent);
        Assert.InRange((double)end["sum_received"]!["bits_per_second"]!, 100e6, double.MaxValue);
    }

    [Theory]
    [InlineData(Routed, "routed")]
    [InlineData(Routed, "routed", "-R")]
    [InlineData(FarIPv6, "far")]
    [InlineData(FarIPv6, "far", "-R")]
    public async Task Iperf_Udp_LosesNothingAtAModestRate(string address, string server, params string[] options)
    {
        JsonNode end = await story.IperfAsync("near", server, address, ["-u", "-b", "5M", "-l", "1400", "-t", "2", .. options]);

        Assert.InRange((long)end["sum"]!["packets"]!, 800, long.MaxValue);
        Assert.InRange((double)end["sum"]!["lost_percent"]!, 0, 1);
    }
}
