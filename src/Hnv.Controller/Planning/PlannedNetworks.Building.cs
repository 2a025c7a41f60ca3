using System.Collections.Immutable;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Primitives;

namespace Hnv.Controller.Planning;

/// <summary>How the meaning of a snapshot is made: from nothing, or from the meaning of the one before and what was changed.</summary>
internal sealed partial class PlannedNetworks
{
    private readonly Snapshot _snapshot;
    private readonly Placements _placements;
    private readonly EncapsulationType _encapsulation;
    private readonly PlanCache _cache;
    private readonly Dictionary<Guid, PlanException> _doubtfulServers = [];
    private readonly Dictionary<string, PlanException> _doubtfulNetworks = [];
    private ImmutableDictionary<Guid, Node> _servers;
    private ImmutableDictionary<Guid, ImmutableArray<ProviderAddress>> _addresses;
    private ImmutableSortedDictionary<long, Machine> _machines;
    private ImmutableDictionary<Guid, Machine> _byInterface;
    private MachineIndex<Guid> _byServer;
    private MachineIndex<string> _byNetwork;
    private ImmutableDictionary<string, ImmutableDictionary<Guid, int>> _serversIn;

    // Marks of identity rather than the plan before itself, which would keep the one before it, and so on.
    private readonly object _mark = new();
    private readonly object? _markBefore;

    /// <summary>From nothing.</summary>
    public PlannedNetworks(Snapshot snapshot, Placements placements)
    {
        _snapshot = snapshot;
        _placements = placements;
        _encapsulation = VirtualNetworkManager.Encapsulation(snapshot);
        _cache = new PlanCache();
        _servers = snapshot.All(Servers.Name).ToImmutableDictionary(s => s.InstanceId);
        _addresses = _servers.Values
            .Select(server => KeyValuePair.Create(server.InstanceId, TryAddressesOf(server)))
            .Where(server => server.Value is not null)
            .ToImmutableDictionary(server => server.Key, server => server.Value!.Value);

        Machine[] machines = [.. snapshot.All(NetworkInterfaces.Name).Select(TryMachineOf).OfType<Machine>()];
        _machines = machines.ToImmutableSortedDictionary(m => m.Nic.Sequence, m => m);
        _byInterface = machines.ToImmutableDictionary(m => m.Id.Value);
        _byServer = MachineIndex<Guid>.Of(machines.Where(m => m.Server is not null), m => m.Server!.Value);
        _byNetwork = MachineIndex<string>.Of(machines.Where(m => m.Network is not null), m => m.Network!.Key);
        _serversIn = machines.Where(m => m is { Network: not null, Server: not null })
            .GroupBy(m => m.Network!.Key)
            .ToImmutableDictionary(of => of.Key, of => of.GroupBy(m => m.Server!.Value).ToImmutableDictionary(on => on.Key, on => on.Count()));
    }

    private PlannedNetworks(PlannedNetworks before, Snapshot snapshot, Placements placements, PlanCache cache)
    {
        _snapshot = snapshot;
        _placements = placements;
        _cache = cache;
        _encapsulation = before._encapsulation;
        (_servers, _addresses, _machines) = (before._servers, before._addresses, before._machines);
        (_byInterface, _byServer, _byNetwork, _serversIn) = (before._byInterface, before._byServer, before._byNetwork, before._serversIn);
        _markBefore = before._mark;
    }

    /// <summary>Machines that are not what they were in the plan this one was made from; null where there is no such plan.</summary>
    public IReadOnlyList<(Machine? Before, Machine? After)>? Changed { get; private set; }

    /// <summary>True when this was made from that plan, so that <see cref="Changed"/> is the difference.</summary>
    public bool Follows(PlannedNetworks before) => Changed is not null && ReferenceEquals(_markBefore, before._mark);

    /// <summary>The meaning of the next snapshot; costs as much as was changed, or a look at everything where that may have changed all.</summary>
    /// <param name="snapshot">The documents.</param>
    /// <param name="placements">Where ports are.</param>
    /// <param name="moved">The ports that may be elsewhere than in this plan's placements.</param>
    public PlannedNetworks Next(Snapshot snapshot, Placements placements, IReadOnlyCollection<NicId> moved)
    {
        (Node? Before, Node? After)[] changes = [.. snapshot.ChangesSince(_snapshot)];
        if (_doubtfulServers.Count + _doubtfulNetworks.Count > 0 || changes.Any(change => IsAboutEverything((change.After ?? change.Before)!.Type.Name)))
        {
            return new PlannedNetworks(snapshot, placements);
        }

        var next = new PlannedNetworks(this, snapshot, placements, CacheAfter(changes, snapshot));
        next.Apply(changes, moved);
        return next;
    }

