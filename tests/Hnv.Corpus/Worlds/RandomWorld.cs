using System.Collections.Immutable;
using System.Globalization;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Corpus.Worlds;

/// <summary>
/// A random datacenter of a seed: tenants that all use the same few addresses and MACs, with everything a policy can say, always rightly. It changes
/// when told to, and writes the policy of each host as a controller would.
/// </summary>
public sealed class RandomWorld
{
    /// <summary>The distributed router's MAC.</summary>
    public static readonly MacAddress RouterMac = MacAddress.Parse("00-1D-D8-B7-1C-00");

    private const int NetworkCount = 6;
    private readonly Random _random;
    private readonly List<WorldNetwork> _networks = [];
    private readonly List<WorldNic> _nics = [];
    private readonly HostSettings[] _settings;
    private int _rules;

    /// <summary>The datacenter of a seed.</summary>
    public RandomWorld(int seed, int hosts = 3)
    {
        _random = new Random(seed);
        HostCount = hosts;
        _settings = [.. Enumerable.Range(0, hosts).Select(_ => HostSettings.Default)];
        uint vsid = 5000;
        for (int network = 0; network < NetworkCount; network++)
        {
            vsid = AddNetwork(network, vsid);
        }

        foreach (WorldNic nic in _nics)
        {
            nic.Rules = RandomAcl(nic);
            nic.Nat = Chance(3) ? RandomNat(nic) : [];
            nic.Mirrors = Chance(8) ? RandomMirror(nic) : [];
        }

        foreach (WorldNetwork network in _networks)
        {
            RandomRoutes(network);
        }

        if (Chance(2))
        {
            _settings[0] = _settings[0] with { OuterDscp = 46 };
        }

        if (Chance(4))
        {
            _settings[1] = _settings[1] with { PortDefault = PortDefaultState.AllowTraffic };
        }
    }

    /// <summary>Hosts.</summary>
    public int HostCount { get; }

    /// <summary>Every NIC, plugged in or not.</summary>
    public IReadOnlyList<WorldNic> Nics => _nics;

    /// <summary>Every virtual network.</summary>
    public IReadOnlyList<WorldNetwork> Networks => _networks;

    /// <summary>The provider addresses of a host: one of IPv4, on the last host a team of two, and one of IPv6.</summary>
    public ImmutableArray<ProviderAddress> ProvidersOf(int host)
    {
        string number = (host + 1).ToString(CultureInfo.InvariantCulture);
        ProviderAddress first = ProviderAddress.Parse($"192.168.{number}.10"), six = ProviderAddress.Parse($"fd00:a:{number}::10");
        return host == HostCount - 1 ? [first, ProviderAddress.Parse($"192.168.{number}.11"), six] : [first, six];
    }

    /// <summary>What a host has to know.</summary>
    public HostPolicy PolicyOf(int host)
    {
        WorldNic[] here = [.. _nics.Where(nic => nic.Host == host)];
        HashSet<WorldNetwork> networks = [.. here.Select(nic => nic.Network)];
        networks.UnionWith([.. networks.Select(network => network.Peer).OfType<WorldNetwork>()]);
        ImmutableArray<ProviderAddress> team = ProvidersOf(HostCount - 1);
        return new HostPolicy(
            1,
            RouterMac,
            [.. ProvidersOf(host).Select((address, member) => new ProviderAddressPolicy(
                member, address, IpPrefix.Create(address.Value, address.Value.IsIPv4 ? 24 : 64), MacAddress.FromNumber(0x0200_0000_F000u + (uint)member), 0, null, []))],
            [.. _networks.Where(networks.Contains).Select(network => network.ToPolicy())],
            [.. _nics.Where(nic => networks.Contains(nic.Network)).SelectMany(nic => nic.ToMappings(ProvidersOf(nic.Host)))],
            [.. here.Select(nic => nic.ToPolicy())])
        {
            Settings = _settings[host],
            Teams = [new ProviderTeam([team[0], team[1]])],
        };
    }

