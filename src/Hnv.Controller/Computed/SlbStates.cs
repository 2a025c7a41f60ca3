using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Computed;

/// <summary><c>diagnostics/SlbState</c> (8.3): what is known of load balancing, in the sections that tools look for.</summary>
internal sealed class SlbStates(TimeProvider time) : IComputedResource
{
    public const string ResultsPath = "diagnostics/SlbStateResults";

    public ResultMemory Results { get; } = new(time);

    public string Path => "diagnostics/SlbState";

    public bool IsAction => true;

    public Action<Utf8JsonWriter>? Get(string? id, View view) => null;

    public JsonObject Put(JsonObject body, View view, Guid operation)
    {
        string submitted = ComputedDocument.Timestamp(time.GetUtcNow());
        Results.Add(operation, ComputedDocument.Create($"/{ResultsPath}/{operation:D}", operation.ToString("D"), new JsonObject
        {
            ["submitTime"] = submitted,
            ["status"] = "Success",
            ["output"] = new JsonObject { ["dataGroups"] = Groups(view) },
        }));
        return ComputedDocument.Create(
            "/diagnostics/slbState/Action",
            "Action",
            new JsonObject
            {
                ["operationId"] = operation.ToString("D"),
                ["slbStateResult"] = new JsonObject { [ReferenceSchema.Member] = $"/{ResultsPath}/{operation:D}" },
                ["submitTime"] = submitted,
            },
            "Updating");
    }

    private static JsonArray Groups(View view)
    {
        Snapshot snapshot = view.Snapshot;
        Node[] muxes = [.. snapshot.All(LoadBalancerMuxes.Name)];
        return
        [
            Group("Fabric", "What load balancing runs on", [
                Section("SlbmVips", "Slbm Vips", snapshot.Find(LoadBalancerManager.Ref) is { } manager ? [("", [manager.Text("loadBalancerManagerIPAddress") ?? ""])] : []),
                Section("MuxState", "Mux State", muxes.Select(mux => (mux.Id, (IEnumerable<string>)["Not connected: no multiplexer runs in this release."]))),
                Section("RouterConfiguration", "Router Configuration", muxes.Select(mux => (mux.Id, Peers(mux)))),
                Section("ConnectedHostInfo", "Connected Host Info", []),
                Section("VipRanges", "Vip Ranges", LoadBalancerManager.VipPools(snapshot)
                    .Select(pool => (pool.Ref, (IEnumerable<string>)[$"{pool.Text(LogicalNetworks.PoolStart)} - {pool.Text(LogicalNetworks.PoolEnd)}"]))),
                Section("MuxRoutes", "Mux Routes", []),
            ]),
            Group("Tenant", "What is balanced", [
                Section("VipConsolidatedState", "Vip Consolidated State", snapshot.All(LoadBalancers.Name).SelectMany(balancer => balancer.ChildrenOf(LoadBalancerFrontends.Name))
                    .Select(frontend => (frontend.Ref, (IEnumerable<string>)[frontend.Text("privateIPAddress") ?? snapshot.Find(frontend.Reference("publicIPAddress"))?.Text("ipAddress") ?? "", "Not forwarded."]))),
            ]),
        ];
    }

    private static IEnumerable<string> Peers(Node mux) =>
        (mux.Properties["routerConfiguration"]?["peerRouterConfigurations"] as JsonArray ?? []).Select(p => $"{p!["routerName"]} {p["routerIPAddress"]} AS {p["peerASN4"] ?? p["peerASN"]}");

    private static JsonObject Group(string name, string description, JsonArray sections) =>
        new() { ["name"] = name, ["description"] = description, ["dataSections"] = sections };

    private static JsonObject Section(string name, string description, IEnumerable<(string Name, IEnumerable<string> Value)> units) => new()
    {
        ["name"] = name,
        ["description"] = description,
        ["dataRetrievalFailed"] = false,
        ["dataUnits"] = new JsonArray([.. units.Select(u => new JsonObject { ["name"] = u.Name, ["value"] = new JsonArray([.. u.Value.Select(v => JsonValue.Create(v))]) })]),
    };
}
