using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Tests;

/// <summary>What the programs have to make of a frame: what parser and edits of the executor make of it, or nothing at all when it is for the engine.</summary>
internal static class EbpfOracle
{
    private const byte FinSynReset = 0x07;

    /// <summary>What must leave; null when the packet is not for the programs.</summary>
    public static byte[]? Outbound(byte[] frame, in Ufid flow, in Transposition transposition, bool overIPv4)
    {
        if (PacketParser.TryParse(frame, out ParsedPacket packet) != ParseFault.None || packet.Ufid != flow || !IsForPrograms(in packet, frame, in transposition))
        {
            return null;
        }

        byte trafficClass = HeaderEdits.OuterTrafficClass(in transposition, in packet);
        byte[] inner = (byte[])frame.Clone();
        Assert.True(HeaderEdits.TryApply(in transposition, in packet, inner, ChecksumState.Full));
        return EbpfPrograms.Encapsulate(in transposition, in flow, trafficClass, inner, overIPv4);
    }

    /// <summary>What must reach the guest of a frame that lay behind right outer headers; null when it is not for the programs.</summary>
    public static byte[]? Inbound(byte[] frame, in Ufid flow, in Transposition transposition, byte outerTrafficClass)
    {
        byte[] inner = (byte[])frame.Clone();
        return PacketParser.TryParse(frame, out ParsedPacket packet) == ParseFault.None
            && packet.Ufid == flow
            && IsForPrograms(in packet, frame, in transposition)
            && HeaderEdits.TryApplyOuterEcn(outerTrafficClass, in packet, inner)
            && HeaderEdits.TryApply(in transposition, in packet, inner, ChecksumState.Full)
            ? inner
            : null;
    }

    /// <summary>TCP, UDP or an echo: what of ICMP is an error says by what it quotes what becomes of it.</summary>
    public static bool IsOrdinary(in Ufid flow) => flow.Protocol switch
    {
        IPProtocols.Tcp or IPProtocols.Udp => true,
        IPProtocols.Icmp => flow.EtherType == EtherTypes.IPv4 && flow.DestinationPort >> 8 is 0 or 8,
        IPProtocols.IcmpV6 => flow.EtherType == EtherTypes.IPv6 && flow.DestinationPort >> 8 is 128 or 129,
        _ => false,
    };

    /// <summary>Ordinary, and within what was decided.</summary>
    private static bool IsForPrograms(in ParsedPacket packet, byte[] frame, in Transposition transposition)
    {
        bool isPlainIP = packet.EtherType == EtherTypes.IPv4 ? frame[14] == 0x45 : packet.TransportOffset == EthernetHeader.Size + IPv6Header.Size;
        return isPlainIP
            && IsOrdinary(in packet.Ufid)
            && !packet.IsTagged
            && !packet.IsMulticastFrame
            && packet.Ufid.Fragment == FragmentClass.Whole
            && (packet.TcpFlags & FinSynReset) == 0
            && ((transposition.Edits & TranspositionEdits.DecrementTtl) == 0 || packet.TimeToLive > 1)
            && (transposition.MaxLength == 0 || packet.NetworkLength <= transposition.MaxLength);
    }
}
