using System.Text.Json.Nodes;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Tests.Security;

/// <summary>One request that Contoso sends.</summary>
internal sealed record TenantRequest(string Verb, string Path, string? Body, params (string Name, string Value)[] Headers)
{
    public override string ToString() => $"{Verb} {Path} {string.Join(" ", Headers)}\n{Body}";
}

/// <summary>What a curious tenant would try: everything of another's by name, and its own documents with pieces of the other's in them.</summary>
internal sealed class TenantRequests(int seed, IReadOnlyList<Node> foreign)
{
    private readonly Random _random = new(seed);

    private IEnumerable<string> ForeignRefs => foreign.Select(node => node.Ref);

    /// <summary>Each verb on each thing of the other's, and each reference of each own document to each of them.</summary>
    public IEnumerable<TenantRequest> Everything()
    {
        foreach (Node node in foreign)
        {
            string body = NodeJson.Write(node, s => s)["properties"]!.ToJsonString();
            yield return new TenantRequest("GET", node.Ref[1..], null);
            yield return new TenantRequest("PUT", node.Ref[1..], $$"""{"properties":{{body}}}""");
            yield return new TenantRequest("PUT", node.Ref[1..], """{"properties":{}}""", ("If-Match", "*"));
            yield return new TenantRequest("PUT", node.Ref[1..], """{"properties":{}}""", ("If-None-Match", "*"));
            yield return new TenantRequest("DELETE", node.Ref[1..], null);
            yield return new TenantRequest("DELETE", node.Ref[1..], null, ("If-Match", node.ETag));
            yield return new TenantRequest("PUT", $"{node.Type.Name}/contoso.copy", $$"""{"instanceId":"{{node.InstanceId}}","properties":{{body}}}""");
        }

        foreach (ResourceType type in NetworkControllerCatalog.Create().Types)
        {
            yield return new TenantRequest("GET", type.Name, null);
            yield return new TenantRequest("GET", $"{type.Name}/{type.SingletonId ?? "fabrikam.x"}", null);
            yield return new TenantRequest("PUT", $"{type.Name}/{type.SingletonId ?? "fabrikam.x"}", """{"properties":{}}""");
        }

        foreach (string target in ForeignRefs)
        {
            foreach ((string path, string template) in Templates())
            {
                yield return new TenantRequest("PUT", path, template.Replace("TARGET", target, StringComparison.Ordinal));
            }
        }
    }

    /// <summary>Anything, in any order.</summary>
    public IEnumerable<TenantRequest> Random(int count)
    {
        for (int i = 0; i < count; i++)
        {
            string path = Pick([.. OwnPaths, .. ForeignRefs.Select(r => r[1..]), "networkInterfaces/provider.guest", "logicalNetworks/hnvpa", "operations", "macPools", "networkInterfaces"]);
            string verb = Pick(["GET", "PUT", "PUT", "PUT", "DELETE"]);
            (string, string)[] headers = _random.Next(6) switch
            {
                0 => [("If-Match", "*")],
                1 => [("If-None-Match", "*")],
                2 => [("x-ms-client-request-id", $"id{_random.Next(5)}")],
                _ => [],
            };
            yield return new TenantRequest(verb, path, verb == "PUT" ? Body(path) : null, headers);
        }
    }

    private static readonly string[] s_own = ["a", "b", "c"];

    private const string OwnAddress = """{"publicIPAddress":{"resourceRef":"/publicIPAddresses/contoso.ip"}}""";

    private static string Balancer => TenantWorld.Balancer("contoso.x", """{"privateIPAddress":"10.1.1.77","privateIPAllocationMethod":"Static","subnet":{"resourceRef":"/virtualNetworks/contoso.net/subnets/s1"}}""");