    /// <summary>Changes something, on which the hosts' policies have to follow.</summary>
    public void Change()
    {
        WorldNic nic = Pick(_nics);
        switch (_random.Next(10))
        {
            case 0 or 1 or 2:
                nic.Rules = RandomAcl(nic);
                break;
            case 3:
                nic.Rules = [];
                break;
            case 4 or 5:
                nic.Nat = Chance(3) ? [] : RandomNat(nic);
                break;
            case 6:
                RandomRoutes(nic.Network);
                break;
            case 7:
                nic.Host = _random.Next(HostCount);
                break;
            case 8:
                nic.IsPlugged = !nic.IsPlugged || Chance(2);
                break;
            default:
                nic.Encapsulation = nic.Encapsulation == EncapsulationType.Vxlan ? EncapsulationType.Nvgre : EncapsulationType.Vxlan;
                break;
        }

        // Who moves takes along what others would copy their packets to: an appliance is in the mirror rules of its own network only.
        foreach (WorldNic other in _nics.Where(other => other.Mirrors.Length > 0 && Chance(20)))
        {
            other.Mirrors = [];
        }
    }

    private uint AddNetwork(int index, uint vsid)
    {
        // The first two are peers, so their prefixes differ; all others have the same.
        string second = index == 1 ? "2" : "1";
        int subnets = _random.Next(1, 4);
        List<WorldSubnet> made = [];
        for (int subnet = 0; subnet < subnets; subnet++)
        {
            IpPrefix four = IpPrefix.Parse($"10.{second}.{subnet}.0/24"), six = IpPrefix.Parse($"fd00:{second}:{subnet}::/48");
            IpPrefix[] prefixes = _random.Next(4) switch
            {
                0 => [four],
                1 => [six],
                _ => [four, six],
            };
            made.Add(new WorldSubnet(Vsid.Create(vsid++), prefixes));
        }

        WorldNetwork network = new(index, made) { HasRouter = index != 5 || Chance(2) };
        _networks.Add(network);
        if (index == 1)
        {
            (network.Peer, _networks[0].Peer) = (_networks[0], network);
        }

        for (int subnet = 0; subnet < subnets; subnet++)
        {
            int count = _random.Next(2, 5);
            for (int number = 0; number < count; number++)
            {
                AddNic(network, made[subnet], subnet, number + 2);
            }
        }

        return vsid;
    }

    private void AddNic(WorldNetwork network, WorldSubnet subnet, int subnetIndex, int number)
    {
        List<InetAddress> addresses = [];
        foreach (IpPrefix prefix in subnet.Prefixes)
        {
            if (subnet.Prefixes.Count == 1 || !Chance(5) || (addresses.Count == 0 && prefix == subnet.Prefixes[^1]))
            {
                addresses.Add(At(prefix, number));
                if (Chance(6))
                {
                    addresses.Add(At(prefix, number + 100));
                }
            }
        }

        _nics.Add(new WorldNic(
            new NicId(new Guid(network.Index, (short)subnetIndex, (short)number, 0, 0, 0, 0, 0, 0, (byte)((network.Index << 4) | subnetIndex), (byte)number)),
            network,
            subnet,
            MacAddress.FromNumber(0x0200_0000_0000u + ((uint)subnetIndex << 8) + (uint)number),
            [.. addresses.Select(address => new CustomerAddress(address))])
        {
            Host = _random.Next(HostCount),
            UsesSixPa = Chance(5),
            Encapsulation = Chance(3) ? EncapsulationType.Nvgre : EncapsulationType.Vxlan,
            MaySpoof = Chance(10),
            IsPlugged = !Chance(15),
        });
    }

