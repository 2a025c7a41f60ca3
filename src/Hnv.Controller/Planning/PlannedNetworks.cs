using System.Collections.Immutable;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Planning;

/// <summary>
/// What the documents of one snapshot mean: machines with their places, networks with their mappings. Made once per change, from what was
/// there before, and asked by every host. Immutable to those who ask; what it works out when asked is kept, and handed on as long as it holds.
/// </summary>
internal sealed partial class PlannedNetworks
{
    /// <summary>One adapter.</summary>
    /// <param name="Nic">The interface.</param>
    /// <param name="Id">What its port is called.</param>
    /// <param name="Network">The virtual network it is in; null for one that is on a logical network as it is (R18).</param>
    /// <param name="Subnets">The subnet of its addresses, or the two of a dual-stack pair.</param>
    /// <param name="Vsid">The VSID of that subnet or pair; <c>default</c> without a virtual network.</param>
    /// <param name="Mac">Its MAC.</param>
    /// <param name="Addresses">Its addresses.</param>
    /// <param name="Server">Where its port is; null while nobody has it.</param>
    internal sealed record Machine(
        Node Nic, NicId Id, Node? Network, ImmutableArray<Node> Subnets, Vsid Vsid, MacAddress Mac, ImmutableArray<CustomerAddress> Addresses, Guid? Server)
    {
        /// <summary>Lists on its own addresses.</summary>
        public IEnumerable<string> OwnReferences(string property) =>
            Nic.ChildrenOf(IpConfigurations.Name).Select(c => c.Reference(property)).OfType<string>();
    }

    /// <summary>Everybody, in order of creation, as in all the lists below.</summary>
    public IEnumerable<Machine> Machines => _machines.Values;

    /// <summary>By the interface's instanceId.</summary>
    public IReadOnlyDictionary<Guid, Machine> ByInterface => _byInterface;

    public MachineIndex<Guid> ByServer => _byServer;

    /// <summary>By the key of the virtual network.</summary>
    public MachineIndex<string> ByNetwork => _byNetwork;

    /// <summary>What there was to do to make this and to answer, in numbers; of the whole line of plans.</summary>
    public PlanWork Work => _cache.Work;

    /// <summary>The servers that have a port in a network.</summary>
    public IEnumerable<Guid> ServersIn(string network) => _serversIn.GetValueOrDefault(network)?.Keys ?? [];

    /// <summary>What could not be understood.</summary>
    public IEnumerable<PlanException> Faults => _doubtfulServers.Values.Concat(_doubtfulNetworks.Values);

    /// <summary>
    /// Refuses to let a host be planned that depends on something that could not be understood: planned without it, the host would
    /// lose a machine or everybody's mapping to it.
    /// </summary>
    /// <exception cref="PlanException">What could not be understood.</exception>
    public void ThrowIfDoubtful(Node server)
    {
        if (_doubtfulServers.Count + _doubtfulNetworks.Count == 0)
        {
            return;
        }

        if (_doubtfulServers.TryGetValue(server.InstanceId, out PlanException? fault)
            || NetworksOf(server).Any(n => _doubtfulNetworks.TryGetValue(n.Key, out fault))
            || NetworksOf(server).SelectMany(n => ByNetwork[n.Key]).Any(m => m.Server is { } other && _doubtfulServers.TryGetValue(other, out fault)))
        {
            throw fault!;
        }
    }

    /// <summary>The provider addresses of a server, in team order; of a foreign endpoint its one.</summary>
    public ImmutableArray<ProviderAddress> ProviderAddresses(Guid server) => _addresses.GetValueOrDefault(server, []);

    /// <summary>The server of an instanceId; null when there is none.</summary>
    public Node? Server(Guid id) => _servers.GetValueOrDefault(id);

    /// <summary>The networks that have a port on a server.</summary>
    public IEnumerable<Node> NetworksOn(Node server) => ByServer[server.InstanceId].Select(m => m.Network).OfType<Node>().DistinctBy(n => n.Key);

    /// <summary>The networks a server has to know: those that have a port on it, and their peers.</summary>
    public IEnumerable<Node> NetworksOf(Node server) => NetworksOn(server).Concat(NetworksOn(server).SelectMany(n => Peers(n))).DistinctBy(n => n.Key);

