using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;

namespace Hnv.Ovsdb;

/// <summary>How one replicated table's rows are made from what <c>monitor_cond_since</c> sends. Pure.</summary>
internal sealed class ReplicaTable
{
    private readonly OvsdbTableSchema _schema;
    private readonly OvsdbColumnSchema[] _columns;
    private readonly FrozenDictionary<string, int> _indexes;

    /// <exception cref="OvsdbException">The server's schema lacks the table or a column.</exception>
    public ReplicaTable(OvsdbSchema schema, string table, IReadOnlyList<string> columns)
    {
        if (!schema.Tables.TryGetValue(table, out OvsdbTableSchema? found))
        {
            throw new OvsdbException($"Database {schema.Name} {schema.Version} has no table {table}. Convert it to the current schema.");
        }

        _schema = found;
        _columns = [.. columns.Select(column => found.Columns.TryGetValue(column, out OvsdbColumnSchema? type)
            ? type
            : throw new OvsdbException($"Table {table} of database {schema.Name} {schema.Version} has no column {column}. Convert it to the current schema."))];
        _indexes = columns.Select((column, at) => KeyValuePair.Create(column, at)).ToFrozenDictionary();
    }

    /// <summary>The whole table from a first answer; rows that are as they were stay the same objects.</summary>
    public ImmutableDictionary<Guid, OvsdbRow> ReadAll(ImmutableDictionary<Guid, OvsdbRow> known, JsonElement? updates)
    {
        ImmutableDictionary<Guid, OvsdbRow>.Builder rows = ImmutableDictionary.CreateBuilder<Guid, OvsdbRow>();
        bool same = true;
        if (updates is JsonElement all)
        {
            foreach (JsonProperty update in all.EnumerateObject())
            {
                OvsdbRow row = ReadNew(Guid.Parse(update.Name), update.Value.GetProperty("initial"));
                if (known.TryGetValue(row.Uuid, out OvsdbRow? old) && old.RawValues.AsSpan().SequenceEqual(row.RawValues))
                {
                    row = old;
                }
                else
                {
                    same = false;
                }

                rows[row.Uuid] = row;
            }
        }

        return same && rows.Count == known.Count ? known : rows.ToImmutable();
    }

    /// <summary>The table after a change.</summary>
    /// <exception cref="FormatException">The change does not fit what we have: we are out of step and must start over.</exception>
    public ImmutableDictionary<Guid, OvsdbRow> Apply(ImmutableDictionary<Guid, OvsdbRow> rows, JsonElement updates)
    {
        ImmutableDictionary<Guid, OvsdbRow>.Builder builder = rows.ToBuilder();
        foreach (JsonProperty update in updates.EnumerateObject())
        {
            Guid uuid = Guid.Parse(update.Name);
            JsonProperty change = update.Value.EnumerateObject().First();
            switch (change.Name)
            {
                case "insert" or "initial":
                    builder[uuid] = ReadNew(uuid, change.Value);
                    break;
                case "delete":
                    builder.Remove(uuid);
                    break;
                case "modify" when builder.TryGetValue(uuid, out OvsdbRow? old):
                    builder[uuid] = Modify(old, change.Value);
                    break;
                default:
                    throw new FormatException($"The server announced '{change.Name}' of row {uuid} of table {_schema.Name}, which is not known here.");
            }
        }

        return builder.ToImmutable();
    }

    private OvsdbRow ReadNew(Guid uuid, JsonElement json)
    {
        OvsdbValue[] values = Array.ConvertAll(_columns, column => column.Default);
        foreach (JsonProperty column in json.EnumerateObject())
        {
            int at = _indexes[column.Name];
            values[at] = OvsdbValue.Read(column.Value, _columns[at]);
        }

        return new OvsdbRow(_schema, uuid, _indexes, values);
    }

    private OvsdbRow Modify(OvsdbRow old, JsonElement json)
    {
        OvsdbValue[] values = [.. old.RawValues];
        foreach (JsonProperty column in json.EnumerateObject())
        {
            int at = _indexes[column.Name];
            values[at] = values[at].Apply(OvsdbValue.Read(column.Value, _columns[at]), _columns[at]);
        }

        return new OvsdbRow(_schema, old.Uuid, _indexes, values);
    }

}
