using System.Text.Json;

namespace Hnv.Ovsdb;

/// <summary>What a transaction that succeeded answered, operation by operation.</summary>
public sealed class OvsdbTransactionResult
{
    private readonly JsonElement[] _results;

    private OvsdbTransactionResult(JsonElement[] results) => _results = results;

    /// <summary>The identity of the row that the insert at this index made.</summary>
    public Guid InsertedUuid(int operation) => OvsdbAtom.Read(_results[operation].GetProperty("uuid")).Uuid;

    /// <summary>How many rows the update, mutate or delete at this index met.</summary>
    public long Count(int operation) => _results[operation].GetProperty("count").GetInt64();

    /// <summary>The rows that the select at this index found, column by column.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, OvsdbValue>> Rows(int operation)
    {
        List<IReadOnlyDictionary<string, OvsdbValue>> rows = [];
        foreach (JsonElement row in _results[operation].GetProperty("rows").EnumerateArray())
        {
            rows.Add(row.EnumerateObject().ToDictionary(column => column.Name, column => OvsdbValue.Read(column.Value), StringComparer.Ordinal));
        }

        return rows;
    }

    /// <summary>The same rows as they came, for answers with many: columns as RFC 7047 §5.1 writes them.</summary>
    public IEnumerable<JsonElement> RawRows(int operation) => _results[operation].GetProperty("rows"u8).EnumerateArray();

    /// <summary>
    /// Looks for a failure in a reply that says <c>error: null</c>. One hides as an element with an <c>error</c> (operations after
    /// it are <c>null</c>) or, when the commit itself failed, as one element more than there were operations.
    /// </summary>
    internal static OvsdbTransactionResult Read(JsonElement reply, IReadOnlyList<string> operations)
    {
        if (reply.ValueKind != JsonValueKind.Array)
        {
            throw new OvsdbTransactionException("a transaction", "malformed reply", reply.ToString());
        }

        JsonElement[] results = [.. reply.EnumerateArray()];
        for (int i = 0; i < results.Length; i++)
        {
            bool failed = results[i].ValueKind == JsonValueKind.Object && results[i].TryGetProperty("error", out JsonElement error)
                && error.ValueKind != JsonValueKind.Null;
            if (failed || i >= operations.Count)
            {
                throw new OvsdbTransactionException(
                    i < operations.Count ? $"{operations[i]} (operation {i + 1} of {operations.Count})" : "commit",
                    Member(results[i], "error"),
                    Member(results[i], "details"));
            }
        }

        return results.Length == operations.Count && results.All(result => result.ValueKind == JsonValueKind.Object)
            ? new OvsdbTransactionResult(results)
            : throw new OvsdbTransactionException("a transaction", "not executed", $"{results.Length} results for {operations.Count} operations");
    }

    private static string Member(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement member) ? member.ToString() : string.Empty;
}
