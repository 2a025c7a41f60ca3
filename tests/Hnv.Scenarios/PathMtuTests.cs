using System.Globalization;
using System.Text.Json.Nodes;
using Hnv.Lab.Fabric;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class NarrowVxlan() : StackFixture("labs/stacks.yaml", new Dictionary<string, long> { ["mtu"] = 1500 });

public sealed class NarrowNvgre() : StackFixture("labs/stacks.yaml", new Dictionary<string, long> { ["mtu"] = 1500 }, nvgre: true);

public sealed class NarrowVxlanTests(NarrowVxlan story) : PathMtuTests(story, overhead: 50), IClassFixture<NarrowVxlan>;

public sealed class NarrowNvgreTests(NarrowNvgre story) : PathMtuTests(story, overhead: 42), IClassFixture<NarrowNvgre>;

/// <summary>
/// A provider network of MTU 1500 under guests that stay at 1500: the router tells what fits, what may be cut is cut before it is
/// encapsulated, nothing hangs and no outer packet is ever a fragment.
/// </summary>
public abstract class PathMtuTests(StackFixture story, int overhead) : IAsyncLifetime
{
    private const string Far = "10.1.1.12", FarIPv6 = "fd00:10:1:1::12", Routed = "10.1.2.12", RoutedIPv6 = "fd00:10:1:2::12";

    private int Left => 1500 - overhead;

    /// <summary>No guest remembers what another test taught it.</summary>
    public async Task InitializeAsync()
    {
        foreach (string machine in new[] { "near", "far", "routed" })
        {
            await story.Lab.RunAsync(machine, ["ip", "-4", "route", "flush", "cache"]);
            await story.Lab.RunAsync(machine, ["ip", "-6", "route", "flush", "cache"]);
        }
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Theory]
    [InlineData(Far, "10.1.1.1", 28)]
    [InlineData(Routed, "10.1.1.1", 28)]
    [InlineData(FarIPv6, "fd00:10:1:1::1", 48)]
    [InlineData(RoutedIPv6, "fd00:10:1:1::1", 48)]
    public async Task Ping_TooLongAndNotToBeCut_HearsFromTheRouterWhatFits(string address, string router, int headers)
    {
        Assert.True(await story.PingsAsync("near", address));

        ToolResult tooLong = await PingAsync(address, 1500 - headers, "-M", "do");
        string route = (await story.Lab.RunAsync("near", ["ip", "route", "get", address])).Output;
        ToolResult fits = await PingAsync(address, Left - headers, "-M", "do");

        Assert.NotEqual(0, tooLong.ExitCode);
        Assert.Matches($"(?i)from {router}.*(frag needed and DF set|packet too big).*mtu ?= ?{Left}", tooLong.Output);
        Assert.Contains($"mtu {Left}", route, StringComparison.Ordinal);
        Assert.Equal(0, fits.ExitCode);
    }

    [Theory]
    [InlineData(Far, 1472)]
    [InlineData(Routed, 1472)]
    [InlineData(Far, 8000)]
    [InlineData(Routed, 8000)]
    public async Task Ping_TooLongButToBeCut_IsCutAndAnswered(string address, int length)
    {
        Assert.True(await story.PingsAsync("near", address));
        await using Capture wire = await Capture.StartAsync(story.Lab, "tor", "host1", $"src host {story.Lab.Topology.ProviderSubnets[0].PoolStart} and (udp or proto gre)");

        ToolResult ping = await PingAsync(address, length, "-M", "dont");

        IReadOnlyList<byte[]> outer = await wire.StopAsync();
        Assert.Equal(0, ping.ExitCode);
        Assert.NotEmpty(outer);
        const int MoreFragmentsAndOffset = 0x3F, DontFragment = 0x40;
        Assert.All(outer, frame => Assert.Equal((DontFragment, 0), (frame[20] & DontFragment, frame[20] & MoreFragmentsAndOffset | frame[21])));
    }

    [Theory]
    [InlineData(FarIPv6)]
    [InlineData(RoutedIPv6)]
    public async Task PingIPv6_InFragments_ArrivesOnceBothGuestsKnowWhatFits(string address)
    {
        Assert.True(await story.PingsAsync("near", address));

        // The request teaches one guest, the reply the other; nobody cuts IPv6 on the way (RFC 8200 §5).
        await PingAsync(address, 8000, "-M", "dont");
        await PingAsync(address, 8000, "-M", "dont");
        ToolResult ping = await PingAsync(address, 8000, "-M", "dont");

        Assert.Equal(0, ping.ExitCode);
    }

    [Theory]
    [InlineData("10.1.2.11", 1472)]
    [InlineData("fd00:10:1:2::11", 1452)]
    public async Task Ping_OnTheSameHost_HasTheWholeMtu(string address, int length)
    {
        Assert.True(await story.PingsAsync("near", address));

        ToolResult ping = await PingAsync(address, length, "-M", "do");

        Assert.Equal(0, ping.ExitCode);
    }

    [Theory]
    [InlineData(Far, "far")]
    [InlineData(Far, "far", "-R")]
    [InlineData(RoutedIPv6, "routed")]
    [InlineData(RoutedIPv6, "routed", "-R")]
    public async Task Iperf_FromAStackThatBelievesIn1500_DoesNotHang(string address, string server, params string[] options)
    {
        JsonNode end = await story.IperfAsync("near", server, address, ["-t", "2", .. options]);

        Assert.InRange((double)end["sum_received"]!["bits_per_second"]!, 100e6, double.MaxValue);
    }

    private Task<ToolResult> PingAsync(string address, int length, params string[] options) =>
        story.Lab.RunAsync("near", ["ping", "-n", "-c", "1", "-W", "1", "-s", length.ToString(CultureInfo.InvariantCulture), .. options, address]);
}
