using Hnv.Corpus.Model;
using Hnv.Primitives;

namespace Hnv.Corpus.Worlds;

/// <summary>What the guests of a world send: new conversations, answers, errors about what they received, fragments, and what they may not send.</summary>
public sealed class RandomTraffic(RandomWorld world, int seed)
{
    private const int RecentMax = 64;
    private static readonly byte[] s_protocols = [6, 6, 6, 17, 17, 17, 132, 1, 1, 47];
    private static readonly ushort[] s_ports = [80, 80, 8080, 22, 5000, 5003, 40000, 40001];

    private readonly Random _random = new(seed);
    private readonly List<(NicId Nic, TenantPacket Packet)> _received = [];
    private readonly Queue<(WorldNic Nic, TenantPacket Packet)> _parts = [];
    private int _number;

    /// <summary>Tells who got what, so that it can be answered.</summary>
    public void Note(IEnumerable<(NicId Nic, TenantPacket Packet)> received)
    {
        _received.AddRange(received);
        if (_received.Count > RecentMax)
        {
            _received.RemoveRange(0, _received.Count - RecentMax);
        }
    }

    /// <summary>Parts on their way are lost: policy is changing, and whether they still pass is nobody's promise.</summary>
    public void LoseParts() => _parts.Clear();

    /// <summary>The next packet, and who sends it.</summary>
    public (WorldNic Nic, TenantPacket Packet) Next()
    {
        if (_parts.Count > 0 && _random.Next(2) == 0)
        {
            return _parts.Dequeue();
        }

        (WorldNic nic, TenantPacket packet) = _random.Next(10) switch
        {
            < 4 when _received.Count > 0 => Answer(),
            4 when _received.Count > 0 => Error(),
            _ => New(),
        };
        packet = Disturb(nic, packet);
        return _random.Next(25) == 0 ? CutUp(nic, packet) : (nic, packet);
    }

    /// <summary>A packet that somebody in the provider network forges for a NIC.</summary>
    public TenantPacket Forge(WorldNic target)
    {
        WorldNic other = Pick(world.Nics);
        return Fill(other, new TenantPacket
        {
            SourceMac = other.Mac,
            DestinationMac = target.Mac,
            Source = other.Addresses[0].Value,
            Destination = (target.Addresses.Where(address => address.Value.IsIPv4 == other.Addresses[0].Value.IsIPv4).Select(address => (InetAddress?)address.Value).FirstOrDefault())
                ?? other.Addresses[0].Value,
        });
    }

    private (WorldNic Nic, TenantPacket Packet) New()
    {
        WorldNic nic = Pick(world.Nics);
        WorldNic other = _random.Next(8) == 0 ? Pick(world.Nics) : Pick([.. world.Nics.Where(each => each.Network == nic.Network || each.Network == nic.Network.Peer)]);
        InetAddress source = Pick(nic.Addresses).Value;
        InetAddress[] ends = [.. other.Addresses.Select(address => address.Value).Where(address => address.IsIPv4 == source.IsIPv4)];
        InetAddress destination = ends.Length > 0 && _random.Next(6) != 0 ? Pick(ends) : Elsewhere(nic, other, source.IsIPv4);
        bool isOnLink = other.Subnet == nic.Subnet && other != nic && _random.Next(6) != 0;
        (MacAddress mac, destination) = _random.Next(25) switch
        {
            0 => (MacAddress.Broadcast, source.IsIPv4 ? InetAddress.FromIPv4(uint.MaxValue) : InetAddress.Parse("ff02::1")),
            1 => (MacAddress.FromNumber(0x0100_5E00_0001), source.IsIPv4 ? InetAddress.Parse("224.0.0.1") : InetAddress.Parse("ff02::fb")),
            2 => (MacAddress.FromNumber(0x0200_0000_7777), destination),
            3 => (other.Mac, destination),
            _ => (isOnLink ? other.Mac : RandomWorld.RouterMac, destination),
        };
        return (nic, Fill(nic, new TenantPacket { SourceMac = nic.Mac, DestinationMac = mac, Source = source, Destination = destination }));
    }

