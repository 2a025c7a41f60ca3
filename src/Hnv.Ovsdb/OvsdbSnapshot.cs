using System.Collections.Immutable;

namespace Hnv.Ovsdb;

/// <summary>The replicated tables as they were at one moment. Immutable; read it without a lock and hold it as long as needed.</summary>
public sealed class OvsdbSnapshot
{
    private readonly ImmutableDictionary<(string Database, string Table), Content> _tables;

    private OvsdbSnapshot(ImmutableDictionary<(string Database, string Table), Content> tables) => _tables = tables;

    /// <summary>A table's rows by identity; empty while nothing was replicated yet.</summary>
    public ImmutableDictionary<Guid, OvsdbRow> this[string database, string table] =>
        _tables.TryGetValue((database, table), out Content? content) ? content.Rows : ImmutableDictionary<Guid, OvsdbRow>.Empty;

    /// <summary>How often the rows of a table have become others since the replica was started: once for each change that the server announced.</summary>
    public long Changes(string database, string table) => _tables.TryGetValue((database, table), out Content? content) ? content.Changes : 0;

    /// <summary>The row of a table that holds at most one (<c>maxRows</c> 1); null when it is empty.</summary>
    public OvsdbRow? Only(string database, string table) => this[database, table].Values.FirstOrDefault();

    internal static OvsdbSnapshot Empty { get; } = new(ImmutableDictionary<(string Database, string Table), Content>.Empty);

    internal OvsdbSnapshot With(string database, string table, ImmutableDictionary<Guid, OvsdbRow> rows) => ReferenceEquals(this[database, table], rows)
        ? this
        : new OvsdbSnapshot(_tables.SetItem((database, table), new Content(rows, Changes(database, table) + 1)));

    private sealed record Content(ImmutableDictionary<Guid, OvsdbRow> Rows, long Changes);
}
