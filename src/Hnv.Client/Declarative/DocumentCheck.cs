using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>
/// Finds what is wrong with asked documents before the controller is asked: what they are, misspelt and missing properties, values of the
/// wrong kind. Looser than the controller, which has the last word.
/// </summary>
public sealed class DocumentCheck
{
    private static readonly string[] s_bookkeeping = ["resourceRef", "etag"];

    private readonly ApiSchema _schema;
    private readonly AskedResource _asked;
    private readonly List<Fault> _faults;
    private string _ref = "";

    private DocumentCheck(ApiSchema schema, AskedResource asked, List<Fault> faults)
    {
        _schema = schema;
        _asked = asked;
        _faults = faults;
    }

    /// <summary>Checks all, and tells what each is.</summary>
    /// <param name="schema">The controller's types.</param>
    /// <param name="asked">As read from files.</param>
    /// <param name="faults">Receives everything that is wrong.</param>
    /// <returns>Those whose resource is known, with it.</returns>
    public static IReadOnlyList<AskedResource> Check(ApiSchema schema, IEnumerable<AskedResource> asked, List<Fault> faults)
    {
        IReadOnlyList<AskedResource> known = Identify(schema, asked, faults);
        foreach (AskedResource one in known)
        {
            new DocumentCheck(schema, one, faults) { _ref = one.Ref }.Document(one.Type!, one.Body, "");
        }

        foreach (IGrouping<string, AskedResource> same in known.GroupBy(one => ApiSchema.KeyOf(one.Ref)).Where(group => group.Count() > 1))
        {
            AskedResource second = same.ElementAt(1);
            faults.Add(new Fault(second.At("resourceRef"), $"{second.Ref} is asked for twice, first at {same.First().At("resourceRef")}. Keep one of them."));
        }

        ApartFromParent(known, faults);
        return known;
    }

    /// <summary>Tells what each is, and looks no further.</summary>
    /// <param name="schema">The controller's types.</param>
    /// <param name="asked">As read from files.</param>
    /// <param name="faults">Receives those that are nothing.</param>
    public static IReadOnlyList<AskedResource> Identify(ApiSchema schema, IEnumerable<AskedResource> asked, List<Fault> faults) =>
        [.. asked.Select(one => new DocumentCheck(schema, one, faults).Identify()).OfType<AskedResource>()];

    /// <summary>The word nearest to a misspelt one, for "did you mean".</summary>
    public static string? Nearest(string word, IEnumerable<string> known)
    {
        const int DistanceMax = 3;
        return known.Select(candidate => (candidate, Distance: Distance(word.ToLowerInvariant(), candidate.ToLowerInvariant())))
            .Where(pair => pair.Distance <= Math.Min(DistanceMax, word.Length / 2))
            .OrderBy(pair => pair.Distance).Select(pair => pair.candidate).FirstOrDefault();
    }

    private AskedResource? Identify()
    {
        if (Member(_asked.Body, "resourceRef") is not { } reference || Spelling.Text(reference) is not { Length: > 0 } text)
        {
            return Fail("", "has no resourceRef. Say which resource it is: resourceRef: /virtualNetworks/NAME");
        }

        if (_schema.Resolve(text) is not { } resolved)
        {
            string first = ApiSchema.Split(text).FirstOrDefault() ?? "";
            string? nearest = Nearest(first, _schema.Types.Where(type => type.IsTop).Select(type => type.Path));
            return Fail("resourceRef", _schema.Find(first) is not null
                ? $"'{text}' names no resource. A resourceRef is /TYPE/NAME, or /TYPE/NAME/CHILDREN/NAME."
                : $"'{text}': there is no resource type '{first}'.{(nearest is null ? "" : $" Did you mean {nearest}?")}");
        }

        (ResourceSchema type, string canonical) = resolved;
        string id = canonical[(canonical.LastIndexOf('/') + 1)..];
        if (Member(_asked.Body, "resourceId") is { } said && Spelling.Text(said) is var saidId && !id.Equals(saidId, StringComparison.OrdinalIgnoreCase))
        {
            return Fail("resourceId", $"{canonical}: resourceId '{saidId}' is not the name in its resourceRef. Leave resourceId out, or make them agree.");
        }

        return !type.IsWritable ? Fail("resourceRef", $"{canonical} is read-only: the controller writes it.")
            : !type.IsAddressable ? Fail("resourceRef", $"{canonical} is written inside the resource around it only.")
            : type.Singleton is { } only && !only.Equals(id, StringComparison.OrdinalIgnoreCase) ? Fail("resourceRef", $"{canonical}: there is one {type.Path}, /{type.Path}/{only}.")
            : _asked with { Ref = canonical, Type = type };
    }

