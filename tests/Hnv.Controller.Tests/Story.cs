namespace Hnv.Controller.Tests;

/// <summary>The one story (figure 8): Contoso and Fabrikam with the same addresses, SQL on host 1, Web on host 2.</summary>
public static class Story
{
    public const string MacPool = """{"properties":{"startMacAddress":"00-1D-D8-B7-1C-00","endMacAddress":"00-1D-D8-B7-1C-FF"}}""";

    public const string Provider = """
        {"properties":{"networkVirtualizationEnabled":"True","subnets":[
          {"resourceId":"pa-1","properties":{"addressPrefix":"192.168.1.0/24","vlanID":"11","defaultGateways":["192.168.1.1"],
            "ipPools":[{"resourceId":"pool","properties":{"startIpAddress":"192.168.1.10","endIpAddress":"192.168.1.99"}}],
            "routes":[{"resourceId":"to-pa-2","properties":{"destination":"192.168.2.0/24","nextHop":"192.168.1.1"}}]}},
          {"resourceId":"pa-2","properties":{"addressPrefix":"192.168.2.0/24","vlanID":"12","defaultGateways":["192.168.2.1"],
            "ipPools":[{"resourceId":"pool","properties":{"startIpAddress":"192.168.2.20","endIpAddress":"192.168.2.99"}}]}}]}}
        """;

    public const string SqlRules = """
        {"properties":{"inboundDefaultAction":"Deny","outboundDefaultAction":"Permit","aclRules":[
          {"resourceId":"web-to-sql","properties":{"type":"Inbound","action":"Allow","protocol":"TCP","priority":"110",
           "sourceAddressPrefix":"10.1.1.12","sourcePortRange":"*","destinationAddressPrefix":"10.1.1.11","destinationPortRange":"1433"}}]}}
        """;

    public static Guid Host1 { get; } = Guid.Parse("00000000-0000-0000-0000-000000000001");

    public static Guid Host2 { get; } = Guid.Parse("00000000-0000-0000-0000-000000000002");

    public static string Server(Guid id, string subnet, string address = "192.0.2.1", params string[] uplinks) => $$$$$$"""
        {"instanceId":"{{{{{{id}}}}}}","properties":{"connections":[{"managementAddresses":["{{{{{{address}}}}}}"]}],
         "networkInterfaces":[{{{{{{string.Join(",", (uplinks.Length == 0 ? ["eth1"] : uplinks).Select(u => $$$$$$"""{"resourceId":"{{{{{{u}}}}}}","properties":{"logicalSubnets":[{"resourceRef":"/logicalNetworks/hnvpa/subnets/{{{{{{subnet}}}}}}"}]}}"""))}}}}}}]}}
        """;

    public static string Network(int vsid) => $$$$$$"""
        {"properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},
         "subnets":[{"resourceId":"s1","properties":{"addressPrefix":"10.1.1.0/24","virtualSubnetId":"{{{{{{vsid}}}}}}"}}]}}
        """;

    public static string Interface(string tenant, string address, string? mac = null, string? acl = null, Guid? id = null, string subnet = "s1") => $$$$$$"""
        {"instanceId":"{{{{{{id ?? Guid.NewGuid()}}}}}}","properties":{
         "privateMacAllocationMethod":"{{{{{{(mac is null ? "Dynamic" : "Static")}}}}}}"{{{{{{(mac is null ? "" : $",\"privateMacAddress\":\"{mac}\"")}}}}}},
         "ipConfigurations":[{"resourceId":"ip1","properties":{"privateIPAllocationMethod":"Static","privateIPAddress":"{{{{{{address}}}}}}",
          "subnet":{"resourceRef":"/virtualNetworks/{{{{{{tenant}}}}}}/subnets/{{{{{{subnet}}}}}}"}{{{{{{(acl is null ? "" : $$$$$$""","accessControlList":{"resourceRef":"/accessControlLists/{{{{{{acl}}}}}}"}""")}}}}}}}}]}}
        """;

    /// <summary>Everything, as an operator would put it, in order.</summary>
    public static IEnumerable<(string Path, string Body)> Documents(string host1 = "192.0.2.1", string host2 = "192.0.2.2")
    {
        yield return ("macPools/default", MacPool);
        yield return ("logicalNetworks/hnvpa", Provider);
        yield return ("servers/host1", Server(Host1, "pa-1", host1));
        yield return ("servers/host2", Server(Host2, "pa-2", host2));
        yield return ("accessControlLists/sql", SqlRules);
        foreach ((string tenant, int vsid) in new[] { ("contoso", 5001), ("fabrikam", 6001) })
        {
            yield return ($"virtualNetworks/{tenant}", Network(vsid));
            yield return ($"networkInterfaces/{tenant}-sql", Interface(tenant, "10.1.1.11", acl: "sql"));
            yield return ($"networkInterfaces/{tenant}-web", Interface(tenant, "10.1.1.12"));
        }
    }

    /// <summary>Puts it all.</summary>
    public static async Task TellAsync(this RestServer server)
    {
        foreach ((string path, string body) in Documents())
        {
            Reply reply = await server.PutAsync(path, body);
            Assert.True(reply.Code is null, $"{path}: {reply.Message}");
        }
    }
}
