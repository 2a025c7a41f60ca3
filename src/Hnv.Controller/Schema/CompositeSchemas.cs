using System.Text.Json.Nodes;

namespace Hnv.Controller.Schema;

/// <summary>A pointer to another resource. Reads a full URL path, a path without leading slash, a bare string.</summary>
/// <param name="targets">Paths of the types it may point at, <c>virtualNetworks/subnets</c>.</param>
internal sealed class ReferenceSchema(params string[] targets) : ValueSchema
{
    public const string Member = "resourceRef";

    public IReadOnlyList<string> Targets { get; } = targets;

    /// <summary>The code when the target does not exist or may not be pointed at.</summary>
    public string MissingCode { get; init; } = ErrorCodes.InvalidResourceReference;

    /// <summary>True for a reference whose target may go: it is not resolved, and does not count as use.</summary>
    public bool IsWeak { get; init; }

    /// <summary>True for one that its target answers: either side may name the other, and both show it.</summary>
    public bool IsMutual { get; init; }

    public override JsonNode? Read(JsonNode value, ReadScope scope)
    {
        string? text = value is JsonObject holder ? holder.FirstOrDefault(m => m.Key.Equals(Member, StringComparison.OrdinalIgnoreCase)).Value is { } inner ? Scalar(inner) : null
            : Scalar(value);
        string[] segments = (text ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (segments.Length > 1 && segments[0].Equals("networking", StringComparison.OrdinalIgnoreCase) && ApiVersion.TryParse(segments[1], out _))
        {
            segments = segments[2..];
        }

        return segments.Length > 0 && segments.Length % 2 == 0
            ? new JsonObject { [Member] = $"/{string.Join('/', segments)}" }
            : scope.Fail(Show(value), $"Send {{\"resourceRef\":\"/{Example(Targets[0])}\"}}.", ErrorCodes.InvalidJsonReferenceFormat);
    }

    public override void VisitReferences(JsonNode value, Action<ReferenceSchema, JsonObject> visit)
    {
        if (!IsWeak)
        {
            visit(this, value.AsObject());
        }
    }

    public override JsonObject Describe()
    {
        var schema = new JsonObject
        {
            ["type"] = "object",
            ["description"] = $"reference to {string.Join(" or ", Targets)}",
            ["properties"] = new JsonObject { [Member] = new JsonObject { ["type"] = "string", ["examples"] = new JsonArray($"/{Example(Targets[0])}") } },
            ["required"] = new JsonArray(Member),
            ["x-openhnv-references"] = new JsonArray([.. Targets.Select(target => JsonValue.Create(target))]),
        };
        if (IsWeak)
        {
            schema["x-openhnv-weak"] = true;
        }

        if (IsMutual)
        {
            schema["x-openhnv-mutual"] = true;
        }

        return schema;
    }

    private static string Example(string target) => string.Join('/', target.Split('/').Select(collection => $"{collection}/NAME"));
}

/// <summary>An array.</summary>
internal sealed class ListSchema(ValueSchema item, int countMin = 0, int countMax = 4096) : ValueSchema
{
    public override JsonNode? Read(JsonNode value, ReadScope scope)
    {
        // A single value where a list belongs is common among clients and unambiguous.
        JsonArray source = value as JsonArray ?? [value.DeepClone()];
        if (source.Count < countMin || source.Count > countMax)
        {
            return scope.Fail($"with {source.Count} entries", $"Send {countMin} to {countMax}.");
        }

        var result = new JsonArray();
        for (int i = 0; i < source.Count; i++)
        {
            if (source[i] is { } member && item.Read(member, scope.At(i)) is { } canonical)
            {
                result.Add(canonical);
            }
        }

        return result;
    }

    public override void VisitReferences(JsonNode value, Action<ReferenceSchema, JsonObject> visit)
    {
        foreach (JsonNode? member in value.AsArray())
        {
            item.VisitReferences(member!, visit);
        }
    }

    public override void ReplaceSecrets(JsonNode value, Func<string, string> replace)
    {
        foreach (JsonNode? member in value.AsArray())
        {
            item.ReplaceSecrets(member!, replace);
        }
    }

    public override JsonNode? Project(JsonNode value, ApiVersion version) =>
        new JsonArray([.. value.AsArray().Select(member => item.Project(member!, version)?.DeepClone())]);

    public override JsonObject Describe()
    {
        var schema = new JsonObject { ["type"] = "array", ["items"] = item.Describe(), ["maxItems"] = countMax };
        if (countMin > 0)
        {
            schema["minItems"] = countMin;
        }

        return schema;
    }
}

/// <summary>A structure of further properties.</summary>
internal sealed class StructSchema(params Property[] members) : ValueSchema
{
    private readonly PropertyTable _members = new(members);

    public override JsonNode? Read(JsonNode value, ReadScope scope)
    {
        if (value is not JsonObject source)
        {
            return scope.Fail(Show(value), $"Send an object with {string.Join(", ", _members.Select(m => m.Name))}.");
        }

        var result = new JsonObject();
        _members.Read(source, scope.Stored as JsonObject, result, scope, p => scope with { Property = $"{scope.Property}.{p.Name}", Code = p.InvalidCode });
        return result;
    }

    public override void VisitReferences(JsonNode value, Action<ReferenceSchema, JsonObject> visit) => _members.VisitReferences(value.AsObject(), visit);

    public override void ReplaceSecrets(JsonNode value, Func<string, string> replace) => _members.ReplaceSecrets(value.AsObject(), replace);

    public override JsonNode? Project(JsonNode value, ApiVersion version)
    {
        var result = new JsonObject();
        foreach ((string name, JsonNode? member) in value.AsObject())
        {
            if (_members.Find(name) is { Access: not Access.WriteOnly } property && property.ExistsIn(version))
            {
                result[name] = property.Schema.Project(member!, version)?.DeepClone();
            }
        }

        return result;
    }

    public override JsonObject Describe()
    {
        var schema = new JsonObject { ["type"] = "object", ["properties"] = _members.Describe() };
        if (_members.DescribeRequired() is { Count: > 0 } required)
        {
            schema["required"] = required;
        }

        return schema;
    }
}
