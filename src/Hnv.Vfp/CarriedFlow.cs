using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>A flow that was carried on by somebody else while no engine ran, as it was decided by an engine that has ended.</summary>
/// <param name="Ufid">What it is recognised by.</param>
/// <param name="Direction">As the VM sees it.</param>
/// <param name="Translated">The same packet behind its translation; equal to <paramref name="Ufid"/> when it has none.</param>
/// <param name="Marks">What was kept of its conversation.</param>
/// <param name="IdleSeconds">The idle time that the conversation's rule asked for; 0 is that of the protocol.</param>
/// <param name="LastUsed">Coarse clock of its last packet, milliseconds.</param>
public readonly record struct CarriedFlow(Ufid Ufid, Direction Direction, Ufid Translated, ConversationMarks Marks, ushort IdleSeconds, long LastUsed)
{
    /// <summary>It stands for a conversation that no flow was remembered of: the packet that began it, without MACs.</summary>
    public bool IsNote { get; init; }
}

/// <summary>What is kept of a conversation beside its addresses, so that another engine can go on with it. The numbers outlive a process.</summary>
[Flags]
public enum ConversationMarks : ushort
{
    /// <summary>It has no state.</summary>
    None = 0,

    /// <summary>It has state: replies pass because it was begun.</summary>
    Stateful = 1,

    /// <summary>The network began it, not the guest.</summary>
    BegunInbound = 2,

    /// <summary>Packets of both directions were seen.</summary>
    Answered = 4,

    /// <summary>It has two faces.</summary>
    Translated = 8,

    /// <summary>Its source was taken from a pool.</summary>
    HoldsBinding = 16,

    /// <summary>It is the second half of a conversation of a port with itself.</summary>
    Returning = 32,

    /// <summary>The guest sent FIN.</summary>
    OutboundFin = 64,

    /// <summary>The guest sent RST.</summary>
    OutboundReset = 128,

    /// <summary>The network sent FIN.</summary>
    InboundFin = 256,

    /// <summary>The network sent RST.</summary>
    InboundReset = 512,
}
