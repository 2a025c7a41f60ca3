using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Controller.Model;

namespace Hnv.Controller.Computed;

/// <summary><c>diagnostics/networkControllerState</c> (8.5): when the state was last asked for, and from which revision of the store it was told.</summary>
internal sealed class NetworkControllerState(TimeProvider time) : IComputedResource
{
    private const string Id = "NetworkControllerState";

    private volatile JsonObject? _last;

    public string Path => "diagnostics/networkControllerState";

    public bool IsAction => true;

    public Action<Utf8JsonWriter>? Get(string? id, View view) => id is null && _last is { } last ? json => last.WriteTo(json) : null;

    public JsonObject Put(JsonObject body, View view, Guid operation)
    {
        // What is behind the timestamp is the implementation's own; a count per type is what a person asks first.
        var counts = new JsonObject(view.Snapshot.Roots.GroupBy(root => root.Type.Name).OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => KeyValuePair.Create<string, JsonNode?>(g.Key, g.Count())));
        _last = ComputedDocument.Create($"/networkControllerState/{Id}", Id, new JsonObject
        {
            ["lastQueryTimeStamp"] = time.GetUtcNow().ToString("MMddyyyyHHmmssfff", CultureInfo.InvariantCulture),
            ["x-openhnv-revision"] = view.Snapshot.Revision,
            ["x-openhnv-resources"] = counts,
        });
        return _last;
    }
}
