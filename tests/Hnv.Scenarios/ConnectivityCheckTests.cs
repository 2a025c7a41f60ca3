using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Checked() : LabFixture("labs/figure8.yaml");

/// <summary>What the controller finds out by sending packets of its own through the switches of a running lab.</summary>
public sealed class ConnectivityCheckTests(Checked story) : IClassFixture<Checked>
{
    private const string Web = "10.1.1.12";
    private const string Sql = "10.1.1.11";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(15);

    [Theory]
    [InlineData("Icmp", true)]
    [InlineData("Tcp", true)]
    [InlineData("Udp", true)]
    [InlineData("Icmp", false)]
    public async Task FromMachineToMachine_PacketIsSeenArrivingAndAnswered(string protocol, bool traced)
    {
        JsonNode result = await CheckAsync("contoso", Web, Sql, protocol, disableTracing: !traced);

        Assert.True((string?)result["status"] == "Success", result.ToJsonString());
        Assert.Equal("", (string?)result["errorMessage"]);
        Assert.InRange((int)result["roundTripTimeMSec"]!, 1, 1000);
        JsonNode sender = Node(result, "Sender"), receiver = Node(result, "Receiver");
        Assert.Contains("Delivered to the guest:", Lines(receiver), StringComparison.Ordinal);
        Assert.Equal(traced, Lines(sender).Contains("VXLAN 192.168.2.20 -> 192.168.1.10, VSID 5001", StringComparison.Ordinal));
        Assert.Equal(traced ? "Forward" : null, (string?)receiver["x-openhnv-verdict"]);
    }

