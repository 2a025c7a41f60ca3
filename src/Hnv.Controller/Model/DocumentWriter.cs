using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Model;

/// <summary>Prints a node as the document of one URI version: canonical names and types, no secrets, computed properties filled in.</summary>
internal static class DocumentWriter
{
    /// <summary>Prints a resource, with how far the last change of its tree is on the hosts.</summary>
    public static void Write(Utf8JsonWriter json, Node node, View view) => Write(json, node, view, isOutermost: true);

    private static void Write(Utf8JsonWriter json, Node node, View view, bool isOutermost)
    {
        json.WriteStartObject();
        json.WriteString("resourceRef", node.Ref);
        json.WriteString("resourceId", node.Id);
        if (node.Type.HasETag)
        {
            json.WriteString("etag", node.ETag);
        }

        json.WriteString("instanceId", node.InstanceId.ToString("D"));
        foreach ((string name, JsonNode? value) in node.Envelope)
        {
            json.WritePropertyName(name);
            value!.WriteTo(json);
        }

        json.WriteStartObject("properties");
        json.WriteString("provisioningState", view.ProvisioningState(node));
        bool failed = WriteProperties(json, node, view);
        WriteChildren(json, node, view);
        json.WriteEndObject();
        if (isOutermost && node.Type.HasETag && view.Propagation is { } propagation && view.Snapshot.FindRoot(node.Ref) is { } root)
        {
            propagation(root)?.Write(json, view.Who, failed);
        }

        json.WriteEndObject();
    }

    /// <summary>Prints a collection, part by part; never paged (2.12).</summary>
    public static IEnumerable<Action<Utf8JsonWriter>> Collection(IEnumerable<Node> nodes, View view)
    {
        yield return json =>
        {
            json.WriteStartObject();
            json.WriteStartArray("value");
        };
        foreach (Node node in nodes)
        {
            yield return json => Write(json, node, view);
        }

        yield return json =>
        {
            json.WriteEndArray();
            json.WriteString("nextLink", "");
            json.WriteEndObject();
        };
    }

    /// <returns>True when its configurationState is Failure.</returns>
    private static bool WriteProperties(Utf8JsonWriter json, Node node, View view)
    {
        bool failed = false;
        foreach (Property property in node.Type.Properties)
        {
            if (!property.ExistsIn(view.Version))
            {
                continue;
            }

            JsonNode? value = property.Compute is { } compute ? view.Who.Redact(compute(node, view), view.Snapshot)
                : property.Access == Access.WriteOnly ? null
                : node.Properties[property.Name] is { } stored ? property.Schema.Project(stored, view.Version)
                : null;
            if (value is not null)
            {
                json.WritePropertyName(property.Name);
                value.WriteTo(json);
                failed |= property.Name == "configurationState" && value is JsonObject state && (string?)state["status"] == "Failure";
            }
        }

        return failed;
    }

    private static void WriteChildren(Utf8JsonWriter json, Node node, View view)
    {
        for (int i = 0; i < node.Children.Length; i++)
        {
            ResourceType type = node.Type.Children[i];
            if (type.Since.CompareTo(view.Version) > 0)
            {
                continue;
            }

            json.WriteStartArray(type.Name);
            foreach (Node child in node.Children[i])
            {
                Write(json, child, view, isOutermost: false);
            }

            json.WriteEndArray();
        }
    }
}
