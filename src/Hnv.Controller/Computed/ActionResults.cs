using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Controller.Model;

namespace Hnv.Controller.Computed;

/// <summary>What actions found out, by operation; for an hour, and no more than some.</summary>
internal sealed class ResultMemory(TimeProvider time)
{
    private const int CountMax = 1000;
    private static readonly TimeSpan s_kept = TimeSpan.FromMinutes(60);

    private readonly LinkedList<(Guid Id, DateTimeOffset At, JsonObject Document)> _results = [];
    private readonly Lock _gate = new();

    public void Add(Guid id, JsonObject document)
    {
        lock (_gate)
        {
            _results.AddLast((id, time.GetUtcNow(), document));
            Forget();
        }
    }

    /// <summary>Replaces what is known by now; nothing when it is forgotten already.</summary>
    public void Replace(Guid id, JsonObject document)
    {
        lock (_gate)
        {
            for (LinkedListNode<(Guid Id, DateTimeOffset At, JsonObject Document)>? node = _results.Last; node is not null; node = node.Previous)
            {
                if (node.Value.Id == id)
                {
                    node.Value = (id, node.Value.At, document);
                    return;
                }
            }
        }
    }

    /// <summary>Oldest first. Published documents are not changed.</summary>
    public IReadOnlyList<(Guid Id, JsonObject Document)> All()
    {
        lock (_gate)
        {
            Forget();
            return [.. _results.Select(r => (r.Id, r.Document))];
        }
    }

    private void Forget()
    {
        while (_results.First is { } oldest && (_results.Count > CountMax || oldest.Value.At + s_kept < time.GetUtcNow()))
        {
            _results.RemoveFirst();
        }
    }
}

/// <summary><c>diagnostics/…Results</c> (8.2, 8.4).</summary>
internal sealed class ActionResults(string path, ResultMemory results) : IComputedResource
{
    public string Path => path;

    public bool IsAction => false;

    public Action<Utf8JsonWriter>? Get(string? id, View view)
    {
        IReadOnlyList<(Guid Id, JsonObject Document)> all = results.All();
        if (id is null)
        {
            return json =>
            {
                json.WriteStartObject();
                json.WriteStartArray("value");
                foreach ((Guid _, JsonObject document) in all)
                {
                    document.WriteTo(json);
                }

                json.WriteEndArray();
                json.WriteString("nextLink", "");
                json.WriteEndObject();
            };
        }

        return Guid.TryParse(id, out Guid wanted) && all.FirstOrDefault(r => r.Id == wanted).Document is { } found ? json => found.WriteTo(json) : null;
    }

    public JsonObject Put(JsonObject body, View view, Guid operation) => throw new NotSupportedException();
}

/// <summary>The frame of documents that are not stored.</summary>
internal static class ComputedDocument
{
    /// <summary>resourceRef, ids, a fresh etag, and properties with their provisioningState.</summary>
    public static JsonObject Create(string reference, string id, JsonObject properties, string provisioningState = "Succeeded")
    {
        properties.Insert(0, "provisioningState", provisioningState);
        return new JsonObject
        {
            ["resourceRef"] = reference,
            ["resourceId"] = id,
            ["etag"] = $"W/\"{Guid.NewGuid():D}\"",
            ["instanceId"] = Guid.NewGuid().ToString("D"),
            ["properties"] = properties,
        };
    }

    /// <summary>A moment as documents show it.</summary>
    public static string Timestamp(DateTimeOffset moment) => moment.ToString("o", System.Globalization.CultureInfo.InvariantCulture);
}
