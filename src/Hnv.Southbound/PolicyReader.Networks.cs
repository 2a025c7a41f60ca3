using System.Collections.Immutable;
using System.Globalization;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>Virtual networks and mappings.</summary>
internal sealed partial class PolicyReader
{
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
        List<OvsdbRow> routers = [.. Rows(HostTables.LogicalRouter, "name")];
        Dictionary<Guid, int> claims = [];
        foreach (Guid target in routers.SelectMany(router => References(router["switch_binding"]).Distinct()))
        {
            claims[target] = claims.GetValueOrDefault(target) + 1;
        }

        HashSet<RoutingDomainId> domains = [];
        List<(OvsdbRow Row, VirtualNetworkPolicy Network)> networks = [];
        foreach (OvsdbRow router in routers)
        {
            string name = router.Text("name");
            if (!RoutingDomainId.TryParse(name, out RoutingDomainId domain))
            {
                Wrong(router, name, "name", name, "it should be the RDID, a GUID");
                continue;
            }

            if (!domains.Add(domain))
            {
                Wrong(router, name, "name", name, "no other Logical_Router should have it, in any spelling");
                continue;
            }

            Dictionary<Guid, VirtualSubnetPolicy> bound = [];
            OvsdbValue bindings = router["switch_binding"];
            for (int i = 0; i < bindings.Count; i++)
            {
                Guid target = bindings.Values[i].Uuid;
                if (switches.TryGetValue(target, out VirtualSubnetPolicy? subnet))
                {
                    Bind(router, bindings.Keys[i].Text, claims[target], subnet, target, bound);
                }
            }

            foreach ((Guid target, VirtualSubnetPolicy subnet) in bound)
            {
                _vsids[target] = subnet.Vsid;
            }

            networks.Add((router, new VirtualNetworkPolicy(
                domain,
                router.Text("description"),
                router.Boolean("enable_logical_router"),
                [.. bound.Select(item => item.Value with { Routes = ReadRoutes(item.Key, bound.Values) }).OrderBy(subnet => subnet.Vsid)])
            {
                UnbilledRanges = ReadUnbilledRanges(router),
            }));
        }

        foreach ((Guid uuid, VirtualSubnetPolicy subnet) in switches.Where(item => !claims.ContainsKey(item.Key)))
        {
            OvsdbRow row = _snapshot[HostSchemas.VtepName, HostTables.LogicalSwitch.Table][uuid];
            Wrong(row, row.Text("name"), "tunnel_key", subnet.Vsid.ToString(), "a Logical_Router should bind the subnet");
        }

        Dictionary<RoutingDomainId, List<RoutingDomainId>> peers = networks.ToDictionary(item => item.Network.RoutingDomain, item => ReadPeers(item.Row, item.Network.RoutingDomain));
        return [.. networks.Select(item => item.Network with { Peers = [.. Mutual(item.Row, item.Network.RoutingDomain, peers)] }).OrderBy(network => network.RoutingDomain.Value)];
    }

    /// <summary>Takes one binding: the prefix of a subnet, or the one of the other IP family of a subnet that has two.</summary>
    private void Bind(OvsdbRow router, string binding, int claims, VirtualSubnetPolicy subnet, Guid target, Dictionary<Guid, VirtualSubnetPolicy> bound)
    {
        string name = router.Text("name");
        if (claims > 1)
        {
            Wrong(router, name, $"switch_binding:{binding}", subnet.Vsid.ToString(), "a subnet should be bound to one router");
        }
        else if (!TryReadGateway(binding, out IpPrefix prefix, out CustomerAddress gateway))
        {
            Wrong(router, name, "switch_binding", binding, "its key should be gateway/length as 10.1.1.1/24");
        }
        else if (!bound.TryGetValue(target, out VirtualSubnetPolicy? known))
        {
            bound[target] = subnet with { Prefix = prefix, Gateway = gateway };
        }
        else if (known.GatewayOf(prefix.IsIPv4) is { } first)
        {
            Wrong(router, name, $"switch_binding:{binding}", subnet.Vsid.ToString(), $"a subnet should be bound once for each IP family; this one is also bound with {first}");
        }
        else
        {
            bound[target] = prefix.IsIPv4
                ? known with { Prefix = prefix, Gateway = gateway, DualStack = new SubnetPrefix(known.Prefix, known.Gateway) }
                : known with { DualStack = new SubnetPrefix(prefix, gateway) };
        }
    }

    private ImmutableArray<UserRoute> ReadRoutes(Guid target, IEnumerable<VirtualSubnetPolicy> subnets)
    {
        OvsdbRow row = _snapshot[HostSchemas.VtepName, HostTables.LogicalSwitch.Table][target];
        List<UserRoute> routes = [];
        foreach ((string destination, string text) in row.Map("user_routes").OrderBy(route => route.Key, StringComparer.Ordinal))
        {
            if (UserRouteText.Read(destination, text) is not { } route)
            {
                Wrong(row, row.Text("name"), $"user_routes:{destination}", text, "an entry should be a prefix and VnetLocal, None, VirtualNetworkGateway, Internet or VirtualAppliance 10.1.1.12");
            }
            else if (UserRouteText.Contradiction(route, subnets) is { } expected)
            {
                Wrong(row, row.Text("name"), $"user_routes:{destination}", text, expected);
            }
            else
            {
                routes.Add(route);
            }
        }

        return [.. routes.OrderBy(route => route.Prefix.Address).ThenBy(route => route.Prefix.Length)];
    }

    private ImmutableArray<IpPrefix> ReadUnbilledRanges(OvsdbRow router)
    {
        string text = router.Map("other_config").GetValueOrDefault(HostTables.UnbilledRangesKey, string.Empty);
        if (FirewallText.TryReadPrefixes(text, out ImmutableArray<IpPrefix> ranges))
        {
            return ranges;
        }

        Wrong(router, router.Text("name"), $"other_config:{HostTables.UnbilledRangesKey}", text, "it should be prefixes as 10.1.1.0/24 with commas between them");
        return [];
    }

    private List<RoutingDomainId> ReadPeers(OvsdbRow router, RoutingDomainId own)
    {
        List<RoutingDomainId> peers = [];
        string text = router.Map("other_config").GetValueOrDefault(HostTables.PeersKey, string.Empty);
        foreach (string part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (RoutingDomainId.TryParse(part, out RoutingDomainId peer) && peer != own && !peers.Contains(peer))
            {
                peers.Add(peer);
            }
            else
            {
                Wrong(router, router.Text("name"), $"other_config:{HostTables.PeersKey}", part, "it should be the RDID of another network, once");
            }
        }

        return peers;
    }

    /// <summary>The peers that name this network back: a network does not come to another one uninvited.</summary>
    private IEnumerable<RoutingDomainId> Mutual(OvsdbRow router, RoutingDomainId own, Dictionary<RoutingDomainId, List<RoutingDomainId>> peers)
    {
        foreach (RoutingDomainId peer in peers[own])
        {
            if (peers.GetValueOrDefault(peer)?.Contains(own) == true)
            {
                yield return peer;
            }
            else
            {
                Wrong(router, router.Text("name"), $"other_config:{HostTables.PeersKey}", peer.ToString(), "the other network should be here too and name this one");
            }
        }
    }

    private static IEnumerable<Guid> References(OvsdbValue map)
    {
        for (int i = 0; i < map.Count; i++)
        {
            yield return map.Values[i].Uuid;
        }
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
