namespace Hnv.Reconcile;

/// <summary>The difference between what is installed and what is wanted.</summary>
/// <param name="Add">Wanted and absent.</param>
/// <param name="Change">Installed otherwise than wanted; with the wanted specification.</param>
/// <param name="Remove">Installed and not wanted.</param>
public sealed record Plan<TKey, TSpec>(
    IReadOnlyList<KeyValuePair<TKey, TSpec>> Add,
    IReadOnlyList<KeyValuePair<TKey, TSpec>> Change,
    IReadOnlyList<TKey> Remove)
    where TKey : notnull
{
    /// <summary>True when nothing is to be done.</summary>
    public bool IsEmpty => Count == 0;

    /// <summary>How many things are to be done.</summary>
    public int Count => Add.Count + Change.Count + Remove.Count;
}

/// <summary>Makes plans.</summary>
public static class Plan
{
    /// <summary>What must be done to turn the actual into the desired. Pure; the order within each list is that of its source.</summary>
    public static Plan<TKey, TSpec> Between<TKey, TSpec>(IReadOnlyDictionary<TKey, TSpec> actual, IReadOnlyDictionary<TKey, TSpec> desired)
        where TKey : notnull
    {
        ArgumentNullException.ThrowIfNull(actual);
        ArgumentNullException.ThrowIfNull(desired);
        List<KeyValuePair<TKey, TSpec>> add = [];
        List<KeyValuePair<TKey, TSpec>> change = [];
        foreach (KeyValuePair<TKey, TSpec> wanted in desired)
        {
            if (!actual.TryGetValue(wanted.Key, out TSpec? installed))
            {
                add.Add(wanted);
            }
            else if (!EqualityComparer<TSpec>.Default.Equals(installed, wanted.Value))
            {
                change.Add(wanted);
            }
        }

        return new Plan<TKey, TSpec>(add, change, [.. actual.Keys.Where(key => !desired.ContainsKey(key))]);
    }
}
