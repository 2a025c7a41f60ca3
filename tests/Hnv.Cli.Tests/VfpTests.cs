using Hnv.Cli.Vfp;
using Hnv.Contracts.HostChannel;

namespace Hnv.Cli.Tests;

/// <summary>What <c>hnv vfp</c> takes and prints, held against how public tools write vfpctrl's commands and read its output.</summary>
public sealed class VfpTests
{
    private static readonly VfpCondition s_any = new(null, [], [], [], [], null, null);

    [Theory]
    [InlineData("vfp /list-rule /port P /layer L /group G", "vfp list-rule --port P --layer L --group G")]
    [InlineData("vfp /port P /layer L /group G /get-rule-counter /format 1", "vfp get-rule-counter --port P --layer L --group G --format 1")]
    [InlineData("vfp /List-Layer /Port:P", "vfp list-layer --port P")]
    [InlineData("vfp list-rule --port P --layer L", "vfp list-rule --port P --layer L")]
    [InlineData("vfp /list-layer /port P --agent /run/agent.sock", "vfp list-layer --port P --agent /run/agent.sock")]
    [InlineData("vfp /?", "vfp --help")]
    [InlineData("get /virtualNetworks", "get /virtualNetworks")]
    public void Spelling_OfVfpctrl_IsOurs(string typed, string meant) =>
        Assert.Equal(meant.Split(' '), VfpSpelling.Normalize(typed.Split(' '), VfpCommand.Verbs));

    [Fact]
    public void Spelling_ArgumentOfAVerb_StaysOneWord() =>
        Assert.Equal(["vfp", "sample-unified-flow", "100000 0 1", "--port", "P"], VfpSpelling.Normalize(["vfp", "/sample-unified-flow", "100000 0 1", "/port", "P"], VfpCommand.Verbs));

