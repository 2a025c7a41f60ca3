using System.Collections.Frozen;
using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>
/// One virtual network, compiled once for all its ports: subnets, routes, the CA-PA space and the layers that are the same at every port.
/// </summary>
internal sealed class RoutingDomain
{
    private readonly Dictionary<Vsid, ImmutableArray<Layer>> _layers = [];
    private readonly Dictionary<Vsid, RouteTable> _routes = [];
    private readonly MappingSpace _ownSpace;
    private readonly FrozenSet<ProviderAddress> _ownProviders;
    private Layer? _macRewrite;
    private Layer? _encap;
    private Layer? _meter;

    private RoutingDomain(VirtualNetworkPolicy network, MappingSpace space, MacAddress? routerMac)
    {
        Network = network;
        _ownSpace = space;
        Space = space;
        RouterMac = network.DistributedRouter ? routerMac : null;
        DisabledRouterMac = network.DistributedRouter ? null : routerMac;
        Subnets = network.Subnets.ToFrozenDictionary(subnet => subnet.Vsid);
        _ownProviders = ProvidersOf(space);
        Providers = _ownProviders;
    }

    public VirtualNetworkPolicy Network { get; }

    public FrozenDictionary<Vsid, VirtualSubnetPolicy> Subnets { get; }

    /// <summary>The mappings of this network and, once <see cref="Join"/> has been called, of its peers.</summary>
    public MappingSpace Space { get; private set; }

    /// <summary>Networks it may talk to as if they were one.</summary>
    public ImmutableArray<RoutingDomain> Peers { get; private set; } = [];

    /// <summary>The router's MAC; null when it is switched off or not yet known.</summary>
    public MacAddress? RouterMac { get; }

    /// <summary>The MAC of a router that is switched off: what is sent to it has no route.</summary>
    public MacAddress? DisabledRouterMac { get; }

    /// <summary>The PAs of all members: packets of any subnet may come from any of them, routed as they are by their sender's host.</summary>
    public FrozenSet<ProviderAddress> Providers { get; private set; }

    /// <summary>Compiles a network.</summary>
    /// <returns>Null when its subnets contradict each other or another network: none of it is in force then.</returns>
    public static RoutingDomain? Compile(
        VirtualNetworkPolicy network, IReadOnlyList<CaPaMapping> mappings, MacAddress? routerMac, List<PolicyError> errors)
    {
        int before = errors.Count;
        CheckPrefixes(network, errors);
        if (errors.Count > before)
        {
            return null;
        }

        HashSet<Vsid> broken = [];
        foreach (VirtualSubnetPolicy subnet in network.Subnets)
        {
            int count = errors.Count;
            SubnetRoutes.Check(network, subnet, errors);
            if (errors.Count > count)
            {
                _ = broken.Add(subnet.Vsid);
            }
        }

        return new RoutingDomain(network, new MappingSpace(ValidMappings(network, mappings, errors)), routerMac) { Broken = broken };
    }

    /// <summary>Subnets whose routes are wrong: their ports are closed, or packets might go where nobody wanted them.</summary>
    public required IReadOnlySet<Vsid> Broken { get; init; }

    /// <summary>Joins a network with its peers: their mappings are found, their prefixes routed, their hosts believed. Not transitive.</summary>
    /// <param name="peers">Those that name this network as theirs too.</param>
    public void Join(ImmutableArray<RoutingDomain> peers)
    {
        Peers = peers;
        Space = _ownSpace.WithPeers(peers
            .SelectMany(peer => peer.Network.Subnets.Select(subnet => (subnet.Vsid, Space: peer._ownSpace)))
            .ToDictionary(pair => pair.Vsid, pair => pair.Space));
        Providers = peers.SelectMany(peer => peer._ownProviders).Concat(_ownProviders).ToFrozenSet();
    }

    /// <summary>Believes every address of a host of which one address is believed already.</summary>
    public void AcceptTeams(ImmutableArray<ProviderTeam> teams)
    {
        if (teams.Any(team => team.Members.Any(Providers.Contains)))
        {
            Providers = Providers.Concat(teams.Where(team => team.Members.Any(Providers.Contains)).SelectMany(team => team.Members)).ToFrozenSet();
        }
    }

    private static void CheckPrefixes(VirtualNetworkPolicy network, List<PolicyError> errors)
    {
        // Sorted by address, a prefix that overlaps any earlier one overlaps the one with the highest last address so far.
        (VirtualSubnetPolicy Subnet, IpPrefix Prefix)? widest = null;
        foreach ((VirtualSubnetPolicy subnet, SubnetPrefix part) in network.Subnets
            .SelectMany(subnet => subnet.Prefixes.Select(part => (subnet, part)))
            .OrderBy(pair => pair.part.Prefix.IsIPv4).ThenBy(pair => pair.part.Prefix.Address))
        {
            IpPrefix prefix = part.Prefix;
            if (widest is { } wide && wide.Prefix.Overlaps(prefix))
            {
                errors.Add(new PolicyError(
                    Name(network, subnet), "addressPrefix", prefix.ToString(),
                    $"overlaps {wide.Prefix} of {Name(network, wide.Subnet)}; subnets of one virtual network need prefixes that do not overlap"));
            }

            if (widest is not { } last || last.Prefix.IsIPv4 != prefix.IsIPv4 || prefix.LastAddress.CompareTo(last.Prefix.LastAddress) > 0)
            {
                widest = (subnet, prefix);
            }

            if (!prefix.Contains(part.Gateway.Value))
            {
                errors.Add(new PolicyError(
                    Name(network, subnet), "gateway", part.Gateway.ToString(), $"must lie in {prefix}, the subnet's prefix; by default it is its lowest address"));
            }
        }

        foreach (VirtualSubnetPolicy subnet in network.Subnets)
        {
            if (subnet.DualStack is { } second && second.Prefix.IsIPv4 == subnet.Prefix.IsIPv4)
            {
                errors.Add(new PolicyError(
                    Name(network, subnet), "dualStackSubnet", second.Prefix.ToString(), $"must be of the other IP family than {subnet.Prefix}"));
            }
        }
    }

