using System.Collections.Frozen;
using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>
/// Turns what was asked of a host into what its virtual switch runs. Pure. What is wrong is reported, all of it, and closed: a port or a network
/// with an error drops everything, the others are not touched by it.
/// </summary>
public static class HostCompiler
{
    /// <summary>Compiles a host's policy. Never throws for what a policy says.</summary>
    public static CompileResult Compile(HostPolicy policy)
    {
        List<PolicyError> errors = [];
        ImmutableArray<ProviderAddress> own = OwnProviders(policy, errors);
        Dictionary<Vsid, RoutingDomain?> domains = Domains(policy, errors);
        PortCompiler ports = new(domains, own, errors);
        Dictionary<NicId, PortProgram> programs = ports.Compile(policy.Ports);
        SwitchProgram program = new()
        {
            ProviderAddresses = own,
            Ports = programs.ToFrozenDictionary(),
            Subnets = [.. domains
                .Where(pair => pair.Value is not null)
                .Select(pair => new SubnetProgram(pair.Key, pair.Value!.Providers))],
        };
        return new CompileResult(program, [.. errors]);
    }

    private static ImmutableArray<ProviderAddress> OwnProviders(HostPolicy policy, List<PolicyError> errors)
    {
        ImmutableArray<ProviderAddress> own = [.. policy.ProviderAddresses.OrderBy(address => address.TeamMember).Select(address => address.Address)];
        foreach (IGrouping<ProviderAddress, ProviderAddress> twice in own.GroupBy(address => address).Where(group => group.Count() > 1))
        {
            errors.Add(new PolicyError("host", "provider address", twice.Key.ToString(), "is given to two team members; each needs its own"));
        }

        return own;
    }

    /// <summary>Every VSID with its compiled network; null where that network is wrong.</summary>
    private static Dictionary<Vsid, RoutingDomain?> Domains(HostPolicy policy, List<PolicyError> errors)
    {
        Dictionary<Vsid, VirtualNetworkPolicy> owners = [];
        HashSet<VirtualNetworkPolicy> broken = new(ReferenceEqualityComparer.Instance);
        foreach (VirtualNetworkPolicy network in policy.VirtualNetworks)
        {
            foreach (VirtualSubnetPolicy subnet in network.Subnets)
            {
                if (!owners.TryAdd(subnet.Vsid, network))
                {
                    errors.Add(new PolicyError(
                        RoutingDomain.Name(network, subnet), "virtualSubnetId", subnet.Vsid.ToString(),
                        $"belongs to virtualNetworks/{owners[subnet.Vsid].Name} already; a VSID is unique in the datacenter. Ask for another one"));

                    // Which of the two is meant nobody can say, and to guess wrong would join two tenants: neither is in force.
                    broken.Add(network);
                    broken.Add(owners[subnet.Vsid]);
                }
            }
        }

        foreach (IGrouping<RoutingDomainId, VirtualNetworkPolicy> twice in policy.VirtualNetworks.GroupBy(network => network.RoutingDomain).Where(group => group.Count() > 1))
        {
            errors.Add(new PolicyError(
                $"virtualNetworks/{twice.First().Name}", "RDID", twice.Key.ToString(), $"is also that of {string.Join(", ", twice.Skip(1).Select(network => network.Name))}; each network needs its own"));
            broken.UnionWith(twice);
        }

        Dictionary<VirtualNetworkPolicy, List<CaPaMapping>> mappings = new(ReferenceEqualityComparer.Instance);
        foreach (CaPaMapping mapping in policy.Mappings)
        {
            if (!owners.TryGetValue(mapping.Customer.Vsid, out VirtualNetworkPolicy? network))
            {
                errors.Add(new PolicyError($"mapping {mapping.Customer}", "VSID", mapping.Customer.Vsid.ToString(), "belongs to no virtual network of this host"));
                continue;
            }

            if (!mappings.TryGetValue(network, out List<CaPaMapping>? list))
            {
                mappings.Add(network, list = []);
            }

            list.Add(mapping);
        }

        Dictionary<Vsid, RoutingDomain?> domains = [];
        foreach (VirtualNetworkPolicy network in policy.VirtualNetworks)
        {
            RoutingDomain? domain = broken.Contains(network)
                ? null
                : RoutingDomain.Compile(network, mappings.GetValueOrDefault(network) ?? [], policy.RouterMac, errors);
            foreach (VirtualSubnetPolicy subnet in network.Subnets)
            {
                domains[subnet.Vsid] = domain;
            }
        }

        return domains;
    }
}
