using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Model;

/// <summary>A tree as the store keeps it: everything, in canonical form, nothing derived; secrets sealed.</summary>
internal static class NodeJson
{
    public static JsonObject Write(Node node, Func<string, string> seal)
    {
        JsonObject properties = node.Properties.DeepClone().AsObject();
        node.Type.Properties.ReplaceSecrets(properties, seal);

        var children = new JsonObject();
        for (int i = 0; i < node.Children.Length; i++)
        {
            children[node.Type.Children[i].Name] = new JsonArray([.. node.Children[i].Select(child => Write(child, seal))]);
        }

        return new JsonObject
        {
            ["id"] = node.Id,
            ["instanceId"] = node.InstanceId,
            ["etag"] = node.ETag,
            ["sequence"] = node.Sequence,
            ["envelope"] = node.Envelope.DeepClone(),
            ["properties"] = properties,
            ["children"] = children,
        };
    }

    public static Node Read(ResourceType type, JsonObject json, Func<string, string> unseal, string parentRef = "")
    {
        string id = (string)json["id"]!;
        string reference = $"{parentRef}/{type.Segment}/{id}";
        JsonObject properties = Owned(json["properties"]);
        type.Properties.ReplaceSecrets(properties, unseal);
        ImmutableArray<Node> ChildrenOf(ResourceType child) =>
            [.. (json["children"]?[child.Name]?.AsArray() ?? []).Select(c => Read(child, c!.AsObject(), unseal, reference))];
        return new Node(
            type,
            id,
            reference,
            (Guid)json["instanceId"]!,
            (string)json["etag"]!,
            (long)json["sequence"]!,
            Owned(json["envelope"]),
            properties,
            [.. type.Children.Select(ChildrenOf)]);
    }

    /// <summary>A deep copy with every lazy part made: published nodes are read by many threads at once.</summary>
    public static JsonObject Owned(JsonNode? source) => source is null ? [] : Copy(source).AsObject();

    private static JsonNode Copy(JsonNode source) => source switch
    {
        JsonObject o => new JsonObject(o.Select(m => KeyValuePair.Create(m.Key, m.Value is null ? null : (JsonNode?)Copy(m.Value)))),
        JsonArray a => new JsonArray([.. a.Select(m => m is null ? null : Copy(m))]),
        _ => source.DeepClone(),
    };
}
