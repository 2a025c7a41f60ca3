using System.Text.Json.Serialization;

namespace Hnv.Contracts.Rest;

/// <summary><c>routeTables</c>: routes for what the members of virtual subnets send.</summary>
public sealed record RouteTableProperties : ResourceProperties
{
    /// <summary>The routes, at most 100.</summary>
    public IReadOnlyList<Resource<RouteProperties>>? Routes { get; init; }
}

/// <summary><c>routeTables/routes</c>: one prefix and where its packets go.</summary>
public sealed record RouteProperties : ResourceProperties
{
    /// <summary>The destinations, unique in the table.</summary>
    public string? AddressPrefix { get; init; }

    /// <summary>VirtualAppliance, VnetLocal, VirtualNetworkGateway, Internet or None (discard).</summary>
    public string? NextHopType { get; init; }

    /// <summary>The appliance's address; only and always with VirtualAppliance.</summary>
    public string? NextHopIpAddress { get; init; }
}

/// <summary><c>virtualNetworks/virtualNetworkPeerings</c>: one side of an agreement that two networks talk to each other.</summary>
public sealed record VirtualNetworkPeeringProperties : ResourceProperties
{
    /// <summary>The other network.</summary>
    public ResourceReference? RemoteVirtualNetwork { get; init; }

    /// <summary>True lets traffic of the two pass.</summary>
    public bool? AllowVirtualNetworkAccess { get; init; }

    /// <summary>Initiated, Connected, Disconnected or Disconnecting. Set by the controller.</summary>
    public string? PeeringState { get; init; }
}

/// <summary>Recursive name servers that guests learn by DHCP.</summary>
/// <param name="DnsServers">At most 9, of either family.</param>
public sealed record DnsServerList([property: JsonPropertyName("DnsServers")] IReadOnlyList<string> DnsServers);
