namespace Hnv.Contracts.Rest;

/// <summary><c>servers</c>: a host, or (an extension of ours) a tunnel endpoint that runs no host agent.</summary>
public sealed record ServerProperties : ResourceProperties
{
    /// <summary>How to reach the host; the first management address of the first entry is used.</summary>
    public IReadOnlyList<ServerConnection>? Connections { get; init; }

    /// <summary>Its physical interfaces: each is a team member and gets one provider address.</summary>
    public IReadOnlyList<Resource<ServerNetworkInterfaceProperties>>? NetworkInterfaces { get; init; }

    /// <summary>Set for an endpoint without a host agent: machines placed on it are mapped to this address.</summary>
    public UnmanagedVtep? UnmanagedVtep { get; init; }
}

/// <summary>A management connection of a device.</summary>
/// <param name="ManagementAddresses">IPv4, IPv6 or DNS names; <c>host:port</c> names another port than the default.</param>
/// <param name="Credential">What to log on with.</param>
/// <param name="CredentialType">The type of that credential.</param>
public sealed record ServerConnection(
    IReadOnlyList<string> ManagementAddresses,
    ResourceReference? Credential = null,
    string? CredentialType = null);

/// <summary>A tunnel endpoint that no host agent of ours runs on.</summary>
/// <param name="Address">Its provider address.</param>
public sealed record UnmanagedVtep(string Address);

/// <summary><c>servers/networkInterfaces</c>: a physical NIC.</summary>
public sealed record ServerNetworkInterfaceProperties : ResourceProperties
{
    /// <summary>The device's name on the host.</summary>
    public string? InterfaceName { get; init; }

    /// <summary>The provider subnets it is plugged into.</summary>
    public IReadOnlyList<ResourceReference>? LogicalSubnets { get; init; }
}

/// <summary><c>networkInterfaces</c>: a virtual adapter of a tenant machine.</summary>
public sealed record NetworkInterfaceProperties : ResourceProperties
{
    /// <summary>Static or Dynamic.</summary>
    public string? PrivateMacAllocationMethod { get; init; }

    /// <summary>Twelve hex digits.</summary>
    public string? PrivateMacAddress { get; init; }

    /// <summary>Its addresses.</summary>
    public IReadOnlyList<Resource<IpConfigurationProperties>>? IpConfigurations { get; init; }

    /// <summary>Places the adapter on a server with an unmanaged VTEP (an extension of ours).</summary>
    public ResourceReference? Placement { get; init; }

    /// <summary>Guards, limits and bandwidth of its port.</summary>
    public PortSettingsProperties? PortSettings { get; init; }

    /// <summary>Its name servers, instead of the network's.</summary>
    public DnsServerList? DnsSettings { get; init; }

    /// <summary>Further source addresses that the guest may use (an extension of ours).</summary>
    public IReadOnlyList<string>? AllowedAddressPrefixes { get; init; }

    /// <summary>The host its port is on now. Set by the controller.</summary>
    public ResourceReference? Server { get; init; }
}

/// <summary><c>networkInterfaces/ipConfigurations</c>: one customer address.</summary>
public sealed record IpConfigurationProperties : ResourceProperties
{
    /// <summary>The virtual (or logical) subnet.</summary>
    public ResourceReference? Subnet { get; init; }

    /// <summary>Static or Dynamic.</summary>
    public string? PrivateIPAllocationMethod { get; init; }

    /// <summary>The address: asked for when Static, answered when Dynamic.</summary>
    public string? PrivateIPAddress { get; init; }

    /// <summary>The access control list; it covers the whole adapter.</summary>
    public ResourceReference? AccessControlList { get; init; }

    /// <summary>Copies of its traffic; only in a virtual subnet.</summary>
    public ResourceReference? ServiceInsertion { get; init; }
}

/// <summary><c>accessControlLists</c>: firewall rules to attach to subnets or addresses.</summary>
public sealed record AccessControlListProperties : ResourceProperties
{
    /// <summary>Permit or Deny when no inbound rule matched.</summary>
    public string? InboundDefaultAction { get; init; }

    /// <summary>Permit or Deny when no outbound rule matched.</summary>
    public string? OutboundDefaultAction { get; init; }

    /// <summary>The rules.</summary>
    public IReadOnlyList<Resource<AclRuleProperties>>? AclRules { get; init; }
}

/// <summary><c>accessControlLists/aclRules</c>: one 5-tuple and what to do with it.</summary>
public sealed record AclRuleProperties : ResourceProperties
{
    /// <summary>Inbound or Outbound, as the VM sees it.</summary>
    public string? Type { get; init; }

    /// <summary>Allow or Deny.</summary>
    public string? Action { get; init; }

    /// <summary>TCP, UDP, ICMPv4, ICMPv6 or All.</summary>
    public string? Protocol { get; init; }

    /// <summary>100 … 65000; lower is asked first.</summary>
    public string? Priority { get; init; }

    /// <summary>A prefix, an address, <c>*</c>, VIRTUALNETWORK or INTERNET.</summary>
    public string? SourceAddressPrefix { get; init; }

    /// <summary>A prefix, an address, <c>*</c>, VIRTUALNETWORK or INTERNET.</summary>
    public string? DestinationAddressPrefix { get; init; }

    /// <summary>A port, a range <c>a-b</c> or <c>*</c>.</summary>
    public string? SourcePortRange { get; init; }

    /// <summary>A port, a range <c>a-b</c> or <c>*</c>.</summary>
    public string? DestinationPortRange { get; init; }

    /// <summary>Enabled or Disabled.</summary>
    public string? Logging { get; init; }
}