    private static Mapping[] ValidMappings(VirtualNetworkPolicy network, IReadOnlyList<CaPaMapping> mappings, List<PolicyError> errors)
    {
        Dictionary<Vsid, VirtualSubnetPolicy> subnets = network.Subnets.ToDictionary(subnet => subnet.Vsid);
        Dictionary<TenantEndpoint, CaPaMapping> byAddress = new(mappings.Count);
        Dictionary<(Vsid Vsid, MacAddress Mac), CaPaMapping> byMac = new(mappings.Count);
        List<Mapping> valid = new(mappings.Count);
        foreach (CaPaMapping mapping in mappings)
        {
            string subject = $"mapping {mapping.Customer}";
            VirtualSubnetPolicy subnet = subnets[mapping.Customer.Vsid];
            if (subnet.GatewayOf(mapping.Customer.Address.Value.IsIPv4) == mapping.Customer.Address)
            {
                errors.Add(new PolicyError(subject, "address", mapping.Customer.Address.ToString(), $"is the gateway of {Name(network, subnet)}, which no interface may own"));
            }
            else if (mapping.Encapsulation is not (EncapsulationType.Vxlan or EncapsulationType.Nvgre))
            {
                errors.Add(new PolicyError(subject, "encapsulation", mapping.Encapsulation.ToString(), "must be Vxlan or Nvgre"));
            }
            else if (mapping.Mac.IsMulticast || mapping.Mac == default)
            {
                errors.Add(new PolicyError(subject, "MAC", mapping.Mac.ToString(), "must be the address of one adapter, not a group address and not zero"));
            }
            else if (!byAddress.TryAdd(mapping.Customer, mapping))
            {
                if (byAddress[mapping.Customer] != mapping)
                {
                    errors.Add(new PolicyError(
                        subject, "address", mapping.Customer.Address.ToString(),
                        $"is mapped twice in VSID {mapping.Customer.Vsid}, to {byAddress[mapping.Customer].Mac} and to {mapping.Mac}; remove one mapping"));
                }
            }
            else if (!byMac.TryAdd((mapping.Customer.Vsid, mapping.Mac), mapping) && byMac[(mapping.Customer.Vsid, mapping.Mac)].Provider != mapping.Provider)
            {
                errors.Add(new PolicyError(
                    subject, "MAC", mapping.Mac.ToString(),
                    $"is mapped to two provider addresses in VSID {mapping.Customer.Vsid}: {byMac[(mapping.Customer.Vsid, mapping.Mac)].Provider} and {mapping.Provider}; give each interface its own MAC"));
            }
            else
            {
                valid.Add(new Mapping(mapping.Customer.Vsid, mapping.Customer.Address, mapping.Mac, mapping.Provider, mapping.Encapsulation));
            }
        }

        return [.. valid];
    }

    /// <summary>The layers that every port of a subnet shares, from the meter outward; made on first use.</summary>
    public (Layer Meter, ImmutableArray<Layer> Routing) SharedLayers(
        VirtualSubnetPolicy subnet, ImmutableArray<ProviderAddress> ownProviders, byte? outerDscp, HostFacts facts)
    {
        _meter ??= MeterLayer.Compile(this);
        if (!_layers.TryGetValue(KeyOf(subnet), out ImmutableArray<Layer> layers))
        {
            _macRewrite ??= RouterLayer.MacRewrite(this);
            _encap ??= EncapLayer.Compile(this, ownProviders, outerDscp, facts);
            RouteTable routes = SubnetRoutes.Compile(this, subnet);
            _routes[KeyOf(subnet)] = routes;
            _layers[KeyOf(subnet)] = layers = [RouterLayer.Redirection(this, routes), _macRewrite, _encap];
        }

        return (_meter, layers);
    }

    /// <summary>The routes of a subnet whose layers have been made.</summary>
    public RouteTable RoutesOf(VirtualSubnetPolicy subnet) => _routes[KeyOf(subnet)];

    /// <summary>Subnets without routes of their owner share one table.</summary>
    private static Vsid KeyOf(VirtualSubnetPolicy subnet) => subnet.Routes.IsEmpty ? default : subnet.Vsid;

    public static string Name(VirtualNetworkPolicy network, VirtualSubnetPolicy subnet) => $"virtualNetworks/{network.Name}/subnets/{subnet.Name}";

    private static FrozenSet<ProviderAddress> ProvidersOf(MappingSpace space)
    {
        HashSet<ProviderAddress> providers = [];
        foreach (Mapping mapping in space.Mappings)
        {
            providers.Add(mapping.Provider);
        }

        return providers.ToFrozenSet();
    }
}
