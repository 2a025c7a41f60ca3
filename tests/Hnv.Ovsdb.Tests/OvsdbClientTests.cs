using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Hnv.Ovsdb.Tests;

public sealed class OvsdbClientTests
{
    [Fact]
    public async Task ListAndSchema_RealServer_AreRead()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbClient client = await server.ConnectAsync();

        OvsdbSchema schema = await client.GetSchemaAsync(TestServer.Database, TestServer.Soon);

        Assert.Equal([TestServer.Database], await client.ListDatabasesAsync(TestServer.Soon));
        Assert.Equal(int.MaxValue, schema.Tables["Cage"].Columns["tags"].Max);
        Assert.True(schema.Tables["Cage"].Columns["notes"].IsMap);
    }

    [Fact]
    public async Task Call_UnknownMethodAndDatabase_ThrowWithTheServersWords()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbClient client = await server.ConnectAsync();
        using OvsdbTransaction elsewhere = new("nowhere");
        elsewhere.Comment("x");

        OvsdbException method = await Assert.ThrowsAsync<OvsdbException>(() => client.CallAsync("dance", _ => { }, TestServer.Soon));
        OvsdbException database = await Assert.ThrowsAsync<OvsdbException>(() => client.TransactAsync(elsewhere, TestServer.Soon));

        Assert.Contains("unknown method", method.Message, StringComparison.Ordinal);
        Assert.Contains("unknown database", database.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Transact_Pipelined_EachAnswerFindsItsRequest()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbClient client = await server.ConnectAsync();

        Guid[] rows = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => InsertCageAsync(client, $"cage{i}", i)));
        using OvsdbTransaction select = new(TestServer.Database);
        for (int i = 0; i < rows.Length; i++)
        {
            select.Select("Cage", [OvsdbCondition.Row(rows[i])], "name", "size");
        }

        OvsdbTransactionResult result = await client.TransactAsync(select, TestServer.Soon);
        for (int i = 0; i < rows.Length; i++)
        {
            Assert.Equal($"cage{i}", result.Rows(i)[0]["name"].Single.Text);
            Assert.Equal(i, result.Rows(i)[0]["size"].Single.Integer);
        }
    }

    [Fact]
    public async Task Transact_IndexViolation_IsFoundInTheElementBeyondTheOperations()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbClient client = await server.ConnectAsync();
        await InsertCageAsync(client, "lions", 1);

        OvsdbTransactionException exception = await Assert.ThrowsAsync<OvsdbTransactionException>(() => InsertCageAsync(client, "lions", 2));

        Assert.Equal("commit", exception.Operation);
        Assert.Equal("constraint violation", exception.Error);
    }

    [Fact]
    public async Task Transact_FailingOperation_IsNamedAndNothingIsChanged()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbClient client = await server.ConnectAsync();
        using OvsdbTransaction transaction = new(TestServer.Database);
        transaction.Insert("Cage", [KeyValuePair.Create<string, OvsdbValue>("name", "lions")]);
        transaction.Insert("Animal", [KeyValuePair.Create<string, OvsdbValue>("name", "no kind given")]);
        transaction.Comment("never reached");

        OvsdbTransactionException exception = await Assert.ThrowsAsync<OvsdbTransactionException>(() => client.TransactAsync(transaction, TestServer.Soon));

        Assert.Contains("insert into Animal (operation 2 of 3)", exception.Message, StringComparison.Ordinal);
        Assert.Equal(0, await CountAsync(client, "Cage"));
    }

    [Fact]
    public async Task Transact_SecondRowOfAMaxRows1Table_Throws()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbClient client = await server.ConnectAsync();
        using OvsdbTransaction transaction = new(TestServer.Database);
        transaction.Insert("Director", []);
        transaction.Insert("Director", []);

        await Assert.ThrowsAsync<OvsdbTransactionException>(() => client.TransactAsync(transaction, TestServer.Soon));
    }

    [Fact]
    public async Task Transact_Abort_ThrowsAndChangesNothing()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbClient client = await server.ConnectAsync();
        using OvsdbTransaction transaction = new(TestServer.Database);
        transaction.Insert("Director", []);
        transaction.Abort();

        OvsdbTransactionException exception = await Assert.ThrowsAsync<OvsdbTransactionException>(() => client.TransactAsync(transaction, TestServer.Soon));

        Assert.Equal("aborted", exception.Error);
        Assert.Equal(0, await CountAsync(client, "Director"));
    }

    [Fact]
    public async Task Wait_OtherValueThanExpected_IsAConflictAtOnce()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbClient client = await server.ConnectAsync();
        Guid row = await InsertCageAsync(client, "lions", 1);
        using OvsdbTransaction stale = new(TestServer.Database);
        stale.WaitRow("Cage", row, KeyValuePair.Create<string, OvsdbValue>("size", 7));
        stale.Delete("Cage", [OvsdbCondition.Row(row)]);
        using OvsdbTransaction fresh = new(TestServer.Database);
        fresh.WaitRow("Cage", row, KeyValuePair.Create<string, OvsdbValue>("size", 1));
        fresh.Delete("Cage", [OvsdbCondition.Row(row)]);
        fresh.Commit();

        OvsdbTransactionException exception = await Assert.ThrowsAsync<OvsdbTransactionException>(() => client.TransactAsync(stale, TestServer.Soon));
        OvsdbTransactionResult result = await client.TransactAsync(fresh, TestServer.Soon);

        Assert.True(exception.IsConflict);
        Assert.Equal(1, result.Count(1));
    }

    [Fact]
    public async Task PutEntries_KeyThatIsThere_GetsTheNewValueAndOthersStay()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbClient client = await server.ConnectAsync();
        using OvsdbTransaction transaction = new(TestServer.Database);
        transaction.Insert("Cage", [KeyValuePair.Create("notes", Map(("a", "1"), ("b", "2")))]);
        transaction.PutEntries("Cage", OvsdbTransaction.EveryRow, "notes", [KeyValuePair.Create("a", "9"), KeyValuePair.Create("c", "3")]);
        transaction.Select("Cage", OvsdbTransaction.EveryRow, "notes");

        OvsdbTransactionResult result = await client.TransactAsync(transaction, TestServer.Soon);

        Assert.Equal(Map(("a", "9"), ("b", "2"), ("c", "3")), result.Rows(2)[0]["notes"]);
    }

    [Fact]
    public async Task Insert_RowOfATableThatIsNoRootWithoutAReference_SucceedsAndVanishes()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using OvsdbClient client = await server.ConnectAsync();
        KeyValuePair<string, OvsdbValue>[] cat = [KeyValuePair.Create<string, OvsdbValue>("kind", "cat")];
        using OvsdbTransaction lost = new(TestServer.Database);
        lost.Insert("Animal", cat);
        using OvsdbTransaction kept = new(TestServer.Database);
        kept.Insert("Cage", [KeyValuePair.Create<string, OvsdbValue>("animals", OvsdbAtom.Named("felix"))]);
        kept.Insert("Animal", cat, "felix");

        OvsdbTransactionResult result = await client.TransactAsync(lost, TestServer.Soon);
        Assert.NotEqual(Guid.Empty, result.InsertedUuid(0));
        Assert.Equal(0, await CountAsync(client, "Animal"));

        await client.TransactAsync(kept, TestServer.Soon);
        Assert.Equal(1, await CountAsync(client, "Animal"));
    }

    [Fact]
    public async Task Monitor_OwnTransaction_IsAnnouncedBeforeItIsAnswered()
    {
        await using TestServer server = await TestServer.StartAsync();
        int announced = 0;
        await using OvsdbClient client = await server.ConnectAsync((method, _) => announced += method == "update3" ? 1 : 0);
        await client.MonitorCondSinceAsync(
            TestServer.Database, "m", new Dictionary<string, IReadOnlyList<string>> { ["Cage"] = ["name"] }, Guid.Empty, TestServer.Soon);

        await InsertCageAsync(client, "lions", 1);

        Assert.Equal(1, announced);
    }

    [Fact]
    public async Task MonitorCondChange_RowsThatMeetTheNewCondition_AreAnnounced()
    {
        await using TestServer server = await TestServer.StartAsync();
        List<string> updates = [];
        await using OvsdbClient client = await server.ConnectAsync((_, parameters) => updates.Add(parameters[2].GetRawText()));
        await InsertCageAsync(client, "lions", 1);
        await InsertCageAsync(client, "wolves", 2);
        JsonElement first = await client.MonitorCondSinceAsync(
            TestServer.Database,
            "m",
            new Dictionary<string, IReadOnlyList<string>> { ["Cage"] = ["name"] },
            Guid.Empty,
            TestServer.Soon,
            new Dictionary<string, IReadOnlyList<OvsdbCondition>> { ["Cage"] = [OvsdbCondition.Equal("name", "lions")] });

        await client.MonitorCondChangeAsync("m", "Cage", [OvsdbCondition.Equal("name", "wolves")], TestServer.Soon);

        Assert.Contains("lions", first[2].GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("wolves", first[2].GetRawText(), StringComparison.Ordinal);
        Assert.Contains("wolves", Assert.Single(updates), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lock_HeldElsewhere_IsGrantedWhenGivenBackAndCanBeStolen()
    {
        await using TestServer server = await TestServer.StartAsync();
        List<string> heard = [];
        await using OvsdbClient one = await server.ConnectAsync((method, _) => heard.Add("one " + method));
        await using OvsdbClient other = await server.ConnectAsync((method, _) => heard.Add("other " + method));

        Assert.True(await one.LockAsync("driver", TestServer.Soon));
        Assert.False(await other.LockAsync("driver", TestServer.Soon));
        await one.UnlockAsync("driver", TestServer.Soon);
        await TestServer.EventuallyAsync(() => heard.Contains("other locked"), "the waiting session gets the lock");
        Assert.True(await one.StealAsync("driver", TestServer.Soon));
        await TestServer.EventuallyAsync(() => heard.Contains("other stolen"), "the holder hears of the theft");
    }

    [Fact]
    public async Task Echo_FromTheServer_IsAnsweredByTheReader()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        OvsdbEndpoint endpoint = OvsdbEndpoint.Parse($"tcp:{listener.LocalEndpoint}");
        Task<OvsdbClient> connecting = OvsdbClient.ConnectAsync(endpoint, TestServer.Soon);
        using TcpClient peer = await listener.AcceptTcpClientAsync(TestServer.Soon);
        await using OvsdbClient client = await connecting;
        byte[] buffer = new byte[1000];

        await peer.GetStream().WriteAsync("{\"params\":[\"x\"],\"id\":\"echo\",\"method\":\"echo\"}"u8.ToArray(), TestServer.Soon);
        int count = await peer.GetStream().ReadAsync(buffer, TestServer.Soon);

        JsonElement answer = JsonDocument.Parse(Encoding.UTF8.GetString(buffer, 0, count)).RootElement;
        Assert.Equal("echo", answer.GetProperty("id").GetString());
        Assert.Equal("x", answer.GetProperty("result")[0].GetString());
    }

    [Fact]
    public async Task Call_ConnectionLostUnderWay_SaysThatTheOutcomeIsUnknown()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        Task<OvsdbClient> connecting = OvsdbClient.ConnectAsync(OvsdbEndpoint.Parse($"tcp:{listener.LocalEndpoint}"), TestServer.Soon);
        TcpClient peer = await listener.AcceptTcpClientAsync(TestServer.Soon);
        await using OvsdbClient client = await connecting;

        Task echo = client.EchoAsync(TestServer.Soon);
        peer.Dispose();

        await Assert.ThrowsAsync<OvsdbConnectionException>(() => echo);
        await Assert.ThrowsAsync<OvsdbConnectionException>(() => client.EchoAsync(TestServer.Soon));
    }

    [Fact]
    public async Task Connect_NobodyThere_NamesTheEndpoint()
    {
        OvsdbConnectionException exception = await Assert.ThrowsAsync<OvsdbConnectionException>(
            () => OvsdbClient.ConnectAsync(OvsdbEndpoint.Unix("/nowhere/ovsdb.sock"), TestServer.Soon));

        Assert.Contains("unix:/nowhere/ovsdb.sock", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("unix:")]
    [InlineData("tcp:127.0.0.1")]
    [InlineData("tcp:127.0.0.1:70000")]
    [InlineData("ssl:10.0.0.1:6640")]
    [InlineData("6640")]
    public void Endpoint_Wrong_IsRefused(string text) => Assert.Throws<FormatException>(() => OvsdbEndpoint.Parse(text));

    [Theory]
    [InlineData("unix:/run/x.sock")]
    [InlineData("tcp:127.0.0.1:6641")]
    [InlineData("tcp:[2001:db8::1]:6640")]
    public void Endpoint_Right_PrintsAsItWasWritten(string text) => Assert.Equal(text, OvsdbEndpoint.Parse(text).ToString());

    private static OvsdbValue Map(params (string Key, string Value)[] entries) =>
        OvsdbValue.Map(entries.Select(entry => KeyValuePair.Create(entry.Key, entry.Value)));

    private static async Task<Guid> InsertCageAsync(OvsdbClient client, string name, int size)
    {
        using OvsdbTransaction transaction = new(TestServer.Database);
        transaction.Insert("Cage", [KeyValuePair.Create<string, OvsdbValue>("name", name), KeyValuePair.Create<string, OvsdbValue>("size", size)]);
        return (await client.TransactAsync(transaction, TestServer.Soon)).InsertedUuid(0);
    }

    private static async Task<int> CountAsync(OvsdbClient client, string table)
    {
        using OvsdbTransaction transaction = new(TestServer.Database);
        transaction.Select(table, OvsdbTransaction.EveryRow, "_uuid");
        return (await client.TransactAsync(transaction, TestServer.Soon)).Rows(0).Count;
    }
}
