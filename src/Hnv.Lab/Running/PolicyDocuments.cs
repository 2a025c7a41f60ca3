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
            Document("macPools/lab", new MacPoolProperties { StartMacAddress = "00-1D-D8-01-00-00", EndMacAddress = "00-1D-D8-01-FF-FF" },
                ContractJson.Default.ResourceMacPoolProperties),
            Credential(),
            Document($"logicalNetworks/{LogicalNetwork}", Provider(lab), ContractJson.Default.ResourceLogicalNetworkProperties),
            .. lab.AccessControlLists.Select(Acl),
        ],
        [
            .. lab.Hosts.Select(Server),
            .. lab.Vteps.Select(vtep => Document($"servers/{vtep.Name}",
                new ServerProperties { UnmanagedVtep = new UnmanagedVtep(vtep.Address.ToString()) }, ContractJson.Default.ResourceServerProperties)),
            .. lab.Networks.Select(Network),
        ],
        [.. lab.Machines.SelectMany(machine => machine.Adapters.Select(adapter => Adapter(lab, machine, adapter)))],
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

    private static PolicyDocument Network(LabNetwork network) =>
        Document($"virtualNetworks/{network.Name}", new VirtualNetworkProperties
        {
            AddressSpace = new AddressSpace([.. network.Subnets.Select(subnet => subnet.Prefix.ToString())]),
            LogicalNetwork = new ResourceReference($"/logicalNetworks/{LogicalNetwork}"),
            Subnets = [.. network.Subnets.Select(subnet => new Resource<VirtualSubnetProperties>
            {
                ResourceId = subnet.Name,
                Properties = new VirtualSubnetProperties
                {
                    AddressPrefix = subnet.Prefix.ToString(),
                    VirtualSubnetId = subnet.Vsid?.ToString(),
                    AccessControlList = AclReference(subnet.Acl),
                },
            })],
        }, ContractJson.Default.ResourceVirtualNetworkProperties);

    private static PolicyDocument Adapter(LabTopology lab, LabMachine machine, LabAdapter adapter) =>
        Document($"networkInterfaces/{adapter.ResourceId}", new NetworkInterfaceProperties
        {
            PrivateMacAllocationMethod = "Static",
            PrivateMacAddress = adapter.Mac.ToString().Replace("-", "", StringComparison.Ordinal),
            Placement = lab.Vteps.Any(vtep => vtep.Name == machine.Host) ? new ResourceReference($"/servers/{machine.Host}") : null,
            IpConfigurations = [new Resource<IpConfigurationProperties>
            {
                ResourceId = "ip0",
                Properties = new IpConfigurationProperties
                {
                    Subnet = new ResourceReference($"/virtualNetworks/{adapter.Subnet.Network}/subnets/{adapter.Subnet.Name}"),
                    PrivateIPAllocationMethod = "Static",
                    PrivateIPAddress = adapter.Address.ToString(),
                    AccessControlList = AclReference(adapter.Acl),
                },
            }],
        }, ContractJson.Default.ResourceNetworkInterfaceProperties, adapter.InstanceId);

    private static ResourceReference? AclReference(string? acl) => acl is null ? null : new ResourceReference($"/accessControlLists/{acl}");

    private static PolicyDocument Document<T>(string path, T properties, JsonTypeInfo<Resource<T>> type, Guid? instanceId = null) =>
        new("/" + path, JsonSerializer.SerializeToNode(
            new Resource<T> { ResourceId = path[(path.LastIndexOf('/') + 1)..], InstanceId = instanceId?.ToString(), Properties = properties }, type)!);
}
