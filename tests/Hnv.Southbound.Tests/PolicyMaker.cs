using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound.Tests;

/// <summary>Any policy that does not contradict itself, in canonical order. Small numbers, so that one policy shares much with the next.</summary>
internal sealed class PolicyMaker(int seed)
{
    private readonly Random _random = new(seed);

    public HostPolicy Make()
    {
        ImmutableArray<VirtualNetworkPolicy> networks = Peered([.. Enumerable.Range(1, _random.Next(4)).Select(Network)]);
        VirtualSubnetPolicy[] subnets = [.. networks.SelectMany(network => network.Subnets)];
        return new HostPolicy(
            0,
            Flip() ? Mac() : null,
            [.. Enumerable.Range(0, _random.Next(3)).Select(ProviderAddressOf)],
            networks,
            [.. subnets.OrderBy(subnet => subnet.Vsid).SelectMany(Mappings)],
            [.. subnets.SelectMany(Ports).Concat(Enumerable.Range(0, _random.Next(2)).Select(PlainPort)).OrderBy(port => port.Nic.Value)])
        {
            Settings = new HostSettings((PortDefaultState)_random.Next(3), Flip() ? (byte)_random.Next(64) : null, _random.Next(2) * 10_000),
            Teams = [.. Enumerable.Range(1, _random.Next(3)).Select(host => new ProviderTeam(
                [.. Enumerable.Range(10, 2 + _random.Next(2)).Select(member => ProviderAddress.Parse($"192.168.{host}.{member}"))]))],
        };
    }

    private ImmutableArray<VirtualNetworkPolicy> Peered(ImmutableArray<VirtualNetworkPolicy> networks)
    {
        if (networks.Length < 2 || Flip())
        {
            return networks;
        }

        (VirtualNetworkPolicy one, VirtualNetworkPolicy other) = (networks[0], networks[1]);
        return networks
            .SetItem(0, one with { Peers = [other.RoutingDomain] })
            .SetItem(1, other with { Peers = [one.RoutingDomain] });
    }

    private VirtualNetworkPolicy Network(int number)
    {
        bool v6 = Flip();
        VirtualSubnetPolicy[] subnets = [.. Enumerable.Range(1, _random.Next(4)).Select(subnet => Subnet(number, subnet, v6))];
        return new VirtualNetworkPolicy(
            new RoutingDomainId(Id(number, 0)),
            Flip() ? $"net{number}" : $"Netz \"{number}\" ü",
            Flip(),
            [.. subnets.Select(subnet => subnet with { Routes = [.. Routes(subnets)] })])
        {
            UnbilledRanges = Flip() ? [] : [IpPrefix.Parse("172.16.0.0/12"), IpPrefix.Parse("10.9.0.0/16"), IpPrefix.Parse("2001:db8:9::/48")],
        };
    }

    private IEnumerable<UserRoute> Routes(VirtualSubnetPolicy[] subnets)
    {
        foreach (string destination in new[] { "::/0", "0.0.0.0/0", "10.77.0.0/16", "10.77.1.0/24", "10.78.0.0/16", "2001:db8:77::/48" })
        {
            IpPrefix prefix = IpPrefix.Parse(destination);
            VirtualSubnetPolicy? next = subnets.FirstOrDefault(subnet => subnet.GatewayOf(prefix.IsIPv4) is not null);
            if (_random.Next(3) > 0)
            {
                continue;
            }

            yield return next is null || Flip()
                ? new UserRoute(prefix, new[] { UserRouteKind.VnetLocal, UserRouteKind.None, UserRouteKind.VirtualNetworkGateway, UserRouteKind.Internet }[_random.Next(4)], null)
                : new UserRoute(prefix, UserRouteKind.VirtualAppliance, next.GatewayOf(prefix.IsIPv4));
        }
    }

    private VirtualSubnetPolicy Subnet(int network, int number, bool v6) => new(
        Vsid.Create((uint)(5000 + (network * 100) + number)),
        Id(network, number),
        $"subnet{_random.Next(2)}-{number}",
        IpPrefix.Parse(v6 ? $"2001:db8:{number}::/64" : $"10.1.{number}.0/24"),
        CustomerAddress.Parse(v6 ? $"2001:db8:{number}::1" : $"10.1.{number}.{_random.Next(1, 3)}"))
    {
        DualStack = v6 || Flip() ? null : new SubnetPrefix(IpPrefix.Parse($"2001:db8:d{number}::/64"), CustomerAddress.Parse($"2001:db8:d{number}::{_random.Next(1, 3)}")),
    };

    private IEnumerable<CaPaMapping> Mappings(VirtualSubnetPolicy subnet) => Enumerable.Range(3, _random.Next(6)).Select(host => new CaPaMapping(
        new TenantEndpoint(subnet.Vsid, Address(subnet, host)),
        Mac(),
        ProviderAddress.Parse(Flip() ? $"192.168.{_random.Next(3)}.10" : $"2001:db8:ffff::{_random.Next(1, 4)}"),
        Flip() ? EncapsulationType.Vxlan : EncapsulationType.Nvgre));

