using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound.Tests;

public sealed class HostSessionTests
{
    [Fact]
    public async Task Push_ContosoAndFabrikam_TheAgentReadsTheSamePolicy()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();

        PushResult pushed = await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);

        TestHost.AssertSame(ContosoFabrikam.Host1, await host.ReadingAsync(pushed.Configuration));
        Assert.Equal(1, pushed.Configuration);
    }

    [Fact]
    public async Task Push_TheSameAgain_WritesNothing()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        PushResult first = await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);

        PushResult second = await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);

        Assert.True(first.RowsWritten > 0);
        Assert.Equal(new PushResult(first.Configuration, 0), second);
        Assert.True(session.IsCurrent(ContosoFabrikam.Host1));
        Assert.False(session.IsCurrent(ContosoFabrikam.Host1WithoutContosoSql));
    }

    [Fact]
    public async Task Push_OneMappingMoved_TouchesOnlyItsRows()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        CaPaMapping web = ContosoFabrikam.Host1.Mappings[1];
        HostPolicy moved = ContosoFabrikam.Host1 with
        {
            Mappings = ContosoFabrikam.Host1.Mappings.Replace(web, web with { Provider = ProviderAddress.Parse("192.168.3.30") }),
        };

        PushResult pushed = await session.PushAsync(moved, TestHost.Soon);

        // The mapping and the new locator; the old locator is still Fabrikam's.
        Assert.Equal(2, pushed.RowsWritten);
        TestHost.AssertSame(moved, await host.ReadingAsync(pushed.Configuration));
    }

    [Fact]
    public async Task Push_PortTakenAwayAndEverythingTakenAway_LeavesNothingBehind()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        PushResult first = await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);

        PushResult second = await session.PushAsync(ContosoFabrikam.Host1WithoutContosoSql, TestHost.Soon);
        TestHost.AssertSame(ContosoFabrikam.Host1WithoutContosoSql, await host.ReadingAsync(second.Configuration));
        PushResult third = await session.PushAsync(HostPolicy.Empty, TestHost.Soon);
        TestHost.AssertSame(HostPolicy.Empty, await host.ReadingAsync(third.Configuration));

        // Old rules go in a transaction of their own, after their port.
        Assert.Equal(first.Configuration + 2, second.Configuration);
        Assert.True(session.IsCurrent(HostPolicy.Empty));
    }

    [Fact]
    public async Task Push_PortComes_ItsRulesAreThereNoLaterThanIt()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        List<string> order = [];
        await using OvsdbClient watcher = await OvsdbClient.ConnectAsync(
            host.Options.Endpoint, TestHost.Soon, (_, parameters) => order.Add(parameters[2].EnumerateObject().First().Name));
        await watcher.MonitorCondSinceAsync(
            HostSchemas.VtepName, "v", new Dictionary<string, IReadOnlyList<string>> { ["Physical_Port"] = ["name"] }, Guid.Empty, TestHost.Soon);
        await watcher.MonitorCondSinceAsync(
            HostSchemas.FirewallName, "f", new Dictionary<string, IReadOnlyList<string>> { ["FW_Rules"] = ["rule_id"] }, Guid.Empty, TestHost.Soon);
        await watcher.MonitorCondSinceAsync(
            HostSchemas.ServiceInsertionName, "s", new Dictionary<string, IReadOnlyList<string>> { ["SI_Rule"] = ["rule_id"] }, Guid.Empty, TestHost.Soon);

        await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        await session.PushAsync(HostPolicy.Empty, TestHost.Soon);

        await TestHost.EventuallyAsync(() => order.Count == 6, "six changes");
        Assert.Equal(["FW_Rules", "SI_Rule", "Physical_Port", "Physical_Port", "FW_Rules", "SI_Rule"], order);
    }

    [Fact]
    public async Task Push_RowsThatAnotherHandPutThere_AreRemoved()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        using OvsdbTransaction meddle = new(HostSchemas.VtepName);
        meddle.Mutate("Logical_Switch", OvsdbTransaction.EveryRow, ("tunnel_key", "+=", 1));
        meddle.Insert("Logical_Switch", [KeyValuePair.Create<string, OvsdbValue>("name", "stranger")], "stranger");
        foreach (string twin in new[] { "one", "two" })
        {
            meddle.Insert(
                "Ucast_Macs_Remote",
                [
                    KeyValuePair.Create<string, OvsdbValue>("MAC", "00-00-00-00-00-01"),
                    KeyValuePair.Create<string, OvsdbValue>("logical_switch", OvsdbAtom.Named("stranger")),
                    KeyValuePair.Create<string, OvsdbValue>("locator", OvsdbAtom.Named("here")),
                    KeyValuePair.Create<string, OvsdbValue>("mapping_type", "default"),
                ],
                twin);
        }

        meddle.Insert(
            "Physical_Locator",
            [KeyValuePair.Create<string, OvsdbValue>("encapsulation_type", "vxlan_over_ipv4"), KeyValuePair.Create<string, OvsdbValue>("dst_ip", "192.0.2.1")],
            "here");
        await host.TransactAsync(meddle);
        await TestHost.EventuallyAsync(() => !session.IsCurrent(ContosoFabrikam.Host1), "the session sees what was done");

        PushResult pushed = await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);

        Assert.Equal(5, pushed.RowsWritten);
        TestHost.AssertSame(ContosoFabrikam.Host1, await host.ReadingAsync(pushed.Configuration));
    }

    [Fact]
    public async Task Push_ContradictoryPolicy_ThrowsAndWritesNothing()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        HostPolicy orphanMappings = ContosoFabrikam.Host1 with { VirtualNetworks = [] };

        ArgumentException exception = await Assert.ThrowsAsync<ArgumentException>(() => session.PushAsync(orphanMappings, TestHost.Soon));

        Assert.Contains("VSID 5001", exception.Message, StringComparison.Ordinal);
        Assert.True(session.IsCurrent(HostPolicy.Empty));
    }

    public static TheoryData<string, HostPolicy> Contradictions
    {
        get
        {
            HostPolicy host = ContosoFabrikam.Host1;
            VirtualNetworkPolicy contoso = host.VirtualNetworks[0];
            VirtualSubnetPolicy subnet = contoso.Subnets[0];
            ProviderTeam team = new([ProviderAddress.Parse("192.168.1.10"), ProviderAddress.Parse("192.168.1.11")]);
            HostPolicy With(VirtualSubnetPolicy changed) => host with { VirtualNetworks = host.VirtualNetworks.SetItem(0, contoso with { Subnets = [changed] }) };
            HostPolicy Port(Func<PortPolicy, PortPolicy> change) => host with { Ports = host.Ports.SetItem(0, change(host.Ports[0])) };
            UserRoute Route(UserRouteKind kind, string? hop) => new(IpPrefix.Parse("10.7.0.0/16"), kind, hop is null ? null : CustomerAddress.Parse(hop));
            return new()
            {
                { "names it back", host with { VirtualNetworks = host.VirtualNetworks.SetItem(0, contoso with { Peers = [host.VirtualNetworks[1].RoutingDomain] }) } },
                { "names it back", host with { VirtualNetworks = host.VirtualNetworks.SetItem(0, contoso with { Peers = [contoso.RoutingDomain] }) } },
                { "an IPv4 prefix and an IPv6 one", With(subnet with { DualStack = new SubnetPrefix(IpPrefix.Parse("10.1.2.0/24"), CustomerAddress.Parse("10.1.2.1")) }) },
                { "lies outside", With(subnet with { DualStack = new SubnetPrefix(IpPrefix.Parse("2001:db8::/64"), CustomerAddress.Parse("2001:db9::1")) }) },
                { "should have an address", With(subnet with { Routes = [Route(UserRouteKind.VirtualAppliance, null)] }) },
                { "in a subnet of the network", With(subnet with { Routes = [Route(UserRouteKind.VirtualAppliance, "10.2.0.1")] }) },
                { "only an appliance", With(subnet with { Routes = [Route(UserRouteKind.None, "10.1.1.12")] }) },
                { "two routes lead to", With(subnet with { Routes = [Route(UserRouteKind.None, null), Route(UserRouteKind.VnetLocal, null)] }) },
                { "several addresses", host with { Teams = [new ProviderTeam([team.Members[0]])] } },
                { "several addresses", host with { Teams = [team, team] } },
                { "VLAN 7", Port(port => port with { VlanId = 7 }) },
                { "has one target", Port(port => port with { Nat = [new NatRule("n", NatKind.Destination, 1, null, [], [IpPrefix.Parse("203.0.113.1/32")], [], PortRange.All, [])] }) },
                { "one IPv6 prefix", Port(port => port with { Nat = [new NatRule("n", NatKind.Prefix, 1, null, [IpPrefix.Parse("fd00::/48")], [IpPrefix.Parse("2001:db8::/64")], [], PortRange.All, [])] }) },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Contradictions), DisableDiscoveryEnumeration = true)]
    public void DesiredRows_ContradictoryPolicy_IsRefusedByName(string expected, HostPolicy policy)
    {
        ArgumentException exception = Assert.Throws<ArgumentException>(() => DesiredRows.From(policy));

        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Push_FromAnEarlierEpoch_IsFenced()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession old = await host.ConnectedAsync(epoch: 1);
        await old.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        await using HostSession young = await host.ConnectedAsync(epoch: 2);

        PushResult takenOver = await young.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        HostSessionException exception = await Assert.ThrowsAsync<HostSessionException>(() => old.PushAsync(HostPolicy.Empty, TestHost.Soon));

        Assert.Equal(HostSessionState.Fenced, exception.State);
        Assert.Equal(0, takenOver.RowsWritten);
        Assert.True(young.IsCurrent(ContosoFabrikam.Host1));
    }

    [Fact]
    public async Task Transactions_OfAnEarlierEpoch_FailAtTheServerWhateverTheSenderBelieves()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession young = await host.ConnectedAsync(epoch: 2);
        await young.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        await using OvsdbReplica replica = OvsdbReplica.Start(
            new OvsdbReplicaOptions { Endpoint = host.Options.Endpoint, Databases = HostTables.Replicated },
            TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        await replica.WaitUntilSyncedAsync(TestHost.Soon);
        List<string> refused = [];
        HostPlan plan = HostPlan.Between(replica.Snapshot, DesiredRows.From(HostPolicy.Empty), HostPolicy.Empty, epoch: "1");

        foreach (OvsdbTransaction transaction in plan.Transactions())
        {
            OvsdbTransactionException refusal = await Assert.ThrowsAsync<OvsdbTransactionException>(() => replica.TransactAsync(transaction, TestHost.Soon));
            Assert.True(refusal.IsConflict);
            refused.Add(transaction.Database);
        }

        Assert.Equal([HostSchemas.FirewallName, HostSchemas.ServiceInsertionName, HostSchemas.VtepName], refused.Take(3));

        Assert.True(young.IsCurrent(ContosoFabrikam.Host1));
    }

    [Fact]
    public async Task Push_TwoSessionsOfOneEpochAtOnce_EndInOneOfTheTwoPolicies()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession one = await host.ConnectedAsync();
        await using HostSession other = await host.ConnectedAsync();

        await Task.WhenAll(one.PushAsync(ContosoFabrikam.Host1, TestHost.Soon), other.PushAsync(ContosoFabrikam.Host1, TestHost.Soon));

        TestHost.AssertSame(ContosoFabrikam.Host1, host.Agent.ReadPolicy());
    }

    [Fact]
    public async Task Connect_HostOfAnotherId_IsNotWrittenTo()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = host.Connect(hostId: "somebody else");
        await TestHost.EventuallyAsync(() => session.Status.State == HostSessionState.HostIdMismatch, "the mismatch is seen");

        HostSessionException exception = await Assert.ThrowsAsync<HostSessionException>(() => session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon));

        Assert.Contains(TestHost.HostId, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_NobodyThere_KeepsTryingAndSaysWhy()
    {
        await using HostSession session = HostSession.Start(
            OvsdbEndpoint.Unix("/nowhere/ovsdb.sock"),
            new HostSessionOptions { ExpectedHostId = TestHost.HostId, Epoch = 1 },
            TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        await TestHost.EventuallyAsync(() => session.Status.Message.Contains("/nowhere", StringComparison.Ordinal), "the reason is told");

        Assert.Equal(HostSessionState.Connecting, session.Status.State);
        await Assert.ThrowsAsync<HostSessionException>(() => session.PushAsync(HostPolicy.Empty, TestHost.Soon));
    }

    [Fact]
    public async Task ServerKilled_SessionComesBackToAnEmptyPlan()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);

        using (Process process = Process.GetProcessById(host.Server.ProcessId))
        {
            process.Kill();
        }

        await TestHost.EventuallyAsync(() => session.Status.State == HostSessionState.Connecting, "the loss is noticed");
        await TestHost.EventuallyAsync(() => session.Status.State == HostSessionState.Connected, "the session is back");
        Assert.Equal(0, (await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon)).RowsWritten);
        TestHost.AssertSame(ContosoFabrikam.Host1, host.Agent.ReadPolicy());
    }

    [Theory]
    [InlineData(HostSchemas.FirewallName, "FW_Global")]
    [InlineData(HostSchemas.ServiceInsertionName, "SI_Global")]
    public async Task Push_WriterCutOffBetweenTheDatabases_TheNextOneCompletesIt(string database, string global)
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        using OvsdbTransaction half = new(database);
        half.Mutate(global, OvsdbTransaction.EveryRow, ("next_cfg", "+=", 1));
        await host.TransactAsync(half);
        await TestHost.EventuallyAsync(() => !session.IsCurrent(ContosoFabrikam.Host1), "the session sees the half");

        PushResult pushed = await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);

        Assert.Equal(3, pushed.Configuration);
        Assert.True(session.IsCurrent(ContosoFabrikam.Host1));
    }

    [Fact]
    public async Task Start_StoreOfTheFirstSchemas_IsConvertedAndLosesNothing()
    {
        await using TestHost host = await TestHost.StartAsync(store: "Store-1.0.0");

        HostPolicyReading before = host.Agent.ReadPolicy();
        await using HostSession session = await host.ConnectedAsync();
        PushResult pushed = await session.PushAsync(ContosoFabrikam.Host1WithoutMirrors, TestHost.Soon);
        PushResult more = await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);

        TestHost.AssertSame(ContosoFabrikam.Host1WithoutMirrors, before);
        Assert.Equal("veth-sql", Assert.Single(host.Agent.Bindings).Device);
        Assert.Equal(new PushResult(2, 0), pushed);
        Assert.Equal(new PushResult(3, 2), more);
        TestHost.AssertSame(ContosoFabrikam.Host1, await host.ReadingAsync(more.Configuration));
    }

    [Fact]
    public async Task Dump_WithTheStockTool_ShowsTheColumnsWhereWindowsToolsLookForThem()
    {
        int port = FreePort();
        await using TestHost host = await TestHost.StartAsync([$"ptcp:{port}:127.0.0.1"]);
        await using HostSession session = await host.ConnectedAsync();
        await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);

        Dictionary<string, string[]> expected = new()
        {
            ["ms_vtep Global"] = ["_uuid", "cur_cfg", "db_version", "managers", "next_cfg", "other_config", "switches"],
            ["ms_vtep Logical_Router"] = ["_uuid", "description", "enable_logical_router", "name", "other_config", "static_routes", "switch_binding"],
            ["ms_vtep Logical_Switch"] = ["_uuid", "description", "name", "tunnel_key", "user_routes"],
            ["ms_vtep Physical_Port"] = ["_uuid", "description", "name", "other_config", "properties", "vlan_bindings", "vlan_stats"],
            ["ms_vtep Physical_Locator"] = ["_uuid", "bfd", "bfd_status", "dst_ip", "encapsulation_type"],
            ["ms_vtep Ucast_Macs_Remote"] = ["MAC", "_uuid", "ipaddr", "locator", "logical_switch", "mapping_type"],
            ["ms_firewall FW_Rules"] =
            [
                "_uuid", "action", "direction", "dst_ip_addresses", "dst_ports", "logging_state", "priority", "protocols", "rule_id",
                "rule_state", "rule_type", "src_ip_addresses", "src_ports", "vnic_id",
            ],
            ["ms_service_insertion SI_Rule"] =
            [
                "_uuid", "dst_ip_addresses", "dst_ports", "priority", "protocols", "routing_information", "rule_id", "rule_type", "src_ip_addresses",
                "src_ports", "vnic_id",
            ],
        };
        foreach ((string table, string[] columns) in expected)
        {
            using Process dump = Process.Start(new ProcessStartInfo("ovsdb-client", ["dump", "-f", "csv", $"tcp:127.0.0.1:{port}", .. table.Split(' ')]) { RedirectStandardOutput = true })!;
            string[] lines = (await dump.StandardOutput.ReadToEndAsync(TestHost.Soon)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            await dump.WaitForExitAsync(TestHost.Soon);
            Assert.Equal(columns, lines[1].Split(','));
            Assert.True(lines.Length > 2, $"{table} has rows");
        }
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
