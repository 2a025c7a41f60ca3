using System.Buffers;
using System.Text.Json;

namespace Hnv.Ovsdb;

/// <summary>A clause of a <c>where</c>: column, function, value (RFC 7047 §5.1 <c>condition</c>).</summary>
/// <param name="Column">A column, or <c>_uuid</c>.</param>
/// <param name="Function"><c>==</c>, <c>!=</c>, <c>&lt;</c>, <c>&lt;=</c>, <c>&gt;</c>, <c>&gt;=</c>, <c>includes</c> or <c>excludes</c>.</param>
/// <param name="Value">What the column is compared with.</param>
public sealed record OvsdbCondition(string Column, string Function, OvsdbValue Value)
{
    /// <summary>The row of that identity.</summary>
    public static OvsdbCondition Row(Guid uuid) => new("_uuid", "==", uuid);

    /// <summary>Rows whose column equals the value.</summary>
    public static OvsdbCondition Equal(string column, OvsdbValue value) => new(column, "==", value);

    /// <summary>Rows whose map has that entry.</summary>
    public static OvsdbCondition HasEntry(string column, string key, string value) =>
        new(column, "includes", OvsdbValue.Map([KeyValuePair.Create(key, value)]));
}

/// <summary>
/// A transaction on one database under construction (RFC 7047 §5.2): all of it happens or nothing. Operations run in the order they
/// were added; strong references are checked at commit, so a row may be referred to before it is inserted. Used by one thread, once.
/// </summary>
public sealed class OvsdbTransaction : IDisposable
{
    private static readonly IReadOnlyList<OvsdbCondition> s_everyRow = [];

    private readonly ArrayBufferWriter<byte> _bytes = new(1024);
    private readonly Utf8JsonWriter _json;
    private readonly List<string> _operations = [];
    private int _namedCount;

    /// <summary>An empty transaction.</summary>
    public OvsdbTransaction(string database)
    {
        Database = database;
        _json = new Utf8JsonWriter(_bytes);
        _json.WriteStartArray();
        _json.WriteStringValue(database);
    }

    /// <summary>The database it is for.</summary>
    public string Database { get; }

    /// <summary>How many operations were added.</summary>
    public int Count => _operations.Count;

    /// <summary>A <c>where</c> without clauses, which every row meets.</summary>
    public static IReadOnlyList<OvsdbCondition> EveryRow => s_everyRow;

    internal IReadOnlyList<string> Operations => _operations;

    /// <summary>Adds a row. Columns not named get their defaults; enum and reference columns have none that is legal.</summary>
    /// <returns>The reference by which other operations of this transaction name the row.</returns>
    public OvsdbAtom Insert(string table, IEnumerable<KeyValuePair<string, OvsdbValue>> row, string? name = null)
    {
        name ??= $"row{_namedCount++}";
        Begin("insert", table);
        WriteRow("row"u8, row);
        _json.WriteString("uuid-name"u8, name);
        End($"insert into {table}");
        return OvsdbAtom.Named(name);
    }

    /// <summary>Replaces the named columns of the matching rows.</summary>
    public void Update(string table, IReadOnlyList<OvsdbCondition> where, IEnumerable<KeyValuePair<string, OvsdbValue>> row)
    {
        Begin("update", table);
        WriteWhere(where);
        WriteRow("row"u8, row);
        End($"update of {table}");
    }

    /// <summary>Removes the matching rows.</summary>
    public void Delete(string table, IReadOnlyList<OvsdbCondition> where)
    {
        Begin("delete", table);
        WriteWhere(where);
        End($"delete from {table}");
    }

    /// <summary>Changes columns of the matching rows in place: (column, mutator, value), mutator as <c>+=</c>, <c>insert</c>, <c>delete</c>.</summary>
    public void Mutate(string table, IReadOnlyList<OvsdbCondition> where, params IReadOnlyList<(string Column, string Mutator, OvsdbValue Value)> mutations)
    {
        Begin("mutate", table);
        WriteWhere(where);
        _json.WriteStartArray("mutations"u8);
        foreach ((string column, string mutator, OvsdbValue value) in mutations)
        {
            _json.WriteStartArray();
            _json.WriteStringValue(column);
            _json.WriteStringValue(mutator);
            value.Write(_json);
            _json.WriteEndArray();
        }

        _json.WriteEndArray();
        End($"mutate of {table}");
    }

