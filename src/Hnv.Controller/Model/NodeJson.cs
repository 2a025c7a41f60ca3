using System.Text.Json.Nodes;

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

    /// <summary>A deep copy with every lazy part made: published nodes are read by many threads at once.</summary>
    public static JsonObject Owned(JsonNode? source) => source is null ? [] : Copy(source)!.AsObject();

    private static JsonNode? Copy(JsonNode? source) => source switch
    {
        null => null,
        JsonObject o => new JsonObject(o.Select(m => KeyValuePair.Create(m.Key, Copy(m.Value)))),
        JsonArray a => new JsonArray([.. a.Select(Copy)]),
        _ => source.DeepClone(),
    };
}
