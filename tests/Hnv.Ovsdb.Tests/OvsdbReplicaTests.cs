using System.Collections.Immutable;
using System.Diagnostics;

namespace Hnv.Ovsdb.Tests;

public sealed class OvsdbReplicaTests
{
    private static readonly string[] s_tables = ["Cage", "Animal"];

    [Fact]
    public async Task Replica_EveryKindOfChange_EqualsWhatAFreshReplicaReads()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbReplica replica = server.Replicate();
        await replica.WaitUntilSyncedAsync(TestServer.Soon);
        Random random = new(7);

        for (int step = 0; step < 150; step++)
        {
            using OvsdbTransaction transaction = RandomStep(random, step);
            await replica.TransactAsync(transaction, TestServer.Soon);
        }

        await using OvsdbReplica fresh = server.Replicate();
        await fresh.WaitUntilSyncedAsync(TestServer.Soon);
        Assert.NotEmpty(Text(fresh));
        Assert.Equal(Text(fresh), Text(replica));
    }

    [Fact]
    public async Task Transact_WhenItReturns_TheSnapshotShowsTheResult()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbReplica replica = server.Replicate();
        await replica.WaitUntilSyncedAsync(TestServer.Soon);
        OvsdbSnapshot before = replica.Snapshot;

        Guid row = await InsertAsync(replica, "lions");

        Assert.Equal("lions", replica.Snapshot[TestServer.Database, "Cage"][row].Text("name"));
        Assert.Empty(before[TestServer.Database, "Cage"]);
    }

    [Fact]
    public async Task ServerKilled_IsRestartedAndTheReplicaLosesNothing()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbReplica replica = server.Replicate();
        await replica.WaitUntilSyncedAsync(TestServer.Soon);
        await InsertAsync(replica, "lions");
        ImmutableDictionary<Guid, OvsdbRow> rows = replica.Snapshot[TestServer.Database, "Cage"];
        int killed = server.Process.ProcessId;

        using (Process process = Process.GetProcessById(killed))
        {
            process.Kill();
        }

        await TestServer.EventuallyAsync(() => !replica.Status.IsConnected, "the loss is noticed");
        Assert.Same(rows, replica.Snapshot[TestServer.Database, "Cage"]);
        await TestServer.EventuallyAsync(() => replica.Status.IsConnected, "the server is back");
        Assert.Same(rows, replica.Snapshot[TestServer.Database, "Cage"]);
        Assert.NotEqual(killed, server.Process.ProcessId);
        await InsertAsync(replica, "wolves");
        Assert.Equal(2, replica.Snapshot[TestServer.Database, "Cage"].Count);
    }

    [Fact]
    public async Task Replica_ChangedWhileDisconnected_IsBroughtUpToDate()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbReplica replica = server.Replicate();
        await replica.WaitUntilSyncedAsync(TestServer.Soon);
        Guid lions = await InsertAsync(replica, "lions");
        Guid wolves = await InsertAsync(replica, "wolves");
        OvsdbRow kept = replica.Snapshot[TestServer.Database, "Cage"][wolves];
        await server.Process.DisposeAsync();
        await TestServer.EventuallyAsync(() => !replica.Status.IsConnected, "the loss is noticed");
        await OvsdbTools.RunAsync(
            "ovsdb-tool",
            ["transact", Path.Combine(server.Options.DataDirectory, "zoo.db"), $$"""["zoo",{"op":"delete","table":"Cage","where":[["_uuid","==",["uuid","{{lions}}"]]]}]"""],
            TestServer.Soon);

        await server.RestartAsync();

        await TestServer.EventuallyAsync(() => replica.Status.IsConnected, "the server is back");
        Assert.Same(kept, Assert.Single(replica.Snapshot[TestServer.Database, "Cage"].Values));
    }

    [Fact]
    public async Task Transact_WithoutASession_ThrowsWithTheReason()
    {
        await using OvsdbReplica replica = OvsdbReplica.Start(
            new OvsdbReplicaOptions
            {
                Endpoint = OvsdbEndpoint.Unix("/nowhere/ovsdb.sock"),
                Databases = new Dictionary<string, IReadOnlyDictionary<string, IReadOnlyList<string>>>(),
            },
            TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);

        await Assert.ThrowsAsync<OvsdbConnectionException>(() => InsertAsync(replica, "lions"));
    }

    [Fact]
    public async Task Replica_ColumnThatTheSchemaLacks_IsRefusedWithItsName()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbReplica replica = OvsdbReplica.Start(
            new OvsdbReplicaOptions
            {
                Endpoint = server.Options.Endpoint,
                Databases = new Dictionary<string, IReadOnlyDictionary<string, IReadOnlyList<string>>>
                {
                    [TestServer.Database] = new Dictionary<string, IReadOnlyList<string>> { ["Cage"] = ["colour"] },
                },
            },
            TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);

        await TestServer.EventuallyAsync(() => replica.Status.IsRefused, "the column is missed");

        Assert.Contains("colour", replica.Status.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lock_HolderGoes_TheNextReplicaHoldsIt()
    {
        await using TestServer server = await TestServer.StartAsync();
        OvsdbReplica first = server.Replicate("driver");
        await first.WaitUntilSyncedAsync(TestServer.Soon);
        await using OvsdbReplica second = server.Replicate("driver");
        await second.WaitUntilSyncedAsync(TestServer.Soon);

        Assert.True(first.Status.HoldsLock);
        Assert.False(second.Status.HoldsLock);
        await first.DisposeAsync();
        await TestServer.EventuallyAsync(() => second.Status.HoldsLock, "the lock passes on");
    }

    private static OvsdbTransaction RandomStep(Random random, int step)
    {
        OvsdbTransaction transaction = new(TestServer.Database);
        OvsdbCondition[] some = [new OvsdbCondition("size", "<", random.Next(10))];
        string[] words = [.. Enumerable.Range(0, random.Next(4)).Select(_ => $"w{random.Next(5)}")];
        KeyValuePair<string, string>[] notes = [.. words.Distinct().Select(word => KeyValuePair.Create(word, $"{random.Next(3)}"))];
        switch (random.Next(6))
        {
            case 0:
                transaction.Delete("Cage", [OvsdbCondition.Equal("size", random.Next(10))]);
                break;
            case 1:
                transaction.Update("Cage", some, [KeyValuePair.Create("tags", OvsdbValue.Set(words)), KeyValuePair.Create("notes", OvsdbValue.Map(notes))]);
                break;
            case 2:
                transaction.Update("Cage", some, [KeyValuePair.Create("keeper", OvsdbValue.OptionalText(random.Next(2) == 0 ? null : "Ann"))]);
                break;
            case 3:
                transaction.Mutate("Cage", some, ("tags", "insert", OvsdbValue.Set(words)), ("size", "+=", 1));
                break;
            default:
                transaction.Insert(
                    "Cage",
                    [
                        KeyValuePair.Create<string, OvsdbValue>("name", $"cage{step}"),
                        KeyValuePair.Create<string, OvsdbValue>("size", random.Next(10)),
                        KeyValuePair.Create<string, OvsdbValue>("load", OvsdbAtom.From(random.Next(4) / 2.0)),
                        KeyValuePair.Create("tags", OvsdbValue.Set(words)),
                        KeyValuePair.Create("notes", OvsdbValue.Map(notes)),
                        KeyValuePair.Create<string, OvsdbValue>("animals", OvsdbAtom.Named("a")),
                    ]);
                transaction.Insert("Animal", [KeyValuePair.Create<string, OvsdbValue>("kind", random.Next(2) == 0 ? "cat" : "dog")], "a");
                break;
        }

        return transaction;
    }

    private static List<string> Text(OvsdbReplica replica) =>
    [
        .. s_tables.SelectMany(table => replica.Snapshot[TestServer.Database, table].Values)
            .Select(row => $"{row.Uuid} {string.Join(' ', row.RawValues.Select(value => value.ToString()))}")
            .Order(StringComparer.Ordinal),
    ];

    private static async Task<Guid> InsertAsync(OvsdbReplica replica, string name)
    {
        using OvsdbTransaction transaction = new(TestServer.Database);
        transaction.Insert("Cage", [KeyValuePair.Create<string, OvsdbValue>("name", name)]);
        return (await replica.TransactAsync(transaction, TestServer.Soon)).InsertedUuid(0);
    }
}
