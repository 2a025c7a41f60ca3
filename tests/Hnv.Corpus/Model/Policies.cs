using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Corpus.Model;

/// <summary>What one host's policy says, read anew for every question, the slow and obvious way.</summary>
internal sealed class ModelHost(HostPolicy policy, int underlayMtu)
{
    public HostPolicy Policy { get; private set; } = policy;

    public int UnderlayMtu { get; } = underlayMtu;

    /// <summary>Counts everything that makes the host judge its conversations anew.</summary>
    public int Generation { get; private set; }

    public Dictionary<NicId, ModelPort> Plugged { get; } = [];

    public void Install(HostPolicy policy)
    {
        Policy = policy;
        Generation++;
    }

    public void Attach(NicId nic)
    {
        Plugged.Add(nic, new ModelPort(nic));
        Generation++;
    }

    public void Detach(NicId nic)
    {
        Plugged.Remove(nic);
        Generation++;
    }

    public bool Owns(ProviderAddress provider) => Policy.ProviderAddresses.Any(own => own.Address == provider);

    public PortPolicy? PolicyOf(NicId nic) => Policy.Ports.FirstOrDefault(port => port.Nic == nic);

    /// <summary>The plugged port of that MAC in that virtual subnet.</summary>
    public ModelPort? PortAt(Vsid vsid, MacAddress mac) =>
        Policy.Ports.FirstOrDefault(port => port.Vsid == vsid && port.Mac == mac) is { } port ? Plugged.GetValueOrDefault(port.Nic) : null;

    public VirtualNetworkPolicy? NetworkOf(Vsid vsid) => Policy.VirtualNetworks.FirstOrDefault(network => network.Subnets.Any(subnet => subnet.Vsid == vsid));

    public VirtualSubnetPolicy SubnetOf(Vsid vsid) => NetworkOf(vsid)!.Subnets.First(subnet => subnet.Vsid == vsid);

    /// <summary>Networks that name each other.</summary>
    public IEnumerable<VirtualNetworkPolicy> PeersOf(VirtualNetworkPolicy network) => Policy.VirtualNetworks.Where(other =>
        other != network && network.Peers.Contains(other.RoutingDomain) && other.Peers.Contains(network.RoutingDomain));

    public CaPaMapping? Find(Vsid vsid, InetAddress address) =>
        Policy.Mappings.FirstOrDefault(mapping => mapping.Customer.Vsid == vsid && mapping.Customer.Address.Value == address);

    public CaPaMapping? Find(Vsid vsid, MacAddress mac) =>
        Policy.Mappings.FirstOrDefault(mapping => mapping.Customer.Vsid == vsid && mapping.Mac == mac);

    /// <summary>One mapping for each NIC of a subnet that has an address of the family.</summary>
    public IEnumerable<CaPaMapping> Members(Vsid vsid, bool isIPv4) => Policy.Mappings
        .Where(mapping => mapping.Customer.Vsid == vsid && mapping.Customer.Address.Value.IsIPv4 == isIPv4)
        .DistinctBy(mapping => mapping.Mac);

    /// <summary>May packets of the subnet come from that provider address?</summary>
    public bool Accepts(Vsid vsid, ProviderAddress source)
    {
        VirtualNetworkPolicy network = NetworkOf(vsid)!;
        HashSet<Vsid> joined = [.. PeersOf(network).Append(network).SelectMany(each => each.Subnets).Select(subnet => subnet.Vsid)];
        HashSet<ProviderAddress> known = [.. Policy.Mappings.Where(mapping => joined.Contains(mapping.Customer.Vsid)).Select(mapping => mapping.Provider)];
        return known.Contains(source) || Policy.Teams.Any(team => team.Members.Contains(source) && team.Members.Any(known.Contains));
    }

    /// <summary>The host's own addresses that packets of a port may leave from, toward provider addresses of a family.</summary>
    public ProviderAddress[] SourcesOf(PortPolicy port, bool isIPv4)
    {
        ProviderAddress[] own = [.. Policy.ProviderAddresses.Select(each => each.Address).Where(address => address.Value.IsIPv4 == isIPv4)];
        if (Find(port.Vsid, port.Mac)?.Provider is { } mapped && own.Contains(mapped))
        {
            ProviderAddress[] team = [.. own.Where(address => Policy.Teams.Any(each => each.Members.Contains(mapped) && each.Members.Contains(address)))];
            return team.Length > 1 ? team : [mapped];
        }

        return own;
    }

    /// <summary>The route for a destination: the longest prefix; of equal ones the owner's first, then the network's own, then its peers'.</summary>
    public UserRoute? RouteOf(Vsid vsid, InetAddress destination, out Vsid towards)
    {
        VirtualNetworkPolicy network = NetworkOf(vsid)!;
        List<(UserRoute Route, Vsid Vsid)> routes = [];
        foreach (UserRoute route in SubnetOf(vsid).Routes)
        {
            Vsid? at = route.Kind switch
            {
                UserRouteKind.VnetLocal => network.Subnets.FirstOrDefault(own => own.Prefixes.Any(part => part.Prefix.Contains(route.Prefix)))?.Vsid,
                UserRouteKind.VirtualAppliance => network.Subnets.First(own => own.Contains(route.NextHop!.Value)).Vsid,
                _ => default(Vsid),
            };
            if (at is { } known)
            {
                routes.Add((route, known));
            }
        }

        foreach (VirtualSubnetPolicy subnet in network.Subnets.Concat(PeersOf(network).SelectMany(peer => peer.Subnets)))
        {
            routes.AddRange(subnet.Prefixes.Select(part => (new UserRoute(part.Prefix, UserRouteKind.VnetLocal, null), subnet.Vsid)));
        }

        (UserRoute? best, towards) = routes.Where(route => route.Route.Prefix.Contains(destination)).OrderByDescending(route => route.Route.Prefix.Length).FirstOrDefault();
        return best;
    }
}

