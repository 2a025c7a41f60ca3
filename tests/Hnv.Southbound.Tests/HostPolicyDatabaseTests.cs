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
                "Physical_Switch distributed_router_mac FF-FF-FF-FF-FF-FF", "Provider_Address prefix 10.0.0.0/8"],
            reading.Errors.Select(error => $"{error.Table} {error.Column} {error.Value}").Order(StringComparer.Ordinal));
        PortPolicy contoso = Assert.Single(reading.Policy.Ports);
        Assert.Equal(AclLevel.Subnet, Assert.Single(contoso.Rules).Level);
        Assert.All(reading.Policy.Mappings, mapping => Assert.Equal(5001u, mapping.Customer.Vsid.Value));
        Assert.Equal(2, reading.Policy.Mappings.Length);
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
