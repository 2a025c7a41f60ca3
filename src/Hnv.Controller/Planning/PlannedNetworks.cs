using System.Collections.Immutable;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Planning;

/// <summary>
/// What the documents of one snapshot mean: machines with their places, networks with their mappings. Made once per change and asked
/// by every host.
/// </summary>
internal sealed class PlannedNetworks
{
    private readonly Snapshot _snapshot;
    private readonly EncapsulationType _encapsulation;
    private readonly Dictionary<string, VirtualNetworkPolicy> _networks = [];
    private readonly Dictionary<Guid, Node> _servers;
    private readonly Dictionary<Guid, ImmutableArray<ProviderAddress>> _addresses = [];
    private readonly Dictionary<Guid, PlanException> _doubtfulServers = [];
    private readonly Dictionary<string, PlanException> _doubtfulNetworks = [];

    public PlannedNetworks(Snapshot snapshot, Placements placements)
    {
        _snapshot = snapshot;
        _encapsulation = VirtualNetworkManager.Encapsulation(snapshot);
        _servers = snapshot.All(Servers.Name).ToDictionary(s => s.InstanceId);
        foreach (Node server in _servers.Values)
        {
            try
            {
                _addresses[server.InstanceId] = PlanException.Blaming(server, () => AddressesOf(server));
            }
            catch (PlanException e)
            {
                _doubtfulServers[server.InstanceId] = e;
            }
        }

        Machines = [.. snapshot.All(NetworkInterfaces.Name).Select(nic => TryMachineOf(nic, placements)).OfType<Machine>()];
        ByInterface = Machines.ToDictionary(m => m.Id.Value);
        ByServer = Machines.Where(m => m.Server is not null).ToLookup(m => m.Server!.Value);
        ByNetwork = Machines.ToLookup(m => m.Network.Key);
    }

    /// <summary>One tenant adapter in a virtual subnet.</summary>
    internal sealed record Machine(Node Nic, NicId Id, Node Network, Node Subnet, Vsid Vsid, MacAddress Mac, ImmutableArray<CustomerAddress> Addresses, Guid? Server);

    public IReadOnlyList<Machine> Machines { get; }

    /// <summary>By the interface's instanceId.</summary>
    public IReadOnlyDictionary<Guid, Machine> ByInterface { get; }

    public ILookup<Guid, Machine> ByServer { get; }

