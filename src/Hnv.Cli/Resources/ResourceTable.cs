using System.Globalization;
using System.Text.Json.Nodes;

namespace Hnv.Cli.Resources;

/// <summary>Lists resources of a type with what people look for in it.</summary>
internal static class ResourceTable
{
    private static readonly (string Name, Func<JsonNode, string?> Of)[] s_others = [("Summary", Summary)];

    private static readonly Dictionary<string, (string Name, Func<JsonNode, string?> Of)[]> s_columns = new(StringComparer.OrdinalIgnoreCase)
    {
        ["virtualNetworks"] =
        [
            ("Addresses", all => Joined(Values(all["addressSpace"]?["addressPrefixes"]))),
            ("Subnets", all => Joined(Items(all, "subnets").Select(subnet => $"{Name(subnet)} {Text(subnet["properties"]?["addressPrefix"])} VSID {Text(subnet["properties"]?["virtualSubnetId"])}"))),
            ("Peers", all => Joined(Items(all, "virtualNetworkPeerings").Select(peer => $"{Last(peer["properties"]?["remoteVirtualNetwork"])} {Text(peer["properties"]?["peeringState"])}"))),
        ],
        ["subnets"] =
        [
            ("Prefix", all => Text(all["addressPrefix"])),
            ("VSID or VLAN", all => Text(all["virtualSubnetId"]) ?? Text(all["vlanID"])),
            ("ACL", all => Last(all["accessControlList"])),
            ("Used by", all => Count(all["ipConfigurations"])),
        ],
        ["networkInterfaces"] =
        [
            ("MAC", all => Text(all["privateMacAddress"])),
            ("Addresses", all => Joined(Items(all, "ipConfigurations").Select(ip => Text(ip["properties"]?["privateIPAddress"])))),
            ("Subnet", all => Joined(Items(all, "ipConfigurations").Select(ip => Subnet(ip["properties"]?["subnet"])).Distinct())),
            ("Host", all => Last(all["server"])),
            ("ACL", all => Joined(Items(all, "ipConfigurations").Select(ip => Last(ip["properties"]?["accessControlList"])).Distinct())),
        ],
        ["servers"] =
        [
            ("Management", all => Joined(((all["connections"] as JsonArray) ?? []).SelectMany(connection => Values(connection?["managementAddresses"])))),
            ("PA", all => Text(all["unmanagedVtep"]?["address"]) ?? Joined(Items(all, "networkInterfaces").Select(nic => Text(nic["properties"]?["providerAddress"]?["address"])))),
            ("Interfaces", all => Count(all["virtualNetworkInterfaces"])),
        ],
        ["logicalNetworks"] =
        [
            ("Carries virtual networks", all => Text(all["networkVirtualizationEnabled"])),
            ("Subnets", all => Joined(Items(all, "subnets").Select(subnet => $"{Name(subnet)} {Text(subnet["properties"]?["addressPrefix"])} VLAN {Text(subnet["properties"]?["vlanID"])}"))),
        ],
        ["accessControlLists"] =
        [
            ("In", all => Text(all["inboundDefaultAction"])),
            ("Out", all => Text(all["outboundDefaultAction"])),
            ("Rules", all => Count(all["aclRules"])),
            ("Used by", all => Joined(References(all["subnets"]).Concat(References(all["ipConfigurations"])).Select(Short))),
        ],
        ["aclRules"] =
        [
            ("Priority", all => Text(all["priority"])),
            ("Direction", all => Text(all["type"])),
            ("Action", all => Text(all["action"])),
            ("Protocol", all => Text(all["protocol"])),
            ("From", all => $"{Text(all["sourceAddressPrefix"])}:{Text(all["sourcePortRange"])}"),
            ("To", all => $"{Text(all["destinationAddressPrefix"])}:{Text(all["destinationPortRange"])}"),
        ],
        ["macPools"] = [("First", all => Text(all["startMacAddress"])), ("Last", all => Text(all["endMacAddress"]))],
        ["routeTables"] = [("Routes", all => Joined(Items(all, "routes").Select(route =>
            $"{Text(route["properties"]?["addressPrefix"])} {Text(route["properties"]?["nextHopIpAddress"]) ?? Text(route["properties"]?["nextHopType"])}")))],
        ["credentials"] = [("Type", all => Text(all["type"])), ("User", all => Text(all["userName"]))],
        ["publicIPAddresses"] =
        [
            ("Address", all => Text(all["ipAddress"])),
            ("Allocation", all => Text(all["publicIPAllocationMethod"])),
            ("Used by", all => Target(all["ipConfiguration"]) is { } user ? Short(user) : null),
        ],
        ["loadBalancers"] =
        [
            ("Front ends", all => Joined(Items(all, "frontendIPConfigurations").Select(front => Text(front["properties"]?["privateIPAddress"]) ?? Last(front["properties"]?["publicIPAddress"])))),
            ("Rules", all => Joined(Items(all, "loadBalancingRules").Select(rule =>
                $"{Text(rule["properties"]?["protocol"])} {Text(rule["properties"]?["frontendPort"])}→{Text(rule["properties"]?["backendPort"])}"))),
            ("Members", all => Items(all, "backendAddressPools").Sum(pool => (pool["properties"]?["backendIPConfigurations"] as JsonArray)?.Count ?? 0).ToString(CultureInfo.InvariantCulture)),
        ],
        ["securityTags"] = [("Type", all => Text(all["type"])), ("Interfaces", all => Count(all["networkInterfaces"]))],
        ["operations"] = [("Verb", all => Text(all["verb"])), ("Target", all => Text(all["target"])), ("Status", all => Text(all["status"]))],
    };

