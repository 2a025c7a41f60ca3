using System.Diagnostics;
using System.Text.Json.Nodes;
using Hnv.Controller.Planning;
using Hnv.Controller.Schema;
using Hnv.Ovsdb;
using Hnv.Southbound;

namespace Hnv.Controller.Tests;

/// <summary>In a network of ten thousand interfaces a change costs what it changes: counted, not timed.</summary>
public sealed class ChangeCostTests : HostedTests
{
    private const int Interfaces = 10_000;
    private const int Servers = 98;
    private const int AtOnce = 64;
    private static readonly string[] s_tables = ["Ucast_Macs_Remote", "Ucast_Macs_Local", "Physical_Locator", "Physical_Port", "Physical_Switch", "Logical_Switch", "Logical_Router"];

    [Fact]
    public async Task OneInterface_OfTenThousandOnAHundredHosts_IsAllThatIsPlannedAndWritten()
    {
        await MakeLargeNetworkAsync();
        await Host1.Database.SetBindingAsync(await NicAsync("large-0"), "veth1", CancellationToken.None);
        await Host2.Database.SetBindingAsync(await NicAsync("fabrikam-web"), "veth1", CancellationToken.None);
        await PatientlyAsync(() => Mappings(Host1).Count == Interfaces && Mappings(Host2).Count == 1);
        await QuietAsync();
        PlanWork work = App.Fleet.Plan.Networks.Work;
        (long machines, long ports, long mapped, long hosts) = (work.Machines, work.Ports, work.Mapped, App.Fleet.HostPlans);
        Dictionary<string, string> rows1 = await RowsAsync(Host1), rows2 = await RowsAsync(Host2);

        // Another address, in another host's place: one mapping goes and one comes, on the one host that knows the network.
        await PutAsync("networkInterfaces/large-4711", Interface(4711, "10.64.200.1"));
        await PatientlyAsync(() => Mappings(Host1).Any(mapping => mapping.Contains("10.64.200.1 ", StringComparison.Ordinal)));
        await QuietAsync();

        Assert.Same(work, App.Fleet.Plan.Networks.Work);
        Assert.Equal((1, 0, 1, 1), (work.Machines - machines, work.Ports - ports, work.Mapped - mapped, App.Fleet.HostPlans - hosts));
        Assert.Equal(["+Ucast_Macs_Remote", "-Ucast_Macs_Remote"], Written(rows1, await RowsAsync(Host1)));
        Assert.Empty(Written(rows2, await RowsAsync(Host2)));

        // Its own port: the port itself, its mapping and its place here; nobody else's.
        (machines, ports, mapped, hosts) = (work.Machines, work.Ports, work.Mapped, App.Fleet.HostPlans);
        rows1 = await RowsAsync(Host1);
        await PutAsync("networkInterfaces/large-0", Interface(0, "10.64.200.2"));
        await PatientlyAsync(() => Mappings(Host1).Any(mapping => mapping.Contains("10.64.200.2 ", StringComparison.Ordinal)));
        await QuietAsync();

        Assert.Equal((1, 1, 1, 1), (work.Machines - machines, work.Ports - ports, work.Mapped - mapped, App.Fleet.HostPlans - hosts));
        Assert.Equal(
            ["+Physical_Port", "+Ucast_Macs_Local", "+Ucast_Macs_Remote", "-Physical_Port", "-Ucast_Macs_Local", "-Ucast_Macs_Remote"], Written(rows1, await RowsAsync(Host1)));
    }

