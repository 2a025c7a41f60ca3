using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler.Tests;

/// <summary>What a guest will be told by DHCP and router advertisements, as it follows from policy.</summary>
public class GuestConfigurationTests
{
    private static readonly MacAddress s_routerMac = MacAddress.Parse("00-1D-D8-B7-1C-00");
    private static readonly MacAddress s_mac = MacAddress.Parse("00-1D-D8-B7-1C-07");
    private static readonly ProviderAddress s_host = ProviderAddress.Parse("192.168.1.10");
    private static readonly InetAddress s_autonomous = InetAddress.AutonomousOf(IpPrefix.Parse("2001:db8:1:1::/64"), s_mac);

    private static VirtualSubnetPolicy Subnet(uint vsid, string prefix, string gateway) =>
        new(Vsid.Create(vsid), new Guid((int)vsid, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), $"subnet{vsid}", IpPrefix.Parse(prefix), CustomerAddress.Parse(gateway));

    private static GuestConfiguration? Compile(
        string[]? addresses = null,
        DhcpPolicy? dhcp = null,
        bool answers = true,
        bool hasRouter = true,
        EncapsulationType encapsulation = EncapsulationType.Vxlan,
        int underlayMtu = 0,
        string v6Prefix = "2001:db8:1:1::/64")
    {
        addresses ??= ["10.1.1.12", "2001:db8:1:1::12"];
        VirtualSubnetPolicy subnet = Subnet(5001, "10.1.1.0/24", "10.1.1.1") with
        {
            DualStack = new SubnetPrefix(IpPrefix.Parse(v6Prefix), CustomerAddress.Parse("2001:db8:1:1::1")),
        };
        ImmutableArray<CustomerAddress> customers = [.. addresses.Select(CustomerAddress.Parse)];
        NicId nic = new(new Guid("00000000-0000-0000-0000-000000000101"));
        HostPolicy policy = new(
            1,
            s_routerMac,
            [new ProviderAddressPolicy(0, s_host, IpPrefix.Parse("192.168.1.0/24"), MacAddress.Parse("02-00-00-00-00-90"), 0, null, [])],
            [
                new VirtualNetworkPolicy(
                    new RoutingDomainId(new Guid("00000000-0000-0000-0000-000000000001")), "contoso", hasRouter,
                    [subnet, Subnet(5002, "10.1.2.0/24", "10.1.2.1"), Subnet(5003, "2001:db8:1:3::/64", "2001:db8:1:3::1")]),
            ],
            [.. customers.Select(address => new CaPaMapping(new TenantEndpoint(subnet.Vsid, address), s_mac, s_host, encapsulation))],
            [new PortPolicy(nic, "web", subnet.Vsid, s_mac, customers, PortSettings.Default, []) { Dhcp = answers ? dhcp ?? DhcpPolicy.Default : null }]);
        CompileResult result = HostCompiler.Compile(policy, new HostFacts(underlayMtu));
        Assert.Empty(result.Errors);
        return result.Program.Ports[nic].Configuration;
    }

    [Fact]
    public void Configuration_IsTheInterfacesAddressesAndItsSubnets()
    {
        GuestConfiguration configuration = Compile()!;

        Assert.Equal((InetAddress.Parse("10.1.1.12"), IpPrefix.Parse("10.1.1.0/24")), (configuration.IPv4, configuration.PrefixIPv4));
        Assert.Equal(InetAddress.Parse("2001:db8:1:1::12"), Assert.Single(configuration.IPv6));
        Assert.Equal(IpPrefix.Parse("2001:db8:1:1::/64"), configuration.PrefixIPv6);
        Assert.Equal((s_routerMac, InetAddress.Parse("10.1.1.1")), (configuration.ServerMac, configuration.ServerIPv4));
        Assert.Equal(86_400, configuration.LeaseSeconds);
        Assert.Equal((IpPrefix.Parse("10.1.2.0/24"), InetAddress.Parse("10.1.1.1")), Assert.Single(configuration.Routes));
    }

    [Fact]
    public void Configuration_RepeatsWhatTheInterfaceAsksFor()
    {
        DhcpPolicy dhcp = new([InetAddress.Parse("10.1.1.53"), InetAddress.Parse("2001:db8::53")], "contoso.example", 1300, 600);

        GuestConfiguration configuration = Compile(dhcp: dhcp, underlayMtu: 1500)!;

        Assert.Equal(dhcp.DnsServers, configuration.DnsServers);
        Assert.Equal(("contoso.example", 1300, 600), (configuration.DomainName, configuration.Mtu, configuration.LeaseSeconds));
    }

    [Fact]
    public void DhcpSwitchedOff_CompilesToNone() => Assert.Null(Compile(answers: false));

    [Fact]
    public void RouterSwitchedOff_LeavesNoRoutesAndAServerThatIsNoGateway()
    {
        GuestConfiguration configuration = Compile(hasRouter: false)!;

        Assert.Empty(configuration.Routes);
        Assert.Equal((s_routerMac, InetAddress.Parse("169.254.169.254")), (configuration.ServerMac, configuration.ServerIPv4));
    }

    [Fact]
    public void InterfaceWithoutIPv4_HasNoneToTell()
    {
        GuestConfiguration configuration = Compile(["2001:db8:1:1::12"])!;

        Assert.Null(configuration.IPv4);
        Assert.Empty(configuration.Routes);
    }

    [Theory]
    [InlineData(true, "2001:db8:1:1::/64", true)]
    [InlineData(false, "2001:db8:1:1::/64", false)]
    [InlineData(true, "2001:db8:1:1::/80", false)]                      // no prefix to make an address of (RFC 4862 §5.5.3)
    public void Autonomous_IsWhoHasTheAddressItWouldMakeItself(bool own, string prefix, bool expected)
    {
        string address = prefix.EndsWith("/80", StringComparison.Ordinal) ? "2001:db8:1:1::12" : own ? s_autonomous.ToString() : "2001:db8:1:1::12";

        Assert.Equal(expected, Compile(["10.1.1.12", address], v6Prefix: prefix)!.IsAutonomous);
    }

    [Theory]
    [InlineData(0, EncapsulationType.Vxlan, 0)]
    [InlineData(1500, EncapsulationType.Vxlan, 1450)]
    [InlineData(1500, EncapsulationType.Nvgre, 1458)]
    [InlineData(1550, EncapsulationType.Vxlan, 0)]                      // leaves an ordinary MTU whole: nothing to say
    [InlineData(1674, EncapsulationType.Vxlan, 0)]
    public void Mtu_IsWhatTheProviderNetworkLeaves(int underlay, EncapsulationType encapsulation, int expected) =>
        Assert.Equal(expected, Compile(underlayMtu: underlay, encapsulation: encapsulation)!.Mtu);
}
