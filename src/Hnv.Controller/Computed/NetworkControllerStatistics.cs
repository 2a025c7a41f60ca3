using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Contracts.HostChannel;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Computed;

/// <summary><c>monitoring/networkControllerStatistics</c> (8.6).</summary>
internal sealed class NetworkControllerStatistics : IComputedResource
{
    public string Path => "monitoring/networkControllerStatistics";

    public bool IsAction => false;

    public Action<Utf8JsonWriter>? Get(string? id, View view) => id is not null ? null : json => Build(view).WriteTo(json);

    public JsonObject Put(JsonObject body, View view, Guid operation) => throw new NotSupportedException();

    private static JsonObject Build(View view)
    {
        (long macs, long macsTaken) = Macs(view);
        Node[] configurations = [.. view.Snapshot.All(NetworkInterfaces.Name).SelectMany(nic => nic.ChildrenOf(IpConfigurations.Name))];
        Node[] addresses = [.. view.Snapshot.All(PublicIPAddresses.Name)];
        var properties = new JsonObject
        {
            ["provisioningState"] = "Succeeded",
            ["healthStatistics"] = new JsonArray(
                Health("VirtualNetwork", VirtualNetworks.Name, view), Health("Gateway", Gateways.Name, view), Health("LoadBalancerMux", LoadBalancerMuxes.Name, view)),
            ["usageStatistics"] = new JsonArray(
                Usage("PublicIPUtilization", addresses.Length, addresses.Count(ip => !view.Snapshot.HoldersOf(ip).IsEmpty)),
                Usage("BackendIPUtilization", configurations.Length, configurations.Count(c => c.References(LoadBalancers.PoolsProperty).Any())),
                Usage("MacPoolUtilization", macs, macsTaken)),
        };
        if (view.Version.CompareTo(ApiVersion.V2) >= 0)
        {
            properties["counters"] = new JsonArray(
            [
                new JsonObject
                {
                    ["name"] = "Resources",
                    ["unit"] = "Decimal",
                    ["currentValue"] = view.Snapshot.Roots.Count(),
                    ["context"] = new JsonObject { ["source"] = "NetworkController", ["category"] = "Global" },
                },
                .. Traffic(view),
            ]);
        }

        return new JsonObject
        {
            ["resourceRef"] = "/monitoring/networkControllerStatistics/",
            ["instanceId"] = Guid.Empty.ToString("D"),
            ["properties"] = properties,
        };
    }

    private static JsonObject Health(string name, string type, View view)
    {
        Property state = view.Snapshot.All(type).FirstOrDefault()?.Type.Properties.Find("configurationState") ?? Common.ConfigurationState();
        string?[] statuses = [.. view.Snapshot.All(type).Select(node => (string?)state.Compute!(node, view)?["status"])];
        return new JsonObject
        {
            ["resourceType"] = name,
            ["totalResourceCount"] = statuses.Length,
            ["healthyResourceCount"] = statuses.Count(s => s == "Success"),
            ["errorResourceCount"] = statuses.Count(s => s == "Failure"),
            ["warningResourceCount"] = statuses.Count(s => s == "Warning"),
            ["healthUnknownCount"] = statuses.Count(s => s is not ("Success" or "Failure" or "Warning")),
        };
    }

    // Of the interfaces whose hosts have told. How many those are is one of the counters: a sum over some of them says little without it.
    private static IEnumerable<JsonNode> Traffic(View view)
    {
        NicTotals sum = NicTotals.Zero(Guid.Empty);
        long known = 0;
        foreach (NicTotals totals in view.Snapshot.All(NetworkInterfaces.Name).Select(nic => view.Live?.CountersOf(nic)).OfType<NicTotals>())
        {
            sum = sum.Plus(totals);
            known++;
        }

        return known == 0
            ? []
            : [
                Counters.Counter("NetworkInterfacesCounted", known),
                .. Counters.OfInterface(sum).Select(counter => counter!.DeepClone()),
                Counters.Counter("BytesOut", sum.BytesOut),
                Counters.Counter("BytesIn", sum.BytesIn),
                Counters.Counter("BilledEgressBytes", sum.BilledBytes),
                Counters.Counter("UnbilledEgressBytes", sum.UnbilledBytes),
            ];
    }

    private static JsonObject Usage(string name, long total, long used) =>
        new() { ["resourceType"] = name, ["totalResourceCount"] = total, ["inUseResourceCount"] = used };

    private static (long Total, long Taken) Macs(View view)
    {
        (long total, long taken) = (0, 0);
        foreach (JsonNode? usage in view.Snapshot.All(MacPools.Name).Select(pool => pool.Type.Properties.Find("usage")!.Compute!(pool, view)))
        {
            total += (long)(ulong)usage!["numberOfMacAddresses"]!;
            taken += (int)usage["numberofMacAddressesAllocated"]!;
        }

        return (total, taken);
    }
}
