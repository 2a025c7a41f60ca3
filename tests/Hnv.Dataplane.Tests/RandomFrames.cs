using System.Buffers.Binary;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Tests;

/// <summary>Frames as guests send them, edits as policy asks for them, and damage of every kind; from a seed.</summary>
internal static class RandomFrames
{
    /// <summary>A well-formed frame of an unfragmented packet of TCP, UDP or ICMP echo.</summary>
    public static byte[] Plain(Random random) => random.Next(3) switch
    {
        0 => Tcp(random, random.Next(0, 300)),
        1 => Build(random, IPProtocols.Udp, Udp(random, random.Next(0, 300))),
        _ => Build(random, IPProtocols.Icmp, Echo(random, random.Next(0, 100))),
    };

    public static byte[] Tcp(Random random, int payload)
    {
        byte[] segment = new byte[20 + (random.Next(3) * 4) + payload];
        random.NextBytes(segment);
        segment[12] = (byte)((segment.Length - payload) << 2);
        segment[13] &= 0xF8;
        return Build(random, IPProtocols.Tcp, segment);
    }

    /// <summary>Edits that fit the packet, with every combination likely.</summary>
    public static Transposition Edits(Random random, in ParsedPacket packet)
    {
        bool isIPv4 = packet.EtherType == EtherTypes.IPv4, isIcmp = packet.Ufid.Protocol is IPProtocols.Icmp or IPProtocols.IcmpV6;
        TranspositionEdits edits = (TranspositionEdits)random.Next(512)
            & (TranspositionEdits.DestinationMac | TranspositionEdits.SourceMac | TranspositionEdits.DecrementTtl | TranspositionEdits.Translation | TranspositionEdits.FixedDscp);
        if (random.Next(2) == 0)
        {
            edits &= ~TranspositionEdits.Translation;
        }

        if (isIcmp)
        {
            edits &= ~TranspositionEdits.DestinationPort;
        }

        return new Transposition
        {
            Edits = edits,
            Encapsulation = random.Next(2) == 0 ? EncapsulationType.Vxlan : EncapsulationType.Nvgre,
            Vsid = Vsid.Create((uint)random.Next(4096, 0xFFFFFE)),
            MaxLength = random.Next(3) == 0 ? (ushort)random.Next(1, 400) : (ushort)0,
            OuterDscp = (byte)random.Next(64),
            DestinationMac = Mac(random),
            SourceMac = Mac(random),
            Source = Address(random, isIPv4),
            Destination = Address(random, isIPv4),
            SourcePort = (ushort)random.Next(65536),
            DestinationPort = (ushort)random.Next(65536),
        };
    }

    /// <summary>The frame with nothing, something or much of it changed; half stay as they are. Often the checksum of the IP header is mended after it.</summary>
    public static byte[] Damaged(Random random, byte[] frame)
    {
        byte[] result = (byte[])frame.Clone();
        switch (random.Next(16))
        {
            case 0:
                Flip(random, result, 0, result.Length);
                break;
            case 1:
            case 2:
                Flip(random, result, 0, Math.Min(result.Length, 60));
                Mend(result);
                break;
            case 3:
                result = result[..random.Next(EthernetHeader.Size + 20, result.Length + 1)];
                break;
            case 4:
                result = [.. result, .. new byte[random.Next(1, 30)]];
                break;
            case 5:
                // A tag, or two.
                byte[] tag = [0x81, 0x00, (byte)random.Next(256), (byte)random.Next(256)];
                result = [.. result[..12], .. tag, .. random.Next(2) == 0 ? tag : [], .. result[12..]];
                break;
            case 6 when result[12] == 0x08:
                result[20] = (byte)random.Next(256);
                result[21] = (byte)random.Next(256);
                Mend(result);
                break;
            case 6:
                result[20] = (byte)(random.Next(6) switch { 0 => 0, 1 => 43, 2 => 44, 3 => 60, 4 => 51, _ => random.Next(256) });
                break;
            case 7:
                // Lengths that lie.
                BinaryPrimitives.WriteUInt16BigEndian(result.AsSpan(result[12] == 0x08 ? 16 : 18), (ushort)random.Next(result.Length + 40));
                Mend(result);
                break;
            default:
                break;
        }

        return result;
    }

    /// <summary>An encapsulated frame with its outer headers changed, the IPv4 checksum mended most of the time.</summary>
    public static byte[] DamagedOuter(Random random, byte[] frame, int outer)
    {
        byte[] result = (byte[])frame.Clone();
        Flip(random, result, 0, outer);
        if (random.Next(4) != 0)
        {
            Mend(result);
        }

        return result;
    }

