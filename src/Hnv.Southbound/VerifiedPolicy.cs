using Hnv.Ovsdb;
using Hnv.Policy;

namespace Hnv.Southbound;

/// <summary>
/// The policy that a host's databases were found to say, row by row, and by what to tell that they still do: nobody has touched a table since. Immutable.
/// </summary>
internal sealed class VerifiedPolicy
{
    private static readonly TableLayout[] s_layouts =
        [.. HostTables.Databases.SelectMany(database => database.Layouts).Where(layout => layout != HostTables.GlobalSwitches)];

    private readonly long[] _changes;
    private readonly OvsdbValue _switches;
    private readonly long _configuration;

    private VerifiedPolicy(HostPolicy policy, OvsdbSnapshot snapshot, long configuration, long since)
    {
        Policy = policy;
        Since = since;
        _configuration = configuration;
        _changes = [.. s_layouts.Select(layout => snapshot.Changes(layout.Database, layout.Table))];
        _switches = Switches(snapshot);
    }

    /// <summary>The policy.</summary>
    public HostPolicy Policy { get; }

    /// <summary>When every row was compared last, as the clock's timestamps count.</summary>
    public long Since { get; }

    /// <summary>Every row of that snapshot was compared, and says the policy.</summary>
    public static VerifiedPolicy Compared(HostPolicy policy, OvsdbSnapshot snapshot, long configuration, long now) => new(policy, snapshot, configuration, now);

    /// <summary>True when nothing that the policy owns has been touched since.</summary>
    public bool Holds(OvsdbSnapshot snapshot) =>
        HostTables.Databases.All(database => database.NextConfiguration(snapshot) == _configuration)
        && s_layouts.Index().All(layout => snapshot.Changes(layout.Item.Database, layout.Item.Table) == _changes[layout.Index])
        && _switches.Equals(Switches(snapshot));

    /// <summary>What is known after a plan was carried out that was made when this held.</summary>
    /// <param name="policy">What the plan was for.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="before">The rows it was made from.</param>
    /// <param name="after">The rows after its last transaction.</param>
    /// <returns>Null when somebody else has written too: then everything has to be compared.</returns>
    public VerifiedPolicy? After(HostPolicy policy, HostPlan plan, OvsdbSnapshot before, OvsdbSnapshot after)
    {
        foreach (TableLayout layout in s_layouts)
        {
            long changes = after.Changes(layout.Database, layout.Table) - before.Changes(layout.Database, layout.Table);
            (int added, int removed, bool touched) = plan.Of(layout);
            int rows = after[layout.Database, layout.Table].Count - before[layout.Database, layout.Table].Count;

            // Collected rows go, with the last that refers to them, in the same transaction.
            bool ours = layout.IsCollected ? changes is 0 or 1 : changes == (touched ? 1 : 0) && rows == added - removed;
            if (!ours)
            {
                return null;
            }
        }

        return _switches.Equals(Switches(after)) && HostTables.Databases.All(database => database.NextConfiguration(after) == plan.Configuration)
            ? new VerifiedPolicy(policy, after, plan.Configuration, Since)
            : null;
    }

    private static OvsdbValue Switches(OvsdbSnapshot snapshot) => snapshot.Only(HostSchemas.VtepName, HostTables.Global)?["switches"] ?? OvsdbValue.EmptySet;
}
