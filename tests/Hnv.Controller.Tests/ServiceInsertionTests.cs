using System.Text.Json.Nodes;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Tests;

/// <summary>Mirrors, and what else hangs on networks and servers: teams, unbilled ranges.</summary>
public sealed class ServiceInsertionTests : PlannedTests
{
    private const string Subnet = "virtualNetworks/contoso/subnets/s1";
    private const string WithMirror = """{"properties":{"addressPrefix":"10.1.1.0/24","serviceInsertion":{"resourceRef":"/serviceInsertions/watch"}}}""";
    private const string MirrorOfIp = ""","serviceInsertion":{"resourceRef":"/serviceInsertions/watch"}""";

    [Fact]
    public async Task Plan_MirrorOnTheSubnet_IsOnEveryPortButTheAppliances()
    {
        await PutAsync("networkInterfaces/ids", Nic("/virtualNetworks/contoso/subnets/s1", "10.1.1.20"));
        await PutAsync("serviceInsertions/watch", Watch("ids", Rule("web", "Tcp", """ "sourcePortRangeStart":0,"sourcePortRangeEnd":0,"destinationPortRangeStart":80,"destinationPortRangeEnd":443 """, """["10.1.0.0/16","10.9.9.9"]""")));
        await PutAsync(Subnet, WithMirror);

        MirrorRule rule = Assert.Single(PlanPort("contoso-sql").Mirrors);

        Assert.Equal((7, (byte?)6, new TenantEndpoint(Vsid.Create(5001), CustomerAddress.Parse("10.1.1.20"))), (rule.Priority, rule.Protocol, rule.Appliance));
        Assert.Equal(["10.1.0.0/16", "10.9.9.9/32"], rule.Sources.Select(p => p.ToString()));
        Assert.Empty(rule.Destinations);
        Assert.Empty(rule.SourcePorts);
        Assert.Equal<PortRange>([new PortRange(80, 443)], rule.DestinationPorts);
        Assert.Empty(PlanPort("ids").Mirrors);
        Assert.Empty(PlanPort("fabrikam-sql").Mirrors);
        Assert.Equal("InUseServiceInsertionCannotBeDeleted", (await Server.DeleteAsync("serviceInsertions/watch")).Code);
        Assert.Equal("NicInUse", (await Server.DeleteAsync("networkInterfaces/ids")).Code);
    }

    [Fact]
    public async Task Plan_MirrorOnAnAddress_IsOnItsPortOnce()
    {
        await PutAsync("networkInterfaces/ids", Nic("/virtualNetworks/contoso/subnets/s1", "10.1.1.20"));
        await PutAsync("serviceInsertions/watch", Watch("ids", Rule("all", "All", """ "sourcePortStart":0,"destinationPortStart":0,"destinationPortEnd":65535 """)).Replace("serviceInsertionRules", "rules", StringComparison.Ordinal));
        await PutAsync("networkInterfaces/watched", Nic("/virtualNetworks/contoso/subnets/s1", moreIp: MirrorOfIp));
        await PutAsync(Subnet, WithMirror);

        MirrorRule rule = Assert.Single(PlanPort("watched").Mirrors);
        Assert.Null(rule.Protocol);
        Assert.Empty(rule.DestinationPorts);
        Reply shown = await Server.GetAsync("serviceInsertions/watch");
        Assert.Equal("PortMirror", shown.Text("type"));
        Assert.Equal("/networkInterfaces/watched/ipConfigurations/ip1", (string?)shown.Properties["ipConfigurations"]![0]!["resourceRef"]);
        JsonNode element = (await Server.GetAsync("networkInterfaces/ids")).Properties["serviceInsertionElements"]![0]!;
        Assert.Equal("/serviceInsertions/watch/serviceInsertionElements/e", (string?)element["resourceRef"]);
        Assert.Equal(System.Net.HttpStatusCode.NotFound, (await Server.GetAsync("serviceInsertions/watch/serviceInsertionRules/all")).Status);
    }

