namespace Hnv.Contracts.HostChannel;

/// <summary>A layer of a port with its groups, <c>GET /v1/vfp/ports/{nic}/layers</c>.</summary>
/// <param name="Name">For example <c>VNET_ENCAP_LAYER</c>.</param>
/// <param name="Priority">Ascending outbound, descending inbound.</param>
/// <param name="Connections">What it does with packets of known conversations.</param>
/// <param name="Packets">Packets that asked it (slow path only).</param>
/// <param name="Groups">Its groups.</param>
public sealed record VfpLayer(string Name, int Priority, string Connections, long Packets, IReadOnlyList<VfpGroup> Groups);

/// <summary>A group of rules.</summary>
/// <param name="Name">For example <c>VNET_GROUP_ENCAP_IPV4_OUT</c>.</param>
/// <param name="Priority">Ascending.</param>
/// <param name="Direction"><c>OUT</c> or <c>IN</c>.</param>
/// <param name="Type"><c>IPv4</c> or <c>IPv6</c>.</param>
/// <param name="Rules">How many rules it has.</param>
public sealed record VfpGroup(string Name, int Priority, string Direction, string Type, int Rules);

/// <summary>A rule, <c>GET /v1/vfp/ports/{nic}/rules?layer=&amp;group=&amp;skip=&amp;top=</c>.</summary>
/// <param name="Layer">Its layer.</param>
/// <param name="Group">Its group.</param>
/// <param name="Id">Its identity in the group.</param>
/// <param name="Priority">Lower is tried first.</param>
/// <param name="IsTerminating">It ends the search in its layer.</param>
/// <param name="TypeNumber">VFP's number of the type.</param>
/// <param name="Type">The type's name.</param>
/// <param name="Condition">When it matches.</param>
/// <param name="FlowTtlSeconds">Idle time of what it admits; 0 is the default of protocol and state.</param>
/// <param name="Space">The space it refers to; null when none.</param>
/// <param name="Data">What it does, as names and values.</param>
/// <param name="Matches">Packets that matched (slow path only).</param>
public sealed record VfpRule(
    string Layer,
    string Group,
    string Id,
    int Priority,
    bool IsTerminating,
    int TypeNumber,
    string Type,
    VfpCondition Condition,
    int FlowTtlSeconds,
    string? Space,
    IReadOnlyList<VfpValue> Data,
    long Matches);

/// <summary>What a packet must look like; whatever is empty or null matches anything.</summary>
/// <param name="Protocol">IANA protocol number.</param>
/// <param name="Sources">Source prefixes.</param>
/// <param name="Destinations">Destination prefixes.</param>
/// <param name="SourcePorts">Source ports, <c>80</c> or <c>1000-2000</c>.</param>
/// <param name="DestinationPorts">Destination ports.</param>
/// <param name="DestinationMac">Inner destination MAC.</param>
/// <param name="IsGroup">True for group addresses only, false for unicast only.</param>
public sealed record VfpCondition(
    byte? Protocol,
    IReadOnlyList<string> Sources,
    IReadOnlyList<string> Destinations,
    IReadOnlyList<string> SourcePorts,
    IReadOnlyList<string> DestinationPorts,
    string? DestinationMac,
    bool? IsGroup);

/// <summary>A name and a value.</summary>
public sealed record VfpValue(string Name, string Value);

/// <summary>A space of a port, <c>GET /v1/vfp/ports/{nic}/spaces</c>.</summary>
/// <param name="Name">What rules call it.</param>
/// <param name="Type"><c>CaPaMappings</c>, <c>Routes</c> or <c>NatPool</c>.</param>
/// <param name="Entries">What it holds.</param>
public sealed record VfpSpace(string Name, string Type, int Entries);

