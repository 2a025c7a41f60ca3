using Hnv.Ovsdb;

namespace Hnv.Southbound;

/// <summary>The policy rows of one database as they are, in the same terms as the desired ones: references by name, not by UUID.</summary>
internal sealed class ActualRows
{
    private readonly Dictionary<RowKey, RowSpec> _specs = [];
    private readonly Dictionary<RowKey, Guid> _uuids = [];
    private readonly List<(TableLayout Layout, Guid Row)> _surplus = [];

    private ActualRows()
    {
    }

    /// <summary>Rows by key.</summary>
    public IReadOnlyDictionary<RowKey, RowSpec> Specs => _specs;

    /// <summary>The identity of each of them.</summary>
    public IReadOnlyDictionary<RowKey, Guid> Uuids => _uuids;

    /// <summary>Rows that say what another row says already: tables without an index accept such.</summary>
    public IReadOnlyList<(TableLayout Layout, Guid Row)> Surplus => _surplus;

    public static ActualRows From(OvsdbSnapshot snapshot, IReadOnlyList<TableLayout> layouts)
    {
        ActualRows actual = new();
        Dictionary<Guid, OvsdbValue> names = [];
        foreach (TableLayout layout in layouts)
        {
            foreach (OvsdbRow row in snapshot[layout.Database, layout.Table].Values)
            {
                OvsdbValue[] values = Array.ConvertAll(layout.Columns, column => ByName(row[column], names));
                RowKey key = layout.KeyOf(values);
                if (actual._specs.TryAdd(key, new RowSpec(values)))
                {
                    actual._uuids[key] = row.Uuid;
                    names[row.Uuid] = OvsdbAtom.Named(key.ToString());
                }
                else if (!layout.IsCollected)
                {
                    // A collected one has no name, so whoever refers to it differs from what is desired and lets go of it.
                    actual._surplus.Add((layout, row.Uuid));
                }
            }
        }

        return actual;
    }

    private static OvsdbValue ByName(OvsdbValue value, Dictionary<Guid, OvsdbValue> names)
    {
        if (value.Count == 0 || (value.IsMap ? value.Values[0].Kind : value.Keys[0].Kind) != OvsdbAtomKind.Uuid)
        {
            return value;
        }

        // Nearly every reference is a single one, and thousands of mappings share it.
        if (value.Count == 1 && !value.IsMap)
        {
            return names.TryGetValue(value.Keys[0].Uuid, out OvsdbValue? shared) ? shared : value;
        }

        return value.Select(atom => atom.Kind == OvsdbAtomKind.Uuid && names.TryGetValue(atom.Uuid, out OvsdbValue? name) ? name.Single : atom);
    }
}