    private ImmutableArray<AclRule> RandomAcl(WorldNic nic)
    {
        if (Chance(3))
        {
            return [];
        }

        List<AclRule> rules = [];
        int count = _random.Next(1, 8);
        for (int i = 0; i < count; i++)
        {
            byte? protocol = _random.Next(6) switch
            {
                0 => 1,
                1 => 6,
                2 => 17,
                3 => 58,
                _ => null,
            };
            bool isBlock = Chance(2);
            rules.Add(new AclRule(
                $"r{_rules++}",
                Chance(2) ? AclLevel.Subnet : AclLevel.NetworkInterface,
                Chance(2) ? Direction.Outbound : Direction.Inbound,
                isBlock ? AclAction.Block : AclAction.Allow,
                101 + i,
                protocol,
                RandomPrefixes(nic),
                RandomPrefixes(nic),
                RandomPorts(),
                RandomPorts(),
                false));
        }

        return [.. rules];
    }

    private ImmutableArray<IpPrefix> RandomPrefixes(WorldNic nic) => _random.Next(5) switch
    {
        0 or 1 => [],
        2 => [PrefixOf(Pick(_nics.Where(other => other.Network == nic.Network)))],
        3 => [.. Pick(nic.Network.Subnets).Prefixes],
        _ => [PrefixOf(Pick(_nics.Where(other => other.Network == nic.Network))), IpPrefix.Parse("10.0.0.0/8")],
    };

    private ImmutableArray<PortRange> RandomPorts() => _random.Next(5) switch
    {
        0 => [new PortRange(80, 80)],
        1 => [new PortRange(0, 1023), new PortRange(5000, 5100)],
        2 => [PortRange.All],
        _ => [],
    };

    private ImmutableArray<NatRule> RandomNat(WorldNic nic)
    {
        List<NatRule> rules = [];
        foreach (CustomerAddress own in nic.Addresses.DistinctBy(address => address.Value.IsIPv4))
        {
            bool isIPv4 = own.Value.IsIPv4;
            IpPrefix prefix = nic.Subnet.Prefixes.First(each => each.Contains(own.Value));
            IpPrefix mine = IpPrefix.Create(own.Value, isIPv4 ? 32 : 128), outside = IpPrefix.Create(nic.ExternalOf(prefix), isIPv4 ? 32 : 128);
            IpPrefix virtualAddress = IpPrefix.Create(At(prefix, 250), isIPv4 ? 32 : 128);
            byte? protocol = _random.Next(3) switch
            {
                0 => 17,
                1 => 6,
                _ => null,
            };
            WorldNic[] others = [.. _nics.Where(other => other.Network == nic.Network && other.Addresses.Any(address => address.Value.IsIPv4 == isIPv4))];
            ImmutableArray<IpPrefix> remote = Chance(3) ? [.. Pick(others).Subnet.Prefixes.Where(each => each.IsIPv4 == isIPv4)] : [];
            PortRange pool = new(5000, (ushort)(5000 + _random.Next(0, 10)));
            string id = $"n{_rules++}";
            rules.Add(_random.Next(5) switch
            {
                0 => new NatRule(id, NatKind.Static, 100, protocol, [mine], [outside], remote, PortRange.All, []),
                1 => new NatRule(id, NatKind.Source, 100, protocol ?? 17, Chance(2) ? [mine] : [], [outside], remote, pool, []),
                2 => new NatRule(id, NatKind.Destination, 100, protocol, [], [outside], remote, Chance(2) ? new PortRange(8080, 8080) : PortRange.All, [new NatTarget(own.Value, (ushort)(Chance(2) ? 80 : 0))]),
                3 when !isIPv4 => new NatRule(id, NatKind.Prefix, 100, null, [prefix], [IpPrefix.Parse("fd00:99::/48")], remote, PortRange.All, []),
                _ => new NatRule(
                    id, NatKind.LoadBalance, 100, protocol, [], [virtualAddress], [], Chance(2) ? new PortRange(80, 80) : PortRange.All,
                    [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => new NatTarget(
                        Pick(others).Addresses.First(address => address.Value.IsIPv4 == isIPv4).Value, (ushort)(Chance(2) ? 80 : 0))).Distinct()]),
            });
        }

