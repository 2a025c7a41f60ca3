using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Contracts;
using Hnv.Contracts.Rest;
using Hnv.Controller.Store;

namespace Hnv.Controller.Engine;

/// <summary>
/// Operations in the store, so that they are known after a restart. Each commit brings one row with all operations that it makes durable, and
/// takes the oldest rows along once there are too many: a row per operation would double the writes.
/// </summary>
internal sealed class OperationJournal
{
    public const string Type = "operations";

    /// <summary>Operations kept in the store; the history in memory is longer.</summary>
    private const int StoredMax = 20_000;

    private readonly Queue<(string Key, int Count)> _rows = [];
    private int _count;

    /// <summary>One operation as a row holds it.</summary>
    public static JsonObject Write(Operation operation, IReadOnlyList<Guid> canceled)
    {
        var json = new JsonObject
        {
            ["id"] = operation.Id,
            ["target"] = operation.Target,
            ["isDelete"] = operation.IsDelete,
            ["revision"] = operation.Revision,
        };
        if (operation.Owner is not null)
        {
            json["owner"] = operation.Owner;
        }

        if (operation.Answer is { } answer)
        {
            json["answer"] = new JsonObject { ["key"] = answer.Key, ["created"] = answer.Created, ["etag"] = answer.ETag };
        }

        if (operation.Error is not null)
        {
            json["error"] = JsonSerializer.SerializeToNode(operation.Error, ContractJson.Default.ErrorBody);
        }

        if (canceled.Count > 0)
        {
            json["canceled"] = new JsonArray([.. canceled.Select(id => JsonValue.Create(id))]);
        }

        return json;
    }

    /// <summary>Reads the rows of an earlier run.</summary>
    public IReadOnlyList<Operation> Read(IEnumerable<StoredDocument> rows)
    {
        _rows.Clear();
        _count = 0;
        var operations = new List<Operation>();
        var at = new Dictionary<Guid, int>();
        foreach (StoredDocument row in rows.OrderBy(r => r.Key, StringComparer.Ordinal))
        {
            JsonArray entries = JsonNode.Parse(row.Body)!.AsArray();
            _rows.Enqueue((row.Key, entries.Count));
            _count += entries.Count;
            foreach (JsonObject entry in entries.Select(e => e!.AsObject()))
            {
                foreach (Guid canceled in (entry["canceled"] as JsonArray ?? []).Select(id => (Guid)id!))
                {
                    if (at.TryGetValue(canceled, out int index))
                    {
                        operations[index] = operations[index] with
                        {
                            Status = OperationStatus.Canceled,
                            Error = new ErrorBody(Schema.ErrorCodes.Canceled, $"A later request for {(string)entry["target"]!} took over.", (string)entry["target"]!),
                        };
                    }
                }

                // What is durable is planned anew at every start, so nothing that was accepted is under way.
                var operation = new Operation((Guid)entry["id"]!, (string)entry["target"]!, (bool)entry["isDelete"]!, (long)entry["revision"]!, OperationStatus.Succeeded, Owner: (string?)entry["owner"])
                {
                    Answer = entry["answer"] is JsonObject answer ? new GivenAnswer((string)answer["key"]!, (bool)answer["created"]!, (string?)answer["etag"]) : null,
                };
                if (entry["error"] is { } error)
                {
                    operation = operation with { Status = OperationStatus.Failed, Error = error.Deserialize(ContractJson.Default.ErrorBody) };
                }

                at[operation.Id] = operations.Count;
                operations.Add(operation);
            }
        }

        return operations;
    }

    /// <summary>The changes that store what a commit brings; rows that are too many go.</summary>
    public IEnumerable<DocumentChange> Append(IReadOnlyList<JsonObject> operations, long revision)
    {
        if (operations.Count == 0)
        {
            yield break;
        }

        string key = $"/{Type}/{revision:D20}";
        _rows.Enqueue((key, operations.Count));
        _count += operations.Count;
        yield return new DocumentChange(key, Type, new JsonArray([.. operations]).ToJsonString());
        while (_count > StoredMax)
        {
            (string old, int count) = _rows.Dequeue();
            _count -= count;
            yield return new DocumentChange(old, Type, null);
        }
    }
}
