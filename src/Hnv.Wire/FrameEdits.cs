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
    private const int HopLimitOffset = 7;

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
                HeaderRewriter.Update(network[IPv4ChecksumOffset..], InternetChecksum.Difference(
                    InternetChecksum.SumOf((ushort)(ttl << 8)), InternetChecksum.SumOf((ushort)((ttl - 1) << 8))));
                return true;
            case EtherTypes.IPv6 when network[HopLimitOffset] > 1:
                network[HopLimitOffset]--;
                return true;
            default:
                return false;
        }
    }

    /// <summary>Replaces the destination address.</summary>
    /// <inheritdoc cref="TryRewrite"/>
    /// <returns>False, with nothing changed, when the address is not of the packet's family.</returns>
    public static bool TryReplaceDestination(Span<byte> frame, in ParsedPacket packet, InetAddress destination, ChecksumState state) =>
        TryRewrite(
            frame, in packet, new AddressRewrite { Destination = destination, Parts = AddressRewriteParts.Destination }, state);

    /// <summary>
    /// Replaces addresses and ports, and with them the IPv4 header checksum and the checksum of TCP, UDP, ICMP and SCTP. A UDP checksum
    /// of 0 ("none") stays. A later fragment gets the addresses only: ports and checksum are in its first fragment.
    /// </summary>
    /// <param name="frame">The frame.</param>
    /// <param name="packet">Its parse: IPv4 or IPv6.</param>
    /// <param name="rewrite">What is replaced by what.</param>
    /// <param name="state">What the transport checksum field holds.</param>
    /// <returns>
    /// False, with nothing changed, when an address is not of the packet's family, when the protocol has no such port, and for the ports of
    /// a fragment of SCTP: its CRC depends on the length of the whole.
    /// </returns>
    public static bool TryRewrite(Span<byte> frame, in ParsedPacket packet, in AddressRewrite rewrite, ChecksumState state)
    {
        bool isIPv4 = packet.EtherType == EtherTypes.IPv4;
        if (!packet.IsIP || !rewrite.Fits(isIPv4))
        {
            return false;
        }

        Span<byte> network = frame[packet.NetworkOffset..packet.Length];
        byte protocol = packet.Ufid.Protocol;
        if (packet.TransportOffset == 0)
        {
            _ = HeaderRewriter.Rewrite(network, default, isIPv4, protocol, in rewrite, state);
            return true;
        }

        Span<byte> transport = frame[packet.TransportOffset..packet.Length];
        bool isEcho = HeaderRewriter.IsEcho(protocol, (byte)(packet.Ufid.DestinationPort >> 8), isIPv4);
        if (!rewrite.FitsPorts(protocol, isEcho))
        {
            return false;
        }

        if (protocol == IPProtocols.Sctp && rewrite.Has(AddressRewriteParts.SourcePort | AddressRewriteParts.DestinationPort))
        {
            if (packet.Ufid.Fragment != FragmentClass.Whole)
            {
                return false;
            }

            uint portsBefore = MemoryMarshal.Read<uint>(transport);
            _ = HeaderRewriter.Rewrite(network, transport, isIPv4, protocol, in rewrite, state);
            if (state == ChecksumState.Full)
            {
                SctpChecksum.Update(transport, portsBefore);
            }

            return true;
        }

        _ = HeaderRewriter.Rewrite(network, transport, isIPv4, protocol, in rewrite, state);
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
}
