using System.Net;
using Hnv.Controller.Model;
using Hnv.Controller.Planning;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Tests;

public sealed class PlannerTests : IAsyncLifetime
{
    private static readonly DateTimeOffset s_morning = new(2026, 1, 1, 8, 0, 0, TimeSpan.Zero);
    private readonly RestServer _server = new();

    public async Task InitializeAsync()
    {
        await _server.InitializeAsync();
        await _server.TellAsync();
    }

    public Task DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public void Plan_Figure8_GivesBothHostsTheFourMappings()
    {
        HostPolicy host1 = Plan("host1", Figure8());
        HostPolicy host2 = Plan("host2", Figure8());

        string[] expected =
        [
            "5001/10.1.1.11 192.168.1.10 Vxlan", "5001/10.1.1.12 192.168.2.20 Vxlan",
            "6001/10.1.1.11 192.168.1.10 Vxlan", "6001/10.1.1.12 192.168.2.20 Vxlan",
        ];
        Assert.Equal(expected, Mappings(host1));
        Assert.Equal(expected, Mappings(host2));
        Assert.Equal(["contoso-sql", "fabrikam-sql"], host1.Ports.Select(p => p.Name).Order());
        Assert.Equal(["contoso-web", "fabrikam-web"], host2.Ports.Select(p => p.Name).Order());
        Assert.Equal(host1.RouterMac, host2.RouterMac);
    }

    [Fact]
    public void Plan_Figure8_SaysThePAWithVlanGatewayAndRoutes()
    {
        ProviderAddressPolicy pa = Assert.Single(Plan("host1", Figure8()).ProviderAddresses);

        Assert.Equal(ProviderAddress.Parse("192.168.1.10"), pa.Address);
        Assert.Equal((IpPrefix.Parse("192.168.1.0/24"), 11, (InetAddress?)InetAddress.Parse("192.168.1.1")), (pa.Prefix, pa.VlanId, pa.Gateway));
        Assert.Equal<ProviderRoute>([new ProviderRoute(IpPrefix.Parse("192.168.2.0/24"), InetAddress.Parse("192.168.1.1"))], pa.Routes);
    }

    [Fact]
    public void Plan_Networks_AreThoseWithAPortHere_AndTheGatewayIsTheLowestAddress()
    {
        HostPolicy host1 = Plan("host1", Placed(("contoso-sql", Story.Host1), ("fabrikam-web", Story.Host2)));

        VirtualNetworkPolicy network = Assert.Single(host1.VirtualNetworks);
        VirtualSubnetPolicy subnet = Assert.Single(network.Subnets);
        Assert.Equal("contoso", network.Name);
        Assert.Equal(new RoutingDomainId(Find("/virtualNetworks/contoso").InstanceId), network.RoutingDomain);
        Assert.Equal((Vsid.Create(5001), CustomerAddress.Parse("10.1.1.1")), (subnet.Vsid, subnet.Gateway));
        Assert.Equal(["5001/10.1.1.11 192.168.1.10 Vxlan"], Mappings(host1));
    }

    [Fact]
    public void Plan_HostWithoutPorts_HasItsPAAndNothingElse()
    {
        HostPolicy host2 = Plan("host2", Placed(("contoso-sql", Story.Host1)));

        Assert.Single(host2.ProviderAddresses);
        Assert.Empty(host2.VirtualNetworks);
        Assert.Empty(host2.Mappings);
        Assert.Empty(host2.Ports);
    }

    [Fact]
    public void Plan_AccessControlList_BecomesRulesWithTheDefaultsLast()
    {
        PortPolicy port = Plan("host1", Figure8()).Ports.Single(p => p.Name == "contoso-sql");

        AclRule rule = port.Rules.Single(r => r.Priority == 110);
        Assert.Equal((AclLevel.NetworkInterface, Direction.Inbound, AclAction.Allow, (byte?)6), (rule.Level, rule.Direction, rule.Action, rule.Protocol));
        Assert.Equal<IpPrefix>([IpPrefix.Parse("10.1.1.12/32")], rule.Sources);
        Assert.Equal<PortRange>([new PortRange(1433, 1433)], rule.DestinationPorts);
        Assert.Empty(rule.SourcePorts);
        Guid list = Find("/accessControlLists/sql").InstanceId;
        Assert.Equal(
            [($"{list}:default-in", Direction.Inbound, AclAction.Block, 65501), ($"{list}:default-out", Direction.Outbound, AclAction.Allow, 65501)],
            port.Rules.Where(r => r.Priority > 65000).Select(r => (r.RuleId, r.Direction, r.Action, r.Priority)));
    }

