using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>The rows that say a host's policy, by database. Pure; see <c>docs/schema.md</c> for what each column means.</summary>
internal sealed class DesiredRows
{
    /// <summary>Distinguishes a rule of a subnet's list from the same rule in the interface's own list: both are at one port.</summary>
    public const string SubnetRuleSuffix = "~subnet";

    private readonly Dictionary<RowKey, RowSpec> _vtep = [];
    private readonly Dictionary<RowKey, RowSpec> _firewall = [];
    private readonly Dictionary<Vsid, OvsdbValue> _switches = [];

    private DesiredRows()
    {
    }

    public IReadOnlyDictionary<RowKey, RowSpec> Vtep => _vtep;

    public IReadOnlyDictionary<RowKey, RowSpec> Firewall => _firewall;

    /// <exception cref="ArgumentException">The policy contradicts itself; the message names the object.</exception>
    public static DesiredRows From(HostPolicy policy)
    {
        DesiredRows rows = new();
        foreach (VirtualNetworkPolicy network in policy.VirtualNetworks)
        {
            rows.AddNetwork(network);
        }

        rows.AddMappings(policy);
        foreach (ProviderAddressPolicy address in policy.ProviderAddresses)
        {
            rows.AddProviderAddress(address);
        }

        rows.AddSwitch(policy);
        return rows;
    }

    public static string PortName(NicId nic) => nic.Value.ToString("B");

    private void AddNetwork(VirtualNetworkPolicy network)
    {
        Dictionary<string, OvsdbAtom> bindings = new(StringComparer.Ordinal);
        foreach (VirtualSubnetPolicy subnet in network.Subnets)
        {
            if (!subnet.Prefix.Contains(subnet.Gateway.Value))
            {
                throw new ArgumentException($"Virtual subnet {network.Name}/{subnet.Name}: gateway {subnet.Gateway} lies outside {subnet.Prefix}.");
            }

            OvsdbAtom reference = Add(
                HostTables.LogicalSwitch,
                $"{network.Name}/{subnet.Name}",
                subnet.InstanceId.ToString("D"),
                (long)subnet.Vsid.Value);
            if (!_switches.TryAdd(subnet.Vsid, reference))
            {
                throw new ArgumentException($"Virtual subnet {network.Name}/{subnet.Name}: VSID {subnet.Vsid} is another subnet's already.");
            }

            if (!bindings.TryAdd($"{subnet.Gateway}/{subnet.Prefix.Length}", reference))
            {
                throw new ArgumentException($"Virtual subnet {network.Name}/{subnet.Name}: gateway {subnet.Gateway} is another subnet's already.");
            }
        }

        Add(
            HostTables.LogicalRouter,
            network.RoutingDomain.ToString(),
            network.Name,
            network.DistributedRouter,
            OvsdbValue.Map(bindings.Select(binding => KeyValuePair.Create(OvsdbAtom.From(binding.Key), binding.Value))));
    }

    private void AddMappings(HostPolicy policy)
    {
        HashSet<TenantEndpoint> local = [.. policy.Ports.SelectMany(port => port.Addresses.Select(address => new TenantEndpoint(port.Vsid, address)))];
        Dictionary<(EncapsulationType, ProviderAddress), OvsdbValue> locators = [];
        foreach (CaPaMapping mapping in policy.Mappings)
        {
            if (!_switches.TryGetValue(mapping.Customer.Vsid, out OvsdbValue? logicalSwitch))
            {
                throw new ArgumentException($"Mapping of {mapping.Customer}: no virtual subnet of this policy has VSID {mapping.Customer.Vsid}.");
            }

            if (!locators.TryGetValue((mapping.Encapsulation, mapping.Provider), out OvsdbValue? locator))
            {
                locator = Add(HostTables.PhysicalLocator, LocatorEncapsulation(mapping), mapping.Provider.ToString());
                locators[(mapping.Encapsulation, mapping.Provider)] = locator;
            }

            OvsdbValue mac = mapping.Mac.ToString();
            OvsdbValue address = mapping.Customer.Address.ToString();
            Add(HostTables.RemoteMac, logicalSwitch, mac, address, "default", locator);
            if (local.Contains(mapping.Customer))
            {
                Add(HostTables.LocalMac, logicalSwitch, mac, address, locator);
            }
        }
    }

