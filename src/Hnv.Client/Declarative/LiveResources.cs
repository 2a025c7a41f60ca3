using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>What the controller has, as far as a plan needs to know; each thing is read once.</summary>
internal sealed class LiveResources(ControllerClient controller, ApiSchema schema)
{
    // Above this many of a type one list costs less than a request for each.
    private const int SingleReadsMax = 3;

    private readonly Dictionary<string, (ResourceSchema Type, string Ref, JsonObject? Document)> _roots = [];
    private readonly HashSet<string> _keys = [];
    private readonly HashSet<string> _listed = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Keys of every resource known to be there, children included.</summary>
    public IReadOnlySet<string> Keys => _keys;

    /// <summary>Every top-level document that was read.</summary>
    public IEnumerable<(ResourceSchema Type, string Ref, JsonObject Document)> Documents =>
        _roots.Values.Where(root => root.Document is not null).Select(root => (root.Type, root.Ref, root.Document!));

    /// <summary>Reads the trees that some references lie in.</summary>
    public async Task ReadAsync(IEnumerable<string> references, CancellationToken cancellation)
    {
        foreach (IGrouping<string, string> ofType in references.Select(RootOf).OfType<string>().DistinctBy(ApiSchema.KeyOf).GroupBy(root => ApiSchema.Split(root)[0], StringComparer.OrdinalIgnoreCase))
        {
            string[] unknown = [.. ofType.Where(root => !_roots.ContainsKey(ApiSchema.KeyOf(root)))];
            ResourceSchema type = schema.Find(ofType.Key)!;
            if (unknown.Length > SingleReadsMax && type.Singleton is null && !_listed.Contains(type.Path))
            {
                await ListAsync(type, cancellation);
            }

            foreach (string root in unknown.Where(root => !_roots.ContainsKey(ApiSchema.KeyOf(root))))
            {
                Add(type, root, _listed.Contains(type.Path) ? null : await controller.GetAsync(root, cancellation) as JsonObject);
            }
        }
    }

    /// <summary>Reads every resource of a type.</summary>
    public async Task ListAsync(ResourceSchema type, CancellationToken cancellation)
    {
        if (!_listed.Add(type.Path) || await controller.GetAsync("/" + type.Path, cancellation) is not { } answer)
        {
            return;
        }

        foreach (JsonObject document in answer["value"] is JsonArray list ? [.. list.OfType<JsonObject>()] : new[] { answer.AsObject() })
        {
            document.Parent?.AsArray().Remove(document);
            Add(type, (string)document["resourceRef"]!, document);
        }
    }

    /// <summary>The document of a resource or child, once its tree was read; null when it is not there.</summary>
    public JsonObject? Find(string reference)
    {
        string[] segments = ApiSchema.Split(reference);
        if (RootOf(reference) is not { } root || !_roots.TryGetValue(ApiSchema.KeyOf(root), out (ResourceSchema Type, string Ref, JsonObject? Document) found))
        {
            return null;
        }

        JsonObject? document = found.Document;
        for (int i = 2; i < segments.Length && document is not null; i += 2)
        {
            JsonObject properties = document["properties"]!.AsObject();
            string key = ApiSchema.KeyOf("/" + string.Join('/', segments[..(i + 2)]));
            document = properties.Select(member => member.Value).OfType<JsonArray>().SelectMany(list => list.OfType<JsonObject>())
                .FirstOrDefault(child => child["etag"] is not null && ApiSchema.KeyOf((string)child["resourceRef"]!) == key);
        }

        return document;
    }

    private string? RootOf(string reference) => schema.Resolve(reference) is { Ref: var canonical } ? "/" + string.Join('/', ApiSchema.Split(canonical)[..2]) : null;

    private void Add(ResourceSchema type, string reference, JsonObject? document)
    {
        _roots[ApiSchema.KeyOf(reference)] = (type, reference, document);
        if (document is not null)
        {
            _keys.UnionWith(ResourceTree.Keys(schema, type, reference, document));
        }
    }
}