    /// <summary>The networks that a network talks to.</summary>
    public ImmutableArray<Node> Peers(Node network)
    {
        if (!_cache.Peers.TryGetValue(network.Key, out ImmutableArray<Node> peers))
        {
            _cache.Peers[network.Key] = peers = [.. VirtualNetworkPeerings.ConnectedPeers(network, _snapshot)];
        }

        return peers;
    }

    /// <summary>A virtual network with all its subnets.</summary>
    public VirtualNetworkPolicy Network(Node network)
    {
        if (!_cache.Networks.TryGetValue(network.Key, out VirtualNetworkPolicy? policy))
        {
            _cache.Networks[network.Key] = policy = PlanException.Blaming(network, () => new VirtualNetworkPolicy(
                new RoutingDomainId(network.InstanceId),
                network.Id,
                VirtualNetworkManager.RouterEnabled(_snapshot),
                [
                    .. network.ChildrenOf(VirtualNetworks.Subnets)
                        .Where(subnet => ReferenceEquals(DualStackSubnets.First(network, subnet), subnet))
                        .Select(subnet => PlanException.Blaming(subnet, () => SubnetPlanner.Plan(_snapshot, network, subnet))),
                ])
            {
                Peers = [.. Peers(network).Select(peer => new RoutingDomainId(peer.InstanceId))],
                UnbilledRanges = [.. VirtualNetworks.UnbilledRanges(network) ?? throw new FormatException("unbilledAddressRanges does not read.")],
            });
        }

        return policy;
    }

    /// <summary>The mappings of everyone in some networks who is on some host with a provider address. The same networks have the same array.</summary>
    public ImmutableArray<CaPaMapping> Mappings(IReadOnlyList<Node> networks) => Reach(networks).Mappings;

    /// <summary>The teams that the mappings of some networks lead to, each server once.</summary>
    public ImmutableArray<ProviderTeam> Teams(IReadOnlyList<Node> networks) => Reach(networks).Teams;

    /// <summary>What a host has to know of the port of a machine.</summary>
    public PortPolicy Port(Machine machine)
    {
        if (_cache.Ports.TryGetValue(machine.Id.Value, out (Machine Of, PortPolicy Policy) known) && ReferenceEquals(known.Of, machine))
        {
            return known.Policy;
        }

        Work.CountPort();
        PortPolicy policy = PlanException.Blaming(machine.Nic, () => PortPlanner.Plan(_snapshot, this, machine));
        _cache.Ports[machine.Id.Value] = (machine, policy);
        return policy;
    }

    /// <summary>The firewall rules of a machine: of its own lists, then of its subnets'.</summary>
    public IEnumerable<AclRule> Rules(Machine machine)
    {
        IpPrefix[] space = machine.Network is { } network ? [.. Peers(network).Prepend(network).SelectMany(VirtualNetworks.AddressSpace)] : [];
        foreach (Node list in Lists(machine))
        {
            foreach (AclRule rule in AclPlanner.Plan(list, AclLevel.NetworkInterface, space, tag => Members(tag, machine)))
            {
                yield return rule;
            }
        }

        foreach (IGrouping<string, Node> subnets in machine.Subnets.GroupBy(s => s.Reference("accessControlList") ?? ""))
        {
            if (_snapshot.Find(subnets.Key) is not { } list)
            {
                continue;
            }

            // Of a pair with two lists each is about its own address family.
            bool? isIPv4 = subnets.Count() == machine.Subnets.Length ? null : subnets.First().Prefix("addressPrefix")?.IsIPv4;
            foreach (AclRule rule in AclPlanner.Plan(list, AclLevel.Subnet, space, tag => Members(tag, machine)))
            {
                if (isIPv4 is null)
                {
                    yield return rule;
                }
                else if (AclPlanner.OfFamily(rule, isIPv4.Value) is { } part)
                {
                    yield return part;
                }
            }
        }
    }