    [Fact]
    public async Task SameAddressesOfAnotherTenant_TakeTheirOwnWay()
    {
        JsonNode result = await CheckAsync("fabrikam", Sql, Web);

        Assert.Equal("Success", (string?)result["status"]);
        Assert.Contains("VSID 6001", Lines(Node(result, "Sender")), StringComparison.Ordinal);
        Assert.DoesNotContain("contoso", result.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Router_AnswersItself()
    {
        JsonNode result = await CheckAsync("contoso", Web, "10.1.1.1");

        Assert.True((string?)result["status"] == "Success", result.ToJsonString());
        Assert.Equal("Hairpin", (string?)Node(result, "Sender")["x-openhnv-verdict"]);
    }

    [Fact]
    public async Task AddressThatIsNobodys_FailsAtTheSender()
    {
        JsonNode result = await CheckAsync("contoso", Web, "10.1.1.99");

        Assert.Equal("Failure", (string?)result["status"]);
        Assert.Contains("10.1.1.99", (string?)result["errorMessage"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task AcrossTenants_IsRefused_AndNothingIsSent()
    {
        ApiException refused = await Assert.ThrowsAsync<ApiException>(() => PutAsync("contoso", "fabrikam", Web, Sql, "Icmp", disableTracing: false));

        Assert.Equal("VirtualNetworkMismatch", refused.Code);
    }

    [Theory]
    [InlineData("contoso-sql", "Inbound", "Receiver")]
    [InlineData("contoso-web", "Outbound", "Sender")]
    public async Task AccessControlListThatBlocks_IsNamedWithItsRuleAndItsHost(string machine, string direction, string node)
    {
        await using IAsyncDisposable blocked = await BlockAsync(machine, direction);

        JsonNode result = await CheckAsync("contoso", Web, Sql, "Tcp");

        Assert.True((string?)result["status"] == "Failure", result.ToJsonString());
        JsonNode there = Node(result, node);
        Assert.Equal(("Drop", "Acl", "FW_CONTROLLER_LAYER_ID"), ((string?)there["x-openhnv-verdict"], (string?)there["x-openhnv-dropReason"], (string?)there["x-openhnv-layer"]));
        Assert.Equal($"/accessControlLists/block-{machine}/aclRules/no-tcp", (string?)there["x-openhnv-ruleRef"]);
        Assert.Contains((string)there["x-openhnv-rule"]!, (string?)result["errorMessage"], StringComparison.Ordinal);
        Assert.DoesNotContain("Delivered", Lines(Node(result, "Receiver")), StringComparison.Ordinal);
        Assert.Equal("Success", (string?)(await CheckAsync("contoso", Web, Sql))["status"]);
    }

    [Fact]
    public async Task HostAway_FailsAndSaysWhichHost()
    {
        await story.Lab.SignalAsync("host1", "KILL");
        try
        {
            JsonNode result = await CheckAsync("contoso", Web, Sql);

            Assert.Equal("Failure", (string?)result["status"]);
            Assert.Contains("host1", (string?)result["errorMessage"], StringComparison.Ordinal);
        }
        finally
        {
            await story.Lab.StartAsync("host1");
        }

        Assert.NotNull(await LabFixture.WithinAsync(s_patience, async () => (string?)(await CheckAsync("contoso", Web, Sql))["status"] == "Success"));
    }

    private static JsonNode Node(JsonNode result, string type) => result["nodeOutput"]!.AsArray().Single(node => (string?)node!["nodeType"] == type)!;

    private static string Lines(JsonNode node) => string.Join('\n', node["traceOutput"]!.AsArray().Select(line => (string)line!));

    private async Task<JsonNode> CheckAsync(string network, string from, string to, string protocol = "Icmp", bool disableTracing = false)
    {
        using ControllerClient controller = story.Lab.Controller();
        string reference = (string)(await PutAsync(network, network, from, to, protocol, disableTracing))["properties"]!["connectivityCheckResult"]!["resourceRef"]!;
        JsonNode? result = null;
        TimeSpan? known = await LabFixture.WithinAsync(s_patience, async () =>
        {
            result = (await controller.GetAsync(reference))!["properties"]!["result"];
            return (string?)result!["status"] != "InProgress";
        });
        Assert.NotNull(known);
        return result!;
    }

    private async Task<JsonNode> PutAsync(string network, string other, string from, string to, string protocol, bool disableTracing)
    {
        using ControllerClient controller = story.Lab.Controller();
        return await controller.PutAsync(
            "diagnostics/ConnectivityCheck",
            new JsonObject
            {
                ["properties"] = new JsonObject
                {
                    ["senderVirtualNetwork"] = new JsonObject { ["resourceRef"] = $"/virtualNetworks/{network}" },
                    ["receiverVirtualNetwork"] = new JsonObject { ["resourceRef"] = $"/virtualNetworks/{other}" },
                    ["senderIpAddress"] = from,
                    ["receiverIpAddress"] = to,
                    ["protocol"] = protocol,
                    ["destinationPort"] = 5432,
                    ["icmpProtocolConfig"] = new JsonObject { ["sequenceNumber"] = 7, ["length"] = 100 },
                    ["disableTracing"] = disableTracing,
                },
            },
            wait: false);
    }

    /// <summary>Blocks TCP at a machine's port until disposed of.</summary>
    private async Task<IAsyncDisposable> BlockAsync(string machine, string direction)
    {
        string list = $"/accessControlLists/block-{machine}";
        using ControllerClient controller = story.Lab.Controller();
        await controller.PutAsync(list, JsonNode.Parse($$$"""
            {"properties":{"aclRules":[
              {"resourceId":"no-tcp","properties":{"protocol":"TCP","sourcePortRange":"0-65535","destinationPortRange":"0-65535","sourceAddressPrefix":"*","destinationAddressPrefix":"*","action":"Deny","type":"{{{direction}}}","priority":"110","logging":"Disabled"}},
              {"resourceId":"rest-in","properties":{"protocol":"All","sourcePortRange":"0-65535","destinationPortRange":"0-65535","sourceAddressPrefix":"*","destinationAddressPrefix":"*","action":"Allow","type":"Inbound","priority":"200","logging":"Disabled"}},
              {"resourceId":"rest-out","properties":{"protocol":"All","sourcePortRange":"0-65535","destinationPortRange":"0-65535","sourceAddressPrefix":"*","destinationAddressPrefix":"*","action":"Allow","type":"Outbound","priority":"210","logging":"Disabled"}}
            ]}}
            """)!);
        await SetListAsync(machine, list);
        return new Unblock(() => SetListAsync(machine, null));
    }

    private async Task SetListAsync(string machine, string? list)
    {
        using ControllerClient controller = story.Lab.Controller();
        string path = $"networkInterfaces/{story.Lab.Machine(machine).Adapters[0].ResourceId}";
        JsonNode nic = (await controller.GetAsync(path))!;
        foreach (JsonNode? configuration in nic["properties"]!["ipConfigurations"]!.AsArray())
        {
            configuration!["properties"]!["accessControlList"] = list is null ? null : new JsonObject { ["resourceRef"] = list };
        }

        await controller.PutAsync(path, nic);
        await story.SettleAsync();
    }

    private sealed class Unblock(Func<Task> undo) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync() => await undo();
    }
}
