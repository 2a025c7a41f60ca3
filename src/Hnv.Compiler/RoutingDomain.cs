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
    private ImmutableArray<Layer> _layers;

    private RoutingDomain(VirtualNetworkPolicy network, MappingSpace space, RouteTable routes, MacAddress? routerMac)
    {
        Network = network;
        Space = space;
        Routes = routes;
        RouterMac = network.DistributedRouter ? routerMac : null;
        DisabledRouterMac = network.DistributedRouter ? null : routerMac;
        Subnets = network.Subnets.ToFrozenDictionary(subnet => subnet.Vsid);
        Providers = ProvidersOf(space);
    }

    public VirtualNetworkPolicy Network { get; }

    public FrozenDictionary<Vsid, VirtualSubnetPolicy> Subnets { get; }

    public MappingSpace Space { get; }

    public RouteTable Routes { get; }

    /// <summary>The router's MAC; null when it is switched off or not yet known.</summary>
    public MacAddress? RouterMac { get; }

    /// <summary>The MAC of a router that is switched off: what is sent to it has no route.</summary>
    public MacAddress? DisabledRouterMac { get; }

    /// <summary>The PAs of all members: packets of any subnet may come from any of them, routed as they are by their sender's host.</summary>
    public FrozenSet<ProviderAddress> Providers { get; }

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

        Mapping[] valid = ValidMappings(network, mappings, errors);
        RouteTable routes = new(
            network.Subnets.Select(subnet => new Route(subnet.Prefix, RouteKind.Local, subnet.Vsid, NextHop: default)),
            network.Subnets.Select(subnet => subnet.Gateway));
        return new RoutingDomain(network, new MappingSpace(valid), routes, routerMac);
    }

    private static void CheckPrefixes(VirtualNetworkPolicy network, List<PolicyError> errors)
    {
        // Sorted by address, a prefix that overlaps any earlier one overlaps the one with the highest last address so far.
        VirtualSubnetPolicy? widest = null;
        foreach (VirtualSubnetPolicy subnet in network.Subnets.OrderBy(subnet => subnet.Prefix.IsIPv4).ThenBy(subnet => subnet.Prefix.Address))
        {
            if (widest is not null && widest.Prefix.Overlaps(subnet.Prefix))
            {
                errors.Add(new PolicyError(
                    Name(network, subnet), "addressPrefix", subnet.Prefix.ToString(),
                    $"overlaps {widest.Prefix} of {Name(network, widest)}; subnets of one virtual network need prefixes that do not overlap"));
            }

            if (widest is null || widest.Prefix.IsIPv4 != subnet.Prefix.IsIPv4 || subnet.Prefix.LastAddress.CompareTo(widest.Prefix.LastAddress) > 0)
            {
                widest = subnet;
            }

            if (!subnet.Prefix.Contains(subnet.Gateway.Value))
            {
                errors.Add(new PolicyError(
                    Name(network, subnet), "gateway", subnet.Gateway.ToString(), $"must lie in {subnet.Prefix}, the subnet's prefix; by default it is its lowest address"));
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
            if (mapping.Customer.Address == subnet.Gateway)
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

    /// <summary>The layers every port of the domain shares; made on first use.</summary>
    public ImmutableArray<Layer> SharedLayers(ImmutableArray<ProviderAddress> ownProviders)
    {
        if (_layers.IsDefault)
        {
            _layers = [RouterLayer.Redirection(this), RouterLayer.MacRewrite(this), EncapLayer.Compile(this, ownProviders)];
        }

        return _layers;
    }

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
