using System.Collections;
using System.Collections.Frozen;
using System.Text.Json.Nodes;
using Hnv.Controller.Model;

namespace Hnv.Controller.Schema;

/// <summary>Who may set a property.</summary>
internal enum Access
{
    /// <summary>The client sets it and reads it back.</summary>
    ReadWrite,

    /// <summary>The controller sets it; dropped silently from a PUT, because clients send back what they read.</summary>
    ReadOnly,

    /// <summary>A secret: set by the client, never shown.</summary>
    WriteOnly,
}

/// <summary>One property of a resource type or of a structure inside it.</summary>
internal sealed record Property(string Name, ValueSchema Schema)
{
    public Access Access { get; init; }

    /// <summary>A request without it is refused with <see cref="RequiredCode"/>.</summary>
    public bool Required { get; init; }

    public string RequiredCode { get; init; } = ErrorCodes.RequiredParamMissing;

    /// <summary>The code of a value that does not read.</summary>
    public string InvalidCode { get; init; } = ErrorCodes.InvalidParameterValue;

    /// <summary>Fixed at creation: absent keeps the stored value, another one is refused with <see cref="ImmutableCode"/>.</summary>
    public bool Immutable { get; init; }

    public string ImmutableCode { get; init; } = ErrorCodes.InvalidParameterValue;

    /// <summary>When an immutable value is the one that is stored.</summary>
    public Func<JsonNode, JsonNode, bool> Same { get; init; } = JsonNode.DeepEquals;

    /// <summary>The first version that has it.</summary>
    public ApiVersion Since { get; init; } = ApiVersion.V1;

    /// <summary>The first version that has it no more; null when none dropped it.</summary>
    public ApiVersion? Until { get; init; }

    /// <summary>A code when a newer property comes through an older URI; null ignores it.</summary>
    public string? TooNewCode { get; init; }

    /// <summary>True when a version knows it.</summary>
    public bool ExistsIn(ApiVersion version) => Since.CompareTo(version) <= 0 && (Until is not { } until || until.CompareTo(version) > 0);

    /// <summary>What it is when nobody says; null leaves it out.</summary>
    public JsonNode? Default { get; init; }

    /// <summary>True for what the controller gives, or keeps, when a request leaves it out.</summary>
    public bool Filled { get; init; }

    /// <summary>The property that has to be Static for a value to be the client's: else what is sent means nothing. Null when there is none.</summary>
    public string? AllocationMethod { get; init; }

    /// <summary>For references that their targets hold: the flag of the tree's root with which a request writes them there; else what is sent means nothing.</summary>
    public string? HeldElsewhereUnless { get; init; }

    /// <summary>Other names it is read under.</summary>
    public string[] Aliases { get; init; } = [];

    /// <summary>For a property that is not stored but derived when a document is read.</summary>
    public Func<Node, View, JsonNode?>? Compute { get; init; }
}

/// <summary>Properties by name and alias, in any case.</summary>
internal sealed class PropertyTable(IReadOnlyList<Property> properties) : IEnumerable<Property>
{
    private readonly FrozenDictionary<string, Property> _byName = properties
        .SelectMany(p => p.Aliases.Append(p.Name).Select(name => KeyValuePair.Create(name, p)))
        .ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    public Property? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Reads every writable property of <paramref name="source"/> into <paramref name="result"/>, in declared order.</summary>
    /// <param name="source">As sent.</param>
    /// <param name="existing">The stored values, when the resource exists.</param>
    /// <param name="result">Receives canonical values.</param>
    /// <param name="scope">Where it stands.</param>
    /// <param name="scopeOf">Where one property stands.</param>
    public void Read(JsonObject source, JsonObject? existing, JsonObject result, ReadScope scope, Func<Property, ReadScope> scopeOf)
    {
        var sent = new Dictionary<Property, JsonNode>();
        foreach ((string name, JsonNode? value) in source)
        {
            if (value is not null && _byName.TryGetValue(name, out Property? property) && property.Access != Access.ReadOnly)
            {
                sent[property] = value;
            }
        }

        foreach (Property property in properties)
        {
            if (ReadOne(property, sent.GetValueOrDefault(property), existing?[property.Name], scopeOf(property)) is { } value)
            {
                result[property.Name] = value;
            }
        }
    }

