using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>Brings values that the controller reads as the same into one form.</summary>
internal static class Spelling
{
    /// <summary>A scalar as text, whatever JSON type it was written in; null for objects and arrays.</summary>
    public static string? Text(JsonNode value) => value.GetValueKind() switch
    {
        JsonValueKind.String => value.GetValue<string>(),
        JsonValueKind.Number => value.ToJsonString(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => null,
    };

    /// <summary>Where a reference points, in any of the forms that are read; null when it is none.</summary>
    public static string? Target(JsonNode? value) => value switch
    {
        JsonObject holder => holder.FirstOrDefault(member => member.Key.Equals("resourceRef", StringComparison.OrdinalIgnoreCase)).Value is { } inner ? Text(inner) : null,
        JsonValue => Text(value),
        _ => null,
    };

    /// <summary>The form in which equal scalars are equal texts.</summary>
    public static string Canonical(PropertySchema schema, string text)
    {
        if (schema.Kind is "boolean" || schema.Words.Count > 0)
        {
            return (schema.Spellings.TryGetValue(text, out string? word) ? word : text).ToLowerInvariant();
        }

        return schema.Format switch
        {
            "ip-address" => Address(text) ?? text,
            "ip-prefix" => Prefix(text),
            "mac-address" => string.Concat(text.Where(char.IsAsciiHexDigit)).ToLowerInvariant(),
            "uuid" => text.ToLowerInvariant(),
            "as-number" => AutonomousSystem(text),
            _ => schema.Kind == "integer" && decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal number)
                ? (number / 1.000000000000000000m).ToString(CultureInfo.InvariantCulture)
                : text,
        };
    }

    private static string? Address(string text) => IPAddress.TryParse(text, out IPAddress? address) ? address.ToString() : null;

    private static string Prefix(string text) =>
        text.Split('/') is [var address, var length] && Address(address) is { } canonical ? $"{canonical}/{length}" : text;

    private static string AutonomousSystem(string text) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint whole)
            ? string.Create(CultureInfo.InvariantCulture, $"{whole >> 16}.{whole & 0xFFFF}")
            : text;
}
