using System.Text.Json.Nodes;
using Hnv.Lab.Running;
using Hnv.Lab.Topology;

namespace Hnv.Lab.Tests.Running;

public sealed class PolicyDocumentsTests
{
    private static readonly IReadOnlyList<IReadOnlyList<PolicyDocument>> s_waves = PolicyDocuments.Of(TopologyFile.Load("labs/three-hosts.yaml"));

    [Fact]
    public void Of_ThreeHosts_RefersOnlyToEarlierWaves() => AssertRefersToEarlierWaves(s_waves);

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

    private const string Everything = """
        lab: everything
        reservations: weight
        provider:
          subnets:
            - {name: pa-1, prefix: 192.168.1.0/24, pool: 192.168.1.10-192.168.1.19}
        hosts:
          - {name: host1, subnet: pa-1, address: 192.168.1.2}
        routeTables:
          - {name: via-nva, routes: [0.0.0.0/0 via 10.1.1.50, 10.9.0.0/16 drop]}
        mirrors:
          - {name: tap, to: watcher, rules: [{protocol: tcp, from: 10.1.1.0/24, port: 443}]}
        networks:
          - name: contoso
            dns: [10.1.1.53]
            peers: [fabrikam]
            subnets:
              - {name: s1, prefix: 10.1.1.0/24, ipv6: "fd00:1::/64", vsid: 5001, routes: via-nva, mirror: tap}
          - name: fabrikam
            peers: [contoso]
            subnets: [{name: s1, prefix: 10.2.1.0/24}]
        logicalNetworks:
          - {name: dmz, subnets: [{name: s1, prefix: 172.16.1.0/24, vlan: 20}]}
        machines:
          - {name: nva, host: host1, subnet: contoso/s1, address: 10.1.1.50, ipv6: "fd00:1::50", forwards: true, allowed: [10.0.0.0/8]}
          - {name: watcher, host: host1, subnet: fabrikam/s1, address: 10.2.1.9, dns: [10.2.1.53], qos: {outbound: 100, inbound: 200, reserved: 30}, mirror: tap}
          - {name: plain, host: host1, subnet: dmz/s1, address: 172.16.1.9}
        """;

    private static readonly IReadOnlyList<IReadOnlyList<PolicyDocument>> s_everything = PolicyDocuments.Of(TopologyFile.Parse(Everything, "everything.yaml"));

    [Fact]
    public void Of_Everything_RefersOnlyToEarlierWaves() => AssertRefersToEarlierWaves(s_everything);

    [Theory]
    [InlineData("/virtualNetworks/contoso", "subnets/0/properties/dualStackSubnet/resourceRef", "/virtualNetworks/contoso/subnets/s1-ipv6")]
    [InlineData("/virtualNetworks/contoso", "subnets/1/properties/addressPrefix", "fd00:1::/64")]
    [InlineData("/virtualNetworks/contoso", "subnets/1/properties/dualStackSubnet/resourceRef", "/virtualNetworks/contoso/subnets/s1")]
    [InlineData("/virtualNetworks/contoso", "subnets/0/properties/routeTable/resourceRef", "/routeTables/via-nva")]
    [InlineData("/virtualNetworks/contoso", "dhcpOptions/DnsServers/0", "10.1.1.53")]
    [InlineData("/virtualNetworks/contoso", "addressSpace/addressPrefixes/1", "fd00:1::/64")]
    [InlineData("/virtualNetworks/contoso/virtualNetworkPeerings/fabrikam", "remoteVirtualNetwork/resourceRef", "/virtualNetworks/fabrikam")]
    [InlineData("/virtualNetworks/contoso/subnets/s1-ipv6", "serviceInsertion/resourceRef", "/serviceInsertions/tap")]
    [InlineData("/routeTables/via-nva", "routes/0/properties/nextHopIpAddress", "10.1.1.50")]
    [InlineData("/routeTables/via-nva", "routes/1/properties/nextHopType", "None")]
    [InlineData("/serviceInsertions/tap", "serviceInsertionElements/0/properties/networkInterface/resourceRef", "/networkInterfaces/watcher-nic0")]
    [InlineData("/serviceInsertions/tap", "serviceInsertionRules/0/properties/destinationPortRangeEnd", "443")]
    [InlineData("/virtualSwitchManager/configuration", "qosSettings/reservationMode", "Weight")]
    [InlineData("/logicalNetworks/dmz", "subnets/0/properties/vlanID", "20")]
    [InlineData("/networkInterfaces/nva-nic0", "ipConfigurations/1/properties/subnet/resourceRef", "/virtualNetworks/contoso/subnets/s1-ipv6")]
    [InlineData("/networkInterfaces/nva-nic0", "allowedAddressPrefixes/0", "10.0.0.0/8")]
    [InlineData("/networkInterfaces/watcher-nic0", "portSettings/qosSettings/inboundMaximumMbps", "200")]
    [InlineData("/networkInterfaces/watcher-nic0", "ipConfigurations/0/properties/serviceInsertion/resourceRef", "/serviceInsertions/tap")]
    [InlineData("/networkInterfaces/watcher-nic0", "dnsSettings/DnsServers/0", "10.2.1.53")]
    [InlineData("/networkInterfaces/plain-nic0", "ipConfigurations/0/properties/subnet/resourceRef", "/logicalNetworks/dmz/subnets/s1")]
    public void Of_Everything_AsksForIt(string resource, string property, string value)
    {
        JsonNode? at = s_everything.SelectMany(wave => wave).Last(document => document.Path == resource).Body["properties"];
        foreach (string step in property.Split('/'))
        {
            at = int.TryParse(step, out int index) ? at![index] : at![step];
        }

        Assert.Equal(value, at!.ToString());
    }

    private static JsonNode Find(string path) => s_waves.SelectMany(wave => wave).Single(document => document.Path == path).Body;

    private static void AssertRefersToEarlierWaves(IEnumerable<IReadOnlyList<PolicyDocument>> waves)
    {
        HashSet<string> known = [];
        foreach (IReadOnlyList<PolicyDocument> wave in waves)
        {
            // The two subnets of a pair come in one document and name each other.
            Assert.All(
                wave.SelectMany(document => References(document.Body).Where(reference => !reference.StartsWith(document.Path + "/", StringComparison.Ordinal))),
                reference => Assert.Contains(reference, known));
            known.UnionWith(wave.Select(document => document.Path));
            known.UnionWith(wave.SelectMany(document => Subnets(document).Select(subnet => $"{document.Path}/subnets/{subnet}")));
        }
    }

    private static IEnumerable<string> Subnets(PolicyDocument document) =>
        ((document.Body["properties"]?["subnets"] as JsonArray) ?? []).Select(subnet => (string)subnet!["resourceId"]!);

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject all => all.SelectMany(member => member.Key == "resourceRef" ? [(string)member.Value!] : References(member.Value)),
        JsonArray items => items.SelectMany(References),
        _ => [],
    };
}