/// <summary>A CA-PA mapping in a space, <c>GET /v1/vfp/ports/{nic}/mappings?skip=&amp;top=</c>.</summary>
/// <param name="Space">The space.</param>
/// <param name="Vsid">Isolation id.</param>
/// <param name="CustomerAddress">The CA.</param>
/// <param name="Mac">The MAC.</param>
/// <param name="ProviderAddress">The PA.</param>
/// <param name="Encapsulation"><c>VXLAN</c> or <c>NVGRE</c>.</param>
public sealed record VfpMapping(string Space, uint Vsid, string CustomerAddress, string Mac, string ProviderAddress, string Encapsulation);

/// <summary>A range of external ports, <c>GET /v1/vfp/ports/{nic}/nat-ranges</c>.</summary>
/// <param name="Address">The external address.</param>
/// <param name="Protocol">IANA protocol number; 0 when no protocol holds a port.</param>
/// <param name="FirstPort">Lowest.</param>
/// <param name="LastPort">Highest.</param>
/// <param name="Used">Ports with a binding.</param>
/// <param name="State"><c>Idle</c>, <c>Partial</c>, <c>Used</c> or <c>Removed</c>.</param>
public sealed record VfpNatRange(string Address, byte Protocol, int FirstPort, int LastPort, int Used, string State);

/// <summary>A unified flow, <c>GET /v1/vfp/ports/{nic}/unified-flows?skip=&amp;top=</c>.</summary>
/// <param name="Flow">The flow id, decision and counters.</param>
/// <param name="State">How far its conversation has come; null when it has none.</param>
/// <param name="Generation">The generation that decided.</param>
/// <param name="Layer">The layer that dropped it; null when none did.</param>
/// <param name="Rule">The rule that dropped it; null when none did.</param>
/// <param name="Edits">The transposition, edit by edit.</param>
public sealed record VfpUnifiedFlow(FlowInfo Flow, string? State, uint Generation, string? Layer, string? Rule, IReadOnlyList<VfpValue> Edits);

/// <summary>Flow limits and statistics of a port, <c>GET /v1/vfp/ports/{nic}/flow-statistics</c>.</summary>
/// <param name="FlowLimit">Unified flows it may hold, both directions together; connections as many.</param>
/// <param name="HalfOpenLimit">TCP connections that may wait for an answer; 0 is no limit of its own.</param>
/// <param name="Out">Of what the VM sends.</param>
/// <param name="In">Of what it is sent.</param>
public sealed record VfpFlowStatistics(int FlowLimit, int HalfOpenLimit, VfpDirectionFlows Out, VfpDirectionFlows In);

/// <summary>The flows of one direction.</summary>
/// <param name="TotalEntry">Unified flows of all protocols.</param>
/// <param name="TotalFlow">Connections that this direction began.</param>
/// <param name="HalfOpenFlow">Of these, TCP that waits for an answer.</param>
/// <param name="TcpFlow">Unified flows of TCP.</param>
/// <param name="UdpFlow">Unified flows of UDP.</param>
/// <param name="OtherFlow">Unified flows of all else.</param>
public sealed record VfpDirectionFlows(
    VfpFlowCounts TotalEntry, VfpFlowCounts TotalFlow, VfpFlowCounts HalfOpenFlow, VfpFlowCounts TcpFlow, VfpFlowCounts UdpFlow, VfpFlowCounts OtherFlow);

/// <summary>How many flows of a kind there are, were and may be.</summary>
/// <param name="Count">There now.</param>
/// <param name="Limit">There may be; 0 is no limit of its own.</param>
/// <param name="Maximum">There were at once at most.</param>
/// <param name="Created">Made since the port came.</param>
/// <param name="Matched">Packets they were used for.</param>
/// <param name="CreatedPerSecond">Made in the last second.</param>
/// <param name="DeletedPerSecond">Removed in the last second.</param>
/// <param name="CreatedPerSecondMaximum">The most made in one second.</param>
/// <param name="DeletedPerSecondMaximum">The most removed in one second.</param>
public sealed record VfpFlowCounts(
    long Count,
    long Limit,
    long Maximum,
    long Created,
    long Matched,
    long CreatedPerSecond,
    long DeletedPerSecond,
    long CreatedPerSecondMaximum,
    long DeletedPerSecondMaximum);
