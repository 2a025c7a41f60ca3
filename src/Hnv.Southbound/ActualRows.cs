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

    /// <summary>No rows, where none has to be known.</summary>
    public static ActualRows None { get; } = new();

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

    /// <summary>
    /// Some rows, which are known to be there and to say just this: only their identities are looked up. Costs a look at every row of their
    /// tables, but makes nothing of those.
    /// </summary>
    /// <param name="snapshot">The rows.</param>
    /// <param name="layouts">The tables, each behind those it refers to.</param>
    /// <param name="known">What is known of rows that may be looked up.</param>
    /// <param name="wanted">Keys to look up; those of rows that they refer to are looked up as well.</param>
    /// <returns>Null when one of them is not there: then what was known is not so.</returns>
    public static ActualRows? Some(OvsdbSnapshot snapshot, IReadOnlyList<TableLayout> layouts, IReadOnlyDictionary<RowKey, RowSpec> known, IEnumerable<RowKey> wanted)
    {
        ActualRows actual = new();
        var keys = new HashSet<RowKey>(wanted);
        foreach (RowKey key in keys.ToArray())
        {
            if (known.TryGetValue(key, out RowSpec? spec))
            {
                keys.UnionWith(References(spec));
            }
        }

        foreach (TableLayout layout in layouts)
        {
            List<(RowKey Key, RowSpec Spec, OvsdbValue[] Values)> missing = [];
            foreach (RowKey key in keys)
            {
                if (key.Table == layout.Table && known.TryGetValue(key, out RowSpec? spec))
                {
                    missing.Add((key, spec, actual.Resolved(spec, layout.KeyCount)));
                }
            }

            foreach (OvsdbRow row in missing.Count == 0 ? [] : snapshot[layout.Database, layout.Table].Values)
            {
                int at = missing.FindIndex(candidate => Says(row, layout, candidate.Values));
                if (at < 0)
                {
                    continue;
                }

                actual._specs[missing[at].Key] = missing[at].Spec;
                actual._uuids[missing[at].Key] = row.Uuid;
                missing.RemoveAt(at);
                if (missing.Count == 0)
                {
                    break;
                }
            }

            if (missing.Count > 0 && !layout.IsCollected)
            {
                return null;
            }
        }

        return actual;
    }

    /// <summary>The rows that a row refers to.</summary>
    public static IEnumerable<RowKey> References(RowSpec spec)
    {
        foreach (OvsdbValue value in spec.Values)
        {
            for (int i = 0; i < value.Count; i++)
            {
                OvsdbAtom atom = value.IsMap ? value.Values[i] : value.Keys[i];
                if (atom.Kind != OvsdbAtomKind.NamedUuid)
                {
                    break;
                }

                yield return RowKey.Parse(atom.Text);
            }
        }
    }

    private OvsdbValue[] Resolved(RowSpec spec, int count)
    {
        OvsdbValue[] values = spec.Values[..count];
        for (int i = 0; i < count; i++)
        {
            if (values[i] is { Count: 1, IsMap: false } value && value.Keys[0].Kind == OvsdbAtomKind.NamedUuid && _uuids.TryGetValue(RowKey.Parse(value.Keys[0].Text), out Guid row))
            {
                values[i] = row;
            }
        }

        return values;
    }

    // From the end: the first columns of a key say what many rows have in common.
    private static bool Says(OvsdbRow row, TableLayout layout, OvsdbValue[] key)
    {
        for (int i = key.Length - 1; i >= 0; i--)
        {
            if (!row[layout.Columns[i]].Equals(key[i]))
            {
                return false;
            }
        }

        return true;
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
