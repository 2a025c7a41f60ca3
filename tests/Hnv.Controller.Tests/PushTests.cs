using System.Text.Json.Nodes;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Southbound;

namespace Hnv.Controller.Tests;

/// <summary>From REST into the policy databases of two hosts.</summary>
public sealed class PushTests : HostedTests
{
    [Fact]
    public async Task AttachedPorts_Figure8_ReachBothDatabases()
    {
        await AttachAllAsync();

        await EventuallyAsync(() => Mappings(Host1).Count == 4 && Mappings(Host2).Count == 4);

        string[] expected = ["5001/10.1.1.11 192.168.1.10", "5001/10.1.1.12 192.168.2.20", "6001/10.1.1.11 192.168.1.10", "6001/10.1.1.12 192.168.2.20"];
        Assert.Equal(expected, Mappings(Host1));
        Assert.Equal(expected, Mappings(Host2));
    }

    [Fact]
    public async Task ConfigurationState_IsWhatTheHostReports()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4);
        NicId nic = await NicAsync("contoso-sql");

        string? before = await StateAsync("networkInterfaces/contoso-sql");
        Host1.Database.SetBindingStatus(nic, EnforcementStatus.Running);
        await Host1.ApplyAsync();
        await EventuallyAsync(async () => await StateAsync("networkInterfaces/contoso-sql") == "Success");
        Host1.Database.SetBindingStatus(nic, new EnforcementStatus(EnforcementState.Failed, "PolicyConfigurationFailureOnVfp", "broken"));
        await EventuallyAsync(async () => await StateAsync("networkInterfaces/contoso-sql") == "Failure");

        Assert.Equal("InProgress", before);
        JsonNode? interfaceDocument = await Client.GetAsync("networkInterfaces/contoso-sql");
        Assert.Equal("/servers/host1", (string?)interfaceDocument!["properties"]!["server"]!["resourceRef"]);
        Assert.Equal("Success", await StateAsync("servers/host1"));
        Assert.Equal("Failure", await StateAsync("virtualNetworks/contoso"));
        Assert.Equal("Failure", await StateAsync("accessControlLists/sql"));
        JsonNode? server = await Client.GetAsync("servers/host1");
        Assert.Equal(2, server!["properties"]!["virtualNetworkInterfaces"]!.AsArray().Count);
    }

    [Fact]
    public async Task MachineMoves_AttachedElsewhere_MappingsFollow()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host2).Count == 4);

        await Host2.Database.SetBindingAsync(await NicAsync("contoso-sql"), "veth9", CancellationToken.None);

        await EventuallyAsync(() => Mappings(Host2).Contains("5001/10.1.1.11 192.168.2.20"));
        Assert.Equal(["contoso-sql", "contoso-web", "fabrikam-web"], Host2.Database.ReadPolicy().Policy.Ports.Select(p => p.Name).Order());
    }

    [Fact]
    public async Task Rule_Changed_ReachesTheHost()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4);

        await Client.PutAsync("accessControlLists/sql", JsonNode.Parse("""{"properties":{"inboundDefaultAction":"Permit","aclRules":[]}}""")!);

        await EventuallyAsync(() => Host1.Database.ReadPolicy().Policy.Ports.Single(p => p.Name == "contoso-sql").Rules is { Length: 2 } rules
            && rules.All(r => r.Action == AclAction.Allow));
    }

    [Fact]
    public async Task Controller_Restarted_FindsNothingToWrite()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4 && Mappings(Host2).Count == 4);
        await Task.Delay(TimeSpan.FromMilliseconds(200));
        long before = Host1.Database.ReadPolicy().Policy.Configuration;

        await StopControllerAsync();
        await StartControllerAsync();
        await EventuallyAsync(async () => await StateAsync("servers/host1") == "Success" && await StateAsync("servers/host2") == "Success");
        await Task.Delay(TimeSpan.FromMilliseconds(500));

        Assert.Equal(before, Host1.Database.ReadPolicy().Policy.Configuration);
        Assert.Equal(4, Mappings(Host1).Count);
    }

    [Fact]
    public async Task Host_WithAnotherId_IsNotWrittenToAndSaysWhy()
    {
        await Client.PutAsync("servers/host3", JsonNode.Parse(Story.Server(Guid.NewGuid(), "pa-1", Host1.Address))!);

        await EventuallyAsync(async () => await CodeAsync("servers/host3") == "HostNotConnectedToController");
    }
}
