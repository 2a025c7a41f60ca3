using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>The beginning of the packet that an ICMP error quotes: what tells which flow the error is about.</summary>
public readonly record struct QuotedPacket
{
    /// <summary>Source address.</summary>
    public InetAddress Source { get; init; }

    /// <summary>Destination address.</summary>
    public InetAddress Destination { get; init; }

    /// <summary>IP protocol; behind IPv6 extension headers the upper-layer one.</summary>
    public byte Protocol { get; init; }

    /// <summary>As <see cref="Ufid.SourcePort"/>: source port or echo identifier; 0 in a later fragment.</summary>
    public ushort SourcePort { get; init; }

    /// <summary>As <see cref="Ufid.DestinationPort"/>: destination port, or ICMP type &lt;&lt; 8 | code; 0 in a later fragment.</summary>
    public ushort DestinationPort { get; init; }

    /// <summary>A later fragment is quoted: no ports are known.</summary>
    public bool IsFragmentLater { get; init; }

    /// <summary>Offset of the quoted IP header from the frame's first byte.</summary>
    public int NetworkOffset { get; init; }

    /// <summary>Offset of the quoted transport header; 0 in a later fragment.</summary>
    public int TransportOffset { get; init; }
}

/// <summary>
/// Reading and translating the packet that an ICMP or ICMPv6 error carries (RFC 792, RFC 4443 §3). A translator must do both: the host that
/// gets the error knows its own packet only as it sent it (RFC 5508 §4.2).
/// </summary>
public static class IcmpErrorEdits
{
    /// <summary>RFC 792 promises the header and 64 bits behind it.</summary>
    private const int TransportQuotedMin = 8;

    /// <summary>Reads what an error quotes.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="packet">Its parse.</param>
    /// <param name="quoted">The quoted packet.</param>
    /// <returns>
    /// False when the packet is no whole ICMP error, is a redirect of IPv6 (which quotes nothing of use), or when what it quotes is cut
    /// before the ports, is malformed, or is an ICMP error itself, about which no honest error is sent.
    /// </returns>
    public static bool TryReadQuoted(ReadOnlySpan<byte> frame, in ParsedPacket packet, out QuotedPacket quoted)
    {
        quoted = default;
        if (packet.Ufid.Fragment != FragmentClass.Whole || !IcmpMessages.IsError(in packet) || packet.Length > frame.Length)
        {
            return false;
        }

        frame = frame[..packet.Length];
        int network = packet.TransportOffset + IcmpHeader.Size;
        if (packet.EtherType == EtherTypes.IPv4)
        {
            return TryReadIPv4(frame, network, out quoted);
        }

        bool quotes = packet.Ufid.DestinationPort >> 8 is >= IcmpTypes.V6DestinationUnreachable and <= IcmpTypes.V6ParameterProblem;
        return quotes && TryReadIPv6(frame, network, out quoted);
    }

    /// <summary>
    /// Replaces addresses of an error, and addresses and ports or identifier of the packet it quotes, with the header checksum and the
    /// UDP, TCP or ICMP checksum of the quoted packet as far as they are quoted, and the checksum of the error itself. The CRC of quoted SCTP stays
    /// as it is: it covers more than is quoted.
    /// </summary>
    /// <param name="frame">The frame, with a complete checksum.</param>
    /// <param name="packet">Its parse.</param>
    /// <param name="outer">For the error; addresses only.</param>
    /// <param name="quoted">For the quoted packet; its ports are left out when it is a later fragment.</param>
    /// <returns>False, with nothing changed, when nothing is quoted that can be read or the rewrites do not fit.</returns>
    public static bool TryRewrite(Span<byte> frame, in ParsedPacket packet, in AddressRewrite outer, in AddressRewrite quoted)
    {
        bool isIPv4 = packet.EtherType == EtherTypes.IPv4;
        if (!TryReadQuoted(frame, in packet, out QuotedPacket about)
            || outer.Has(AddressRewriteParts.SourcePort | AddressRewriteParts.DestinationPort)
            || !outer.Fits(isIPv4)
            || !quoted.Fits(isIPv4))
        {
            return false;
        }

        bool isEcho = HeaderRewriter.IsEcho(about.Protocol, (byte)(about.DestinationPort >> 8), isIPv4);
        if (!about.IsFragmentLater && !quoted.FitsPorts(about.Protocol, isEcho))
        {
            return false;
        }

        // All that changes lies between the quoted IP header and the end of the longest transport header with a checksum. Its sum before
        // and after is what the error's checksum has to make up for.
        int end = Math.Min(packet.Length, (about.IsFragmentLater ? about.NetworkOffset + IPv6Header.Size : about.TransportOffset) + TcpHeader.Size);
        Span<byte> changing = frame[about.NetworkOffset..end];
        Span<byte> transport = about.IsFragmentLater ? default : frame[about.TransportOffset..end];
        ulong before = InternetChecksum.Sum(changing);
        _ = HeaderRewriter.Rewrite(changing, transport, isIPv4, about.Protocol, in quoted, ChecksumState.Full);
        ulong difference = InternetChecksum.Difference(before, InternetChecksum.Sum(changing));

        // The error has a pseudo-header only in IPv6, so its rewriter may update its checksum for the addresses; the quote comes on top.
        Span<byte> network = frame[packet.NetworkOffset..packet.Length];
        Span<byte> icmp = frame[packet.TransportOffset..packet.Length];
        _ = HeaderRewriter.Rewrite(network, icmp, isIPv4, packet.Ufid.Protocol, in outer, ChecksumState.Full);
        HeaderRewriter.Update(icmp[IcmpHeader.ChecksumOffset..], difference);
        return true;
    }

