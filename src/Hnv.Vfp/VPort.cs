using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>The vSwitch port of one VM NIC: owner of one program, one flow table per direction, and counters.</summary>
public sealed class VPort
{
    /// <summary>Makes a port without a program: it drops everything (<see cref="DropReason.NoPolicy"/>) until it gets one.</summary>
    public VPort(NicId nic, string deviceName)
    {
        Nic = nic;
        DeviceName = deviceName;
    }

    /// <summary>The network interface plugged in here.</summary>
    public NicId Nic { get; }

    /// <summary>The Linux network device.</summary>
    public string DeviceName { get; }

    /// <summary>Whatever the executor needs to reach the device; set by it, never looked at here.</summary>
    public object? ExecutorState { get; set; }

    /// <summary>
    /// Decides a packet that the VM sent: guards, then the unified flow, then (on a miss) the slow path. Never null. Callable from several
    /// workers at once; lock-free on a hit. Counts the packet on the port and the flow, a drop under its reason: the executor counts only
    /// what it drops itself.
    /// </summary>
    /// <param name="packet">The parse of <paramref name="frame"/>.</param>
    /// <param name="frame">The frame, for what the flow id does not hold (ARP bodies).</param>
    /// <param name="now">Coarse clock in milliseconds.</param>
    public UnifiedFlow DecideOutbound(in ParsedPacket packet, ReadOnlySpan<byte> frame, long now) => throw new NotImplementedException();

    /// <summary>Decides a packet on its way to the VM, decapsulated or from another port of this host.</summary>
    public UnifiedFlow DecideInbound(in ParsedPacket packet, ReadOnlySpan<byte> frame, long now) => throw new NotImplementedException();

    /// <summary>
    /// Writes the answer to a packet whose verdict is <see cref="Verdict.Hairpin"/> (ARP or neighbour answer, router echo reply, time
    /// exceeded): a complete frame for the port it came from.
    /// </summary>
    /// <returns>Bytes written; 0 when there is nothing to say (or no room).</returns>
    public int Answer(in ParsedPacket packet, ReadOnlySpan<byte> frame, Span<byte> answer) => throw new NotImplementedException();

    /// <summary>Counts a drop that the executor had to make.</summary>
    public void CountDrop(DropReason reason, Direction direction) => throw new NotImplementedException();
}

/// <summary>One copy of a replicated packet: whose it is and how it gets there.</summary>
/// <param name="Address">The member's CA, written over the destination address (R37).</param>
/// <param name="Transposition">The member's MAC as destination, and encap when it lives on another host.</param>
/// <param name="Destination">The member's port when it lives on this host.</param>
public sealed record ReplicationTarget(CustomerAddress Address, Transposition Transposition, VPort? Destination);
