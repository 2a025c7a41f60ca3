using System.Buffers.Binary;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Corpus.InMemory;

/// <summary>Whole packets of the provider network, from the outer IP header on, as an executor and its kernel make and read them.</summary>
public static class Encapsulated
{
    private const byte OuterTimeToLive = 64;
    private const int TunnelHeaderSize = VxlanHeader.Size;
    private const int EcnMask = 3;

    /// <summary>Puts outer headers before a frame; the outer DF is set, the outer checksums are right.</summary>
    public static byte[] Write(
        EncapsulationType type, uint vsid, ProviderAddress source, ProviderAddress destination, uint entropy, byte trafficClass, ReadOnlySpan<byte> frame)
    {
        bool isIPv4 = source.Value.IsIPv4, isVxlan = type == EncapsulationType.Vxlan;
        int outer = isIPv4 ? IPv4Header.Size : IPv6Header.Size;
        byte[] bytes = new byte[outer + (isVxlan ? UdpHeader.Size : 0) + TunnelHeaderSize + frame.Length];
        Span<byte> body = bytes.AsSpan(outer);
        byte protocol = isVxlan ? IPProtocols.Udp : IPProtocols.Gre;
        frame.CopyTo(body[^frame.Length..]);
        Span<byte> tunnel = body.Slice(body.Length - frame.Length - TunnelHeaderSize, TunnelHeaderSize);
        BinaryPrimitives.WriteUInt32BigEndian(tunnel, isVxlan ? 0x0800_0000u : 0x2000_6558u);
        BinaryPrimitives.WriteUInt32BigEndian(tunnel[4..], (vsid << 8) | (isVxlan ? 0u : NvgreHeader.FlowId(entropy)));
        if (isVxlan)
        {
            BinaryPrimitives.WriteUInt16BigEndian(body, VxlanHeader.SourcePort(entropy));
            BinaryPrimitives.WriteUInt16BigEndian(body[2..], VxlanHeader.DefaultPort);
            BinaryPrimitives.WriteUInt16BigEndian(body[4..], (ushort)body.Length);
            ulong sum = InternetChecksum.PseudoHeader(source.Value, destination.Value, IPProtocols.Udp, body.Length) + InternetChecksum.Sum(body);
            BinaryPrimitives.WriteUInt16BigEndian(body[6..], InternetChecksum.CompleteUdp(sum));
        }

        if (isIPv4)
        {
            new IPv4Header
            {
                VersionAndLength = IPv4Header.VersionWithoutOptions,
                TrafficClass = trafficClass,
                TotalLength = (ushort)bytes.Length,
                FlagsAndFragment = IPv4Header.DontFragmentFlag,
                TimeToLive = OuterTimeToLive,
                Protocol = protocol,
                Source = source.Value,
                Destination = destination.Value,
            }.WithChecksum().Write(bytes);
        }
        else
        {
            new IPv6Header
            {
                VersionClassLabel = IPv6Header.VersionOnly | ((uint)trafficClass << 20),
                PayloadLength = (ushort)body.Length,
                NextHeader = protocol,
                HopLimit = OuterTimeToLive,
                Source = source.Value,
                Destination = destination.Value,
            }.Write(bytes);
        }

        return bytes;
    }

    /// <summary>Reads the outer headers up to the tunnel header.</summary>
    /// <returns>False when they are not what a tunnel socket would have been given.</returns>
    public static bool TryRead(ReadOnlySpan<byte> packet, out OuterHeaders outer)
    {
        outer = default;
        if (IPv4Header.TryRead(packet, out IPv4Header ipv4))
        {
            outer = new OuterHeaders(new(ipv4.Source), new(ipv4.Destination), ipv4.TrafficClass, ipv4.Protocol == IPProtocols.Udp, ipv4.HeaderLength);
            return ipv4.Protocol is IPProtocols.Udp or IPProtocols.Gre && TryEnter(packet, ref outer);
        }

        if (!IPv6Header.TryRead(packet, out IPv6Header ipv6))
        {
            return false;
        }

        outer = new OuterHeaders(new(ipv6.Source), new(ipv6.Destination), ipv6.TrafficClass, ipv6.NextHeader == IPProtocols.Udp, IPv6Header.Size);
        return ipv6.NextHeader is IPProtocols.Udp or IPProtocols.Gre && TryEnter(packet, ref outer);
    }

    /// <summary>The same packet as a congested router passes it on: CE, where the outer header allows to say so (RFC 3168).</summary>
    public static byte[] Congested(ReadOnlySpan<byte> packet)
    {
        byte[] marked = packet.ToArray();
        int shift = marked[0] >> 4 == 4 ? 0 : 4;
        ushort word = BinaryPrimitives.ReadUInt16BigEndian(marked);
        if ((word >> shift & EcnMask) == 0)
        {
            return marked;
        }

        BinaryPrimitives.WriteUInt16BigEndian(marked, (ushort)(word | (EcnMask << shift)));
        if (shift == 0)
        {
            MemoryExtensions.AsSpan(marked, 10, 2).Clear();
            BinaryPrimitives.WriteUInt16BigEndian(marked.AsSpan(10), InternetChecksum.Compute(marked.AsSpan(0, IPv4Header.Size)));
        }

        return marked;
    }

    private static bool TryEnter(ReadOnlySpan<byte> packet, ref OuterHeaders outer)
    {
        int at = outer.TunnelOffset;
        if (outer.IsUdp)
        {
            if (packet.Length < at + UdpHeader.Size || BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]) != VxlanHeader.DefaultPort)
            {
                return false;
            }

            at += UdpHeader.Size;
        }

        outer = outer with { TunnelOffset = at };
        return packet.Length >= at + TunnelHeaderSize;
    }
}

/// <summary>What a receiver learns from the outer headers.</summary>
/// <param name="Source">The sender's PA.</param>
/// <param name="Destination">The receiver's PA.</param>
/// <param name="TrafficClass">DSCP and ECN.</param>
/// <param name="IsUdp">VXLAN; otherwise GRE.</param>
/// <param name="TunnelOffset">Where the eight bytes of the tunnel header lie; the frame is behind them.</param>
public readonly record struct OuterHeaders(ProviderAddress Source, ProviderAddress Destination, byte TrafficClass, bool IsUdp, int TunnelOffset)
{
    /// <summary>Where the inner frame begins.</summary>
    public int FrameOffset => TunnelOffset + VxlanHeader.Size;
}
