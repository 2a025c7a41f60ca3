namespace Hnv.Controller.Tests;

/// <summary>A change is planned for the hosts it can concern, and for no others.</summary>
public sealed class ConcernTests : HostedTests
{
    [Theory]
    [InlineData("networkInterfaces/contoso-sql", 1)]
    [InlineData("virtualNetworks/contoso", 1)]
    [InlineData("virtualNetworks/fabrikam", 1)]
    [InlineData("servers/host2", 1)]
    [InlineData("accessControlLists/sql", 1)]
    [InlineData("accessControlLists/unused", 0)]
    [InlineData("macPools/default", 0)]
    [InlineData("virtualNetworks/empty", 0)]
    [InlineData("logicalNetworks/hnvpa", 2)]
    public async Task Change_TenantsOnDifferentHosts_IsPlannedForThoseConcerned(string path, int hosts)
    {
        await Host1.Database.SetBindingAsync(await NicAsync("contoso-sql"), "veth1", CancellationToken.None);
        await Host2.Database.SetBindingAsync(await NicAsync("fabrikam-web"), "veth1", CancellationToken.None);
        await EventuallyAsync(() => Mappings(Host1).Count == 1 && Mappings(Host2).Count == 1);
        await Task.Delay(TimeSpan.FromMilliseconds(300));
        long before = App.Fleet.HostPlans;

        await PutAsync(path, BodyOf(path));
        await EventuallyAsync(() => App.Fleet.Plan.Snapshot.Revision == App.Engine.Current.Revision);
        await Task.Delay(TimeSpan.FromMilliseconds(300));

        Assert.Equal(hosts, App.Fleet.HostPlans - before);
    }

    [Fact]
    public async Task MachineDeleted_OfATenantOnBothHosts_IsPlannedForBoth()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(Host1).Count == 4 && Mappings(Host2).Count == 4);
        await Task.Delay(TimeSpan.FromMilliseconds(300));
        long before = App.Fleet.HostPlans;

        await Client.DeleteAsync("networkInterfaces/contoso-web");

        await EventuallyAsync(() => Mappings(Host1).Count == 3 && Mappings(Host2).Count == 2);
        Assert.Equal(2, App.Fleet.HostPlans - before);
    }

    private string BodyOf(string path) => path switch
    {
        "accessControlLists/unused" => Story.SqlRules,
        "virtualNetworks/empty" => Story.Network(7001),
        _ => Story.Documents(Host1.Address, Host2.Address).Single(d => d.Path == path).Body,
    };
}
