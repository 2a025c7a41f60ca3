using System.Text.Json.Nodes;
using Hnv.Lab.Running;
using Hnv.Lab.Topology;

namespace Hnv.Lab.Tests.Running;

public sealed class PolicyDocumentsTests
{
    private static readonly IReadOnlyList<IReadOnlyList<PolicyDocument>> s_waves = PolicyDocuments.Of(TopologyFile.Load("labs/three-hosts.yaml"));

    [Fact]
    public void Of_ThreeHosts_RefersOnlyToEarlierWaves()
    {
        HashSet<string> known = [];
        foreach (IReadOnlyList<PolicyDocument> wave in s_waves)
        {
            Assert.All(wave.SelectMany(document => References(document.Body)), reference => Assert.Contains(reference, known));
            known.UnionWith(wave.Select(document => document.Path));
            known.UnionWith(wave.SelectMany(document => Subnets(document).Select(subnet => $"{document.Path}/subnets/{subnet}")));
        }
    }

    [Fact]
    public void Of_Adapter_AsksForItsAddressMacAndInstanceId()
    {
        JsonNode body = Find("/networkInterfaces/contoso-sql-nic0");

        Assert.Equal("10.1.1.11", (string?)body["properties"]!["ipConfigurations"]![0]!["properties"]!["privateIPAddress"]);
        Assert.Equal("/accessControlLists/sql-only", (string?)body["properties"]!["ipConfigurations"]![0]!["properties"]!["accessControlList"]!["resourceRef"]);
        Assert.Matches("^[0-9A-F]{12}$", (string?)body["properties"]!["privateMacAddress"]);
        Assert.True(Guid.TryParse((string?)body["instanceId"], out _));
    }

    [Fact]
    public void Of_MachineOnAVtep_IsPlacedThere() =>
        Assert.Equal("/servers/appliance", (string?)Find("/networkInterfaces/contoso-nas-nic0")["properties"]!["placement"]!["resourceRef"]);

    private static JsonNode Find(string path) => s_waves.SelectMany(wave => wave).Single(document => document.Path == path).Body;

    private static IEnumerable<string> Subnets(PolicyDocument document) =>
        ((document.Body["properties"]?["subnets"] as JsonArray) ?? []).Select(subnet => (string)subnet!["resourceId"]!);

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject all => all.SelectMany(member => member.Key == "resourceRef" ? [(string)member.Value!] : References(member.Value)),
        JsonArray items => items.SelectMany(References),
        _ => [],
    };
}
