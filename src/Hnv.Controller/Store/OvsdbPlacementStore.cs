using System.Collections.Immutable;
using System.Globalization;
using Hnv.Ovsdb;
using Hnv.Primitives;

namespace Hnv.Controller.Store;

/// <summary>
/// What each host last reported to be plugged in, one row of <c>Placement</c> per server, in the store's database but on a connection
/// of its own: documents do not wait for it, and it does not touch their revision.
/// </summary>
internal sealed class OvsdbPlacementStore(IReadOnlyList<OvsdbEndpoint> endpoints) : IAsyncDisposable
{
    private const string Table = "Placement";

    private readonly StoreConnection _connection = new(endpoints);

    /// <summary>A store of one server.</summary>
    public OvsdbPlacementStore(OvsdbEndpoint endpoint)
        : this([endpoint])
    {
    }

    /// <summary>Reads the ports of every server, by its instanceId, with the time each was attached.</summary>
    /// <exception cref="StoreException">The store is out of reach.</exception>
    public async Task<IReadOnlyDictionary<Guid, ImmutableDictionary<NicId, DateTimeOffset>>> LoadAsync(CancellationToken cancellation)
    {
        using var transaction = new OvsdbTransaction(OvsdbDocumentStore.Database);
        transaction.Select(Table, OvsdbTransaction.EveryRow, "server", "ports");
        var servers = new Dictionary<Guid, ImmutableDictionary<NicId, DateTimeOffset>>();
        foreach (IReadOnlyDictionary<string, OvsdbValue> row in (await _connection.TransactAsync(transaction, cancellation)).Rows(0))
        {
            servers[Guid.Parse(row["server"].Single.Text)] = Ports(row["ports"]);
        }

        return servers;
    }

    /// <summary>Replaces what is known of some servers; null forgets one.</summary>
    /// <exception cref="StoreException">Not stored, or nobody knows; save again.</exception>
    public async Task SaveAsync(IReadOnlyCollection<KeyValuePair<Guid, ImmutableDictionary<NicId, DateTimeOffset>?>> servers, CancellationToken cancellation)
    {
        using var transaction = new OvsdbTransaction(OvsdbDocumentStore.Database);
        foreach ((Guid server, ImmutableDictionary<NicId, DateTimeOffset>? ports) in servers)
        {
            string id = server.ToString("D");
            transaction.Delete(Table, [OvsdbCondition.Equal("server", id)]);
            if (ports is not null)
            {
                transaction.Insert(Table, [KeyValuePair.Create("server", (OvsdbValue)id), KeyValuePair.Create("ports", Map(ports))]);
            }
        }

        transaction.Commit();
        await _connection.TransactAsync(transaction, cancellation);
    }

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private static OvsdbValue Map(ImmutableDictionary<NicId, DateTimeOffset> ports) => OvsdbValue.Map(ports.Select(port => KeyValuePair.Create(
        port.Key.ToString(), port.Value.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture))));

    private static ImmutableDictionary<NicId, DateTimeOffset> Ports(OvsdbValue map)
    {
        ImmutableDictionary<NicId, DateTimeOffset>.Builder ports = ImmutableDictionary.CreateBuilder<NicId, DateTimeOffset>();
        for (int i = 0; i < map.Count; i++)
        {
            var nic = new NicId(Guid.Parse(map.Keys[i].Text));
            ports[nic] = DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(map.Values[i].Text, CultureInfo.InvariantCulture));
        }

        return ports.ToImmutable();
    }
}
