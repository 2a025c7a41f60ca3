using System.Buffers.Binary;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>Carries out the inner edits of a transposition, and what decapsulation does to the inner ECN field.</summary>
internal static class HeaderEdits
{
    private const int IPv4ChecksumAt = 10;
    private const byte EcnMask = 3, Ect1 = 1, Ect0 = 2, CongestionExperienced = 3;

    /// <summary>The inner edits; encap is the caller's.</summary>
    public static void Apply(in Transposition transposition, in ParsedPacket packet, Span<byte> frame)
    {
        TranspositionEdits edits = transposition.Edits;
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