    /// <summary>Addresses that belong to no machine: gateways, translations, unused ones, other families' ends.</summary>
    private InetAddress Elsewhere(WorldNic nic, WorldNic other, bool isIPv4)
    {
        IpPrefix[] prefixes = [.. other.Subnet.Prefixes.Concat(nic.Subnet.Prefixes).Where(prefix => prefix.IsIPv4 == isIPv4)];
        if (prefixes.Length == 0)
        {
            return InetAddress.Parse(isIPv4 ? "192.0.2.7" : "2001:db8::7");
        }

        IpPrefix prefix = prefixes[0];
        return _random.Next(6) switch
        {
            0 => RandomWorld.At(prefix, 1),
            1 => RandomWorld.At(prefix, 250),
            2 => RandomWorld.At(prefix, 99),
            3 => InetAddress.Parse(isIPv4 ? "192.0.2.7" : "2001:db8::7"),

            // Not one's own translated face: what a guest's packet to itself means twice translated is nobody's promise.
            _ when other == nic => RandomWorld.At(prefix, 98),
            _ => other.ExternalOf(prefix),
        };
    }

    private TenantPacket Fill(WorldNic nic, TenantPacket packet)
    {
        _number++;
        byte protocol = Pick(s_protocols);
        bool isPortless = protocol is 47;
        protocol = protocol == 1 && !packet.IsIPv4 ? (byte)58 : isPortless && !nic.Nat.IsEmpty ? (byte)17 : protocol;
        bool isIcmp = protocol is 1 or 58;
        return packet with
        {
            Protocol = protocol,
            SourcePort = isIcmp ? (ushort)_random.Next(4) : protocol == 47 ? (ushort)0 : Pick(s_ports),
            DestinationPort = isIcmp || protocol == 47 ? (ushort)0 : Pick(s_ports),
            IcmpType = !isIcmp ? (byte)0 : packet.IsIPv4 ? (byte)(_random.Next(8) == 0 ? 13 : 8) : (byte)(_random.Next(8) == 0 ? 140 : 128),
            TcpFlags = protocol == 6 ? Pick<byte>([2, 2, 2, 16, 24, 17, 4]) : (byte)0,
            TrafficClass = Pick<byte>([0, 0, 1, 2, 3, 0xB8, 0xBA]),
            DontFragment = _random.Next(2) == 0,
            Identification = (ushort)_number,
            HasUdpChecksum = !packet.IsIPv4 || _random.Next(5) != 0,
            Payload = Payload(),
        };
    }

    private byte[] Payload()
    {
        int length = _random.Next(40) == 0 ? _random.Next(1380, 1500) : _random.Next(0, 40);
        byte[] bytes = new byte[length];
        _random.NextBytes(bytes);
        return bytes;
    }

    private (WorldNic Nic, TenantPacket Packet) Answer()
    {
        (NicId id, TenantPacket got) = Pick(_received);
        WorldNic nic = world.Nics.First(each => each.Id == id);
        if (got.Part is not null)
        {
            return New();
        }

        _number++;
        TenantPacket answer = got with
        {
            SourceMac = nic.Mac,
            DestinationMac = got.SourceMac,
            Source = got.Destination,
            Destination = got.Source,
            SourcePort = got.IsIcmp ? got.SourcePort : got.DestinationPort,
            DestinationPort = got.IsIcmp ? got.DestinationPort : got.SourcePort,
            IcmpType = got.IsEchoRequest && _random.Next(8) != 0 ? (byte)(got.IsIPv4 ? 0 : 129) : got.IcmpType,
            TcpFlags = got.Protocol != 6 ? (byte)0 : got.TcpFlags == 2 ? (byte)18 : Pick<byte>([16, 16, 24, 17, 4, 2]),
            TimeToLive = 64,
            Identification = (ushort)_number,
            Payload = Payload(),
            Quoted = null,
        };
        return got.Quoted is null ? (nic, answer) : New();
    }

