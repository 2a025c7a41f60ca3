namespace Hnv.Contracts.HostChannel;

/// <summary>
/// <c>POST /v1/trace</c>: a packet to explain. Either whole, as <see cref="Frame"/>, or told by <see cref="Packet"/>. Nothing is sent, stored or
/// counted.
/// </summary>
public sealed record TraceRequest
{
    /// <summary>instanceId of the network interface whose port the packet meets; null for one from the provider network.</summary>
    public Guid? Nic { get; init; }

    /// <summary>True for a packet on its way to the VM.</summary>
    public bool IsInbound { get; init; }

    /// <summary>The Ethernet frame, hexadecimal; what comes from the provider network is the inner frame.</summary>
    public string? Frame { get; init; }

    /// <summary>The packet in words, when there is no frame.</summary>
    public TracePacket? Packet { get; init; }

    /// <summary>What the packet came in, when it is from the provider network.</summary>
    public TraceOuter? Outer { get; init; }
}

/// <summary>A packet in words; the host fills in what is left out as the guest's own stack would.</summary>
public sealed record TracePacket
{
    /// <summary>Source address; null is the port's own, and for an inbound packet has to be said.</summary>
    public string? From { get; init; }

    /// <summary>Destination address; null is the port's own, and for an outbound packet has to be said.</summary>
    public string? To { get; init; }

    /// <summary>IANA protocol number.</summary>
    public byte Protocol { get; init; }

    /// <summary>Source port; of ICMP echo the identifier.</summary>
    public int SourcePort { get; init; }

    /// <summary>Destination port; of ICMP echo the sequence number, where 0 is 1.</summary>
    public int DestinationPort { get; init; }

    /// <summary>TCP flags byte; null is SYN.</summary>
    public byte? TcpFlags { get; init; }

    /// <summary>Bytes of the IP packet; 0 is as small as it can be.</summary>
    public int Size { get; init; }

    /// <summary>TTL or hop limit; 0 is 64.</summary>
    public int TimeToLive { get; init; }

    /// <summary>IPv4 DF.</summary>
    public bool DontFragment { get; init; } = true;

    /// <summary>TOS or traffic class.</summary>
    public byte TrafficClass { get; init; }

    /// <summary>Destination MAC; null is the one the guest would be told.</summary>
    public string? DestinationMac { get; init; }

    /// <summary>Source MAC; null is the port's own.</summary>
    public string? SourceMac { get; init; }
}

/// <summary>Outer headers.</summary>
/// <param name="Encapsulation"><c>VXLAN</c> or <c>NVGRE</c>.</param>
/// <param name="Source">Outer source: a PA.</param>
/// <param name="Destination">Outer destination: a PA.</param>
/// <param name="Vsid">VNI or NVGRE VSID.</param>
/// <param name="SourcePort">UDP source port, or the NVGRE FlowID.</param>
/// <param name="DestinationPort">UDP destination port; 0 for NVGRE.</param>
/// <param name="TrafficClass">Outer TOS or traffic class.</param>
/// <param name="Length">Bytes of the outer IP packet.</param>
public sealed record TraceOuter(
    string Encapsulation, string Source, string Destination, uint Vsid, int SourcePort, int DestinationPort, byte TrafficClass, int Length);

/// <summary>What becomes of a packet at one port, and where it goes from there.</summary>
/// <param name="Host">The host.</param>
/// <param name="Nic">The network interface; null when no port is reached.</param>
/// <param name="Port">Its resource id; else its device.</param>
/// <param name="Direction"><c>Outbound</c> or <c>Inbound</c>, as the VM sees it.</param>
/// <param name="Packet">The packet in one line.</param>
/// <param name="Stages">What was asked, in order.</param>
/// <param name="Verdict"><c>Forward</c>, <c>Drop</c>, <c>Hairpin</c> or <c>Replicate</c>.</param>
/// <param name="Reason">The drop reason; null unless dropped.</param>
/// <param name="Layer">The layer that decided; null when none did.</param>
/// <param name="Rule">The rule that decided; null when none did.</param>
/// <param name="Summary">The verdict in one sentence.</param>
/// <param name="Hint">What to try; null when there is nothing to mend.</param>
/// <param name="Ways">Where the packet, or each copy of it, goes.</param>
public sealed record TraceReport(
    string Host,
    Guid? Nic,
    string? Port,
    string Direction,
    string Packet,
    IReadOnlyList<TraceStage> Stages,
    string Verdict,
    string? Reason,
    string? Layer,
    string? Rule,
    string Summary,
    string? Hint,
    IReadOnlyList<TraceWay> Ways);