    [Fact]
    public async Task InterfacesThatAreNowhere_AreNobodysBusiness()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4 && Mappings(Host2).Count == 4);
        await QuietAsync();
        long hosts = App.Fleet.HostPlans;

        await PutAsync("networkInterfaces/loose", Story.Interface("contoso", "10.1.1.77"));
        await EventuallyAsync(() => App.Fleet.Plan.Snapshot.Revision == App.Engine.Current.Revision);

        Assert.Equal(0, App.Fleet.HostPlans - hosts);
    }

    private static string Interface(int number, string? address = null) => $$$$$$"""
        {"properties":{"privateMacAllocationMethod":"Static","privateMacAddress":"00-1D-D8-C0-{{{{{{number >> 8:X2}}}}}}-{{{{{{number & 0xFF:X2}}}}}}"{{{{{{(number == 0 ? "" : $$$$""","placement":{"resourceRef":"/servers/far-{{{{number % Servers}}}}"}""")}}}}}},
         "ipConfigurations":[{"resourceId":"ip","properties":{"privateIPAllocationMethod":"Static","privateIPAddress":"{{{{{{address ?? $"10.64.{number / 200}.{(number % 200) + 2}"}}}}}}",
          "subnet":{"resourceRef":"/virtualNetworks/large/subnets/s1"}}}]}}
        """;

    /// <summary>What became of rows: a plus for each that is there now as it was not, a minus for each that is not there any more as it was.</summary>
    private static string[] Written(Dictionary<string, string> before, Dictionary<string, string> after) =>
    [
        .. after.Keys.Except(before.Keys).Select(row => $"+{after[row]}").Concat(before.Keys.Except(after.Keys).Select(row => $"-{before[row]}")).Order(StringComparer.Ordinal),
    ];

    // Ten thousand rows take their time where many tests run at once.
    private static async Task PatientlyAsync(Func<bool> condition)
    {
        long started = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromMinutes(2), "It did not happen in time.");
            await Task.Delay(100);
        }
    }

    private async Task MakeLargeNetworkAsync()
    {
        await PutAsync("virtualNetworks/large", """
            {"properties":{"addressSpace":{"addressPrefixes":["10.64.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},
             "subnets":[{"resourceId":"s1","properties":{"addressPrefix":"10.64.0.0/16"}}]}}
            """);
        foreach (int server in Enumerable.Range(0, Servers))
        {
            await PutAsync($"servers/far-{server}", $$$$"""{"properties":{"unmanagedVtep":{"address":"192.168.77.{{{{server + 1}}}}"}}}""");
        }

        await Parallel.ForEachAsync(Enumerable.Range(0, Interfaces), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (number, _) =>
        {
            ResourcePath path = App.Engine.Catalog.Resolve(["networkInterfaces", $"large-{number}"], ApiVersion.V1)!;
            await App.Engine.PutAsync(path, JsonNode.Parse(Interface(number))!.AsObject(), ApiVersion.V1, default, Guid.NewGuid());
        });
    }

    /// <summary>Waits until everything is planned and everybody has it, as a full comparison finds.</summary>
    private Task QuietAsync() => PatientlyAsync(() =>
        App.Fleet.Plan.Snapshot.Revision == App.Engine.Current.Revision
        && new[] { Story.Host1, Story.Host2 }.Select(App.Fleet.WorkerOf).All(worker => worker is { PushedConfiguration: > 0 } && worker.Report.NextConfiguration == worker.PushedConfiguration));

    /// <summary>Every policy row with its version, which the server changes with every write, and its table.</summary>
    private static async Task<Dictionary<string, string>> RowsAsync(PlayedHost host)
    {
        await using OvsdbClient client = await OvsdbClient.ConnectAsync(OvsdbEndpoint.Parse($"tcp:{host.Address}"), CancellationToken.None);
        using var look = new OvsdbTransaction(HostSchemas.VtepName);
        foreach (string table in s_tables)
        {
            look.Select(table, OvsdbTransaction.EveryRow, "_uuid", "_version");
        }

        OvsdbTransactionResult found = await client.TransactAsync(look, CancellationToken.None);
        return s_tables.Index().SelectMany(table => found.RawRows(table.Index).Select(row => (Row: row.ToString(), Table: table.Item))).ToDictionary(row => row.Row, row => row.Table);
    }
}
