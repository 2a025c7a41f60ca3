using Hnv.Lab.Fabric;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Figure2() : LabFixture("labs/figure2.yaml");

/// <summary>One owner, two virtual networks: R&amp;D Net's three subnets route to each other, Sales Net is out of reach (R12, R19).</summary>
public sealed class Figure2Tests(Figure2 story) : IClassFixture<Figure2>
{
    [Theory]
    [InlineData("rd1-a", "10.1.2.11")]
    [InlineData("rd1-a", "10.1.2.12")]
    [InlineData("rd1-a", "10.1.3.11")]
    [InlineData("rd2-b", "10.1.1.11")]
    [InlineData("rd2-b", "10.1.3.11")]
    [InlineData("rd3-a", "10.1.1.12")]
    public async Task Ping_OtherSubnetOfTheSameNetwork_IsRouted(string machine, string address) =>
        Assert.True(await story.PingsAsync(machine, address));

    [Theory]
    [InlineData("rd1-a", "10.2.1.11")]
    [InlineData("rd1-a", "10.2.1.12")]
    [InlineData("sales-a", "10.1.1.11")]
    [InlineData("sales-b", "10.1.3.11")]
    public async Task Ping_OtherNetworkOfTheSameOwner_GetsNoAnswer(string machine, string address) =>
        Assert.False(await story.PingsAsync(machine, address, attempts: 1));

    [Fact]
    public async Task Ping_RoutedOnOneHost_NeverAppearsOnTheUplink()
    {
        await using Capture capture = await Capture.StartAsync(story.Lab, "tor", "host1", "udp port 4789");

        bool answered = await story.PingsAsync("rd1-a", "10.1.2.11");

        Assert.True(answered);
        Assert.Empty(Encapsulated.In(await capture.StopAsync()));
    }

    [Fact]
    public async Task Ping_RoutedAcrossHosts_CrossesOnceInTheDestinationsSubnet()
    {
        await using Capture capture = await Capture.StartAsync(story.Lab, "tor", "host1", "udp port 4789 and src host 192.168.1.10");

        ToolResult ping = await story.Lab.RunAsync("rd1-a", ["ping", "-n", "-c", "3", "-i", "0.2", "-W", "1", "10.1.2.12"]);

        Encapsulated[] requests = [.. Encapsulated.In(await capture.StopAsync())];
        Assert.Equal(0, ping.ExitCode);
        Assert.Equal(3, requests.Length);
        Assert.All(requests, packet => Assert.Equal(5002, packet.Vsid));
    }

    [Theory]
    [InlineData("10.1.2.11")]
    [InlineData("10.1.2.12")]
    public async Task Traceroute_OtherSubnet_ShowsTheRouterThenTheMachine(string address)
    {
        ToolResult trace = await story.Lab.RunAsync("rd1-a", ["traceroute", "-n", "-q", "1", "-w", "2", "-m", "4", address]);

        string[] hops = [.. trace.Output.Split('\n').Skip(1).Where(line => line.Length > 0).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1])];
        Assert.Equal(["10.1.1.1", address], hops);
    }

    [Fact]
    public async Task Ping_EveryGateway_IsAnswered()
    {
        Assert.True(await story.PingsAsync("rd1-a", "10.1.1.1"));
        Assert.True(await story.PingsAsync("rd3-a", "10.1.3.1"));
    }
}
