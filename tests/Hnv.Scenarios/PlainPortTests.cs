using System.Buffers.Binary;
using System.Text.Json.Nodes;
using Hnv.Lab.Fabric;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class PlainPorts() : StackFixture("labs/plain.yaml");

/// <summary>Ports without a VSID (R17, R18): what a machine sends is what the wire carries, in its VLAN, and nothing of tenants mixes with it.</summary>
public sealed class PlainPortTests(PlainPorts story) : IClassFixture<PlainPorts>
{
    [Theory]
    [InlineData("open1", "172.16.1.12")]
    [InlineData("open1", "172.16.1.13")]
    [InlineData("v20a", "172.16.20.12")]
    [InlineData("tenant", "172.16.1.12")]
    public async Task Ping_InTheSameNetwork_IsAnswered(string machine, string address) => Assert.True(await story.PingsAsync(machine, address));

    [Fact]
    public async Task Ping_SameAddressInATenantsNetwork_ReachesTheOwnOne()
    {
        await story.ServeAsync("open2", 80);
        await story.ServeAsync("tenant2", 80);

        Assert.Equal("open2", await story.WhoAnswersAsync("open1", "172.16.1.12", 80));
        Assert.Equal("tenant2", await story.WhoAnswersAsync("tenant", "172.16.1.12", 80));
    }

    [Fact]
    public async Task Frames_OfAnUntaggedPort_AreOnTheWireAsTheyAre()
    {
        Assert.True(await story.PingsAsync("open1", "172.16.1.12"));
        await using Capture inside = await Capture.StartAsync(story.Lab, "open1", "eth0", "icmp[icmptype] == 8");
        await using Capture wire = await Capture.StartAsync(story.Lab, "tor", "host1", "icmp[icmptype] == 8");

        Assert.True(await story.PingsAsync("open1", "172.16.1.12"));

        Assert.Equal(await inside.StopAsync(), await wire.StopAsync());
    }

    [Fact]
    public async Task Frames_OfAVlanPort_CarryItsTagOnTheWireAndStayInTheirVlan()
    {
        await using Capture wire = await Capture.StartAsync(story.Lab, "tor", "host1", "vlan or arp");
        await using Capture other = await Capture.StartAsync(story.Lab, "v30b", "eth0", "arp or ip");
        await using Capture untagged = await Capture.StartAsync(story.Lab, "open2", "eth0", "net 172.16.20.0/24");
        await story.Lab.RunAsync("v20a", ["ip", "neigh", "flush", "dev", "eth0"]);

        Assert.True(await story.PingsAsync("v20a", "172.16.20.12"));

        byte[][] tagged = [.. (await wire.StopAsync()).Where(frame => U16(frame, 12) == 0x8100)];
        Assert.Contains(tagged, frame => U16(frame, 16) == 0x0806);
        Assert.Contains(tagged, frame => U16(frame, 16) == 0x0800);
        Assert.All(tagged, frame => Assert.Equal(20, U16(frame, 14) & 0xFFF));
        Assert.Empty(await other.StopAsync());
        Assert.Empty(await untagged.StopAsync());
    }

    [Fact]
    public async Task Ping_PhysicalMachineOnTheWire_IsAnswered()
    {
        ToolResult added = await story.Lab.RunAsync("tor", ["ip", "addr", "replace", "172.16.1.1/24", "dev", "sub0"]);
        Assert.True(added.ExitCode == 0, added.Error);

        Assert.True(await story.PingsAsync("open1", "172.16.1.1"));
        Assert.True(await story.PingsAsync("tor", "172.16.1.12"));
    }

    [Theory]
    [InlineData("open1", "open2", "172.16.1.12")]
    [InlineData("v20a", "v20b", "172.16.20.12")]
    public async Task Iperf_BetweenPlainPorts_MovesData(string client, string server, string address)
    {
        JsonNode end = await story.IperfAsync(client, server, address, "-t", "1");

        Assert.InRange((double)end["sum_received"]!["bits_per_second"]!, 100e6, double.MaxValue);
    }

    [Fact]
    public async Task HostsOwnTraffic_BesidePlainPorts_StaysAsItIs() => Assert.True(await story.PingsAsync("host1", "192.168.1.3"));

    private static int U16(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
}
