using Hnv.Client;
using Hnv.Primitives;

namespace Hnv.Controller.Tests;

/// <summary>A host that cannot be reached may well go on forwarding: nobody may forget its machines.</summary>
public sealed class AwayHostTests : HostedTests
{
    // Past the time that a new controller waits for hosts.
    private static readonly TimeSpan s_pastGrace = TimeSpan.FromSeconds(6);

    [Fact]
    public async Task ControllerRestarted_WhileAHostIsAway_ChangesNoRowOfTheOthers()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4 && Mappings(Host2).Count == 4);
        await StopControllerAsync();
        await Host2.DisposeAsync();
        long before = Host1.Database.ReadPolicy().Policy.Configuration;
        List<string> mappings = Mappings(Host1);

        await StartControllerAsync();
        await Task.Delay(s_pastGrace);

        Assert.Equal(before, Host1.Database.ReadPolicy().Policy.Configuration);
        Assert.Equal(mappings, Mappings(Host1));
        Assert.Equal("/servers/host2", (string?)(await Client.GetAsync("networkInterfaces/contoso-web"))!["properties"]!["server"]!["resourceRef"]);
        Assert.Equal("HostUnreachable", await CodeAsync("servers/host2"));
    }

    [Fact]
    public async Task ControllerRestarted_WhileAHostIsAway_PlansOnWithItsMachines()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4);
        await StopControllerAsync();
        await Host2.DisposeAsync();
        await StartControllerAsync();
        await Task.Delay(s_pastGrace);

        await Host1.Database.RemoveBindingAsync(await NicAsync("fabrikam-sql"), CancellationToken.None);

        await EventuallyAsync(() => Mappings(Host1).Count == 2);
        Assert.Equal(["5001/10.1.1.11 192.168.1.10", "5001/10.1.1.12 192.168.2.20"], Mappings(Host1));
    }

    [Fact]
    public async Task MachineAttachedElsewhere_WhileItsHostIsAway_Moves()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4);
        await StopControllerAsync();
        await Host2.DisposeAsync();
        await StartControllerAsync();

        await Host1.Database.SetBindingAsync(await NicAsync("contoso-web"), "veth9", CancellationToken.None);

        await EventuallyAsync(() => Mappings(Host1).Contains("5001/10.1.1.12 192.168.1.10"));
    }

    [Fact]
    public async Task HostBack_WithoutAPort_IsBelieved()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4);
        NicId web = await NicAsync("contoso-web");
        await StopControllerAsync();
        await Host2.Database.RemoveBindingAsync(web, CancellationToken.None);

        await StartControllerAsync();

        await EventuallyAsync(() => !Mappings(Host1).Contains("5001/10.1.1.12 192.168.2.20"));
        Assert.Equal(3, Mappings(Host1).Count);
    }

    [Fact]
    public async Task Server_WithPortsAttached_CannotBeDeletedUntilTheyAreGone()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4);

        ApiException refused = await Assert.ThrowsAsync<ApiException>(() => Client.DeleteAsync("servers/host2"));
        await Host2.Database.RemoveBindingAsync(await NicAsync("contoso-web"), CancellationToken.None);
        await Host2.Database.RemoveBindingAsync(await NicAsync("fabrikam-web"), CancellationToken.None);
        await EventuallyAsync(() => Mappings(Host1).Count == 2);
        await Client.DeleteAsync("servers/host2");

        Assert.Equal((409, "InUseServerCannotBeDeleted"), ((int)refused.Status, refused.Code));
        Assert.Contains("/networkInterfaces/contoso-web, /networkInterfaces/fabrikam-web", refused.Message, StringComparison.Ordinal);
        Assert.Null(await Client.GetAsync("servers/host2"));
    }
}
