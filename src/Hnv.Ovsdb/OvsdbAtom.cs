using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Hnv.Ovsdb;

/// <summary>What kind of value an <see cref="OvsdbAtom"/> is (RFC 7047 §3.1 atomic types).</summary>
public enum OvsdbAtomKind : byte
{
    /// <summary>A 64-bit signed integer.</summary>
    Integer,

    /// <summary>A floating-point number.</summary>
    Real,

    /// <summary>True or false.</summary>
    Boolean,

    /// <summary>A string.</summary>
    String,

    /// <summary>The identity of a row that exists.</summary>
    Uuid,

    /// <summary>A row that an <c>insert</c> of the same transaction makes.</summary>
    NamedUuid,
}

/// <summary>One indivisible OVSDB value. Integers and reals are distinct: the server refuses one for the other.</summary>
[DebuggerDisplay("{ToString(),nq}")]
public readonly record struct OvsdbAtom : IComparable<OvsdbAtom>
{
    private readonly long _number;
    private readonly string? _text;
    private readonly Guid _uuid;

    private OvsdbAtom(OvsdbAtomKind kind, long number = 0, string? text = null, Guid uuid = default)
    {
        Kind = kind;
        _number = number;
        _text = text;
        _uuid = uuid;
    }

    /// <summary>Which of the accessors below may be asked.</summary>
    public OvsdbAtomKind Kind { get; }

    /// <summary>The integer.</summary>
    /// <exception cref="InvalidOperationException">The atom is of another kind.</exception>
    public long Integer => Kind == OvsdbAtomKind.Integer ? _number : throw Not(OvsdbAtomKind.Integer);

    /// <summary>The real number.</summary>
    /// <exception cref="InvalidOperationException">The atom is of another kind.</exception>
    public double Real => Kind == OvsdbAtomKind.Real ? BitConverter.Int64BitsToDouble(_number) : throw Not(OvsdbAtomKind.Real);

    /// <summary>The boolean.</summary>
    /// <exception cref="InvalidOperationException">The atom is of another kind.</exception>
    public bool Boolean => Kind == OvsdbAtomKind.Boolean ? _number != 0 : throw Not(OvsdbAtomKind.Boolean);

    /// <summary>The string, or the name of a named UUID.</summary>
    /// <exception cref="InvalidOperationException">The atom is of another kind.</exception>
    public string Text => Kind is OvsdbAtomKind.String or OvsdbAtomKind.NamedUuid ? _text! : throw Not(OvsdbAtomKind.String);

    /// <summary>The row identity.</summary>
    /// <exception cref="InvalidOperationException">The atom is of another kind.</exception>
    public Guid Uuid => Kind == OvsdbAtomKind.Uuid ? _uuid : throw Not(OvsdbAtomKind.Uuid);

    /// <summary>An integer atom.</summary>
    public static OvsdbAtom From(long value) => new(OvsdbAtomKind.Integer, value);

    /// <summary>A real atom.</summary>
    public static OvsdbAtom From(double value) => new(OvsdbAtomKind.Real, BitConverter.DoubleToInt64Bits(value));

    /// <summary>A boolean atom.</summary>
    public static OvsdbAtom From(bool value) => new(OvsdbAtomKind.Boolean, value ? 1 : 0);

    /// <summary>A string atom.</summary>
    public static OvsdbAtom From(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return new OvsdbAtom(OvsdbAtomKind.String, text: value);
    }

    /// <summary>A reference to a row that exists.</summary>
    public static OvsdbAtom From(Guid value) => new(OvsdbAtomKind.Uuid, uuid: value);

    /// <summary>A reference to a row inserted under this name in the same transaction.</summary>
    public static OvsdbAtom Named(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new OvsdbAtom(OvsdbAtomKind.NamedUuid, text: name);
    }

    /// <summary>The value a column of that type has when nobody gave one (RFC 7047 §5.2.1).</summary>
    public static OvsdbAtom DefaultOf(OvsdbAtomKind kind) => kind switch
    {
        OvsdbAtomKind.String => From(string.Empty),
        OvsdbAtomKind.NamedUuid => throw new ArgumentOutOfRangeException(nameof(kind), kind, "A named UUID exists only inside a transaction."),
        _ => new OvsdbAtom(kind),
    };

    /// <summary>Reads an atom. Without a type, a number is an integer unless it is written with a fraction or an exponent.</summary>
    /// <exception cref="FormatException">The JSON is no atom, or not one of that type.</exception>
    public static OvsdbAtom Read(JsonElement json, OvsdbAtomKind? type = null)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Number when type != OvsdbAtomKind.Real && json.TryGetInt64(out long integer):
                return From(integer);
            case JsonValueKind.Number when type != OvsdbAtomKind.Integer:
                return From(json.GetDouble());
            case JsonValueKind.True or JsonValueKind.False:
                return From(json.GetBoolean());
            case JsonValueKind.String:
                return From(json.GetString()!);
            case JsonValueKind.Array when json.GetArrayLength() == 2 && json[0].ValueEquals("uuid"u8) && Guid.TryParse(json[1].GetString(), out Guid uuid):
                return From(uuid);
            case JsonValueKind.Array when json.GetArrayLength() == 2 && json[0].ValueEquals("named-uuid"u8):
                return Named(json[1].GetString()!);
            default:
                throw new FormatException($"{json.GetRawText()} is not an OVSDB {(type is null ? "atom" : type)}.");
        }
    }

    /// <summary>Writes the atom as RFC 7047 §5.1 says.</summary>
    public void Write(Utf8JsonWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        switch (Kind)
        {
            case OvsdbAtomKind.Integer:
                writer.WriteNumberValue(_number);
                break;
            case OvsdbAtomKind.Real:
                writer.WriteNumberValue(Real);
                break;
            case OvsdbAtomKind.Boolean:
                writer.WriteBooleanValue(Boolean);
                break;
            case OvsdbAtomKind.String:
                writer.WriteStringValue(_text);
                break;
            case OvsdbAtomKind.Uuid:
                writer.WriteStartArray();
                writer.WriteStringValue("uuid"u8);
                writer.WriteStringValue(_uuid);
                writer.WriteEndArray();
                break;
            case OvsdbAtomKind.NamedUuid:
                writer.WriteStartArray();
                writer.WriteStringValue("named-uuid"u8);
                writer.WriteStringValue(_text);
                writer.WriteEndArray();
                break;
            default:
                throw new UnreachableException($"Atom kind {Kind}.");
        }
    }

    /// <summary>A total order, so that sets and maps have one canonical form.</summary>
    public int CompareTo(OvsdbAtom other)
    {
        int byKind = Kind.CompareTo(other.Kind);
        if (byKind != 0)
        {
            return byKind;
        }

        return Kind switch
        {
            OvsdbAtomKind.Uuid => _uuid.CompareTo(other._uuid),
            OvsdbAtomKind.Real => Real.CompareTo(other.Real),
            OvsdbAtomKind.String or OvsdbAtomKind.NamedUuid => string.CompareOrdinal(_text, other._text),
            _ => _number.CompareTo(other._number),
        };
    }

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        OvsdbAtomKind.Integer => _number.ToString(CultureInfo.InvariantCulture),
        OvsdbAtomKind.Real => Real.ToString("R", CultureInfo.InvariantCulture),
        OvsdbAtomKind.Boolean => Boolean ? "true" : "false",
        OvsdbAtomKind.Uuid => _uuid.ToString(),
        OvsdbAtomKind.NamedUuid => "@" + _text,
        _ => _text ?? string.Empty,
    };

    private InvalidOperationException Not(OvsdbAtomKind wanted) => new($"OVSDB atom {this} is a {Kind}, not a {wanted}.");
}