    private static IEnumerable<string> OwnPaths =>
        s_own.SelectMany(name => new[]
        {
            $"networkInterfaces/contoso.{name}", $"networkInterfaces/contoso.{name}", $"accessControlLists/contoso.{name}", $"routeTables/contoso.{name}",
            $"virtualNetworks/contoso.net/subnets/{name}", $"securityTags/contoso.{name}", $"publicIPAddresses/contoso.{name}", $"learnedIPAddresses/contoso.{name}",
            $"serviceInsertions/contoso.{name}", $"loadBalancers/contoso.{name}", $"loadBalancers/contoso.lb/backendAddressPools/{name}", $"VirtualGateways/contoso.gw/networkConnections/{name}",
        })
        .Concat(["virtualNetworks/contoso.net", "virtualNetworks/contoso.net/virtualNetworkPeerings/p", "virtualNetworks/contoso.other", "loadBalancers/contoso.lb", "publicIPAddresses/contoso.ip", "VirtualGateways/contoso.gw"]);

    /// <summary>Own documents, each with one reference to TARGET.</summary>
    private static IEnumerable<(string Path, string Body)> Templates()
    {
        const string Ref = """{"resourceRef":"TARGET"}""";
        yield return ("networkInterfaces/contoso.a", $$$"""{"properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{"privateIPAllocationMethod":"Dynamic","subnet":{{{Ref}}}}}]}}""");
        yield return ("networkInterfaces/contoso.a", $$$"""{"properties":{"privateMacAllocationMethod":"Dynamic","placement":{{{Ref}}},"ipConfigurations":[]}}""");
        foreach (string property in new[] { "accessControlList", "serviceInsertion", "loadBalancerBackendAddressPools", "loadBalancerInboundNatRules", "publicIPAddress", "learnedIp" })
        {
            yield return ("networkInterfaces/contoso.a", $$$"""{"properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{"privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"/virtualNetworks/contoso.net/subnets/s1"},"{{{property}}}":{{{Ref}}}}}]}}""");
        }

        foreach (string property in new[] { "accessControlList", "routeTable", "serviceInsertion", "dualStackSubnet" })
        {
            yield return ("virtualNetworks/contoso.net/subnets/a", $$$"""{"properties":{"addressPrefix":"10.1.7.0/24","{{{property}}}":{{{Ref}}}}}""");
        }

        yield return ("networkInterfaces/contoso.a", $$$"""{"properties":{"privateMacAllocationMethod":"Dynamic","securityTags":[{{{Ref}}}],"ipConfigurations":[]}}""");
        yield return ("accessControlLists/contoso.a", $$$"""{"properties":{"securityTags":[{{{Ref}}}],"aclRules":[]}}""");
        yield return ("accessControlLists/contoso.a", $$$"""{"properties":{"aclRules":[{"resourceId":"r","properties":{"type":"Inbound","action":"Deny","protocol":"TCP","priority":"200","sourceSecurityTags":[{{{Ref}}}],"destinationAddressPrefix":"*","sourcePortRange":"*","destinationPortRange":"22"}}]}}""");
        yield return ("learnedIPAddresses/contoso.a", $$$"""{"properties":{"virtualSubnet":{{{Ref}}},"ipAddress":"10.2.1.50"}}""");
        yield return ("serviceInsertions/contoso.a", $$$"""{"properties":{"priority":7,"serviceInsertionElements":[{"resourceId":"e","properties":{"order":1,"networkInterface":{{{Ref}}}}}]}}""");
        yield return ("loadBalancers/contoso.x", TenantWorld.Balancer("contoso.x", $$$"""{"publicIPAddress":{{{Ref}}}}"""));
        yield return ("loadBalancers/contoso.x", TenantWorld.Balancer("contoso.x", $$$"""{"privateIPAddress":"10.2.1.77","privateIPAllocationMethod":"Static","subnet":{{{Ref}}}}"""));
        yield return ("loadBalancers/contoso.x", Balancer.Replace("/loadBalancers/contoso.x/backendAddressPools/p", "TARGET", StringComparison.Ordinal));
        yield return ("loadBalancers/contoso.x", Balancer.Replace("/loadBalancers/contoso.x/probes/t", "TARGET", StringComparison.Ordinal));
        yield return ("loadBalancers/contoso.x", Balancer.Replace("/loadBalancers/contoso.x/frontendIPConfigurations/fe", "TARGET", StringComparison.Ordinal));
        foreach (bool update in new[] { true, false })
        {
            yield return ("loadBalancers/contoso.lb", TenantWorld.Balancer("contoso.lb", OwnAddress, Ref, update));
        }

        yield return ("VirtualGateways/contoso.gw", $$$"""{"properties":{"gatewaySubnets":[{{{Ref}}}],"GatewayPools":[{"resourceRef":"/GatewayPools/default"}]}}""");
        yield return ("VirtualGateways/contoso.gw", $$$"""{"properties":{"gatewaySubnets":[{"resourceRef":"/virtualNetworks/contoso.net/subnets/s1"}],"GatewayPools":[{{{Ref}}}]}}""");
        yield return ("VirtualGateways/contoso.gw/networkConnections/l", """{"properties":{"connectionType":"L3","l3Configuration":{"vlanSubnet":{"resourceRef":"TARGET"}}}}""");
        yield return ("VirtualGateways/contoso.gw/bgpRouters/r/bgpPeers/x", $$$"""{"properties":{"peerIpAddress":"10.9.0.1","extAsNumber":"0.64515","policyMapIn":{{{Ref}}}}}""");
        yield return ("virtualNetworks/contoso.net/virtualNetworkPeerings/p", $$$"""{"properties":{"remoteVirtualNetwork":{{{Ref}}}}}""");
        yield return ("virtualNetworks/contoso.other", $$$"""{"properties":{"addressSpace":{"addressPrefixes":["10.7.0.0/16"]},"logicalNetwork":{{{Ref}}}}}""");
        yield return ("virtualNetworks/contoso.net", $$$"""{"properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]},"logicalNetwork":{{{Ref}}}}}""");
        yield return ("virtualNetworks/contoso.net", $$$"""{"properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},"encryptionCredential":{{{Ref}}}}}""");
    }