    [Fact]
    public async Task Plan_ListOnTheSubnet_ReachesEveryPortAtSubnetLevel()
    {
        await _server.PutAsync("virtualNetworks/contoso/subnets/s1", """{"properties":{"addressPrefix":"10.1.1.0/24","accessControlList":{"resourceRef":"/accessControlLists/sql"}}}""");

        PortPolicy web = Plan("host2", Figure8()).Ports.Single(p => p.Name == "contoso-web");

        Assert.All(web.Rules, r => Assert.Equal(AclLevel.Subnet, r.Level));
        Assert.Equal(3, web.Rules.Length);
    }

    [Fact]
    public async Task Plan_Tags_AreTheNetworksSpaceAndEverythingElse()
    {
        await _server.PutAsync("accessControlLists/sql", """
            {"properties":{"aclRules":[
             {"resourceId":"in","properties":{"type":"Inbound","action":"Allow","protocol":"All","priority":"200","sourceAddressPrefix":"VIRTUALNETWORK","destinationAddressPrefix":"*","sourcePortRange":"*","destinationPortRange":"*"}},
             {"resourceId":"out","properties":{"type":"Outbound","action":"Deny","protocol":"All","priority":"201","sourceAddressPrefix":"*","destinationAddressPrefix":"INTERNET","sourcePortRange":"*","destinationPortRange":"*"}}]}}
            """);

        PortPolicy port = Plan("host1", Figure8()).Ports.Single(p => p.Name == "contoso-sql");

        Assert.Equal<IpPrefix>([IpPrefix.Parse("10.1.0.0/16")], port.Rules.Single(r => r.Priority == 200).Sources);
        AclRule internet = port.Rules.Single(r => r.Priority == 201);
        Assert.Equal(17, internet.Destinations.Length);
        Assert.DoesNotContain(internet.Destinations, p => p.Overlaps(IpPrefix.Parse("10.1.0.0/16")));
        Assert.Contains(internet.Destinations, p => p.Contains(InetAddress.Parse("10.2.0.1")));
        Assert.Contains(internet.Destinations, p => p.Contains(InetAddress.Parse("2001:db8::1")));
    }

    [Fact]
    public async Task Plan_Figure2_OneDomainBringsAllItsSubnetsToAHostWithOnePort()
    {
        await _server.PutAsync("virtualNetworks/contoso", """
            {"properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},"subnets":[
             {"resourceId":"s1","properties":{"addressPrefix":"10.1.1.0/24"}},
             {"resourceId":"s2","properties":{"addressPrefix":"10.1.2.0/24","virtualSubnetId":"5002"}},
             {"resourceId":"s3","properties":{"addressPrefix":"10.1.3.0/24","virtualSubnetId":"5003"}}]}}
            """);
        await _server.PutAsync("networkInterfaces/contoso-s3", Story.Interface("contoso", "10.1.3.13", subnet: "s3"));

        HostPolicy host1 = Plan("host1", Placed(("contoso-sql", Story.Host1), ("contoso-s3", Story.Host2)));

        Assert.Equal([5001u, 5002u, 5003u], host1.VirtualNetworks.Single().Subnets.Select(s => s.Vsid.Value));
        Assert.Equal(["5001/10.1.1.11 192.168.1.10 Vxlan", "5003/10.1.3.13 192.168.2.20 Vxlan"], Mappings(host1));
        Assert.True(host1.VirtualNetworks.Single().DistributedRouter);
    }

