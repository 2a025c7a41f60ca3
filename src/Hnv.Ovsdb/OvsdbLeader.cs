using System.Text.Json;

namespace Hnv.Ovsdb;

/// <summary>
/// Finds, among the servers of a clustered database (ovsdb(7), "Clustered Database Service Model"), the one that leads, and gives its
/// session up when it leads no more. Locks are kept by each server for itself, so only the leader's are everybody's. A server of a
/// standalone database counts as its leader.
/// </summary>
public static class OvsdbLeader
{
    private const string ServerDatabase = "_Server";
    private const string Table = "Database";
    private const string Monitor = "leader";
    private static readonly string[] s_columns = ["leader", "connected"];

    // One server that does not answer must not hold up the others' election.
    private static readonly TimeSpan s_attemptMax = TimeSpan.FromSeconds(2);

    /// <summary>Asks all servers at once and opens a session with the leader.</summary>
    /// <exception cref="OvsdbConnectionException">None of them leads now: they do not answer, or are electing. Try again soon.</exception>
    public static async Task<OvsdbClient> ConnectAsync(
        IReadOnlyList<OvsdbEndpoint> endpoints, string database, CancellationToken cancellation, Action<string, JsonElement>? onNotification = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        using var attempt = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        attempt.CancelAfter(s_attemptMax);
        List<Task<OvsdbClient?>> asked = [.. endpoints.Select(endpoint => TryAsync(endpoint, database, onNotification, attempt.Token))];
        OvsdbClient? leader = null;
        while (asked.Count > 0 && leader is null)
        {
            Task<OvsdbClient?> answer = await Task.WhenAny(asked);
            asked.Remove(answer);
            leader = await answer;
        }

        await attempt.CancelAsync();
        foreach (OvsdbClient? other in await Task.WhenAll(asked))
        {
            await (other?.DisposeAsync() ?? ValueTask.CompletedTask);
        }

        cancellation.ThrowIfCancellationRequested();
        return leader ?? throw new OvsdbConnectionException($"None of {string.Join(", ", endpoints)} leads database {database} now.");
    }

    private static async Task<OvsdbClient?> TryAsync(OvsdbEndpoint endpoint, string database, Action<string, JsonElement>? onNotification, CancellationToken cancellation)
    {
        OvsdbClient? client = null;
        bool leads = false;
        try
        {
            OvsdbClient? session = null;
            client = await OvsdbClient.ConnectAsync(endpoint, cancellation, (method, parameters) =>
            {
                if (method == "update3" && parameters[0].ValueEquals(Monitor))
                {
                    if (!Leads(parameters[2], "modify", ifUnsaid: true))
                    {
                        Volatile.Read(ref session)?.Abandon();
                    }
                }
                else
                {
                    onNotification?.Invoke(method, parameters);
                }
            });
            Volatile.Write(ref session, client);

            // Else a conversion of the schema would end the session, and with it its locks.
            await client.SetDatabaseChangeAwareAsync(cancellation);
            JsonElement reply = await client.MonitorCondSinceAsync(
                ServerDatabase, Monitor, new Dictionary<string, IReadOnlyList<string>> { [Table] = s_columns }, Guid.Empty, cancellation,
                new Dictionary<string, IReadOnlyList<OvsdbCondition>> { [Table] = [OvsdbCondition.Equal("name", database)] });
            leads = Leads(reply[2], "initial", ifUnsaid: false);
        }
        catch (Exception exception) when (exception is OvsdbException or OperationCanceledException)
        {
            // Not this one; another may.
        }

        if (!leads && client is not null)
        {
            await client.DisposeAsync();
        }

        return leads ? client : null;
    }

    /// <summary>What a monitor says of the one row: <c>{"Database":{UUID:{KIND:{"leader":…,"connected":…}}}}</c>; false columns are left out of a first answer.</summary>
    private static bool Leads(JsonElement updates, string kind, bool ifUnsaid)
    {
        if (!updates.TryGetProperty(Table, out JsonElement rows))
        {
            return ifUnsaid;
        }

        foreach (JsonProperty row in rows.EnumerateObject())
        {
            if (!row.Value.TryGetProperty(kind, out JsonElement columns)
                || s_columns.Any(column => columns.TryGetProperty(column, out JsonElement value) ? !value.GetBoolean() : !ifUnsaid))
            {
                return false;
            }

            return true;
        }

        return ifUnsaid;
    }
}
