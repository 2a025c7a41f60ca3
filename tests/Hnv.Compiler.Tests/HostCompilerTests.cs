using System.Collections.Immutable;
using System.Globalization;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler.Tests;

public class HostCompilerTests
{
    private static readonly MacAddress s_routerMac = MacAddress.Parse("00-1D-D8-B7-1C-00");
    private static readonly ProviderAddress s_host1 = ProviderAddress.Parse("192.168.1.10");
    private static readonly ProviderAddress s_host2 = ProviderAddress.Parse("192.168.2.20");

    private static VirtualSubnetPolicy Subnet(uint vsid, string prefix, string gateway) =>
        new(Vsid.Create(vsid), Id((int)vsid), $"subnet{vsid}", IpPrefix.Parse(prefix), CustomerAddress.Parse(gateway));

    private static VirtualNetworkPolicy Network(int id, string name, params VirtualSubnetPolicy[] subnets) =>
        new(new RoutingDomainId(Id(id)), name, DistributedRouter: true, [.. subnets]);

    private static CaPaMapping Mapping(uint vsid, string address, int mac, ProviderAddress provider) =>
        new(new TenantEndpoint(Vsid.Create(vsid), CustomerAddress.Parse(address)), Mac(mac), provider, EncapsulationType.Vxlan);

    private static PortPolicy Port(int id, string name, uint vsid, int mac, params string[] addresses) =>
        new(new NicId(Id(id)), name, Vsid.Create(vsid), Mac(mac), [.. addresses.Select(CustomerAddress.Parse)], PortSettings.Default, []);

    private static MacAddress Mac(int number) => MacAddress.FromNumber(0x0200_0000_0000 + (ulong)number);

