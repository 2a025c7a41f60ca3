using System.Collections.Immutable;
using Hnv.Controller.Hosts;
using Hnv.Controller.Model;
using Hnv.Controller.Planning;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Tests;

/// <summary>Whoever's policy a change makes different is among those it is said to concern.</summary>
public sealed class ConcernCoverTests : IAsyncLifetime
{
    private readonly RestServer _server = new();
    private readonly Dictionary<string, Guid> _places = new() { ["contoso-sql"] = Story.Host1, ["contoso-web"] = Story.Host2, ["fabrikam-sql"] = Story.Host2 };

    public async Task InitializeAsync()
    {
        await _server.InitializeAsync();
        await _server.TellAsync();
    }

    public Task DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Changes_Many_NobodyIsForgotten()
    {
        string list = """{"properties":{"inboundDefaultAction":"Permit","aclRules":[]}}""";
        Func<Task>[] changes =
        [
            () => PutAsync("accessControlLists/sql", list),
            () => PutAsync("accessControlLists/web", list),
            () => PutAsync("virtualNetworks/contoso/subnets/s1", """{"properties":{"addressPrefix":"10.1.1.0/24","accessControlList":{"resourceRef":"/accessControlLists/web"}}}"""),
            () => PutAsync("accessControlLists/web", Story.SqlRules),
            () => PutAsync("networkInterfaces/contoso-web", Story.Interface("contoso", "10.1.1.14", acl: "web")),
            () => PutAsync("networkInterfaces/fabrikam-sql", Story.Interface("fabrikam", "10.1.1.11", acl: "web")),
            () => MovedAsync("contoso-sql", Story.Host2),
            () => MovedAsync("fabrikam-web", Story.Host1),
            () => PutAsync("servers/foreign", """{"properties":{"unmanagedVtep":{"address":"192.168.1.200"}}}"""),
            () => PutAsync("networkInterfaces/fabrikam-far", Story.Interface("fabrikam", "10.1.1.50").Replace(
                "\"ipConfigurations\"", "\"placement\":{\"resourceRef\":\"/servers/foreign\"},\"ipConfigurations\"", StringComparison.Ordinal)),
            () => PutAsync("servers/foreign", """{"properties":{"unmanagedVtep":{"address":"192.168.1.201"}}}"""),
            () => PutAsync("servers/host1", Story.Server(Story.Host1, "pa-1", uplinks: ["eth1", "eth2"])),
            () => DeleteAsync("networkInterfaces/fabrikam-far"),
            () => DeleteAsync("networkInterfaces/contoso-web"),
            () => PutAsync("logicalNetworks/hnvpa", Story.Provider.Replace("\"vlanID\":\"12\"", "\"vlanID\":\"12\",\"dnsServers\":[]", StringComparison.Ordinal)
                .Replace("to-pa-2", "to-pa-two", StringComparison.Ordinal).Replace("192.168.2.0/24\",\"nextHop", "192.168.0.0/16\",\"nextHop", StringComparison.Ordinal)),
        ];
        await NobodyIsForgottenAsync(changes, different: (changes.Length, 2 * changes.Length));
    }

