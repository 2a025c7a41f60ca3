using Hnv.Lab.Fabric;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Migration() : LabFixture("labs/figure8.yaml");

/// <summary>A machine moves to a host in another provider subnet and keeps its addresses; only a mapping changes (R60, R64).</summary>
public sealed class MigrationTests(Migration story) : IClassFixture<Migration>
{
    private const string Sql = "10.1.1.11";

    [Fact]
    public async Task Move_ToAnotherProviderSubnet_IsReachableWithinASecondAtItsOldAddress()
    {
        await story.ServeAsync("contoso-sql", 5432);
        using Conversation open = await story.TalkAsync("contoso-web", Sql, 5432);
        Assert.True(await open.EchoesAsync(TimeSpan.FromSeconds(1)));

        Task move = story.Lab.MoveAsync("contoso-sql", "host2");
        TimeSpan? gone = await LabFixture.WithinAsync(TimeSpan.FromSeconds(2), async () => story.Lab.Machine("contoso-sql").Host == "host2" || move.IsFaulted);
        TimeSpan? reachable = await LabFixture.WithinAsync(TimeSpan.FromSeconds(1), async () =>
            (await story.Lab.RunAsync("contoso-web", ["ping", "-n", "-c", "1", "-W", "0.1", Sql])).ExitCode == 0);
        await move;

        Assert.NotNull(gone);
        Assert.NotNull(reachable);
        Assert.True(await open.EchoesAsync(TimeSpan.FromSeconds(5)));
        Assert.Contains($"inet {Sql}/24", (await story.Lab.RunAsync("contoso-sql", ["ip", "-o", "addr"])).Output, StringComparison.Ordinal);
        await story.Lab.MoveAsync("contoso-sql", "host1");
        ToolResult back = await story.Lab.RunAsync("contoso-web", ["ping", "-n", "-c", "3", "-i", "0.3", "-W", "1", Sql]);
        Assert.Equal(0, back.ExitCode);
    }
}
