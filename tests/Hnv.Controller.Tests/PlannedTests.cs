using Hnv.Controller.Model;
using Hnv.Controller.Planning;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Tests;

/// <summary>Figure 8 put by REST, and what each host is to have when ports are where a test says.</summary>
public abstract class PlannedTests : IAsyncLifetime
{
    private static readonly DateTimeOffset s_morning = new(2026, 1, 1, 8, 0, 0, TimeSpan.Zero);

    private protected RestServer Server { get; } = new();

    public async Task InitializeAsync()
    {
        await Server.InitializeAsync();
        await Server.TellAsync();
    }

    public Task DisposeAsync() => Server.DisposeAsync();

    private protected async Task<Reply> PutAsync(string path, string body)
    {
        Reply reply = await Server.PutAsync(path, body);
        Assert.True(reply.Code is null, $"{path}: {reply.Message}");
        return reply;
    }

    private protected async Task RefusedAsync(string code, string path, string body)
    {
        Reply reply = await Server.PutAsync(path, body);
        Assert.True(reply.Code == code, $"{path}: {reply.Code} {reply.Message}");
        Assert.InRange((int)reply.Status, 400, 409);
    }

    private protected Node Find(string reference) => Server.Engine.Current.Find(reference)!;

    private protected HostPolicy Plan(string server, params (string Nic, Guid Server)[] placed)
    {
        Snapshot snapshot = Server.Engine.Current;
        return HostPlanner.Plan(snapshot, new PlannedNetworks(snapshot, Placed(placed)), Find($"/servers/{server}"));
    }

    private protected PortPolicy PlanPort(string nic) => Plan("host1", (nic, Story.Host1)).Ports.Single(p => p.Name == nic);

    private protected static IEnumerable<string> Mappings(HostPolicy policy) =>
        policy.Mappings.Select(m => $"{m.Customer} {m.Provider}").Order(StringComparer.Ordinal);

    internal static string Nic(string subnet, string address = "", string more = "", string moreIp = "", string moreConfigurations = "") => $$$$$$"""
        {"properties":{"privateMacAllocationMethod":"Dynamic"{{{{{{more}}}}}},"ipConfigurations":[{"resourceId":"ip1","properties":{
         "privateIPAllocationMethod":"{{{{{{(address.Length == 0 ? "Dynamic" : "Static")}}}}}}","privateIPAddress":"{{{{{{(address.Length == 0 ? "0.0.0.0" : address)}}}}}}",
         "subnet":{"resourceRef":"{{{{{{subnet}}}}}}"}{{{{{{moreIp}}}}}}}}{{{{{{moreConfigurations}}}}}}]}}
        """;

    private Placements Placed((string Nic, Guid Server)[] placed) =>
        Placements.Latest(placed.Select(p => (new NicId(Find($"/networkInterfaces/{p.Nic}").InstanceId), p.Server, s_morning)));
}