/// <summary>One thing that was asked about the packet.</summary>
/// <param name="Kind"><c>guards</c>, <c>flow</c>, <c>layer</c>, <c>underlay</c>, <c>forwarding</c>, <c>egress</c>.</param>
/// <param name="Name">The layer, or the check.</param>
/// <param name="Group">The group asked; null when none was.</param>
/// <param name="Rule">The rule that matched; null when none did.</param>
/// <param name="Outcome">What it said.</param>
/// <param name="Edits">The transposition so far; null when there is none.</param>
public sealed record TraceStage(string Kind, string Name, string? Group, string? Rule, string Outcome, string? Edits);

/// <summary>Where a packet goes.</summary>
/// <param name="Kind"><c>port</c>, <c>provider</c>, <c>uplink</c>, <c>guest</c>, <c>answer</c> or <c>mirror</c>.</param>
/// <param name="To">Whom it goes to, in words.</param>
/// <param name="Outer">The outer headers, when it is encapsulated.</param>
/// <param name="Frame">The frame as it leaves, without outer headers, hexadecimal; null when it was cut short.</param>
/// <param name="Next">What becomes of it there, when that is on the same host or was asked of the other one.</param>
public sealed record TraceWay(string Kind, string To, TraceOuter? Outer, string? Frame, TraceReport? Next);

/// <summary>One dropped packet, <c>GET /v1/drops</c> and <c>GET /v1/drops/events</c>.</summary>
/// <param name="Number">Counts samples; a gap is what the ring has lost.</param>
/// <param name="At">When.</param>
/// <param name="Nic">Whose it was; null for a packet from the provider network that reached no port.</param>
/// <param name="Port">The interface's resource id; else its device.</param>
/// <param name="Direction"><c>Outbound</c> or <c>Inbound</c>, as the VM sees it.</param>
/// <param name="Reason">Why.</param>
/// <param name="Layer">The layer that dropped it; null when none did.</param>
/// <param name="Rule">The rule that dropped it; null when none did.</param>
/// <param name="Packet">The packet in one line.</param>
/// <param name="Length">Bytes of the frame.</param>
/// <param name="Frame">Its first bytes, hexadecimal.</param>
public sealed record DropInfo(
    long Number,
    DateTimeOffset At,
    Guid? Nic,
    string? Port,
    string Direction,
    string Reason,
    string? Layer,
    string? Rule,
    string Packet,
    int Length,
    string Frame);

/// <summary>One captured packet, <c>GET /v1/capture/events</c>.</summary>
/// <param name="At">When.</param>
/// <param name="Interface">Where: the port's device, or the PA interface.</param>
/// <param name="Direction"><c>Outbound</c> or <c>Inbound</c>, as the VM, or the host for a PA interface, sees it.</param>
/// <param name="Packet">The packet in one line.</param>
/// <param name="Comment">What the switch makes of it; null when not known.</param>
/// <param name="Length">Bytes of the frame.</param>
/// <param name="Frame">The frame, hexadecimal, as far as it was asked for.</param>
/// <param name="Trace">The whole explanation, when asked for.</param>
public sealed record CaptureInfo(
    DateTimeOffset At, string Interface, string Direction, string Packet, string? Comment, int Length, string Frame, TraceReport? Trace);
