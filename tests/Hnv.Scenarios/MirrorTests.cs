using Hnv.Lab.Fabric;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Mirroring() : StackFixture("labs/mirror.yaml");

/// <summary>An appliance that runs tcpdump sees copies of what it may see, and the conversation itself notices nothing.</summary>
public sealed class MirrorTests(Mirroring story) : IClassFixture<Mirroring>
{
    [Fact]
    public async Task Mirror_OfAnAdapter_CopiesBothDirectionsOfEveryPacket()
    {
        Assert.True(await story.PingsAsync("watched", "10.1.1.12"));
        await using Capture capture = await Capture.StartAsync(story.Lab, "near-eye", "eth0", "icmp and host 10.1.1.11");

        ToolResult ping = await story.Lab.RunAsync("watched", ["ping", "-n", "-c", "5", "-i", "0.05", "-W", "1", "10.1.1.12"]);

        IReadOnlyList<byte[]> copies = await capture.StopAsync();
        Assert.Contains("5 received", ping.Output, StringComparison.Ordinal);
        Assert.Equal((5, 5), (copies.Count(frame => frame[34] == 8), copies.Count(frame => frame[34] == 0)));
    }

    [Fact]
    public async Task Mirror_ToAnApplianceOnAnotherHost_CopiesWhatItsRulesName()
    {
        await story.ServeAsync("peer", 80);
        await story.ServeAsync("peer", 81);
        Assert.Equal("peer", await story.WhoAnswersAsync("browser", "10.1.1.12", 80));
        await using Capture capture = await Capture.StartAsync(story.Lab, "far-eye", "eth0", "tcp");

        string?[] answers = [await story.WhoAnswersAsync("browser", "10.1.1.12", 80), await story.WhoAnswersAsync("browser", "10.1.1.12", 81)];

        IReadOnlyList<byte[]> copies = await capture.StopAsync();
        Assert.All(answers, answer => Assert.Equal("peer", answer));
        Assert.NotEmpty(copies);
        Assert.All(copies, frame => Assert.Contains(80, new[] { (frame[34] << 8) | frame[35], (frame[36] << 8) | frame[37] }));
    }

    [Fact]
    public async Task Mirror_OfTrafficThatNobodyMirrors_IsEmpty()
    {
        await using Capture capture = await Capture.StartAsync(story.Lab, "near-eye", "eth0", "icmp and host 10.1.2.11");

        Assert.True(await story.PingsAsync("browser", "10.1.1.12"));

        Assert.Empty(await capture.StopAsync());
    }
}