    [Fact]
    public async Task Changes_OfRoutesPeersMirrorsAndPlainPorts_NobodyIsForgotten()
    {
        const string Subnet = "virtualNetworks/contoso/subnets/s1";
        const string North = "/virtualNetworks/north/subnets/s1";
        string north = Story.Network(8001).Replace("10.1.", "10.8.", StringComparison.Ordinal);
        string peering(string network, string more = "") => $$$$$$"""{"properties":{"remoteVirtualNetwork":{"resourceRef":"/virtualNetworks/{{{{{{network}}}}}}"}{{{{{{more}}}}}}}}""";
        string plain(string vlan) => $$$$$$"""{"properties":{"subnets":[{"resourceId":"s","properties":{"addressPrefix":"172.16.0.0/24","vlanID":"{{{{{{vlan}}}}}}"}}]}}""";
        string watch(string port) => $$$$$$"""
            {"properties":{"priority":7,"serviceInsertionRules":[{"resourceId":"r","properties":{"protocol":"Tcp","sourcePortRangeStart":0,"destinationPortRangeStart":{{{{{{port}}}}}},"sourceSubnets":["*"],"destinationSubnets":["*"]}}],
             "serviceInsertionElements":[{"resourceId":"e","properties":{"order":1,"networkInterface":{"resourceRef":"/networkInterfaces/contoso-web"}}}]}}
            """;
        await PutAsync("virtualNetworks/north", north);
        await PutAsync("logicalNetworks/plain", plain("7"));
        await PutAsync("routeTables/t", """{"properties":{"routes":[]}}""");
        await PutAsync("serviceInsertions/watch", watch("80"));
        await PutAsync("networkInterfaces/north-1", PlannedTests.Nic(North, "10.8.1.10"));
        await PutAsync("networkInterfaces/plain", PlannedTests.Nic("/logicalNetworks/plain/subnets/s", "172.16.0.9"));
        _places.Clear();
        _places["contoso-sql"] = Story.Host1;
        _places["north-1"] = Story.Host2;
        Func<Task>[] changes =
        [
            () => PutAsync(Subnet, """{"properties":{"addressPrefix":"10.1.1.0/24","routeTable":{"resourceRef":"/routeTables/t"},"serviceInsertion":{"resourceRef":"/serviceInsertions/watch"}}}"""),
            () => PutAsync("routeTables/t/routes/r", """{"properties":{"addressPrefix":"10.77.0.0/16","nextHopType":"None"}}"""),
            () => PutAsync("serviceInsertions/watch", watch("443")),
            () => PutAsync("networkInterfaces/contoso-web", Story.Interface("contoso", "10.1.1.14")),
            () => PutAsync("virtualNetworks/contoso/virtualNetworkPeerings/p", peering("north")),
            () => PutAsync("virtualNetworks/north/virtualNetworkPeerings/p", peering("contoso")),
            () => PutAsync("virtualNetworks/north/subnets/s2", """{"properties":{"addressPrefix":"10.8.2.0/24"}}"""),
            () => PutAsync("routeTables/t/routes/r", """{"properties":{"addressPrefix":"10.78.0.0/16","nextHopType":"None"}}"""),
            () => PutAsync("networkInterfaces/north-1", PlannedTests.Nic(North, "10.8.1.11")),
            () => MovedAsync("contoso-web", Story.Host2),
            () => MovedAsync("north-1", Story.Host1),
            () => PutAsync("servers/host2", Story.Server(Story.Host2, "pa-2", "192.0.2.2", "eth1", "eth2")),
            () => MovedAsync("north-1", Story.Host2),
            () => PutAsync("virtualNetworks/contoso/virtualNetworkPeerings/p", peering("north", ""","allowVirtualNetworkAccess":false""")),
            () => PutAsync("virtualNetworks/contoso/virtualNetworkPeerings/p", peering("north")),
            () => DeleteAsync("virtualNetworks/north/virtualNetworkPeerings/p"),
            () => MovedAsync("plain", Story.Host1),
            () => PutAsync("networkInterfaces/plain", PlannedTests.Nic("/logicalNetworks/plain/subnets/s", "172.16.0.10")),
            () => PutAsync("logicalNetworks/plain", plain("8")),
            () => MovedAsync("plain", Story.Host2),
            () => DeleteAsync("networkInterfaces/plain"),
            () => PutAsync("virtualSwitchManager/configuration", """{"properties":{"portDefaultState":"BlockTraffic"}}"""),
        ];

        await NobodyIsForgottenAsync(changes, different: (changes.Length, 2 * changes.Length));
    }

