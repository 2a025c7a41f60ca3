using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <content>Going on with what was carried while no engine ran.</content>
public sealed partial class VPort
{
    /// <summary>
    /// Restores the conversation that a flow is one direction of. All flows of the port first, then <see cref="Resume"/> each: a reply is decided by
    /// what is known of its question.
    /// </summary>
    /// <returns>False when it cannot be restored, or has no state.</returns>
    public bool Restore(in CarriedFlow carried) =>
        Volatile.Read(ref _installed) is { Program.IsFailClosed: false } installed && _flows.Restore(installed, in carried);

    /// <summary>
    /// Decides a flow anew, by the program in force and the guards, as its next packet would have it decided; nothing is counted.
    /// </summary>
    /// <returns>The decision, remembered; null when nobody may carry the flow on, so that its next packet is decided by itself.</returns>
    public UnifiedFlow? Resume(in CarriedFlow carried)
    {
        const byte ack = 0x10, anyTtl = 64;
        const int frameLength = EthernetHeader.Size + IPv6Header.Size + TcpHeader.Size;
        if (Volatile.Read(ref _installed) is not { Program.IsFailClosed: false } installed)
        {
            return null;
        }

        int network = carried.Ufid.EtherType == EtherTypes.IPv4 ? IPv4Header.Size : IPv6Header.Size;
        Span<byte> frame = stackalloc byte[frameLength];
        frame.Clear();
        ParsedPacket packet = new()
        {
            Ufid = carried.Ufid,
            NetworkOffset = EthernetHeader.Size,
            TransportOffset = (ushort)(EthernetHeader.Size + network),
            PayloadOffset = (ushort)(EthernetHeader.Size + network),
            Length = EthernetHeader.Size + network,
            NetworkLength = network,
            TimeToLive = anyTtl,
            TcpFlags = carried.Ufid.Protocol == IPProtocols.Tcp ? ack : (byte)0,
            DontFragment = true,
        };
        GuardResult guard = carried.Direction == Direction.Outbound
            ? PortGuard.Outbound(installed, in packet, frame)
            : PortGuard.Inbound(installed.Program, in packet);
        return guard.Verdict == Verdict.Forward ? _flows.Resume(installed, this, carried.Direction, in packet, carried.LastUsed) : null;
    }
}
