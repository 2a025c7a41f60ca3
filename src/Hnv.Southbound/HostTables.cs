using Hnv.Ovsdb;

namespace Hnv.Southbound;

/// <summary>The tables of a host's policy databases that hold policy, in an order in which every table follows those it refers to.</summary>
internal static class HostTables
{
    public const string Global = "Global";
    public const string FirewallGlobal = "FW_Global";
    public const string ServiceInsertionGlobal = "SI_Global";
    public const string PortBinding = "Port_Binding";
    public const string EpochKey = "epoch";

    /// <summary>
    /// The OVSDB lock that the host's agent has as long as it has a session with its database. A controller waits for it, and learns in that
    /// way that there is no agent.
    /// </summary>
    public const string AgentLock = "hnv_agent";
    public const string HostIdKey = "host_id";
    public const string AgentVersionKey = "agent_version";
    public const string ChannelKey = "host_channel";
    public const string PeersKey = "peers";
    public const string UnbilledRangesKey = "unbilled_ranges";

    /// <summary>The one Physical_Switch of a host: one VFP switch per host.</summary>
    public const string SwitchName = "vswitch";

    public static readonly TableLayout LogicalSwitch =
        new(HostSchemas.VtepName, "Logical_Switch", 1, ["name", "description", "tunnel_key", "user_routes"], IsCollected: false);

    public static readonly TableLayout PhysicalLocator =
        new(HostSchemas.VtepName, "Physical_Locator", 2, ["encapsulation_type", "dst_ip"], IsCollected: true);

    public static readonly TableLayout PhysicalPort =
        new(HostSchemas.VtepName, "Physical_Port", 1, ["name", "description", "properties"], IsCollected: true);

    public static readonly TableLayout ProviderAddress =
        new(HostSchemas.VtepName, "Provider_Address", 1, ["address", "gateway", "mac", "prefix", "routes", "team_member", "vlan"], IsCollected: false);

    public static readonly TableLayout PhysicalSwitch =
        new(HostSchemas.VtepName, "Physical_Switch", 1, ["name", "distributed_router_mac", "ports", "tunnel_ips", "vswitch_config"], IsCollected: true);

    public static readonly TableLayout LogicalRouter =
        new(HostSchemas.VtepName, "Logical_Router", 1, ["name", "description", "enable_logical_router", "other_config", "switch_binding"], IsCollected: false);

    public static readonly TableLayout RemoteMac =
        new(HostSchemas.VtepName, "Ucast_Macs_Remote", 4, ["logical_switch", "MAC", "ipaddr", "mapping_type", "locator"], IsCollected: false);

    public static readonly TableLayout LocalMac =
        new(HostSchemas.VtepName, "Ucast_Macs_Local", 3, ["logical_switch", "MAC", "ipaddr", "locator"], IsCollected: false);

    public static readonly TableLayout ProviderTeam = new(HostSchemas.VtepName, "Provider_Team", 1, ["members"], IsCollected: false);

    public static readonly TableLayout NatRule = new(
        HostSchemas.VtepName,
        "Nat_Rule",
        2,
        [
            "vnic_id", "rule_id", "external_ip_addresses", "internal_ip_addresses", "kind", "ports", "priority", "protocols",
            "remote_ip_addresses", "targets",
        ],
        IsCollected: false);

    /// <summary>Of the Global row the policy owns only the reference to the switch.</summary>
    public static readonly TableLayout GlobalSwitches = new(HostSchemas.VtepName, Global, 0, ["switches"], IsCollected: false);

    public static readonly TableLayout FirewallRule = new(
        HostSchemas.FirewallName,
        "FW_Rules",
        2,
        [
            "vnic_id", "rule_id", "action", "direction", "dst_ip_addresses", "dst_ports", "logging_state", "priority", "protocols",
            "rule_state", "rule_type", "src_ip_addresses", "src_ports",
        ],
        IsCollected: false);

    public static readonly TableLayout MirrorRule = new(
        HostSchemas.ServiceInsertionName,
        "SI_Rule",
        2,
        [
            "vnic_id", "rule_id", "dst_ip_addresses", "dst_ports", "priority", "protocols", "routing_information", "rule_type",
            "src_ip_addresses", "src_ports",
        ],
        IsCollected: false);

    public static readonly IReadOnlyList<TableLayout> Vtep =
    [
        LogicalSwitch, PhysicalLocator, PhysicalPort, ProviderAddress, ProviderTeam, PhysicalSwitch, LogicalRouter, RemoteMac, LocalMac, NatRule,
        GlobalSwitches,
    ];

    /// <summary>The databases of a host. The first says which ports there are; the others hold rules of those ports.</summary>
    public static readonly IReadOnlyList<HostDatabase> Databases =
    [
        new(HostSchemas.VtepName, Global, Vtep),
        new(HostSchemas.FirewallName, FirewallGlobal, [FirewallRule]),
        new(HostSchemas.ServiceInsertionName, ServiceInsertionGlobal, [MirrorRule]),
    ];

    /// <summary>All that either side of the southbound replicates: the policy, and what the agent says about itself.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyDictionary<string, IReadOnlyList<string>>> Replicated { get; } =
        new Dictionary<string, IReadOnlyDictionary<string, IReadOnlyList<string>>>
        {
            [HostSchemas.VtepName] = new Dictionary<string, IReadOnlyList<string>>(
                Vtep.Where(layout => layout != GlobalSwitches && layout != ProviderAddress)
                    .Select(layout => KeyValuePair.Create<string, IReadOnlyList<string>>(layout.Table, layout.Columns)))
            {
                [Global] = ["cur_cfg", "next_cfg", "other_config", "switches"],
                [ProviderAddress.Table] = [.. ProviderAddress.Columns, "status"],
                [PortBinding] = ["attached_at", "device", "nic_id", "status"],
            },
            [HostSchemas.FirewallName] = new Dictionary<string, IReadOnlyList<string>>
            {
                [FirewallGlobal] = ["cur_cfg", "next_cfg", "other_config"],
                [FirewallRule.Table] = FirewallRule.Columns,
            },
            [HostSchemas.ServiceInsertionName] = new Dictionary<string, IReadOnlyList<string>>
            {
                [ServiceInsertionGlobal] = ["cur_cfg", "next_cfg", "other_config"],
                [MirrorRule.Table] = MirrorRule.Columns,
            },
        };
}

/// <summary>One database of a host.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Global">Its table of one row with <c>next_cfg</c>, <c>cur_cfg</c> and <c>other_config</c>.</param>
/// <param name="Layouts">Its tables that hold policy.</param>
internal sealed record HostDatabase(string Name, string Global, IReadOnlyList<TableLayout> Layouts)
{
    /// <summary>The <c>next_cfg</c> of its Global row; null without the row.</summary>
    public long? NextConfiguration(OvsdbSnapshot snapshot) => snapshot.Only(Name, Global)?.Integer("next_cfg");
}
