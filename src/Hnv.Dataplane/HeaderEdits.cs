using System.Buffers.Binary;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane;

/// <summary>
/// Carries out the inner edits of a transposition in a frame, and what decapsulation does to the inner ECN field: the bytes that every executor
/// must agree on (I6).
/// </summary>
public static class HeaderEdits
{
    private const int IPv4ChecksumAt = 10;

    // TranspositionEdits.Source … DestinationPort are AddressRewriteParts, four bits up.
    private const int TranslationShift = 4;
    private const byte EcnMask = 3, Ect1 = 1, Ect0 = 2, CongestionExperienced = 3;

    /// <summary>The inner edits of a flow, the packet that an ICMP error quotes included; encap is the caller's.</summary>
    /// <param name="flow">The decision.</param>
    /// <param name="packet">The packet it was made of.</param>
    /// <param name="frame">Its frame.</param>
    /// <param name="state">What the transport checksum field holds.</param>
    /// <returns>False when the packet cannot be translated: its headers do not have what is to be replaced. It must be dropped.</returns>
    public static bool TryApply(UnifiedFlow flow, in ParsedPacket packet, Span<byte> frame, ChecksumState state)
    {
        if (flow.Extras?.Quoted is not { } quoted)
        {
            return TryApply(in flow.Transposition, in packet, frame, state);
        }

        Transposition rest = flow.Transposition;
        rest.Edits &= ~TranspositionEdits.Translation;
        return IcmpErrorEdits.TryRewrite(frame, in packet, RewriteOf(in flow.Transposition), in quoted)
            && TryApply(in rest, in packet, frame, state);
    }

    /// <summary>The inner edits of a transposition; encap is the caller's.</summary>
    /// <inheritdoc cref="TryApply(UnifiedFlow, in ParsedPacket, Span{byte}, ChecksumState)"/>
    public static bool TryApply(in Transposition transposition, in ParsedPacket packet, Span<byte> frame, ChecksumState state)
    {
        TranspositionEdits edits = transposition.Edits;
        if (transposition.Translates && !FrameEdits.TryRewrite(frame, in packet, RewriteOf(in transposition), state))
        {
            return false;
        }

        if ((edits & TranspositionEdits.DestinationMac) != 0)
        {
            FrameEdits.SetDestinationMac(frame, transposition.DestinationMac);
        }

        if ((edits & TranspositionEdits.SourceMac) != 0)
        {
            FrameEdits.SetSourceMac(frame, transposition.SourceMac);
        }

        if ((edits & TranspositionEdits.DecrementTtl) != 0)
        {
            // The port has seen to it that there is something left to lower.
            _ = FrameEdits.TryDecrementTimeToLive(frame, in packet);
        }

        return true;
    }

    /// <summary>The traffic class of the outer header: the inner one's ECN (RFC 6040 §4.1) with its DSCP or the fixed one.</summary>
    public static byte OuterTrafficClass(in Transposition transposition, in ParsedPacket packet)
    {
        int inner = packet.IsIP ? packet.TrafficClass : 0;
        return (transposition.Edits & TranspositionEdits.FixedDscp) != 0 ? (byte)((transposition.OuterDscp << 2) | (inner & EcnMask)) : (byte)inner;
    }

    /// <summary>What the outer ECN field says to the inner one at decapsulation (RFC 6040 §4.2).</summary>
    /// <returns>False when the packet must be dropped: congestion met a packet whose sender does not understand ECN.</returns>
    public static bool TryApplyOuterEcn(byte outerTrafficClass, in ParsedPacket packet, Span<byte> frame)
    {
        int outer = outerTrafficClass & EcnMask, inner = packet.TrafficClass & EcnMask;
        if (!packet.IsIP || outer is 0 or Ect0 || outer == inner)
        {
            return true;
        }

        if (inner == 0)
        {
            return outer != CongestionExperienced;
        }

        if (inner != CongestionExperienced && (outer == CongestionExperienced || (outer == Ect1 && inner == Ect0)))
        {
            SetEcn(outer, packet, frame[packet.NetworkOffset..]);
        }

        return true;
    }

    private static AddressRewrite RewriteOf(in Transposition transposition) => new()
    {
        Source = transposition.Source,
        Destination = transposition.Destination,
        SourcePort = transposition.SourcePort,
        DestinationPort = transposition.DestinationPort,
        Parts = (AddressRewriteParts)((int)(transposition.Edits & TranspositionEdits.Translation) >> TranslationShift),
    };

    private static void SetEcn(int ecn, in ParsedPacket packet, Span<byte> network)
    {
        bool isIPv4 = packet.EtherType == EtherTypes.IPv4;
        int shift = isIPv4 ? 0 : 4;                                     // IPv6: version (4), traffic class (8), flow label
        ushort old = BinaryPrimitives.ReadUInt16BigEndian(network);
        ushort updated = (ushort)((old & ~(EcnMask << shift)) | (ecn << shift));
        BinaryPrimitives.WriteUInt16BigEndian(network, updated);
        if (isIPv4)
        {
            Span<byte> field = network[IPv4ChecksumAt..];
            ulong difference = InternetChecksum.Difference(InternetChecksum.SumOf(old), InternetChecksum.SumOf(updated));
            BinaryPrimitives.WriteUInt16BigEndian(field, InternetChecksum.Update(BinaryPrimitives.ReadUInt16BigEndian(field), difference));
        }
    }
}
