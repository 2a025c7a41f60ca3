using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>
/// Compares a document as it is asked for with the one that is there, as the controller would read it: any spelling, defaults for what is
/// left out, children that are not mentioned stay, and what the controller fills in or only shows is no difference.
/// </summary>
public sealed class DocumentComparer
{
    private const string InstanceId = "instanceId";
    private const string ResourceId = "resourceId";
    private const string Metadata = "resourceMetadata";
    private const string TenantId = "tenantId";

    private readonly ApiSchema _schema;
    private readonly List<Difference> _differences = [];
    private readonly List<string> _unseen = [];
    private readonly List<string> _removed = [];
    private JsonObject _root = [];
    private string _rootRef = "";

    private DocumentComparer(ApiSchema schema) => _schema = schema;

    /// <summary>Compares.</summary>
    /// <param name="schema">The controller's types.</param>
    /// <param name="type">The type of both.</param>
    /// <param name="reference">resourceRef of both.</param>
    /// <param name="asked">As it is asked for.</param>
    /// <param name="live">As it is.</param>
    public static Comparison Compare(ApiSchema schema, ResourceSchema type, string reference, JsonObject asked, JsonObject live)
    {
        DocumentComparer comparer = new(schema) { _root = asked, _rootRef = reference };
        comparer.Resource(type, reference, asked, live, "", "");
        return new Comparison(comparer._differences, comparer._unseen, comparer._removed);
    }

    private void Resource(ResourceSchema type, string reference, JsonObject asked, JsonObject live, string path, string source)
    {
        foreach (PropertySchema member in type.Document.Members.Where(member => member.Name is not (InstanceId or ResourceId)))
        {
            JsonNode? value = PropertySchema.ValueOf(asked, member), present = PropertySchema.ValueOf(live, member);
            string at = Join(source, NameIn(asked, member));
            if (member.Name == "properties")
            {
                Structure(member, reference, value as JsonObject ?? [], present as JsonObject ?? [], path, at);
            }
            else if (member.IsMap)
            {
                Map(value as JsonObject ?? [], present as JsonObject ?? [], Join(path, member.Name), at, isMetadata: member.Name == Metadata);
            }
            else
            {
                Property(member, reference, value, present, Join(path, member.Name), at);
            }
        }
    }

    private void Structure(PropertySchema structure, string reference, JsonObject asked, JsonObject live, string path, string source)
    {
        foreach (PropertySchema member in structure.Members.Where(member => !IsTheControllers(structure, member, asked, live)))
        {
            Property(member, reference, PropertySchema.ValueOf(asked, member), PropertySchema.ValueOf(live, member), Join(path, member.Name), Join(source, NameIn(asked, member)));
        }
    }

    /// <summary>Whether a value is given by the controller whatever is asked for, as an address of a Dynamic configuration is.</summary>
    private static bool IsTheControllers(PropertySchema structure, PropertySchema member, JsonObject asked, JsonObject live) =>
        member.AllocationMethod is { } name && structure.Member(name) is { } method
        && (PropertySchema.ValueOf(asked, method) ?? method.Default ?? PropertySchema.ValueOf(live, method)) is { } value
        && !"Static".Equals(Spelling.Text(value), StringComparison.OrdinalIgnoreCase);

    private void Property(PropertySchema property, string reference, JsonNode? asked, JsonNode? live, string path, string source)
    {
        if (property.IsReadOnly)
        {
            return;
        }

        if (property.IsSecret)
        {
            Secret(property, asked, live, path, source);
            return;
        }

        if (asked is null)
        {
            if (property.ChildPath is not null || property.IsFilled || property.IsImmutable || (property.IsMutual && IsNamedBack(property, reference, live)))
            {
                return;
            }

            asked = property.Default;
        }

        if (IsNothing(asked) && IsNothing(live))
        {
            return;
        }

        if (property.ChildPath is { } child)
        {
            Children(_schema.Find(child)!, reference, ListOf(asked), ListOf(live), path, source);
        }
        else if (asked is null || live is null)
        {
            Differ(property, live, asked, path, source);
        }
        else
        {
            Value(property, reference, asked, live, path, source);
        }
    }