    /// <summary>
    /// Sets entries of a map column and leaves its other entries alone. An <c>insert</c> mutation does nothing to a key that is
    /// there already and says it succeeded, so the keys are deleted first, in the same operation.
    /// </summary>
    public void PutEntries(string table, IReadOnlyList<OvsdbCondition> where, string column, IReadOnlyCollection<KeyValuePair<string, string>> entries) =>
        Mutate(
            table,
            where,
            (column, "delete", OvsdbValue.Set(entries.Select(entry => entry.Key))),
            (column, "insert", OvsdbValue.Map(entries)));

    /// <summary>Asks for the named columns of the matching rows; the answer is in <see cref="OvsdbTransactionResult.Rows"/>.</summary>
    public void Select(string table, IReadOnlyList<OvsdbCondition> where, params IReadOnlyList<string> columns)
    {
        Begin("select", table);
        WriteWhere(where);
        WriteColumns(columns);
        End($"select from {table}");
    }

    /// <summary>
    /// Compare-and-set: fails the transaction at once unless the named columns of the matching rows are exactly these rows
    /// (<paramref name="until"/> <c>==</c>), or are not (<c>!=</c>). Never blocks: the timeout is 0.
    /// </summary>
    public void Wait(
        string table,
        IReadOnlyList<OvsdbCondition> where,
        IReadOnlyList<string> columns,
        IEnumerable<IEnumerable<KeyValuePair<string, OvsdbValue>>> rows,
        string until = "==")
    {
        Begin("wait", table);
        _json.WriteNumber("timeout"u8, 0);
        WriteWhere(where);
        WriteColumns(columns);
        _json.WriteString("until"u8, until);
        _json.WriteStartArray("rows"u8);
        foreach (IEnumerable<KeyValuePair<string, OvsdbValue>> row in rows)
        {
            WriteRow(default, row);
        }

        _json.WriteEndArray();
        End($"wait on {table}");
    }

    /// <summary>Compare-and-set on one row: its columns must be exactly these.</summary>
    public void WaitRow(string table, Guid row, params IReadOnlyList<KeyValuePair<string, OvsdbValue>> columns) =>
        Wait(table, [OvsdbCondition.Row(row)], [.. columns.Select(column => column.Key)], [columns]);

    /// <summary>Fails the transaction unless this session holds the lock.</summary>
    public void Assert(string lockName)
    {
        BeginBare("assert");
        _json.WriteString("lock"u8, lockName);
        End($"assert of lock {lockName}");
    }

    /// <summary>Leaves a remark in the database's journal.</summary>
    public void Comment(string text)
    {
        BeginBare("comment");
        _json.WriteString("comment"u8, text);
        End("comment");
    }

    /// <summary>Answers only when the change is on the disk, not merely in the operating system's memory.</summary>
    public void Commit()
    {
        BeginBare("commit");
        _json.WriteBoolean("durable"u8, true);
        End("commit");
    }

    /// <summary>Makes the transaction fail: a rehearsal.</summary>
    public void Abort()
    {
        BeginBare("abort");
        End("abort");
    }

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    internal ReadOnlyMemory<byte> Complete()
    {
        if (_json.CurrentDepth > 0)
        {
            _json.WriteEndArray();
            _json.Flush();
        }

        return _bytes.WrittenMemory;
    }

    private void Begin(string operation, string table)
    {
        BeginBare(operation);
        _json.WriteString("table"u8, table);
    }

    private void BeginBare(string operation)
    {
        if (_json.CurrentDepth == 0)
        {
            throw new InvalidOperationException("The transaction was sent already. Build a new one.");
        }

        _json.WriteStartObject();
        _json.WriteString("op"u8, operation);
    }

    private void End(string description)
    {
        _json.WriteEndObject();
        _operations.Add(description);
    }

    private void WriteRow(ReadOnlySpan<byte> property, IEnumerable<KeyValuePair<string, OvsdbValue>> row)
    {
        if (property.IsEmpty)
        {
            _json.WriteStartObject();
        }
        else
        {
            _json.WriteStartObject(property);
        }

        foreach (KeyValuePair<string, OvsdbValue> column in row)
        {
            _json.WritePropertyName(column.Key);
            column.Value.Write(_json);
        }

        _json.WriteEndObject();
    }

    private void WriteWhere(IReadOnlyList<OvsdbCondition> where)
    {
        _json.WriteStartArray("where"u8);
        foreach (OvsdbCondition clause in where)
        {
            _json.WriteStartArray();
            _json.WriteStringValue(clause.Column);
            _json.WriteStringValue(clause.Function);
            clause.Value.Write(_json);
            _json.WriteEndArray();
        }

        _json.WriteEndArray();
    }

    private void WriteColumns(IReadOnlyList<string> columns)
    {
        _json.WriteStartArray("columns"u8);
        foreach (string column in columns)
        {
            _json.WriteStringValue(column);
        }

        _json.WriteEndArray();
    }
}
