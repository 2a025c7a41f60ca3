using System.Text.Json.Nodes;
using System.Xml;
using Hnv.Client;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Propagating() : LabFixture("labs/figure8.yaml");

/// <summary>What the controller says of the hosts, held against what they do.</summary>
public sealed class PropagatedTests(Propagating story) : IClassFixture<Propagating>
{
    private const string Sql = "10.1.1.11";
    private const string List = "accessControlLists/propagated";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Enforced_MeansThatTheVeryNextPacketIsJudgedByIt()
    {
        Assert.True(await story.PingsAsync("contoso-web", Sql));
        using ControllerClient controller = story.Lab.Controller();
        await controller.PutAsync(List, Rules("Allow"));
        string nic = (string)(await controller.GetAsync("networkInterfaces"))!["value"]!.AsArray()
            .Single(node => ((string)node!["resourceId"]!).StartsWith("contoso-sql", StringComparison.Ordinal))!["resourceRef"]!;
        JsonNode document = (await controller.GetAsync(nic))!;
        document["properties"]!["ipConfigurations"]![0]!["properties"]!["accessControlList"] = new JsonObject { ["resourceRef"] = "/" + List };
        await controller.PutAsync(nic, document);
        await EnforcedAsync(controller, nic);

        for (int round = 0; round < 5; round++)
        {
            foreach ((string action, bool passes) in new[] { ("Deny", false), ("Allow", true) })
            {
                await controller.PutAsync(List, Rules(action));
                JsonNode propagated = await EnforcedAsync(controller, List);

                Assert.Equal(passes, (await story.Lab.RunAsync("contoso-web", ["ping", "-n", "-c", "1", "-W", "1", Sql])).ExitCode == 0);
                Assert.Equal(1, (int)propagated["hosts"]!);
                Assert.True(XmlConvert.ToTimeSpan((string)propagated["after"]!) > TimeSpan.Zero);
            }
        }
    }

    [Fact]
    public async Task AgentKilled_TheServerSaysSo_AndNothingNewIsCalledEnforced_UntilItIsBack()
    {
        using ControllerClient controller = story.Lab.Controller();
        Assert.NotNull(await LabFixture.WithinAsync(s_patience, async () => await CodeAsync(controller) == "Success"));

        await story.Lab.SignalAsync("host1", "KILL");
        string? gone = null;
        Assert.NotNull(await LabFixture.WithinAsync(s_patience, async () => (gone = await CodeAsync(controller)) is "HostNotConnectedToController" or "HostUnreachable"));
        await story.Lab.StartAsync("host1");

        Assert.NotNull(await LabFixture.WithinAsync(s_patience, async () => await CodeAsync(controller) == "Success"));
    }

    private static async Task<JsonNode> EnforcedAsync(ControllerClient controller, string path)
    {
        JsonNode? propagated = null;
        TimeSpan? within = await LabFixture.WithinAsync(s_patience, async () =>
            (bool)(propagated = (await controller.GetAsync(path))!["x-openhnv-propagated"]!)["enforced"]! && propagated["hosts"] is not null);
        Assert.True(within is not null, $"{path}: {propagated}");
        return propagated!;
    }

    private static async Task<string?> CodeAsync(ControllerClient controller) =>
        (string?)(await controller.GetAsync("servers/host1"))!["properties"]?["configurationState"]?["detailedInfo"]?[0]?["code"];

    private static JsonNode Rules(string action) => JsonNode.Parse($$$"""
        {"properties":{"aclRules":[{"resourceId":"all","properties":{"action":"{{{action}}}","type":"Inbound","priority":"100","protocol":"All",
         "sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"*"}}]}}
        """)!;
}
