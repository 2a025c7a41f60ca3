using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Hnv.Controller.Tests.Crash;

/// <summary>
/// Documents whose every part says which write it is of: a mark, in the tags of the resource and in the names of all of its children, that ends in
/// how many there are. So whoever reads one sees whether it is whole.
/// </summary>
internal static class Workload
{
    /// <summary>Children of one collection of a document, at most.</summary>
    public const int ChildrenMax = 4;

    /// <summary>The top-level collections that clients write to.</summary>
    public static readonly string[] Kinds =
    [
        "accessControlLists", "credentials", "loadBalancers", "logicalNetworks", "networkInterfaces", "publicIPAddresses", "routeTables", "securityTags",
        "servers", "serviceInsertions", "virtualNetworks", "virtualServers",
    ];

    private const string Provider = """
        {"properties":{"networkVirtualizationEnabled":"True","subnets":[
          {"resourceId":"pa-1","properties":{"addressPrefix":"192.168.0.0/16","vlanID":"11","defaultGateways":["192.168.0.1"],
            "ipPools":[{"resourceId":"pool","properties":{"startIpAddress":"192.168.1.10","endIpAddress":"192.168.2.250"}}]}}]}}
        """;

    private const string Vips = """
        {"properties":{"networkVirtualizationEnabled":"False","subnets":[
          {"resourceId":"public","properties":{"addressPrefix":"203.0.113.0/24","vlanID":"21","isPublic":true,"defaultGateways":["203.0.113.1"],
           "ipPools":[{"resourceId":"pool","properties":{"startIpAddress":"203.0.113.10","endIpAddress":"203.0.113.99"}}]}},
          {"resourceId":"private","properties":{"addressPrefix":"172.20.0.0/24","vlanID":"22","defaultGateways":["172.20.0.1"],
           "ipPools":[{"resourceId":"pool","properties":{"startIpAddress":"172.20.0.10","endIpAddress":"172.20.0.99"}}]}}]}}
        """;

    private const string Manager = """
        {"properties":{"loadBalancerManagerIPAddress":"172.20.0.20","outboundNatIPExemptions":["10.254.0.0/16"],"vipIpPools":[
          {"resourceRef":"/logicalNetworks/vips/subnets/public/ipPools/pool"},{"resourceRef":"/logicalNetworks/vips/subnets/private/ipPools/pool"}]}}
        """;

    /// <summary>What is there before and stays: pools, hosts, one network that all clients have machines in, and what gets children of its own.</summary>
    public static IEnumerable<(string Path, string Body)> Foundation(IReadOnlyList<LivingHost> hosts)
    {
        yield return ("macPools/default", Story.MacPool.Replace("1C-FF", "1E-FF", StringComparison.Ordinal));
        yield return ("logicalNetworks/hnvpa", Provider);
        yield return ("logicalNetworks/vips", Vips);
        yield return ("loadBalancerManager/config", Manager);
        yield return ("credentials/admin", """{"properties":{"type":"usernamePassword","userName":"admin","value":"s3cret"}}""");
        for (int i = 0; i < hosts.Count; i++)
        {
            yield return ($"servers/host{i}", Story.Server(hosts[i].Id, "pa-1", hosts[i].Address));
        }

        yield return ("virtualNetworks/contoso", """
            {"properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},
             "subnets":[{"resourceId":"s","properties":{"addressPrefix":"10.1.0.0/22"}}]}}
            """);
        yield return ("networkInterfaces/appliance", $$$$$$"""
            {"instanceId":"{{{{{{InstanceId("networkInterfaces/appliance")}}}}}}","properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[
             {"resourceId":"ip","properties":{"privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"/virtualNetworks/contoso/subnets/s"}}}]}}
            """);
        yield return ("routeTables/parent", """{"properties":{"routes":[]}}""");
        yield return ("accessControlLists/parent", """{"properties":{"inboundDefaultAction":"Deny","outboundDefaultAction":"Permit","aclRules":[]}}""");
    }

