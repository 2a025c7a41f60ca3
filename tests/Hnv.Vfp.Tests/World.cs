using System.Collections.Immutable;
using System.Globalization;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Vfp.Tests;

/// <summary>
/// A small datacenter as a test tells it: networks, subnets, NICs on hosts. It writes the policy of each host, as a controller would, and makes hosts
/// that run it.
/// </summary>
internal sealed class World
{
    public static readonly MacAddress RouterMac = MacAddress.Parse("00-1D-D8-B7-1C-00");
    public static readonly ProviderAddress Host1 = ProviderAddress.Parse("192.168.1.10");
    public static readonly ProviderAddress Host2 = ProviderAddress.Parse("192.168.2.20");

    private readonly List<Network> _networks = [];
    private readonly List<Nic> _nics = [];

    public IReadOnlyList<Nic> Nics => _nics;

    public IReadOnlyList<Network> Networks => _networks;

    /// <summary>Figure 8: Contoso 5001 and Fabrikam 6001, each SQL on host 1 and Web on host 2, all with the same addresses.</summary>
    public static World Figure8()
    {
        World world = new();
        world.AddNetwork("contoso", (5001, "10.1.1.0/24"));
        world.AddNetwork("fabrikam", (6001, "10.1.1.0/24"));
        world.AddNic("contoso-sql", 5001, "00-1D-D8-B7-1C-06", Host1, "10.1.1.11");
        world.AddNic("contoso-web", 5001, "00-1D-D8-B7-1C-07", Host2, "10.1.1.12");
        world.AddNic("fabrikam-sql", 6001, "00-1D-D8-B7-1C-06", Host1, "10.1.1.11");
        world.AddNic("fabrikam-web", 6001, "00-1D-D8-B7-1C-07", Host2, "10.1.1.12");
        return world;
    }

    /// <summary>Figure 2: three subnets of one routing domain, and a second routing domain of the same tenant.</summary>
    public static World Figure2()
    {
        World world = new();
        world.AddNetwork("r-and-d", (5001, "10.1.1.0/24"), (5002, "10.1.2.0/24"), (5003, "10.1.3.0/24"));
        world.AddNetwork("sales", (5004, "10.1.4.0/24"));
        world.AddNic("a", 5001, "00-1D-D8-B7-1C-11", Host1, "10.1.1.11");
        world.AddNic("b", 5002, "00-1D-D8-B7-1C-12", Host1, "10.1.2.11");
        world.AddNic("c", 5003, "00-1D-D8-B7-1C-13", Host2, "10.1.3.11");
        world.AddNic("d", 5001, "00-1D-D8-B7-1C-14", Host2, "10.1.1.12");
        world.AddNic("other", 5004, "00-1D-D8-B7-1C-15", Host1, "10.1.4.11");
        return world;
    }

    public void AddNetwork(string name, params (uint Vsid, string Prefix)[] subnets) =>
        _networks.Add(new Network(name, subnets));

    public Nic AddNic(string name, uint vsid, string mac, ProviderAddress host, params string[] addresses)
    {
        Nic nic = new(name, vsid, MacAddress.Parse(mac), host, addresses);
        _nics.Add(nic);
        return nic;
    }

    public Nic this[string name] => _nics.Single(nic => nic.Name == name);

    public Network NetworkOf(uint vsid) => _networks.Single(network => network.Subnets.Any(subnet => subnet.Vsid == vsid));

    /// <summary>What the controller would tell a host.</summary>
    public HostPolicy PolicyOf(ProviderAddress host)
    {
        Nic[] here = [.. _nics.Where(nic => nic.Host == host)];
        Network[] networks = [.. _networks.Where(network => here.Any(nic => network.Subnets.Any(subnet => subnet.Vsid == nic.Vsid)))];
        return new HostPolicy(
            1,
            RouterMac,
            [new ProviderAddressPolicy(0, host, IpPrefix.Create(host.Value, 24), MacAddress.Parse("00-1D-D8-B7-1C-F0"), 0, null, [])],
            [.. networks.Select(network => network.ToPolicy())],
            [.. _nics.Where(nic => networks.Any(network => network.Subnets.Any(subnet => subnet.Vsid == nic.Vsid))).SelectMany(nic => nic.ToMappings())],
            [.. here.Select(nic => nic.ToPolicy())]);
    }