    /// <summary>An ICMP error about something received, as the router or the machine itself would send it.</summary>
    private (WorldNic Nic, TenantPacket Packet) Error()
    {
        (NicId id, TenantPacket got) = Pick(_received);
        WorldNic nic = world.Nics.First(each => each.Id == id);
        if (got.IsIcmpError || got.Part is not null || got.Protocol == 132)
        {
            return New();
        }

        int headers = got.IsIPv4 ? 20 : 40, length = _random.Next(10) == 0 ? headers + _random.Next(0, 8) : Math.Min(got.NetworkLength, headers + _random.Next(8, 64));
        length = Math.Min(length, got.NetworkLength);
        length -= got.Protocol == 6 && length == headers + 17 ? 1 : 0;            // half a checksum can neither be kept right nor left right
        return (nic, new TenantPacket
        {
            SourceMac = nic.Mac,
            DestinationMac = got.SourceMac,
            Source = got.Destination,
            Destination = got.Source,
            Protocol = (byte)(got.IsIPv4 ? 1 : 58),
            IcmpType = got.IsIPv4 ? Pick<byte>([3, 3, 11]) : Pick<byte>([1, 1, 3]),
            IcmpCode = got.IsIPv4 ? (byte)3 : (byte)4,
            Identification = (ushort)_number++,
            Quoted = got,
            QuotedLength = length,
        });
    }

    /// <summary>Now and then a guest lies, or a packet has come a long way.</summary>
    private TenantPacket Disturb(WorldNic nic, TenantPacket packet) => _random.Next(60) switch
    {
        0 => packet with { SourceMac = Pick(world.Nics).Mac },
        1 => packet with { SourceMac = MacAddress.FromNumber(0x0300_0000_0001) },
        2 => Pick(world.Nics).Addresses.Select(address => address.Value).FirstOrDefault(address => address.IsIPv4 == packet.IsIPv4) is { IsUnspecified: false } other
            && other.IsIPv4 == packet.IsIPv4 ? packet with { Source = other } : packet,
        3 or 4 => packet with { TimeToLive = 1 },
        5 => packet with { TimeToLive = 0 },
        6 => packet with { TimeToLive = 2 },
        7 when packet.Destination.IsIPv4 == nic.Addresses[0].Value.IsIPv4 => packet with { DestinationMac = RandomWorld.RouterMac, Destination = nic.Addresses[0].Value },
        _ => packet,
    };

    /// <summary>Sends a datagram in parts, the first of them now, sometimes lost, and the others later, in any order.</summary>
    private (WorldNic Nic, TenantPacket Packet) CutUp(WorldNic nic, TenantPacket packet)
    {
        const int first = 32, second = 24;
        if (packet.Protocol == 132 || packet.Quoted is not null || packet.IsIcmp)
        {
            return (nic, packet);
        }

        packet = packet with { DontFragment = false, Payload = [.. packet.Payload, .. new byte[first + second]] };
        int total = packet.DatagramLength;
        TenantPacket[] parts =
        [
            packet with { Part = new FragmentPart(0, first, false) },
            packet with { Part = new FragmentPart(first, second, false) },
            packet with { Part = new FragmentPart(first + second, total - first - second, true) },
        ];
        if (_random.Next(4) == 0)
        {
            (parts[1], parts[2]) = (parts[2], parts[1]);
        }

        if (_random.Next(6) == 0)
        {
            (parts[0], parts[1]) = (parts[1], parts[0]);
        }

        if (_random.Next(6) == 0)
        {
            parts[2] = parts[2] with { TimeToLive = 1 };
        }

        if (_random.Next(8) == 0)
        {
            parts[1] = parts[1] with { DestinationMac = Pick(world.Nics).Mac };
        }

        _parts.Enqueue((nic, parts[1]));
        _parts.Enqueue((nic, parts[2]));
        return (nic, parts[0]);
    }

    private T Pick<T>(IReadOnlyList<T> from) => from[_random.Next(from.Count)];
}
