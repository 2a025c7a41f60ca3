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
    /// <param name="policy">What was asked for.</param>
    /// <param name="facts">How this host is made; null when nothing is known of it.</param>
    public static CompileResult Compile(HostPolicy policy, HostFacts? facts = null)
    {
        List<PolicyError> errors = [];
        ImmutableArray<ProviderAddress> own = OwnProviders(policy, errors);
        Dictionary<Vsid, RoutingDomain?> domains = Domains(policy, errors);
        JoinPeers(domains, errors);
        foreach (RoutingDomain domain in domains.Values.OfType<RoutingDomain>().Distinct())
        {
            domain.AcceptTeams(policy.Teams);
        }

        PortCompiler ports = new(domains, own, policy, facts ?? HostFacts.Unknown, errors);
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

    /// <summary>Two networks are joined when each names the other; whose prefixes overlap stay apart.</summary>
    private static void JoinPeers(Dictionary<Vsid, RoutingDomain?> domains, List<PolicyError> errors)
    {
        RoutingDomain[] all = [.. domains.Values.OfType<RoutingDomain>().Distinct()];
        Dictionary<RoutingDomainId, RoutingDomain> byId = all.ToDictionary(domain => domain.Network.RoutingDomain);
        Dictionary<RoutingDomain, MappingSpace> spaces = all.ToDictionary(domain => domain, domain => domain.Space);
        Dictionary<RoutingDomain, FrozenSet<ProviderAddress>> providers = all.ToDictionary(domain => domain, domain => domain.Providers);
        foreach (RoutingDomain domain in all)
        {
            List<RoutingDomain> peers = [];
            foreach (RoutingDomainId id in domain.Network.Peers)
            {
                if (!byId.TryGetValue(id, out RoutingDomain? peer) || peer == domain || !peer.Network.Peers.Contains(domain.Network.RoutingDomain))
                {
                    continue;                                           // the other side has not agreed (yet)
                }

                if (Overlap(domain, peer) is { } overlap)
                {
                    errors.Add(new PolicyError(
                        $"virtualNetworks/{domain.Network.Name}", "virtualNetworkPeerings", peer.Network.Name, $"cannot be joined: both have {overlap}; peered networks need prefixes that do not overlap"));
                    continue;
                }

                peers.Add(peer);
            }

            if (peers.Count > 0)
            {
                domain.Join([.. peers], spaces, providers);
            }
        }
    }

    private static IpPrefix? Overlap(RoutingDomain one, RoutingDomain other)
    {
        foreach (SubnetPrefix mine in one.Network.Subnets.SelectMany(subnet => subnet.Prefixes))
        {
            foreach (SubnetPrefix theirs in other.Network.Subnets.SelectMany(subnet => subnet.Prefixes))
            {
                if (mine.Prefix.Overlaps(theirs.Prefix))
                {
                    return mine.Prefix.Length > theirs.Prefix.Length ? mine.Prefix : theirs.Prefix;
                }
            }
        }

        return null;
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
