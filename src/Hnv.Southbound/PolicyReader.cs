using System.Collections.Immutable;
using System.Globalization;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>
/// Makes a host's policy of the rows of its databases. Pure. A row that makes no sense becomes an error and is left out; nothing is
/// guessed. Where two rows contradict each other in a way that could join two tenants, both are left out.
/// </summary>
internal sealed class PolicyReader
{
    private readonly OvsdbSnapshot _snapshot;
    private readonly List<PolicyRowError> _errors = [];
    private readonly Dictionary<Guid, Vsid> _vsids = [];

    private PolicyReader(OvsdbSnapshot snapshot) => _snapshot = snapshot;

    public static HostPolicyReading Read(OvsdbSnapshot snapshot)
    {
        PolicyReader reader = new(snapshot);
        Dictionary<Guid, VirtualSubnetPolicy> switches = reader.ReadSwitches();
        ImmutableArray<VirtualNetworkPolicy> networks = reader.ReadNetworks(switches);
        ImmutableArray<CaPaMapping> mappings = reader.ReadMappings();
        (MacAddress? routerMac, ImmutableArray<PortPolicy> ports) = reader.ReadSwitchAndPorts();
        ImmutableArray<ProviderAddressPolicy> addresses = reader.ReadProviderAddresses();
        HostPolicy policy = new(ConfigurationOf(snapshot), routerMac, addresses, networks, mappings, ports);
        return new HostPolicyReading(policy, [.. reader._errors.OrderBy(error => error.Table, StringComparer.Ordinal).ThenBy(error => error.Row, StringComparer.Ordinal)]);
    }

    /// <summary>The configuration both databases have reached; while the controller writes them one after the other, the lower.</summary>
    public static long ConfigurationOf(OvsdbSnapshot snapshot) => Math.Min(
        snapshot.Only(HostSchemas.VtepName, HostTables.Global)?.Integer("next_cfg") ?? 0,
        snapshot.Only(HostSchemas.FirewallName, HostTables.FirewallGlobal)?.Integer("next_cfg") ?? 0);

    private Dictionary<Guid, VirtualSubnetPolicy> ReadSwitches()
    {
        List<(OvsdbRow Row, VirtualSubnetPolicy Subnet)> read = [];
        foreach (OvsdbRow row in Rows(HostTables.LogicalSwitch, "name"))
        {
            string name = row.Text("name");
            long? key = row.Integer("tunnel_key");
            if (key is not (>= 0 and <= uint.MaxValue) || !Vsid.TryCreate((uint)key.Value, out Vsid vsid))
            {
                Wrong(row, name, "tunnel_key", key?.ToString(CultureInfo.InvariantCulture) ?? "", $"it should be a VSID, {Vsid.MinValue} … {Vsid.MaxValue}");
            }
            else if (!Guid.TryParse(row.Text("description"), out Guid instanceId))
            {
                Wrong(row, name, "description", row.Text("description"), "it should be the instanceId of the subnet");
            }
            else
            {
                read.Add((row, new VirtualSubnetPolicy(vsid, instanceId, name[(name.LastIndexOf('/') + 1)..], default, default)));
            }
        }

        Dictionary<Guid, VirtualSubnetPolicy> switches = [];
        foreach (IGrouping<Vsid, (OvsdbRow Row, VirtualSubnetPolicy Subnet)> same in read.GroupBy(item => item.Subnet.Vsid))
        {
            bool alone = same.Count() == 1;
            foreach ((OvsdbRow row, VirtualSubnetPolicy subnet) in same)
            {
                if (alone)
                {
                    switches[row.Uuid] = subnet;
                }
                else
                {
                    Wrong(row, row.Text("name"), "tunnel_key", same.Key.ToString(), "no other Logical_Switch should have it");
                }
            }
        }

        return switches;
    }