    public ILookup<string, Machine> ByNetwork { get; }

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
            || ByServer[server.InstanceId].Any(m => _doubtfulNetworks.TryGetValue(m.Network.Key, out fault))
            || ByServer[server.InstanceId].SelectMany(m => ByNetwork[m.Network.Key]).Any(m => m.Server is { } other && _doubtfulServers.TryGetValue(other, out fault)))
        {
            throw fault!;
        }
    }

    /// <summary>The provider addresses of a server, in team order; of a foreign endpoint its one.</summary>
    public ImmutableArray<ProviderAddress> ProviderAddresses(Guid server) => _addresses.GetValueOrDefault(server, []);

    /// <summary>The server of an instanceId; null when there is none.</summary>
    public Node? Server(Guid id) => _servers.GetValueOrDefault(id);

    /// <summary>A virtual network with all its subnets.</summary>
    public VirtualNetworkPolicy Network(Node network)
    {
        if (!_networks.TryGetValue(network.Key, out VirtualNetworkPolicy? policy))
        {
            _networks[network.Key] = policy = PlanException.Blaming(network, () => new VirtualNetworkPolicy(
                new RoutingDomainId(network.InstanceId),
                network.Id,
                VirtualNetworkManager.RouterEnabled(_snapshot),
                [.. network.ChildrenOf(VirtualNetworks.Subnets).Select(subnet => PlanException.Blaming(subnet, () => Subnet(subnet)))]));
        }

        return policy;
    }

    /// <summary>The mappings of everyone in a network who is on some host with a provider address.</summary>
    public IEnumerable<CaPaMapping> Mappings(Node network)
    {
        foreach (Machine machine in ByNetwork[network.Key])
        {
            if (machine.Server is { } server && ProviderAddresses(server) is { IsEmpty: false } addresses)
            {
                // A machine keeps to one team member; which one follows from its id, so that members share the load.
                int member = (int)((uint)machine.Id.Value.GetHashCode() % (uint)addresses.Length);
                foreach (CustomerAddress address in machine.Addresses)
                {
                    yield return new CaPaMapping(new TenantEndpoint(machine.Vsid, address), machine.Mac, addresses[member], _encapsulation);
                }
            }
        }
    }

    /// <summary>The firewall rules of a machine: of its own lists, then of its subnet's.</summary>
    public IEnumerable<AclRule> Rules(Machine machine)
    {
        IpPrefix[] space = [.. VirtualNetworks.AddressSpace(machine.Network)];
        foreach (Node list in Lists(machine))
        {
            foreach (AclRule rule in AclPlanner.Plan(list, AclLevel.NetworkInterface, space))
            {
                yield return rule;
            }
        }

        if (_snapshot.Find(machine.Subnet.Reference("accessControlList")) is { } ofSubnet)
        {
            foreach (AclRule rule in AclPlanner.Plan(ofSubnet, AclLevel.Subnet, space))
            {
                yield return rule;
            }
        }
    }

    /// <summary>The access control lists on a machine's own addresses.</summary>
    public IEnumerable<Node> Lists(Machine machine) => machine.Nic.ChildrenOf(IpConfigurations.Name)
        .Select(c => _snapshot.Find(c.Reference("accessControlList"))).OfType<Node>().DistinctBy(list => list.Key);

    private static VirtualSubnetPolicy Subnet(Node subnet)
    {
        IpPrefix prefix = subnet.Prefix("addressPrefix")!.Value;
        return new VirtualSubnetPolicy(
            VirtualNetworks.VsidOf(subnet), subnet.InstanceId, subnet.Id, prefix, new CustomerAddress(VirtualNetworks.Gateway(prefix)));
    }

    private static ImmutableArray<ProviderAddress> AddressesOf(Node server) =>
        ProviderAddress.TryParse((string?)server.Properties[Servers.UnmanagedVtep]?["address"], out ProviderAddress foreign)
            ? [foreign]
            : [.. server.ChildrenOf(Servers.Interfaces)
                .Select(nic => (string?)nic.Properties[Servers.ProviderAddress]?["address"])
                .OfType<string>()
                .Select(ProviderAddress.Parse)];

    private Machine? TryMachineOf(Node nic, Placements placements)
    {
        try
        {
            return PlanException.Blaming(nic, () => MachineOf(nic, placements));
        }
        catch (PlanException e)
        {
            if (nic.ChildrenOf(IpConfigurations.Name).Select(c => c.Reference(IpConfigurations.Subnet)).OfType<string>().FirstOrDefault() is { } subnet)
            {
                _doubtfulNetworks[PlanException.RootKeyOf(subnet)] = e;
            }

            if (placements.Servers.TryGetValue(new NicId(nic.InstanceId), out Guid server))
            {
                _doubtfulServers[server] = e;
            }

            return null;
        }
    }

    private Machine? MachineOf(Node nic, Placements placements)
    {
        Node[] configurations = [.. nic.ChildrenOf(IpConfigurations.Name)];
        if (configurations.Length == 0
            || _snapshot.Find(configurations[0].Reference(IpConfigurations.Subnet)) is not { } subnet
            || subnet.Type.Path != VirtualNetworks.SubnetPath
            || !MacAddress.TryParse(nic.Text("privateMacAddress"), out MacAddress mac))
        {
            return null;
        }

        Node network = _snapshot.Find(subnet.Ref[..subnet.Ref.LastIndexOf("/subnets/", StringComparison.Ordinal)])!;
        var id = new NicId(nic.InstanceId);
        Guid? server = placements.Servers.TryGetValue(id, out Guid reported) && _servers.ContainsKey(reported) ? reported
            : _snapshot.Find(nic.Reference(NetworkInterfaces.Placement))?.InstanceId;
        return new Machine(
            nic,
            id,
            network,
            subnet,
            VirtualNetworks.VsidOf(subnet),
            mac,
            [.. configurations.Select(c => c.Address(IpConfigurations.Address)).OfType<InetAddress>().Select(a => new CustomerAddress(a))],
            server);
    }
}
