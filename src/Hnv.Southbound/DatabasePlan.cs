using System.Collections.Frozen;
using System.Globalization;
using Hnv.Ovsdb;
using Hnv.Reconcile;

namespace Hnv.Southbound;

/// <summary>What has to be written to one database to make it say what is desired.</summary>
internal sealed class DatabasePlan
{
    // Each is looked for in its table from the beginning.
    private const int LookedUpMax = 64;

    private static readonly FrozenDictionary<string, TableLayout> s_layouts =
        HostTables.Databases.SelectMany(database => database.Layouts).ToFrozenDictionary(layout => layout.Table);

    private readonly ActualRows _actual;
    private readonly Plan<RowKey, RowSpec> _plan;
    private readonly Dictionary<string, string> _newNames = [];

    private DatabasePlan(ActualRows actual, Plan<RowKey, RowSpec> plan)
    {
        _actual = actual;
        _plan = plan;
        foreach (KeyValuePair<RowKey, RowSpec> add in plan.Add)
        {
            _newNames[add.Key.ToString()] = string.Create(CultureInfo.InvariantCulture, $"new{_newNames.Count}");
        }
    }

    /// <summary>Rows to add, change and remove.</summary>
    public int RowCount => _plan.Count + _actual.Surplus.Count;

    /// <summary>The keys of rows to remove.</summary>
    public IReadOnlyList<RowKey> Remove => _plan.Remove;

    public static DatabasePlan Between(OvsdbSnapshot snapshot, IReadOnlyList<TableLayout> layouts, IReadOnlyDictionary<RowKey, RowSpec> desired)
    {
        ActualRows actual = ActualRows.From(snapshot, layouts);
        Plan<RowKey, RowSpec> plan = Plan.Between(actual.Specs, desired);

        // The server removes collected rows with their last reference; one that is still there is somebody else's.
        return new DatabasePlan(actual, plan with { Remove = [.. plan.Remove.Where(key => !s_layouts[key.Table].IsCollected)] });
    }

    /// <summary>The same, from what the database is known to say: rows that say the same in both are not looked at.</summary>
    /// <param name="snapshot">The database.</param>
    /// <param name="layouts">Its tables.</param>
    /// <param name="known">What it is known to say, as far as that may have to change.</param>
    /// <param name="desired">What it is to say instead.</param>
    /// <returns>Null when there is too much to change to look rows up one by one, or when it does not say what was known.</returns>
    public static DatabasePlan? Between(
        OvsdbSnapshot snapshot, IReadOnlyList<TableLayout> layouts, IReadOnlyDictionary<RowKey, RowSpec> known, IReadOnlyDictionary<RowKey, RowSpec> desired)
    {
        Plan<RowKey, RowSpec> plan = Plan.Between(known, desired);
        plan = plan with { Remove = [.. plan.Remove.Where(key => !s_layouts[key.Table].IsCollected)] };
        if (plan.IsEmpty)
        {
            return new DatabasePlan(ActualRows.None, plan);
        }

        // A collected row that is new here may be there for others already.
        RowKey[] needed =
        [
            .. plan.Change.Select(change => change.Key), .. plan.Remove,
            .. plan.Add.Concat(plan.Change).SelectMany(row => ActualRows.References(row.Value)).Except(plan.Add.Select(add => add.Key)),
        ];
        IEnumerable<RowKey> shared = plan.Add.Select(add => add.Key).Where(key => s_layouts[key.Table].IsCollected);
        if (plan.Count > LookedUpMax
            || ActualRows.Some(snapshot, layouts, Union(known, desired), needed.Concat(shared)) is not { } actual
            || !needed.All(actual.Uuids.ContainsKey))
        {
            return null;
        }

        return new DatabasePlan(actual, plan with { Add = [.. plan.Add.Where(add => !actual.Uuids.ContainsKey(add.Key))] });
    }

    /// <summary>How many rows it adds to a table and removes from it, and whether it touches the table at all. Collected rows go by themselves.</summary>
    public (int Added, int Removed, bool Touched) Of(string table)
    {
        int added = _plan.Add.Count(row => row.Key.Table == table), removed = _plan.Remove.Count(key => key.Table == table);
        return (added, removed, added + removed > 0 || _plan.Change.Any(row => row.Key.Table == table));
    }

    /// <summary>Adds and changes rows. References are checked at commit, so the order within a transaction is free.</summary>
    public void WriteAdditions(OvsdbTransaction transaction)
    {
        foreach ((RowKey key, RowSpec spec) in _plan.Add)
        {
            transaction.Insert(key.Table, Row(s_layouts[key.Table], spec, null), _newNames[key.ToString()]);
        }

        foreach ((RowKey key, RowSpec spec) in _plan.Change)
        {
            transaction.Update(key.Table, [OvsdbCondition.Row(_actual.Uuids[key])], Row(s_layouts[key.Table], spec, _actual.Specs[key]));
        }
    }

    /// <summary>Removes rows, as far as the filter lets pass, and rows that are there twice.</summary>
    public void WriteRemovals(OvsdbTransaction transaction, Func<RowKey, bool> filter)
    {
        foreach (RowKey key in _plan.Remove.Where(filter))
        {
            transaction.Delete(key.Table, [OvsdbCondition.Row(_actual.Uuids[key])]);
        }

        foreach ((TableLayout layout, Guid row) in _actual.Surplus)
        {
            transaction.Delete(layout.Table, [OvsdbCondition.Row(row)]);
        }
    }

    private static Dictionary<RowKey, RowSpec> Union(IReadOnlyDictionary<RowKey, RowSpec> known, IReadOnlyDictionary<RowKey, RowSpec> desired)
    {
        var all = new Dictionary<RowKey, RowSpec>(known);
        foreach ((RowKey key, RowSpec spec) in desired)
        {
            _ = all.TryAdd(key, spec);
        }

        return all;
    }

    private IEnumerable<KeyValuePair<string, OvsdbValue>> Row(TableLayout layout, RowSpec spec, RowSpec? installed)
    {
        for (int i = 0; i < layout.Columns.Length; i++)
        {
            if (installed is null || !spec.Values[i].Equals(installed.Values[i]))
            {
                yield return KeyValuePair.Create(layout.Columns[i], Resolve(spec.Values[i]));
            }
        }
    }

    private OvsdbValue Resolve(OvsdbValue value)
    {
        bool refers = value.Count > 0 && (value.IsMap ? value.Values[0].Kind : value.Keys[0].Kind) == OvsdbAtomKind.NamedUuid;
        return refers ? value.Select(ResolveAtom) : value;
    }

    private OvsdbAtom ResolveAtom(OvsdbAtom atom)
    {
        if (atom.Kind != OvsdbAtomKind.NamedUuid)
        {
            return atom;
        }

        if (_newNames.TryGetValue(atom.Text, out string? name))
        {
            return OvsdbAtom.Named(name);
        }

        return OvsdbAtom.From(_actual.Uuids[RowKey.Parse(atom.Text)]);
    }
}
