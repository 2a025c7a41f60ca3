using Hnv.Lab.Topology;
using Hnv.Primitives;

namespace Hnv.Lab.Tests.Topology;

public sealed class TopologyFileTests
{
    private const string Good = """
        lab: small
        provider:
          subnets:
            - {name: pa-1, prefix: 192.168.1.0/24, pool: 192.168.1.10-192.168.1.19}
        hosts:
          - {name: host1, subnet: pa-1, address: 192.168.1.2}
        networks:
          - name: contoso
            subnets:
              - {name: s1, prefix: 10.1.1.0/24, vsid: 5001}
        machines:
          - {name: contoso-sql, host: host1, subnet: contoso/s1, address: 10.1.1.11}
        """;

    [Fact]
    public void Load_Figure8_IsTheStory()
    {
        LabTopology lab = TopologyFile.Load("labs/figure8.yaml");

        Assert.Equal(["5001", "6001"], lab.Networks.SelectMany(network => network.Subnets).Select(subnet => subnet.Vsid.ToString()!));
        Assert.Equal(["10.1.1.11", "10.1.1.12", "10.1.1.11", "10.1.1.12"], lab.Machines.Select(machine => machine.Adapters[0].Address.ToString()));
        Assert.Equal("192.168.1.10", lab.ProviderSubnets[0].PoolStart.ToString());
        Assert.Equal("192.168.2.20", lab.ProviderSubnets[1].PoolStart.ToString());
        Assert.Equal("10.1.1.1", lab.Machines[0].Adapters[0].Subnet.Gateway.ToString());
        Assert.Equal(EncapsulationType.Vxlan, lab.Encapsulation);
    }

    [Theory]
    [InlineData("labs/figure2.yaml", 7)]
    [InlineData("labs/three-hosts.yaml", 6)]
    [InlineData("labs/stacks.yaml", 4)]
    [InlineData("labs/ipv6-provider.yaml", 2)]
    [InlineData("labs/routing.yaml", 9)]
    [InlineData("labs/guest-config.yaml", 7)]
    [InlineData("labs/mirror.yaml", 5)]
    public void Load_LabOfTheProject_HasNoMistake(string file, int machineCount)
    {
        LabTopology lab = TopologyFile.Load(file);

        Assert.Equal(machineCount, lab.Machines.Count);
    }

    [Fact]
    public void Load_FiftyTenants_AllHaveTheSameAddressesAndDistinctVsidsAndMacs()
    {
        LabTopology lab = TopologyFile.Load("labs/tenants.yaml", new Dictionary<string, long> { ["tenants"] = 50, ["hosts"] = 3, ["machines"] = 6 });

        Assert.Equal(300, lab.Machines.Count);
        Assert.Equal(6, lab.Machines.Select(machine => machine.Adapters[0].Address).Distinct().Count());
        Assert.Equal(100, lab.Networks.SelectMany(network => network.Subnets).Select(subnet => subnet.Vsid).Distinct().Count());
        Assert.Equal(300, lab.Machines.Select(machine => machine.Adapters[0].Mac).Distinct().Count());
        Assert.Equal(3, lab.Machines.Select(machine => machine.Host).Distinct().Count());
    }