    /// <summary>Prints the members of a collection.</summary>
    /// <param name="path">Of the collection.</param>
    /// <param name="members">Its documents.</param>
    public static void Print(string path, IEnumerable<JsonNode> members)
    {
        string type = path.Split('/')[^1];
        (string Name, Func<JsonNode, string?> Of)[] columns = s_columns.GetValueOrDefault(type) ?? s_others;
        Output.Rows(
            OutputFormat.Table,
            ["Name", "Provisioning", "Configuration", .. columns.Select(column => column.Name)],
            members.Select(member => (string?[])
            [
                (string?)member["resourceId"] ?? (string?)member["resourceRef"],
                Text(member["properties"]?["provisioningState"]),
                Configuration(member["properties"]?["configurationState"]),
                .. columns.Select(column => member["properties"] is { } properties ? column.Of(properties) is { Length: > 0 } text ? text : null : null),
            ]),
            $"There are no {type}.");
    }

    /// <summary>What the hosts made of it, and, where that is not good, why.</summary>
    private static string? Configuration(JsonNode? state)
    {
        string? status = Text(state?["status"]);
        return status is null or "Success" ? status
            : Joined(((state!["detailedInfo"] as JsonArray) ?? []).Select(detail => Text(detail?["code"])).Where(code => code != "Success").Distinct()) is { Length: > 0 } codes ? $"{status}: {codes}" : status;
    }

    /// <summary>The properties that say most about a resource of any type, in one line.</summary>
    private static string Summary(JsonNode properties)
    {
        const int ShownMax = 4;
        return string.Join("; ", properties.AsObject()
            .Where(member => member.Value is JsonValue && member.Key is not "provisioningState" && Text(member.Value) is { Length: > 0 and < 80 })
            .Take(ShownMax).Select(member => $"{member.Key} {Text(member.Value)}"));
    }

    private static IEnumerable<JsonNode> Items(JsonNode properties, string name) => ((properties[name] as JsonArray) ?? []).OfType<JsonNode>();

    private static IEnumerable<string?> Values(JsonNode? list) => ((list as JsonArray) ?? []).Select(Text);

    private static string? Name(JsonNode child) => Text(child["resourceId"]);

    private static string Joined(IEnumerable<string?> parts) => string.Join(", ", parts.Where(part => !string.IsNullOrEmpty(part)));

    private static string? Count(JsonNode? list) => (list as JsonArray)?.Count.ToString(CultureInfo.InvariantCulture);

    private static string? Target(JsonNode? reference) => Text(reference?["resourceRef"]);

    private static IEnumerable<string> References(JsonNode? list) => ((list as JsonArray) ?? []).Select(Target).OfType<string>();

    private static string? Last(JsonNode? reference) => Target(reference)?.Split('/')[^1];

    private static string? Subnet(JsonNode? reference) => Target(reference) is { } target ? Short(target) : null;

    /// <summary><c>/virtualNetworks/contoso/subnets/web</c> as <c>contoso/web</c>.</summary>
    private static string Short(string reference) => string.Join('/', reference.Split('/', StringSplitOptions.RemoveEmptyEntries).Where((_, index) => index % 2 != 0));

    private static string? Text(JsonNode? node) => node switch { null => null, JsonValue value => value.ToString(), _ => node.ToJsonString() };
}
