using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Nvgre() : LabFixture("labs/figure8.yaml", nvgre: true);

/// <summary>The same story in the other encapsulation (RFC 7637).</summary>
public sealed class NvgreTests(Nvgre story) : IClassFixture<Nvgre>
{
    [Theory]
    [InlineData("contoso", 5001)]
    [InlineData("fabrikam", 6001)]
    public async Task Connect_WebToSql_IsGreWithTheVsidInTheKey(string tenant, int vsid)
    {
        await story.ServeAsync($"{tenant}-sql", 5432);
        await using Capture capture = await Capture.StartAsync(story.Lab, "tor", "host2", "proto gre");
        for (int i = 0; i < 8; i++)
        {
            Assert.Equal($"{tenant}-sql", await story.WhoAnswersAsync($"{tenant}-web", "10.1.1.11", 5432));
        }

        IReadOnlyList<Encapsulated> sent = [.. Encapsulated.In(await capture.StopAsync()).Where(packet => packet.Source == "192.168.2.20")];

        Assert.NotEmpty(sent);
        Assert.All(sent, packet => Assert.Equal(("192.168.1.10", 0x6558, vsid), (packet.Destination, packet.EtherTypeInGre, packet.Vsid)));
        Assert.InRange(sent.Select(packet => packet.FlowId).Distinct().Count(), 2, 16);
    }
}
