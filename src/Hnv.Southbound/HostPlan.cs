using Hnv.Ovsdb;
using Hnv.Policy;

namespace Hnv.Southbound;

/// <summary>
/// What has to be written to a host, in the order in which it must be written. Rules of ports that stay or come go first, so that a
/// port is never there before its rules; rules of ports that go are removed last, so that no port outlives its rules.
/// </summary>
/// <remarks>
/// The databases cannot change in one transaction. <c>next_cfg</c> of the databases of rules runs ahead of <c>Global.next_cfg</c> while
/// they are written and the first database is not, and behind while only old rules are still to be removed; all equal means
/// complete. A writer that is cut off in between leaves them unequal, and the next push completes its work.
/// </remarks>
internal sealed class HostPlan
{
    private readonly Part _networks;
    private readonly IReadOnlyList<Part> _rules;
    private readonly Func<RowKey, bool> _isLate;
    private readonly bool _hasLate;
    private readonly string _epoch;

    private HostPlan(IReadOnlyList<Part> parts, HashSet<string> ports, string epoch)
    {
        _networks = parts[0];
        _rules = [.. parts.Skip(1)];
        _isLate = key => !ports.Contains(key.Name.Split(' ', 2)[0]);
        _hasLate = _rules.Any(part => part.Plan.Remove.Any(_isLate));
        _epoch = epoch;
        RowCount = parts.Sum(part => part.Plan.RowCount);
        First = parts.Max(part => part.Configuration) + 1;
        IsEmpty = RowCount == 0 && parts.All(part => part.Configuration == _networks.Configuration);
        Configuration = IsEmpty ? _networks.Configuration : _hasLate ? First + 1 : First;
    }

    /// <summary>What to do with one database, and the <c>next_cfg</c> that was found in it.</summary>
    private sealed record Part(HostDatabase Database, DatabasePlan Plan, long Configuration);

    /// <summary>True when the host says everything already.</summary>
    public bool IsEmpty { get; }

    /// <summary>Rows to write in all databases.</summary>
    public int RowCount { get; }

    /// <summary>The <c>next_cfg</c> that covers the desired policy.</summary>
    public long Configuration { get; }

    private long First { get; }

    /// <summary>Every Global row must be there.</summary>
    public static HostPlan Between(OvsdbSnapshot snapshot, DesiredRows desired, HostPolicy policy, string epoch) => new(
        [
            .. HostTables.Databases.Select(database => new Part(
                database, DatabasePlan.Between(snapshot, database.Layouts, desired[database.Name]), database.NextConfiguration(snapshot)!.Value)),
        ],
        [.. policy.Ports.Select(port => port.Nic.ToString())],
        epoch);

    /// <summary>What has to be written to a host that is known to say a policy already, at the cost of what changes.</summary>
    /// <returns>Null when everything has to be compared.</returns>
    public static HostPlan? Between(OvsdbSnapshot snapshot, HostPolicy known, HostPolicy desired, string epoch)
    {
        if (PolicyDelta.Between(known, desired) is not { } delta)
        {
            return null;
        }

        (DesiredRows before, DesiredRows after) = (DesiredRows.From(delta.Before), DesiredRows.From(delta.After));
        var parts = new List<Part>();
        foreach (HostDatabase database in HostTables.Databases)
        {
            if (DatabasePlan.Between(snapshot, database.Layouts, before[database.Name], after[database.Name]) is not { } plan)
            {
                return null;
            }

            parts.Add(new Part(database, plan, database.NextConfiguration(snapshot)!.Value));
        }

        return new HostPlan(parts, [.. delta.After.Ports.Select(port => port.Nic.ToString())], epoch);
    }

    /// <summary>True when no rule is written: then no transaction has to wait for another.</summary>
    public bool IsInAnyOrder => _rules.All(part => part.Plan.RowCount == 0);

    /// <summary>What it does to one table.</summary>
    public (int Added, int Removed, bool Touched) Of(TableLayout layout) => _rules.Append(_networks).First(part => part.Database.Name == layout.Database).Plan.Of(layout.Table);

    /// <summary>The transactions, one after the other; each fails unless the epoch and the configuration are those the plan was made at.</summary>
    public IEnumerable<OvsdbTransaction> Transactions()
    {
        foreach (Part part in _rules)
        {
            OvsdbTransaction rules = Begin(part.Database, part.Configuration, First);
            part.Plan.WriteAdditions(rules);
            part.Plan.WriteRemovals(rules, key => !_isLate(key));
            yield return rules;
        }

        OvsdbTransaction networks = Begin(_networks.Database, _networks.Configuration, Configuration);
        _networks.Plan.WriteAdditions(networks);
        _networks.Plan.WriteRemovals(networks, _ => true);
        yield return networks;

        foreach (Part part in _hasLate ? _rules : [])
        {
            OvsdbTransaction late = Begin(part.Database, First, Configuration);
            part.Plan.WriteRemovals(late, _isLate);
            yield return late;
        }
    }

    private OvsdbTransaction Begin(HostDatabase database, long expected, long next)
    {
        OvsdbTransaction transaction = new(database.Name);
        KeyValuePair<string, OvsdbValue>[] row = [KeyValuePair.Create<string, OvsdbValue>("next_cfg", expected)];
        transaction.Wait(database.Global, [OvsdbCondition.HasEntry("other_config", HostTables.EpochKey, _epoch)], ["next_cfg"], [row]);
        transaction.Update(database.Global, OvsdbTransaction.EveryRow, [KeyValuePair.Create<string, OvsdbValue>("next_cfg", next)]);
        return transaction;
    }
}
