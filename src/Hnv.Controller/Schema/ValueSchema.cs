using System.Text.Json;
using System.Text.Json.Nodes;

namespace Hnv.Controller.Schema;

/// <summary>The type of a property: reads any spelling clients are known to send, gives back the one canonical form.</summary>
internal abstract class ValueSchema
{
    /// <summary>The canonical form, or null after a complaint.</summary>
    public abstract JsonNode? Read(JsonNode value, ReadScope scope);

    /// <summary>Shows every reference inside a canonical value.</summary>
    public virtual void VisitReferences(JsonNode value, Action<ReferenceSchema, JsonObject> visit)
    {
    }

    /// <summary>Replaces every secret inside a canonical value.</summary>
    public virtual void ReplaceSecrets(JsonNode value, Func<string, string> replace)
    {
    }

    /// <summary>What a request of an older version is answered with; null leaves the property out.</summary>
    public virtual JsonNode? Project(JsonNode value, ApiVersion version) => value;

    /// <summary>The JSON Schema of the canonical form, for the OpenAPI document.</summary>
    public abstract JsonObject Describe();

    /// <summary>A scalar as text, whatever JSON type it was sent in; null for objects and arrays.</summary>
    protected static string? Scalar(JsonNode value) => value.GetValueKind() switch
    {
        JsonValueKind.String => value.GetValue<string>(),
        JsonValueKind.Number => value.ToJsonString(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => null,
    };

    /// <summary>A value as a message shows it: short, quoted.</summary>
    protected static string Show(JsonNode value)
    {
        const int ShownMax = 80;
        string text = Scalar(value) is { } scalar ? $"'{scalar}'" : value.ToJsonString();
        return text.Length <= ShownMax ? text : string.Concat(text.AsSpan(0, ShownMax), "…");
    }
}
