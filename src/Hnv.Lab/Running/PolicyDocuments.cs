using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Hnv.Contracts;
using Hnv.Contracts.Rest;
using Hnv.Lab.Topology;
using Hnv.Primitives;

namespace Hnv.Lab.Running;

/// <summary>One resource to PUT.</summary>
/// <param name="Path">Its resourceRef.</param>
/// <param name="Body">Its document.</param>
public sealed record PolicyDocument(string Path, JsonNode Body);

/// <summary>The REST documents of a topology. What a lab asks for is asked for as any operator would.</summary>
public static class PolicyDocuments
{
    /// <summary>Resource id of the provider's logical network.</summary>
    public const string LogicalNetwork = "provider";

    /// <summary>
    /// All documents, in waves: those of one wave do not refer to each other, those of a later one refer to earlier ones.
    /// </summary>
    public static IReadOnlyList<IReadOnlyList<PolicyDocument>> Of(LabTopology lab) =>
    [
        [
            Document("virtualNetworkManager/configuration", new VirtualNetworkManagerProperties
            {
                NetworkVirtualizationProtocol = lab.Encapsulation == EncapsulationType.Nvgre ? "NVGRE" : "VXLAN",
                VirtualSubnetIdRange = new VirtualSubnetIdRange(5001, 99_999),
            }, ContractJson.Default.ResourceVirtualNetworkManagerProperties),
            .. Switch(lab.Reservations),
            Document("macPools/lab", new MacPoolProperties { StartMacAddress = "00-1D-D8-01-00-00", EndMacAddress = "00-1D-D8-01-FF-FF" },
                ContractJson.Default.ResourceMacPoolProperties),
            Credential(),
            Document($"logicalNetworks/{LogicalNetwork}", Provider(lab), ContractJson.Default.ResourceLogicalNetworkProperties),
            .. lab.LogicalNetworks.Select(Logical),
            .. lab.AccessControlLists.Select(Acl),
            .. lab.RouteTables.Select(RouteTable),
        ],
        [
            .. lab.Hosts.Select(Server),
            .. lab.Vteps.Select(vtep => Document($"servers/{vtep.Name}",
                new ServerProperties { UnmanagedVtep = new UnmanagedVtep(vtep.Address.ToString()) }, ContractJson.Default.ResourceServerProperties)),
            .. lab.Networks.Select(Network),
        ],
        [
            .. lab.Machines.SelectMany(machine => machine.Adapters.Select(adapter => Adapter(lab, machine, adapter, mirrored: false))),
            .. lab.Networks.SelectMany(network => network.Peers.Select(peer => Peering(network.Name, peer))),
        ],

        // A mirror needs the interface of its appliance, which needs a subnet: what is mirrored can only say so in the end.
        [.. lab.Mirrors.Select((mirror, index) => Mirror(lab, mirror, index))],
        [
            .. lab.Networks.SelectMany(network => network.Subnets).Where(subnet => subnet.Mirror is not null)
                .SelectMany(subnet => Subnets(subnet).Select(part => Document(
                    $"virtualNetworks/{subnet.Network}/subnets/{part.ResourceId}",
                    part.Properties! with { ServiceInsertion = MirrorReference(subnet.Mirror) },
                    ContractJson.Default.ResourceVirtualSubnetProperties))),
            .. lab.Machines.SelectMany(machine => machine.Adapters.Where(adapter => adapter.Mirror is not null).Select(adapter => Adapter(lab, machine, adapter, mirrored: true))),
        ],
    ];

    /// <summary>An access control list as a document.</summary>
    public static PolicyDocument Acl(LabAcl acl) =>
        Document($"accessControlLists/{acl.Name}", new AccessControlListProperties
        {
            InboundDefaultAction = acl.PermitsInbound ? "Permit" : "Deny",
            OutboundDefaultAction = acl.PermitsOutbound ? "Permit" : "Deny",
            AclRules = [.. acl.Rules.Select(rule => new Resource<AclRuleProperties>
            {
                ResourceId = string.Create(CultureInfo.InvariantCulture, $"rule-{rule.Priority}"),
                Properties = new AclRuleProperties
                {
                    Type = rule.Direction.ToString(),
                    Action = rule.Allows ? "Allow" : "Deny",
                    Protocol = rule.Protocol,
                    Priority = rule.Priority.ToString(CultureInfo.InvariantCulture),
                    SourceAddressPrefix = rule.Source,
                    SourcePortRange = rule.SourcePorts,
                    DestinationAddressPrefix = rule.Destination,
                    DestinationPortRange = rule.DestinationPorts,
                    Logging = "Enabled",
                },
            })],
        }, ContractJson.Default.ResourceAccessControlListProperties);

    private static PolicyDocument Credential() => new("/credentials/lab", new JsonObject
    {
        ["properties"] = new JsonObject { ["type"] = "usernamePassword", ["userName"] = "lab", ["value"] = Guid.NewGuid().ToString("N") },
    });