    /// <summary>A host with all its ports plugged in.</summary>
    public TestHost Start(ProviderAddress host) => Start(host, null);

    /// <summary>A host some of whose flows are carried out elsewhere.</summary>
    public TestHost Start(ProviderAddress host, IFlowOffload? offload)
    {
        TestHost started = new();
        started.Switch.Offload = offload;
        foreach (Nic nic in _nics.Where(nic => nic.Host == host))
        {
            started.Attach(nic);
        }

        started.Install(PolicyOf(host));
        return started;
    }

    internal sealed record Network(string Name, IReadOnlyList<(uint Vsid, string Prefix)> Subnets)
    {
        public bool DistributedRouter { get; set; } = true;

        /// <summary>The second prefix of subnets that have one, by VSID.</summary>
        public IReadOnlyDictionary<uint, string> DualStack { get; set; } = new Dictionary<uint, string>();

        public VirtualNetworkPolicy ToPolicy() => new(
            new RoutingDomainId(IdOf(Name)),
            Name,
            DistributedRouter,
            [.. Subnets.Select(subnet => new VirtualSubnetPolicy(
                Primitives.Vsid.Create(subnet.Vsid),
                IdOf($"{Name}/{subnet.Vsid}"),
                subnet.Vsid.ToString(CultureInfo.InvariantCulture),
                IpPrefix.Parse(subnet.Prefix),
                GatewayOf(subnet.Prefix))
            {
                DualStack = DualStack.TryGetValue(subnet.Vsid, out string? second) ? new SubnetPrefix(IpPrefix.Parse(second), GatewayOf(second)) : null,
            })]);
    }

    internal sealed record Nic(string Name, uint Vsid, MacAddress Mac, ProviderAddress Host, IReadOnlyList<string> Addresses)
    {
        public NicId Id { get; } = new(IdOf(Name));

        public InetAddress Address => InetAddress.Parse(Addresses[0]);

        public PortSettings Settings { get; set; } = PortSettings.Default;

        public ImmutableArray<IpPrefix> AllowedAddresses { get; set; } = [];

        public DhcpPolicy? Dhcp { get; set; } = DhcpPolicy.Default;

        public ImmutableArray<AclRule> Rules { get; set; } = [];

        public ImmutableArray<NatRule> Nat { get; set; } = [];

        public ImmutableArray<MirrorRule> Mirrors { get; set; } = [];

        public PortQos Qos { get; set; } = PortQos.None;

        public EncapsulationType Encapsulation { get; set; } = EncapsulationType.Vxlan;

        public PortPolicy ToPolicy() => new(
            Id, Name, Primitives.Vsid.Create(Vsid), Mac, [.. Addresses.Select(CustomerAddress.Parse)], Settings, Rules)
        {
            AllowedAddresses = AllowedAddresses,
            Dhcp = Dhcp,
            Nat = Nat,
            Mirrors = Mirrors,
            Qos = Qos,
        };

        public IEnumerable<CaPaMapping> ToMappings() => Addresses.Select(address => new CaPaMapping(
            new TenantEndpoint(Primitives.Vsid.Create(Vsid), CustomerAddress.Parse(address)), Mac, Host, Encapsulation));
    }

    private static CustomerAddress GatewayOf(string prefix)
    {
        InetAddress lowest = IpPrefix.Parse(prefix).Address;
        return new CustomerAddress(InetAddress.FromNumbers(lowest.High, lowest.Low + 1));
    }

    private static Guid IdOf(string name)
    {
        byte[] bytes = new byte[16];
        int i = 0;
        foreach (char c in name)
        {
            bytes[i % 16] = (byte)((bytes[i % 16] * 31) + c + i);
            i++;
        }

        return new Guid(bytes);
    }
}
