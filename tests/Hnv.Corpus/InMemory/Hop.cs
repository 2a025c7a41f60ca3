using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Corpus.InMemory;

/// <summary>One thing that became of a packet on its way.</summary>
/// <param name="Kind">What.</param>
/// <param name="Nic">Whose port; <c>default</c> where no port is concerned.</param>
/// <param name="Bytes">The frame; for <see cref="HopKind.Wire"/> the packet from its outer IP header on; empty for a drop.</param>
/// <param name="Reason">Why, for a drop.</param>
/// <param name="IsMirror">It is a copy for an appliance.</param>
public sealed record Hop(HopKind Kind, NicId Nic, byte[] Bytes, DropReason Reason = default, bool IsMirror = false);

/// <summary>The kinds of <see cref="Hop"/>.</summary>
public enum HopKind
{
    /// <summary>An encapsulated packet left a host.</summary>
    Wire,

    /// <summary>A frame was handed to another port of the same host (<see cref="Hop.Nic"/>), all edits of its sender's side made.</summary>
    Local,

    /// <summary>A guest received a frame.</summary>
    Delivered,

    /// <summary>The port answered its own guest.</summary>
    Answered,

    /// <summary>A frame left by the uplink without encapsulation.</summary>
    Uplink,

    /// <summary>A packet ended, at a port or, with no <see cref="Hop.Nic"/>, before any port was found.</summary>
    Dropped,
}
