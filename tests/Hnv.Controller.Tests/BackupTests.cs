using System.Net;

namespace Hnv.Controller.Tests;

/// <summary>networkControllerBackup and networkControllerRestore (7.27, 7.28): a file that is really written and read.</summary>
public sealed class BackupTests : IAsyncLifetime
{
    private readonly FullServer _full = new();

    private RestServer Server => _full.Rest;

    public Task InitializeAsync() => _full.InitializeAsync();

    public Task DisposeAsync() => _full.DisposeAsync();

    [Fact]
    public async Task Restore_OfABackup_BringsEverythingBackAndTakesAwayTheRest()
    {
        string before = Everything();
        Reply backup = await BackUpAsync("monday");
        await Server.DeleteAsync("VirtualGateways/contoso");
        await Server.PutAsync("accessControlLists/later", """{"properties":{}}""");
        await Server.PutAsync("accessControlLists/sql", """{"properties":{"inboundDefaultAction":"Permit","aclRules":[]}}""");

        Reply restore = await RestoreAsync("monday");

        Assert.Equal(("Succeeded", ""), (backup.Text("provisioningState"), backup.Text("errorMessage")));
        Assert.Contains("/networking/v1/loadbalancers/web", backup.Properties["successfulResourcesList"]!.AsArray().Select(n => (string?)n));
        Assert.Equal(("Succeeded", ""), (restore.Text("provisioningState"), restore.Text("errorMessage")));
        Assert.Equal(backup.Properties["successfulResourcesList"]!.AsArray().Count, restore.Properties["successfulResources"]!.AsArray().Count);
        Assert.Equal(before, Everything());
        Assert.Equal("s3cret", Server.Engine.Current.Find("/credentials/admin")!.Text("value"));
        Assert.Equal("tunn3l", (string?)Server.Engine.Current.Find("/VirtualGateways/contoso/networkConnections/ipsec")!.Properties["ipSecConfiguration"]!["sharedSecret"]);
    }

    [Fact]
    public async Task Restore_AddressesThatCameBack_AreNotGivenAgain()
    {
        await Server.PutAsync("publicIPAddresses/kept", """{"properties":{}}""");
        string kept = (await Server.GetAsync("publicIPAddresses/kept")).Text("ipAddress")!;
        await BackUpAsync("b");
        await Server.DeleteAsync("publicIPAddresses/kept");
        await RestoreAsync("b");

        Reply taken = await Server.PutAsync("publicIPAddresses/thief", $$$$$$"""{"properties":{"publicIPAllocationMethod":"Static","ipAddress":"{{{{{{kept}}}}}}"}}""");

        Assert.Equal("PublicIPAddressInUse", taken.Code);
    }

