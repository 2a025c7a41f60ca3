using System.Text.Json.Nodes;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary>The resource types of the Network Controller REST API that are served.</summary>
internal static class NetworkControllerCatalog
{
    /// <summary>Whole numbers only: a client strips the V and parses an integer (7.30).</summary>
    private const string CurrentVersion = "V7";

    /// <param name="backupDirectory">Where backups are written to and restored from; null offers neither.</param>
    public static Catalog Create(string? backupDirectory = null) => new(
        AccessControlLists.Create(),
        Credentials.Create(),
        GatewayPools.Create(),
        Gateways.Create(),
        LoadBalancers.Create(),
        LoadBalancerManager.Create(),
        LoadBalancerMuxes.Create(),
        LogicalNetworks.Create(),
        MacPools.Create(),
        RouteTables.Create(),
        NetworkInterfaces.Create(),
        PublicIPAddresses.Create(),
        Servers.Create(),
        ServiceInsertions.Create(),
        VirtualGateways.Create(),
        VirtualNetworks.Create(),
        VirtualNetworkManager.Create(),
        AuditingSettings.Create(),
        VirtualServers.Create(),
        IDnsServer.Create(),
        VirtualSwitchManager.Create(),
        BackupAndRestore.CreateBackup(backupDirectory),
        BackupAndRestore.CreateRestore(backupDirectory),
        SubnetEgressReset.Create(),
        SecurityTags.Create(),
        LearnedIPAddresses.Create(),
        Multisite.Create(),
        Multisite.CreatePrimary(),
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
