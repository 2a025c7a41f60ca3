using System.Collections.Frozen;
using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>
/// Turns what was asked of a host into what its virtual switch runs. Pure. What is wrong is reported, all of it, and changes nothing: the ports
/// it concerns run what they ran, or nothing, and the others are not touched by it.
/// </summary>
public static class HostCompiler
{
    /// <summary>Compiles a host's policy. Never throws for what a policy says.</summary>
    /// <param name="policy">What was asked for.</param>
    /// <param name="facts">How this host is made; null when nothing is known of it.</param>
    /// <param name="before">
    /// The result in force, if any. Networks and ports that nothing has changed for keep their compiled parts, the very objects, so that a change for
    /// one tenant is no change for the others. The result means the same with and without it.
    /// </param>
    public static CompileResult Compile(HostPolicy policy, HostFacts? facts = null, CompileResult? before = null)
    {
        List<PolicyError> errors = [];
        facts ??= HostFacts.Unknown;
        Compilation? known = before?.Compilation is { } compilation && compilation.HasSameHost(policy, facts) ? compilation : null;
        Compilation next = new(policy, facts);
        ImmutableArray<ProviderAddress> own = OwnProviders(policy, errors);
        HashSet<RoutingDomain> kept = [];
        Dictionary<Vsid, RoutingDomain?> domains = Domains(policy, known, next, kept, errors);
        JoinPeers(domains, kept, next, errors);
        foreach (RoutingDomain domain in domains.Values.OfType<RoutingDomain>().Distinct().Where(domain => !kept.Contains(domain)))
        {
            domain.AcceptTeams(policy.Teams);
        }

        PortCompiler ports = new(domains, own, policy, facts, errors);
        bool allKept = domains.Values.All(domain => domain is not null && kept.Contains(domain));
        Dictionary<NicId, PortProgram> programs = ports.Compile(policy.Ports, KnownProgram);
        foreach (PortPolicy port in policy.Ports)
        {
            if (programs[port.Nic] is { IsFailClosed: false } program)
            {
                next.Remember(port, program);
            }
        }

        HashSet<NicId> refused = [.. programs.Where(pair => pair.Value.IsFailClosed).Select(pair => pair.Key)];
        SwitchProgram? running = before?.Program is { } last && last.ProviderAddresses.AsSpan().SequenceEqual(own.AsSpan()) ? last : null;
        List<SubnetProgram> subnets =
        [
            .. domains.Where(pair => pair.Value is not null).Select(pair => new SubnetProgram(pair.Key, pair.Value!.Providers)),
        ];
        KeepRunning(programs, subnets, refused, running);
        SwitchProgram switchProgram = new()
        {
            ProviderAddresses = own,
            LinkBitsPerSecond = policy.Settings.LinkMbps * 1_000_000L,
            Ports = programs.ToFrozenDictionary(),
            Subnets = [.. subnets],
        };
        return new CompileResult(switchProgram, [.. errors]) { Refused = refused, Compilation = next };

        // A mirror may lead into any network.
        PortProgram? KnownProgram(PortPolicy port) =>
            known is not null
            && (allKept || (port.Mirrors.IsEmpty && (!port.IsVirtualized || (domains.GetValueOrDefault(port.Vsid) is { } domain && kept.Contains(domain)))))
                ? known.Find(port)
                : null;
    }

    /// <summary>A change that makes no sense changes nothing: its ports run what they ran, and go on receiving what they received.</summary>
    private static void KeepRunning(Dictionary<NicId, PortProgram> programs, List<SubnetProgram> subnets, HashSet<NicId> refused, SwitchProgram? running)
    {
        foreach (NicId nic in refused)
        {
            if (running?.Ports.GetValueOrDefault(nic) is not { IsFailClosed: false } program)
            {
                continue;
            }

            programs[nic] = program;
            if (!subnets.Any(subnet => subnet.Vsid == program.Vsid) && running.Subnets.FirstOrDefault(subnet => subnet.Vsid == program.Vsid) is { } known)
            {
                subnets.Add(known);
            }
        }
    }

    /// <summary>Two networks are joined when each names the other; whose prefixes overlap stay apart.</summary>
    private static void JoinPeers(Dictionary<Vsid, RoutingDomain?> domains, HashSet<RoutingDomain> kept, Compilation next, List<PolicyError> errors)
    {
        RoutingDomain[] all = [.. domains.Values.OfType<RoutingDomain>().Distinct()];
        Dictionary<RoutingDomainId, RoutingDomain> byId = all.ToDictionary(domain => domain.Network.RoutingDomain);
        foreach (RoutingDomain domain in all.Where(domain => !kept.Contains(domain)))
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
                    next.Forget(domain.Network);
                    continue;
                }

                peers.Add(peer);
            }

            if (peers.Count > 0)
            {
                domain.Join([.. peers]);
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
    private static Dictionary<Vsid, RoutingDomain?> Domains(
        HostPolicy policy, Compilation? known, Compilation next, HashSet<RoutingDomain> kept, List<PolicyError> errors)
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

        // A network goes on as it was when it and everyone it might be joined with are what they were.
        HashSet<RoutingDomainId> same = [.. policy.VirtualNetworks
            .Where(network => !broken.Contains(network) && known?.Find(network, mappings.GetValueOrDefault(network) ?? []) is not null)
            .Select(network => network.RoutingDomain)];
        HashSet<RoutingDomainId> present = [.. policy.VirtualNetworks.Select(network => network.RoutingDomain)];
        Dictionary<Vsid, RoutingDomain?> domains = [];
        foreach (VirtualNetworkPolicy network in policy.VirtualNetworks)
        {
            List<CaPaMapping> own = mappings.GetValueOrDefault(network) ?? [];
            int before = errors.Count;
            RoutingDomain? domain = null;
            if (same.Contains(network.RoutingDomain) && network.Peers.All(peer => same.Contains(peer) || (!present.Contains(peer) && !known!.Has(peer))))
            {
                domain = known!.Find(network, own);
                _ = kept.Add(domain!);
            }
            else if (!broken.Contains(network))
            {
                domain = RoutingDomain.Compile(network, own, policy.RouterMac, errors);
            }

            if (domain is not null && errors.Count == before)
            {
                next.Remember(network, own, domain);
            }

            foreach (VirtualSubnetPolicy subnet in network.Subnets)
            {
                domains[subnet.Vsid] = domain;
            }
        }

        return domains;
    }
}
