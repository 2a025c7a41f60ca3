using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>
/// A document without the references that lead nowhere yet, so that it can be sent before what it refers to. In their place stands what is
/// there now; where a reference is required, the child or entry around it is left out.
/// </summary>
internal sealed class FirstPass(ApiSchema schema, Func<string, bool> isThere)
{
    private readonly List<string> _deferred = [];

    /// <summary>Whom the result leaves out.</summary>
    public IReadOnlyList<string> Deferred => _deferred;

    /// <summary>The document to begin with; null when there is none without these references.</summary>
    public JsonObject? Of(ResourceSchema type, JsonObject body, JsonObject? live)
    {
        JsonObject result = [];
        foreach ((string name, JsonNode? value) in body)
        {
            if (value is JsonObject properties && type.Document.Member(name) is { Name: "properties" } structure)
            {
                if (Structure(structure, properties, live?["properties"] as JsonObject) is not { } left)
                {
                    return null;
                }

                result[name] = left;
            }
            else
            {
                result[name] = value?.DeepClone();
            }
        }

        return result;
    }

    private JsonObject? Structure(PropertySchema structure, JsonObject members, JsonObject? live)
    {
        JsonObject result = [];
        foreach ((string name, JsonNode? value) in members)
        {
            if (value is null || structure.Member(name) is not { IsReadOnly: false } property)
            {
                continue;
            }

            JsonNode? present = live is null ? null : PropertySchema.ValueOf(live, property);
            if ((property.ChildPath is { } child ? Children(schema.Find(child)!, value, present as JsonArray) : Value(property, value, present)) is { } left)
            {
                result[name] = left;
            }
            else if (present is not null)
            {
                result[name] = present.DeepClone();
            }
            else if (structure.Required.Contains(property.Name))
            {
                return null;
            }
        }

        return result;
    }

    private JsonNode? Value(PropertySchema property, JsonNode value, JsonNode? live)
    {
        if (property.IsReference)
        {
            if (Spelling.Target(value) is not { } target || isThere(target))
            {
                return value.DeepClone();
            }

            _deferred.Add(target);
            return null;
        }

        if (property.Item is { } item && value is JsonArray list)
        {
            return new JsonArray([.. list.Select(entry => entry is null ? null : Value(item, entry, null)).Where(entry => entry is not null)]);
        }

        return value is JsonObject members ? Structure(property, members, live as JsonObject) : value.DeepClone();
    }

    private JsonArray Children(ResourceSchema type, JsonNode value, JsonArray? live)
    {
        JsonArray result = [];
        foreach (JsonObject child in (value as JsonArray ?? []).OfType<JsonObject>())
        {
            string id = ResourceTree.IdOf(child);
            JsonObject? present = live?.OfType<JsonObject>().FirstOrDefault(known => ResourceTree.IdOf(known).Equals(id, StringComparison.OrdinalIgnoreCase));
            if ((Of(type, child, present) ?? present?.DeepClone()) is { } left)
            {
                result.Add(left);
            }
        }

        return result;
    }
}