    private AskedResource? Fail(string path, string message)
    {
        _faults.Add(new Fault(_asked.At(path), path.Length == 0 ? "This document " + message : message));
        return null;
    }

    private void Document(ResourceSchema type, JsonObject body, string path)
    {
        foreach ((string name, JsonNode? value) in body)
        {
            PropertySchema? member = type.Document.Member(name);
            if (member is null)
            {
                Unknown(name, Join(path, name), type.Document, type.Properties);
            }
            else if (member.Name == "properties" && value is not JsonObject)
            {
                Wrong(Join(path, name), "is not an object.");
            }
            else if (!s_bookkeeping.Contains(member.Name) && value is not null)
            {
                Value(member, value, Join(path, name));
            }
        }

        Required(type.Properties, Member(body, "properties") as JsonObject ?? [], Join(path, "properties"));
    }

    private void Value(PropertySchema property, JsonNode value, string path)
    {
        if (property.IsReadOnly)
        {
            return;
        }

        if (property.ChildPath is { } child)
        {
            Children(_schema.Find(child)!, value, path);
        }
        else if (property.IsReference)
        {
            Reference(property, value, path);
        }
        else if (property.Item is { } item)
        {
            JsonArray list = value as JsonArray ?? [value.DeepClone()];
            for (int i = 0; i < list.Count; i++)
            {
                if (list[i] is { } entry)
                {
                    Value(item, entry, value is JsonArray ? $"{path}[{i}]" : path);
                }
            }
        }
        else if (property.Kind == "object")
        {
            Structure(property, value, path);
        }
        else
        {
            Scalar(property, value, path);
        }
    }

    private void Structure(PropertySchema structure, JsonNode value, string path)
    {
        if (value is not JsonObject members)
        {
            Wrong(path, $"is {Show(value)} and should be an object{(structure.Members.Any() ? $" with {string.Join(", ", structure.Members.Where(member => !member.IsReadOnly).Take(6).Select(member => member.Name))}" : "")}.");
            return;
        }

        if (!structure.Members.Any())
        {
            return;
        }

        foreach ((string name, JsonNode? member) in members)
        {
            if (structure.Member(name) is not { } known)
            {
                Unknown(name, Join(path, name), structure, null);
            }
            else if (member is not null)
            {
                Value(known, member, Join(path, name));
            }
        }

        if (path.EndsWith("properties", StringComparison.OrdinalIgnoreCase))
        {
            // Its owner asks: for a document without properties too.
            return;
        }

        Required(structure, members, path);
    }

    private void Required(PropertySchema structure, JsonObject members, string path)
    {
        foreach (string name in structure.Required)
        {
            PropertySchema required = structure.Member(name)!;
            if (!required.IsReadOnly && !required.IsSecret && PropertySchema.ValueOf(members, required) is null)
            {
                _faults.Add(new Fault(_asked.At(path), $"{_ref}: {Plain(Join(path, name))} is missing. It is required."));
            }
        }
    }

    private void Children(ResourceSchema type, JsonNode value, string path)
    {
        if (value is not JsonArray list)
        {
            Wrong(path, $"is {Show(value)} and should be a list of {type.Segment}, each with resourceId and properties.");
            return;
        }

        for (int i = 0; i < list.Count; i++)
        {
            string at = $"{path}[{i}]";
            if (list[i] is not JsonObject child)
            {
                Wrong(at, "is not an object with resourceId and properties.");
            }
            else if (Member(child, "resourceId") is not { } id || Spelling.Text(id) is not { Length: > 0 })
            {
                Wrong(at, "has no resourceId. Every child needs a name.");
            }
            else
            {
                Document(type, child, at);
            }
        }
    }

    private void Reference(PropertySchema property, JsonNode value, string path)
    {
        if (Spelling.Target(value) is not { Length: > 0 } target)
        {
            Wrong(path, $"is {Show(value)} and should point at a resource: {{resourceRef: /{Example(property)}}}.");
        }
        else if (_schema.Resolve(target) is not { } resolved)
        {
            Wrong(path, $"points at '{target}', which names no resource. Write it as /{Example(property)}.");
        }
        else if (!property.Targets.Contains(resolved.Type.Path, StringComparer.OrdinalIgnoreCase))
        {
            Wrong(path, $"points at {resolved.Ref}. It may point at {string.Join(" or ", property.Targets)}.");
        }
    }

