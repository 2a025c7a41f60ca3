using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// A remembered decision: what the slow path said about one flow of one VPort in one direction. The decision is immutable; the
/// counters and the last use are written by the port without locks (a lost increment between two workers is accepted).
/// </summary>
public sealed class UnifiedFlow
{
    private long _packets;
    private long _bytes;
    private long _lastUsed;
    private bool _isRemembered;

    /// <summary>What the flow is recognised by.</summary>
    public required Ufid Ufid { get; init; }

    /// <summary>The generation of the program that decided; under any other the flow counts as a miss and is resimulated.</summary>
    public required uint Generation { get; init; }

    /// <summary>What to do.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>Why, when <see cref="Verdict"/> is <see cref="Vfp.Verdict.Drop"/>.</summary>
    public DropReason DropReason { get; init; }

    /// <summary>Which way its packets go, as the VM sees it.</summary>
    public required Direction Direction { get; init; }

    /// <summary>Which layer dropped it: its place in the program plus one; 0 when a guard or no layer did.</summary>
    public byte DropLayer { get; init; }

    /// <summary>Which rule dropped it; null when none did.</summary>
    public Rule? DropRule => Edits.DropRule;

    /// <summary>What to say, when <see cref="Verdict"/> is <see cref="Vfp.Verdict.Hairpin"/>.</summary>
    public AnswerKind Answer { get; init; }

    /// <summary>How its bytes count.</summary>
    public MeterClass Meter { get; init; }

    /// <summary>The edits, when the packet is forwarded.</summary>
    public ref readonly Transposition Transposition => ref Edits.Value;

    /// <summary>Where a packet that is not encapsulated goes; null otherwise.</summary>
    public VPort? Destination { get; init; }

    /// <summary>What few flows have; null for all others.</summary>
    public FlowExtras? Extras { get; init; }

    /// <summary>
    /// The members a packet with verdict <see cref="Vfp.Verdict.Replicate"/> is copied to, one per NIC and with its CA of the packet's
    /// family; never the sender itself. Empty for any other verdict.
    /// </summary>
    public ReadOnlyMemory<ReplicationTarget> ReplicationTargets => Extras?.ReplicationTargets;

    /// <summary>Packets since the flow was made; a super-packet counts as one.</summary>
    public long Packets => Volatile.Read(ref _packets);

    /// <summary>Bytes of inner frames since the flow was made.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Coarse clock (<see cref="Environment.TickCount64"/>, milliseconds) of the last packet.</summary>
    public long LastUsed => Volatile.Read(ref _lastUsed);

    /// <summary>How far the conversation has come that the flow is one direction of; null when it has no state.</summary>
    public ConnectionState? State => Connection is { IsBlocked: false } connection ? connection.State : null;

    /// <summary>What of its conversation somebody must keep who is to carry the flow on when this process is gone.</summary>
    public ConversationMarks Marks => Connection?.Marks ?? ConversationMarks.None;

    /// <summary>The idle time that its conversation's rule asks for, seconds; 0 is that of the protocol.</summary>
    public ushort IdleSeconds => Connection?.IdleSeconds ?? 0;

    /// <summary>
    /// True while the port remembers the flow. False for what was decided for one packet alone, found no room or has been forgotten: nobody else may
    /// carry it out.
    /// </summary>
    public bool IsRemembered
    {
        get => Volatile.Read(ref _isRemembered);
        internal set => Volatile.Write(ref _isRemembered, value);
    }

    /// <summary>Whatever the <see cref="IFlowOffload"/> knows the flow by; 0 when it does not. Never looked at here.</summary>
    public int OffloadSlot { get; set; }

    /// <summary>The edits, shared with the flows that have the same.</summary>
    internal SharedTransposition Edits { get; init; } = SharedTransposition.None;

    /// <summary>The connection that this flow is one direction of; null for drops and whatever has no state.</summary>
    internal Connection? Connection { get; set; }

    /// <summary>The next flow of the same connection.</summary>
    internal UnifiedFlow? NextOfConnection { get; set; }

    /// <summary><see cref="Ufid"/>'s hash, so that a probe compares one word before it compares seven.</summary>
    internal uint Hash { get; init; }

    /// <summary>Counts one packet; the deciding port does it, not the executor.</summary>
    public void Count(int bytes, long now)
    {
        _packets++;
        _bytes += bytes;
        _lastUsed = now;
    }

    /// <summary>Counts packets that somebody else carried; the last one may be older than one counted here.</summary>
    internal void Count(long packets, long bytes, long lastUsed)
    {
        _packets += packets;
        _bytes += bytes;
        _lastUsed = Math.Max(_lastUsed, lastUsed);
    }
}

/// <summary>A transposition that many flows of a port have in common: most of what a guest sends goes to few places.</summary>
internal sealed class SharedTransposition(in Transposition value)
{
    public readonly Transposition Value = value;

    /// <summary>The rule that dropped the packet, instead of edits.</summary>
    public Rule? DropRule { get; init; }

    /// <summary>No edits.</summary>
    public static SharedTransposition None { get; } = new(default);
}

/// <summary>What few flows have beside a transposition.</summary>
public sealed record FlowExtras
{
    /// <summary>The forwarding table that the ports in it were found in; under any other they have to be looked for again.</summary>
    internal ForwardingTable? Forwarding { get; init; }

    /// <summary>The members that a broadcast or multicast is copied to.</summary>
    public ReplicationTarget[]? ReplicationTargets { get; init; }

    /// <summary>What becomes of the packet that an ICMP error quotes.</summary>
    public AddressRewrite? Quoted { get; init; }

    /// <summary>Where a copy goes, as the packet is at the guest.</summary>
    public MirrorCopy? Mirror { get; init; }
}

/// <summary>One copy of a replicated packet: whose it is and how it gets there.</summary>
/// <param name="Address">The member's CA, written over the destination address (R37); null leaves the address as it is.</param>
/// <param name="Transposition">The member's MAC as destination, and encap when it lives on another host.</param>
/// <param name="Destination">The member's port when it lives on this host.</param>
public sealed record ReplicationTarget(CustomerAddress? Address, Transposition Transposition, VPort? Destination);

/// <summary>The copy of a mirrored packet.</summary>
/// <param name="Transposition">The appliance's MAC as destination, and encap when it lives on another host.</param>
/// <param name="Destination">The appliance's port when it lives on this host.</param>
public sealed record MirrorCopy(Transposition Transposition, VPort? Destination);
