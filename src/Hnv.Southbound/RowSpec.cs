using Hnv.Ovsdb;

namespace Hnv.Southbound;

/// <summary>A row's identity by what it means, the same before and after the database gave it a UUID.</summary>
internal readonly record struct RowKey(string Table, string Name)
{
    /// <summary>How other rows refer to it while it is planned.</summary>
    public override string ToString() => $"{Table}/{Name}";

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static RowKey Parse(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        return new RowKey(text[..slash], text[(slash + 1)..]);
    }
}

/// <summary>What the controller wants a row to say: the values of its table's <see cref="TableLayout.Columns"/>, in that order.</summary>
internal sealed class RowSpec(OvsdbValue[] values) : IEquatable<RowSpec>
{
    public OvsdbValue[] Values { get; } = values;

    public bool Equals(RowSpec? other) => other is not null && Values.AsSpan().SequenceEqual(other.Values);

    public override bool Equals(object? obj) => Equals(obj as RowSpec);

    public override int GetHashCode() => Values.Length == 0 ? 0 : Values[0].GetHashCode();
}

/// <summary>Which columns of a table the controller owns, and which of them tell its rows apart.</summary>
/// <param name="Database">The database.</param>
/// <param name="Table">The table.</param>
/// <param name="KeyCount">The first so many columns are the key. Immutable columns belong to it: to change one is to replace the row.</param>
/// <param name="Columns">The columns the controller writes. A reference column holds planned names until the row is written.</param>
/// <param name="IsCollected">True for a table that is not a root: the server removes its rows with their last reference.</param>
internal sealed record TableLayout(string Database, string Table, int KeyCount, string[] Columns, bool IsCollected)
{
    // Called for every row of every plan, so without LINQ.
    public RowKey KeyOf(OvsdbValue[] values) => new(Table, KeyCount switch
    {
        0 => string.Empty,
        1 => values[0].ToString(),
        2 => $"{values[0]} {values[1]}",
        3 => $"{values[0]} {values[1]} {values[2]}",
        _ => $"{values[0]} {values[1]} {values[2]} {values[3]}",
    });
}