    [Fact]
    public async Task Plan_ForeignEndpoint_MapsWhatIsPlacedOnIt()
    {
        await _server.PutAsync("servers/foreign", """{"properties":{"unmanagedVtep":{"address":"192.168.1.50"}}}""");
        Reply placed = await _server.PutAsync(
            "networkInterfaces/appliance",
            Story.Interface("contoso", "10.1.1.50", mac: "02AA00000050").Replace("\"properties\":{\n", "\"properties\":{\"placement\":{\"resourceRef\":\"/servers/foreign\"},\n", StringComparison.Ordinal));

        HostPolicy host1 = Plan("host1", Figure8());

        Assert.Equal(HttpStatusCode.Created, placed.Status);
        Assert.Contains("5001/10.1.1.50 192.168.1.50 Vxlan", Mappings(host1));
        Assert.DoesNotContain(host1.Ports, p => p.Name == "appliance");
        Assert.Equal("/servers/foreign", (string?)(await _server.GetAsync("networkInterfaces/appliance")).Properties["server"]!["resourceRef"]);
        Assert.Equal("InUseServerCannotBeDeleted", (await _server.DeleteAsync("servers/foreign")).Code);
    }

    [Fact]
    public async Task Plan_Nvgre_IsInEveryMapping()
    {
        await _server.PutAsync("virtualNetworkManager/configuration", """{"properties":{"networkVirtualizationProtocol":"NVGRE","distributedRouterState":"Disable"}}""");

        HostPolicy host1 = Plan("host1", Figure8());

        Assert.All(host1.Mappings, m => Assert.Equal(EncapsulationType.Nvgre, m.Encapsulation));
        Assert.All(host1.VirtualNetworks, n => Assert.False(n.DistributedRouter));
    }

    [Fact]
    public async Task Plan_TwoUplinks_EveryMachineKeepsToOneOfThePAs()
    {
        await _server.PutAsync("servers/host1", Story.Server(Story.Host1, "pa-1", "192.0.2.1", "eth1", "eth2"));

        HostPolicy first = Plan("host1", Figure8());
        HostPolicy second = Plan("host1", Figure8());

        Assert.Equal([0, 1], first.ProviderAddresses.Select(p => p.TeamMember));
        Assert.Equal(first, second);
        Assert.Equal(4, first.Mappings.Length);
    }

    [Fact]
    public void Latest_TwoHostsClaimOnePort_TheLaterAttachmentHasIt()
    {
        var nic = new NicId(Guid.NewGuid());

        Placements placements = Placements.Latest([(nic, Story.Host2, s_morning.AddHours(1)), (nic, Story.Host1, s_morning)]);

        Assert.Equal(Story.Host2, placements.Servers[nic]);
    }

    [Theory]
    [InlineData("0.0.0.0/0", 1)]
    [InlineData("128.0.0.0/1", 1)]
    [InlineData("10.0.0.0/8", 8)]
    [InlineData("10.1.1.11/32", 32)]
    public void Complement_OfOnePrefix_HasOnePartPerBit(string hole, int parts)
    {
        IpPrefix[] complement = [.. AclPlanner.Complement(IpPrefix.Parse("0.0.0.0/0"), [IpPrefix.Parse(hole)])];

        Assert.Equal(hole == "0.0.0.0/0" ? 0 : parts, complement.Length);
    }

    private Node Find(string reference) => _server.Engine.Current.Find(reference)!;

    private HostPolicy Plan(string server, Placements placements)
    {
        Snapshot snapshot = _server.Engine.Current;
        return HostPlanner.Plan(snapshot, new PlannedNetworks(snapshot, placements), Find($"/servers/{server}"));
    }

    private Placements Figure8() => Placed(
        ("contoso-sql", Story.Host1), ("fabrikam-sql", Story.Host1), ("contoso-web", Story.Host2), ("fabrikam-web", Story.Host2));

    private Placements Placed(params (string Nic, Guid Server)[] placed) =>
        Placements.Latest(placed.Select(p => (new NicId(Find($"/networkInterfaces/{p.Nic}").InstanceId), p.Server, s_morning)));

    private static IEnumerable<string> Mappings(HostPolicy policy) =>
        policy.Mappings.Select(m => $"{m.Customer} {m.Provider} {m.Encapsulation}").Order(StringComparer.Ordinal);
}
