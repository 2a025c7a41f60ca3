using Hnv.Controller.Store;
using Hnv.Ovsdb;
using Hnv.Policy;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Controller.Tests;

/// <summary>What cannot be planned or pushed is told where an operator looks, holds up nobody else, and is forgotten once it is right.</summary>
public sealed class FaultTests : HostedTests
{
    [Fact]
    public async Task ManagementAddress_Senseless_FailsThatServerOnlyUntilItIsPutRight()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4);
        await PutAsync("servers/host3", Story.Server(Guid.NewGuid(), "pa-1", "host3:no-port"));

        await EventuallyAsync(async () => await StateAsync("servers/host3") == "Failure");
        string? code = await CodeAsync("servers/host3");
        string? message = await MessageAsync("servers/host3");
        await PutAsync("accessControlLists/sql", """{"properties":{"inboundDefaultAction":"Permit","aclRules":[]}}""");
        await EventuallyAsync(() => RulesOfSql().All(r => r.Action == AclAction.Allow));
        await PutAsync("servers/host3", Story.Server(Guid.NewGuid(), "pa-1", "127.0.0.1:1"));

        await EventuallyAsync(async () => await CodeAsync("servers/host3") == "HostUnreachable");
        Assert.Equal("HostNotConnectedToController", code);
        Assert.Contains("/servers/host3: managementAddresses 'host3:no-port'", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StoredRule_ThatMakesNoSense_FailsListAndPortsAndHostsKeepWhatTheyHave()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4);
        await EventuallyAsync(() => RulesOfSql().Length == 3);
        await StopControllerAsync();
        await DamageAsync("/accesscontrollists/sql", "\"110\"", "\"urgent\"");
        long before = Host1.Database.ReadPolicy().Policy.Configuration;

        await StartControllerAsync();
        await EventuallyAsync(async () => await CodeAsync("accessControlLists/sql") is not null);
        string? message = await MessageAsync("accessControlLists/sql");
        string? code = await CodeAsync("accessControlLists/sql");
        string? ofPort = await MessageAsync("networkInterfaces/contoso-sql");
        string? ofOtherHost = await StateAsync("servers/host2");
        long meanwhile = Host1.Database.ReadPolicy().Policy.Configuration;
        await PutAsync("accessControlLists/sql", Story.SqlRules);

        await EventuallyAsync(async () => await StateAsync("servers/host1") == "Success");
        await Host1.ApplyAsync();
        Assert.Equal("PolicyConfigurationFailure", code);
        Assert.Contains("/accessControlLists/sql/aclRules/web-to-sql", message, StringComparison.Ordinal);
        Assert.Contains("urgent", message, StringComparison.Ordinal);
        Assert.Equal(message, ofPort);
        Assert.Equal("Success", ofOtherHost);
        Assert.Equal(before, meanwhile);
        Assert.Null(await MessageAsync("accessControlLists/sql"));
    }

    [Fact]
    public async Task PushRefused_ContradictoryRoutes_ServerSaysWhyUntilTheyAreGone()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4);
        const string Route = """{"resourceId":"to-pa-2","properties":{"destination":"192.168.2.0/24","nextHop":"192.168.1.1"}}""";
        string twice = Story.Provider.Replace(Route, Route + "," + Route.Replace("to-pa-2", "again", StringComparison.Ordinal), StringComparison.Ordinal);
        await PutAsync("logicalNetworks/hnvpa", twice);

        await EventuallyAsync(async () => await StateAsync("servers/host1") == "Failure");
        string? code = await CodeAsync("servers/host1");
        string? message = await MessageAsync("servers/host1");
        await PutAsync("logicalNetworks/hnvpa", Story.Provider);

        await EventuallyAsync(async () => await StateAsync("servers/host1") == "Success");
        Assert.Equal("PolicyConfigurationFailure", code);
        Assert.Contains("/servers/host1", message, StringComparison.Ordinal);
        Assert.Contains("192.168.2.0/24", message, StringComparison.Ordinal);
    }

    private System.Collections.Immutable.ImmutableArray<AclRule> RulesOfSql() =>
        Host1.Database.ReadPolicy().Policy.Ports.Single(p => p.Name == "contoso-sql").Rules;

    private async Task<string?> MessageAsync(string path) =>
        (string?)(await Client.GetAsync(path))?["properties"]?["configurationState"]?["detailedInfo"]?[0]?["message"];

    /// <summary>Changes a stored document behind everybody's back, as a defect or a bad restore would.</summary>
    private async Task DamageAsync(string key, string right, string wrong)
    {
        var server = new OvsdbServerOptions
        {
            DataDirectory = Path.Combine(Options.StateDirectory, "ovsdb"),
            RunDirectory = Path.Combine(Options.RunDirectory, "ovsdb"),
            Databases = [OvsdbDocumentStore.Schema()],
            User = null,
        };
        await using OvsdbServerProcess process = await OvsdbServerProcess.StartAsync(server, TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        await using var store = new OvsdbDocumentStore(server.Endpoint);
        (long revision, IReadOnlyList<StoredDocument> documents) = await store.LoadAsync(CancellationToken.None);
        StoredDocument document = documents.Single(d => d.Key == key);
        Assert.Contains(right, document.Body, StringComparison.Ordinal);
        string damaged = document.Body.Replace(right, wrong, StringComparison.Ordinal);
        await store.CommitAsync([new DocumentChange(key, document.Type, damaged)], revision, revision + 1, CancellationToken.None);
    }
}