    [Fact]
    public async Task Backup_File_HoldsNoPlainSecretAndIsForItsOwnerOnly()
    {
        await BackUpAsync("b");
        string file = Path.Combine(Server.BackupDirectory, "b", "openhnv-backup.jsonl");

        string text = await File.ReadAllTextAsync(file);

        Assert.DoesNotContain("s3cret", text, StringComparison.Ordinal);
        Assert.DoesNotContain("tunn3l", text, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    [Theory]
    [InlineData("networkControllerBackup/x", "\"backupPath\":\"../etc\"", "InvalidParameterValue")]
    [InlineData("networkControllerBackup/x", "\"backupPath\":\"/etc\"", "InvalidParameterValue")]
    [InlineData("networkControllerBackup/x", "\"backupPath\":\".\"", "InvalidParameterValue")]
    [InlineData("networkControllerBackup/x", "\"backupPath\":\"\\\\\\\\server\\\\share\"", "InvalidParameterValue")]
    [InlineData("networkControllerBackup/x", "\"x\":1", "RequiredParamMissing")]
    [InlineData("networkControllerBackup/x", "\"backupPath\":\"full\"", "BackupFolderNotEmpty")]
    [InlineData("networkControllerBackup/x", "\"backupPath\":\"new\",\"credential\":{\"resourceRef\":\"/credentials/cert\"}", "UnsupportedCredentialType")]
    [InlineData("networkControllerRestore/x", "\"restorePath\":\"full\",\"credential\":{\"resourceRef\":\"/credentials/admin\"}", "InvalidParameterValue")]
    [InlineData("networkControllerRestore/x", "\"restorePath\":\"full\"", "RequiredParamMissing")]
    public async Task Put_Wrong_IsRefusedWithItsCode(string path, string properties, string code)
    {
        Directory.CreateDirectory(Path.Combine(Server.BackupDirectory, "full"));
        await File.WriteAllTextAsync(Path.Combine(Server.BackupDirectory, "full", "something"), "");

        Reply reply = await Server.PutAsync(path, $"{{\"properties\":{{{properties}}}}}");

        Assert.Equal((HttpStatusCode.BadRequest, code), (reply.Status, reply.Code));
        Assert.Equal(HttpStatusCode.NotFound, (await Server.GetAsync(path)).Status);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Restore_OfADamagedFile_FailsAndChangesNothing(int damage)
    {
        await BackUpAsync("b");
        string file = Path.Combine(Server.BackupDirectory, "b", "openhnv-backup.jsonl");
        string[] lines = await File.ReadAllLinesAsync(file);
        await File.WriteAllLinesAsync(file, damage switch
        {
            0 => lines[..^1],
            1 => [.. lines[..2], .. lines[3..]],
            _ => [.. lines[..2], lines[2].Replace("\"etag\":\"W", "\"etag\":\"V", StringComparison.Ordinal), .. lines[3..]],
        });
        string before = Everything();

        Reply restore = await RestoreAsync("b");

        Assert.Equal("Failed", restore.Text("provisioningState"));
        Assert.NotEqual("", restore.Text("errorMessage"));
        Assert.Equal(before, Everything());
        Assert.Equal(HttpStatusCode.Created, (await Server.PutAsync("accessControlLists/after", """{"properties":{}}""")).Status);
    }

    [Fact]
    public async Task Backup_Operation_IsFoundAndAPutOfWhatWasReadKeepsTheOutcome()
    {
        Reply backup = await BackUpAsync("b");

        Reply again = await Server.PutAsync("networkControllerBackup/b", backup.Body!.ToJsonString());
        Reply list = await Server.GetAsync("networkControllerBackup");

        Assert.Equal(backup.Properties["successfulResourcesList"]!.ToJsonString(), again.Properties["successfulResourcesList"]!.ToJsonString());
        Assert.Contains(list.Body!["value"]!.AsArray(), item => (string?)item!["resourceId"] == "b");
        Assert.Equal(HttpStatusCode.OK, (await Server.DeleteAsync("networkControllerBackup/b")).Status);
    }

    [Fact]
    public async Task Backup_ThatTheControllerDidNotFinish_IsFailedAfterTheNextStart()
    {
        var operation = Guid.NewGuid();
        await using var store = new Store.MemoryDocumentStore();
        string body = $$$$$$"""
            {"id":"cut","instanceId":"{{{{{{Guid.NewGuid()}}}}}}","etag":"W/\"x\"","sequence":1,"envelope":{},"children":{},
             "properties":{"backupPath":"cut","actionPending":"{{{{{{operation}}}}}}"}}
            """;
        await store.CommitAsync([new Store.DocumentChange("/networkcontrollerbackup/cut", "networkControllerBackup", body)], 0, 1, CancellationToken.None);

        await using var engine = new Engine.ResourceEngine(Resources.NetworkControllerCatalog.Create(Server.BackupDirectory), store, Hnv.Controller.Store.SecretBox.Ephemeral(), new Engine.OperationLog());
        await engine.StartAsync(CancellationToken.None);

        Model.Node cut = engine.Current.Find("/networkControllerBackup/cut")!;
        Assert.Equal("Failed", engine.Operations.ProvisioningState(cut));
        Assert.NotNull(cut.Text("errorMessage"));
    }

    [Fact]
    public async Task Restore_WhileItRuns_NothingElseChanges()
    {
        await BackUpAsync("b");
        Task<Reply> restore = RestoreAsync("b");
        string[] codes = [.. (await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Server.PutAsync($"accessControlLists/during{i}", """{"properties":{}}""")))).Select(r => r.Code ?? "")];
        await restore;

        Assert.All(codes, code => Assert.True(code is "" or "RestoreOperationInProgress", code));

        // Each came before the restore and was undone, came after it, or was refused; none was half of either.
        Model.Snapshot after = Server.Engine.Current;
        Assert.DoesNotContain(Enumerable.Range(0, 40), i => codes[i].Length > 0 && after.Find($"/accessControlLists/during{i}") is not null);
    }

    private string Everything() => string.Join('\n', Server.Engine.Current.Roots.Where(r => r.Type.Action is null).OrderBy(r => r.Key, StringComparer.Ordinal)
        .Select(r => $"{r.Key} {Model.NodeJson.Write(r, s => s).ToJsonString()}"));

    private async Task<Reply> BackUpAsync(string name)
    {
        Reply put = await Server.PutAsync($"networkControllerBackup/{name}", $$$$$$"""{"properties":{"backupPath":"{{{{{{name}}}}}}","credential":{"resourceRef":"/credentials/admin"}}}""");
        Assert.Equal((HttpStatusCode.Created, "Updating"), (put.Status, put.Text("provisioningState")));
        return await SettledAsync($"networkControllerBackup/{name}", put);
    }

    private async Task<Reply> RestoreAsync(string name)
    {
        Reply put = await Server.PutAsync($"networkControllerRestore/{name}", $$$$$$"""{"properties":{"restorePath":"{{{{{{name}}}}}}","credential":{"resourceRef":"/credentials/admin"}}}""");
        Assert.True(put.Status == HttpStatusCode.Created, put.Message);
        return await SettledAsync($"networkControllerRestore/{name}", put);
    }

    private async Task<Reply> SettledAsync(string path, Reply put)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        string id = put.Headers["x-ms-request-id"];
        while ((await Server.GetAsync(path)).Text("provisioningState") == "Updating")
        {
            await Task.Delay(10, patience.Token);
        }

        Reply settled = await Server.GetAsync(path);
        Assert.Equal(settled.Text("provisioningState"), (string?)(await Server.GetAsync($"operations/{id}")).Body!["status"]);
        return settled;
    }
}