    private void Value(PropertySchema property, string reference, JsonNode asked, JsonNode live, string path, string source)
    {
        if (property.IsReference)
        {
            if (Spelling.Target(asked) is not { } one || Spelling.Target(live) is not { } other || ApiSchema.KeyOf(one) != ApiSchema.KeyOf(other))
            {
                Differ(property, live, asked, path, source);
            }
        }
        else if (property.Item is { } item)
        {
            List(property, item, reference, ListOf(asked), ListOf(live), path, source);
        }
        else if (asked is JsonObject oneStructure && live is JsonObject otherStructure)
        {
            Structure(property, reference, oneStructure, otherStructure, path, source);
        }
        else if (Spelling.Text(asked) is not { } text || Spelling.Text(live) is not { } shown || Spelling.Canonical(property, text) != Spelling.Canonical(property, shown))
        {
            Differ(property, live, asked, path, source);
        }
    }

    private void List(PropertySchema property, PropertySchema item, string reference, JsonArray asked, JsonArray live, string path, string source)
    {
        if (item.IsReference)
        {
            // Which of several references comes first means nothing.
            IEnumerable<string> Keys(JsonArray list) => list.Select(entry => ApiSchema.KeyOf(Spelling.Target(entry) ?? "")).Order(StringComparer.Ordinal);
            if (!Keys(asked).SequenceEqual(Keys(live)))
            {
                Differ(property, live, asked, path, source);
            }
        }
        else if (asked.Count != live.Count)
        {
            Differ(property, live, asked, path, source);
        }
        else
        {
            for (int i = 0; i < asked.Count; i++)
            {
                Value(item, reference, asked[i]!, live[i]!, $"{path}[{i}]", $"{source}[{i}]");
            }
        }
    }

    private void Children(ResourceSchema type, string parent, JsonArray asked, JsonArray live, string path, string source)
    {
        Dictionary<string, JsonObject> there = live.OfType<JsonObject>().ToDictionary(IdOf, StringComparer.OrdinalIgnoreCase);
        for (int i = 0; i < asked.Count; i++)
        {
            if (asked[i] is not JsonObject child)
            {
                continue;
            }

            string id = IdOf(child);
            if (there.Remove(id, out JsonObject? existing))
            {
                Resource(type, $"{parent}/{type.Segment}/{id}", child, existing, $"{path}[{id}]", $"{source}[{i}]");
            }
            else
            {
                _differences.Add(new Difference($"{path}[{id}]", null, Shown(type, child), IsFixed: false, $"{source}[{i}]"));
            }
        }

        foreach ((string id, JsonObject gone) in there)
        {
            _removed.Add($"{parent}/{type.Segment}/{id}");
            _differences.Add(new Difference($"{path}[{id}]", Shown(type, gone), null, IsFixed: false, source));
        }
    }

    private void Secret(PropertySchema property, JsonNode? asked, JsonNode? live, string path, string source)
    {
        if (asked is null || Spelling.Text(asked) is not { Length: > 0 } secret)
        {
            return;
        }

        // Some of them are shown after all: a thumbprint is no secret.
        if (live is null || Spelling.Text(live) is not { Length: > 0 } shown)
        {
            _unseen.Add(path);
        }
        else if (!secret.Equals(shown, StringComparison.Ordinal))
        {
            Differ(property, live, asked, path, source);
        }
    }

    private void Map(JsonObject asked, JsonObject live, string path, string source, bool isMetadata)
    {
        foreach (string name in asked.Select(pair => pair.Key).Union(live.Select(pair => pair.Key), StringComparer.Ordinal))
        {
            // Whose a resource is does not change by not being mentioned (CarryOwner).
            bool isKept = isMetadata && !asked.ContainsKey(name) && name.Equals(TenantId, StringComparison.OrdinalIgnoreCase);
            if (!isKept && !JsonNode.DeepEquals(asked[name], live[name]))
            {
                _differences.Add(new Difference(Join(path, name), live[name], asked[name], IsFixed: false, Join(source, name)));
            }
        }
    }

