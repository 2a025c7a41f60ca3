using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hnv.Wire;

/// <summary>
/// Carries out an <see cref="AddressRewrite"/> on one packet's headers, be it the packet of a frame or the beginning of one that an ICMP error
/// quotes. Checksums are updated, never computed (RFC 1624): a packet that was damaged on its way stays seen to be damaged.
/// </summary>
internal static class HeaderRewriter
{
    private const int IPv4ChecksumOffset = 10;
    private const int IPv4AddressesOffset = 12;
    private const int IPv6AddressesOffset = 8;
    private const int EchoIdentifierOffset = 4;
    private const int NoChecksum = -1;

    /// <summary>Rewrites addresses with the IPv4 header checksum, then ports or identifier, then the Internet checksum over them.</summary>
    /// <param name="network">From the IP header on.</param>
    /// <param name="transport">From the transport header on, at least eight bytes if there are ports to set; empty when there is none.</param>
    /// <param name="isIPv4">The family.</param>
    /// <param name="protocol">The upper-layer protocol.</param>
    /// <param name="rewrite">It must fit the packet.</param>
    /// <param name="state">What the transport checksum field holds.</param>
    /// <returns>The change in the sum of the addresses.</returns>
    public static ulong Rewrite(
        Span<byte> network, Span<byte> transport, bool isIPv4, byte protocol, in AddressRewrite rewrite, ChecksumState state)
    {
        ulong addresses = RewriteAddresses(network, isIPv4, in rewrite);
        if (isIPv4 && addresses != 0)
        {
            Update(network[IPv4ChecksumOffset..], addresses);
        }

        if (transport.IsEmpty)
        {
            return addresses;
        }

        ulong ports = RewritePorts(transport, IsIcmp(protocol, isIPv4), in rewrite);

        // ICMP of IPv4 has no pseudo-header. A partial checksum is the pseudo-header's sum; what lies behind that is summed when it is completed.
        ulong difference = protocol == IPProtocols.Icmp ? 0 : addresses;
        difference += state == ChecksumState.Full ? ports : 0;
        int offset = ChecksumOffset(protocol, isIPv4);
        if (difference != 0 && offset >= 0 && offset <= transport.Length - U16Be.Size)
        {
            UpdateTransport(transport[offset..], difference, protocol == IPProtocols.Udp, state);
        }

        return addresses;
    }

    /// <summary>Where the Internet checksum lies in a transport header; negative when it has none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ChecksumOffset(byte protocol, bool isIPv4) => protocol switch
    {
        IPProtocols.Tcp => TcpHeader.ChecksumOffset,
        IPProtocols.Udp => UdpHeader.ChecksumOffset,
        _ => IsIcmp(protocol, isIPv4) ? IcmpHeader.ChecksumOffset : NoChecksum,
    };

    /// <summary>True for the ICMP of that family.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsIcmp(byte protocol, bool isIPv4) => protocol == (isIPv4 ? IPProtocols.Icmp : IPProtocols.IcmpV6);

    /// <summary>True for an echo request or reply of that family.</summary>
    public static bool IsEcho(byte protocol, byte type, bool isIPv4) =>
        IsIcmp(protocol, isIPv4)
        && (isIPv4 ? type is IcmpTypes.EchoRequest or IcmpTypes.EchoReply : type is IcmpTypes.V6EchoRequest or IcmpTypes.V6EchoReply);

    /// <summary>Updates an Internet checksum that is not UDP's.</summary>
    public static void Update(Span<byte> field, ulong difference) =>
        MemoryMarshal.Write(field, U16Be.FromHost(InternetChecksum.Update(MemoryMarshal.Read<U16Be>(field), difference)));

    private static ulong RewriteAddresses(Span<byte> network, bool isIPv4, in AddressRewrite rewrite)
    {
        if (!rewrite.Has(AddressRewriteParts.Source | AddressRewriteParts.Destination))
        {
            return 0;
        }

        int size = isIPv4 ? IPv4Be.Size : IPv6Be.Size;
        Span<byte> addresses = network.Slice(isIPv4 ? IPv4AddressesOffset : IPv6AddressesOffset, 2 * size);
        ulong before = InternetChecksum.Sum(addresses);
        if (rewrite.Has(AddressRewriteParts.Source))
        {
            rewrite.Source.Write(addresses);
        }

        if (rewrite.Has(AddressRewriteParts.Destination))
        {
            rewrite.Destination.Write(addresses[size..]);
        }

        return InternetChecksum.Difference(before, InternetChecksum.Sum(addresses));
    }

    private static ulong RewritePorts(Span<byte> transport, bool isIcmp, in AddressRewrite rewrite)
    {
        if (!rewrite.Has(AddressRewriteParts.SourcePort | AddressRewriteParts.DestinationPort))
        {
            return 0;
        }

        Span<byte> ports = transport.Slice(isIcmp ? EchoIdentifierOffset : 0, 2 * U16Be.Size);
        ulong before = InternetChecksum.Sum(ports);
        if (rewrite.Has(AddressRewriteParts.SourcePort))
        {
            MemoryMarshal.Write(ports, U16Be.FromHost(rewrite.SourcePort));
        }

        if (rewrite.Has(AddressRewriteParts.DestinationPort))
        {
            MemoryMarshal.Write(ports[U16Be.Size..], U16Be.FromHost(rewrite.DestinationPort));
        }

        return InternetChecksum.Difference(before, InternetChecksum.Sum(ports));
    }

    private static void UpdateTransport(Span<byte> field, ulong difference, bool isUdp, ChecksumState state)
    {
        ushort checksum = MemoryMarshal.Read<U16Be>(field);
        if (state == ChecksumState.Partial)
        {
            MemoryMarshal.Write(field, U16Be.FromHost(InternetChecksum.UpdatePartial(checksum, difference)));
        }
        else if (!isUdp || checksum != 0)
        {
            ushort updated = InternetChecksum.Update(checksum, difference);
            MemoryMarshal.Write(field, U16Be.FromHost(isUdp && updated == 0 ? ushort.MaxValue : updated));
        }
    }
}
