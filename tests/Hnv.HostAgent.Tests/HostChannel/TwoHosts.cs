using System.Collections.Immutable;
using Hnv.Compiler;
using Hnv.Corpus;
using Hnv.HostAgent.HostChannel;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.HostAgent.Tests.HostChannel;

/// <summary>Contoso of figure 8: SQL on host 1, Web on host 2, a second machine beside SQL. Compiled policy, no devices.</summary>
internal sealed class TwoHosts
{
    public static readonly NicId Sql = new(new Guid("00000000-0000-0000-0000-000000000011"));
    public static readonly NicId Web = new(new Guid("00000000-0000-0000-0000-000000000012"));
    public static readonly NicId App = new(new Guid("00000000-0000-0000-0000-000000000013"));
    public static readonly ProviderAddress Pa1 = ProviderAddress.Parse("192.168.1.10");
    public static readonly ProviderAddress Pa2 = ProviderAddress.Parse("192.168.2.20");

    private static readonly MacAddress s_appMac = MacAddress.Parse("00-1D-D8-B7-1C-13");

    public TwoHosts(params AclRule[] sqlRules)
    {
        (Host1, Host2) = (new VSwitch(), new VSwitch());
        _ = Host1.AddPort(Sql, "sql0");
        _ = Host1.AddPort(App, "app0");
        _ = Host2.AddPort(Web, "web0");
        Install(Host1, Pa1, Port(Sql, "contoso-sql", ContosoFabrikam.ContosoSqlMac, "10.1.1.11", sqlRules), Port(App, "contoso-app", s_appMac, "10.1.1.13"));
        Install(Host2, Pa2, Port(Web, "contoso-web", ContosoFabrikam.ContosoWebMac, "10.1.1.12"));
        (Tracer1, Tracer2) = (new Tracer("host1", Host1, _ => null), new Tracer("host2", Host2, _ => null));
    }

    public VSwitch Host1 { get; }

    public VSwitch Host2 { get; }

    public Tracer Tracer1 { get; }

    public Tracer Tracer2 { get; }

    public static AclRule Block(string id, ushort port, Direction direction) => new(
        id, AclLevel.NetworkInterface, direction, AclAction.Block, 100, null, [], [], [], [new PortRange(port, port)], Logging: false);

    private static PortPolicy Port(NicId nic, string name, MacAddress mac, string address, params AclRule[] rules) =>
        new(nic, name, ContosoFabrikam.ContosoVsid, mac, [CustomerAddress.Parse(address)], PortSettings.Default, [.. rules]);

    private static void Install(VSwitch vSwitch, ProviderAddress own, params PortPolicy[] ports)
    {
        ImmutableArray<CaPaMapping> mappings =
        [
            Mapping("10.1.1.11", ContosoFabrikam.ContosoSqlMac, Pa1), Mapping("10.1.1.12", ContosoFabrikam.ContosoWebMac, Pa2), Mapping("10.1.1.13", s_appMac, Pa1),
        ];
        VirtualSubnetPolicy subnet = new(ContosoFabrikam.ContosoVsid, new Guid("00000000-0000-0000-0000-000000005001"), "s1", ContosoFabrikam.Subnet, new CustomerAddress(ContosoFabrikam.Gateway));
        CompileResult result = HostCompiler.Compile(new HostPolicy(
            1,
            ContosoFabrikam.RouterMac,
            [new ProviderAddressPolicy(0, own, IpPrefix.Create(own.Value, 24), MacAddress.Parse("00-1D-D8-B7-1C-F0"), 0, null, [])],
            [new VirtualNetworkPolicy(ContosoFabrikam.ContosoRdid, "contoso", DistributedRouter: true, [subnet])],
            mappings,
            [.. ports]));
        Assert.Empty(result.Errors);
        vSwitch.Install(result.Program);
    }

    private static CaPaMapping Mapping(string address, MacAddress mac, ProviderAddress provider) =>
        new(new TenantEndpoint(ContosoFabrikam.ContosoVsid, CustomerAddress.Parse(address)), mac, provider, EncapsulationType.Vxlan);
}
