using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>What all layers together said about one packet. Nothing has been stored yet.</summary>
public readonly record struct Decision
{
    /// <summary>What to do.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>Why, for a drop.</summary>
    public DropReason DropReason { get; init; }

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

    /// <summary>
    /// True when the decision holds for this packet only and not for its flow: the TTL ran out, which the flow id does not tell.
    /// </summary>
    public bool IsForThisPacketOnly { get; init; }

    /// <summary>A drop.</summary>
    public static Decision Drop(DropReason reason) => new() { Verdict = Verdict.Drop, DropReason = reason };
}
