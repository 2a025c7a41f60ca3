using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>The rows that say a host's policy, by database. Pure; see <c>docs/schema.md</c> for what each column means.</summary>
internal sealed partial class DesiredRows
{
    /// <summary>Distinguishes a rule of a subnet's list from the same rule in the interface's own list: both are at one port.</summary>
    public const string SubnetRuleSuffix = "~subnet";

    private readonly Dictionary<string, Dictionary<RowKey, RowSpec>> _rows = HostTables.Databases.ToDictionary(database => database.Name, _ => new Dictionary<RowKey, RowSpec>());
    private readonly Dictionary<Vsid, OvsdbValue> _switches = [];

    private DesiredRows()
    {
    }

    /// <summary>The rows of one database.</summary>
    public IReadOnlyDictionary<RowKey, RowSpec> this[string database] => _rows[database];

    /// <exception cref="ArgumentException">The policy contradicts itself; the message names the object.</exception>
    public static DesiredRows From(HostPolicy policy)
    {
        DesiredRows rows = new();
        Dictionary<RoutingDomainId, VirtualNetworkPolicy> networks = policy.VirtualNetworks.DistinctBy(network => network.RoutingDomain).ToDictionary(network => network.RoutingDomain);
        foreach (VirtualNetworkPolicy network in policy.VirtualNetworks)
        {
            CheckPeers(network, networks);
            rows.AddNetwork(network);
        }

        rows.AddMappings(policy);
        rows.AddTeams(policy);
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
            CheckSubnet(network, subnet);
            OvsdbAtom reference = Add(
                HostTables.LogicalSwitch,
                $"{network.Name}/{subnet.Name}",
                subnet.InstanceId.ToString("D"),
                (long)subnet.Vsid.Value,
                Routes(network, subnet));
            if (!_switches.TryAdd(subnet.Vsid, reference))
            {
                throw new ArgumentException($"Virtual subnet {network.Name}/{subnet.Name}: VSID {subnet.Vsid} is another subnet's already.");
            }

            foreach (SubnetPrefix prefix in subnet.Prefixes)
            {
                if (!bindings.TryAdd($"{prefix.Gateway}/{prefix.Prefix.Length}", reference))
                {
                    throw new ArgumentException($"Virtual subnet {network.Name}/{subnet.Name}: gateway {prefix.Gateway} is another subnet's already.");
                }
            }
        }

        Dictionary<string, string> config = new(StringComparer.Ordinal);
        if (!network.Peers.IsDefaultOrEmpty)
        {
            config[HostTables.PeersKey] = string.Join(',', network.Peers);
        }

        if (!network.UnbilledRanges.IsDefaultOrEmpty)
        {
            config[HostTables.UnbilledRangesKey] = string.Join(',', network.UnbilledRanges);
        }

        Add(
            HostTables.LogicalRouter,
            network.RoutingDomain.ToString(),
            network.Name,
            network.DistributedRouter,
            OvsdbValue.Map(config),
            OvsdbValue.Map(bindings.Select(binding => KeyValuePair.Create(OvsdbAtom.From(binding.Key), binding.Value))));
    }

    private static void CheckSubnet(VirtualNetworkPolicy network, VirtualSubnetPolicy subnet)
    {
        foreach (SubnetPrefix prefix in subnet.Prefixes)
        {
            if (!prefix.Prefix.Contains(prefix.Gateway.Value))
            {
                throw new ArgumentException($"Virtual subnet {network.Name}/{subnet.Name}: gateway {prefix.Gateway} lies outside {prefix.Prefix}.");
            }
        }

        if (subnet.DualStack is { } second && (second.Prefix.IsIPv4 || !subnet.Prefix.IsIPv4))
        {
            throw new ArgumentException($"Virtual subnet {network.Name}/{subnet.Name}: {subnet.Prefix} and {second.Prefix} should be an IPv4 prefix and an IPv6 one, in this order.");
        }
    }

    private static void CheckPeers(VirtualNetworkPolicy network, Dictionary<RoutingDomainId, VirtualNetworkPolicy> networks)
    {
        HashSet<RoutingDomainId> seen = [network.RoutingDomain];
        foreach (RoutingDomainId peer in network.Peers)
        {
            if (!seen.Add(peer) || !networks.TryGetValue(peer, out VirtualNetworkPolicy? other) || !other.Peers.Contains(network.RoutingDomain))
            {
                throw new ArgumentException($"Virtual network {network.Name}: peer {peer} should be another network of this policy that names it back, and be named once.");
            }
        }
    }

    private static OvsdbValue Routes(VirtualNetworkPolicy network, VirtualSubnetPolicy subnet)
    {
        Dictionary<string, string> routes = new(StringComparer.Ordinal);
        foreach (UserRoute route in subnet.Routes)
        {
            if (UserRouteText.Contradiction(route, network.Subnets) is { } wrong)
            {
                throw new ArgumentException($"Virtual subnet {network.Name}/{subnet.Name}: route to {route.Prefix}: {wrong}.");
            }

            if (!routes.TryAdd(route.Prefix.ToString(), UserRouteText.Write(route)))
            {
                throw new ArgumentException($"Virtual subnet {network.Name}/{subnet.Name}: two routes lead to {route.Prefix}.");
            }
        }

        return OvsdbValue.Map(routes);
    }

    private void AddTeams(HostPolicy policy)
    {
        HashSet<ProviderAddress> seen = [];
        foreach (ProviderTeam team in policy.Teams)
        {
            if (team.Members.Length < 2 || team.Members.FirstOrDefault(member => !seen.Add(member)) is { } twice && twice != default)
            {
                throw new ArgumentException($"Provider team {string.Join(", ", team.Members)}: it should have several addresses, and none of another team.");
            }

            Add(HostTables.ProviderTeam, string.Join(',', team.Members));
        }
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
            if (!PortProperties.IsVlanRight(port))
            {
                throw new ArgumentException($"Port {port.Name}: VLAN {port.VlanId} should be 0 … {PortProperties.VlanMax}, and 0 in a virtual subnet.");
            }

            AddRules(port);
            AddMirrors(port);
            AddTranslations(port);
        }

        bool needed = policy.RouterMac is not null || policy.Ports.Length > 0 || policy.ProviderAddresses.Length > 0 || policy.Settings != HostSettings.Default;
        OvsdbValue switches = !needed ? OvsdbValue.EmptySet : Add(
            HostTables.PhysicalSwitch,
            HostTables.SwitchName,
            policy.RouterMac?.ToString() ?? string.Empty,
            OvsdbValue.Set(ports),
            OvsdbValue.Set(policy.ProviderAddresses.Select(address => address.Address.ToString())),
            OvsdbValue.Map(SwitchConfig.Write(policy.Settings)));
        Add(HostTables.GlobalSwitches, switches);
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
        return _rows[layout.Database].TryAdd(key, new RowSpec(values))
            ? OvsdbAtom.Named(key.ToString())
            : throw new ArgumentException($"The policy has two rows {key}; each may be there once.");
    }
}
