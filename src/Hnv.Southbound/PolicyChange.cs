using System.Collections.Immutable;
using Hnv.Ovsdb;

namespace Hnv.Southbound;

/// <summary>Tells a change that the agent must act on from one that it made itself by reporting.</summary>
internal static class PolicyChange
{
    private static readonly TableLayout[] s_policyOnly =
        [.. HostTables.Databases.SelectMany(database => database.Layouts).Where(layout => layout != HostTables.GlobalSwitches && layout != HostTables.ProviderAddress)];

    public static bool Between(OvsdbSnapshot before, OvsdbSnapshot after) =>
        s_policyOnly.Any(layout => !ReferenceEquals(before[layout.Database, layout.Table], after[layout.Database, layout.Table]))
        || HostTables.Databases.Any(database => Differs(before, after, database.Name, database.Global, "next_cfg"))
        || Differs(before, after, HostSchemas.VtepName, HostTables.Global, "switches")
        || Differs(before, after, HostSchemas.VtepName, HostTables.ProviderAddress.Table, HostTables.ProviderAddress.Columns)
        || Differs(before, after, HostSchemas.VtepName, HostTables.PortBinding, "nic_id", "device", "attached_at");

    private static bool Differs(OvsdbSnapshot before, OvsdbSnapshot after, string database, string table, params string[] columns)
    {
        ImmutableDictionary<Guid, OvsdbRow> old = before[database, table];
        ImmutableDictionary<Guid, OvsdbRow> current = after[database, table];
        return !ReferenceEquals(old, current)
            && (old.Count != current.Count
                || current.Values.Any(row => !old.TryGetValue(row.Uuid, out OvsdbRow? known)
                    || (!ReferenceEquals(known, row) && columns.Any(column => !known[column].Equals(row[column])))));
    }
}