    /// <summary>Resources that every machine or mapping may depend on.</summary>
    private static bool IsAboutEverything(string type) => type is VirtualNetworkManager.Name;

    /// <summary>What stays true of all that was worked out: everything, as long as only interfaces, servers and what no host is told of has changed.</summary>
    private PlanCache CacheAfter((Node? Before, Node? After)[] changes, Snapshot snapshot)
    {
        bool rulesStay = true, networksStay = true;
        foreach ((Node? before, Node? after) in changes)
        {
            switch ((after ?? before)!.Type.Name)
            {
                case NetworkInterfaces.Name:
                    rulesStay &= !IsSeenInRules(before, _snapshot) && !IsSeenInRules(after, snapshot);
                    break;
                case Servers.Name or MacPools.Name or Credentials.Name:
                    break;
                default:
                    rulesStay = networksStay = false;
                    break;
            }
        }

        return _cache.After(rulesStay, networksStay);
    }

    /// <summary>True when rules of other ports may depend on an interface: on its tags, or because it is an appliance that copies are sent to.</summary>
    public static bool IsSeenInRules(Node? nic, Snapshot snapshot) =>
        nic is not null && (nic.References(SecurityTags.Property).Any() || snapshot.HoldersOf(nic).Any(holder => holder.Path.StartsWith(ServiceInsertions.Name, StringComparison.Ordinal)));

    private void Apply((Node? Before, Node? After)[] changes, IReadOnlyCollection<NicId> moved)
    {
        // The interfaces to look at again: what they were is known, so what they are now is all that is needed.
        Dictionary<Guid, Node?> again = [];
        foreach ((Node? before, Node? after) in changes)
        {
            switch ((after ?? before)!.Type.Name)
            {
                case NetworkInterfaces.Name:
                    if (before is not null && before.InstanceId != after?.InstanceId)
                    {
                        again[before.InstanceId] = null;
                    }

                    if (after is not null)
                    {
                        again[after.InstanceId] = after;
                    }

                    break;
                case VirtualNetworks.Name or LogicalNetworks.Name:
                    foreach (Node nic in InterfacesIn(before).Concat(InterfacesIn(after)))
                    {
                        _ = again.TryAdd(nic.InstanceId, nic);
                    }

                    break;
                case Servers.Name:
                    foreach (Node nic in ApplyServer(before, after))
                    {
                        _ = again.TryAdd(nic.InstanceId, nic);
                    }

                    break;
                default:
                    break;
            }
        }

        foreach (NicId nic in moved)
        {
            if (_byInterface.TryGetValue(nic.Value, out Machine? machine))
            {
                _ = again.TryAdd(nic.Value, machine.Nic);
            }
        }

        var changed = new List<(Machine? Before, Machine? After)>(again.Count);
        foreach ((Guid id, Node? nic) in again)
        {
            Machine? before = _byInterface.GetValueOrDefault(id);
            Machine? after = nic is null ? null : TryMachineOf(nic);
            Replace(before, after);
            changed.Add((before, after));
        }

        Changed = changed;
    }

    private IEnumerable<Node> InterfacesIn(Node? network) =>
        network is null ? [] : network.SelfAndDescendants().SelectMany(node => _snapshot.HoldersOf(node))
            .Where(holder => holder.Path == NetworkInterfaces.IpConfigurationPath).Select(holder => _snapshot.FindRoot(holder.Ref)).OfType<Node>();

    private Node[] ApplyServer(Node? before, Node? after)
    {
        if (before is not null)
        {
            _servers = _servers.Remove(before.InstanceId);
            _addresses = _addresses.Remove(before.InstanceId);
            ForgetMappingsOn(before);
        }

        if (after is not null)
        {
            _servers = _servers.SetItem(after.InstanceId, after);
            if (TryAddressesOf(after) is { } addresses)
            {
                _addresses = _addresses.SetItem(after.InstanceId, addresses);
            }

            ForgetMappingsOn(after);
        }

        if (before?.InstanceId == after?.InstanceId)
        {
            return [];
        }

        // It came or went, and with it the place of the ports that were said to be there.
        IEnumerable<Node> there = new[] { before, after }.OfType<Node>().SelectMany(server => _byServer[server.InstanceId]).Select(machine => machine.Nic);
        IEnumerable<Node> reported = _placements.Servers.Where(placed => placed.Value == before?.InstanceId || placed.Value == after?.InstanceId)
            .Select(placed => _byInterface.GetValueOrDefault(placed.Key.Value)?.Nic).OfType<Node>();
        IEnumerable<Node> told = new[] { before, after }.OfType<Node>().SelectMany(server => _snapshot.HoldersOf(server))
            .Where(holder => holder.Path == NetworkInterfaces.Name).Select(holder => _snapshot.FindRoot(holder.Ref)).OfType<Node>();
        return [.. there.Concat(reported).Concat(told).Select(nic => _snapshot.Find(nic.Ref)).OfType<Node>()];
    }

