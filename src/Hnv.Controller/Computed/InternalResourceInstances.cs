using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Controller.Model;

namespace Hnv.Controller.Computed;

/// <summary><c>internalResourceInstances</c> (7.24): from an instanceId to the resource that has it.</summary>
internal sealed class InternalResourceInstances : IComputedResource
{
    private const string Name = "internalResourceInstances";

    public string Path => Name;

    public bool IsAction => false;

    public Action<Utf8JsonWriter>? Get(string? id, View view)
    {
        if (id is null)
        {
            return json =>
            {
                json.WriteStartObject();
                json.WriteStartArray("value");
                foreach (Node node in Everything(view))
                {
                    Write(json, node, view);
                }

                json.WriteEndArray();
                json.WriteString("nextLink", "");
                json.WriteEndObject();
            };
        }

        return Guid.TryParse(id, out Guid instance) && Everything(view).FirstOrDefault(node => node.InstanceId == instance) is { } found
            ? json => Write(json, found, view)
            : null;
    }

    public JsonObject Put(JsonObject body, View view, Guid operation) => throw new NotSupportedException();

    private static IEnumerable<Node> Everything(View view) => view.Snapshot.Roots.SelectMany(root => root.SelfAndDescendants());

    private static void Write(Utf8JsonWriter json, Node node, View view)
    {
        string id = node.InstanceId.ToString("D");
        json.WriteStartObject();
        json.WriteString("resourceRef", $"/{Name}/{id}");
        json.WriteString("resourceId", id);
        json.WriteString("instanceId", id);
        json.WriteStartObject("properties");
        json.WriteString("provisioningState", view.ProvisioningState(node));
        json.WriteString("resourceReference", node.Ref);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
