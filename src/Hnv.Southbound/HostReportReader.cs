using System.Collections.Immutable;
using Hnv.Ovsdb;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>Reads what a host says about itself.</summary>
internal static class HostReportReader
{
    /// <summary>The name a host goes by; empty before it has said it.</summary>
    public static string HostId(OvsdbSnapshot snapshot) =>
        snapshot.Only(HostSchemas.VtepName, HostTables.Global) is { } global
        && global["other_config"].TryGetValue(OvsdbAtom.From(HostTables.HostIdKey), out OvsdbAtom id) ? id.Text : string.Empty;

    /// <summary>Reads everything.</summary>
    /// <param name="snapshot">The rows.</param>
    /// <param name="before">The rows that the last report was read from; what has not changed since is not read again, and is the same object.</param>
    /// <param name="last">That report.</param>
    public static HostReport Read(OvsdbSnapshot snapshot, OvsdbSnapshot? before, HostReport last)
    {
        OvsdbRow? global = snapshot.Only(HostSchemas.VtepName, HostTables.Global);
        if (global is null)
        {
            return HostReport.Empty;
        }

        IReadOnlyDictionary<string, string> config = global.Map("other_config");
        bool isFollowed = before is not null && !ReferenceEquals(last, HostReport.Empty);
        bool IsSame(string table) => isFollowed && ReferenceEquals(before![HostSchemas.VtepName, table], snapshot[HostSchemas.VtepName, table]);
        return new HostReport(
            config.GetValueOrDefault(HostTables.HostIdKey, string.Empty),
            config.GetValueOrDefault(HostTables.AgentVersionKey, string.Empty),
            global.Integer("cur_cfg") ?? 0,
            global.Integer("next_cfg") ?? 0,
            IsSame(HostTables.PortBinding) ? last.Ports : ReadBindings(snapshot).ToImmutableDictionary(binding => binding.Nic),
            IsSame(HostTables.ProviderAddress.Table) ? last.ProviderAddresses : ReadAddresses(snapshot))
        {
            HostChannel = config.GetValueOrDefault(HostTables.ChannelKey, string.Empty),
        };
    }

    private static ImmutableDictionary<ProviderAddress, EnforcementStatus> ReadAddresses(OvsdbSnapshot snapshot)
    {
        ImmutableDictionary<ProviderAddress, EnforcementStatus>.Builder addresses = ImmutableDictionary.CreateBuilder<ProviderAddress, EnforcementStatus>();
        foreach (OvsdbRow row in snapshot[HostSchemas.VtepName, HostTables.ProviderAddress.Table].Values)
        {
            if (ProviderAddress.TryParse(row.Text("address"), out ProviderAddress address))
            {
                addresses[address] = EnforcementStatus.FromMap(row.Map("status"));
            }
        }

        return addresses.ToImmutable();
    }

    public static IEnumerable<PortBinding> ReadBindings(OvsdbSnapshot snapshot)
    {
        foreach (OvsdbRow row in snapshot[HostSchemas.VtepName, HostTables.PortBinding].Values)
        {
            // nic_id is indexed as text; a spelling of ours is the only one taken, so that no interface is there twice.
            if (NicId.TryParse(row.Text("nic_id"), out NicId nic) && nic.ToString() == row.Text("nic_id"))
            {
                long attachedAt = Math.Clamp(row.Integer("attached_at") ?? 0, 0, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds());
                yield return new PortBinding(
                    nic,
                    row.Text("device"),
                    DateTimeOffset.FromUnixTimeMilliseconds(attachedAt),
                    EnforcementStatus.FromMap(row.Map("status")));
            }
        }
    }
}