    private IEnumerable<PortPolicy> Ports(VirtualSubnetPolicy subnet) => Enumerable.Range(3, _random.Next(3)).Select(host => new PortPolicy(
        new NicId(Id((int)subnet.Vsid.Value, host)),
        $"nic{host}",
        subnet.Vsid,
        Mac(),
        [.. Enumerable.Range(0, _random.Next(3)).Select(more => Address(subnet, host + (more * 10)))],
        new PortSettings(Flip(), Flip(), Flip(), _random.Next(3), _random.Next(3)),
        [.. Enumerable.Range(0, _random.Next(5)).SelectMany(Rules).Order(Comparer<AclRule>.Create(FirewallRuleReader.Compare))])
    {
        AllowedAddresses = Flip() ? [] : [IpPrefix.Parse("10.244.1.0/24"), IpPrefix.Parse("2001:db8:244::/64")],
        Qos = Flip() ? PortQos.None : new PortQos(_random.Next(1000), _random.Next(100), Flip(), _random.Next(1000)),
        Dhcp = _random.Next(3) switch { 0 => null, 1 => DhcpPolicy.Default, _ => Dhcp() },
        Nat = [.. Enumerable.Range(0, _random.Next(4)).Select(Translation).Order(Comparer<NatRule>.Create(NatRuleReader.Compare))],
        Mirrors = [.. Enumerable.Range(0, _random.Next(3)).Select(number => Mirror(subnet, number)).Order(Comparer<MirrorRule>.Create(MirrorRuleReader.Compare))],
    });

    private PortPolicy PlainPort(int number) => new(
        new NicId(Id(1, number)), $"plain{number}", default, Mac(), [CustomerAddress.Parse("172.16.0.5")], PortSettings.Default, [.. Rules(number).Take(1)])
    {
        VlanId = _random.Next(4095),
    };

    private DhcpPolicy Dhcp() => new(
        Flip() ? [] : [InetAddress.Parse("10.1.1.53"), InetAddress.Parse("2001:db8::53")],
        Flip() ? null : "contoso.example",
        _random.Next(2) * 1400,
        _random.Next(1, 3) * 43_200);

    private NatRule Translation(int number)
    {
        var kind = (NatKind)_random.Next(5);
        IpPrefix address = IpPrefix.Parse("203.0.113.1/32");
        return new NatRule(
            $"nat{number}",
            kind,
            _random.Next(3),
            Flip() ? (byte)17 : null,
            kind switch
            {
                NatKind.Static => [IpPrefix.Parse("10.1.1.3/32")],
                NatKind.Source => Flip() ? [] : [IpPrefix.Parse("10.1.1.3/32"), IpPrefix.Parse("10.1.1.13/32")],
                NatKind.Prefix => [IpPrefix.Parse("fd00:1::/48")],
                _ => [],
            },
            kind == NatKind.Prefix ? [IpPrefix.Parse("2001:db8:1::/48")] : [address],
            Flip() ? [] : [IpPrefix.Parse("198.51.100.0/24")],
            Flip() ? PortRange.All : new PortRange(1024, (ushort)_random.Next(1024, 1026)),
            kind switch
            {
                NatKind.Destination => [new NatTarget(InetAddress.Parse("10.1.1.3"), (ushort)_random.Next(2))],
                NatKind.LoadBalance => [new NatTarget(InetAddress.Parse("2001:db8::3"), 80), new NatTarget(InetAddress.Parse("2001:db8::4"), 0)],
                _ => [],
            });
    }

    private MirrorRule Mirror(VirtualSubnetPolicy subnet, int number) => new(
        $"mirror{number}",
        _random.Next(3),
        Flip() ? (byte)6 : null,
        Flip() ? [] : [IpPrefix.Parse("10.1.0.0/16")],
        [],
        [],
        Flip() ? [] : [new PortRange(80, 443)],
        new TenantEndpoint(subnet.Vsid, Address(subnet, 3)));

    private IEnumerable<AclRule> Rules(int number)
    {
        AclRule rule = new(
            $"rule{number}",
            Flip() ? AclLevel.NetworkInterface : AclLevel.Subnet,
            Flip() ? Direction.Inbound : Direction.Outbound,
            Flip() ? AclAction.Allow : AclAction.Block,
            _random.Next(100, 104),
            Flip() ? (byte)_random.Next(256) : null,
            [.. Enumerable.Range(0, _random.Next(3)).Select(i => IpPrefix.Parse($"10.{i}.0.0/16"))],
            [.. Enumerable.Range(0, _random.Next(3)).Select(i => IpPrefix.Parse($"2001:db8:{i}::/48"))],
            [.. Enumerable.Range(0, _random.Next(2)).Select(_ => PortRange.All)],
            [.. Enumerable.Range(0, _random.Next(3)).Select(i => new PortRange((ushort)(i * 100), (ushort)((i * 100) + _random.Next(2))))],
            Flip());
        return rule.Level == AclLevel.Subnet && Flip() ? [rule, rule with { Level = AclLevel.NetworkInterface }] : [rule];
    }

    private ProviderAddressPolicy ProviderAddressOf(int member) => new(
        member,
        ProviderAddress.Parse($"192.168.{_random.Next(2)}.{member + 10}"),
        IpPrefix.Parse("192.168.0.0/16"),
        Mac(),
        _random.Next(4095),
        Flip() ? InetAddress.Parse("192.168.0.1") : null,
        [.. Enumerable.Range(0, _random.Next(3)).Select(i => new ProviderRoute(IpPrefix.Parse($"172.{16 + i}.0.0/16"), InetAddress.Parse("192.168.0.2")))]);

    private static CustomerAddress Address(VirtualSubnetPolicy subnet, int host) =>
        new(InetAddress.FromNumbers(subnet.Prefix.Address.High, subnet.Prefix.Address.Low + (ulong)host));

    private static Guid Id(int one, int other) => new(one, (short)other, 0, [0, 0, 0, 0, 0, 0, 0, 1]);

    private MacAddress Mac() => MacAddress.FromNumber(0x00_1D_D8_00_00_00UL + (ulong)_random.Next(3));

    private bool Flip() => _random.Next(2) == 0;
}
