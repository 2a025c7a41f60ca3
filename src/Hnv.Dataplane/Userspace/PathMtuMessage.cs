using System.Buffers.Binary;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// What a router of the provider network says when a packet of ours does not fit its next link: ICMP fragmentation needed (RFC 1191 §4) and ICMPv6
/// packet too big (RFC 4443 §3.2). It quotes that packet, which must be one that we send: from our provider address, with our encapsulation.
/// </summary>
internal static class PathMtuMessage
{
    private const int IcmpHeaderSize = 8;
    private const byte DestinationUnreachable = 3, FragmentationNeeded = 4, PacketTooBig = 2;
    private const byte Udp = 17, Gre = 47;

    /// <summary>Reads one as a <see cref="Linux.PathErrorSocket"/> hands it over.</summary>
    /// <param name="bytes">With its IPv4 header, or from the ICMPv6 header on.</param>
    /// <param name="own">The provider address it came to.</param>
    /// <param name="vxlanPort">The UDP port that we send VXLAN to.</param>
    /// <param name="destination">Where our packet was going.</param>
    /// <param name="mtu">The MTU of the link it did not fit; 0 from a router older than RFC 1191.</param>
    /// <returns>False when it is about something else.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, ProviderAddress own, ushort vxlanPort, out ProviderAddress destination, out int mtu)
    {
        destination = default;
        mtu = 0;
        return own.Value.IsIPv4
            ? TryReadIPv4(bytes, own, vxlanPort, ref destination, ref mtu)
            : TryReadIPv6(bytes, own, vxlanPort, ref destination, ref mtu);
    }

    private static bool TryReadIPv4(ReadOnlySpan<byte> bytes, ProviderAddress own, ushort vxlanPort, ref ProviderAddress destination, ref int mtu)
    {
        if (!IPv4Header.TryRead(bytes, out IPv4Header outer) || bytes.Length < outer.HeaderLength + IcmpHeaderSize)
        {
            return false;
        }

        ReadOnlySpan<byte> icmp = bytes[outer.HeaderLength..], quoted = icmp[IcmpHeaderSize..];
        if (icmp[0] != DestinationUnreachable || icmp[1] != FragmentationNeeded || quoted.Length < IPv4Header.Size)
        {
            return false;
        }

        int header = (quoted[0] & 0x0F) * 4;
        mtu = BinaryPrimitives.ReadUInt16BigEndian(icmp[6..]);
        destination = new ProviderAddress(InetAddress.ReadIPv4(quoted[16..]));
        return quoted[0] >> 4 == 4 && header >= IPv4Header.Size && quoted.Length >= header
            && InetAddress.ReadIPv4(quoted[12..]) == own.Value
            && IsOurs(quoted[9], quoted[header..], vxlanPort);
    }

    private static bool TryReadIPv6(ReadOnlySpan<byte> bytes, ProviderAddress own, ushort vxlanPort, ref ProviderAddress destination, ref int mtu)
    {
        if (bytes.Length < IcmpHeaderSize + IPv6Header.Size || bytes[0] != PacketTooBig)
        {
            return false;
        }

        ReadOnlySpan<byte> quoted = bytes[IcmpHeaderSize..];
        mtu = (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]), ushort.MaxValue);
        destination = new ProviderAddress(InetAddress.ReadIPv6(quoted[24..]));
        return quoted[0] >> 4 == 6
            && InetAddress.ReadIPv6(quoted[8..]) == own.Value
            && IsOurs(quoted[6], quoted[IPv6Header.Size..], vxlanPort);
    }

    private static bool IsOurs(byte protocol, ReadOnlySpan<byte> transport, ushort vxlanPort) =>
        protocol == Gre || (protocol == Udp && transport.Length >= 4 && BinaryPrimitives.ReadUInt16BigEndian(transport[2..]) == vxlanPort);
}
