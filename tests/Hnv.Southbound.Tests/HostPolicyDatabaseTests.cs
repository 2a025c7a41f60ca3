using System.Diagnostics;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Southbound.Tests;

public sealed class HostPolicyDatabaseTests
{
    private static readonly ProviderAddress s_pa = ProviderAddress.Parse("192.168.1.10");

    [Fact]
    public async Task Reports_ReachTheController()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        PushResult pushed = await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        EnforcementStatus failed = new(EnforcementState.Failed, "PAAddressConfigurationFailure", "eth1 is down");

        await host.Agent.SetBindingAsync(ContosoFabrikam.ContosoSql, "veth-sql", TestHost.Soon);
        host.Agent.SetBindingStatus(ContosoFabrikam.ContosoSql, EnforcementStatus.Running);
        host.Agent.SetProviderAddressStatus(s_pa, failed);
        host.Agent.ReportApplied(pushed.Configuration);

        await TestHost.EventuallyAsync(
            () => session.Report is { IsCurrent: true, HostId: TestHost.HostId, AgentVersion: "1.0" } report
                && report.Ports.TryGetValue(ContosoFabrikam.ContosoSql, out PortBinding? binding)
                && binding is { Device: "veth-sql", Status.State: EnforcementState.Running }
                && report.ProviderAddresses[s_pa] == failed,
            "the report arrives");
        Assert.Equal(pushed.Configuration, session.Report.CurrentConfiguration);
    }

    [Fact]
    public async Task ReportApplied_EarlierConfiguration_DoesNotGoBack()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        PushResult second = await session.PushAsync(ContosoFabrikam.Host1WithoutContosoSql, TestHost.Soon);
        host.Agent.ReportApplied(second.Configuration);
        await TestHost.EventuallyAsync(() => session.Report.IsCurrent, "the report arrives");

        host.Agent.ReportApplied(1);
        host.Agent.SetHostIdentity(TestHost.HostId, "1.1");
        await TestHost.EventuallyAsync(() => session.Report.AgentVersion == "1.1", "the later report arrives");

        Assert.Equal(second.Configuration, session.Report.CurrentConfiguration);
    }

    [Fact]
    public async Task Bindings_SurviveTheServerAndTheAgent()
    {
        await using TestHost host = await TestHost.StartAsync();
        await host.Agent.SetBindingAsync(ContosoFabrikam.ContosoSql, "veth-old", TestHost.Soon);
        await host.Agent.SetBindingAsync(ContosoFabrikam.ContosoSql, "veth-sql", TestHost.Soon);
        await host.Agent.SetBindingAsync(ContosoFabrikam.FabrikamSql, "tap-sql", TestHost.Soon);
        await host.Agent.RemoveBindingAsync(ContosoFabrikam.FabrikamSql, TestHost.Soon);
        int killed = host.Server.ProcessId;
        using (Process process = Process.GetProcessById(killed))
        {
            process.Kill();
        }

        await TestHost.EventuallyAsync(() => host.Server.ProcessId is not 0 && host.Server.ProcessId != killed, "the server is back");
        await using HostPolicyDatabase second = HostPolicyDatabase.Open(host.Options.Endpoint, TestHost.HostId, "2.0", TimeProvider.System, NullLogger.Instance);
        await second.WaitUntilSyncedAsync(TestHost.Soon);

        PortBinding binding = Assert.Single(second.Bindings);
        Assert.Equal((ContosoFabrikam.ContosoSql, "veth-sql"), (binding.Nic, binding.Device));
    }

    [Fact]
    public async Task Status_RemovedBehindTheAgentsBack_IsWrittenAgain()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        await host.Agent.SetBindingAsync(ContosoFabrikam.ContosoSql, "veth-sql", TestHost.Soon);
        host.Agent.SetBindingStatus(ContosoFabrikam.ContosoSql, EnforcementStatus.Running);
        bool IsRunning() => session.Report.Ports.TryGetValue(ContosoFabrikam.ContosoSql, out PortBinding? binding) && binding.Status == EnforcementStatus.Running;
        await TestHost.EventuallyAsync(IsRunning, "the status arrives");
        using OvsdbTransaction meddle = new(HostSchemas.VtepName);
        meddle.Update("Port_Binding", OvsdbTransaction.EveryRow, [KeyValuePair.Create("status", OvsdbValue.EmptyMap)]);
        meddle.Mutate("Global", OvsdbTransaction.EveryRow, ("other_config", "delete", OvsdbValue.Set([HostTables.HostIdKey])));

        await host.TransactAsync(meddle);

        await TestHost.EventuallyAsync(() => IsRunning() && session.Report.HostId == TestHost.HostId, "status and identity come back");
    }

    [Fact]
    public async Task Changes_OwnReports_AreNoChangeOfPolicy()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        PushResult pushed = await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        await host.Agent.SetBindingAsync(ContosoFabrikam.ContosoSql, "veth-sql", TestHost.Soon);
        await TestHost.EventuallyAsync(() => !host.Agent.Changes.TryRead(out _), "all signals of the push are taken");
        await Task.Delay(100);
        _ = host.Agent.Changes.TryRead(out _);

        host.Agent.SetBindingStatus(ContosoFabrikam.ContosoSql, EnforcementStatus.Running);
        host.Agent.SetProviderAddressStatus(s_pa, EnforcementStatus.Running);
        host.Agent.ReportApplied(pushed.Configuration);
        await TestHost.EventuallyAsync(() => session.Report.IsCurrent && session.Report.ProviderAddresses[s_pa] == EnforcementStatus.Running, "the reports arrive");
        await Task.Delay(50);

        Assert.False(host.Agent.Changes.TryRead(out _));
    }

    [Fact]
    public async Task ReadPolicy_RowsThatMakeNoSense_AreNamedAndHarmNobodyElse()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        PushResult pushed = await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        await host.ReadingAsync(pushed.Configuration);
        OvsdbCondition fabrikam = OvsdbCondition.Equal("name", DesiredRows.PortName(ContosoFabrikam.FabrikamSql));
        using OvsdbTransaction vtep = new(HostSchemas.VtepName);
        vtep.PutEntries("Physical_Port", [fabrikam], "properties", [KeyValuePair.Create("vsid", "seven")]);
        vtep.Update("Logical_Switch", [OvsdbCondition.Equal("name", "fabrikam/subnet1")], [KeyValuePair.Create<string, OvsdbValue>("tunnel_key", 12)]);
        vtep.Update("Provider_Address", OvsdbTransaction.EveryRow, [KeyValuePair.Create<string, OvsdbValue>("prefix", "10.0.0.0/8")]);
        vtep.Update("Physical_Switch", OvsdbTransaction.EveryRow, [KeyValuePair.Create<string, OvsdbValue>("distributed_router_mac", "FF-FF-FF-FF-FF-FF")]);
        using OvsdbTransaction firewall = new(HostSchemas.FirewallName);
        firewall.Update(
            "FW_Rules",
            [OvsdbCondition.Equal("vnic_id", ContosoFabrikam.ContosoSql.ToString()), OvsdbCondition.Equal("rule_id", "allow-sql")],
            [KeyValuePair.Create<string, OvsdbValue>("dst_ports", "80-70")]);

        await host.TransactAsync(vtep);
        await host.TransactAsync(firewall);

        await TestHost.EventuallyAsync(() => host.Agent.ReadPolicy().Errors.Any(error => error.Table == "FW_Rules" && error.Column == "dst_ports"), "the errors show");
        HostPolicyReading reading = host.Agent.ReadPolicy();
        Assert.Equal(
            ["FW_Rules dst_ports 80-70", "FW_Rules vnic_id " + ContosoFabrikam.FabrikamSql, "Logical_Switch tunnel_key 12", "Physical_Port properties:vsid seven",
                "Physical_Switch distributed_router_mac FF-FF-FF-FF-FF-FF", "Provider_Address prefix 10.0.0.0/8", "SI_Rule vnic_id " + ContosoFabrikam.FabrikamSql],
            reading.Errors.Select(error => $"{error.Table} {error.Column} {error.Value}").Order(StringComparer.Ordinal));
        PortPolicy contoso = Assert.Single(reading.Policy.Ports);
        Assert.Equal(AclLevel.Subnet, Assert.Single(contoso.Rules).Level);
        Assert.All(reading.Policy.Mappings, mapping => Assert.Equal(5001u, mapping.Customer.Vsid.Value));
        Assert.Equal(2, reading.Policy.Mappings.Length);
    }

    [Fact]
    public async Task ReadPolicy_LaterKindsOfRowsThatMakeNoSense_AreNamedAndLeftOut()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        PushResult pushed = await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        await host.ReadingAsync(pushed.Configuration);
        using OvsdbTransaction vtep = new(HostSchemas.VtepName);
        OvsdbCondition sql = OvsdbCondition.Equal("name", DesiredRows.PortName(ContosoFabrikam.ContosoSql));
        vtep.PutEntries("Physical_Port", [sql], "properties", [KeyValuePair.Create("vlan", "7")]);
        vtep.PutEntries("Physical_Switch", OvsdbTransaction.EveryRow, "vswitch_config", [KeyValuePair.Create("port_default", "3"), KeyValuePair.Create("outer_dscp", "64")]);
        vtep.PutEntries("Logical_Switch", [OvsdbCondition.Equal("name", "contoso/subnet1")], "user_routes",
            [KeyValuePair.Create("0.0.0.0/0", "VirtualAppliance 10.2.0.1"), KeyValuePair.Create("10.0.0.0/8", "None 10.1.1.12"), KeyValuePair.Create("10.9.0.0/16", "2"), KeyValuePair.Create("10.8.0.0/16", "None")]);
        string fabrikam = ContosoFabrikam.Host1.VirtualNetworks[1].RoutingDomain.ToString();
        vtep.PutEntries("Logical_Router", [OvsdbCondition.Equal("description", "contoso")], "other_config", [KeyValuePair.Create("peers", fabrikam), KeyValuePair.Create("unbilled_ranges", "home")]);
        foreach (string members in new[] { "192.168.1.10", "192.168.1.11,192.168.1.12", "192.168.1.12,192.168.1.13" })
        {
            vtep.Insert("Provider_Team", [KeyValuePair.Create<string, OvsdbValue>("members", members)]);
        }

        vtep.Insert("Nat_Rule",
            [
                KeyValuePair.Create<string, OvsdbValue>("vnic_id", ContosoFabrikam.FabrikamSql.ToString()), KeyValuePair.Create<string, OvsdbValue>("rule_id", "out"),
                KeyValuePair.Create<string, OvsdbValue>("kind", "Destination"), KeyValuePair.Create<string, OvsdbValue>("external_ip_addresses", "203.0.113.1"),
                KeyValuePair.Create<string, OvsdbValue>("ports", "80"),
            ]);
        using OvsdbTransaction mirrors = new(HostSchemas.ServiceInsertionName);
        mirrors.Update("SI_Rule", [OvsdbCondition.Equal("vnic_id", ContosoFabrikam.FabrikamSql.ToString())], [KeyValuePair.Create<string, OvsdbValue>("routing_information", "10.1.1.12")]);

        await host.TransactAsync(vtep);
        await host.TransactAsync(mirrors);

        await TestHost.EventuallyAsync(() => host.Agent.ReadPolicy().Errors.Any(error => error.Column == "routing_information"), "the errors show");
        HostPolicyReading reading = host.Agent.ReadPolicy();
        Assert.Equal(
            [
                $"FW_Rules vnic_id {ContosoFabrikam.ContosoSql}",
                $"Logical_Router other_config:peers {fabrikam}", "Logical_Router other_config:unbilled_ranges home",
                "Logical_Switch user_routes:0.0.0.0/0 VirtualAppliance 10.2.0.1", "Logical_Switch user_routes:10.0.0.0/8 None 10.1.1.12", "Logical_Switch user_routes:10.9.0.0/16 2",
                "Nat_Rule targets ", "Physical_Port properties:vlan 7", "Physical_Switch vswitch_config:outer_dscp 64", "Physical_Switch vswitch_config:port_default 3",
                "Provider_Team members 192.168.1.10", "Provider_Team members 192.168.1.12", "Provider_Team members 192.168.1.12",
                "SI_Rule routing_information 10.1.1.12", $"SI_Rule vnic_id {ContosoFabrikam.ContosoSql}",
            ],
            reading.Errors.Select(error => $"{error.Table} {error.Column} {error.Value}").Order(StringComparer.Ordinal));
        Assert.Equal(PortDefaultState.BlockTraffic, reading.Policy.Settings.PortDefault);
        Assert.Equal([IpPrefix.Parse("10.8.0.0/16")], reading.Policy.VirtualNetworks[0].Subnets[0].Routes.Select(route => route.Prefix));
        Assert.All(reading.Policy.VirtualNetworks, network => Assert.Empty(network.Peers));
        Assert.Empty(reading.Policy.Teams);
        Assert.Empty(Assert.Single(reading.Policy.Ports).Mirrors);
    }

    [Theory]
    [InlineData("vsid", null)]
    [InlineData("allowed_addresses", "10.1.1.1/24")]
    [InlineData("outbound_max_mbps", "-1")]
    [InlineData("dhcp", "maybe")]
    [InlineData("dns_servers", "10.1.1.53,home")]
    [InlineData("dhcp_mtu", "65536")]
    [InlineData("domain_name", "")]
    public void PortProperties_WrongEntry_IsNamed(string key, string? value)
    {
        Dictionary<string, string> map = PortProperties.Write(ContosoFabrikam.Host1.Ports[0]);
        map.Remove(key);
        if (value is not null)
        {
            map[key] = value;
        }

        Assert.Null(PortProperties.Read(ContosoFabrikam.ContosoSql, "sql", map, out string wrongKey, out string expected));
        Assert.Equal(key, wrongKey);
        Assert.NotEmpty(expected);
    }

    [Theory]
    [InlineData("10.1.1.11", "10.1.1.11")]
    [InlineData("10.1.1.11:80, 2001:db8::1, [2001:db8::2]:443", "10.1.1.11:80,2001:db8::1,[2001:db8::2]:443")]
    [InlineData("10.1.1.11:0", null)]
    [InlineData("10.1.1.11:http", null)]
    [InlineData("[2001:db8::2", null)]
    public async Task NatRule_Targets_AreTakenOrRefused(string text, string? expected)
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        PushResult pushed = await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        await host.ReadingAsync(pushed.Configuration);
        using OvsdbTransaction meddle = new(HostSchemas.VtepName);
        meddle.Insert("Nat_Rule",
            [
                KeyValuePair.Create<string, OvsdbValue>("vnic_id", ContosoFabrikam.ContosoSql.ToString()), KeyValuePair.Create<string, OvsdbValue>("rule_id", "balance"),
                KeyValuePair.Create<string, OvsdbValue>("kind", "LoadBalance"), KeyValuePair.Create<string, OvsdbValue>("external_ip_addresses", "203.0.113.1"),
                KeyValuePair.Create<string, OvsdbValue>("targets", text),
            ]);

        await host.TransactAsync(meddle);

        await TestHost.EventuallyAsync(() => host.Agent.ReadPolicy() is var reading && (reading.Errors.Length > 0 || reading.Policy.Ports.Any(port => port.Nat.Length > 0)), "the row is read");
        NatRule? rule = host.Agent.ReadPolicy().Policy.Ports.SelectMany(port => port.Nat).SingleOrDefault();
        Assert.Equal(expected, rule is null ? null : NatRuleReader.Targets(rule.Targets));
    }

    [Fact]
    public async Task ReadPolicy_TwoSubnetsOfOneVsid_NeitherCounts()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        using OvsdbTransaction meddle = new(HostSchemas.VtepName);
        meddle.Update("Logical_Switch", OvsdbTransaction.EveryRow, [KeyValuePair.Create<string, OvsdbValue>("tunnel_key", 5001)]);

        await host.TransactAsync(meddle);

        await TestHost.EventuallyAsync(() => host.Agent.ReadPolicy().Errors.Length == 2, "both subnets are wrong");
        Assert.Empty(host.Agent.ReadPolicy().Policy.Mappings);
        Assert.All(host.Agent.ReadPolicy().Policy.VirtualNetworks, network => Assert.Empty(network.Subnets));
    }
}
