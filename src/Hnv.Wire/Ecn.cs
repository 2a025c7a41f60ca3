using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Hnv.Wire;

/// <summary>
/// Explicit congestion notification through a tunnel (RFC 6040), on the lower two bits of a traffic class. On the way in the outer
/// header takes the inner's bits (normal mode, §4.1); on the way out the two are combined (§4.2):
/// <code>
///                       outer
///   inner     Not-ECT   ECT(0)    ECT(1)    CE
///   Not-ECT   Not-ECT   Not-ECT   Not-ECT   drop
///   ECT(0)    ECT(0)    ECT(0)    ECT(1)    CE
///   ECT(1)    ECT(1)    ECT(1)    ECT(1)    CE
///   CE        CE        CE        CE        CE
/// </code>
/// </summary>
public static class Ecn
{
    /// <summary>The two bits of a traffic class.</summary>
    public const byte Mask = 3;

    private const byte NotEct = 0;
    private const byte Ect1 = 1;
    private const byte Ect0 = 2;
    private const byte Ce = 3;

    /// <summary>The outer traffic class of a packet.</summary>
    /// <param name="innerTrafficClass">The inner one; 0 for frames that are not IP.</param>
    /// <param name="copyDscp">True copies the DSCP too (uniform model, RFC 2983); false leaves it 0, so that tenants cannot pick provider classes.</param>
    public static byte OuterTrafficClass(byte innerTrafficClass, bool copyDscp) =>
        copyDscp ? innerTrafficClass : (byte)(innerTrafficClass & Mask);

    /// <summary>Combines the bits of a decapsulated frame with those of the outer header it came in.</summary>
    /// <param name="frame">The inner frame, edited in place.</param>
    /// <param name="packet">Its parse; not updated.</param>
    /// <param name="outerTrafficClass">The outer header's traffic class.</param>
    /// <returns>False when the packet is to be dropped: congestion was marked on a packet whose ends cannot hear of it.</returns>
    public static bool TryDecapsulate(Span<byte> frame, in ParsedPacket packet, byte outerTrafficClass)
    {
        if (!packet.IsIP)
        {
            return true;
        }

        int outer = outerTrafficClass & Mask;
        int inner = packet.TrafficClass & Mask;
        if (outer == Ce && inner == NotEct)
        {
            return false;
        }

        if ((outer == Ce && inner != Ce) || (outer == Ect1 && inner == Ect0))
        {
            Set(frame[packet.NetworkOffset..], in packet, (byte)((packet.TrafficClass & ~Mask) | outer));
        }

        return true;
    }

    private static void Set(Span<byte> network, in ParsedPacket packet, byte trafficClass)
    {
        if (packet.EtherType == EtherTypes.IPv4)
        {
            IPv4Header header = MemoryMarshal.Read<IPv4Header>(network);
            ulong difference = InternetChecksum.Difference(
                InternetChecksum.SumOf((ushort)header.TrafficClass), InternetChecksum.SumOf((ushort)trafficClass));
            (header with { TrafficClass = trafficClass, Checksum = InternetChecksum.Update(header.Checksum, difference) }).Write(network);
            return;
        }

        uint first = BinaryPrimitives.ReadUInt32BigEndian(network);
        BinaryPrimitives.WriteUInt32BigEndian(network, (first & 0xF00F_FFFF) | ((uint)trafficClass << 20));
    }
}