    private void AddProviderAddress(ProviderAddressPolicy address)
    {
        Dictionary<string, string> routes = new(StringComparer.Ordinal);
        foreach (ProviderRoute route in address.Routes)
        {
            if (!routes.TryAdd(route.Destination.ToString(), route.NextHop.ToString()))
            {
                throw new ArgumentException($"Provider address {address.Address}: two routes lead to {route.Destination}.");
            }
        }

        Add(
            HostTables.ProviderAddress,
            address.Address.ToString(),
            OvsdbValue.OptionalText(address.Gateway?.ToString()),
            address.Mac.ToString(),
            address.Prefix.ToString(),
            OvsdbValue.Map(routes),
            (long)address.TeamMember,
            (long)address.VlanId);
    }

    private void AddSwitch(HostPolicy policy)
    {
        List<OvsdbAtom> ports = [];
        foreach (PortPolicy port in policy.Ports)
        {
            ports.Add(Add(HostTables.PhysicalPort, PortName(port.Nic), port.Name, OvsdbValue.Map(PortProperties.Write(port))));
            AddRules(port);
        }

        bool needed = policy.RouterMac is not null || policy.Ports.Length > 0 || policy.ProviderAddresses.Length > 0;
        OvsdbValue switches = !needed ? OvsdbValue.EmptySet : Add(
            HostTables.PhysicalSwitch,
            HostTables.SwitchName,
            policy.RouterMac?.ToString() ?? string.Empty,
            OvsdbValue.Set(ports),
            OvsdbValue.Set(policy.ProviderAddresses.Select(address => address.Address.ToString())));
        Add(HostTables.GlobalSwitches, switches);
    }

    private void AddRules(PortPolicy port)
    {
        HashSet<string> own = [.. port.Rules.Where(rule => rule.Level == AclLevel.NetworkInterface).Select(rule => rule.RuleId)];
        OvsdbValue nic = port.Nic.ToString();
        foreach (AclRule rule in port.Rules)
        {
            bool ofSubnet = rule.Level == AclLevel.Subnet;
            Add(
                HostTables.FirewallRule,
                nic,
                ofSubnet && own.Contains(rule.RuleId) ? rule.RuleId + SubnetRuleSuffix : rule.RuleId,
                rule.Action == AclAction.Allow ? "Allow" : "Block",
                rule.Direction == Direction.Inbound ? "Inbound" : "Outbound",
                FirewallText.Prefixes(rule.Destinations),
                FirewallText.Ports(rule.DestinationPorts),
                rule.Logging ? "Enabled" : "Disabled",
                (long)rule.Priority,
                FirewallText.Protocol(rule.Protocol),
                "Enabled",
                ofSubnet ? "RuleWithAdminPriority" : "RuleWithControllerPriority",
                FirewallText.Prefixes(rule.Sources),
                FirewallText.Ports(rule.SourcePorts));
        }
    }

    private static string LocatorEncapsulation(CaPaMapping mapping)
    {
        string protocol = mapping.Encapsulation switch
        {
            EncapsulationType.Vxlan => "vxlan",
            EncapsulationType.Nvgre => "nvgre",
            _ => throw new ArgumentException($"Mapping of {mapping.Customer}: encapsulation {mapping.Encapsulation} cannot be sent. Use Vxlan or Nvgre."),
        };
        return $"{protocol}_over_{(mapping.Provider.Value.IsIPv4 ? "ipv4" : "ipv6")}";
    }

    private OvsdbAtom Add(TableLayout layout, params OvsdbValue[] values)
    {
        RowKey key = layout.KeyOf(values);
        Dictionary<RowKey, RowSpec> rows = layout.Database == HostSchemas.FirewallName ? _firewall : _vtep;
        return rows.TryAdd(key, new RowSpec(values))
            ? OvsdbAtom.Named(key.ToString())
            : throw new ArgumentException($"The policy has two rows {key}; each may be there once.");
    }
}
