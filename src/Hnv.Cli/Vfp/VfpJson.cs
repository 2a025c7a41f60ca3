using System.Globalization;
using System.Text.Json.Nodes;
using Hnv.Contracts.HostChannel;

namespace Hnv.Cli.Vfp;

/// <summary>
/// The objects of the switch as JSON (<c>/format 1</c>), under the names that scripts around vfpctrl look for: a port's <c>Name</c> is its GUID, its
/// <c>Id</c> is for people, MACs have no separators.
/// </summary>
internal static class VfpJson
{
    public static JsonObject Port(VfpPort port) => new()
    {
        ["Id"] = port.Name ?? port.Device,
        ["Name"] = VfpItems.Upper(port.Nic),
        ["VmsPortId"] = port.Number,
        ["MacAddress"] = Bare(port.Mac),
        ["Mtu"] = port.Mtu,
        ["Device"] = port.Device,
        ["Vsid"] = port.Vsid,
        ["Vlan"] = port.Vlan,
        ["Addresses"] = Strings(port.Addresses),
        ["Enabled"] = port.State.Enabled,
        ["Blocked"] = port.State.Blocked,
        ["BytesSent"] = port.Out.Bytes,
        ["BytesReceived"] = port.In.Bytes,
        ["IngressPacketDrops"] = Drops(port.Out.Drops),
        ["EgressPacketDrops"] = Drops(port.In.Drops),
    };

    public static JsonObject Uplink(VfpUplink uplink) => new()
    {
        ["Id"] = "ExternalPort",
        ["Name"] = uplink.Device,
        ["VmsPortId"] = uplink.TeamMember,
        ["MacAddress"] = Bare(uplink.Mac),
        ["Mtu"] = uplink.Mtu,
        ["ProviderAddress"] = uplink.ProviderAddress,
        ["Vlan"] = uplink.Vlan,
        ["Offloads"] = Strings(uplink.Offloads),
    };

    public static JsonObject Layer(VfpLayer layer) => new()
    {
        ["Id"] = layer.Name,
        ["Name"] = layer.Name,
        ["Priority"] = layer.Priority,
        ["Connections"] = layer.Connections,
        ["Packets"] = layer.Packets,
    };

    public static JsonObject Group(VfpGroup group) => new()
    {
        ["Id"] = group.Name,
        ["Name"] = group.Name,
        ["Priority"] = group.Priority,
        ["Direction"] = group.Direction,
        ["Type"] = group.Type,
        ["RuleCount"] = group.Rules,
    };

    public static JsonObject Rule(VfpRule rule) => new()
    {
        ["Id"] = rule.Id,
        ["Name"] = rule.Id,
        ["Priority"] = rule.Priority,
        ["RuleType"] = rule.TypeNumber,
        ["Type"] = rule.Type,
        ["RuleFlags"] = rule.IsTerminating ? 1 : 0,
        ["FlowTtl"] = rule.FlowTtlSeconds,
        ["Space"] = rule.Space,
        ["Conditions"] = new JsonArray([.. VfpItems.Conditions(rule.Condition).Select(condition => (JsonNode)new JsonObject { ["Name"] = condition.Name, ["Value"] = condition.Value })]),
        ["Data"] = new JsonArray([.. rule.Data.Select(value => (JsonNode)new JsonObject { ["Name"] = value.Name, ["Value"] = value.Value })]),
        ["InformationArray"] = new JsonArray(new JsonObject
        {
            ["RuleCounters"] = new JsonObject
            {
                ["MatchedPackets"] = rule.Matches,
                ["DroppedPackets"] = rule.Type == "Block" ? rule.Matches : 0,
                ["PendingPackets"] = 0,
                ["DroppedFlows"] = 0,
            },
        }),
    };

    /// <summary>Layers with their groups, and groups with their rules.</summary>
    public static JsonArray Tree(IReadOnlyList<VfpLayer> layers, IReadOnlyList<VfpRule>? rules)
    {
        ILookup<(string, string), VfpRule>? byGroup = rules?.ToLookup(rule => (rule.Layer, rule.Group));
        return new JsonArray([.. layers.Select(layer =>
        {
            JsonObject node = Layer(layer);
            node["Groups"] = new JsonArray([.. layer.Groups.Select(group =>
            {
                JsonObject child = Group(group);
                if (byGroup is not null)
                {
                    child["Rules"] = new JsonArray([.. byGroup[(layer.Name, group.Name)].Select(rule => (JsonNode)Rule(rule))]);
                }

                return (JsonNode)child;
            })]);
            return (JsonNode)node;
        })]);
    }

    public static JsonObject Drops(IReadOnlyDictionary<string, long> drops) =>
        new(drops.Select(drop => KeyValuePair.Create<string, JsonNode?>(drop.Key, drop.Value)));

    private static JsonArray Strings(IReadOnlyList<string> values) => new([.. values.Select(value => (JsonNode)value)]);

    private static string? Bare(string? mac) => mac?.Replace("-", "", StringComparison.Ordinal).ToUpper(CultureInfo.InvariantCulture);
}
