using System.Diagnostics;

namespace Hnv.Ovsdb.Tests;

public sealed class OvsdbServerProcessTests
{
    [Fact]
    public async Task Start_AsRoot_TheServerRunsAsAnOrdinaryUser()
    {
        await using TestServer server = await TestServer.StartAsync();

        string owner = File.ReadLines($"/proc/{server.Process.ProcessId}/status").First(line => line.StartsWith("Uid:", StringComparison.Ordinal));

        Assert.DoesNotContain("\t0\t", owner + "\t", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Released_TheNextOneTakesTheServerOver()
    {
        await using TestServer server = await TestServer.StartAsync();
        int before = server.Process.ProcessId;
        await server.Process.ReleaseAsync();

        await server.RestartAsync();

        Assert.Equal(before, server.Process.ProcessId);
    }

    [Fact]
    public async Task Released_TheNextOneWithOtherRemotes_ReplacesTheServer()
    {
        await using TestServer server = await TestServer.StartAsync();
        int before = server.Process.ProcessId;
        await server.Process.ReleaseAsync();
        server.Options = server.Options with { Remotes = ["ptcp:0:127.0.0.1"] };

        await server.RestartAsync();

        Assert.NotEqual(before, server.Process.ProcessId);
        Assert.False(Directory.Exists($"/proc/{before}"));
    }

    [Fact]
    public async Task Disposed_TheServerIsGone()
    {
        await using TestServer server = await TestServer.StartAsync();
        int before = server.Process.ProcessId;

        await server.Process.DisposeAsync();

        Assert.False(Directory.Exists($"/proc/{before}"));
    }

    [Fact]
    public async Task Start_DatabaseOfAnOlderSchema_IsConvertedAndKeepsItsRows()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using (OvsdbClient client = await server.ConnectAsync())
        {
            using OvsdbTransaction transaction = new(TestServer.Database);
            transaction.Insert("Director", [KeyValuePair.Create<string, OvsdbValue>("name", "Ann")]);
            await client.TransactAsync(transaction, TestServer.Soon);
        }

        await server.Process.ReleaseAsync();
        string newer = TestServer.Schema.Replace("\"maxRows\": 1, \"columns\": {", "\"maxRows\": 1, \"columns\": {\"age\": {\"type\": \"integer\"}, ", StringComparison.Ordinal);
        server.Options = server.Options with { Databases = [new OvsdbDatabaseFile(TestServer.Database, newer)] };

        await server.RestartAsync();

        await using OvsdbClient after = await server.ConnectAsync();
        using OvsdbTransaction select = new(TestServer.Database);
        select.Select("Director", OvsdbTransaction.EveryRow, "name", "age");
        IReadOnlyDictionary<string, OvsdbValue> row = Assert.Single((await after.TransactAsync(select, TestServer.Soon)).Rows(0));
        Assert.Equal("Ann", row["name"].Single.Text);
        Assert.Equal(0, row["age"].Single.Integer);
    }

    [Fact]
    public async Task Start_SchemaThatIsNone_SaysWhatTheToolSaid()
    {
        OvsdbException exception = await Assert.ThrowsAsync<OvsdbException>(
            () => TestServer.StartAsync(options => options with { Databases = [new OvsdbDatabaseFile("zoo", "{}")] }));

        Assert.Contains("ovsdb-tool create", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_PathTooLongForASocket_SaysSo()
    {
        OvsdbException exception = await Assert.ThrowsAsync<OvsdbException>(
            () => TestServer.StartAsync(options => options with { RunDirectory = "/tmp/" + new string('x', 120) }));

        Assert.Contains("shorter", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_ProgramThatIsNotInstalled_NamesThePackages()
    {
        OvsdbException exception = Assert.Throws<OvsdbException>(() => OvsdbTools.Find("ovsdb-server-of-another-world"));

        Assert.Contains("apt-get install openvswitch-switch openvswitch-common", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stopped_ByForce_IsRestartedAgainAndAgain()
    {
        await using TestServer server = await TestServer.StartAsync();

        for (int round = 0; round < 3; round++)
        {
            int before = server.Process.ProcessId;
            using Process process = Process.GetProcessById(before);
            process.Kill();
            await TestServer.EventuallyAsync(() => server.Process.ProcessId is not 0 && server.Process.ProcessId != before, "a new server process");
        }

        await using OvsdbClient client = await server.ConnectAsync();
        Assert.Equal([TestServer.Database], await client.ListDatabasesAsync(TestServer.Soon));
    }
}