    [Fact]
    public void Text_EveryLineEndsInCrLf_AndTheLastSaysThatItSucceeded()
    {
        string text = new VfpText().Head().Layer(new VfpLayer("FW_ADMIN_LAYER_ID", 100, "Passes", 0, [])).Break().Succeeded("list-layer");

        Assert.DoesNotContain('\n', text.Replace("\r\n", "", StringComparison.Ordinal));
        Assert.StartsWith("ITEM LIST\r\n===========\r\n\r\n", text, StringComparison.Ordinal);
        Assert.EndsWith("Command list-layer succeeded!\r\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Failure_IsTheFirstLine() =>
        Assert.Equal("ERROR: no such port; try another\r\n", VfpText.Failed("no such port;\ntry another"));

    [Fact]
    public void Rules_AsThePublicParserReadsThem_KeepEveryValue()
    {
        string text = new VfpText().Head()
            .Rule(Rule("block-telnet", "Block", s_any with { Protocol = 6, Sources = ["10.1.1.0/24", "10.2.0.0/16"], DestinationPorts = ["23", "1000-2000"] })).Break()
            .Rule(Rule("ENCAP", "MapEncap", s_any, new VfpValue("Encap source IP", "192.168.1.10"), new VfpValue("Outer DSCP", "copied")) with { Space = "VNET_CA_PA_SPACE" }).Break()
            .Rule(Rule("DR", "Redirect", s_any with { DestinationMac = "02-48-4E-56-00-01" }, new VfpValue("Route 10.1.2.0/24", "Local VSID 5002"))).Break()
            .Succeeded("list-rule");

        IReadOnlyList<IReadOnlyDictionary<string, string>> rules = ReadRules(text);

        Assert.Equal(["block-telnet", "ENCAP", "DR"], rules.Select(rule => rule["Rule"]));
        Assert.Equal(("100", "1 terminating", "block"), (rules[0]["Priority"], rules[0]["Flags"], rules[0]["Type"]));
        Assert.Equal(("6", "10.1.1.0/24, 10.2.0.0/16", "23, 1000-2000"), (rules[0]["Conditions.Protocols"], rules[0]["Conditions.Source IP"], rules[0]["Conditions.Destination ports"]));
        Assert.Equal("None", rules[1]["Conditions"]);
        Assert.Equal("VNET_CA_PA_SPACE", rules[1]["Encap Destination.Space"]);
        Assert.Equal("192.168.1.10", rules[1]["Encap source IP"]);
        Assert.Equal("02-48-4E-56-00-01", rules[2]["Conditions.Destination MAC"]);
    }

    [Fact]
    public void Port_AsThePublicParserReadsIt_BeginsWithItsNameAndHasItsSentences()
    {
        VfpPort port = new(
            new Guid("3D0F5F6E-0000-0000-0000-000000000001"), 12, "web-nic0", "tap0", "00-1D-D8-02-00-01", 1500, 5001, 0, ["10.1.1.12"], true,
            new VfpPortState(true, false, false, false, false, true, false, false, false, 0, 1, [], null),
            new VfpPortCounts(5, 500, 4, 1, 0, 0, 0, new Dictionary<string, long>()),
            new VfpPortCounts(9, 900, 4, 1, 0, 0, 0, new Dictionary<string, long> { ["Acl"] = 3 }));

        string[] lines = new VfpText().Head().Port("host1", Guid.NewGuid(), port).Succeeded("list-vmswitch-port").Split("\r\n");
        Dictionary<string, string> read = [];
        foreach (string line in lines.Where(line => line.Contains(':', StringComparison.Ordinal)))
        {
            string[] parts = line.Split(':');
            Assert.InRange(parts.Length, 2, 3);
            read.Add(string.Join('-', parts[..^1].Select(part => part.Replace(" ", "", StringComparison.Ordinal))), parts[^1].Replace(" ", "", StringComparison.Ordinal));
        }

        Assert.StartsWith("Port name : 3D0F5F6E-", lines[3], StringComparison.Ordinal);
        Assert.Equal(("00-1D-D8-02-00-01", "900", "500"), (read["Macaddress"], read["BytesSent"], read["BytesReceived"]));
        Assert.Equal(("3", "3"), (read["IngressPacketDrops"], read["Ingresspacketdrops-Acl"]));
        Assert.Contains("Port is Initialized.", lines);
        Assert.Contains("NIC is Connected.", lines);
        Assert.Contains("MAC Learning is Disabled.", lines);
    }

    [Fact]
    public void State_AsThePublicParserReadsIt_IsBooleansAndWhatIsOn()
    {
        string text = new VfpText().Head()
            .State(new VfpPortState(true, false, false, false, false, true, false, true, false, 0, 3, ["tx-udp_tnl-segmentation", "rx-checksum"], null)).Succeeded("get-port-state");

        string[] lines = [.. text.Split("\r\n").Select(line => line.Replace(":", "", StringComparison.Ordinal).Trim())];
        Assert.Contains(lines, line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^ARP Guard\s+True$"));
        Assert.Contains(lines, line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^Blocked\s+False$"));
        Assert.Contains("VXLAN LSO Offload Enabled", lines);
        Assert.DoesNotContain("NVGRE LSO Offload Enabled", lines);
    }

    [Fact]
    public void Json_HasTheNamesThatScriptsLookFor()
    {
        VfpRule rule = Rule("block-telnet", "Block", s_any) with { Matches = 7 };
        VfpLayer layer = new("FW_CONTROLLER_LAYER_ID", 200, "Passes", 9, [new VfpGroup("FW_GROUP_IPV4_OUT", 100, "OUT", "IPv4", 1)]);

        string json = VfpJson.Tree([layer], [rule with { Layer = layer.Name, Group = "FW_GROUP_IPV4_OUT" }]).ToJsonString();

        Assert.Contains("\"Name\":\"FW_CONTROLLER_LAYER_ID\"", json, StringComparison.Ordinal);
        Assert.Contains("\"Groups\":[{\"Id\":\"FW_GROUP_IPV4_OUT\"", json, StringComparison.Ordinal);
        Assert.Contains("\"Rules\":[{\"Id\":\"block-telnet\"", json, StringComparison.Ordinal);
        Assert.Contains("\"MatchedPackets\":7,\"DroppedPackets\":7", json, StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownAgent_IsAnErrorOnStandardOutput()
    {
        (int code, string output, _) = CommandLineTests.Run("vfp", "/list-layer", "/port", "P", "--agent", "unix:/nowhere/agent.sock");

        Assert.Equal(1, code);
        Assert.StartsWith("ERROR: ", output, StringComparison.Ordinal);
    }

    private static VfpRule Rule(string id, string type, VfpCondition condition, params VfpValue[] data) =>
        new("LAYER", "GROUP", id, 100, true, 2, type, condition, 0, null, data, 0);

    /// <summary>Reads as the public scripts do: at colons, lists until the key they end with, what has more than one colon lost.</summary>
    private static List<IReadOnlyDictionary<string, string>> ReadRules(string text)
    {
        List<IReadOnlyDictionary<string, string>> rules = [];
        Dictionary<string, string>? rule = null;
        string? list = null;
        foreach (string line in text.Split("\r\n").Select(line => line.Trim()).Where(line => line.Length > 0))
        {
            if (list == "Conditions")
            {
                string[] condition = [.. line.Split(':').Select(part => part.Trim())];
                if (line.Contains("Flow TTL", StringComparison.Ordinal) || line.Contains("<none>", StringComparison.Ordinal))
                {
                    if (line.Contains("<none>", StringComparison.Ordinal))
                    {
                        rule!["Conditions"] = "None";
                    }

                    list = null;
                    continue;
                }

                rule![$"Conditions.{condition[0]}"] = condition[1];
                continue;
            }

            if (list == "Encap Destination(s)")
            {
                if (line.Contains("FlagsEx", StringComparison.Ordinal))
                {
                    list = null;
                    continue;
                }

                foreach (string[] pair in line.Trim('{', '}', ' ').Split(',').Select(part => part.Split('=')))
                {
                    rule![$"Encap Destination.{pair[0].Trim()}"] = pair[1].Trim();
                }

                continue;
            }

            string[] parts = line.Split(':');
            if (parts.Length != 2)
            {
                Assert.False(parts.Length > 2, line);
                continue;
            }

            (string key, string value) = (parts[0].Trim(), parts[1].Trim());
            if (key == "RULE")
            {
                rules.Add(rule = []);
                rule["Rule"] = value;
            }
            else if (key is "Conditions" or "Encap Destination(s)")
            {
                list = key;
            }
            else
            {
                rule![key] = value;
            }
        }

        return rules;
    }
}
