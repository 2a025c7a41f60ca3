using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Tests;

/// <summary>Networks that talk to each other.</summary>
public sealed class PeeringTests : PlannedTests
{
    private const string ToNorth = "virtualNetworks/contoso/virtualNetworkPeerings/to-north";
    private const string ToContoso = "virtualNetworks/north/virtualNetworkPeerings/to-contoso";

    [Fact]
    public async Task Plan_BothSides_BringTheOtherNetworkAndItsMappings()
    {
        await NorthAsync();
        await PutAsync(ToNorth, To("north"));
        Assert.Single(PlanBoth().VirtualNetworks);
        await PutAsync(ToContoso, To("contoso"));

        HostPolicy host = PlanBoth();

        Assert.Equal(["contoso", "north"], host.VirtualNetworks.Select(n => n.Name));
        Assert.Equal<RoutingDomainId>([host.VirtualNetworks[1].RoutingDomain], host.VirtualNetworks[0].Peers);
        Assert.Equal<RoutingDomainId>([host.VirtualNetworks[0].RoutingDomain], host.VirtualNetworks[1].Peers);
        Assert.Equal(["5001/10.1.1.11 192.168.1.10", "8001/10.8.1.10 192.168.2.20"], Mappings(host));
        Assert.Equal(["contoso-sql"], host.Ports.Select(p => p.Name));
        Assert.Equal(("Connected", "Connected"), (await StateAsync(ToNorth), await StateAsync(ToContoso)));
        Assert.Equal("10.8.0.0/16", (string?)(await Server.GetAsync(ToNorth)).Properties["remoteAddressSpace"]!["addressPrefixes"]![0]);
    }

    [Fact]
    public async Task Plan_PeersOfPeers_AreNobodysBusiness()
    {
        await NorthAsync();
        await PutAsync("virtualNetworks/far", Network("10.99", "9001"));
        await PutAsync(ToNorth, To("north"));
        await PutAsync("virtualNetworks/north", Network("10.8", "8001", Inline("to-contoso", "contoso"), Inline("to-far", "far")));
        await PutAsync("virtualNetworks/far/virtualNetworkPeerings/to-north", To("north"));

        HostPolicy host = PlanBoth();

        Assert.Equal(["contoso", "north"], host.VirtualNetworks.Select(n => n.Name));
        Assert.Equal<RoutingDomainId>([host.VirtualNetworks[0].RoutingDomain], host.VirtualNetworks[1].Peers);
    }

    [Fact]
    public async Task Plan_OneSideDoesNotAllowAccess_NothingPasses()
    {
        await NorthAsync();
        await PutAsync(ToNorth, To("north"));
        await PutAsync(ToContoso, To("contoso", ""","allowVirtualNetworkAccess":"false" """));

        Assert.Single(PlanBoth().VirtualNetworks);
        Assert.Equal("Connected", await StateAsync(ToNorth));
    }

    [Fact]
    public async Task Plan_VirtualNetworkTag_CoversThePeers()
    {
        await PutAsync("accessControlLists/sql", Story.SqlRules.Replace("\"sourceAddressPrefix\":\"10.1.1.12\"", "\"sourceAddressPrefix\":\"VIRTUALNETWORK\"", StringComparison.Ordinal));
        await NorthAsync();
        await PutAsync(ToNorth, To("north"));
        await PutAsync(ToContoso, To("contoso"));

        AclRule rule = PlanBoth().Ports.Single().Rules.Single(r => r.Priority == 110);

        Assert.Equal(["10.1.0.0/16", "10.8.0.0/16"], rule.Sources.Select(p => p.ToString()));
    }

    [Fact]
    public async Task State_FollowsTheOtherSide()
    {
        await NorthAsync();
        await PutAsync(ToNorth, To("north"));
        Assert.Equal("Initiated", await StateAsync(ToNorth));
        await PutAsync(ToContoso, To("contoso"));
        await Server.DeleteAsync(ToContoso);
        Assert.Equal("Disconnected", await StateAsync(ToNorth));
        await PutAsync(ToContoso, To("contoso"));
        Assert.Equal("Connected", await StateAsync(ToNorth));
        await Server.DeleteAsync("networkInterfaces/north-1");
        Assert.Null((await Server.DeleteAsync("virtualNetworks/north")).Code);
        Assert.Equal("Disconnected", await StateAsync(ToNorth));

        await RefusedAsync("CannotUpdateDisconnectedPeeringWithNullRemoteVnet", ToNorth, To("north", ""","allowForwardedTraffic":true"""));
        await PutAsync("virtualNetworks/contoso", Story.Network(5001));
        await PutAsync("virtualNetworks/north", Network("10.8", "8001"));
        Assert.Equal("Disconnected", await StateAsync(ToNorth));
        await RefusedAsync("RemotePeeringIsStaleBecauseVnetWasRecreated", ToContoso, To("contoso"));
        await Server.DeleteAsync(ToNorth);
        await PutAsync(ToContoso, To("contoso"));
    }