    private static LogicalNetworkProperties Provider(LabTopology lab) => new()
    {
        NetworkVirtualizationEnabled = "True",
        Subnets = [.. lab.ProviderSubnets.Select(subnet => new Resource<LogicalSubnetProperties>
        {
            ResourceId = subnet.Name,
            Properties = new LogicalSubnetProperties
            {
                AddressPrefix = subnet.Prefix.ToString(),
                VlanId = subnet.Vlan.ToString(CultureInfo.InvariantCulture),
                DefaultGateways = [subnet.Gateway.ToString()],
                IpPools = [new Resource<IpPoolProperties>
                {
                    ResourceId = "pool",
                    Properties = new IpPoolProperties { StartIpAddress = subnet.PoolStart.ToString(), EndIpAddress = subnet.PoolEnd.ToString() },
                }],
            },
        })],
    };

    private static PolicyDocument Server(LabHost host) =>
        Document($"servers/{host.Name}", new ServerProperties
        {
            Connections = [new ServerConnection([host.Address.ToString()], new ResourceReference("/credentials/lab"), "usernamePassword")],
            NetworkInterfaces = [.. host.Uplinks.Select(uplink => new Resource<ServerNetworkInterfaceProperties>
            {
                ResourceId = uplink,
                Properties = new ServerNetworkInterfaceProperties
                {
                    InterfaceName = uplink,
                    LogicalSubnets = [new ResourceReference($"/logicalNetworks/{LogicalNetwork}/subnets/{host.Subnet.Name}")],
                },
            })],
        }, ContractJson.Default.ResourceServerProperties, host.Id);

    private static IEnumerable<PolicyDocument> Switch(ReservationMode? reservations)
    {
        if (reservations is { } mode)
        {
            yield return Document(
                "virtualSwitchManager/configuration",
                new VirtualSwitchManagerProperties { QosSettings = new SwitchQosSettings(mode.ToString(), EnableSoftwareReservations: true) },
                ContractJson.Default.ResourceVirtualSwitchManagerProperties);
        }
    }

    private static PolicyDocument Logical(LabNetwork network) =>
        Document($"logicalNetworks/{network.Name}", new LogicalNetworkProperties
        {
            NetworkVirtualizationEnabled = "False",
            Subnets = [.. network.Subnets.Select(subnet => new Resource<LogicalSubnetProperties>
            {
                ResourceId = subnet.Name,
                Properties = new LogicalSubnetProperties
                {
                    AddressPrefix = subnet.Prefix.ToString(),
                    VlanId = subnet.Vlan!.Value.ToString(CultureInfo.InvariantCulture),
                    DefaultGateways = [subnet.Gateway.ToString()],
                },
            })],
        }, ContractJson.Default.ResourceLogicalNetworkProperties);

    /// <summary>A route table as a document.</summary>
    public static PolicyDocument RouteTable(LabRouteTable table) =>
        Document($"routeTables/{table.Name}", new RouteTableProperties
        {
            Routes = [.. table.Routes.Select((route, index) => new Resource<RouteProperties>
            {
                ResourceId = string.Create(CultureInfo.InvariantCulture, $"route-{index}"),
                Properties = new RouteProperties
                {
                    AddressPrefix = route.Prefix.ToString(),
                    NextHopType = route.NextHopType,
                    NextHopIpAddress = route.NextHop?.ToString(),
                },
            })],
        }, ContractJson.Default.ResourceRouteTableProperties);

    private static PolicyDocument Peering(string network, string peer) =>
        Document($"virtualNetworks/{network}/virtualNetworkPeerings/{peer}", new VirtualNetworkPeeringProperties
        {
            RemoteVirtualNetwork = new ResourceReference($"/virtualNetworks/{peer}"),
            AllowVirtualNetworkAccess = true,
        }, ContractJson.Default.ResourceVirtualNetworkPeeringProperties);

    private static PolicyDocument Mirror(LabTopology lab, LabMirror mirror, int index) =>
        Document($"serviceInsertions/{mirror.Name}", new ServiceInsertionProperties
        {
            Type = "PortMirror",
            Priority = index + 1,
            ServiceInsertionRules = [.. mirror.Rules.Select((rule, i) => new Resource<ServiceInsertionRuleProperties>
            {
                ResourceId = string.Create(CultureInfo.InvariantCulture, $"rule-{i}"),
                Properties = new ServiceInsertionRuleProperties
                {
                    Protocol = rule.Protocol.ToString(),
                    SourcePortRangeStart = 0,
                    SourcePortRangeEnd = ushort.MaxValue,
                    DestinationPortRangeStart = rule.Port,
                    DestinationPortRangeEnd = rule.Port == 0 ? ushort.MaxValue : rule.Port,
                    SourceSubnets = [rule.Source],
                    DestinationSubnets = [rule.Destination],
                },
            })],
            ServiceInsertionElements =
            [
                new Resource<ServiceInsertionElementProperties>
                {
                    ResourceId = "appliance",
                    Properties = new ServiceInsertionElementProperties
                    {
                        Order = 1,
                        NetworkInterface = new ResourceReference(
                            $"/networkInterfaces/{lab.Machines.First(machine => machine.Name == mirror.To).Adapters[0].ResourceId}"),
                    },
                },
            ],
        }, ContractJson.Default.ResourceServiceInsertionProperties);

