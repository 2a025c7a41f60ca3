using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>
/// All header edits of one flow, composed: plain data, so that it can be compared, printed, put into an eBPF map and replayed.
/// An executor carries it out once, inner rewrites first, encap last. A field means something only when its edit is set. What differs from packet to
/// packet of one destination (entropy, lengths) is not in it, so that flows can share one.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public record struct Transposition
{
    /// <summary>Which edits apply.</summary>
    public TranspositionEdits Edits;

    /// <summary>How to encapsulate.</summary>
    public EncapsulationType Encapsulation;

    /// <summary>Index into the host's provider addresses of the outer source.</summary>
    public byte TeamMember;

    /// <summary>The largest inner IP packet that fits behind the encapsulation, bytes; 0 is no limit. Longer ones never leave as they are.</summary>
    public ushort MaxLength;

    /// <summary>The outer DSCP, 0 … 63, when it is not the inner one's.</summary>
    public byte OuterDscp;

    /// <summary>The 802.1Q VLAN to leave by the uplink in, 1 … 4094; 0 is untagged.</summary>
    public ushort VlanId;

    /// <summary>New source port; for ICMP echo the identifier.</summary>
    public ushort SourcePort;

    /// <summary>New destination port.</summary>
    public ushort DestinationPort;

    /// <summary>The VSID on the wire: the destination's (R21).</summary>
    public Vsid Vsid;

    /// <summary>New inner destination MAC.</summary>
    public MacAddress DestinationMac;

    /// <summary>New inner source MAC.</summary>
    public MacAddress SourceMac;

    /// <summary>Outer destination.</summary>
    public ProviderAddress Provider;

    /// <summary>New inner source address.</summary>
    public InetAddress Source;

    /// <summary>New inner destination address.</summary>
    public InetAddress Destination;

    /// <summary>True when an inner address or port changes.</summary>
    public readonly bool Translates => (Edits & TranspositionEdits.Translation) != 0;
}

/// <summary>The edits a transposition may hold.</summary>
[Flags]
public enum TranspositionEdits : ushort
{
    /// <summary>The packet goes on as it is.</summary>
    None = 0,

    /// <summary>Set the inner destination MAC.</summary>
    DestinationMac = 1,

    /// <summary>Set the inner source MAC.</summary>
    SourceMac = 2,

    /// <summary>Lower TTL or hop limit by one, the IPv4 checksum with it.</summary>
    DecrementTtl = 4,

    /// <summary>Encapsulate and hand to the provider network. Without it the packet stays on this host, or leaves as it is by the uplink.</summary>
    Encap = 8,

    /// <summary>Set the inner source address.</summary>
    Source = 16,

    /// <summary>Set the inner destination address.</summary>
    Destination = 32,

    /// <summary>Set the source port; for ICMP echo, either way, the identifier.</summary>
    SourcePort = 64,

    /// <summary>Set the destination port.</summary>
    DestinationPort = 128,

    /// <summary>Set the outer DSCP to a fixed value; without it the inner one is copied.</summary>
    FixedDscp = 256,

    /// <summary>Leave by the uplink without encapsulation, in the VLAN of the port (R17, R18).</summary>
    Uplink = 512,

    /// <summary>All edits of addresses and ports.</summary>
    Translation = Source | Destination | SourcePort | DestinationPort,
}
