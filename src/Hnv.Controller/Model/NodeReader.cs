using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Model;

/// <summary>
/// Reads stored trees, as <see cref="NodeJson"/> wrote them. Nodes hold plain values and nothing of the text: a start reads a hundred thousand.
/// What many documents say in the same words is one string. For one thread.
/// </summary>
/// <param name="unseal">Opens a secret.</param>
internal sealed class NodeReader(Func<string, string> unseal)
{
    private const int PooledMax = 4096;
    private const int PooledLengthMax = 40;

    private readonly Dictionary<string, string> _pool = [];

    /// <summary>Reads a tree.</summary>
    /// <exception cref="JsonException">It is not JSON.</exception>
    /// <exception cref="KeyNotFoundException">A member is missing.</exception>
    /// <exception cref="InvalidOperationException">A member is of another kind.</exception>
    /// <exception cref="FormatException">A member does not read.</exception>
    public Node Read(ResourceType type, string body)
    {
        using JsonDocument document = JsonDocument.Parse(body);
        return Read(type, document.RootElement, "");
    }

    private Node Read(ResourceType type, JsonElement json, string parentRef)
    {
        string id = json.GetProperty("id"u8).GetString()!;
        string reference = $"{parentRef}/{type.Segment}/{id}";
        JsonObject properties = Object(json, "properties"u8);
        type.Properties.ReplaceSecrets(properties, unseal);
        bool hasChildren = json.TryGetProperty("children"u8, out JsonElement children);
        ImmutableArray<Node> ChildrenOf(ResourceType child) => hasChildren && children.TryGetProperty(child.Name, out JsonElement list)
            ? [.. list.EnumerateArray().Select(node => Read(child, node, reference))]
            : [];
        return new Node(
            type,
            id,
            reference,
            json.GetProperty("instanceId"u8).GetGuid(),
            json.GetProperty("etag"u8).GetString()!,
            json.GetProperty("sequence"u8).GetInt64(),
            Object(json, "envelope"u8),
            properties,
            [.. type.Children.Select(ChildrenOf)]);
    }

    private JsonObject Object(JsonElement json, ReadOnlySpan<byte> member) =>
        json.TryGetProperty(member, out JsonElement found) && found.ValueKind != JsonValueKind.Null ? Value(found)!.AsObject() : [];

    private JsonNode? Value(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => new JsonObject(json.EnumerateObject().Select(member => KeyValuePair.Create(Pooled(member.Name), Value(member.Value)))),
        JsonValueKind.Array => new JsonArray([.. json.EnumerateArray().Select(Value)]),
        JsonValueKind.String => JsonValue.Create(Pooled(json.GetString()!)),
        JsonValueKind.True => JsonValue.Create(true),
        JsonValueKind.False => JsonValue.Create(false),
        JsonValueKind.Number when json.TryGetInt64(out long number) => JsonValue.Create(number),
        JsonValueKind.Number => JsonValue.Create(json.Clone()),
        _ => null,
    };

    private string Pooled(string text)
    {
        if (text.Length <= PooledLengthMax)
        {
            if (_pool.TryGetValue(text, out string? known))
            {
                return known;
            }

            if (_pool.Count < PooledMax)
            {
                _pool[text] = text;
            }
        }

        return text;
    }
}
