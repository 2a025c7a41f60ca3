using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>One property as the controller's OpenAPI document describes it.</summary>
public sealed class PropertySchema
{
    private readonly Dictionary<string, PropertySchema> _members = new(StringComparer.OrdinalIgnoreCase);

    internal PropertySchema(string name, JsonObject schema)
    {
        Name = name;
        Kind = (string?)schema["type"];
        Format = (string?)schema["format"];
        Words = [.. (schema["enum"] as JsonArray ?? []).Select(word => word!.ToString())];
        Spellings = (schema["x-openhnv-spellings"] as JsonObject ?? [])
            .ToDictionary(spelling => spelling.Key, spelling => (string)spelling.Value!, StringComparer.OrdinalIgnoreCase);
        Default = schema["default"];
        IsReadOnly = IsSet(schema, "readOnly");
        IsSecret = IsSet(schema, "writeOnly");
        IsImmutable = IsSet(schema, "x-openhnv-immutable");
        IsFilled = IsSet(schema, "x-openhnv-filled");
        IsWeak = IsSet(schema, "x-openhnv-weak");
        IsMutual = IsSet(schema, "x-openhnv-mutual");
        IsMap = IsSet(schema, "additionalProperties");
        Targets = [.. (schema["x-openhnv-references"] as JsonArray ?? []).Select(target => (string)target!)];
        AllocationMethod = (string?)schema["x-openhnv-allocation-method"];
        HeldElsewhereUnless = (string?)schema["x-openhnv-held-elsewhere-unless"];
        ChildPath = (string?)schema["x-openhnv-children"];
        Aliases = [.. (schema["x-openhnv-aliases"] as JsonArray ?? []).Select(alias => (string)alias!)];
        Required = [.. (schema["required"] as JsonArray ?? []).Select(required => (string)required!)];
        if (ChildPath is null && schema["items"] is JsonObject item)
        {
            Item = new PropertySchema(name, item);
        }

        foreach ((string member, JsonNode? described) in Targets.Count > 0 ? [] : schema["properties"] as JsonObject ?? [])
        {
            Add(new PropertySchema(member, described!.AsObject()));
        }
    }

    /// <summary>Its name in the controller's spelling.</summary>
    public string Name { get; }

    /// <summary>JSON type; null for any.</summary>
    public string? Kind { get; }

    /// <summary>What its text means, <c>ip-prefix</c>; null when nothing in particular.</summary>
    public string? Format { get; }

    /// <summary>The words it is one of; empty for any text.</summary>
    public IReadOnlyList<string> Words { get; }

    /// <summary>Spelling read → word shown.</summary>
    public IReadOnlyDictionary<string, string> Spellings { get; }

    /// <summary>What it becomes when a PUT leaves it out; null for gone.</summary>
    public JsonNode? Default { get; }

    /// <summary>The controller's own; dropped from a PUT.</summary>
    public bool IsReadOnly { get; }

    /// <summary>Set and never shown.</summary>
    public bool IsSecret { get; }

    /// <summary>Fixed at creation.</summary>
    public bool IsImmutable { get; }

    /// <summary>Given, or kept, by the controller when a PUT leaves it out.</summary>
    public bool IsFilled { get; }

    /// <summary>The member beside it that has to be Static for a value to be the client's; null when there is none.</summary>
    public string? AllocationMethod { get; }

    /// <summary>For references that their targets hold: the flag that has them written there. Null for others.</summary>
    public string? HeldElsewhereUnless { get; }

    /// <summary>For a reference: the target may go.</summary>
    public bool IsWeak { get; }

    /// <summary>For a reference: the target shows it too, whichever side named the other.</summary>
    public bool IsMutual { get; }

    /// <summary>Free names.</summary>
    public bool IsMap { get; }

    /// <summary>For a reference: paths of the types it may point at.</summary>
    public IReadOnlyList<string> Targets { get; }

    /// <summary>For a list of children: the path of their type.</summary>
    public string? ChildPath { get; }

    /// <summary>Other names it is read under.</summary>
    public IReadOnlyList<string> Aliases { get; }

    /// <summary>Names of the members a PUT must have.</summary>
    public IReadOnlyList<string> Required { get; }

    /// <summary>For a list that is not of children: its items.</summary>
    public PropertySchema? Item { get; }

    /// <summary>For a structure: its members.</summary>
    public IEnumerable<PropertySchema> Members => _members.Values.Distinct();

    /// <summary>A reference to a resource.</summary>
    public bool IsReference => Targets.Count > 0;

    /// <summary>A member by name or alias, in any case.</summary>
    public PropertySchema? Member(string name) => _members.GetValueOrDefault(name);

    /// <summary>What an object holds for a member of this structure, under whichever of its names; null when nothing.</summary>
    public static JsonNode? ValueOf(JsonObject holder, PropertySchema member) =>
        holder.FirstOrDefault(pair => Is(member, pair.Key)).Value;

    /// <summary>Whether a name is one of a property's.</summary>
    public static bool Is(PropertySchema property, string name) =>
        property.Name.Equals(name, StringComparison.OrdinalIgnoreCase) || property.Aliases.Contains(name, StringComparer.OrdinalIgnoreCase);

    private static bool IsSet(JsonObject schema, string name) => schema[name] is JsonValue value && value.TryGetValue(out bool set) && set;

    private void Add(PropertySchema member)
    {
        _members[member.Name] = member;
        foreach (string alias in member.Aliases)
        {
            _members.TryAdd(alias, member);
        }
    }
}
