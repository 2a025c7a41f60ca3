using System.Diagnostics;
using System.Text.Json;

namespace Hnv.Ovsdb;

/// <summary>
/// The content of one column: a set of atoms (a scalar is a set of one, an absent optional the empty set) or a map. Immutable, in
/// canonical order, compared by value. One type for all shapes because the wire uses one: a set of one element is written bare.
/// </summary>
[DebuggerDisplay("{ToString(),nq}")]
public sealed class OvsdbValue : IEquatable<OvsdbValue>
{
    private readonly OvsdbAtom[] _keys;
    private readonly OvsdbAtom[]? _values;

    private OvsdbValue(OvsdbAtom[] keys, OvsdbAtom[]? values)
    {
        _keys = keys;
        _values = values;
    }

    /// <summary>The empty set; also an absent optional.</summary>
    public static OvsdbValue EmptySet { get; } = new([], null);

    /// <summary>The map without entries.</summary>
    public static OvsdbValue EmptyMap { get; } = new([], []);

    /// <summary>True for a map, which the atoms of <see cref="Keys"/> and <see cref="Values"/> then make up pairwise.</summary>
    public bool IsMap => _values is not null;

    /// <summary>How many atoms the set, or entries the map has.</summary>
    public int Count => _keys.Length;

    /// <summary>The atoms of the set or the keys of the map, in order, without duplicates.</summary>
    public ReadOnlySpan<OvsdbAtom> Keys => _keys;

    /// <summary>The values of the map, each at the index of its key; empty for a set.</summary>
    public ReadOnlySpan<OvsdbAtom> Values => _values;

    /// <summary>The only atom.</summary>
    /// <exception cref="InvalidOperationException">There is not exactly one.</exception>
    public OvsdbAtom Single => _keys.Length == 1 && !IsMap ? _keys[0] : throw new InvalidOperationException($"OVSDB value {this} is not a single atom.");

    /// <summary>The atom of an optional column, or null.</summary>
    public OvsdbAtom? Optional => _keys.Length == 0 ? null : Single;

    /// <summary>A scalar.</summary>
    public static implicit operator OvsdbValue(OvsdbAtom atom) => new([atom], null);

    /// <summary>A string scalar.</summary>
    public static implicit operator OvsdbValue(string value) => OvsdbAtom.From(value);

    /// <summary>An integer scalar.</summary>
    public static implicit operator OvsdbValue(long value) => OvsdbAtom.From(value);

    /// <summary>A boolean scalar.</summary>
    public static implicit operator OvsdbValue(bool value) => OvsdbAtom.From(value);

    /// <summary>A reference to a row.</summary>
    public static implicit operator OvsdbValue(Guid value) => OvsdbAtom.From(value);

    /// <summary>A scalar; the named form of the conversions.</summary>
    public static OvsdbValue FromOvsdbAtom(OvsdbAtom atom) => atom;

    /// <summary>An optional string: null is the empty set.</summary>
    public static OvsdbValue OptionalText(string? value) => value is null ? EmptySet : value;

    /// <summary>A set; duplicates fall together.</summary>
    public static OvsdbValue Set(IEnumerable<OvsdbAtom> atoms)
    {
        HashSet<OvsdbAtom> unique = [.. atoms];
        OvsdbAtom[] keys = [.. unique];
        Array.Sort(keys);
        return keys.Length == 0 ? EmptySet : new OvsdbValue(keys, null);
    }

    /// <summary>A set of strings.</summary>
    public static OvsdbValue Set(IEnumerable<string> texts) => Set(texts.Select(OvsdbAtom.From));

    /// <summary>A map; of a key given twice the later entry stays.</summary>
    public static OvsdbValue Map(IEnumerable<KeyValuePair<OvsdbAtom, OvsdbAtom>> entries)
    {
        Dictionary<OvsdbAtom, OvsdbAtom> unique = [];
        foreach (KeyValuePair<OvsdbAtom, OvsdbAtom> entry in entries)
        {
            unique[entry.Key] = entry.Value;
        }

        if (unique.Count == 0)
        {
            return EmptyMap;
        }

        OvsdbAtom[] keys = [.. unique.Keys];
        Array.Sort(keys);
        return new OvsdbValue(keys, Array.ConvertAll(keys, key => unique[key]));
    }

    /// <summary>A map of strings to strings.</summary>
    public static OvsdbValue Map(IEnumerable<KeyValuePair<string, string>> entries) =>
        Map(entries.Select(entry => KeyValuePair.Create(OvsdbAtom.From(entry.Key), OvsdbAtom.From(entry.Value))));