    private void ForgetMappingsOn(Node server)
    {
        foreach (Machine machine in _byServer[server.InstanceId].Where(machine => machine.Network is not null))
        {
            _cache.Mappings.TryRemove(machine.Network!.Key, out _);
        }
    }

    private void Replace(Machine? before, Machine? after)
    {
        if (before is not null)
        {
            _machines = _machines.Remove(before.Nic.Sequence);
            _byInterface = _byInterface.Remove(before.Id.Value);
            Place(before, added: false);
        }

        if (after is not null)
        {
            _machines = _machines.SetItem(after.Nic.Sequence, after);
            _byInterface = _byInterface.SetItem(after.Id.Value, after);
            Place(after, added: true);
        }

        if (after is null && before is not null)
        {
            _cache.Forget(before.Id.Value);
        }
    }

    private void Place(Machine machine, bool added)
    {
        if (machine.Server is { } server)
        {
            _byServer = added ? _byServer.With(server, machine) : _byServer.Without(server, machine);
        }

        if (machine.Network?.Key is not { } network)
        {
            return;
        }

        _byNetwork = added ? _byNetwork.With(network, machine) : _byNetwork.Without(network, machine);
        if (machine.Server is { } at)
        {
            _cache.Mappings.TryRemove(network, out _);
            ImmutableDictionary<Guid, int> servers = _serversIn.GetValueOrDefault(network) ?? ImmutableDictionary<Guid, int>.Empty;
            int count = servers.GetValueOrDefault(at) + (added ? 1 : -1);
            servers = count > 0 ? servers.SetItem(at, count) : servers.Remove(at);
            _serversIn = servers.IsEmpty ? _serversIn.Remove(network) : _serversIn.SetItem(network, servers);
        }
    }

    private ImmutableArray<ProviderAddress>? TryAddressesOf(Node server)
    {
        try
        {
            return PlanException.Blaming(server, () => AddressesOf(server));
        }
        catch (PlanException e)
        {
            _doubtfulServers[server.InstanceId] = e;
            return null;
        }
    }

    private static ImmutableArray<ProviderAddress> AddressesOf(Node server) =>
        ProviderAddress.TryParse((string?)server.Properties[Servers.UnmanagedVtep]?["address"], out ProviderAddress foreign)
            ? [foreign]
            : [.. server.ChildrenOf(Servers.Interfaces)
                .Select(nic => (string?)nic.Properties[Servers.ProviderAddress]?["address"])
                .OfType<string>()
                .Select(ProviderAddress.Parse)];

    private Machine? TryMachineOf(Node nic)
    {
        try
        {
            return PlanException.Blaming(nic, () => MachineOf(nic));
        }
        catch (PlanException e)
        {
            if (nic.ChildrenOf(IpConfigurations.Name).Select(c => c.Reference(IpConfigurations.Subnet)).OfType<string>().FirstOrDefault() is { } subnet)
            {
                _doubtfulNetworks[PlanException.RootKeyOf(subnet)] = e;
            }

            if (_placements.Servers.TryGetValue(new NicId(nic.InstanceId), out Guid server))
            {
                _doubtfulServers[server] = e;
            }

            return null;
        }
    }

    private Machine? MachineOf(Node nic)
    {
        Work.CountMachine();
        Node[] configurations = [.. nic.ChildrenOf(IpConfigurations.Name)];
        Node[] subnets = [.. configurations.Select(c => _snapshot.Find(c.Reference(IpConfigurations.Subnet))).OfType<Node>().DistinctBy(s => s.Key)];
        if (subnets.Length == 0 || !MacAddress.TryParse(nic.Text("privateMacAddress"), out MacAddress mac))
        {
            return null;
        }

        Node? network = subnets[0].Type.Path == VirtualNetworks.SubnetPath ? _snapshot.Find(PlanException.RootKeyOf(subnets[0].Ref)) : null;
        var id = new NicId(nic.InstanceId);
        Guid? server = _placements.Servers.TryGetValue(id, out Guid reported) && _servers.ContainsKey(reported) ? reported
            : _snapshot.Find(nic.Reference(NetworkInterfaces.Placement))?.InstanceId;
        return new Machine(
            nic,
            id,
            network,
            [.. subnets],
            network is null ? default : VirtualNetworks.VsidOf(subnets[0]),
            mac,
            [.. configurations.Select(c => c.Address(IpConfigurations.Address)).OfType<InetAddress>().Select(a => new CustomerAddress(a))],
            server);
    }
}