    /// <summary>Outer headers from the other host to us, of the plainest form, for our virtual subnet.</summary>
    public static bool IsOurs(byte[] frame, bool overIPv4)
    {
        ReadOnlySpan<byte> ip = frame.AsSpan(EthernetHeader.Size);
        bool isIP = MacAddress.Read(frame) == EbpfPrograms.OurMac
            && (overIPv4
                ? frame[12] == 8 && frame[13] == 0 && ip[0] == 0x45 && (BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & 0x3FFF) == 0 && InternetChecksum.Compute(ip[..20]) == 0
                    && BinaryPrimitives.ReadUInt16BigEndian(ip[2..]) == ip.Length
                    && InetAddress.ReadIPv4(ip[12..]) == EbpfPrograms.There(true).Value && InetAddress.ReadIPv4(ip[16..]) == EbpfPrograms.Here(true).Value
                : frame[12] == 0x86 && frame[13] == 0xDD && ip[0] >> 4 == 6 && BinaryPrimitives.ReadUInt16BigEndian(ip[4..]) == ip.Length - 40
                    && InetAddress.ReadIPv6(ip[8..]) == EbpfPrograms.There(false).Value && InetAddress.ReadIPv6(ip[24..]) == EbpfPrograms.Here(false).Value);
        if (!isIP)
        {
            return false;
        }

        ReadOnlySpan<byte> tunnel = ip[(overIPv4 ? 20 : 40)..];
        return (overIPv4 ? ip[9] : ip[6]) switch
        {
            IPProtocols.Udp => BinaryPrimitives.ReadUInt16BigEndian(tunnel[2..]) == VxlanHeader.DefaultPort && tunnel[6] == 0 && tunnel[7] == 0
                && BinaryPrimitives.ReadUInt16BigEndian(tunnel[4..]) == tunnel.Length && VxlanHeader.TryRead(tunnel[8..], out Vsid vxlan) && vxlan == EbpfPrograms.Vsid,
            IPProtocols.Gre => NvgreHeader.TryRead(tunnel, out Vsid nvgre, out _) && nvgre == EbpfPrograms.Vsid,
            _ => false,
        };
    }

    private static byte[] Udp(Random random, int payload)
    {
        byte[] datagram = new byte[8 + payload];
        random.NextBytes(datagram);
        BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
        if (random.Next(4) == 0)
        {
            datagram[6] = datagram[7] = 0;
        }

        return datagram;
    }

    private static byte[] Echo(Random random, int payload)
    {
        byte[] message = new byte[8 + payload];
        random.NextBytes(message);
        message[0] = (byte)(random.Next(2) * 8);                        // reply or request; of IPv6 when it is put behind such a header
        message[1] = 0;
        return message;
    }

    /// <summary>Checksums of the transport are as random as the rest: they are updated, never believed.</summary>
    private static byte[] Build(Random random, byte protocol, byte[] transport)
    {
        bool isIPv4 = random.Next(2) == 0;
        byte[] frame = new byte[EthernetHeader.Size + (isIPv4 ? IPv4Header.Size : IPv6Header.Size) + transport.Length];
        Mac(random).Write(frame);
        Mac(random).Write(frame.AsSpan(6));
        Span<byte> ip = frame.AsSpan(EthernetHeader.Size);
        if (isIPv4)
        {
            frame[12] = 0x08;
            random.NextBytes(ip[..IPv4Header.Size]);
            ip[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(IPv4Header.Size + transport.Length));
            ip[6] = (byte)(random.Next(2) * 0x40);
            ip[7] = 0;
            ip[9] = protocol;
            transport.CopyTo(ip[IPv4Header.Size..]);
            Mend(frame);
            return frame;
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), EtherTypes.IPv6);
        random.NextBytes(ip[..IPv6Header.Size]);
        ip[0] = (byte)(0x60 | (ip[0] & 0x0F));
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)transport.Length);
        ip[6] = protocol == IPProtocols.Icmp ? IPProtocols.IcmpV6 : protocol;
        ip[8] = ip[24] = 0xFD;
        if (protocol == IPProtocols.Icmp)
        {
            transport[0] = transport[0] == 8 ? (byte)128 : (byte)129;
        }

        transport.CopyTo(ip[IPv6Header.Size..]);
        return frame;
    }

    private static MacAddress Mac(Random random) => MacAddress.FromNumber((ulong)random.NextInt64() & 0xFEFF_FFFF_FFFF);

    private static InetAddress Address(Random random, bool isIPv4)
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        bytes[0] = 0xFD;
        return isIPv4 ? InetAddress.ReadIPv4(bytes[4..]) : InetAddress.ReadIPv6(bytes);
    }

    private static void Flip(Random random, byte[] frame, int from, int to)
    {
        for (int n = random.Next(1, 4); n > 0; n--)
        {
            int at = random.Next(from, to);
            frame[at] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)(frame[at] ^ (1 << random.Next(8)));
        }
    }

    private static void Mend(Span<byte> frame)
    {
        if (frame.Length >= EthernetHeader.Size + IPv4Header.Size && frame[12] == 0x08 && frame[13] == 0)
        {
            int length = Math.Min((frame[14] & 15) * 4, frame.Length - EthernetHeader.Size);
            Span<byte> header = frame.Slice(EthernetHeader.Size, Math.Max(length, IPv4Header.Size));
            header[10] = header[11] = 0;
            BinaryPrimitives.WriteUInt16BigEndian(header[10..], InternetChecksum.Compute(header));
        }
    }
}
