using System.Collections.Frozen;
using System.Text.Json;

namespace Hnv.Ovsdb;

/// <summary>The schema of a database (RFC 7047 §3.2), as far as a client needs it.</summary>
/// <param name="Name">The database.</param>
/// <param name="Version">The schema's version, x.y.z.</param>
/// <param name="Tables">Its tables by name.</param>
public sealed record OvsdbSchema(string Name, string Version, FrozenDictionary<string, OvsdbTableSchema> Tables)
{
    /// <summary>Reads a schema from the text of an <c>.ovsschema</c> file or a <c>get_schema</c> reply.</summary>
    /// <exception cref="FormatException">It is no schema.</exception>
    public static OvsdbSchema Read(JsonElement json)
    {
        try
        {
            return new OvsdbSchema(
                json.GetProperty("name").GetString()!,
                json.GetProperty("version").GetString()!,
                json.GetProperty("tables").EnumerateObject()
                    .Select(table => OvsdbTableSchema.Read(table.Name, table.Value))
                    .ToFrozenDictionary(table => table.Name));
        }
        catch (Exception exception) when (exception is KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException($"The text is not an OVSDB schema: {exception.Message}", exception);
        }
    }

    /// <summary>Reads a schema from the text of an <c>.ovsschema</c> file.</summary>
    /// <exception cref="FormatException">It is no schema.</exception>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static OvsdbSchema Parse(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return Read(document.RootElement);
    }
}

/// <summary>The schema of a table.</summary>
/// <param name="Name">The table.</param>
/// <param name="Columns">Its columns by name, without the implicit <c>_uuid</c> and <c>_version</c>.</param>
public sealed record OvsdbTableSchema(string Name, FrozenDictionary<string, OvsdbColumnSchema> Columns)
{
    internal static OvsdbTableSchema Read(string name, JsonElement json) => new(
        name,
        json.GetProperty("columns").EnumerateObject()
            .Select(column => OvsdbColumnSchema.Read(column.Name, column.Value))
            .ToFrozenDictionary(column => column.Name));
}

/// <summary>The type of a column: what it may hold and how many of it.</summary>
/// <param name="Name">The column.</param>
/// <param name="Key">The type of a set's atoms or a map's keys.</param>
/// <param name="Value">The type of a map's values; null when the column is no map.</param>
/// <param name="Min">Least number of atoms or entries, 0 or 1.</param>
/// <param name="Max">Greatest number; <see cref="int.MaxValue"/> for unlimited.</param>
public sealed record OvsdbColumnSchema(string Name, OvsdbAtomKind Key, OvsdbAtomKind? Value, int Min, int Max)
{
    /// <summary>True for a map.</summary>
    public bool IsMap => Value is not null;

    /// <summary>What the column holds when an insert does not name it, and what <c>insert</c> notifications leave out.</summary>
    public OvsdbValue Default { get; } = Value is not null
        ? Min == 0 ? OvsdbValue.EmptyMap : OvsdbValue.Map([KeyValuePair.Create(OvsdbAtom.DefaultOf(Key), OvsdbAtom.DefaultOf(Value.Value))])
        : Min == 0 ? OvsdbValue.EmptySet : OvsdbAtom.DefaultOf(Key);

    internal static OvsdbColumnSchema Read(string name, JsonElement json)
    {
        JsonElement type = json.GetProperty("type");
        if (type.ValueKind == JsonValueKind.String)
        {
            return new OvsdbColumnSchema(name, ReadType(type), null, 1, 1);
        }

        int min = type.TryGetProperty("min", out JsonElement minJson) ? minJson.GetInt32() : 1;
        int max = !type.TryGetProperty("max", out JsonElement maxJson) ? 1
            : maxJson.ValueKind == JsonValueKind.String ? int.MaxValue : maxJson.GetInt32();
        OvsdbAtomKind? value = type.TryGetProperty("value", out JsonElement valueJson) ? ReadType(valueJson) : null;
        return new OvsdbColumnSchema(name, ReadType(type.GetProperty("key")), value, min, max);
    }

    private static OvsdbAtomKind ReadType(JsonElement json)
    {
        string? text = json.ValueKind == JsonValueKind.String ? json.GetString() : json.GetProperty("type").GetString();
        return text switch
        {
            "integer" => OvsdbAtomKind.Integer,
            "real" => OvsdbAtomKind.Real,
            "boolean" => OvsdbAtomKind.Boolean,
            "string" => OvsdbAtomKind.String,
            "uuid" => OvsdbAtomKind.Uuid,
            _ => throw new FormatException($"'{text}' is not an OVSDB type."),
        };
    }
}