    private void Scalar(PropertySchema property, JsonNode value, string path)
    {
        if (Spelling.Text(value) is not { } text)
        {
            Wrong(path, $"is {(value is JsonArray ? "a list" : "an object")} and should be {Expected(property)}.");
        }
        else if (property.Words.Count > 0 && !property.Words.Contains(text, StringComparer.OrdinalIgnoreCase) && !property.Spellings.ContainsKey(text))
        {
            string? nearest = Nearest(text, property.Words);
            Wrong(path, $"is '{text}' and should be one of {string.Join(", ", property.Words)}.{(nearest is null ? "" : $" Did you mean {nearest}?")}");
        }
        else if (property.Kind == "integer" && !long.TryParse(text, out _))
        {
            Wrong(path, $"is '{text}' and should be a whole number.");
        }
        else if (property.Kind == "boolean" && !bool.TryParse(text, out _))
        {
            Wrong(path, $"is '{text}' and should be true or false.");
        }
    }

    private void Unknown(string name, string path, PropertySchema structure, PropertySchema? inner)
    {
        if (inner?.Member(name) is { } misplaced)
        {
            Wrong(path, $"stands beside properties. Write {misplaced.Name} inside properties.");
            return;
        }

        string? nearest = Nearest(name, structure.Members.Where(member => !member.IsReadOnly).Select(member => member.Name));
        Wrong(path, $"is not a property.{(nearest is null ? "" : $" Did you mean {nearest}?")}");
    }

    private void Wrong(string path, string message) => _faults.Add(new Fault(_asked.At(path), $"{_ref}: {Plain(path)} {message}"));

    /// <summary>A child that has a document of its own, and a parent whose document says what all its children are, contradict each other.</summary>
    private static void ApartFromParent(IReadOnlyList<AskedResource> known, List<Fault> faults)
    {
        Dictionary<string, AskedResource> byKey = [];
        foreach (AskedResource one in known)
        {
            byKey.TryAdd(ApiSchema.KeyOf(one.Ref), one);
        }

        foreach (AskedResource child in known.Where(one => !one.Type!.IsTop))
        {
            string[] segments = ApiSchema.Split(child.Ref);
            string parentRef = "/" + string.Join('/', segments[..^2]);
            if (byKey.TryGetValue(ApiSchema.KeyOf(parentRef), out AskedResource? parent)
                && parent.Type!.Properties.Members.FirstOrDefault(member => child.Type!.Path.Equals(member.ChildPath, StringComparison.OrdinalIgnoreCase)) is { } list
                && PropertySchema.ValueOf(Member(parent.Body, "properties") as JsonObject ?? [], list) is not null)
            {
                faults.Add(new Fault(
                    child.At("resourceRef"),
                    $"{child.Ref} has a document of its own, and the one of {parent.Ref} ({parent.At("properties." + list.Name)}) lists all its {list.Name}. Put it into that list, or leave {list.Name} out there."));
            }
        }
    }

    private static string Expected(PropertySchema property) =>
        property.Words.Count > 0 ? $"one of {string.Join(", ", property.Words)}" : property.Kind switch { "integer" => "a whole number", "boolean" => "true or false", _ => "text" };

    private static string Example(PropertySchema property) => string.Join('/', property.Targets[0].Split('/').Select(collection => $"{collection}/NAME"));

    private static string Show(JsonNode value)
    {
        const int ShownMax = 60;
        string text = value.ToJsonString();
        return text.Length <= ShownMax ? text : text[..ShownMax] + "…";
    }

    /// <summary>A path as people read it.</summary>
    private static string Plain(string path) => path.StartsWith("properties.", StringComparison.OrdinalIgnoreCase) ? path["properties.".Length..] : path;

    private static JsonNode? Member(JsonObject holder, string name) =>
        holder.FirstOrDefault(pair => pair.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private static int Distance(string one, string other)
    {
        int[] row = [.. Enumerable.Range(0, other.Length + 1)];
        for (int i = 1; i <= one.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= other.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + (one[i - 1] == other[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[^1];
    }
}