    /// <summary>Reads any of the wire forms: bare atom, <c>["set",…]</c>, <c>["map",…]</c>.</summary>
    /// <param name="json">The value as it stood in a row.</param>
    /// <param name="column">The column's type, which tells a real from an integer; null guesses.</param>
    /// <exception cref="FormatException">It is none of the forms.</exception>
    public static OvsdbValue Read(JsonElement json, OvsdbColumnSchema? column = null)
    {
        if (json.ValueKind != JsonValueKind.Array || json.GetArrayLength() != 2)
        {
            return OvsdbAtom.Read(json, column?.Key);
        }

        if (json[0].ValueEquals("set"u8))
        {
            return Set(json[1].EnumerateArray().Select(atom => OvsdbAtom.Read(atom, column?.Key)));
        }

        if (json[0].ValueEquals("map"u8))
        {
            return Map(json[1].EnumerateArray().Select(
                pair => KeyValuePair.Create(OvsdbAtom.Read(pair[0], column?.Key), OvsdbAtom.Read(pair[1], column?.Value))));
        }

        return OvsdbAtom.Read(json, column?.Key);
    }

    /// <summary>Writes the value as RFC 7047 §5.1 says; a set of one element bare.</summary>
    public void Write(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        if (!IsMap && _keys.Length == 1)
        {
            _keys[0].Write(writer);
            return;
        }

        writer.WriteStartArray();
        writer.WriteStringValue(IsMap ? "map"u8 : "set"u8);
        writer.WriteStartArray();
        for (int i = 0; i < _keys.Length; i++)
        {
            if (_values is null)
            {
                _keys[i].Write(writer);
                continue;
            }

            writer.WriteStartArray();
            _keys[i].Write(writer);
            _values[i].Write(writer);
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
        writer.WriteEndArray();
    }

    /// <summary>The value of a map's key.</summary>
    public bool TryGetValue(OvsdbAtom key, out OvsdbAtom value)
    {
        int at = _values is null ? -1 : Array.BinarySearch(_keys, key);
        value = at < 0 ? default : _values![at];
        return at >= 0;
    }

    /// <summary>True when the set holds the atom, or the map the key.</summary>
    public bool Contains(OvsdbAtom key) => Array.BinarySearch(_keys, key) >= 0;

    /// <summary>The same map or set with every atom replaced.</summary>
    public OvsdbValue Select(Func<OvsdbAtom, OvsdbAtom> replace)
    {
        if (_values is not null)
        {
            return Map(_keys.Zip(_values, (key, value) => KeyValuePair.Create(replace(key), replace(value))));
        }

        return _keys.Length == 1 ? replace(_keys[0]) : Set(_keys.Select(replace));
    }

    /// <summary>
    /// What the column becomes after an <c>update2</c>/<c>update3</c> <c>modify</c> (ovsdb-server(7) §4.1.14). For a set of more than
    /// one it carries the symmetric difference; for a map an entry equal to ours means "removed", any other "is now"; a scalar or
    /// optional column carries its new value.
    /// </summary>
    public OvsdbValue Apply(OvsdbValue difference, OvsdbColumnSchema column)
    {
        if (column.IsMap)
        {
            Dictionary<OvsdbAtom, OvsdbAtom> entries = [];
            for (int i = 0; i < _keys.Length; i++)
            {
                entries[_keys[i]] = _values![i];
            }

            for (int i = 0; i < difference._keys.Length; i++)
            {
                OvsdbAtom key = difference._keys[i];
                OvsdbAtom value = difference._values![i];
                if (entries.TryGetValue(key, out OvsdbAtom ours) && ours == value)
                {
                    entries.Remove(key);
                }
                else
                {
                    entries[key] = value;
                }
            }

            return Map(entries);
        }

        if (column.Max <= 1)
        {
            return difference;
        }

        HashSet<OvsdbAtom> atoms = [.. _keys];
        atoms.SymmetricExceptWith(difference._keys);
        return Set(atoms);
    }

    /// <inheritdoc/>
    public bool Equals(OvsdbValue? other) =>
        ReferenceEquals(this, other) || (other is not null && IsMap == other.IsMap && Keys.SequenceEqual(other.Keys) && Values.SequenceEqual(other.Values));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as OvsdbValue);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        foreach (OvsdbAtom atom in _keys)
        {
            hash.Add(atom);
        }

        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public override string ToString() => _values is null
        ? _keys.Length == 1 ? _keys[0].ToString() : $"[{string.Join(", ", _keys)}]"
        : $"{{{string.Join(", ", _keys.Zip(_values, (key, value) => $"{key}={value}"))}}}";
}