    /// <summary>A body that leaves out whose the resource is, with that filled in from what is there: a PUT without it would give the resource away.</summary>
    public static JsonObject CarryOwner(JsonObject body, JsonObject live)
    {
        string? Spelled(JsonObject holder, string name) => holder.FirstOrDefault(pair => pair.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Key;
        if (live[Metadata] is not JsonObject known || Spelled(known, TenantId) is not { } owner
            || (Spelled(body, Metadata) is { } said && body[said] is JsonObject saidAll && Spelled(saidAll, TenantId) is not null))
        {
            return body;
        }

        JsonObject whole = body.DeepClone().AsObject();
        string member = Spelled(whole, Metadata) ?? Metadata;
        whole[member] ??= new JsonObject();
        whole[member]!.AsObject()[owner] = known[owner]?.DeepClone();
        return whole;
    }

    private void Differ(PropertySchema property, JsonNode? before, JsonNode? after, string path, string source) =>
        _differences.Add(new Difference(path, Masked(property, before), Masked(property, after), property.IsImmutable && before is not null, source));

    private static JsonNode? Masked(PropertySchema property, JsonNode? value) => property.IsSecret && value is not null ? "(secret)" : value;

    /// <summary>Whether the other side of a mutual reference is in the same request and names this one.</summary>
    private bool IsNamedBack(PropertySchema property, string owner, JsonNode? live)
    {
        string prefix = ApiSchema.KeyOf(_rootRef) + "/";
        return Spelling.Target(live) is { } target
            && ApiSchema.KeyOf(target) is var key && key.StartsWith(prefix, StringComparison.Ordinal) && key[prefix.Length..].Split('/') is [var collection, var id]
            && Member(Member(_root, "properties") as JsonObject, collection) is JsonArray siblings
            && siblings.OfType<JsonObject>().FirstOrDefault(sibling => IdOf(sibling).Equals(id, StringComparison.OrdinalIgnoreCase)) is { } partner
            && PropertySchema.ValueOf(Member(partner, "properties") as JsonObject ?? [], property) is { } back
            && Spelling.Target(back) is { } backTarget && ApiSchema.KeyOf(backTarget) == ApiSchema.KeyOf(owner);
    }

    /// <summary>A child as a difference shows it: what was asked, without secrets.</summary>
    private static JsonObject Shown(ResourceSchema type, JsonObject child)
    {
        JsonObject properties = [];
        foreach ((string name, JsonNode? value) in Member(child, "properties") as JsonObject ?? [])
        {
            PropertySchema? known = type.Properties.Member(name);
            if (value is not null && known is not { IsReadOnly: true } && !(known?.ChildPath is not null && IsNothing(value)))
            {
                properties[name] = known is { IsSecret: true } ? "(secret)" : value.DeepClone();
            }
        }

        return properties;
    }

    private static JsonNode? Member(JsonObject? holder, string name) =>
        holder?.FirstOrDefault(pair => pair.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;

    private static string IdOf(JsonObject child) => Member(child, ResourceId) is { } id ? Spelling.Text(id) ?? "" : "";

    // A single value where a list belongs is read as a list of one.
    private static JsonArray ListOf(JsonNode? value) => value switch { JsonArray list => list, null => [], _ => [value.DeepClone()] };

    private static bool IsNothing(JsonNode? value) => value switch
    {
        null => true,
        JsonArray { Count: 0 } or JsonObject { Count: 0 } => true,
        JsonValue scalar => scalar.TryGetValue(out string? text) && text.Length == 0,
        _ => false,
    };

    private static string NameIn(JsonObject holder, PropertySchema member)
    {
        foreach ((string name, _) in holder)
        {
            if (PropertySchema.Is(member, name))
            {
                return name;
            }
        }

        return member.Name;
    }

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