        return [.. rules];
    }

    private ImmutableArray<MirrorRule> RandomMirror(WorldNic nic)
    {
        WorldNic appliance = Pick(_nics.Where(other => other.Network == nic.Network));
        return appliance == nic || appliance.Mirrors.Length > 0 || _nics.Any(other => other.Mirrors.Any(rule => rule.Appliance == nic.Endpoint))
            ? []
            : [new MirrorRule("m", 100, Chance(2) ? (byte)17 : null, [], RandomPrefixes(nic), [], RandomPorts(), appliance.Endpoint)];
    }

    private void RandomRoutes(WorldNetwork network)
    {
        foreach (WorldSubnet subnet in network.Subnets)
        {
            subnet.Routes = Chance(2) ? [] : [.. Enumerable.Range(0, _random.Next(1, 4)).Select(_ => RandomRoute(network))];
        }
    }

    private UserRoute RandomRoute(WorldNetwork network)
    {
        WorldNic target = Pick(_nics.Where(nic => nic.Network == network));
        CustomerAddress hop = Pick(Pick(_nics.Where(nic => nic.Network == network)).Addresses);
        IpPrefix prefix = _random.Next(4) switch
        {
            0 => PrefixOf(target),
            1 => target.Subnet.Prefixes[0],
            2 => IpPrefix.Parse(hop.Value.IsIPv4 ? "0.0.0.0/0" : "::/0"),
            _ => IpPrefix.Parse(hop.Value.IsIPv4 ? "192.0.2.0/24" : "2001:db8::/32"),
        };
        return _random.Next(4) switch
        {
            0 => new UserRoute(prefix, UserRouteKind.None, null),
            1 => new UserRoute(prefix, UserRouteKind.VnetLocal, null),
            2 => new UserRoute(prefix, UserRouteKind.Internet, null),
            _ => prefix.IsIPv4 == hop.Value.IsIPv4 ? new UserRoute(prefix, UserRouteKind.VirtualAppliance, hop) : new UserRoute(prefix, UserRouteKind.None, null),
        };
    }

    private static IpPrefix PrefixOf(WorldNic nic) => IpPrefix.Create(nic.Addresses[0].Value, nic.Addresses[0].Value.IsIPv4 ? 32 : 128);

    internal static InetAddress At(IpPrefix prefix, int number) => InetAddress.FromNumbers(prefix.Address.High, prefix.Address.Low + (ulong)number);

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    private T Pick<T>(IEnumerable<T> from)
    {
        T[] all = [.. from];
        return all[_random.Next(all.Length)];
    }
}

/// <summary>A virtual network of a <see cref="RandomWorld"/>.</summary>
public sealed class WorldNetwork(int index, IReadOnlyList<WorldSubnet> subnets)
{
    /// <summary>Its number.</summary>
    public int Index { get; } = index;

    /// <summary>Its subnets.</summary>
    public IReadOnlyList<WorldSubnet> Subnets { get; } = subnets;

    /// <summary>The network it is joined with.</summary>
    public WorldNetwork? Peer { get; set; }

    /// <summary>The distributed router is on.</summary>
    public bool HasRouter { get; init; }

    internal VirtualNetworkPolicy ToPolicy() => new(
        IdOf(this), $"n{Index}", HasRouter,
        [.. Subnets.Select(subnet => new VirtualSubnetPolicy(
            subnet.Vsid, new Guid((int)subnet.Vsid.Value, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), $"{subnet.Vsid}", subnet.Prefixes[0], GatewayOf(subnet.Prefixes[0]))
        {
            DualStack = subnet.Prefixes.Count > 1 ? new SubnetPrefix(subnet.Prefixes[1], GatewayOf(subnet.Prefixes[1])) : null,
            Routes = subnet.Routes,
        })])
    {
        Peers = Peer is null ? [] : [IdOf(Peer)],
    };