    /// <summary>The same for the same resource, always: hosts know it before it is there.</summary>
    public static Guid InstanceId(string path) => new(SHA256.HashData(Encoding.UTF8.GetBytes(path)).AsSpan(0, 16));

    /// <summary>The document of one write.</summary>
    /// <param name="path">The resource, as <c>kind/name</c>.</param>
    /// <param name="mark">Of the write; ends in the number of children.</param>
    /// <param name="client">Whose it is; keeps clients' addresses apart.</param>
    /// <param name="list">An access control list to refer to; null for none.</param>
    public static string Document(string path, string mark, int client, string? list)
    {
        string Each(Func<int, string> child) => string.Join(",", Enumerable.Range(0, ChildrenOf(mark)).Select(child));
        string Of(string property, Func<int, string> child) => $"\"{property}\":[{Each(i => $"{{\"resourceId\":\"{mark}-{i}\",\"properties\":{{{child(i)}}}}}")}]";
        string guarded = list is null ? "" : $$$$$$""","accessControlList":{"resourceRef":"/{{{{{{list}}}}}}"}""";
        string properties = path.Split('/')[0] switch
        {
            "accessControlLists" => "\"inboundDefaultAction\":\"Deny\",\"outboundDefaultAction\":\"Permit\"," + Of("aclRules", i => $$$$$$"""
                "type":"Inbound","action":"Allow","protocol":"TCP","priority":"{{{{{{110 + i}}}}}}","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"{{{{{{1000 + i}}}}}}"
                """),
            "credentials" => """ "type":"usernamePassword","userName":"u","value":"s3cret" """,
            "loadBalancers" => Of("frontendIPConfigurations", i => $$$$$$""" "privateIPAllocationMethod":"Static","privateIPAddress":"172.20.0.{{{{{{30 + (ChildrenMax * client) + i}}}}}}","subnet":{"resourceRef":"/logicalNetworks/vips/subnets/private"} """)
                + "," + Of("backendAddressPools", _ => ""),
            "logicalNetworks" => "\"networkVirtualizationEnabled\":\"False\"," + Of("subnets", i => $$$$$$"""
                "addressPrefix":"100.{{{{{{64 + client}}}}}}.{{{{{{i}}}}}}.0/24","vlanID":"{{{{{{100 + i}}}}}}","ipPools":[{"resourceId":"{{{{{{mark}}}}}}-p","properties":{"startIpAddress":"100.{{{{{{64 + client}}}}}}.{{{{{{i}}}}}}.10","endIpAddress":"100.{{{{{{64 + client}}}}}}.{{{{{{i}}}}}}.20"}}]
                """),
            "networkInterfaces" => "\"privateMacAllocationMethod\":\"Dynamic\"," + Of("ipConfigurations", _ => $$$$$$"""
                "privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"/virtualNetworks/contoso/subnets/s"}{{{{{{guarded}}}}}}
                """),
            "publicIPAddresses" => """ "publicIPAllocationMethod":"Dynamic" """,
            "routeTables" => Of("routes", i => $$$$$$""" "addressPrefix":"10.200.{{{{{{i}}}}}}.0/24","nextHopType":"None" """),
            "securityTags" => """ "type":"tier" """,
            "servers" => $$$$$$""" "unmanagedVtep":{"address":"198.51.100.{{{{{{client}}}}}}"}, """ + Of("networkInterfaces", _ => """ "logicalSubnets":[{"resourceRef":"/logicalNetworks/hnvpa/subnets/pa-1"}] """),
            "serviceInsertions" => $$$$$$""" "priority":{{{{{{100 + client}}}}}},"serviceInsertionElements":[{"resourceId":"e","properties":{"order":1,"networkInterface":{"resourceRef":"/networkInterfaces/appliance"}}}], """
                + Of("serviceInsertionRules", i => $$$$$$""" "protocol":"Tcp","sourcePortRangeStart":"0","sourcePortRangeEnd":"65535","destinationPortRangeStart":"{{{{{{i}}}}}}","destinationPortRangeEnd":"{{{{{{i}}}}}}","sourceSubnets":["*"],"destinationSubnets":["*"] """),
            "virtualNetworks" => $$$$$$""" "addressSpace":{"addressPrefixes":["10.{{{{{{10 + client}}}}}}.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"}, """
                + Of("subnets", i => $$$$$$""" "addressPrefix":"10.{{{{{{10 + client}}}}}}.{{{{{{i}}}}}}.0/24"{{{{{{guarded}}}}}} """),
            "virtualServers" => $$$$$$""" "vmGuid":"{{{{{{InstanceId(mark)}}}}}}","connections":[{"managementAddresses":["192.0.2.31"],"credential":{"resourceRef":"/credentials/admin"},"credentialType":"usernamePassword"}] """,
            string kind => throw new ArgumentException(kind),
        };
        return $$$$$$"""{"instanceId":"{{{{{{InstanceId(path)}}}}}}","tags":{"mark":"{{{{{{mark}}}}}}"},"properties":{{{{{{{properties}}}}}}}}""";
    }

    /// <summary>The mark of a document; null for one of the foundation.</summary>
    public static string? MarkOf(JsonNode document) => (string?)document["tags"]?["mark"];

    /// <summary>What shows that only a part of a write can be seen; null when it is whole.</summary>
    public static string? Halfness(JsonNode document, string mark)
    {
        foreach ((string name, JsonNode? value) in document["properties"]!.AsObject())
        {
            if (value is JsonArray children && children.Any(child => child is JsonObject o && o.ContainsKey("resourceId")) && name != "serviceInsertionElements")
            {
                string[] expected = [.. Enumerable.Range(0, ChildrenOf(mark)).Select(i => $"{mark}-{i}")];
                string[] seen = [.. children.Select(child => (string)child!["resourceId"]!)];
                if (!expected.SequenceEqual(seen))
                {
                    return $"{document["resourceRef"]}: {name} of {mark} are {string.Join(", ", seen)}";
                }
            }
        }

        return null;
    }

    /// <summary>What was handed out to a resource and must be nobody else's.</summary>
    public static IEnumerable<string> Identifiers(JsonNode document)
    {
        yield return $"instance {document["instanceId"]}";
        JsonNode properties = document["properties"]!;
        string kind = ((string)document["resourceRef"]!).Split('/')[1];
        if (kind == "networkInterfaces")
        {
            yield return Mac(properties["privateMacAddress"]);
        }

        if (kind == "publicIPAddresses" && properties["ipAddress"] is { } address)
        {
            yield return $"VIP {address}";
        }

        foreach (JsonNode? configuration in (kind is "networkInterfaces" ? properties["ipConfigurations"] : properties["frontendIPConfigurations"])?.AsArray() ?? [])
        {
            yield return $"address {configuration!["properties"]!["privateIPAddress"]} of {configuration["properties"]!["subnet"]!["resourceRef"]}";
        }

        foreach (JsonNode? subnet in kind == "virtualNetworks" ? properties["subnets"]!.AsArray() : [])
        {
            yield return $"VSID {subnet!["properties"]!["virtualSubnetId"]}";
        }

        foreach (JsonNode? nic in kind == "servers" ? properties["networkInterfaces"]!.AsArray() : [])
        {
            yield return $"PA {nic!["properties"]!["providerAddress"]!["address"]}";
            yield return Mac(nic!["properties"]!["providerAddress"]!["macAddress"]);
        }
    }

    private static string Mac(JsonNode? mac) => $"MAC {((string)mac!).Replace("-", "", StringComparison.Ordinal).Replace(":", "", StringComparison.Ordinal).ToUpperInvariant()}";

    private static int ChildrenOf(string mark) => int.Parse(mark.Split('x')[^1], CultureInfo.InvariantCulture);
}
