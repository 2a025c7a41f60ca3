using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Hnv.Controller.Schema;

/// <summary>The type of a property that is made when a document is read and never sent: only described.</summary>
/// <param name="type">Its JSON type.</param>
internal sealed class DerivedSchema(string type) : ValueSchema
{
    public const string List = "array";
    public const string Map = "object";
    public const string Text = "string";

    /// <summary>The JSON type of a value.</summary>
    public static string TypeOf(JsonNode value) => value.GetValueKind() switch
    {
        JsonValueKind.Array => List,
        JsonValueKind.Object => Map,
        JsonValueKind.Number => "integer",
        JsonValueKind.True or JsonValueKind.False => "boolean",
        _ => Text,
    };

    public override JsonNode? Read(JsonNode value, ReadScope scope) => throw new UnreachableException("A derived property is read-only.");

    public override JsonObject Describe() => type == List ? new() { ["type"] = type, ["items"] = new JsonObject() } : new() { ["type"] = type };
}