    private static RoutingDomainId IdOf(WorldNetwork network) => new(new Guid(network.Index + 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0));

    private static CustomerAddress GatewayOf(IpPrefix prefix) => new(RandomWorld.At(prefix, 1));
}

/// <summary>A virtual subnet of a <see cref="RandomWorld"/>.</summary>
public sealed class WorldSubnet(Vsid vsid, IReadOnlyList<IpPrefix> prefixes)
{
    /// <summary>Its VSID.</summary>
    public Vsid Vsid { get; } = vsid;

    /// <summary>One prefix, or one of each family.</summary>
    public IReadOnlyList<IpPrefix> Prefixes { get; } = prefixes;

    /// <summary>Its owner's routes.</summary>
    public ImmutableArray<UserRoute> Routes { get; set; } = [];
}

/// <summary>A NIC of a <see cref="RandomWorld"/>.</summary>
public sealed class WorldNic(NicId id, WorldNetwork network, WorldSubnet subnet, MacAddress mac, ImmutableArray<CustomerAddress> addresses)
{
    /// <summary>Its identity.</summary>
    public NicId Id { get; } = id;

    /// <summary>Its network.</summary>
    public WorldNetwork Network { get; } = network;

    /// <summary>Its subnet.</summary>
    public WorldSubnet Subnet { get; } = subnet;

    /// <summary>Its MAC; those of other tenants are the same.</summary>
    public MacAddress Mac { get; } = mac;

    /// <summary>Its addresses.</summary>
    public ImmutableArray<CustomerAddress> Addresses { get; } = addresses;

    /// <summary>The host it is on.</summary>
    public int Host { get; set; }

    /// <summary>It is plugged in there.</summary>
    public bool IsPlugged { get; set; } = true;

    /// <summary>It may use other MACs and addresses than its own.</summary>
    public bool MaySpoof { get; init; }

    /// <summary>It is mapped to its host's IPv6 address.</summary>
    public bool UsesSixPa { get; init; }

    /// <summary>How it is reached.</summary>
    public EncapsulationType Encapsulation { get; set; }

    /// <summary>Its firewall.</summary>
    public ImmutableArray<AclRule> Rules { get; set; } = [];

    /// <summary>Its translations.</summary>
    public ImmutableArray<NatRule> Nat { get; set; } = [];

    /// <summary>Its mirrors.</summary>
    public ImmutableArray<MirrorRule> Mirrors { get; set; } = [];

    /// <summary>Its first address with its VSID.</summary>
    public TenantEndpoint Endpoint => new(Subnet.Vsid, Addresses[0]);

    /// <summary>The address by which translations of this NIC are known in a prefix of its subnet.</summary>
    public InetAddress ExternalOf(IpPrefix prefix) => RandomWorld.At(prefix, 200 + (int)(Mac.Value & 0xF));

    internal PortPolicy ToPolicy() => new(
        Id, Id.ToString()[^4..], Subnet.Vsid, Mac, Addresses, PortSettings.Default with { MacSpoofing = MaySpoof }, Rules)
    {
        Nat = Nat,
        Mirrors = Mirrors,
        Dhcp = null,
    };

    internal IEnumerable<CaPaMapping> ToMappings(ImmutableArray<ProviderAddress> providers) =>
        Addresses.Select(address => address.Value)
            .Concat(Subnet.Prefixes.Where(prefix => Addresses.Any(address => address.Value.IsIPv4 == prefix.IsIPv4)).Select(ExternalOf))
            .Select(address => new CaPaMapping(
                new TenantEndpoint(Subnet.Vsid, new CustomerAddress(address)), Mac, UsesSixPa ? providers[^1] : providers[0], Encapsulation));
}
