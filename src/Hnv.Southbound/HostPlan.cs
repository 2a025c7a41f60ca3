using Hnv.Ovsdb;
using Hnv.Policy;

namespace Hnv.Southbound;

/// <summary>
/// What has to be written to a host, in the order in which it must be written. Rules of ports that stay or come go first, so that a
/// port is never there before its rules; rules of ports that go are removed last, so that no port outlives its rules.
/// </summary>
/// <remarks>
/// The two databases cannot change in one transaction. <c>FW_Global.next_cfg</c> runs ahead of <c>Global.next_cfg</c> while the first
/// is written and the second is not, and behind while only old rules are still to be removed; equal means complete. A writer that is
/// cut off in between leaves them unequal, and the next push completes its work.
/// </remarks>
internal sealed class HostPlan
{
    private readonly DatabasePlan _vtep;
    private readonly DatabasePlan _firewall;
    private readonly Func<RowKey, bool> _isLate;
    private readonly bool _hasLate;
    private readonly string _epoch;
    private readonly long _vtepConfiguration;
    private readonly long _firewallConfiguration;

    private HostPlan(OvsdbSnapshot snapshot, DatabasePlan vtep, DatabasePlan firewall, HashSet<string> ports, string epoch)
    {
        _vtep = vtep;
        _firewall = firewall;
        _isLate = key => !ports.Contains(key.Name.Split(' ', 2)[0]);
        _hasLate = firewall.Remove.Any(_isLate);
        _epoch = epoch;
        _vtepConfiguration = snapshot.Only(HostSchemas.VtepName, HostTables.Global)!.Integer("next_cfg")!.Value;
        _firewallConfiguration = snapshot.Only(HostSchemas.FirewallName, HostTables.FirewallGlobal)!.Integer("next_cfg")!.Value;
        First = Math.Max(_vtepConfiguration, _firewallConfiguration) + 1;
        Configuration = IsEmpty ? _vtepConfiguration : _hasLate ? First + 1 : First;
    }

    /// <summary>True when the host says everything already.</summary>
    public bool IsEmpty => RowCount == 0 && _vtepConfiguration == _firewallConfiguration;

    /// <summary>Rows to write in both databases.</summary>
    public int RowCount => _vtep.RowCount + _firewall.RowCount;

    /// <summary>The <c>next_cfg</c> that covers the desired policy.</summary>
    public long Configuration { get; }

    private long First { get; }

    /// <summary>Both Global rows must be there.</summary>
    public static HostPlan Between(OvsdbSnapshot snapshot, DesiredRows desired, HostPolicy policy, string epoch) => new(
        snapshot,
        DatabasePlan.Between(snapshot, HostTables.Vtep, desired.Vtep),
        DatabasePlan.Between(snapshot, HostTables.Firewall, desired.Firewall),
        [.. policy.Ports.Select(port => port.Nic.ToString())],
        epoch);

    /// <summary>The transactions, one after the other; each fails unless the epoch and the configuration are those the plan was made at.</summary>
    public IEnumerable<OvsdbTransaction> Transactions()
    {
        OvsdbTransaction rules = Begin(HostSchemas.FirewallName, HostTables.FirewallGlobal, _firewallConfiguration, First);
        _firewall.WriteAdditions(rules);
        _firewall.WriteRemovals(rules, key => !_isLate(key));
        yield return rules;

        OvsdbTransaction networks = Begin(HostSchemas.VtepName, HostTables.Global, _vtepConfiguration, Configuration);
        _vtep.WriteAdditions(networks);
        _vtep.WriteRemovals(networks, _ => true);
        yield return networks;

        if (_hasLate)
        {
            OvsdbTransaction late = Begin(HostSchemas.FirewallName, HostTables.FirewallGlobal, First, Configuration);
            _firewall.WriteRemovals(late, _isLate);
            yield return late;
        }
    }

    private OvsdbTransaction Begin(string database, string global, long expected, long next)
    {
        OvsdbTransaction transaction = new(database);
        KeyValuePair<string, OvsdbValue>[] row = [KeyValuePair.Create<string, OvsdbValue>("next_cfg", expected)];
        transaction.Wait(global, [OvsdbCondition.HasEntry("other_config", HostTables.EpochKey, _epoch)], ["next_cfg"], [row]);
        transaction.Update(global, OvsdbTransaction.EveryRow, [KeyValuePair.Create<string, OvsdbValue>("next_cfg", next)]);
        return transaction;
    }
}
