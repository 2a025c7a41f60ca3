using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Corpus.Hostile;

/// <summary>Honest frames of every kind a guest can send to another, to the router and to the host: what hostile ones are made of.</summary>
public static class HostileFrames
{
    private const byte DhcpRequestOperation = 1;

    /// <summary>Frames between two guests of one subnet, in both directions, and to its router, of both families.</summary>
    public static IReadOnlyList<byte[]> Between(MacAddress mac, InetAddress four, InetAddress six, MacAddress otherMac, InetAddress otherFour, InetAddress otherSix)
    {
        List<byte[]> frames = [];
        foreach (MacAddress destination in (MacAddress[])[otherMac, ContosoFabrikam.RouterMac])
        {
            foreach ((InetAddress source, InetAddress target) in ((InetAddress, InetAddress)[])[(four, otherFour), (six, otherSix), (four, InetAddress.Parse("10.1.1.200"))])
            {
                Add(frames, FrameBuilder.Ethernet(mac, destination).IP(source, target));
            }
        }

        frames.Add(FrameBuilder.Ethernet(mac, MacAddress.Broadcast).IP(four, InetAddress.FromIPv4(uint.MaxValue)).Udp(137, 137).Payload(20).Build());
        frames.Add(FrameBuilder.Ethernet(mac, MacAddress.FromNumber(0x3333_0000_00FB)).IP(six, InetAddress.Parse("ff02::fb")).Udp(5353, 5353).Payload(20).Build());
        frames.Add(FrameBuilder.Ethernet(mac, MacAddress.Broadcast).ArpRequest(four, otherFour).Build());
        InetAddress group = NeighborDiscovery.SolicitedNode(otherSix);
        frames.Add(FrameBuilder.Ethernet(mac, NeighborDiscovery.MulticastMac(group)).IP(six, group).NeighborSolicitation(otherSix).Build());
        frames.Add(FrameBuilder.Ethernet(mac, NeighborDiscovery.MulticastMac(NeighborDiscovery.AllRouters)).IP(InetAddress.LinkLocalOf(mac), NeighborDiscovery.AllRouters)
            .Icmp(133).TimeToLive(255).Payload(1, 1, 0, 0, 0, 0, 0, 1).Build());
        frames.Add(FrameBuilder.Ethernet(mac, MacAddress.Broadcast).IP(InetAddress.FromIPv4(0), InetAddress.FromIPv4(uint.MaxValue)).Udp(68, 67).Payload(DhcpV4(mac)).Build());
        frames.Add(FrameBuilder.Ethernet(mac, MacAddress.FromNumber(0x3333_0001_0002)).IP(InetAddress.LinkLocalOf(mac), InetAddress.Parse("ff02::1:2"))
            .Udp(546, 547).Payload(DhcpV6(mac)).Build());
        return frames;
    }

    private static void Add(List<byte[]> frames, FrameBuilder ip)
    {
        byte[] quoted = ip.Udp(5000, 53).Payload(24).Build()[14..];
        FrameBuilder[] all =
        [
            ip.Tcp(40000, 80, TcpFlags.Syn, options: [2, 4, 5, 180]), ip.Tcp(80, 40000, TcpFlags.Syn | TcpFlags.Ack), ip.Tcp(40000, 80).Payload(40),
            ip.Tcp(40000, 80, TcpFlags.Rst), ip.Udp(5000, 53).Payload(30), ip.Udp(5000, 53, withChecksum: false).Payload(1500), ip.Udp(4789, 4789).Payload(60),
            ip.Sctp(2905, 2906).Payload(16), ip.Transport(IPProtocols.Gre, [0x20, 0, 0x65, 0x58, 0, 0x13, 0x89, 7]).Payload(20), ip.Ping(7).Payload(32),
            ip.Ping(7).TimeToLive(1), ip.Udp(1, 2).TimeToLive(1).Payload(8), ip.Udp(1, 2).DontFragment(false).Payload(1500),
            ip.Udp(5000, 53).Payload(64).Fragment(0, more: true), ip.Udp(5000, 53).Payload(64).Fragment(72, more: false),
            ip.Icmp(3, 3).Payload(quoted), ip.Icmp(11).Payload(quoted), ip.Icmp(1).Payload(quoted), ip.Icmp(2, 0, 1400).Payload(quoted),
        ];
        frames.AddRange(all.Select(builder => builder.Build()));
    }

    private static byte[] DhcpV4(MacAddress mac)
    {
        byte[] message = new byte[260];
        (message[0], message[1], message[2]) = (DhcpRequestOperation, 1, 6);
        mac.Write(message.AsSpan(28));
        ((ReadOnlySpan<byte>)[0x63, 0x82, 0x53, 0x63, 53, 1, 3, 50, 4, 10, 1, 1, 11, 55, 4, 1, 3, 6, 121, 255]).CopyTo(message.AsSpan(236));
        return message;
    }

    private static byte[] DhcpV6(MacAddress mac)
    {
        byte[] message = [1, 0, 0, 7, 0, 1, 0, 10, 0, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 2, 0, 23];
        mac.Write(message.AsSpan(12));
        return message;
    }
}
