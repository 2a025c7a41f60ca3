using System.Text.Json.Nodes;
using System.Xml;

namespace Hnv.Controller.Tests;

/// <summary><c>x-openhnv-propagated</c>, with a controller and hosts whose agents the test plays.</summary>
public sealed class PropagatedTests : HostedTests
{
    private const string Rules = """{"properties":{"inboundDefaultAction":"Permit","aclRules":[]}}""";

    [Fact]
    public async Task Change_IsEnforcedOnlyOnceItsHostSaysSo_AndSaysHowLongThatTook()
    {
        await SettleAsync();

        JsonNode answer = await Client.PutAsync("accessControlLists/sql", JsonNode.Parse(Rules)!);
        await EventuallyAsync(async () => (int?)(await PropagatedAsync("accessControlLists/sql"))["hosts"] == 1);
        await EventuallyAsync(() => Host1.Database.ReadPolicy().Policy.Ports.Single(p => p.Name == "contoso-sql").Rules.Length == 2);
        JsonNode received = await PropagatedAsync("accessControlLists/sql");
        await Host1.ApplyAsync();
        await EventuallyAsync(async () => (bool)(await PropagatedAsync("accessControlLists/sql"))["enforced"]!);
        JsonNode enforced = await PropagatedAsync("accessControlLists/sql");

        // What a host has only been told is not in force.
        Assert.False((bool)received["enforced"]!);
        Assert.Null(received["after"]);
        Assert.Equal("/servers/host1", (string?)Assert.Single(received["pending"]!.AsArray())!["resourceRef"]);
        Assert.Equal((string?)answer["etag"], (string?)enforced["etag"]);
        Assert.Equal((1, 0), ((int)enforced["hosts"]!, (int)enforced["pendingHosts"]!));
        TimeSpan after = XmlConvert.ToTimeSpan((string)enforced["after"]!);
        Assert.InRange(after, TimeSpan.FromMilliseconds(50), DateTimeOffset.UtcNow - (DateTimeOffset)enforced["acceptedAt"]!);
    }

    [Fact]
    public async Task Change_WhileAHostIsAway_NamesItUntilItIsBackWithThePolicy()
    {
        await SettleAsync();
        await Host2.DisposeAsync();
        await EventuallyAsync(async () => await CodeAsync("servers/host2") == "HostUnreachable");

        await PutAsync("networkInterfaces/contoso-sql", Story.Interface("contoso", "10.1.1.13", acl: "sql"));
        await EventuallyAsync(async () => (int?)(await PropagatedAsync("networkInterfaces/contoso-sql"))["hosts"] == 2);
        await Host1.ApplyAsync();
        await EventuallyAsync(async () => (int?)(await PropagatedAsync("networkInterfaces/contoso-sql"))["pendingHosts"] == 1);

        JsonNode propagated = await PropagatedAsync("networkInterfaces/contoso-sql");
        Assert.False((bool)propagated["enforced"]!);
        Assert.Equal("/servers/host2", (string?)Assert.Single(propagated["pending"]!.AsArray())!["resourceRef"]);
        Assert.Null(propagated["after"]);
    }

    [Fact]
    public async Task AfterARestart_WhatIsInForceSaysSo_WithoutATimeNobodyMeasured()
    {
        await SettleAsync();
        await StopControllerAsync();
        await StartControllerAsync();

        await EventuallyAsync(async () => (await Client.GetAsync("accessControlLists/sql"))!["x-openhnv-propagated"] is { } propagated && (bool)propagated["enforced"]!);

        JsonNode propagated = await PropagatedAsync("accessControlLists/sql");
        Assert.Null(propagated["acceptedAt"]);
        Assert.Null(propagated["after"]);
        Assert.Equal(2, (int)propagated["hosts"]!);
    }

    [Fact]
    public async Task Document_ReadAndSentBack_IsTakenAsItIs()
    {
        await SettleAsync();
        JsonNode document = (await Client.GetAsync("networkInterfaces/contoso-sql"))!;

        await Client.PutAsync("networkInterfaces/contoso-sql", document);
        JsonNode child = (await Client.GetAsync("networkInterfaces/contoso-sql/ipConfigurations/ip1"))!;
        JsonNode whole = (await Client.GetAsync("networkInterfaces/contoso-sql"))!;

        Assert.Equal((string?)whole["etag"], (string?)child["x-openhnv-propagated"]!["etag"]);
        Assert.Null(whole["properties"]!["ipConfigurations"]![0]!["x-openhnv-propagated"]);
    }

    /// <summary>Everything plugged in and in force.</summary>
    private async Task SettleAsync()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4 && Mappings(Host2).Count == 4);
        await EventuallyAsync(async () =>
        {
            await Host1.ApplyAsync();
            await Host2.ApplyAsync();
            return new[] { Story.Host1, Story.Host2 }.All(host => App.Fleet.WorkerOf(host)!.IsInForce);
        });
    }

    private async Task<JsonNode> PropagatedAsync(string path) => (await Client.GetAsync(path))!["x-openhnv-propagated"]!;
}
