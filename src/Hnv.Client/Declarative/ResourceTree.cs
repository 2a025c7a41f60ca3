using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>A reference inside a document.</summary>
/// <param name="Target">resourceRef, in canonical spelling where its type is known.</param>
/// <param name="Path">Where it stands, as in <see cref="AskedResource.Lines"/>.</param>
/// <param name="Property">The property that holds it.</param>
public sealed record HeldReference(string Target, string Path, PropertySchema Property);

/// <summary>What a document is and holds: itself with its children by name, and whom it points at.</summary>
public static class ResourceTree
{
    /// <summary>Every reference that a PUT of the document would set, at any depth.</summary>
    public static IReadOnlyList<HeldReference> References(ApiSchema schema, ResourceSchema type, JsonObject body)
    {
        List<HeldReference> found = [];
        Visit(schema, type, body, "", found, null, "");
        return found;
    }

    /// <summary>Keys of the resource and of every child inside it.</summary>
    public static IReadOnlyList<string> Keys(ApiSchema schema, ResourceSchema type, string reference, JsonObject body)
    {
        List<string> keys = [];
        Visit(schema, type, body, "", null, keys, reference);
        return keys;
    }

    /// <summary>The document without the references that mean nothing in it, because their targets hold them.</summary>
    public static JsonObject WithoutHeldElsewhere(ApiSchema schema, ResourceSchema type, JsonObject body)
    {
        JsonObject result = body.DeepClone().AsObject();
        Trim(schema, type, result, (PropertySchema.ValueOf(result, type.Document.Member("properties")!) as JsonObject ?? [])
            .Where(flag => flag.Value is JsonValue value && "true".Equals(Spelling.Text(value), StringComparison.OrdinalIgnoreCase))
            .Select(flag => flag.Key).ToHashSet(StringComparer.OrdinalIgnoreCase));
        return result;
    }

    private static void Trim(ApiSchema schema, ResourceSchema type, JsonObject body, HashSet<string> flags)
    {
        JsonObject properties = PropertySchema.ValueOf(body, type.Document.Member("properties")!) as JsonObject ?? [];
        foreach ((string name, JsonNode? value) in properties.ToArray())
        {
            PropertySchema? property = type.Properties.Member(name);
            if (property?.HeldElsewhereUnless is { } flag && !flags.Contains(flag))
            {
                properties.Remove(name);
            }
            else if (property?.ChildPath is { } child && value is JsonArray children)
            {
                foreach (JsonObject one in children.OfType<JsonObject>())
                {
                    Trim(schema, schema.Find(child)!, one, flags);
                }
            }
        }
    }

    private static void Visit(ApiSchema schema, ResourceSchema type, JsonObject body, string path, List<HeldReference>? references, List<string>? keys, string reference)
    {
        keys?.Add(ApiSchema.KeyOf(reference));
        foreach ((string name, JsonNode? value) in body)
        {
            if (value is JsonObject properties && type.Document.Member(name) is { Name: "properties" } structure)
            {
                Structure(schema, structure, properties, Join(path, name), references, keys, reference);
            }
        }
    }

    private static void Structure(
        ApiSchema schema, PropertySchema structure, JsonObject members, string path, List<HeldReference>? references, List<string>? keys, string reference)
    {
        foreach ((string name, JsonNode? value) in members)
        {
            if (value is null || structure.Member(name) is not { IsReadOnly: false } property)
            {
                continue;
            }

            string at = Join(path, name);
            if (property.ChildPath is { } childPath)
            {
                ResourceSchema child = schema.Find(childPath)!;
                JsonArray list = value as JsonArray ?? [];
                for (int i = 0; i < list.Count; i++)
                {
                    if (list[i] is JsonObject body)
                    {
                        Visit(schema, child, body, $"{at}[{i}]", references, keys, $"{reference}/{child.Segment}/{IdOf(body)}");
                    }
                }
            }
            else
            {
                Value(schema, property, value, at, references, keys, reference);
            }
        }
    }

    private static void Value(ApiSchema schema, PropertySchema property, JsonNode value, string path, List<HeldReference>? references, List<string>? keys, string reference)
    {
        if (property.IsReference)
        {
            if (references is not null && Spelling.Target(value) is { Length: > 0 } target)
            {
                references.Add(new HeldReference(schema.Resolve(target)?.Ref ?? target, path, property));
            }
        }
        else if (property.Item is { } item && value is JsonArray list)
        {
            for (int i = 0; i < list.Count; i++)
            {
                if (list[i] is { } entry)
                {
                    Value(schema, item, entry, $"{path}[{i}]", references, keys, reference);
                }
            }
        }
        else if (value is JsonObject members)
        {
            Structure(schema, property, members, path, references, keys, reference);
        }
    }

    internal static string IdOf(JsonObject body) =>
        body.FirstOrDefault(pair => pair.Key.Equals("resourceId", StringComparison.OrdinalIgnoreCase)).Value is { } id ? Spelling.Text(id) ?? "" : "";

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