    /// <summary>The copies to make of a machine's packets: of its own insertions, then of its subnets'.</summary>
    public IEnumerable<MirrorRule> Mirrors(Machine machine)
    {
        if (machine.Network is null)
        {
            yield break;
        }

        IEnumerable<string> references = machine.OwnReferences(ServiceInsertions.Property)
            .Concat(machine.Subnets.Select(subnet => subnet.Reference(ServiceInsertions.Property)).OfType<string>());
        foreach (Node insertion in references.Select(_snapshot.Find).OfType<Node>().DistinctBy(insertion => insertion.Key))
        {
            // An appliance that has gone to another network since, or has no address, gets nothing; nor does it get its own packets back.
            if (_snapshot.Find(ServiceInsertions.ApplianceOf(insertion)) is not { } nic || nic.Key == machine.Nic.Key
                || !ByInterface.TryGetValue(nic.InstanceId, out Machine? appliance)
                || appliance.Network?.Key != machine.Network.Key || appliance.Addresses.IsEmpty)
            {
                continue;
            }

            var endpoint = new TenantEndpoint(appliance.Vsid, appliance.Addresses[0]);
            foreach (MirrorRule rule in PlanException.Blaming(insertion, () => ServiceInsertions.Plan(insertion, endpoint).ToArray()))
            {
                yield return rule;
            }
        }
    }

    /// <summary>The access control lists on a machine's own addresses, and those that its security tags bring.</summary>
    public IEnumerable<Node> Lists(Machine machine) =>
        machine.OwnReferences("accessControlList").Select(_snapshot.Find)
            .Concat(machine.Nic.References(SecurityTags.Property).Select(_snapshot.Find).OfType<Node>().Select(tag => SecurityTags.ListOf(tag, _snapshot)))
            .OfType<Node>().DistinctBy(list => list.Key);

    // Addresses mean something in their own network only: another tenant's machine with the tag may have an address that is somebody else's here.
    private IEnumerable<IpPrefix> Members(string tag, Machine seenBy)
    {
        HashSet<string?> networks = seenBy.Network is { } network ? [.. Peers(network).Prepend(network).Select(n => n.Key)] : [null];
        return from nic in _snapshot.Find(tag) is { } found ? SecurityTags.InterfacesOf(found, _snapshot) : []
               let member = ByInterface.GetValueOrDefault(nic.InstanceId)
               where member is not null && networks.Contains(member.Network?.Key)
               from address in member.Addresses
               select IpPrefix.Create(address.Value, address.Value.IsIPv4 ? 32 : 128);
    }

    private PlanCache.Reach Reach(IReadOnlyList<Node> networks)
    {
        ImmutableArray<ImmutableArray<CaPaMapping>> parts = [.. networks.Select(MappingsOf)];
        string name = string.Join('\n', networks.Select(network => network.Key));
        if (_cache.Reaches.TryGetValue(name, out PlanCache.Reach? known) && known.Holds(parts, _addresses))
        {
            return known;
        }

        ImmutableArray<CaPaMapping> mappings = parts.Length == 1 ? parts[0] : [.. parts.SelectMany(part => part)];
        HashSet<ProviderAddress> reached = [.. mappings.Select(mapping => mapping.Provider)];
        ImmutableArray<ProviderTeam> teams =
        [
            .. _addresses.Where(server => server.Value.Length > 1 && server.Value.Any(reached.Contains)).OrderBy(server => server.Key).Select(server => new ProviderTeam(server.Value)),
        ];
        return _cache.Reaches[name] = new PlanCache.Reach(parts, _addresses, mappings, teams);
    }

    private ImmutableArray<CaPaMapping> MappingsOf(Node network)
    {
        if (!_cache.Mappings.TryGetValue(network.Key, out ImmutableArray<CaPaMapping> mappings))
        {
            _cache.Mappings[network.Key] = mappings = [.. ByNetwork[network.Key].SelectMany(MappingsOf)];
        }

        return mappings;
    }

    private CaPaMapping[] MappingsOf(Machine machine)
    {
        if (machine.Server is not { } server || ProviderAddresses(server) is not { IsEmpty: false } addresses)
        {
            return [];
        }

        if (_cache.MachineMappings.TryGetValue(machine.Id.Value, out (Machine Of, ImmutableArray<ProviderAddress> To, CaPaMapping[] Mappings) known)
            && ReferenceEquals(known.Of, machine) && known.To == addresses)
        {
            return known.Mappings;
        }

        // A machine keeps to one team member; which one follows from its id, so that members share the load.
        Work.CountMapped();
        int member = (int)((uint)machine.Id.Value.GetHashCode() % (uint)addresses.Length);
        CaPaMapping[] mappings = [.. machine.Addresses.Select(address => new CaPaMapping(new TenantEndpoint(machine.Vsid, address), machine.Mac, addresses[member], _encapsulation))];
        _cache.MachineMappings[machine.Id.Value] = (machine, addresses, mappings);
        return mappings;
    }
}
