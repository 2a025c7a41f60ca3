using System.Collections.Frozen;

namespace Hnv.Ovsdb;

/// <summary>One row as it was at one moment: its identity and the columns that were asked for. Immutable.</summary>
public sealed class OvsdbRow
{
    private readonly OvsdbTableSchema _schema;
    private readonly FrozenDictionary<string, int> _columns;
    private readonly OvsdbValue[] _values;

    internal OvsdbRow(OvsdbTableSchema schema, Guid uuid, FrozenDictionary<string, int> columns, OvsdbValue[] values)
    {
        _schema = schema;
        _columns = columns;
        _values = values;
        Uuid = uuid;
    }

    /// <summary>The row's <c>_uuid</c>.</summary>
    public Guid Uuid { get; }

    /// <summary>The table it belongs to.</summary>
    public string Table => _schema.Name;

    internal OvsdbValue[] RawValues => _values;

    /// <summary>A column's value.</summary>
    /// <exception cref="KeyNotFoundException">The column was not among those asked for.</exception>
    public OvsdbValue this[string column] => _columns.TryGetValue(column, out int at)
        ? _values[at]
        : throw new KeyNotFoundException($"Column {column} of table {Table} is not replicated.");

    /// <summary>A string column; empty when an optional one is absent.</summary>
    public string Text(string column) => this[column].Optional?.Text ?? string.Empty;

    /// <summary>An integer column; null when an optional one is absent.</summary>
    public long? Integer(string column) => this[column].Optional?.Integer;

    /// <summary>A boolean column.</summary>
    public bool Boolean(string column) => this[column].Single.Boolean;

    /// <summary>The row a reference column points to; null when an optional one is absent.</summary>
    public Guid? Reference(string column) => this[column].Optional?.Uuid;

    /// <summary>The strings of a set column, in order.</summary>
    public IReadOnlyList<string> Texts(string column)
    {
        List<string> texts = [];
        foreach (OvsdbAtom atom in this[column].Keys)
        {
            texts.Add(atom.Text);
        }

        return texts;
    }

    /// <summary>A map of strings to strings.</summary>
    public IReadOnlyDictionary<string, string> Map(string column)
    {
        OvsdbValue value = this[column];
        Dictionary<string, string> map = new(value.Count, StringComparer.Ordinal);
        for (int i = 0; i < value.Count; i++)
        {
            map[value.Keys[i].Text] = value.Values[i].Text;
        }

        return map;
    }
}