    private static bool TryReadIPv4(ReadOnlySpan<byte> frame, int network, out QuotedPacket quoted)
    {
        quoted = default;
        ReadOnlySpan<byte> bytes = frame[network..];
        if (!IPv4Header.TryRead(bytes, out IPv4Header header) || header.HeaderLength > bytes.Length)
        {
            return false;
        }

        return TryReadTransport(
            frame,
            network + header.HeaderLength,
            isIPv4: true,
            new QuotedPacket
            {
                Source = header.Source,
                Destination = header.Destination,
                Protocol = header.Protocol,
                IsFragmentLater = (header.FlagsAndFragment.Host & IPv4Header.FragmentOffsetMask) != 0,
                NetworkOffset = network,
            },
            out quoted);
    }

    private static bool TryReadIPv6(ReadOnlySpan<byte> frame, int network, out QuotedPacket quoted)
    {
        quoted = default;
        if (!IPv6Header.TryRead(frame[network..], out IPv6Header header) || header.Source.Host.IsIPv4 || header.Destination.Host.IsIPv4)
        {
            return false;
        }

        int transport = network + IPv6Header.Size;
        int end = transport + header.PayloadLength;
        byte protocol = header.NextHeader;
        FragmentClass fragment = FragmentClass.Whole;
        uint identification = 0;
        if (IPv6Extensions.Walk(frame, end, ref transport, ref protocol, ref fragment, ref identification) != ParseFault.None)
        {
            return false;
        }

        return TryReadTransport(
            frame,
            transport,
            isIPv4: false,
            new QuotedPacket
            {
                Source = header.Source,
                Destination = header.Destination,
                Protocol = protocol,
                IsFragmentLater = fragment == FragmentClass.Later,
                NetworkOffset = network,
            },
            out quoted);
    }

    private static bool TryReadTransport(ReadOnlySpan<byte> frame, int transport, bool isIPv4, in QuotedPacket begun, out QuotedPacket quoted)
    {
        quoted = begun;
        if (begun.IsFragmentLater)
        {
            return true;
        }

        quoted = begun with { TransportOffset = transport };
        ReadOnlySpan<byte> bytes = frame[transport..];
        if (begun.Protocol is IPProtocols.Tcp or IPProtocols.Udp or IPProtocols.Sctp)
        {
            if (bytes.Length < TransportQuotedMin)
            {
                return false;
            }

            quoted = quoted with
            {
                SourcePort = MemoryMarshal.Read<U16Be>(bytes),
                DestinationPort = MemoryMarshal.Read<U16Be>(bytes[U16Be.Size..]),
            };
            return true;
        }

        if (!HeaderRewriter.IsIcmp(begun.Protocol, isIPv4))
        {
            return true;
        }

        if (!IcmpHeader.TryRead(bytes, out IcmpHeader icmp) || IcmpMessages.IsErrorType(icmp.Type, isIPv4))
        {
            return false;
        }

        quoted = quoted with
        {
            SourcePort = HeaderRewriter.IsEcho(begun.Protocol, icmp.Type, isIPv4) ? (ushort)(icmp.Rest.Host >> 16) : (ushort)0,
            DestinationPort = (ushort)((icmp.Type << 8) | icmp.Code),
        };
        return true;
    }
}