    [Theory]
    [InlineData("address: 192.168.1.2}", "address: 192.168.9.2}", 6, "192.168.9.2 lies outside 192.168.1.0/24")]
    [InlineData("address: 192.168.1.2}", "address: 192.168.1.12}", 5, "lies in its pool")]
    [InlineData("address: 192.168.1.2}", "address: 192.168.1.2, colour: red}", 6, "'colour' is not a key of a host")]
    [InlineData("address: 192.168.1.2}", "address: 192.168.1.256}", 6, "'192.168.1.256' is not an IP address")]
    [InlineData("prefix: 10.1.1.0/24", "prefix: 10.1.1.0/33", 10, "'10.1.1.0/33' is not an IP prefix")]
    [InlineData("prefix: 10.1.1.0/24", "prefix: 10.1.1.1/24", 10, "all host bits zero")]
    [InlineData("vsid: 5001", "vsid: 4095", 10, "'4095' is not a VSID")]
    [InlineData("vsid: 5001", "vsid: 5001, acl: nobody", 10, "'nobody' is not an acl")]
    [InlineData("host: host1,", "host: host9,", 12, "on host 'host9', which is not there; there are host1")]
    [InlineData("subnet: contoso/s1", "subnet: contoso/s2", 12, "in subnet 'contoso/s2', which is not there")]
    [InlineData("address: 10.1.1.11}", "address: 10.1.2.11}", 12, "10.1.2.11 lies outside 10.1.1.0/24")]
    [InlineData("address: 10.1.1.11}", "address: 10.1.1.1}", 12, "10.1.1.1 is reserved")]
    [InlineData("address: 10.1.1.11}", "address: 10.1.1.255}", 12, "10.1.1.255 is reserved")]
    [InlineData("address: 10.1.1.11}", "address: 10.1.1.11, mac: 01-00-5E-00-00-01}", 12, "group address")]
    [InlineData("name: contoso-sql", "name: host1", 12, "'host1' is there twice, first in line 6")]
    [InlineData("name: contoso-sql", "name: Contoso_SQL", 12, "'Contoso_SQL' is not a name")]
    [InlineData("name: contoso-sql", "name: tor", 12, "'tor' is taken")]
    [InlineData("lab: small", "lab: my-lab", 1, "no '-' in it")]
    [InlineData("lab: small", "lab: small\nlab: again", 2, "Duplicate key")]
    [InlineData("lab: small", "lab: [small", 1, "not YAML from here on")]
    [InlineData("pool: 192.168.1.10-192.168.1.19", "pool: 192.168.1.19-192.168.1.10", 4, "lowest first")]
    [InlineData("hosts:", "guests:", 5, "'guests' is not a key of the lab")]
    [InlineData("lab: small", "lab: small\nreservations: much", 2, "'much' is not absolute or weight")]
    [InlineData("lab: small", "lab: small\nrouteTables: [{name: r, routes: [10.0.0.0/8 via nowhere]}]", 2, "'10.0.0.0/8 via nowhere' is not a route; write it as")]
    [InlineData("lab: small", "lab: small\nrouteTables: [{name: r, routes: [10.0.0.0/8 drop, 10.0.0.0/8 local]}]", 2, "10.0.0.0/8 is there twice")]
    [InlineData("lab: small", "lab: small\nmirrors: [{name: tap, to: nobody}]", 2, "for 'nobody', which is not a machine")]
    [InlineData("lab: small", "lab: small\nmirrors: [{name: tap, to: contoso-sql, rules: [{protocol: sctp}]}]", 2, "'sctp' is not all or tcp or udp")]
    [InlineData("lab: small", "lab: small\nlogicalNetworks: [{name: contoso}]", 8, "network contoso is there twice")]
    [InlineData("lab: small", "lab: small\nlogicalNetworks: [{name: dmz, subnets: [{name: s1, prefix: 10.9.0.0/24, vlan: 4095}]}]", 2, "'4095' is not a number from 0 to 4094")]
    [InlineData("- name: contoso", "- name: contoso\n    peers: [fabrikam]", 7, "has the peer 'fabrikam', which is not another network")]
    [InlineData("- name: contoso", "- name: contoso\n    dns: [localhost]", 9, "'localhost' is not an IP address")]
    [InlineData("vsid: 5001", "vsid: 5001, routes: r", 10, "'r' is not a route table; there are none")]
    [InlineData("vsid: 5001", "vsid: 5001, mirror: tap", 10, "'tap' is not a mirror; there are none")]
    [InlineData("address: 10.1.1.11}", "address: 10.1.1.11, qos: {outbound: -1}}", 12, "'-1' is not a number from 0 to 1000000")]
    [InlineData("address: 10.1.1.11}", "address: 10.1.1.11, allowed: [10.0.0.1/8]}", 12, "'10.0.0.1/8' is not an IP prefix")]
    [InlineData("address: 10.1.1.11}", "address: 10.1.1.11, forwards: maybe}", 12, "'maybe' is not true or false")]
    [InlineData("lab: small", "lab: small\nencapsulation: none", 2, "'none' is not vxlan or nvgre")]
    [InlineData("lab: small", "lab: small\nunderlay: {mtu: 1279}", 2, "'1279' is not a number from 1280 to 9216")]
    [InlineData("lab: small", "lab: small\nguestMtu: 9217", 2, "'9217' is not a number from 1280 to 9216")]
    [InlineData("vsid: 5001", "vsid: 5001, ipv6: 10.2.0.0/24", 10, "is an IPv6 prefix beside an IPv4")]
    [InlineData("address: 10.1.1.11}", "address: 10.1.1.11, ipv6: 'fd00::1'}", 12, "has no 'ipv6' prefix beside 10.1.1.0/24; give it one")]
    [InlineData("address: 10.1.1.11}", "address: 10.1.1.11, assign: magic}", 12, "'magic' is not static or dhcp or slaac or none")]
    [InlineData("address: 10.1.1.11}", "address: 10.1.1.11, assign: slaac}", 12, "write 'eui64' for the IPv6 address")]
    [InlineData("address: 10.1.1.11}", "address: eui64}", 12, "'eui64' is not an IP address")]
    public void Parse_Mistake_IsNamedWithItsLine(string right, string wrong, int line, string reason)
    {
        TopologyException mistake = Assert.Throws<TopologyException>(() => TopologyFile.Parse(Good.Replace(right, wrong, StringComparison.Ordinal), "small.yaml"));

        Assert.Contains(mistake.Errors, error => error.Line == line && error.Reason.Contains(reason, StringComparison.Ordinal));
        Assert.Contains($"small.yaml:{line}: ", mistake.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_RuleWithFor_IsRepeated()
    {
        LabTopology lab = TopologyFile.Load("labs/policy50.yaml");

        Assert.Equal((100, 100), (lab.Machines.Count, Assert.Single(lab.AccessControlLists).Rules.Count));
        Assert.Equal("203.0.33.0/24", lab.AccessControlLists[0].Rules[32].Source);
    }

    [Fact]
    public void Parse_DualStack_GivesEachAddressItsPrefix()
    {
        LabTopology lab = TopologyFile.Parse(
            Good.Replace("vsid: 5001", "vsid: 5001, ipv6: 'fd00:1::/64'", StringComparison.Ordinal)
                .Replace("address: 10.1.1.11}", "address: 10.1.1.11, ipv6: eui64, mac: 00-1D-D8-02-00-0A, assign: slaac}", StringComparison.Ordinal),
            "small.yaml");

        LabAdapter adapter = lab.Machines[0].Adapters[0];
        Assert.Equal(["10.1.1.11 of 10.1.1.0/24", "fd00:1::21d:d8ff:fe02:a of fd00:1::/64"], adapter.Addresses.Select(a => $"{a.Address} of {a.Prefix}"));
        Assert.Equal(AddressAssignment.Slaac, adapter.Assignment);
        Assert.Equal("fd00:1::1", LabSubnet.GatewayOf(adapter.Subnet.IPv6!.Value).ToString());
    }

    [Fact]
    public void Parse_Mtus_AreWhatTheFileSaysOrTheDefaults()
    {
        LabTopology said = TopologyFile.Parse(Good.Replace("lab: small", "lab: small\nunderlay: {mtu: 1500}\nguestMtu: 1400", StringComparison.Ordinal), "small.yaml");
        LabTopology silent = TopologyFile.Parse(Good, "small.yaml");

        Assert.Equal((1500, 1400), (said.UnderlayMtu, said.GuestMtu));
        Assert.Equal((LabTopology.DefaultUnderlayMtu, LabTopology.DefaultGuestMtu), (silent.UnderlayMtu, silent.GuestMtu));
    }

    [Fact]
    public void Parse_SeveralMistakes_AreAllNamed()
    {
        string text = Good.Replace("vsid: 5001", "vsid: 1", StringComparison.Ordinal).Replace("host: host1,", "host: nowhere,", StringComparison.Ordinal);

        TopologyException mistake = Assert.Throws<TopologyException>(() => TopologyFile.Parse(text, "small.yaml"));

        Assert.Equal(2, mistake.Errors.Count);
    }

    [Fact]
    public void Parse_OverlappingSubnets_AreRefused()
    {
        string text = Good.Replace("vsid: 5001}", "vsid: 5001}\n      - {name: s2, prefix: 10.1.0.0/16, vsid: 5002}", StringComparison.Ordinal);

        TopologyException mistake = Assert.Throws<TopologyException>(() => TopologyFile.Parse(text, "small.yaml"));

        Assert.Contains("overlap", mistake.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_SettingOfAnUnknownParameter_IsRefused()
    {
        TopologyException mistake = Assert.Throws<TopologyException>(
            () => TopologyFile.Parse(Good, "small.yaml", new Dictionary<string, long> { ["tenants"] = 5 }));

        Assert.Contains("--set tenants", mistake.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_FileThatMultipliesItself_IsRefused()
    {
        string text = "lab: small\nhosts:\n  - {for: \"a in 1..100000, b in 1..100000\", name: \"h${a}\", subnet: x, address: 1.1.1.1}\n";

        TopologyException mistake = Assert.Throws<TopologyException>(() => TopologyFile.Parse(text, "small.yaml"));

        Assert.Contains("ask for fewer", mistake.Message, StringComparison.Ordinal);
    }
}