    private static Guid Id(int number) => new(number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    private static ProviderAddressPolicy Provider(int member, string address) =>
        new(member, ProviderAddress.Parse(address), IpPrefix.Create(InetAddress.Parse(address), 24), Mac(9000 + member), 0, null, []);

    private static HostPolicy Good => new(
        7,
        s_routerMac,
        [Provider(0, "192.168.1.10")],
        [
            Network(1, "contoso", Subnet(5001, "10.1.1.0/24", "10.1.1.1"), Subnet(5002, "10.1.2.0/24", "10.1.2.1")),
            Network(2, "fabrikam", Subnet(6001, "10.1.1.0/24", "10.1.1.1")),
        ],
        [
            Mapping(5001, "10.1.1.11", 11, s_host1), Mapping(5001, "10.1.1.12", 12, s_host2), Mapping(5002, "10.1.2.11", 13, s_host1),
            Mapping(6001, "10.1.1.11", 11, s_host1), Mapping(6001, "10.1.1.12", 12, s_host2),
        ],
        [
            Port(101, "contoso-sql", 5001, 11, "10.1.1.11"), Port(102, "contoso-app", 5002, 13, "10.1.2.11"), Port(103, "fabrikam-sql", 6001, 11, "10.1.1.11"),
        ]);

    private static PortProgram ProgramOf(CompileResult result, int id) => result.Program.Ports[new NicId(Id(id))];

    [Fact]
    public void GoodPolicy_HasNoErrorsAndEveryPortRuns()
    {
        CompileResult result = HostCompiler.Compile(Good);

        Assert.Empty(result.Errors);
        Assert.All(result.Program.Ports.Values, program => Assert.False(program.IsFailClosed));
        Assert.Equal(s_host1, Assert.Single(result.Program.ProviderAddresses));
        Assert.Equal([5001u, 5002u, 6001u], result.Program.Subnets.Select(subnet => subnet.Vsid.Value).Order());
    }

    [Fact]
    public void EmptyPolicy_CompilesToNothing()
    {
        CompileResult result = HostCompiler.Compile(HostPolicy.Empty);

        Assert.Empty(result.Errors);
        Assert.Empty(result.Program.Ports);
    }

    [Fact]
    public void PortsOfOneNetwork_ShareSpaceRoutesAndLayers()
    {
        CompileResult result = HostCompiler.Compile(Good);

        PortProgram sql = ProgramOf(result, 101), app = ProgramOf(result, 102), other = ProgramOf(result, 103);
        Assert.Same(sql.Space, app.Space);
        Assert.NotSame(sql.Space, other.Space);
        Assert.Equal(sql.Layers.Where(layer => layer.Name.StartsWith("VNET_", StringComparison.Ordinal)), app.Layers.Where(layer => layer.Name.StartsWith("VNET_", StringComparison.Ordinal)));
        Assert.Equal(CustomerAddress.Parse("10.1.2.1"), app.Router!.GatewayIPv4);
    }

    [Fact]
    public void Recompiled_WhatDidNotChange_IsTheVeryObject_AndErrorsAreSaidAgain()
    {
        CompileResult before = HostCompiler.Compile(Spoil("address twice"));
        CompileResult same = HostCompiler.Compile(Spoil("address twice") with { Configuration = 9 }, before: before);
        PortPolicy changed = Good.Ports[0] with { Settings = Good.Ports[0].Settings with { StormLimit = 7 } };
        CompileResult other = HostCompiler.Compile(Good with { Ports = [changed, .. Good.Ports.Skip(1)] }, before: HostCompiler.Compile(Good));
        CompileResult good = HostCompiler.Compile(Good), again = HostCompiler.Compile(Good with { Configuration = 9 }, before: good);

        Assert.Equal(before.Errors.AsEnumerable(), same.Errors);
        Assert.NotEmpty(same.Errors);
        Assert.All(good.Program.Ports, pair => Assert.Same(pair.Value, again.Program.Ports[pair.Key]));
        Assert.Equal(7, other.Program.Ports[changed.Nic].Guards.StormLimit);
    }

    [Theory]
    [InlineData("address twice")]
    [InlineData("overlap")]
    [InlineData("vsid twice")]
    public void PolicyThatMakesNoSense_IsRefused_AndWhatRanRunsOn(string how)
    {
        CompileResult good = HostCompiler.Compile(Good);
        CompileResult bad = HostCompiler.Compile(Spoil(how), before: good), fresh = HostCompiler.Compile(Spoil(how));
        CompileResult again = HostCompiler.Compile(Spoil(how) with { Configuration = 9 }, before: bad);

        Assert.NotEmpty(bad.Errors);
        Assert.Equal(fresh.Errors.AsEnumerable(), bad.Errors);
        Assert.Equal(bad.Errors.AsEnumerable(), again.Errors);
        Assert.Equal(fresh.Program.Ports.Where(pair => pair.Value.IsFailClosed).Select(pair => pair.Key.Value).Order(), bad.Refused.Select(nic => nic.Value).Order());
        Assert.All(bad.Refused.Where(good.Program.Ports.ContainsKey), nic => Assert.Same(good.Program.Ports[nic], again.Program.Ports[nic]));
        Assert.All(bad.Refused.Where(good.Program.Ports.ContainsKey), nic => Assert.Contains(again.Program.Subnets, subnet => subnet.Vsid == good.Program.Ports[nic].Vsid));
    }

    public static TheoryData<string, string, string> Wrong => new()
    {
        { "overlap", "virtualNetworks/contoso/subnets/subnet5003", "addressPrefix" },
        { "vsid twice", "virtualNetworks/fabrikam/subnets/subnet5001", "virtualSubnetId" },
        { "gateway outside", "virtualNetworks/contoso/subnets/subnet5001", "gateway" },
        { "rdid twice", "virtualNetworks/contoso", "RDID" },
        { "address twice", "mapping 5001/10.1.1.12", "address" },
        { "mac on two hosts", "mapping 5001/10.1.1.19", "MAC" },
        { "mapping of the gateway", "mapping 5001/10.1.1.1", "address" },
        { "mapping without encapsulation", "mapping 5001/10.1.1.19", "encapsulation" },
        { "mapping of a group mac", "mapping 5001/10.1.1.19", "MAC" },
        { "mapping of no network", "mapping 9001/10.1.1.19", "VSID" },
        { "port of no network", "networkInterfaces/lost", "VSID" },
        { "port without mapping", "networkInterfaces/lost", "privateIPAddress" },
        { "port without address", "networkInterfaces/lost", "privateIPAddress" },
        { "port with another mac than its mapping", "networkInterfaces/lost", "privateIPAddress" },
        { "port mac twice", "networkInterfaces/lost", "privateMacAddress" },
        { "port with the router's mac", "networkInterfaces/lost", "privateMacAddress" },
        { "rule with reversed ports", "networkInterfaces/lost/aclRules/rule1", "ports" },
        { "provider address twice", "host", "provider address" },
    };

    private static HostPolicy Spoil(string how)
    {
        HostPolicy good = Good;
        HostPolicy With(PortPolicy port, params CaPaMapping[] mappings) =>
            good with { Ports = good.Ports.Add(port), Mappings = good.Mappings.AddRange(mappings) };
        HostPolicy Mapped(CaPaMapping mapping) => good with { Mappings = good.Mappings.Add(mapping) };
        VirtualNetworkPolicy contoso = good.VirtualNetworks[0], fabrikam = good.VirtualNetworks[1];
        return how switch
        {
            "overlap" => good with { VirtualNetworks = [contoso with { Subnets = contoso.Subnets.Add(Subnet(5003, "10.1.1.128/25", "10.1.1.129")) }, fabrikam] },
            "vsid twice" => good with { VirtualNetworks = [contoso, fabrikam with { Subnets = fabrikam.Subnets.Add(Subnet(5001, "10.9.0.0/24", "10.9.0.1")) }] },
            "gateway outside" => good with { VirtualNetworks = [contoso with { Subnets = [Subnet(5001, "10.1.1.0/24", "10.1.9.1"), contoso.Subnets[1]] }, fabrikam] },
            "rdid twice" => good with { VirtualNetworks = [contoso, fabrikam with { RoutingDomain = contoso.RoutingDomain }] },
            "address twice" => Mapped(Mapping(5001, "10.1.1.12", 19, s_host2)),
            "mac on two hosts" => Mapped(Mapping(5001, "10.1.1.19", 11, s_host2)),
            "mapping of the gateway" => Mapped(Mapping(5001, "10.1.1.1", 19, s_host2)),
            "mapping without encapsulation" => Mapped(Mapping(5001, "10.1.1.19", 19, s_host2) with { Encapsulation = EncapsulationType.None }),
            "mapping of a group mac" => Mapped(Mapping(5001, "10.1.1.19", 19, s_host2) with { Mac = MacAddress.Broadcast }),
            "mapping of no network" => Mapped(Mapping(9001, "10.1.1.19", 19, s_host2)),
            "port of no network" => With(Port(199, "lost", 9001, 19, "10.1.1.19")),
            "port without mapping" => With(Port(199, "lost", 5001, 19, "10.1.1.19")),
            "port without address" => With(Port(199, "lost", 5001, 19)),
            "port with another mac than its mapping" => With(Port(199, "lost", 5001, 19, "10.1.1.19"), Mapping(5001, "10.1.1.19", 20, s_host1)),
            "port mac twice" => With(Port(199, "lost", 5001, 11, "10.1.1.11")),
            "port with the router's mac" => good with
            {
                RouterMac = Mac(19),
                Ports = good.Ports.Add(Port(199, "lost", 5001, 19, "10.1.1.19")),
                Mappings = good.Mappings.Add(Mapping(5001, "10.1.1.19", 19, s_host1)),
            },
            "rule with reversed ports" => With(
                Port(199, "lost", 5001, 19, "10.1.1.19") with { Rules = [Rule("rule1") with { DestinationPorts = [new PortRange(80, 79)] }] },
                Mapping(5001, "10.1.1.19", 19, s_host1)),
            "provider address twice" => good with { ProviderAddresses = [Provider(0, "192.168.1.10"), Provider(1, "192.168.1.10")] },
            _ => throw new ArgumentOutOfRangeException(nameof(how), how, null),
        };
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public void WrongPolicy_IsSaidOnItsObject_AndSomePortStillRuns(string how, string subject, string property)
    {
        CompileResult result = HostCompiler.Compile(Spoil(how));

        PolicyError error = Assert.Single(result.Errors, error => error.Subject == subject && error.Property == property);
        Assert.False(string.IsNullOrWhiteSpace(error.Value));
        Assert.True(error.Expected.Length > 10);
        if (result.Program.Ports.TryGetValue(new NicId(Id(199)), out PortProgram? lost))
        {
            Assert.True(lost.IsFailClosed);
        }

        bool bothNetworks = how is "vsid twice" or "rdid twice";
        Assert.Equal(bothNetworks, ProgramOf(result, 103).IsFailClosed);
    }

    [Fact]
    public void SeveralErrors_AreAllReported()
    {
        HostPolicy policy = Good with
        {
            Ports = [.. Good.Ports, Port(199, "one", 9001, 19, "10.1.1.19"), Port(198, "two", 5001, 20), Port(197, "three", 5001, 21, "10.1.1.1")],
        };

        CompileResult result = HostCompiler.Compile(policy);

        Assert.Equal(["networkInterfaces/one", "networkInterfaces/three", "networkInterfaces/two"], result.Errors.Select(error => error.Subject).Order());
    }

    [Fact]
    public void PaRoute_LeavesFromThePaThatPolicyMapsThePortTo()
    {
        HostPolicy policy = Good with
        {
            ProviderAddresses = [Provider(1, "192.168.1.11"), Provider(0, "192.168.1.10")],
            Mappings = [.. Good.Mappings.Select(mapping => mapping.Customer.Vsid.Value == 5002 ? mapping with { Provider = ProviderAddress.Parse("192.168.1.11") } : mapping)],
        };

        CompileResult result = HostCompiler.Compile(policy);

        Assert.Equal(["192.168.1.10", "192.168.1.11"], result.Program.ProviderAddresses.Select(address => address.ToString()));
        Assert.Equal<byte>([0], PaRouteOf(ProgramOf(result, 101)).TeamMembersIPv4);
        Assert.Equal<byte>([1], PaRouteOf(ProgramOf(result, 102)).TeamMembersIPv4);
        Assert.Empty(PaRouteOf(ProgramOf(result, 101)).TeamMembersIPv6);
    }

    [Theory]
    [InlineData(null, null, 4)]
    [InlineData("10.0.0.0/8", null, 2)]
    [InlineData(null, "2001:db8::/32", 2)]
    [InlineData("10.0.0.0/8", "2001:db8::/32", 0)]
    public void AclRule_IsCompiledForTheFamiliesItNames(string? source, string? destination, int groups)
    {
        AclRule rule = Rule("rule1") with
        {
            Sources = source is null ? [] : [IpPrefix.Parse(source)],
            Destinations = destination is null ? [] : [IpPrefix.Parse(destination)],
        };
        ImmutableArray<AclRule> rules = [rule, rule with { RuleId = "rule2", Direction = Direction.Outbound, Level = AclLevel.Subnet }];

        CompileResult result = HostCompiler.Compile(Good with { Ports = [Good.Ports[0] with { Rules = rules }] });

        Assert.Empty(result.Errors);
        PortProgram program = ProgramOf(result, 101);
        Assert.Equal(groups, program.Layers[0].Groups.Length + program.Layers[1].Groups.Length);
        Assert.All(program.Layers[0].Groups, group => Assert.Equal(Direction.Outbound, group.Direction));
    }

    [Fact]
    public void RulesOfManyPrefixesAndPorts_MatchEachOfThemAndNothingBetween()
    {
        AclRule rule = Rule("many") with
        {
            Sources = [IpPrefix.Parse("10.1.1.12/32"), IpPrefix.Parse("10.1.1.14/32")],
            DestinationPorts = [new PortRange(80, 80), new PortRange(443, 443)],
        };

        CompileResult result = HostCompiler.Compile(Good with { Ports = [Good.Ports[0] with { Rules = [rule] }] });

        RuleGroup group = ProgramOf(result, 101).Layers[1].Groups.Single(group => group.IsIPv4);
        foreach ((string source, ushort port, int expected) in
            new (string, ushort, int)[] { ("10.1.1.12", 80, 0), ("10.1.1.14", 443, 0), ("10.1.1.13", 80, -1), ("10.1.1.12", 81, -1), ("10.1.1.12", 442, -1) })
        {
            Wire.Ufid flow = new(
                InetAddress.Parse(source), InetAddress.Parse("10.1.1.11"), Mac(1), Mac(2), 0x0800, 6, Wire.FragmentClass.Whole, 40000, port);
            Assert.Equal(expected, group.Find(in flow));
        }
    }

    [Fact]
    public void SecondProviderFamily_IsChosenByThePortsIdentity_AndStable()
    {
        HostPolicy policy = Good with { ProviderAddresses = [Provider(0, "192.168.1.10"), Provider(1, "192.168.1.11")], Mappings = [.. Good.Mappings.Select(mapping => mapping with { Provider = s_host2 })] };

        byte[] first = [.. HostCompiler.Compile(policy).Program.Ports.Values.SelectMany(program => PaRouteOf(program).TeamMembersIPv4)];
        byte[] second = [.. HostCompiler.Compile(policy).Program.Ports.Values.SelectMany(program => PaRouteOf(program).TeamMembersIPv4)];

        Assert.Equal(first, second);
        Assert.All(first, member => Assert.InRange(member, 0, 1));
    }

    [Fact]
    public void RouterMacUnknown_LeavesTheSubnetWithoutARouter()
    {
        CompileResult result = HostCompiler.Compile(Good with { RouterMac = null });

        Assert.Empty(result.Errors);
        Assert.Null(ProgramOf(result, 101).Router);
        Assert.Empty(ProgramOf(result, 101).Layers.Single(layer => layer.Name == LayerNames.DistributedRouter).Groups);
    }

    [Fact]
    public void PolicyError_ReadsAsOneLine()
    {
        PolicyError error = HostCompiler.Compile(Spoil("port of no network")).Errors[0];

        Assert.Equal(
            string.Create(CultureInfo.InvariantCulture, $"networkInterfaces/lost: VSID {9001}: belongs to no virtual network of this host's policy; attach the interface to a subnet that exists"),
            error.ToString());
    }

    private static AclRule Rule(string id) =>
        new(id, AclLevel.NetworkInterface, Direction.Inbound, AclAction.Allow, 101, null, [], [], [], [], Logging: false);

    private static RuleAction.PaRoute PaRouteOf(PortProgram program) =>
        (RuleAction.PaRoute)program.Layers.Single(layer => layer.Name == LayerNames.PaRoute).Groups[0].Rules[0].Action;
}
