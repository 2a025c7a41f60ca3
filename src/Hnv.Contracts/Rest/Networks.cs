using System.Text.Json.Serialization;

namespace Hnv.Contracts.Rest;

/// <summary><c>logicalNetworks</c>: a network of the provider.</summary>
public sealed record LogicalNetworkProperties : ResourceProperties
{
    /// <summary>"True" when it may carry virtual networks.</summary>
    public string? NetworkVirtualizationEnabled { get; init; }

    /// <summary>Its subnets.</summary>
    public IReadOnlyList<Resource<LogicalSubnetProperties>>? Subnets { get; init; }
}

/// <summary><c>logicalNetworks/subnets</c>: one provider prefix on one VLAN.</summary>
public sealed record LogicalSubnetProperties : ResourceProperties
{
    /// <summary>For example 192.168.1.0/24.</summary>
    public string? AddressPrefix { get; init; }

    /// <summary>0 … 4095 as a string; "0" is untagged.</summary>
    [JsonPropertyName("vlanID")]
    public string? VlanId { get; init; }

    /// <summary>Routers toward other provider subnets.</summary>
    public IReadOnlyList<string>? DefaultGateways { get; init; }

    /// <summary>Where provider addresses come from.</summary>
    public IReadOnlyList<Resource<IpPoolProperties>>? IpPools { get; init; }
}

/// <summary><c>logicalNetworks/subnets/ipPools</c>: a range of addresses to allocate from.</summary>
public sealed record IpPoolProperties : ResourceProperties
{
    /// <summary>First address, inclusive.</summary>
    public string? StartIpAddress { get; init; }

    /// <summary>Last address, inclusive.</summary>
    public string? EndIpAddress { get; init; }
}

/// <summary><c>macPools</c>: a range of MAC addresses to allocate from.</summary>
public sealed record MacPoolProperties : ResourceProperties
{
    /// <summary>First address, inclusive.</summary>
    public string? StartMacAddress { get; init; }

    /// <summary>Last address, inclusive.</summary>
    public string? EndMacAddress { get; init; }
}

/// <summary><c>virtualNetworks</c>: one tenant network, one routing domain.</summary>
public sealed record VirtualNetworkProperties : ResourceProperties
{
    /// <summary>The prefixes that its subnets come from.</summary>
    public AddressSpace? AddressSpace { get; init; }

    /// <summary>The provider network that carries it.</summary>
    public ResourceReference? LogicalNetwork { get; init; }

    /// <summary>Its virtual subnets.</summary>
    public IReadOnlyList<Resource<VirtualSubnetProperties>>? Subnets { get; init; }

    /// <summary>Name servers of its machines.</summary>
    public DnsServerList? DhcpOptions { get; init; }

    /// <summary>Its sides of peerings.</summary>
    public IReadOnlyList<Resource<VirtualNetworkPeeringProperties>>? VirtualNetworkPeerings { get; init; }
}

/// <summary>Prefixes of a virtual network.</summary>
/// <param name="AddressPrefixes">At least one.</param>
public sealed record AddressSpace(IReadOnlyList<string> AddressPrefixes);

/// <summary><c>virtualNetworks/subnets</c>: one broadcast domain.</summary>
public sealed record VirtualSubnetProperties : ResourceProperties
{
    /// <summary>For example 10.1.1.0/24.</summary>
    public string? AddressPrefix { get; init; }

    /// <summary>The VSID in decimal; may be asked for in the PUT that creates the subnet (an extension of ours).</summary>
    public string? VirtualSubnetId { get; init; }

    /// <summary>The access control list of every interface in it.</summary>
    public ResourceReference? AccessControlList { get; init; }

    /// <summary>The subnet of the other IP family that shares its broadcast domain; either side may name the other.</summary>
    public ResourceReference? DualStackSubnet { get; init; }

    /// <summary>Routes for what its members send.</summary>
    public ResourceReference? RouteTable { get; init; }

    /// <summary>Copies of its members' traffic.</summary>
    public ResourceReference? ServiceInsertion { get; init; }
}

/// <summary><c>virtualNetworkManager/configuration</c>: what holds for every virtual network.</summary>
public sealed record VirtualNetworkManagerProperties : ResourceProperties
{
    /// <summary>VXLAN or NVGRE.</summary>
    public string? NetworkVirtualizationProtocol { get; init; }

    /// <summary>Enabled or Disabled.</summary>
    public string? DistributedRouterState { get; init; }

    /// <summary>Where VSIDs come from.</summary>
    public VirtualSubnetIdRange? VirtualSubnetIdRange { get; init; }
}

/// <summary>An inclusive range of VSIDs.</summary>
public sealed record VirtualSubnetIdRange(uint StartId, uint EndId);
