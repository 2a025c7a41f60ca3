using System.Diagnostics;
using System.Text.Json.Nodes;
using Hnv.Controller.Model;
using Hnv.Controller.Planning;
using Hnv.Controller.Resources;
using Hnv.Controller.Store;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Southbound;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Controller.Tests.Crash;

/// <summary>Whether hosts have what they should: by the product's own plan, made from the store, and by looking at the rows past all code of ours.</summary>
internal static class FinalHosts
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    /// <summary>Waits until the plan of every host is empty.</summary>
    /// <param name="store">Where the documents are.</param>
    /// <param name="key">The store's key.</param>
    /// <param name="hosts">The hosts; they are also asked what is plugged in.</param>
    public static async Task AssertPlansAreEmptyAsync(IReadOnlyList<OvsdbEndpoint> store, byte[] key, IReadOnlyList<LivingHost> hosts)
    {
        await using var documents = new OvsdbDocumentStore(store);
        (long revision, IReadOnlyList<StoredDocument> stored) = await documents.LoadAsync(CancellationToken.None);
        long epoch = await EpochAsync(store);
        Snapshot snapshot = Read(revision, stored, new SecretBox(key));
        Placements placements = Placements.Latest(hosts.SelectMany(host => host.Database.Bindings.Select(binding => (binding.Nic, host.Id, binding.AttachedAt))));
        var networks = new PlannedNetworks(snapshot, placements);
        foreach (LivingHost host in hosts)
        {
            HostPolicy policy = HostPlanner.Plan(snapshot, networks, snapshot.All(Servers.Name).Single(server => server.InstanceId == host.Id));
            await using HostSession session = HostSession.Start(
                host.Endpoint, new HostSessionOptions { ExpectedHostId = host.Id.ToString("D"), Epoch = epoch }, TimeProvider.System, NullLogger.Instance);
            long begin = Stopwatch.GetTimestamp();
            while (session.Status.State != HostSessionState.Connected || !session.IsCurrent(policy))
            {
                Assert.True(Stopwatch.GetElapsedTime(begin) < s_patience, $"The plan of {host.Address} does not become empty: {session.Status}.");
                await Task.Delay(TimeSpan.FromMilliseconds(20));
            }
        }
    }

    /// <summary>Compares ports, mappings, subnets and firewall rules with what follows from the documents that REST shows.</summary>
    public static async Task AssertRowsAreRightAsync(IReadOnlyDictionary<string, JsonNode[]> documents, IReadOnlyList<LivingHost> hosts)
    {
        var nics = documents["networkInterfaces"].ToDictionary(node => Guid.Parse((string)node["instanceId"]!));
        Dictionary<Guid, LivingHost> places = hosts.SelectMany(host => host.Database.Bindings.Select(binding => (binding, host)))
            .Where(each => nics.ContainsKey(each.binding.Nic.Value)).GroupBy(each => each.binding.Nic.Value)
            .ToDictionary(same => same.Key, same => same.MaxBy(each => (each.binding.AttachedAt, each.host.Id)).host);
        Dictionary<Guid, string> addresses = documents["servers"].Where(server => hosts.Any(host => host.Id == (Guid)server["instanceId"]!)).ToDictionary(
            server => (Guid)server["instanceId"]!, server => (string)server["properties"]!["networkInterfaces"]![0]!["properties"]!["providerAddress"]!["address"]!);
        JsonNode contoso = documents["virtualNetworks"].Single(node => (string)node["resourceId"]! == "contoso");
        string vsid = contoso["properties"]!["subnets"]![0]!["properties"]!["virtualSubnetId"]!.ToString();
        List<string> mappings =
        [
            .. places.SelectMany(place => nics[place.Key]["properties"]!["ipConfigurations"]!.AsArray().Select(configuration =>
                $"{vsid} {Plain(nics[place.Key]["properties"]!["privateMacAddress"])} {configuration!["properties"]!["privateIPAddress"]} {addresses[place.Value.Id]}")).Order(StringComparer.Ordinal),
        ];
        Assert.True(places.Count > 0, "Nothing is plugged in, so nothing can be compared.");
        foreach (LivingHost host in hosts)
        {
            Guid[] here = [.. places.Where(place => place.Value == host).Select(place => place.Key)];
            Assert.Equal(here.Select(nic => nic.ToString("B")).Order(), (await RowsAsync(host, HostSchemas.VtepName, "Physical_Port", "name")).Select(row => row["name"].Single.Text).Order());
            Assert.Equal(here.Length == 0 ? [] : mappings, await MappingsAsync(host));
            Assert.Equal(here.SelectMany(nic => RulesOf(nics[nic], documents)).Order(StringComparer.Ordinal),
                (await RowsAsync(host, HostSchemas.FirewallName, "FW_Rules", "vnic_id", "rule_id"))
                    .Select(row => $"{Guid.Parse(row["vnic_id"].Single.Text)} {row["rule_id"].Single.Text}").Order(StringComparer.Ordinal));
        }
    }

    private static IEnumerable<string> RulesOf(JsonNode nic, IReadOnlyDictionary<string, JsonNode[]> documents) =>
        nic["properties"]!["ipConfigurations"]!.AsArray().Select(configuration => (string?)configuration!["properties"]!["accessControlList"]?["resourceRef"]).OfType<string>().Distinct()
            .Select(list => documents["accessControlLists"].Single(node => (string)node["resourceRef"]! == list))
            .SelectMany(list => list["properties"]!["aclRules"]!.AsArray().Select(rule => $"{rule!["instanceId"]}").Append($"{list["instanceId"]}:default-in").Append($"{list["instanceId"]}:default-out"))
            .Select(rule => $"{nic["instanceId"]} {rule}");

    private static async Task<List<string>> MappingsAsync(LivingHost host)
    {
        Dictionary<Guid, string> switches = (await RowsAsync(host, HostSchemas.VtepName, "Logical_Switch", "_uuid", "tunnel_key"))
            .ToDictionary(row => row["_uuid"].Single.Uuid, row => row["tunnel_key"].Single.ToString());
        Dictionary<Guid, string> locators = (await RowsAsync(host, HostSchemas.VtepName, "Physical_Locator", "_uuid", "dst_ip"))
            .ToDictionary(row => row["_uuid"].Single.Uuid, row => row["dst_ip"].Single.Text);
        return
        [
            .. (await RowsAsync(host, HostSchemas.VtepName, "Ucast_Macs_Remote", "logical_switch", "MAC", "ipaddr", "locator"))
                .Select(row => $"{switches[row["logical_switch"].Single.Uuid]} {Plain(row["MAC"].Single.Text)} {row["ipaddr"].Single.Text} {locators[row["locator"].Single.Uuid]}").Order(StringComparer.Ordinal),
        ];
    }

    private static string Plain(JsonNode? mac) => ((string)mac!).Replace("-", "", StringComparison.Ordinal).Replace(":", "", StringComparison.Ordinal).ToUpperInvariant();

    private static async Task<IReadOnlyList<IReadOnlyDictionary<string, OvsdbValue>>> RowsAsync(LivingHost host, string database, string table, params string[] columns)
    {
        await using OvsdbClient client = await OvsdbClient.ConnectAsync(host.Endpoint, CancellationToken.None);
        using OvsdbTransaction transaction = new(database);
        transaction.Select(table, OvsdbTransaction.EveryRow, columns);
        return (await client.TransactAsync(transaction, CancellationToken.None)).Rows(0);
    }

    private static async Task<long> EpochAsync(IReadOnlyList<OvsdbEndpoint> store)
    {
        await using OvsdbClient client = await OvsdbLeader.ConnectAsync(store, OvsdbDocumentStore.Database, CancellationToken.None);
        using OvsdbTransaction transaction = new(OvsdbDocumentStore.Database);
        transaction.Select("Store", OvsdbTransaction.EveryRow, "epoch");
        return (await client.TransactAsync(transaction, CancellationToken.None)).Rows(0)[0]["epoch"].Single.Integer;
    }

    private static Snapshot Read(long revision, IReadOnlyList<StoredDocument> stored, SecretBox secrets)
    {
        Schema.Catalog catalog = NetworkControllerCatalog.Create();
        Snapshot snapshot = Snapshot.Empty;
        foreach (StoredDocument document in stored)
        {
            if (catalog.Find(document.Type) is { } type)
            {
                snapshot = snapshot.With(null, new NodeReader(secrets.Unseal).Read(type, document.Body));
            }
        }

        return snapshot.At(revision);
    }
}
