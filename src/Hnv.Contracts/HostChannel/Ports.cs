namespace Hnv.Contracts.HostChannel;

/// <summary><c>PUT /v1/ports/{nicInstanceId}</c>: the device to plug into that network interface's port.</summary>
/// <param name="Device">A TAP or veth device in the host's network namespace.</param>
public sealed record PortAttachRequest(string Device);

/// <summary>One port, <c>GET /v1/ports</c>.</summary>
/// <param name="Nic">instanceId of the network interface.</param>
/// <param name="Name">The REST resource id of that interface; null before policy came.</param>
/// <param name="Device">The device plugged in.</param>
/// <param name="Vsid">Its virtual subnet; null before policy came.</param>
/// <param name="Mac">Its MAC; null before policy came.</param>
/// <param name="Addresses">Its customer addresses.</param>
/// <param name="State"><c>active</c>, <c>blocked</c> or <c>failed</c>.</param>
/// <param name="Code">Error code when not active, for example <c>PortBlocked</c>.</param>
/// <param name="Message">What is wrong and what to do.</param>
/// <param name="Counters">Packets since attach.</param>
public sealed record PortStatus(
    Guid Nic,
    string? Name,
    string Device,
    uint? Vsid,
    string? Mac,
    IReadOnlyList<string> Addresses,
    string State,
    string? Code,
    string? Message,
    PortCounters Counters);

/// <summary>Packets and bytes of one port since it was attached. In and out are as the VM sees it.</summary>
/// <param name="PacketsIn">Delivered to the VM.</param>
/// <param name="PacketsOut">Sent by the VM.</param>
/// <param name="BytesIn">Delivered to the VM.</param>
/// <param name="BytesOut">Sent by the VM.</param>
/// <param name="DropsIn">Drop reason → packets that were on their way to the VM.</param>
/// <param name="DropsOut">Drop reason → packets that the VM sent.</param>
public sealed record PortCounters(
    long PacketsIn,
    long PacketsOut,
    long BytesIn,
    long BytesOut,
    IReadOnlyDictionary<string, long> DropsIn,
    IReadOnlyDictionary<string, long> DropsOut);

/// <summary>One unified flow, <c>GET /v1/ports/{nic}/flows</c>.</summary>
/// <param name="Direction"><c>Outbound</c> or <c>Inbound</c>, as the VM sees it.</param>
/// <param name="SourceMac">Inner source MAC.</param>
/// <param name="DestinationMac">Inner destination MAC.</param>
/// <param name="Source">Inner source address.</param>
/// <param name="Destination">Inner destination address.</param>
/// <param name="Protocol">IANA protocol number.</param>
/// <param name="SourcePort">Source port, or the ICMP type.</param>
/// <param name="DestinationPort">Destination port, or the ICMP code.</param>
/// <param name="Verdict">Forward, Drop, Hairpin or Punt.</param>
/// <param name="Reason">The drop reason; null when forwarded.</param>
/// <param name="Transposition">The header edits, in words.</param>
/// <param name="Packets">Packets that used the flow.</param>
/// <param name="Bytes">Bytes that used the flow.</param>
/// <param name="AgeSeconds">Seconds since it was made.</param>
public sealed record FlowInfo(
    string Direction,
    string? SourceMac,
    string? DestinationMac,
    string Source,
    string Destination,
    byte Protocol,
    int SourcePort,
    int DestinationPort,
    string Verdict,
    string? Reason,
    string Transposition,
    long Packets,
    long Bytes,
    double AgeSeconds);

/// <summary><c>GET /v1/counters</c>: totals of the switch and what was dropped before a port was known.</summary>
/// <param name="UnderlayDrops">Drop reason → packets that came from the provider network.</param>
/// <param name="Totals">Counter name → value.</param>
public sealed record HostCounters(IReadOnlyDictionary<string, long> UnderlayDrops, IReadOnlyDictionary<string, long> Totals);

/// <summary>One CA-PA mapping in force, <c>GET /v1/mappings</c>.</summary>
/// <param name="Vsid">The virtual subnet.</param>
/// <param name="CustomerAddress">The CA.</param>
/// <param name="Mac">The MAC behind the CA.</param>
/// <param name="ProviderAddress">The PA to send to.</param>
/// <param name="Encapsulation">VXLAN or NVGRE.</param>
public sealed record MappingInfo(uint Vsid, string CustomerAddress, string Mac, string ProviderAddress, string Encapsulation);
