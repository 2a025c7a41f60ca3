using System.Buffers.Binary;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Dataplane.Ebpf;

/// <summary>The outer headers of a packet that the uplink's program punted: it has seen to it that they are plain.</summary>
internal readonly record struct OuterHeaders(ProviderAddress Source, Vsid Vsid, byte TrafficClass, int Length)
{
    /// <summary>Reads Ethernet, IP, and VXLAN or NVGRE headers.</summary>
    /// <returns>False when they are anything else than the program lets through.</returns>
    public static bool TryRead(ReadOnlySpan<byte> frame, out OuterHeaders headers)
    {
        headers = default;
        if (frame.Length < EthernetHeader.Size)
        {
            return false;
        }

        ReadOnlySpan<byte> packet = frame[EthernetHeader.Size..];
        switch (BinaryPrimitives.ReadUInt16BigEndian(frame[(EthernetHeader.Size - 2)..]))
        {
            case EtherTypes.IPv4 when IPv4Header.TryRead(packet, out IPv4Header ipv4) && ipv4.HeaderLength == IPv4Header.Size:
                return TryReadTunnel(packet[IPv4Header.Size..], new ProviderAddress(ipv4.Source), ipv4.TrafficClass, ipv4.Protocol, EthernetHeader.Size + IPv4Header.Size, out headers);
            case EtherTypes.IPv6 when IPv6Header.TryRead(packet, out IPv6Header ipv6):
                return TryReadTunnel(packet[IPv6Header.Size..], new ProviderAddress(ipv6.Source), ipv6.TrafficClass, ipv6.NextHeader, EthernetHeader.Size + IPv6Header.Size, out headers);
            default:
                return false;
        }
    }

    private static bool TryReadTunnel(
        ReadOnlySpan<byte> transport, ProviderAddress source, byte trafficClass, byte protocol, int before, out OuterHeaders headers)
    {
        Vsid vsid = default;
        int length = protocol == IPProtocols.Udp ? UdpHeader.Size + VxlanHeader.Size : NvgreHeader.Size;
        bool isTunnel = transport.Length >= length && protocol switch
        {
            IPProtocols.Udp => VxlanHeader.TryRead(transport[UdpHeader.Size..], out vsid),
            IPProtocols.Gre => NvgreHeader.TryRead(transport, out vsid, out _),
            _ => false,
        };
        headers = new OuterHeaders(source, vsid, trafficClass, before + length);
        return isTunnel;
    }
}