    private static PolicyDocument Network(LabNetwork network) =>
        Document($"virtualNetworks/{network.Name}", new VirtualNetworkProperties
        {
            AddressSpace = new AddressSpace([.. network.Subnets.SelectMany(subnet => subnet.Prefixes).Select(prefix => prefix.ToString())]),
            LogicalNetwork = new ResourceReference($"/logicalNetworks/{LogicalNetwork}"),
            Subnets = [.. network.Subnets.SelectMany(Subnets)],
            DhcpOptions = Names(network.Dns),
        }, ContractJson.Default.ResourceVirtualNetworkProperties);

    /// <summary>One subnet, or the two of a dual-stack one: REST has one prefix in each.</summary>
    private static IEnumerable<Resource<VirtualSubnetProperties>> Subnets(LabSubnet subnet)
    {
        VirtualSubnetProperties shared = new()
        {
            AccessControlList = AclReference(subnet.Acl),
            RouteTable = subnet.Routes is null ? null : new ResourceReference($"/routeTables/{subnet.Routes}"),
        };
        yield return new Resource<VirtualSubnetProperties>
        {
            ResourceId = subnet.Name,
            Properties = shared with
            {
                AddressPrefix = subnet.Prefix.ToString(),
                VirtualSubnetId = subnet.Vsid?.ToString(),
                DualStackSubnet = subnet.IPv6 is null ? null : new ResourceReference(subnet.IPv6Reference),
            },
        };
        if (subnet.IPv6 is { } second)
        {
            yield return new Resource<VirtualSubnetProperties>
            {
                ResourceId = subnet.IPv6Name,
                Properties = shared with { AddressPrefix = second.ToString(), DualStackSubnet = new ResourceReference(subnet.Reference) },
            };
        }
    }

    private static PolicyDocument Adapter(LabTopology lab, LabMachine machine, LabAdapter adapter, bool mirrored) =>
        Document($"networkInterfaces/{adapter.ResourceId}", new NetworkInterfaceProperties
        {
            PrivateMacAllocationMethod = "Static",
            PrivateMacAddress = adapter.Mac.ToString().Replace("-", "", StringComparison.Ordinal),
            Placement = lab.Vteps.Any(vtep => vtep.Name == machine.Host) ? new ResourceReference($"/servers/{machine.Host}") : null,
            IpConfigurations = [.. adapter.Addresses.Select((address, index) => new Resource<IpConfigurationProperties>
            {
                ResourceId = string.Create(CultureInfo.InvariantCulture, $"ip{index}"),
                Properties = new IpConfigurationProperties
                {
                    Subnet = new ResourceReference(address.Prefix == adapter.Subnet.Prefix ? adapter.Subnet.Reference : adapter.Subnet.IPv6Reference),
                    PrivateIPAllocationMethod = "Static",
                    PrivateIPAddress = address.Address.ToString(),
                    AccessControlList = AclReference(adapter.Acl),
                    ServiceInsertion = mirrored ? MirrorReference(adapter.Mirror) : null,
                },
            })],
            PortSettings = adapter.Qos is { } qos
                ? new PortSettingsProperties { QosSettings = new PortQosSettings(qos.Reserved, qos.OutboundMbps, qos.InboundMbps) }
                : null,
            DnsSettings = Names(adapter.Dns),
            AllowedAddressPrefixes = adapter.Allowed.Count > 0 ? [.. adapter.Allowed.Select(prefix => prefix.ToString())] : null,
        }, ContractJson.Default.ResourceNetworkInterfaceProperties, adapter.InstanceId);

    private static DnsServerList? Names(IReadOnlyList<InetAddress> servers) =>
        servers.Count > 0 ? new DnsServerList([.. servers.Select(server => server.ToString())]) : null;

    private static ResourceReference? MirrorReference(string? mirror) => mirror is null ? null : new ResourceReference($"/serviceInsertions/{mirror}");

    private static ResourceReference? AclReference(string? acl) => acl is null ? null : new ResourceReference($"/accessControlLists/{acl}");

    private static PolicyDocument Document<T>(string path, T properties, JsonTypeInfo<Resource<T>> type, Guid? instanceId = null) =>
        new("/" + path, JsonSerializer.SerializeToNode(
            new Resource<T> { ResourceId = path[(path.LastIndexOf('/') + 1)..], InstanceId = instanceId?.ToString(), Properties = properties }, type)!);
}