    [Fact]
    public async Task Changes_OfSecurityTags_NobodyIsForgotten()
    {
        const string Tags = ",\"securityTags\":[{\"resourceRef\":\"/securityTags/t\"}]";
        string from(string prefix) => $$$$$$"""
            {"properties":{{{{{{{prefix}}}}}}"aclRules":[{"resourceId":"r","properties":{"type":"Inbound","action":"Deny","protocol":"TCP","priority":"200",
             "sourceSecurityTags":[{"resourceRef":"/securityTags/t"}],"destinationAddressPrefix":"*","sourcePortRange":"*","destinationPortRange":"22"}}]}}
            """;
        await PutAsync("logicalNetworks/plain", """{"properties":{"subnets":[{"resourceId":"s","properties":{"addressPrefix":"172.16.0.0/24"}}]}}""");
        await PutAsync("securityTags/t", """{"properties":{}}""");
        await PutAsync("accessControlLists/tagged", """{"properties":{"aclRules":[]}}""");
        await PutAsync("networkInterfaces/plain-1", PlannedTests.Nic("/logicalNetworks/plain/subnets/s", "172.16.0.9", Tags));
        await PutAsync("networkInterfaces/plain-2", PlannedTests.Nic("/logicalNetworks/plain/subnets/s", "172.16.0.10"));
        _places["plain-1"] = Story.Host1;
        _places["plain-2"] = Story.Host2;
        Func<Task>[] changes =
        [
            () => PutAsync("accessControlLists/tagged", from(""" "securityTags":[{"resourceRef":"/securityTags/t"}], """)),
            () => PutAsync("networkInterfaces/contoso-web", PlannedTests.Nic("/virtualNetworks/contoso/subnets/s1", "10.1.1.12", Tags)),
            () => PutAsync("accessControlLists/sql", from("")),
            () => PutAsync("networkInterfaces/contoso-web", PlannedTests.Nic("/virtualNetworks/contoso/subnets/s1", "10.1.1.14", Tags)),
            () => PutAsync("networkInterfaces/plain-2", PlannedTests.Nic("/logicalNetworks/plain/subnets/s", "172.16.0.10", Tags)),
            () => PutAsync("networkInterfaces/plain-2", PlannedTests.Nic("/logicalNetworks/plain/subnets/s", "172.16.0.11")),
            () => PutAsync("accessControlLists/tagged", from("")),
            () => PutAsync("accessControlLists/tagged", from(""" "securityTags":[{"resourceRef":"/securityTags/t"}], """)),
            () => DeleteAsync("accessControlLists/tagged"),
        ];
        await NobodyIsForgottenAsync(changes, different: (changes.Length, 2 * changes.Length));
    }

    private async Task NobodyIsForgottenAsync(Func<Task>[] changes, (int Min, int Max) different)
    {
        int changed = 0;

        FleetPlan stepped = Plan();
        foreach (Func<Task> change in changes)
        {
            FleetPlan before = Plan();
            await change();
            FleetPlan after = Plan();
            FleetPlan step = after with { Networks = stepped.Networks.Next(after.Snapshot, Placed(after.Snapshot), [.. Placed(before.Snapshot).Servers.Keys.Union(Placed(after.Snapshot).Servers.Keys)]) };

            IReadOnlySet<Guid>? concerned = Concern.Between(before, after), concernedByStep = Concern.Between(stepped, step);
            stepped = step;
            foreach (string host in new[] { "host1", "host2" })
            {
                string at = $"{host} at change {Array.IndexOf(changes, change)}";
                Assert.True(PolicyOf(after, host).Equals(PolicyOf(step, host)), $"{at}: what is planned step by step is not what is planned from nothing");
                if (!PolicyOf(before, host).Equals(PolicyOf(after, host)))
                {
                    changed++;
                    Guid id = after.Snapshot.Find($"/servers/{host}")!.InstanceId;
                    Assert.True(concerned is null || concerned.Contains(id), at);
                    Assert.True(concernedByStep is null || concernedByStep.Contains(id), $"{at}, by steps");
                }
            }
        }

        Assert.InRange(changed, different.Min, different.Max);
    }

    private static HostPolicy PolicyOf(FleetPlan plan, string host) => HostPlanner.Plan(plan.Snapshot, plan.Networks, plan.Snapshot.Find($"/servers/{host}")!);

    private FleetPlan Plan()
    {
        Snapshot snapshot = _server.Engine.Current;
        return FleetPlan.Empty with { Snapshot = snapshot, Networks = new PlannedNetworks(snapshot, Placed(snapshot)) };
    }

    private Placements Placed(Snapshot snapshot) => new(_places
        .Where(p => snapshot.Find($"/networkInterfaces/{p.Key}") is not null)
        .ToImmutableDictionary(p => new NicId(snapshot.Find($"/networkInterfaces/{p.Key}")!.InstanceId), p => p.Value));

    private Task MovedAsync(string nic, Guid server)
    {
        _places[nic] = server;
        return Task.CompletedTask;
    }

    private async Task PutAsync(string path, string body)
    {
        Reply reply = await _server.PutAsync(path, body);
        Assert.True(reply.Code is null, $"{path}: {reply.Message}");
    }

    private async Task DeleteAsync(string path)
    {
        Reply reply = await _server.DeleteAsync(path);
        Assert.True(reply.Code is null, $"{path}: {reply.Message}");
    }
}
