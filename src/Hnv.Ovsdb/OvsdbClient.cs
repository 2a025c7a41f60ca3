using System.Buffers;
using System.Text.Json;

namespace Hnv.Ovsdb;

/// <summary>
/// A session with an OVSDB server (RFC 7047 and the extensions of ovsdb-server(7)). Thread-safe; requests may be pipelined. A session
/// that is lost stays lost: locks, monitors and unanswered requests die with it. <see cref="OvsdbReplica"/> is the one that reconnects.
/// </summary>
public sealed class OvsdbClient : IAsyncDisposable
{
    private readonly JsonRpcConnection _connection;
    private readonly Action<string, JsonElement> _onNotification;

    private OvsdbClient(Stream stream, OvsdbEndpoint endpoint, Action<string, JsonElement>? onNotification)
    {
        Endpoint = endpoint;
        _onNotification = onNotification ?? ((_, _) => { });
        _connection = new JsonRpcConnection(stream, endpoint.ToString(), (method, parameters) => _onNotification(method, parameters));
    }

    /// <summary>Where the session leads to.</summary>
    public OvsdbEndpoint Endpoint { get; }

    /// <summary>Ends with the reason when the session does.</summary>
    public Task<Exception> Closed => _connection.Closed;

    /// <summary>Opens a session.</summary>
    /// <param name="endpoint">The server.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <param name="onNotification">
    /// Called in order of arrival with the method and parameters of <c>update3</c>, <c>locked</c>, <c>stolen</c>, <c>monitor_canceled</c>
    /// and the like; must not block; the parameters are valid only during the call. A change made by this session's own transaction is
    /// announced before that transaction is answered.
    /// </param>
    /// <exception cref="OvsdbConnectionException">Nobody answers, or TLS failed.</exception>
    public static async Task<OvsdbClient> ConnectAsync(
        OvsdbEndpoint endpoint, CancellationToken cancellation, Action<string, JsonElement>? onNotification = null)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        return new OvsdbClient(await endpoint.ConnectAsync(cancellation), endpoint, onNotification);
    }

    /// <summary>The databases of the server, without those that begin with an underscore.</summary>
    public async Task<IReadOnlyList<string>> ListDatabasesAsync(CancellationToken cancellation)
    {
        JsonElement names = await CallAsync("list_dbs", _ => { }, cancellation);
        return [.. names.EnumerateArray().Select(name => name.GetString()!).Where(name => !name.StartsWith('_'))];
    }

    /// <summary>The schema of a database.</summary>
    public async Task<OvsdbSchema> GetSchemaAsync(string database, CancellationToken cancellation) =>
        OvsdbSchema.Read(await CallAsync("get_schema", json => json.WriteStringValue(database), cancellation));

    /// <summary>Carries out a transaction.</summary>
    /// <exception cref="OvsdbTransactionException">The server refused it and changed nothing.</exception>
    /// <exception cref="OvsdbConnectionException">The session was lost; whether it was carried out is unknown.</exception>
    public async Task<OvsdbTransactionResult> TransactAsync(OvsdbTransaction transaction, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        JsonElement reply = await _connection.CallAsync("transact", transaction.Complete(), cancellation);
        return OvsdbTransactionResult.Read(reply, transaction.Operations);
    }

    /// <summary>
    /// Watches tables of a database. The answer is <c>[found, last-transaction-id, updates]</c>; changes follow as <c>update3</c>
    /// notifications that carry <paramref name="monitor"/> first.
    /// </summary>
    /// <param name="database">The database.</param>
    /// <param name="monitor">The monitor's name, unique in the session.</param>
    /// <param name="columns">Columns to watch, by table; always named, or the implicit <c>_version</c> would come along.</param>
    /// <param name="lastTransaction">The last transaction known from an earlier session; all zeros for none.</param>
    /// <param name="cancellation">Gives up waiting.</param>
    /// <param name="where">Tables of which only some rows are wanted.</param>
    public Task<JsonElement> MonitorCondSinceAsync(
        string database,
        string monitor,
        IReadOnlyDictionary<string, IReadOnlyList<string>> columns,
        Guid lastTransaction,
        CancellationToken cancellation,
        IReadOnlyDictionary<string, IReadOnlyList<OvsdbCondition>>? where = null) => CallAsync(
        "monitor_cond_since",
        json =>
        {
            json.WriteStringValue(database);
            json.WriteStringValue(monitor);
            json.WriteStartObject();
            foreach ((string table, IReadOnlyList<string> names) in columns)
            {
                json.WriteStartArray(table);
                json.WriteStartObject();
                json.WriteStartArray("columns"u8);
                foreach (string name in names)
                {
                    json.WriteStringValue(name);
                }

                json.WriteEndArray();
                if (where is not null && where.TryGetValue(table, out IReadOnlyList<OvsdbCondition>? clauses))
                {
                    WriteWhere(json, clauses);
                }

                json.WriteEndObject();
                json.WriteEndArray();
            }

            json.WriteEndObject();
            json.WriteStringValue(lastTransaction);
        },
        cancellation);

    /// <summary>Changes which rows of one table a monitor shows. The difference is announced before this is answered.</summary>
    public Task MonitorCondChangeAsync(string monitor, string table, IReadOnlyList<OvsdbCondition> where, CancellationToken cancellation) => CallAsync(
        "monitor_cond_change",
        json =>
        {
            json.WriteStringValue(monitor);
            json.WriteStringValue(monitor);
            json.WriteStartObject();
            json.WriteStartArray(table);
            json.WriteStartObject();
            WriteWhere(json, where);
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        },
        cancellation);

    /// <summary>
    /// Asks to be told when databases come, go or change their schema (<c>monitor_canceled</c>) instead of being disconnected.
    /// </summary>
    public Task SetDatabaseChangeAwareAsync(CancellationToken cancellation) =>
        CallAsync("set_db_change_aware", json => json.WriteBooleanValue(true), cancellation);

    /// <summary>Asks for a lock. When false comes back the request waits, and <c>locked</c> is notified when it is granted.</summary>
    public Task<bool> LockAsync(string name, CancellationToken cancellation) => LockCallAsync("lock", name, cancellation);

    /// <summary>Takes a lock from whoever holds it; that session is notified with <c>stolen</c>.</summary>
    public Task<bool> StealAsync(string name, CancellationToken cancellation) => LockCallAsync("steal", name, cancellation);

    /// <summary>Gives a lock back, or withdraws the request for it.</summary>
    public Task UnlockAsync(string name, CancellationToken cancellation) =>
        CallAsync("unlock", json => json.WriteStringValue(name), cancellation);

    /// <summary>Asks for any sign of life.</summary>
    public Task EchoAsync(CancellationToken cancellation) => CallAsync("echo", _ => { }, cancellation);

    /// <summary>Calls any method; <paramref name="parameters"/> writes the elements of the parameter array.</summary>
    /// <exception cref="OvsdbException">The server answered with an error.</exception>
    /// <exception cref="OvsdbConnectionException">The session was lost; the outcome is unknown.</exception>
    public Task<JsonElement> CallAsync(string method, Action<Utf8JsonWriter> parameters, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArrayBufferWriter<byte> bytes = new(256);
        using (Utf8JsonWriter json = new(bytes))
        {
            json.WriteStartArray();
            parameters(json);
            json.WriteEndArray();
        }

        return _connection.CallAsync(method, bytes.WrittenMemory, cancellation);
    }

    /// <summary>Ends the session as if it had been lost; may be called from a notification. The client still is to be disposed of.</summary>
    public void Abandon() => _connection.Abandon();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task<bool> LockCallAsync(string method, string name, CancellationToken cancellation)
    {
        JsonElement reply = await CallAsync(method, json => json.WriteStringValue(name), cancellation);
        return reply.GetProperty("locked").GetBoolean();
    }

    private static void WriteWhere(Utf8JsonWriter json, IReadOnlyList<OvsdbCondition> clauses)
    {
        json.WriteStartArray("where"u8);
        foreach (OvsdbCondition clause in clauses)
        {
            json.WriteStartArray();
            json.WriteStringValue(clause.Column);
            json.WriteStringValue(clause.Function);
            clause.Value.Write(json);
            json.WriteEndArray();
        }

        json.WriteEndArray();
    }
}