/// <summary>What one port's rules say of a packet.</summary>
internal static class PortRules
{
    /// <summary>Both levels must consent; in each the first rule that matches decides, and silence is consent.</summary>
    public static bool Admits(HostPolicy policy, PortPolicy port, TenantPacket packet, bool isOutbound)
    {
        if (policy.Settings.PortDefault == PortDefaultState.AllowTraffic)
        {
            return true;
        }

        if (policy.Settings.PortDefault == PortDefaultState.BlockTraffic && port.Rules.IsEmpty)
        {
            return false;
        }

        return Consents(AclLevel.Subnet) && Consents(AclLevel.NetworkInterface);

        bool Consents(AclLevel level) => port.Rules
            .Where(rule => rule.Level == level && rule.Direction == (isOutbound ? Direction.Outbound : Direction.Inbound))
            .OrderBy(rule => rule.Priority)
            .FirstOrDefault(rule => Matches(packet, rule.Protocol, rule.Sources, rule.Destinations, rule.SourcePorts, rule.DestinationPorts))
            is not { Action: AclAction.Block };
    }

    /// <summary>The translation of a packet that belongs to no conversation.</summary>
    public static NatRule? Translation(PortPolicy port, TenantPacket packet, bool isOutbound) => port.Nat
        .Where(rule => rule.Kind switch
        {
            NatKind.Static or NatKind.Prefix => true,
            NatKind.Destination => !isOutbound,
            _ => isOutbound,
        })
        .OrderBy(rule => rule.Priority)
        .FirstOrDefault(rule => Matches(rule, packet, isOutbound));

    public static bool Matches(NatRule rule, TenantPacket packet, bool isOutbound)
    {
        IEnumerable<PortRange> ports = rule.Ports == PortRange.All ? [] : [rule.Ports];
        return rule.External[0].IsIPv4 == packet.IsIPv4 && rule.Kind switch
        {
            NatKind.Destination or NatKind.LoadBalance => Matches(packet, rule.Protocol, rule.Kind == NatKind.Destination ? rule.Remote : [], rule.External, [], ports),
            _ when isOutbound => Matches(packet, rule.Protocol, rule.Internal, rule.Remote, [], []),
            _ => Matches(packet, rule.Protocol, rule.Remote, rule.External, [], []),
        };
    }

    /// <summary>The appliance that a packet is copied to.</summary>
    public static TenantEndpoint? Mirror(PortPolicy port, TenantPacket packet) => port.Mirrors
        .OrderBy(rule => rule.Priority)
        .FirstOrDefault(rule => Matches(packet, rule.Protocol, rule.Sources, rule.Destinations, rule.SourcePorts, rule.DestinationPorts))?.Appliance;

    /// <summary>The other face of an address that one prefix stands for another in; null where RFC 6296 has none.</summary>
    public static InetAddress? Exchange(InetAddress address, IpPrefix from, IpPrefix to, bool isNeutral)
    {
        byte[] bytes = new byte[16], target = new byte[16], source = new byte[16];
        int skip = address.IsIPv4 ? 12 : 0;
        address.Write(bytes.AsSpan(skip));
        to.Address.Write(target.AsSpan(skip));
        from.Address.Write(source.AsSpan(skip));
        for (int bit = 0; bit < to.Length; bit++)
        {
            int at = skip + (bit / 8), mask = 0x80 >> (bit % 8);
            bytes[at] = (byte)((bytes[at] & ~mask) | (target[at] & mask));
        }

        if (isNeutral)
        {
            // RFC 6296 §3.1: one word behind the prefix makes up for the difference of the prefixes. Ours are of at most 48 bits.
            int difference = Minus(FrameBuilder.FoldedSum(source), FrameBuilder.FoldedSum(target));
            int word = (bytes[6] << 8) | bytes[7];
            if (word == 0xFFFF)
            {
                return null;
            }

            word = Plus(word, difference);
            word = word == 0xFFFF ? 0 : word;
            (bytes[6], bytes[7]) = ((byte)(word >> 8), (byte)word);
        }

        return address.IsIPv4 ? InetAddress.ReadIPv4(bytes.AsSpan(12)) : InetAddress.ReadIPv6(bytes);
    }

    private static int Plus(int a, int b) => ((a + b) & 0xFFFF) + ((a + b) >> 16);

    private static int Minus(int a, int b) => Plus(a, ~b & 0xFFFF);

    private static bool Matches(
        TenantPacket packet,
        byte? protocol,
        IEnumerable<IpPrefix> sources,
        IEnumerable<IpPrefix> destinations,
        IEnumerable<PortRange> sourcePorts,
        IEnumerable<PortRange> destinationPorts) =>
        (protocol is null || protocol == packet.Protocol)
        && Holds(sources, packet.Source)
        && Holds(destinations, packet.Destination)
        && HoldsPort(sourcePorts, packet, packet.SourcePort)
        && HoldsPort(destinationPorts, packet, packet.DestinationPort);

    private static bool Holds(IEnumerable<IpPrefix> prefixes, InetAddress address) => !prefixes.Any() || prefixes.Any(prefix => prefix.Contains(address));

    private static bool HoldsPort(IEnumerable<PortRange> ranges, TenantPacket packet, ushort port)
    {
        // A list that holds the range of all ports says nothing of ports.
        return !ranges.Any() || ranges.Contains(PortRange.All) || (packet.HasPorts && ranges.Any(range => port >= range.First && port <= range.Last));
    }
}
