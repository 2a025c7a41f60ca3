using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>What the transport checksum field of a frame holds.</summary>
public enum ChecksumState : byte
{
    /// <summary>The checksum.</summary>
    Full = 0,

    /// <summary>
    /// The folded pseudo-header sum, not complemented: the sender left the rest to an offload (<c>VIRTIO_NET_HDR_F_NEEDS_CSUM</c>).
    /// </summary>
    Partial = 1,
}

/// <summary>
/// The edits an executor makes in a frame, in place, with every checksum kept right (RFC 1624). The frame must be the one
/// <see cref="PacketParser"/> filled the <see cref="ParsedPacket"/> from; the parse is not updated.
/// </summary>
public static class FrameEdits
{
    private const int TimeToLiveOffset = 8;
    private const int IPv4ChecksumOffset = 10;
    private const int IPv4DestinationOffset = 16;
    private const int HopLimitOffset = 7;
    private const int IPv6DestinationOffset = 24;

    /// <summary>Sets the destination MAC.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetDestinationMac(Span<byte> frame, MacAddress mac) => mac.Write(frame);

    /// <summary>Sets the source MAC.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetSourceMac(Span<byte> frame, MacAddress mac) => mac.Write(frame[MacAddress.Size..]);

    /// <summary>Lowers TTL or hop limit by one, and updates the IPv4 header checksum.</summary>
    /// <returns>False, with nothing changed, when it is 0 or 1 already (the packet ends here) or the frame is not IP.</returns>
    public static bool TryDecrementTimeToLive(Span<byte> frame, in ParsedPacket packet)
    {
        Span<byte> network = frame[packet.NetworkOffset..];
        switch (packet.EtherType)
        {
            case EtherTypes.IPv4 when network[TimeToLiveOffset] > 1:
                byte ttl = network[TimeToLiveOffset];
                network[TimeToLiveOffset] = (byte)(ttl - 1);
                Update(network[IPv4ChecksumOffset..], InternetChecksum.Difference(
                    InternetChecksum.SumOf((ushort)(ttl << 8)), InternetChecksum.SumOf((ushort)((ttl - 1) << 8))));
                return true;
            case EtherTypes.IPv6 when network[HopLimitOffset] > 1:
                network[HopLimitOffset]--;
                return true;
            default:
                return false;
        }
    }

    /// <summary>
    /// Replaces the destination address, and with it the IPv4 header checksum and the checksum of TCP, UDP and ICMPv6. A UDP checksum of
    /// 0 ("none") stays, SCTP's does not cover addresses. A later fragment has no transport checksum to change: its first fragment has.
    /// </summary>
    /// <param name="frame">The frame.</param>
    /// <param name="packet">Its parse: IPv4 or IPv6.</param>
    /// <param name="destination">The new address.</param>
    /// <param name="state">What the transport checksum field holds.</param>
    /// <returns>False, with nothing changed, when the address is not of the packet's family.</returns>
    public static bool TryReplaceDestination(Span<byte> frame, in ParsedPacket packet, InetAddress destination, ChecksumState state)
    {
        if (!packet.IsIP || destination.IsIPv4 != (packet.EtherType == EtherTypes.IPv4))
        {
            return false;
        }

        Span<byte> network = frame[packet.NetworkOffset..];
        InetAddress old = destination.IsIPv4
            ? InetAddress.ReadIPv4(network[IPv4DestinationOffset..])
            : InetAddress.ReadIPv6(network[IPv6DestinationOffset..]);
        ulong difference = InternetChecksum.Difference(InternetChecksum.SumOf(old), InternetChecksum.SumOf(destination));
        if (destination.IsIPv4)
        {
            destination.Write(network[IPv4DestinationOffset..]);
            Update(network[IPv4ChecksumOffset..], difference);
        }
        else
        {
            destination.Write(network[IPv6DestinationOffset..]);
        }

        UpdateTransport(frame, in packet, difference, state);
        return true;
    }

    /// <summary>
    /// Completes a partial checksum in software, as <c>csum_start</c> and <c>csum_offset</c> of a <c>virtio_net_hdr</c> say: the sum from
    /// <paramref name="start"/> to the frame's end, with the field's own value in it, goes complemented into the field. A result of 0 is
    /// written as 0xFFFF, which is the same number to every receiver and not UDP's "none".
    /// </summary>
    /// <param name="frame">The frame, up to the end of the IP packet (without padding).</param>
    /// <param name="start">Offset of the transport header.</param>
    /// <param name="offset">Offset of the checksum field in it.</param>
    /// <returns>False, with nothing changed, when the field does not lie in the frame.</returns>
    public static bool TryCompleteChecksum(Span<byte> frame, int start, int offset)
    {
        if (start < 0 || offset < 0 || start > frame.Length || offset > frame.Length - start - U16Be.Size)
        {
            return false;
        }

        ulong sum = InternetChecksum.Sum(frame[start..]);
        MemoryMarshal.Write(frame[(start + offset)..], U16Be.FromHost(InternetChecksum.CompleteUdp(sum)));
        return true;
    }

    /// <summary>Offset of the transport checksum that covers the pseudo-header, from the frame's first byte; 0 when there is none.</summary>
    public static int PseudoHeaderChecksumOffset(in ParsedPacket packet)
    {
        if (packet.TransportOffset == 0)
        {
            return 0;
        }

        return packet.Ufid.Protocol switch
        {
            IPProtocols.Tcp => packet.TransportOffset + TcpHeader.ChecksumOffset,
            IPProtocols.Udp => packet.TransportOffset + UdpHeader.ChecksumOffset,
            IPProtocols.IcmpV6 when packet.EtherType == EtherTypes.IPv6 => packet.TransportOffset + IcmpHeader.ChecksumOffset,
            _ => 0,
        };
    }

    private static void UpdateTransport(Span<byte> frame, in ParsedPacket packet, ulong difference, ChecksumState state)
    {
        int offset = PseudoHeaderChecksumOffset(in packet);
        if (offset == 0)
        {
            return;
        }

        Span<byte> field = frame[offset..];
        ushort checksum = MemoryMarshal.Read<U16Be>(field);
        bool isUdp = packet.Ufid.Protocol == IPProtocols.Udp;
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

    private static void Update(Span<byte> field, ulong difference) =>
        MemoryMarshal.Write(field, U16Be.FromHost(InternetChecksum.Update(MemoryMarshal.Read<U16Be>(field), difference)));
}