    private ImmutableArray<VirtualNetworkPolicy> ReadNetworks(Dictionary<Guid, VirtualSubnetPolicy> switches)
    {
        Dictionary<Guid, int> claims = [];
        List<OvsdbRow> routers = [.. Rows(HostTables.LogicalRouter, "name")];
        foreach (OvsdbRow router in routers)
        {
            foreach (OvsdbAtom reference in router["switch_binding"].Values)
            {
                claims[reference.Uuid] = claims.GetValueOrDefault(reference.Uuid) + 1;
            }
        }

        List<VirtualNetworkPolicy> networks = [];
        foreach (OvsdbRow router in routers)
        {
            string name = router.Text("name");
            if (!RoutingDomainId.TryParse(name, out RoutingDomainId domain))
            {
                Wrong(router, name, "name", name, "it should be the RDID, a GUID");
                continue;
            }

            List<VirtualSubnetPolicy> subnets = [];
            OvsdbValue bindings = router["switch_binding"];
            for (int i = 0; i < bindings.Count; i++)
            {
                string binding = bindings.Keys[i].Text;
                Guid target = bindings.Values[i].Uuid;
                if (!switches.TryGetValue(target, out VirtualSubnetPolicy? subnet))
                {
                    continue;
                }

                if (claims[target] > 1)
                {
                    Wrong(router, name, $"switch_binding:{binding}", subnet.Vsid.ToString(), "a subnet should be bound once, to one router");
                }
                else if (!TryReadGateway(binding, out IpPrefix prefix, out CustomerAddress gateway))
                {
                    Wrong(router, name, "switch_binding", binding, "its key should be gateway/length as 10.1.1.1/24");
                }
                else
                {
                    subnets.Add(subnet with { Prefix = prefix, Gateway = gateway });
                    _vsids[target] = subnet.Vsid;
                }
            }

            subnets.Sort((one, other) => one.Vsid.CompareTo(other.Vsid));
            networks.Add(new VirtualNetworkPolicy(domain, router.Text("description"), router.Boolean("enable_logical_router"), [.. subnets]));
        }

        foreach ((Guid uuid, VirtualSubnetPolicy subnet) in switches.Where(item => !claims.ContainsKey(item.Key)))
        {
            OvsdbRow row = _snapshot[HostSchemas.VtepName, HostTables.LogicalSwitch.Table][uuid];
            Wrong(row, row.Text("name"), "tunnel_key", subnet.Vsid.ToString(), "a Logical_Router should bind the subnet");
        }

        return [.. networks.OrderBy(network => network.RoutingDomain.Value)];
    }

    private ImmutableArray<CaPaMapping> ReadMappings()
    {
        Dictionary<Guid, (EncapsulationType Encapsulation, ProviderAddress Address)> locators = [];
        foreach (OvsdbRow row in Rows(HostTables.PhysicalLocator, "dst_ip"))
        {
            string text = row.Text("dst_ip");
            string encapsulation = row.Text("encapsulation_type");
            if (ProviderAddress.TryParse(text, out ProviderAddress address) && encapsulation.EndsWith('4') == address.Value.IsIPv4)
            {
                locators[row.Uuid] = (encapsulation.StartsWith("vxlan", StringComparison.Ordinal) ? EncapsulationType.Vxlan : EncapsulationType.Nvgre, address);
            }
            else
            {
                Wrong(row, text, "dst_ip", text, $"it should be an address that fits {encapsulation}");
            }
        }

        ImmutableDictionary<Guid, OvsdbRow> rows = _snapshot[HostSchemas.VtepName, HostTables.RemoteMac.Table];
        List<CaPaMapping> mappings = new(rows.Count);
        foreach (OvsdbRow row in rows.Values)
        {
            // What is wrong with a subnet or a locator was said there, once, not again for each of its mappings.
            if (!_vsids.TryGetValue(row.Reference("logical_switch")!.Value, out Vsid vsid)
                || !locators.TryGetValue(row.Reference("locator")!.Value, out (EncapsulationType Encapsulation, ProviderAddress Address) locator))
            {
                continue;
            }

            if (!MacAddress.TryParse(row.Text("MAC"), out MacAddress mac) || mac.IsMulticast)
            {
                Wrong(row, $"{vsid}/{row.Text("ipaddr")}", "MAC", row.Text("MAC"), "it should be a unicast MAC address as 00-1D-D8-B7-1C-06");
            }
            else if (!CustomerAddress.TryParse(row.Text("ipaddr"), out CustomerAddress address))
            {
                Wrong(row, $"{vsid}/{mac}", "ipaddr", row.Text("ipaddr"), "it should be an IP address");
            }
            else
            {
                mappings.Add(new CaPaMapping(new TenantEndpoint(vsid, address), mac, locator.Address, locator.Encapsulation));
            }
        }

        mappings.Sort(CompareMappings);
        ImmutableArray<CaPaMapping>.Builder unique = ImmutableArray.CreateBuilder<CaPaMapping>(mappings.Count);
        foreach (CaPaMapping mapping in mappings)
        {
            if (unique.Count > 0 && unique[^1].Customer == mapping.Customer)
            {
                _errors.Add(new PolicyRowError(
                    HostTables.RemoteMac.Table, mapping.Customer.ToString(), "locator", $"{mapping.Mac} at {mapping.Provider}", "the address should be mapped once"));
            }
            else
            {
                unique.Add(mapping);
            }
        }

        return unique.ToImmutable();
    }

