using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>One resource type as the controller describes it.</summary>
public sealed class ResourceSchema
{
    internal ResourceSchema(JsonObject schema)
    {
        JsonObject about = schema["x-openhnv-resource"]!.AsObject();
        Path = (string)about["path"]!;
        Segment = (string)about["segment"]!;
        Singleton = (string?)about["singleton"];
        IsWritable = (bool)about["writable"]!;
        IsAddressable = (bool)about["addressable"]!;
        Document = new PropertySchema("", schema);
    }

    /// <summary>Collections from the top, <c>virtualNetworks/subnets</c>.</summary>
    public string Path { get; }

    /// <summary>The collection's name in a resourceRef.</summary>
    public string Segment { get; }

    /// <summary>The one id of a singleton; null for collections.</summary>
    public string? Singleton { get; }

    /// <summary>False for what only the controller writes.</summary>
    public bool IsWritable { get; }

    /// <summary>False for children that come with their parent only.</summary>
    public bool IsAddressable { get; }

    /// <summary>The whole document, <c>properties</c> and what stands beside them.</summary>
    public PropertySchema Document { get; }

    /// <summary>What is in <c>properties</c>.</summary>
    public PropertySchema Properties => Document.Member("properties")!;

    /// <summary>True when it stands alone, under no parent.</summary>
    public bool IsTop => !Path.Contains('/', StringComparison.Ordinal);
}

/// <summary>Every resource type of one controller, from its <c>/openapi.json</c>.</summary>
public sealed class ApiSchema
{
    private readonly Dictionary<string, ResourceSchema> _byPath;

    /// <param name="openApi">The document.</param>
    /// <exception cref="FormatException">It does not describe a controller of ours.</exception>
    public ApiSchema(JsonNode openApi)
    {
        try
        {
            _byPath = openApi["components"]!["schemas"]!.AsObject()
                .Where(schema => schema.Value!["x-openhnv-resource"] is not null)
                .Select(schema => new ResourceSchema(schema.Value!.AsObject()))
                .ToDictionary(type => type.Path, StringComparer.OrdinalIgnoreCase);
        }
        catch (Exception e) when (e is InvalidOperationException or NullReferenceException or ArgumentException)
        {
            throw new FormatException("The controller's /openapi.json does not describe its resources. It is of another version, or no controller of OpenHNV.", e);
        }
    }

    /// <summary>Every type, children included.</summary>
    public IEnumerable<ResourceSchema> Types => _byPath.Values;

    /// <summary>A type by its path, in any case.</summary>
    public ResourceSchema? Find(string path) => _byPath.GetValueOrDefault(path);

    /// <summary>The type of a resourceRef and the ref in canonical spelling; null when it names no resource.</summary>
    public (ResourceSchema Type, string Ref)? Resolve(string reference)
    {
        string[] segments = Split(reference);
        if (segments.Length == 0 || segments.Length % 2 != 0)
        {
            return null;
        }

        ResourceSchema? type = null;
        string canonical = "";
        for (int i = 0; i < segments.Length; i += 2)
        {
            type = Find(type is null ? segments[i] : $"{type.Path}/{segments[i]}")
                ?? (type is null ? null : _byPath.Values.FirstOrDefault(child => IsChildSegment(type, child, segments[i])));
            if (type is null)
            {
                return null;
            }

            canonical += $"/{type.Segment}/{segments[i + 1]}";
        }

        return (type!, canonical);
    }

    /// <summary>Two references to the same resource are equal in this form.</summary>
    public static string KeyOf(string reference) => "/" + string.Join('/', Split(reference)).ToLowerInvariant();

    /// <summary>A reference without scheme, version and slashes around it.</summary>
    public static string[] Split(string reference)
    {
        string[] segments = reference.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return segments is ["networking", _, ..] ? segments[2..] : segments;
    }

    private static bool IsChildSegment(ResourceSchema parent, ResourceSchema child, string segment) =>
        child.Segment.Equals(segment, StringComparison.OrdinalIgnoreCase)
        && child.Path.Length > parent.Path.Length
        && child.Path.StartsWith(parent.Path + "/", StringComparison.OrdinalIgnoreCase)
        && !child.Path.AsSpan(parent.Path.Length + 1).Contains('/');
}
