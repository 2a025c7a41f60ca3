using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>What all layers together said about one packet. Nothing has been stored yet.</summary>
public readonly record struct Decision
{
    /// <summary>What to do.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>Why, for a drop.</summary>
    public DropReason DropReason { get; init; }

    /// <summary>The layer that dropped it, as an index into the program's layers; -1 when none did.</summary>
    public int Layer { get; init; }

    /// <summary>The rule that ended the search by dropping or answering the packet; null when none did.</summary>
    public Rule? Rule { get; init; }

    /// <summary>What to say, for <see cref="Verdict.Hairpin"/>.</summary>
    public AnswerKind Answer { get; init; }

    /// <summary>The edits of all layers, composed.</summary>
    public Transposition Transposition { get; init; }

    /// <summary>True when the packet stays on this host: for the port with <see cref="LocalMac"/> in <see cref="LocalVsid"/>.</summary>
    public bool IsLocal { get; init; }

    /// <summary>The destination's VSID, when local.</summary>
    public Vsid LocalVsid { get; init; }

    /// <summary>The destination's MAC, when local.</summary>
    public MacAddress LocalMac { get; init; }

    /// <summary>True when the flow becomes a connection, so that its replies pass.</summary>
    public bool IsStateful { get; init; }

    /// <summary>True when a rule translated the packet: its connection has two faces, <see cref="Translated"/> is the other one.</summary>
    public bool IsTranslated { get; init; }

    /// <summary>The flow id behind all translations; the source port is still the guest's when a <see cref="Pool"/> is to give one.</summary>
    public Ufid Translated { get; init; }

    /// <summary>What the source address and port are to be taken from; null when nothing.</summary>
    public NatPool? Pool { get; init; }

    /// <summary>True when the packet comes back to its sender: a translation led to the sender itself (R113).</summary>
    public bool IsReturning { get; init; }

    /// <summary>Where a copy goes; null when nowhere.</summary>
    public MirrorTarget? Mirror { get; init; }

    /// <summary>How its bytes count.</summary>
    public MeterClass Meter { get; init; }

    /// <summary>The idle time that its rule asks for, seconds; 0 is that of its protocol.</summary>
    public int IdleSeconds { get; init; }

    /// <summary>
    /// True when the decision holds for this packet only and not for its flow: the TTL ran out, which the flow id does not tell.
    /// </summary>
    public bool IsForThisPacketOnly { get; init; }

    /// <summary>A drop.</summary>
    public static Decision Drop(DropReason reason, int layer = -1) => new() { Verdict = Verdict.Drop, DropReason = reason, Layer = layer };
}

/// <summary>What a port says itself in answer to a packet.</summary>
public enum AnswerKind : byte
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>ARP reply or neighbour advertisement.</summary>
    AddressResolution,

    /// <summary>Echo reply from a gateway address.</summary>
    EchoReply,

    /// <summary>ICMP time exceeded.</summary>
    TimeExceeded,

    /// <summary>ICMP fragmentation needed or packet too big.</summary>
    TooBig,

    /// <summary>A DHCP server's reply, of either family.</summary>
    Dhcp,

    /// <summary>A router advertisement.</summary>
    RouterAdvertisement,
}

/// <summary>What is known of a packet before any layer is asked.</summary>
/// <param name="IsEstablished">It belongs to a known connection, or is an ICMP error about one: firewall layers let it pass.</param>
/// <param name="Translation">The connection's two faces, when the packet is to be rewritten from one to the other.</param>
/// <param name="IsError">It is an ICMP error about a packet of the connection: its addresses are rewritten, and the packet it quotes.</param>
public readonly record struct KnownFlow(bool IsEstablished, Translation? Translation = null, bool IsError = false);
