using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound.Tests;

/// <summary>The one story: two tenants with the same addresses; this is host 1, where both SQL machines live.</summary>
internal static class ContosoFabrikam
{
    public static readonly NicId ContosoSql = new(new Guid("c0000000-0000-0000-0000-000000000011"));
    public static readonly NicId FabrikamSql = new(new Guid("fa000000-0000-0000-0000-000000000011"));

    private static readonly InetAddress s_gateway = InetAddress.Parse("192.168.1.1");

    public static HostPolicy Host1 { get; } = new(
        0,
        MacAddress.Parse("00-1D-D8-B7-1C-06"),
        [
            new ProviderAddressPolicy(
                0,
                ProviderAddress.Parse("192.168.1.10"),
                IpPrefix.Parse("192.168.1.0/24"),
                MacAddress.Parse("00-1D-D8-00-00-01"),
                11,
                s_gateway,
                [new ProviderRoute(IpPrefix.Parse("192.168.2.0/24"), s_gateway)]),
        ],
        [Network("contoso", "c0000000-0000-0000-0000-000000000000", 5001), Network("fabrikam", "fa000000-0000-0000-0000-000000000000", 6001)],
        [.. Mappings(5001, 0xC0), .. Mappings(6001, 0xFA)],
        [Port(ContosoSql, "contoso-sql", 5001, 0xC0), Port(FabrikamSql, "fabrikam-sql", 6001, 0xFA)]);

    /// <summary>Host 1 when Contoso's SQL machine has been taken away.</summary>
    public static HostPolicy Host1WithoutContosoSql => Host1 with { Ports = Host1.Ports.RemoveAll(port => port.Nic == ContosoSql) };

    /// <summary>Host 1 as it could be said before there were mirrors.</summary>
    public static HostPolicy Host1WithoutMirrors => Host1 with { Ports = [.. Host1.Ports.Select(port => port with { Mirrors = [] })] };

    public static AclRule Rule(string id, int priority) => new(
        id,
        AclLevel.NetworkInterface,
        Direction.Inbound,
        AclAction.Allow,
        priority,
        6,
        [IpPrefix.Parse("10.1.1.12/32")],
        [],
        [],
        [new PortRange(5432, 5432), new PortRange(8000, 8080)],
        Logging: true);

    private static VirtualNetworkPolicy Network(string name, string rdid, uint vsid) => new(
        new RoutingDomainId(new Guid(rdid)),
        name,
        DistributedRouter: true,
        [
            new VirtualSubnetPolicy(
                Vsid.Create(vsid), new Guid(rdid[..^4] + vsid), "subnet1", IpPrefix.Parse("10.1.1.0/24"), CustomerAddress.Parse("10.1.1.1")),
        ]);

    private static ImmutableArray<CaPaMapping> Mappings(uint vsid, ulong tenant) =>
    [
        Mapping(vsid, tenant, "10.1.1.11", 11, "192.168.1.10"),
        Mapping(vsid, tenant, "10.1.1.12", 12, "192.168.2.20"),
    ];

    private static CaPaMapping Mapping(uint vsid, ulong tenant, string address, ulong number, string provider) => new(
        new TenantEndpoint(Vsid.Create(vsid), CustomerAddress.Parse(address)),
        MacAddress.FromNumber((tenant << 8) | number),
        ProviderAddress.Parse(provider),
        EncapsulationType.Vxlan);

    private static PortPolicy Port(NicId nic, string name, uint vsid, ulong tenant) => new(
        nic,
        name,
        Vsid.Create(vsid),
        MacAddress.FromNumber((tenant << 8) | 11),
        [CustomerAddress.Parse("10.1.1.11")],
        PortSettings.Default with { ArpGuard = true, StormLimit = 100 },
        [Rule("allow-sql", 200), Rule("allow-sql", 200) with { Level = AclLevel.Subnet, Action = AclAction.Block, Protocol = null }])
    {
        Mirrors = [new MirrorRule("watch", 1, 6, [], [], [], [], new TenantEndpoint(Vsid.Create(vsid), CustomerAddress.Parse("10.1.1.12")))],
    };
}
