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
        ImmutableArray<VirtualNetworkPolicy> networks = [.. Enumerable.Range(1, _random.Next(4)).Select(Network)];
        VirtualSubnetPolicy[] subnets = [.. networks.SelectMany(network => network.Subnets)];
        return new HostPolicy(
            0,
            Flip() ? Mac() : null,
            [.. Enumerable.Range(0, _random.Next(3)).Select(ProviderAddressOf)],
            networks,
            [.. subnets.OrderBy(subnet => subnet.Vsid).SelectMany(Mappings)],
            [.. subnets.SelectMany(Ports).OrderBy(port => port.Nic.Value)]);
    }

    private VirtualNetworkPolicy Network(int number)
    {
        bool v6 = Flip();
        return new VirtualNetworkPolicy(
            new RoutingDomainId(Id(number, 0)),
            Flip() ? $"net{number}" : $"Netz \"{number}\" ü",
            Flip(),
            [.. Enumerable.Range(1, _random.Next(4)).Select(subnet => Subnet(number, subnet, v6))]);
    }

    private VirtualSubnetPolicy Subnet(int network, int number, bool v6) => new(
        Vsid.Create((uint)(5000 + (network * 100) + number)),
        Id(network, number),
        $"subnet{_random.Next(2)}-{number}",
        IpPrefix.Parse(v6 ? $"2001:db8:{number}::/64" : $"10.1.{number}.0/24"),
        CustomerAddress.Parse(v6 ? $"2001:db8:{number}::1" : $"10.1.{number}.{_random.Next(1, 3)}"));

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
        [.. Enumerable.Range(0, _random.Next(5)).SelectMany(Rules).Order(Comparer<AclRule>.Create(FirewallRuleReader.Compare))]));

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