    [Fact]
    public async Task Put_WrongMirror_IsRefusedWithItsCode()
    {
        const string Any = """ "sourcePortRangeStart":0,"destinationPortRangeStart":0 """;
        await PutAsync("logicalNetworks/plain", """{"properties":{"subnets":[{"resourceId":"s","properties":{"addressPrefix":"172.16.0.0/24"}}]}}""");
        await PutAsync("networkInterfaces/plain", Nic("/logicalNetworks/plain/subnets/s", "172.16.0.9"));
        await PutAsync("networkInterfaces/ids", Nic("/virtualNetworks/contoso/subnets/s1", "10.1.1.20"));
        await PutAsync("serviceInsertions/watch", Watch("ids", Rule("all", "All", Any)));

        await RefusedAsync("InvalidParameterValue", "serviceInsertions/twin", Watch("ids", Rule("all", "All", Any)));
        await RefusedAsync("RequiredParamMissing", "serviceInsertions/x", Watch("ids").Replace("\"priority\":7,", "", StringComparison.Ordinal));
        await RefusedAsync("InvalidParameterValue", "serviceInsertions/x", """{"properties":{"priority":8,"serviceInsertionRules":[],"serviceInsertionElements":[]}}""");
        await RefusedAsync("InvalidParameterValue", "serviceInsertions/watch", Watch("ids", Rule("r", "All", """ "sourcePortRangeStart":9,"sourcePortRangeEnd":8,"destinationPortRangeStart":0 """)));
        await RefusedAsync("InvalidIPPrefix", "serviceInsertions/watch", Watch("ids", Rule("r", "All", Any, """["10.1.1.1/24"]""")));
        await RefusedAsync("InvalidParameterValue", "serviceInsertions/watch", Watch("ids", Rule("r", "Icmp", Any)));
        await RefusedAsync("InvalidNetworkInterfaceReference", "serviceInsertions/watch", Watch("none"));
        await RefusedAsync("ServiceInsertionElementWithUnsupportedNetworkInterface", "serviceInsertions/watch", Watch("plain"));
        await RefusedAsync("ServiceInsertionElementWithUnsupportedNetworkInterface", "virtualNetworks/fabrikam/subnets/s1", WithMirror);
        await RefusedAsync("ServiceInsertionElementWithUnsupportedNetworkInterface", "networkInterfaces/x", Nic("/virtualNetworks/fabrikam/subnets/s1", moreIp: MirrorOfIp));
        await RefusedAsync("VirtualSubnetIsRequiredForServiceInsertion", "networkInterfaces/x", Nic("/logicalNetworks/plain/subnets/s", "172.16.0.10", moreIp: MirrorOfIp));
        await PutAsync(Subnet, WithMirror);
        await RefusedAsync("ServiceInsertionElementWithUnsupportedNetworkInterface", "serviceInsertions/watch", Watch("fabrikam-sql"));
    }

    [Fact]
    public async Task Plan_TeamOfAServer_IsKnownWhereSomebodyTalksToIt()
    {
        await PutAsync("servers/host2", Story.Server(Story.Host2, "pa-2", "192.0.2.2", "eth1", "eth2"));

        ProviderTeam team = Assert.Single(Plan("host1", ("contoso-sql", Story.Host1), ("contoso-web", Story.Host2)).Teams);

        Assert.Equal(["192.168.2.20", "192.168.2.21"], team.Members.Select(m => m.ToString()));
        Assert.Empty(Plan("host1", ("contoso-sql", Story.Host1), ("fabrikam-web", Story.Host2)).Teams);
    }

    [Fact]
    public async Task Plan_UnbilledAddressRanges_AreInTheNetwork()
    {
        string Network(string ranges) => Story.Network(5001).Replace("\"subnets\"", $"\"unbilledAddressRanges\":\"{ranges}\",\"subnets\"", StringComparison.Ordinal);
        await PutAsync("virtualNetworks/contoso", Network("10.9.0.0/16, 8.8.8.8,2001:db8::/32"));

        Assert.Equal(["10.9.0.0/16", "8.8.8.8/32", "2001:db8::/32"], Plan("host1", ("contoso-sql", Story.Host1)).VirtualNetworks.Single().UnbilledRanges.Select(p => p.ToString()));
        await RefusedAsync("InvalidUnbilledAddressRange", "virtualNetworks/contoso", Network("10.9.0.1/16"));
    }

    private static string Watch(string appliance, params string[] rules) => $$$$$$"""
        {"properties":{"priority":7,"serviceInsertionRules":[{{{{{{string.Join(',', rules)}}}}}}],
         "serviceInsertionElements":[{"resourceId":"e","properties":{"order":1,"networkInterface":{"resourceRef":"/networkInterfaces/{{{{{{appliance}}}}}}"}}}]}}
        """;

    private static string Rule(string id, string protocol, string ports, string sources = """["*"]""") => $$$$$$"""
        {"resourceId":"{{{{{{id}}}}}}","properties":{"protocol":"{{{{{{protocol}}}}}}",{{{{{{ports}}}}}},"sourceSubnets":{{{{{{sources}}}}}},"destinationSubnets":["*"]}}
        """;
}
