using System.Collections.Immutable;
using Hnv.Ovsdb;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>Reads what a host says about itself.</summary>
internal static class HostReportReader
{
    public static HostReport Read(OvsdbSnapshot snapshot)
    {
        OvsdbRow? global = snapshot.Only(HostSchemas.VtepName, HostTables.Global);
        if (global is null)
        {
            return HostReport.Empty;
        }

        IReadOnlyDictionary<string, string> config = global.Map("other_config");
        ImmutableDictionary<ProviderAddress, EnforcementStatus>.Builder addresses = ImmutableDictionary.CreateBuilder<ProviderAddress, EnforcementStatus>();
        foreach (OvsdbRow row in snapshot[HostSchemas.VtepName, HostTables.ProviderAddress.Table].Values)
        {
            if (ProviderAddress.TryParse(row.Text("address"), out ProviderAddress address))
            {
                addresses[address] = EnforcementStatus.FromMap(row.Map("status"));
            }
        }

        return new HostReport(
            config.GetValueOrDefault(HostTables.HostIdKey, string.Empty),
            config.GetValueOrDefault(HostTables.AgentVersionKey, string.Empty),
            global.Integer("cur_cfg") ?? 0,
            global.Integer("next_cfg") ?? 0,
            ReadBindings(snapshot).ToImmutableDictionary(binding => binding.Nic),
            addresses.ToImmutable())
        {
            HostChannel = config.GetValueOrDefault(HostTables.ChannelKey, string.Empty),
        };
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
