using Hnv.Ovsdb;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>What the agent wants its databases to say about itself. Guarded by its own lock; compared with the rows, never trusted to be there.</summary>
internal sealed class AgentState(string hostId, string agentVersion)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<NicId, EnforcementStatus> _bindings = [];
    private readonly Dictionary<ProviderAddress, EnforcementStatus> _addresses = [];
    private string _hostId = hostId;
    private string _agentVersion = agentVersion;
    private string? _channel;
    private long _applied;

    public void SetIdentity(string hostId, string agentVersion)
    {
        lock (_gate)
        {
            (_hostId, _agentVersion) = (hostId, agentVersion);
        }
    }

    public void SetChannel(string channel)
    {
        lock (_gate)
        {
            _channel = channel;
        }
    }

    public void SetApplied(long configuration)
    {
        lock (_gate)
        {
            _applied = Math.Max(_applied, configuration);
        }
    }

    public void SetStatus(NicId nic, EnforcementStatus status)
    {
        lock (_gate)
        {
            _bindings[nic] = status;
        }
    }

    public void SetStatus(ProviderAddress address, EnforcementStatus status)
    {
        lock (_gate)
        {
            _addresses[address] = status;
        }
    }

    public void Forget(NicId nic)
    {
        lock (_gate)
        {
            _bindings.Remove(nic);
        }
    }

    /// <summary>What has to be written to make the rows say it; null when they do. One transaction per database.</summary>
    public OvsdbTransaction? Owed(OvsdbSnapshot snapshot, HostDatabase database)
    {
        lock (_gate)
        {
            OvsdbTransaction transaction = new(database.Name);
            OweGlobal(snapshot, database.Global, transaction);
            if (database.Name == HostSchemas.VtepName)
            {
                OweStatuses(snapshot, transaction);
            }

            if (transaction.Count > 0)
            {
                return transaction;
            }

            transaction.Dispose();
            return null;
        }
    }

    private void OweGlobal(OvsdbSnapshot snapshot, string table, OvsdbTransaction transaction)
    {
        KeyValuePair<string, string>[] identity = transaction.Database == HostSchemas.VtepName
            ?
            [
                KeyValuePair.Create(HostTables.HostIdKey, _hostId), KeyValuePair.Create(HostTables.AgentVersionKey, _agentVersion),
                .. _channel is { } channel ? [KeyValuePair.Create(HostTables.ChannelKey, channel)] : Array.Empty<KeyValuePair<string, string>>(),
            ]
            : [];

        OvsdbRow? row = snapshot.Only(transaction.Database, table);
        if (row is null)
        {
            transaction.Insert(table, [KeyValuePair.Create("other_config", OvsdbValue.Map(identity))]);
            return;
        }

        IReadOnlyDictionary<string, string> known = row.Map("other_config");
        if (identity.Any(entry => known.GetValueOrDefault(entry.Key) != entry.Value))
        {
            transaction.PutEntries(table, [OvsdbCondition.Row(row.Uuid)], "other_config", identity);
        }

        // A database that was made anew while we ran counts from the beginning, and nothing of what it asks is in force yet.
        _applied = _applied > row.Integer("next_cfg") ? 0 : _applied;
        if (_applied > row.Integer("cur_cfg"))
        {
            transaction.Update(
                table,
                [OvsdbCondition.Row(row.Uuid), new OvsdbCondition("cur_cfg", "<", _applied)],
                [KeyValuePair.Create<string, OvsdbValue>("cur_cfg", _applied)]);
        }
    }

    private void OweStatuses(OvsdbSnapshot snapshot, OvsdbTransaction transaction)
    {
        foreach (OvsdbRow row in snapshot[HostSchemas.VtepName, HostTables.PortBinding].Values)
        {
            if (NicId.TryParse(row.Text("nic_id"), out NicId nic) && _bindings.TryGetValue(nic, out EnforcementStatus? status))
            {
                OweStatus(row, status, transaction);
            }
        }

        HashSet<ProviderAddress> present = [];
        foreach (OvsdbRow row in snapshot[HostSchemas.VtepName, HostTables.ProviderAddress.Table].Values)
        {
            if (ProviderAddress.TryParse(row.Text("address"), out ProviderAddress address) && _addresses.TryGetValue(address, out EnforcementStatus? status))
            {
                present.Add(address);
                OweStatus(row, status, transaction);
            }
        }

        foreach (ProviderAddress gone in _addresses.Keys.Where(address => !present.Contains(address)).ToList())
        {
            _addresses.Remove(gone);
        }
    }

    private static void OweStatus(OvsdbRow row, EnforcementStatus status, OvsdbTransaction transaction)
    {
        OvsdbValue wanted = OvsdbValue.Map(status.ToMap());
        if (!row["status"].Equals(wanted))
        {
            transaction.Update(row.Table, [OvsdbCondition.Row(row.Uuid)], [KeyValuePair.Create("status", wanted)]);
        }
    }
}
