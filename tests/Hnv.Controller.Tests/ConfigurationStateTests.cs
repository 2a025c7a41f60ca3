using System.Text.Json.Nodes;
using Hnv.Primitives;
using Hnv.Southbound;

namespace Hnv.Controller.Tests;

/// <summary>The codes of configurationState (northbound 5.2): each comes from what a host really reports, and goes with it.</summary>
public sealed class ConfigurationStateTests : HostedTests
{
    private const string Sql = "networkInterfaces/contoso-sql";

    [Fact]
    public async Task PortBlocked_ComesAndGoesWithWhatTheHostSays()
    {
        await RunningAsync();

        Host1.Database.SetBindingStatus(await NicAsync("contoso-sql"), new EnforcementStatus(EnforcementState.Blocked, "PortBlocked", "no policy for it has come."));

        await ComesAndGoesAsync("PortBlocked", Sql);
    }

    [Theory]
    [InlineData("PolicyConfigurationFailure")]
    [InlineData("PolicyConfigurationFailureOnVfp")]
    [InlineData("PAAddressConfigurationFailure")]
    public async Task PortThatFailed_ShowsOnTheInterfaceItsNetworkAndItsList(string code)
    {
        await RunningAsync();

        Host1.Database.SetBindingStatus(await NicAsync("contoso-sql"), new EnforcementStatus(EnforcementState.Failed, code, "refused."));

        await EventuallyAsync(async () => await CodeAsync(Sql) == code);
        foreach (string holder in new[] { "virtualNetworks/contoso", "accessControlLists/sql" })
        {
            JsonNode state = (await Client.GetAsync(holder))!["properties"]!["configurationState"]!;
            JsonNode error = Assert.Single(state["virtualNetworkInterfaceErrors"]!.AsArray())!;
            Assert.Equal(("Failure", (await NicAsync("contoso-sql")).Value.ToString("D"), code), ((string?)state["status"], (string?)error["id"], (string?)error["detailedInfo"]![0]!["code"]));
        }

        // What is not done is not called enforced, whatever the host has received.
        Assert.False((bool)(await Client.GetAsync(Sql))!["x-openhnv-propagated"]!["enforced"]!);
        Assert.Equal("Success", await StateAsync("networkInterfaces/fabrikam-sql"));
        await ComesAndGoesAsync(code, Sql);
    }

    [Fact]
    public async Task WordThatNobodyKnows_IsUnknown_WithItsMessage()
    {
        await RunningAsync();

        Host1.Database.SetBindingStatus(await NicAsync("contoso-sql"), new EnforcementStatus(EnforcementState.Failed, "<script>", "of another version."));

        await ComesAndGoesAsync("Unknown", Sql);
    }

    [Fact]
    public async Task ProviderAddressThatCannotBeSet_FailsTheServerUntilItCan()
    {
        await RunningAsync();
        ProviderAddress address = ProviderAddress.Parse("192.168.1.10");

        Host1.Database.SetProviderAddressStatus(address, new EnforcementStatus(EnforcementState.Failed, "PAAddressConfigurationFailure", "no such device."));
        await EventuallyAsync(async () => await CodeAsync("servers/host1") == "PAAddressConfigurationFailure");
        Host1.Database.SetProviderAddressStatus(address, EnforcementStatus.Running);

        await EventuallyAsync(async () => await StateAsync("servers/host1") == "Success");
    }

    [Fact]
    public async Task ProviderPoolTooSmall_IsExhaustedUntilItGrows()
    {
        var id = Guid.NewGuid();
        PlayedHost third = await StartHostAsync("host3", id);
        try
        {
            await PutAsync("logicalNetworks/hnvpa", Story.Provider.Replace("\"192.168.2.99\"", "\"192.168.2.20\"", StringComparison.Ordinal));
            await PutAsync("servers/host3", Story.Server(id, "pa-2", third.Address));
            await third.Database.SetBindingAsync(await NicAsync("contoso-web"), "veth1", CancellationToken.None);

            await EventuallyAsync(async () => await CodeAsync("servers/host3") == "PAIpAddressExhausted" && await CodeAsync("networkInterfaces/contoso-web") == "PAIpAddressExhausted");
            await PutAsync("logicalNetworks/hnvpa", Story.Provider);

            await EventuallyAsync(async () => await StateAsync("servers/host3") == "Success");
        }
        finally
        {
            await third.DisposeAsync();
        }
    }

    [Fact]
    public async Task HostAway_IsUnreachableOnServerAndInterfaces_AndEnforcesNothing()
    {
        await RunningAsync();

        await Host1.DisposeAsync();

        await EventuallyAsync(async () => await CodeAsync("servers/host1") == "HostUnreachable" && await CodeAsync(Sql) == "HostUnreachable");
        JsonNode network = (await Client.GetAsync("virtualNetworks/contoso"))!["properties"]!["configurationState"]!;
        Assert.Equal(Story.Host1.ToString("D"), (string?)Assert.Single(network["hostErrors"]!.AsArray())!["id"]);
    }

    [Fact]
    public async Task AgentGone_WhileItsDatabaseAnswers_IsSaid_AndOverWhenItIsBack()
    {
        await RunningAsync();

        await Host1.LeaveAsync();
        await EventuallyAsync(async () => await CodeAsync("servers/host1") == "HostNotConnectedToController" && await CodeAsync(Sql) == "HostNotConnectedToController");
        await Host1.ComeBackAsync();

        await EventuallyAsync(async () => await StateAsync("servers/host1") == "Success");
    }

    private async Task ComesAndGoesAsync(string code, string path)
    {
        await EventuallyAsync(async () => await CodeAsync(path) == code);
        Host1.Database.SetBindingStatus(await NicAsync("contoso-sql"), EnforcementStatus.Running);
        await EventuallyAsync(async () => await StateAsync(path) == "Success");
    }

    /// <summary>All machines plugged in, and everything in force.</summary>
    private async Task RunningAsync()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4 && Mappings(Host2).Count == 4);
        foreach ((PlayedHost host, string nic) in new[] { (Host1, "contoso-sql"), (Host1, "fabrikam-sql"), (Host2, "contoso-web"), (Host2, "fabrikam-web") })
        {
            host.Database.SetBindingStatus(await NicAsync(nic), EnforcementStatus.Running);
        }

        await EventuallyAsync(async () =>
        {
            await Host1.ApplyAsync();
            await Host2.ApplyAsync();
            return await StateAsync(Sql) == "Success" && await StateAsync("networkInterfaces/fabrikam-web") == "Success";
        });
    }
}