    private (MacAddress? RouterMac, ImmutableArray<PortPolicy> Ports) ReadSwitchAndPorts()
    {
        MacAddress? routerMac = null;
        ILookup<string, OvsdbRow> rules = _snapshot[HostSchemas.FirewallName, HostTables.FirewallRule.Table].Values.ToLookup(row => row.Text("vnic_id"));
        List<PortPolicy> ports = [];
        foreach (OvsdbRow row in Rows(HostTables.PhysicalSwitch, "name"))
        {
            string name = row.Text("name");
            if (name != HostTables.SwitchName)
            {
                Wrong(row, name, "name", name, $"the host has one switch, named {HostTables.SwitchName}");
                continue;
            }

            string macText = row.Text("distributed_router_mac");
            if (MacAddress.TryParse(macText, out MacAddress mac) && !mac.IsMulticast)
            {
                routerMac = mac;
            }
            else if (macText.Length > 0)
            {
                Wrong(row, name, "distributed_router_mac", macText, "it should be a unicast MAC address as 00-1D-D8-B7-1C-06");
            }

            foreach (OvsdbAtom reference in row["ports"].Keys)
            {
                if (_snapshot[HostSchemas.VtepName, HostTables.PhysicalPort.Table].TryGetValue(reference.Uuid, out OvsdbRow? port))
                {
                    ReadPort(port, rules, ports);
                }
            }
        }

        ports.Sort((one, other) => one.Nic.Value.CompareTo(other.Nic.Value));
        HashSet<string> known = [.. ports.Select(port => port.Nic.ToString())];
        long rulesAt = _snapshot.Only(HostSchemas.FirewallName, HostTables.FirewallGlobal)?.Integer("next_cfg") ?? 0;
        long networksAt = _snapshot.Only(HostSchemas.VtepName, HostTables.Global)?.Integer("next_cfg") ?? 0;
        foreach (IGrouping<string, OvsdbRow> group in rules.Where(group => rulesAt == networksAt && !known.Contains(group.Key)))
        {
            // While the controller is between the two databases, rules are there before their port and after it.
            Wrong(group.First(), $"{group.Key}/{group.First().Text("rule_id")}", "vnic_id", group.Key, "it should be the instanceId of an interface with a Physical_Port");
        }

        return (routerMac, [.. ports]);
    }

    private void ReadPort(OvsdbRow row, ILookup<string, OvsdbRow> rules, List<PortPolicy> ports)
    {
        string name = row.Text("name");
        if (!NicId.TryParse(name, out NicId nic))
        {
            Wrong(row, name, "name", name, "it should be the instanceId of the network interface in braces");
        }
        else if (ports.Any(port => port.Nic == nic))
        {
            Wrong(row, name, "name", name, "an interface should have one port");
        }
        else if (PortProperties.Read(row.Map("properties"), out string wrongKey, out string expected) is not var (vsid, mac, addresses, settings))
        {
            Wrong(row, name, $"properties:{wrongKey}", row.Map("properties").GetValueOrDefault(wrongKey, ""), expected);
        }
        else
        {
            List<AclRule> read = [];
            foreach (OvsdbRow rule in rules[nic.ToString()])
            {
                if (FirewallRuleReader.Read(rule, out PolicyRowError? error) is AclRule good)
                {
                    read.Add(good);
                }
                else if (error is not null)
                {
                    _errors.Add(error);
                }
            }

            read.Sort(FirewallRuleReader.Compare);
            ports.Add(new PortPolicy(nic, row.Text("description"), vsid, mac, [.. addresses], settings, [.. read]));
        }
    }

    private ImmutableArray<ProviderAddressPolicy> ReadProviderAddresses()
    {
        List<ProviderAddressPolicy> addresses = [];
        foreach (OvsdbRow row in Rows(HostTables.ProviderAddress, "address"))
        {
            if (ProviderAddressReader.Read(row, out PolicyRowError? error) is ProviderAddressPolicy good)
            {
                addresses.Add(good);
            }
            else
            {
                _errors.Add(error!);
            }
        }

        return [.. addresses.OrderBy(address => address.TeamMember).ThenBy(address => address.Address)];
    }

    private IEnumerable<OvsdbRow> Rows(TableLayout layout, string orderBy) =>
        _snapshot[layout.Database, layout.Table].Values.OrderBy(row => row.Text(orderBy), StringComparer.Ordinal);

    private void Wrong(OvsdbRow row, string name, string column, string value, string expected) =>
        _errors.Add(new PolicyRowError(row.Table, name, column, value, expected));

    private static bool TryReadGateway(string text, out IpPrefix prefix, out CustomerAddress gateway)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        prefix = default;
        if (!CustomerAddress.TryParse(slash < 0 ? null : text[..slash], out gateway)
            || !byte.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out byte length)
            || length > (gateway.Value.IsIPv4 ? 32 : 128))
        {
            return false;
        }

        prefix = IpPrefix.Create(gateway.Value, length);
        return true;
    }

    private static int CompareMappings(CaPaMapping one, CaPaMapping other)
    {
        int order = one.Customer.Vsid.CompareTo(other.Customer.Vsid);
        order = order != 0 ? order : one.Customer.Address.CompareTo(other.Customer.Address);
        order = order != 0 ? order : one.Mac.CompareTo(other.Mac);
        return order != 0 ? order : one.Provider.CompareTo(other.Provider);
    }
}
