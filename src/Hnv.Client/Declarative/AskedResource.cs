using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>A resource as a file asks for it.</summary>
/// <param name="Body">The document.</param>
/// <param name="Source">The file.</param>
/// <param name="Lines">Line of each member, by its path: <c>properties.subnets[0].resourceId</c>; the document itself is the empty path.</param>
public sealed record AskedResource(JsonObject Body, string Source, IReadOnlyDictionary<string, int> Lines)
{
    /// <summary>resourceRef in canonical spelling; empty until it was checked.</summary>
    public string Ref { get; init; } = "";

    /// <summary>What it is; null until it was checked.</summary>
    public ResourceSchema? Type { get; init; }

    /// <summary><c>file:line</c> of a member, or of the nearest thing around it.</summary>
    public string At(string path)
    {
        while (true)
        {
            if (Lines.TryGetValue(path, out int line))
            {
                return $"{Source}:{line}";
            }

            if (path.Length == 0)
            {
                return Source;
            }

            path = path[..Math.Max(0, path.LastIndexOfAny(['.', '[']))];
        }
    }
}

/// <summary>Something that must be put right before anything is done.</summary>
/// <param name="Place"><c>file:line</c>; empty when it is in no file.</param>
/// <param name="Message">The resource, the property, the value, and what would be right.</param>
public sealed record Fault(string Place, string Message)
{
    /// <inheritdoc/>
    public override string ToString() => Place.Length == 0 ? Message : $"{Place}: {Message}";
}
