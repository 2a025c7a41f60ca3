using System.Globalization;
using Hnv.Lab.Fabric;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class OuterVxlan() : StackFixture("labs/stacks.yaml");

public sealed class OuterNvgre() : StackFixture("labs/stacks.yaml", nvgre: true);

public sealed class OuterVxlanV6() : StackFixture("labs/ipv6-provider.yaml");

public sealed class OuterNvgreV6() : StackFixture("labs/ipv6-provider.yaml", nvgre: true);

public sealed class OuterVxlanTests(OuterVxlan story) : OuterHeaderTests(story, "udp"), IClassFixture<OuterVxlan>;

public sealed class OuterNvgreTests(OuterNvgre story) : OuterHeaderTests(story, "gre"), IClassFixture<OuterNvgre>;

public sealed class OuterVxlanV6Tests(OuterVxlanV6 story) : OuterHeaderTests(story, "udp"), IClassFixture<OuterVxlanV6>;

public sealed class OuterNvgreV6Tests(OuterNvgreV6 story) : OuterHeaderTests(story, "gre"), IClassFixture<OuterNvgreV6>;

/// <summary>
/// What the outer headers of both encapsulations tell the provider network and learn from it, over IPv4 and IPv6: DSCP and congestion
/// (RFC 6040).
/// </summary>
public abstract class OuterHeaderTests(StackFixture story, string protocol) : IAsyncLifetime
{
    private const int NotCapable = 0, Capable1 = 1, Capable0 = 2, Congested = 3;
    private const string Far = "10.1.1.12", FarIPv6 = "fd00:10:1:1::12";

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => RouterAsync("flush ruleset");

    [Theory]
    [InlineData(Far)]
    [InlineData(FarIPv6)]
    public async Task Ping_ThroughThisProviderNetwork_IsAnsweredInEverySize(string address)
    {
        Assert.True(await story.PingsAsync("near", address));

        ToolResult ping = await story.Lab.RunAsync("near", ["ping", "-n", "-c", "5", "-i", "0.05", "-W", "1", "-s", "8000", address]);

        Assert.Contains("5 received", ping.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Far)]
    [InlineData(FarIPv6)]
    public async Task Iperf_ThroughThisProviderNetwork_MovesData(string address)
    {
        double sent = (double)(await story.IperfAsync("near", "far", address, "-t", "1"))["sum_received"]!["bits_per_second"]!;

        Assert.InRange(sent, 100e6, double.MaxValue);
    }

    [Theory]
    [InlineData(Far, 46 << 2)]
    [InlineData(Far, (10 << 2) | Capable0)]
    [InlineData(FarIPv6, 46 << 2)]
    [InlineData(FarIPv6, (10 << 2) | Capable1)]
    public async Task Dscp_OfTheGuest_IsOnTheOuterHeaderToo(string address, int trafficClass)
    {
        Assert.True(await story.PingsAsync("near", address));
        await using Capture capture = await Capture.StartAsync(story.Lab, "tor", "host1", $"src host {story.Lab.Topology.ProviderSubnets[0].PoolStart} and {Encapsulation()}");

        IReadOnlyList<int> received = await story.SendDatagramsAsync("near", "far", address, trafficClass, count: 3);

        // Datagrams of one flow may leave as one super-packet: how many frames the router sees is not ours to say.
        int[] outer = [.. (await capture.StopAsync()).Select(OuterTrafficClass)];
        Assert.Equal(Enumerable.Repeat(trafficClass, 3), received);
        Assert.NotEmpty(outer);
        Assert.All(outer, seen => Assert.Equal(trafficClass, seen));
    }

    [Theory]
    [InlineData(Far, Capable0)]
    [InlineData(Far, Capable1)]
    [InlineData(FarIPv6, Capable0)]
    [InlineData(FarIPv6, Capable1)]
    public async Task CongestionMark_OfTheProviderNetwork_ReachesACapableGuest(string address, int ecn)
    {
        Assert.True(await story.PingsAsync("near", address));
        await MarkAsync();

        IReadOnlyList<int> received = await story.SendDatagramsAsync("near", "far", address, ecn, count: 5);

        Assert.Equal(Enumerable.Repeat(Congested, 5), received);
    }

    [Theory]
    [InlineData(Far)]
    [InlineData(FarIPv6)]
    public async Task CongestionMark_OnAPacketThatIsNotCapable_DropsItAndCounts(string address)
    {
        Assert.True(await story.PingsAsync("near", address));
        long before = await DropsAsync();
        await MarkAsync();

        IReadOnlyList<int> received = await story.SendDatagramsAsync("near", "far", address, NotCapable, count: 5);

        Assert.Empty(received);
        TimeSpan? counted = await LabFixture.WithinAsync(TimeSpan.FromSeconds(3), async () => await DropsAsync() == before + 5);
        Assert.NotNull(counted);

        async Task<long> DropsAsync() => (await story.PortAsync("far")).Counters.DropsIn.GetValueOrDefault("EcnNotCapable");
    }

    private bool IsIPv6 => !story.Lab.Topology.ProviderSubnets[0].Prefix.IsIPv4;

    private string Encapsulation() => protocol == "udp" ? "udp port 4789" : IsIPv6 ? "ip6 proto 47" : "ip proto 47";

    /// <summary>The router marks every encapsulated packet that it forwards, as one does whose queue is full.</summary>
    private Task MarkAsync() => RouterAsync(string.Create(
        CultureInfo.InvariantCulture,
        $$"""
        table inet congestion {
          chain forward {
            type filter hook forward priority 0;
            {{(protocol == "udp" ? "udp dport 4789" : "meta l4proto 47")}} {{(IsIPv6 ? "ip6" : "ip")}} ecn set ce
          }
        }
        """));

    private async Task RouterAsync(string rules)
    {
        ToolResult result = await story.Lab.RunAsync("tor", ["nft", "-f", "-"], rules + "\n");
        Assert.True(result.ExitCode == 0, result.Error);
    }

    private static int OuterTrafficClass(byte[] frame) =>
        frame[12] == 0x08 ? frame[15] : ((frame[14] & 15) << 4) | (frame[15] >> 4);
}
