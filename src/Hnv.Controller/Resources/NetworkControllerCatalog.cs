using System.Text.Json.Nodes;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary>The resource types of the Network Controller REST API that are served.</summary>
internal static class NetworkControllerCatalog
{
    /// <summary>Whole numbers only: a client strips the V and parses an integer (7.30).</summary>
    private const string CurrentVersion = "V7";

    public static Catalog Create() => new(
        AccessControlLists.Create(),
        Credentials.Create(),
        LogicalNetworks.Create(),
        MacPools.Create(),
        RouteTables.Create(),
        NetworkInterfaces.Create(),
        Servers.Create(),
        ServiceInsertions.Create(),
        VirtualNetworks.Create(),
        VirtualNetworkManager.Create(),
        VirtualSwitchManager.Create(),
        Discovery());

    private static ResourceType Discovery() => new("discovery")
    {
        SingletonId = "discovery",
        Writable = false,
        HasETag = false,
        Properties = new(
        [
            new("networkControllerVersion", new TextSchema())
            {
                Access = Access.ReadOnly,
                Compute = (_, _) => typeof(NetworkControllerCatalog).Assembly.GetName().Version!.ToString(fieldCount: 3),
            },
            new("supportedRestVersions", new ListSchema(new TextSchema()))
            {
                Access = Access.ReadOnly,
                Compute = (_, _) => new JsonArray([.. ApiVersion.All.Select(v => JsonValue.Create(v.ToString().ToUpperInvariant()))]),
            },
            new("currentRestVersion", new TextSchema()) { Access = Access.ReadOnly, Compute = (_, _) => CurrentVersion },
        ]),
    };
}
