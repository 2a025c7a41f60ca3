namespace Hnv.Contracts.HostChannel;

/// <summary><c>GET /v1/host</c>: what a host is and what state it is in.</summary>
/// <param name="Name">The host's name.</param>
/// <param name="HostId">The GUID it presents; must equal the instanceId of its <c>servers</c> resource.</param>
/// <param name="Version">Version of the host agent.</param>
/// <param name="StartedAt">When the agent started.</param>
/// <param name="Executor">Which executor moves packets: <c>userspace</c> or <c>ebpf</c>.</param>
/// <param name="Uplinks">Names of the devices of the team, in team order.</param>
/// <param name="ProviderAddresses">The provider addresses it was told and what became of them.</param>
/// <param name="Devices">Network devices a port could be attached to, uplinks among them.</param>
/// <param name="Configuration">Which policy is asked for and which is in force.</param>
/// <param name="Connected">True while a controller is connected to the policy database.</param>
public sealed record HostInventory(
    string Name,
    Guid HostId,
    string Version,
    DateTimeOffset StartedAt,
    string Executor,
    IReadOnlyList<string> Uplinks,
    IReadOnlyList<ProviderAddressStatus> ProviderAddresses,
    IReadOnlyList<DeviceInfo> Devices,
    ConfigurationProgress Configuration,
    bool Connected);

/// <summary>One provider address on this host.</summary>
/// <param name="TeamMember">Index of the uplink, from 0.</param>
/// <param name="Address">The address.</param>
/// <param name="Prefix">Its provider subnet, <c>address/length</c>.</param>
/// <param name="Mac">The MAC of its virtual adapter.</param>
/// <param name="Vlan">802.1Q VLAN; 0 is untagged.</param>
/// <param name="Device">The device in the PA compartment.</param>
/// <param name="State"><c>ready</c>, <c>pending</c>, or why not.</param>
public sealed record ProviderAddressStatus(int TeamMember, string Address, string Prefix, string Mac, int Vlan, string Device, string State);

/// <summary>A network device of the host.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Mac">Its MAC.</param>
/// <param name="Mtu">Bytes of an IP packet it takes.</param>
/// <param name="Kind">For example <c>veth</c>, <c>tun</c>, <c>physical</c>.</param>
/// <param name="State"><c>up</c> or <c>down</c>.</param>
public sealed record DeviceInfo(string Name, string Mac, int Mtu, string Kind, string State);

/// <summary>The handshake of the policy database: <c>next_cfg</c> and <c>cur_cfg</c>.</summary>
/// <param name="Next">The policy the controller asked for last.</param>
/// <param name="Current">The policy in force.</param>
public sealed record ConfigurationProgress(long Next, long Current);

/// <summary><c>GET /v1/health</c>.</summary>
/// <param name="Healthy">True when every part works.</param>
/// <param name="Parts">Name of a part → <c>ok</c> or what is wrong with it.</param>
public sealed record HostHealth(bool Healthy, IReadOnlyDictionary<string, string> Parts);

/// <summary>One event of <c>GET /v1/events</c> (server-sent events; the SSE event name is <see cref="Kind"/>).</summary>
/// <param name="Kind"><c>portAttached</c>, <c>portDetached</c> or <c>policyApplied</c>.</param>
/// <param name="At">When.</param>
/// <param name="Nic">The network interface concerned.</param>
/// <param name="Device">The device concerned.</param>
/// <param name="Configuration">The configuration that is in force after the event.</param>
public sealed record HostEvent(string Kind, DateTimeOffset At, Guid? Nic = null, string? Device = null, long? Configuration = null);