    public void VisitReferences(JsonObject values, Action<ReferenceSchema, JsonObject> visit)
    {
        foreach (Property property in properties)
        {
            if (property.Compute is null && values[property.Name] is { } value)
            {
                property.Schema.VisitReferences(value, visit);
            }
        }
    }

    /// <summary>Replaces every secret among some values, at any depth: sealed before they are stored, opened when they are read.</summary>
    public void ReplaceSecrets(JsonObject values, Func<string, string> replace)
    {
        foreach (Property property in properties)
        {
            if (values[property.Name] is not { } value)
            {
                continue;
            }

            if (property.Access == Access.WriteOnly)
            {
                values[property.Name] = replace((string)value!);
            }
            else
            {
                property.Schema.ReplaceSecrets(value, replace);
            }
        }
    }

    /// <summary>The JSON Schemas of all properties by name, with what a client has to know beside the type (<c>docs/controller.md</c>, "OpenAPI").</summary>
    public JsonObject Describe() => new(properties.Select(p => KeyValuePair.Create<string, JsonNode?>(p.Name, Describe(p))));

    /// <summary>The names a request must have.</summary>
    public JsonArray DescribeRequired() => new([.. properties.Where(p => p.Required).Select(p => JsonValue.Create(p.Name))]);

    public IEnumerator<Property> GetEnumerator() => properties.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static JsonObject Describe(Property property)
    {
        JsonObject schema = property.Schema.Describe();
        if (property.Access != Access.ReadWrite)
        {
            schema[property.Access == Access.ReadOnly ? "readOnly" : "writeOnly"] = true;
        }

        if (property.Default is { } value)
        {
            schema["default"] = value.DeepClone();
        }

        if (property.Immutable)
        {
            schema["x-openhnv-immutable"] = true;
        }

        if (property.Filled)
        {
            schema["x-openhnv-filled"] = true;
        }

        if (property.AllocationMethod is { } method)
        {
            schema["x-openhnv-allocation-method"] = method;
        }

        if (property.HeldElsewhereUnless is { } flag)
        {
            schema["x-openhnv-held-elsewhere-unless"] = flag;
        }

        if (property.Since != ApiVersion.V1)
        {
            schema["x-openhnv-since"] = property.Since.ToString();
        }

        if (property.Until is { } until)
        {
            schema["x-openhnv-until"] = until.ToString();
        }

        if (property.Aliases.Length > 0)
        {
            schema["x-openhnv-aliases"] = new JsonArray([.. property.Aliases.Select(alias => JsonValue.Create(alias))]);
        }

        return schema;
    }

    private static JsonNode? ReadOne(Property property, JsonNode? sent, JsonNode? stored, ReadScope scope)
    {
        if (property.Access == Access.ReadOnly)
        {
            return null;
        }

        if (!property.ExistsIn(scope.Version))
        {
            if (sent is not null && property.Since.CompareTo(scope.Version) > 0 && property.TooNewCode is { } code)
            {
                return scope.Fail("in a request of version " + scope.Version, $"Use version {property.Since} or later.", code);
            }

            return (stored ?? property.Default)?.DeepClone();
        }

        // A secret is shown as an empty string, so that is what a client sends back that read it.
        if (sent is null || (property.Access == Access.WriteOnly && sent.ToString().Length == 0))
        {
            if (property.Required && stored is null || property.Required && !property.Immutable && property.Access == Access.ReadWrite)
            {
                scope.Errors.Add(new PolicyError(property.RequiredCode, scope.Target, $"{scope.Target}: {scope.Property} is missing. It is required."));
                return null;
            }

            bool keep = property.Immutable || property.Access == Access.WriteOnly;
            return ((keep ? stored : null) ?? property.Default)?.DeepClone();
        }

        JsonNode? value = property.Schema.Read(sent, scope with { Stored = stored });
        return value is not null && property.Immutable && stored is not null && !property.Same(value, stored)
            ? scope.Fail($"{value.ToJsonString()} differs from {stored.ToJsonString()}, which was fixed at creation, and", "Leave it as it is, or delete and create the resource anew.", property.ImmutableCode)
            : value;
    }
}