    private string Body(string path)
    {
        JsonObject document = JsonNode.Parse(Properties(path))!.AsObject();
        if (_random.Next(3) == 0)
        {
            document["instanceId"] = Pick([.. foreign.Select(node => node.InstanceId.ToString("D")), Guid.Empty.ToString("D")]);
        }

        if (_random.Next(4) == 0)
        {
            document["resourceMetadata"] = new JsonObject { [Pick(["tenantId", "TenantID"])] = Pick(["contoso", "Contoso", "fabrikam", ""]) };
        }

        return document.ToJsonString();
    }

    private string Properties(string path)
    {
        string target = Pick([.. ForeignRefs, "/virtualNetworks/contoso.net/subnets/s1", "/accessControlLists/contoso.acl", "/accessControlLists/contoso.a", "/routeTables/contoso.a", "/nothing/there"]);
        string template = path.Split('/') switch
        {
            ["networkInterfaces", ..] => Pick(
            [
                """{"properties":{"privateMacAllocationMethod":"Static","privateMacAddress":"MAC","ipConfigurations":[{"resourceId":"i","properties":{"privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"SUBNET"}}}]}}""",
                """{"properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{"privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"SUBNET"}}}]}}""",
                """{"properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{"privateIPAllocationMethod":"Static","privateIPAddress":"ADDRESS","subnet":{"resourceRef":"SUBNET"}}}]}}""",
                """{"properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{"privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"SUBNET"},"accessControlList":{"resourceRef":"TARGET"}}}]}}""",
                """{"properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{"privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"SUBNET"},"loadBalancerBackendAddressPools":[{"resourceRef":"/loadBalancers/contoso.lb/backendAddressPools/p"}]}}]}}""",
                """{"properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{"privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"SUBNET"},"publicIPAddress":{"resourceRef":"/publicIPAddresses/contoso.a"},"serviceInsertion":{"resourceRef":"/serviceInsertions/contoso.a"}}}]}}""",
                """{"properties":{"privateMacAllocationMethod":"Dynamic","securityTags":[{"resourceRef":"/securityTags/contoso.a"}],"ipConfigurations":[{"resourceId":"i","properties":{"privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"SUBNET"}}}]}}""",
            ]),
            ["securityTags", ..] => """{"properties":{"type":"tier"}}""",
            ["publicIPAddresses", ..] => Pick(
            [
                """{"properties":{"publicIPAllocationMethod":"Dynamic"}}""",
                """{"properties":{"publicIPAllocationMethod":"Static","ipAddress":"PUBLIC"}}""",
                """{"properties":{"publicIPAllocationMethod":"Dynamic","dnsSettings":{"domainNameLabel":"LABEL"}}}""",
            ]),
            ["learnedIPAddresses", ..] => """{"properties":{"virtualSubnet":{"resourceRef":"SUBNET"},"ipAddress":"10.1.1.5PART"}}""",
            ["serviceInsertions", ..] => """{"properties":{"priority":PART,"serviceInsertionElements":[{"resourceId":"e","properties":{"order":1,"networkInterface":{"resourceRef":"/networkInterfaces/contoso.b"}}}]}}""",
            ["loadBalancers", "contoso.lb", "backendAddressPools", ..] => """{"properties":{"backendIPConfigurations":[{"resourceRef":"TARGET"}]}}""",
            ["loadBalancers", { } id, ..] => TenantWorld.Balancer(
                id,
                Pick(
                [
                    """{"privateIPAddress":"10.1.1.8PART","privateIPAllocationMethod":"Static","subnet":{"resourceRef":"SUBNET"}}""",
                    OwnAddress,
                    """{"publicIPAddress":{"resourceRef":"/publicIPAddresses/contoso.b"}}""",
                ]),
                Pick([null, "", """{"resourceRef":"/networkInterfaces/contoso.c/ipConfigurations/i"}"""])),
            ["VirtualGateways", _, "networkConnections", ..] => """{"properties":{"connectionType":"GRE","greConfiguration":{"greKey":"VSID"},"destinationIPAddress":"192.168.2.50"}}""",
            ["VirtualGateways", ..] => """{"properties":{"gatewaySubnets":[{"resourceRef":"SUBNET"}],"GatewayPools":[{"resourceRef":"/GatewayPools/default"}]}}""",
            [_, _, "subnets", ..] => Pick(
            [
                """{"properties":{"addressPrefix":"10.1.PART.0/24"}}""",
                """{"properties":{"addressPrefix":"10.1.PART.0/24","accessControlList":{"resourceRef":"TARGET"}}}""",
                """{"properties":{"addressPrefix":"10.1.PART.0/24","routeTable":{"resourceRef":"TARGET"}}}""",
                """{"properties":{"addressPrefix":"10.1.PART.0/24","virtualSubnetId":"VSID"}}""",
            ]),
            ["routeTables", ..] => """{"properties":{"routes":[{"resourceId":"r","properties":{"addressPrefix":"10.PART.0.0/16","nextHopType":"VirtualAppliance","nextHopIpAddress":"10.2.1.12"}}]}}""",
            ["accessControlLists", ..] => Story.SqlRules,
            [_, _, "virtualNetworkPeerings", ..] => """{"properties":{"remoteVirtualNetwork":{"resourceRef":"TARGET"}}}""",
            ["virtualNetworks", "contoso.net"] => """{"properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"}}}""",
            _ => """{"properties":{"x":{"resourceRef":"TARGET"}}}""",
        };
        return template
            .Replace("MAC\"", Pick([TenantWorld.FabrikamMac, "001DD8AA0002", "02AABBCCDDEE"]) + "\"", StringComparison.Ordinal)
            .Replace("SUBNET", Pick(["/virtualNetworks/contoso.net/subnets/s1", "/virtualNetworks/contoso.net/subnets/s1", "/virtualNetworks/contoso.net/subnets/a", target]), StringComparison.Ordinal)
            .Replace("ADDRESS", Pick(["10.1.1.11", "10.1.1.12", "10.1.1.200"]), StringComparison.Ordinal)
            .Replace("PART", Pick(["1", "2", "3"]), StringComparison.Ordinal)
            .Replace("PUBLIC", Pick([TenantWorld.FabrikamPublicAddress, "203.0.113.60", "198.51.100.9"]), StringComparison.Ordinal)
            .Replace("LABEL", Pick([TenantWorld.FabrikamLabel, "contoso-web"]), StringComparison.Ordinal)
            .Replace("VSID", Pick([TenantWorld.FabrikamVsid, "7777", "5001"]), StringComparison.Ordinal)
            .Replace("TARGET", target, StringComparison.Ordinal);
    }

    private T Pick<T>(IReadOnlyList<T> all) => all[_random.Next(all.Count)];
}