    [Fact]
    public async Task Put_WrongPeering_IsRefusedWithItsCode()
    {
        await NorthAsync();
        await PutAsync("virtualNetworks/far", Network("10.99", "9001"));
        await PutAsync("virtualNetworks/farther", Network("10.99", "9002"));
        await PutAsync(ToNorth, To("north"));
        await PutAsync(ToContoso, To("contoso"));
        await PutAsync("virtualNetworks/north/virtualNetworkPeerings/to-far", To("far"));

        await RefusedAsync("RemoteVirtualNetworkNotSpecified", "virtualNetworks/contoso/virtualNetworkPeerings/x", """{"properties":{}}""");
        await RefusedAsync("InvalidResourceReference", "virtualNetworks/contoso/virtualNetworkPeerings/x", To("none"));
        await RefusedAsync("PeeringRemoteVnetIsSameAsParentVnet", "virtualNetworks/contoso/virtualNetworkPeerings/x", To("Contoso"));
        await RefusedAsync("AnotherPeeringAlreadyReferencesRemoteVnet", "virtualNetworks/contoso/virtualNetworkPeerings/x", To("north"));
        await RefusedAsync("VnetAddressSpacesOverlap", "virtualNetworks/contoso/virtualNetworkPeerings/x", To("fabrikam"));
        await RefusedAsync("VnetAddressSpaceOverlapsWithAlreadyPeeredVnet", "virtualNetworks/fabrikam/virtualNetworkPeerings/x", To("north"));
        await RefusedAsync("VnetAddressSpaceOverlapsWithAlreadyPeeredVnet", "virtualNetworks/north/virtualNetworkPeerings/x", To("farther"));
        await RefusedAsync("ChangingRemoteVirtualNetworkNotAllowed", ToNorth, To("far"));
        await RefusedAsync("UseRemoteAndAllowTransitCannotBeTrue", ToNorth, To("north", ""","useRemoteGateways":true,"allowGatewayTransit":true"""));
        await RefusedAsync("RemoteVnetHasNoGateways", ToNorth, To("north", ""","useRemoteGateways":true"""));
        await RefusedAsync("VnetAddressSpaceCannotChangeDueToPeerings", "virtualNetworks/contoso", Story.Network(5001).Replace("[\"10.1.0.0/16\"]", "[\"10.1.0.0/16\",\"10.200.0.0/16\"]", StringComparison.Ordinal));
        Assert.Equal(System.Net.HttpStatusCode.Conflict, (await Server.PutAsync("virtualNetworks/contoso/virtualNetworkPeerings/x", To("north"))).Status);
        Assert.Null((await Server.GetAsync(ToNorth, "v2")).Body!["properties"]);
    }

    private async Task NorthAsync()
    {
        await PutAsync("virtualNetworks/north", Network("10.8", "8001"));
        await PutAsync("networkInterfaces/north-1", Nic("/virtualNetworks/north/subnets/s1", "10.8.1.10"));
    }

    private HostPolicy PlanBoth() => Plan("host1", ("contoso-sql", Story.Host1), ("north-1", Story.Host2));

    private async Task<string?> StateAsync(string path) => (await Server.GetAsync(path)).Text("peeringState");

    private static string To(string network, string more = "") => $$$$$$"""{"properties":{"remoteVirtualNetwork":{"resourceRef":"/virtualNetworks/{{{{{{network}}}}}}"}{{{{{{more}}}}}}}}""";

    private static string Inline(string id, string network) => To(network).Replace("{\"properties\"", $"{{\"resourceId\":\"{id}\",\"properties\"", StringComparison.Ordinal);

    private static string Network(string space, string vsid, params string[] peerings) => $$$$$$"""
        {"properties":{"addressSpace":{"addressPrefixes":["{{{{{{space}}}}}}.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},
         "subnets":[{"resourceId":"s1","properties":{"addressPrefix":"{{{{{{space}}}}}}.1.0/24","virtualSubnetId":"{{{{{{vsid}}}}}}"}}],"virtualNetworkPeerings":[{{{{{{string.Join(',', peerings)}}}}}}]}}
        """;
}
