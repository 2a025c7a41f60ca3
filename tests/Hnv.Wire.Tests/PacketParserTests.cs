using System.Buffers.Binary;
using Hnv.Corpus;

namespace Hnv.Wire.Tests;

public sealed class PacketParserTests
{
    [Fact]
    public void TryParse_Tcp4_GivesOffsetsAndFlow()
    {
        byte[] frame = ContosoFabrikam.WebToSql.Tos(0xB9).TimeToLive(63).Tcp(40000, 5432, TcpFlags.Syn, options: [2, 4, 5, 180]).Payload(10).Build();

        ParsedPacket packet = Packets.Parse(frame);

        Assert.Equal(14, packet.NetworkOffset);
        Assert.Equal(34, packet.TransportOffset);
        Assert.Equal(58, packet.PayloadOffset);
        Assert.Equal(68, packet.Length);
        Assert.Equal(63, packet.TimeToLive);
        Assert.Equal(0xB9, packet.TrafficClass);
        Assert.Equal(TcpFlags.Syn, packet.TcpFlags);
        Assert.True(packet.DontFragment);
        Assert.False(packet.IsTagged);
        Assert.Equal(
            new Ufid(
                ContosoFabrikam.Web, ContosoFabrikam.Sql, ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac,
                EtherTypes.IPv4, IPProtocols.Tcp, FragmentClass.Whole, 40000, 5432),
            packet.Ufid);
    }

    [Theory]
    [InlineData("tcp4", IPProtocols.Tcp, FragmentClass.Whole, 40000, 5432, 34, 54)]
    [InlineData("tcp4-options", IPProtocols.Tcp, FragmentClass.Whole, 40000, 5432, 42, 66)]
    [InlineData("tcp4-vlan", IPProtocols.Tcp, FragmentClass.Whole, 40000, 5432, 38, 58)]
    [InlineData("udp4", IPProtocols.Udp, FragmentClass.Whole, 5353, 53, 34, 42)]
    [InlineData("ping4", IPProtocols.Icmp, FragmentClass.Whole, 77, 8 << 8, 34, 42)]
    [InlineData("first4", IPProtocols.Udp, FragmentClass.First, 5353, 53, 34, 42)]
    [InlineData("later4", IPProtocols.Udp, FragmentClass.Later, 0, 0, 0, 34)]
    [InlineData("sctp4", IPProtocols.Sctp, FragmentClass.Whole, 2905, 2906, 34, 46)]
    [InlineData("gre4", IPProtocols.Gre, FragmentClass.Whole, 0, 0, 34, 34)]
    [InlineData("tcp6", IPProtocols.Tcp, FragmentClass.Whole, 40000, 5432, 54, 86)]
    [InlineData("ping6", IPProtocols.IcmpV6, FragmentClass.Whole, 78, 128 << 8, 54, 62)]
    [InlineData("extensions6", IPProtocols.Tcp, FragmentClass.Whole, 40000, 5432, 90, 110)]
    [InlineData("first6", IPProtocols.Udp, FragmentClass.First, 5353, 53, 62, 70)]
    [InlineData("later6", IPProtocols.Udp, FragmentClass.Later, 0, 0, 0, 62)]
    [InlineData("atomic6", IPProtocols.Udp, FragmentClass.Whole, 5353, 53, 62, 70)]
    [InlineData("solicitation", IPProtocols.IcmpV6, FragmentClass.Whole, 0, 135 << 8, 54, 62)]
    [InlineData("arp", 0, FragmentClass.Whole, 0, 0, 0, 14)]
    public void TryParse_EveryKind_FindsPortsAndOffsets(
        string name, byte protocol, FragmentClass fragment, ushort source, ushort destination, int transport, int payload)
    {
        ParsedPacket packet = Packets.Parse(Packets.Get(name).Build());

        Assert.Equal(
            (protocol, fragment, source, destination, transport, payload),
            (packet.Ufid.Protocol, packet.Ufid.Fragment, packet.Ufid.SourcePort, packet.Ufid.DestinationPort, packet.TransportOffset, packet.PayloadOffset));
    }

    [Fact]
    public void TryParse_Padding_LiesBehindLength()
    {
        ParsedPacket packet = Packets.Parse(Packets.Get("tcp4-padded").Build());

        Assert.Equal(54, packet.Length);
    }

    [Fact]
    public void TryParse_LargestSuperPacket_IsAccepted()
    {
        byte[] frame = ContosoFabrikam.WebToSqlV6.Vlan(7).Tcp(1, 2).Payload(65515).Build();

        ParsedPacket packet = Packets.Parse(frame);

        Assert.Equal(PacketParser.FrameLengthMax, packet.Length);
    }

    [Theory, MemberData(nameof(Packets.Names), MemberType = typeof(Packets))]
    public void TryParse_CutAnywhereInsideThePacket_IsAFault(string name)
    {
        byte[] frame = Packets.Get(name).Build();
        int end = name == "arp" ? 14 : Packets.Parse(frame).Length;

        for (int length = 0; length < end; length++)
        {
            Assert.NotEqual(ParseFault.None, PacketParser.TryParse(frame.AsSpan(0, length), out _));
        }
    }

    [Theory]
    [InlineData("tcp4", 14, 0x65, ParseFault.BadLength)]
    [InlineData("tcp4", 14, 0x44, ParseFault.BadLength)]
    [InlineData("tcp4", 17, 19, ParseFault.BadLength)]
    [InlineData("tcp4", 16, 0xFF, ParseFault.BadLength)]
    [InlineData("tcp4", 22, 1, ParseFault.BadChecksum)]
    [InlineData("tcp4", 46, 0x40, ParseFault.BadLength)]
    [InlineData("tcp4", 46, 0xF0, ParseFault.BadLength)]
    [InlineData("udp4", 39, 7, ParseFault.BadLength)]
    [InlineData("udp4", 39, 28, ParseFault.BadLength)]
    [InlineData("tcp6", 14, 0x40, ParseFault.BadLength)]
    [InlineData("tcp6", 18, 0xFF, ParseFault.BadLength)]
    [InlineData("extensions6", 54, 0, ParseFault.ExtensionHeaders)]
    [InlineData("extensions6", 55, 0xFF, ParseFault.ExtensionHeaders)]
    [InlineData("tcp4-vlan", 16, 0x81, ParseFault.NestedTags)]
    [InlineData("tcp4", 12, 0x88, ParseFault.NestedTags)]
    public void TryParse_OneWrongByte_NamesTheFault(string name, int offset, byte value, ParseFault expected)
    {
        byte[] frame = Packets.Get(name).Build();
        frame[offset] = value;
        if (value == 0x88)
        {
            frame[offset + 1] = 0xA8;
        }

        ParseFault fault = PacketParser.TryParse(frame, out _);

        Assert.Equal(expected, fault);
    }

    [Fact]
    public void TryParse_MappedAddressInIPv6_IsRefused()
    {
        byte[] frame = Packets.Get("tcp6").Build();
        frame.AsSpan(22, 10).Clear();
        frame.AsSpan(32, 2).Fill(0xFF);

        Assert.Equal(ParseFault.MappedAddress, PacketParser.TryParse(frame, out _));
    }

    [Fact]
    public void TryParse_SourceRouteOfTypeZero_IsRefused()
    {
        byte[] frame = ContosoFabrikam.WebToSqlV6
            .Extension(IPProtocols.Routing, [0, 2, 0, 1, .. new byte[20]]).Tcp(1, 2).Build();

        Assert.Equal(ParseFault.ExtensionHeaders, PacketParser.TryParse(frame, out _));
    }

    [Fact]
    public void TryParse_NineExtensionHeaders_AreTooMany()
    {
        FrameBuilder eight = Enumerable.Range(0, 8).Aggregate(
            ContosoFabrikam.WebToSqlV6, (frame, _) => frame.Extension(IPProtocols.DestinationOptions, new byte[8])).Tcp(1, 2);

        Assert.Equal(ParseFault.None, PacketParser.TryParse(eight.Build(), out _));
        Assert.Equal(
            ParseFault.ExtensionHeaders,
            PacketParser.TryParse(eight.Extension(IPProtocols.DestinationOptions, new byte[8]).Build(), out _));
    }

    [Fact]
    public void TryParse_TwoFragmentHeaders_AreRefused()
    {
        byte[] frame = ContosoFabrikam.WebToSqlV6.Fragment(0, more: false).Fragment(0, more: false).Tcp(1, 2).Build();

        Assert.Equal(ParseFault.ExtensionHeaders, PacketParser.TryParse(frame, out _));
    }

    [Theory]
    [InlineData(1024, ParseFault.None)]
    [InlineData(1032, ParseFault.ExtensionHeaders)]
    public void TryParse_LongExtensionHeader_IsFollowedUpToABound(int length, ParseFault expected)
    {
        byte[] options = new byte[length];
        options[1] = (byte)((length / 8) - 1);
        byte[] frame = ContosoFabrikam.WebToSqlV6.Extension(IPProtocols.DestinationOptions, options).Tcp(1, 2).Build();

        Assert.Equal(expected, PacketParser.TryParse(frame, out _));
    }

    [Fact]
    public void TryParse_FragmentBeyond64K_IsRefused()
    {
        byte[] frame = ContosoFabrikam.WebToSql.Fragment(65528, more: false).Udp(1, 2).Payload(8).Build();

        Assert.Equal(ParseFault.BadLength, PacketParser.TryParse(frame, out _));
    }

    [Theory]
    [InlineData(8, ParseFault.BadLength)]
    [InlineData(16, ParseFault.BadLength)]
    [InlineData(24, ParseFault.None)]
    public void TryParse_TcpFragmentInsideTheHeaderOfTheFirst_IsRefused(int offset, ParseFault expected)
    {
        foreach (FrameBuilder begun in new[] { ContosoFabrikam.WebToSql, ContosoFabrikam.WebToSqlV6 })
        {
            byte[] frame = begun.Fragment(offset, more: false).Tcp(1, 2).Payload(40).Build();

            Assert.Equal(expected, PacketParser.TryParse(frame, out _));
        }
    }

    [Theory]
    [InlineData(IPProtocols.Tcp, 8)]
    [InlineData(IPProtocols.Tcp, 16)]
    [InlineData(IPProtocols.Sctp, 8)]
    public void TryParse_FirstFragmentWithoutItsTransportHeader_IsRefused(byte protocol, int length)
    {
        foreach (FrameBuilder begun in new[] { ContosoFabrikam.WebToSql, ContosoFabrikam.WebToSqlV6 })
        {
            byte[] frame = begun.Fragment(0, more: true).Transport(protocol, new byte[length]).Build();

            Assert.Equal(ParseFault.Truncated, PacketParser.TryParse(frame, out _));
        }
    }

    [Fact]
    public void TryParse_FirstFragmentThatCutsTcpOptions_IsRefused()
    {
        byte[] header = new byte[24];
        header[12] = 7 << 4;

        Assert.Equal(ParseFault.BadLength, PacketParser.TryParse(
            ContosoFabrikam.WebToSql.Fragment(0, more: true).Transport(IPProtocols.Tcp, header).Build(), out _));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(41)]
    public void TryParse_FragmentBeforeTheLastOfOddLength_IsRefused(int length)
    {
        foreach (FrameBuilder begun in new[] { ContosoFabrikam.WebToSql, ContosoFabrikam.WebToSqlV6 })
        {
            Assert.Equal(ParseFault.BadLength, PacketParser.TryParse(begun.Fragment(80, more: true).Udp(1, 2).Payload(length).Build(), out _));
            Assert.Equal(ParseFault.None, PacketParser.TryParse(begun.Fragment(80, more: false).Udp(1, 2).Payload(length).Build(), out _));
        }
    }

    [Theory]
    [InlineData("first4", 0x1234)]
    [InlineData("later4", 0x1234)]
    [InlineData("first6", 0x1234)]
    [InlineData("later6", 0x1234)]
    [InlineData("atomic6", 0)]
    [InlineData("udp4", 0)]
    [InlineData("udp6", 0)]
    public void TryParse_Fragments_AreTiedByTheirIdentification(string name, uint expected)
    {
        Assert.Equal(expected, Packets.Parse(Packets.Get(name).Build()).FragmentId);
    }

    [Fact]
    public void TryParse_IPv6Fragment_HasThirtyTwoBitsOfIdentification()
    {
        byte[] frame = ContosoFabrikam.WebToSqlV6.Extension(IPProtocols.Fragment, 0, 0, 0, 1, 0xDE, 0xAD, 0xBE, 0xEF).Udp(1, 2).Payload(8).Build();

        Assert.Equal(0xDEAD_BEEFu, Packets.Parse(frame).FragmentId);
    }

    [Theory]
    [InlineData("tcp4-padded", 40)]
    [InlineData("tcp4-vlan", 48)]
    [InlineData("tcp6", 93)]
    [InlineData("arp", 28)]
    public void TryParse_NetworkLength_IsThePacketWithoutEthernetAndPadding(string name, int expected)
    {
        Assert.Equal(expected, Packets.Parse(Packets.Get(name).Build()).NetworkLength);
    }

    [Fact]
    public void TryParse_IcmpOfTheOtherFamily_IsAnUnknownProtocol()
    {
        byte[] frame = ContosoFabrikam.WebToSql.Transport(IPProtocols.IcmpV6, [128, 0, 0, 0, 0, 9, 0, 1]).Build();

        ParsedPacket packet = Packets.Parse(frame);

        Assert.Equal((0, 0), (packet.Ufid.SourcePort, packet.Ufid.DestinationPort));
    }

    [Fact]
    public void TryParse_AMillionMutatedFrames_NeverThrowsAndNeverLeavesTheFrame()
    {
        var random = new Random(5001);
        byte[][] corpus = [.. Packets.All];
        byte[] scratch = new byte[256];
        int accepted = 0;
        for (int i = 0; i < 1_000_000; i++)
        {
            byte[] origin = corpus[random.Next(corpus.Length)];
            origin.CopyTo(scratch, 0);
            int length = random.Next(4) == 0 ? random.Next(origin.Length + 1) : origin.Length;
            for (int mutations = random.Next(1, 5); mutations > 0; mutations--)
            {
                scratch[random.Next(12, origin.Length)] = (byte)random.Next();
            }

            if ((i & 1) == 0 && length >= 34 && scratch[12] == 8 && scratch[13] == 0)
            {
                RepairIPv4Checksum(scratch.AsSpan(14, length - 14));
            }

            if (PacketParser.TryParse(scratch.AsSpan(0, length), out ParsedPacket packet) == ParseFault.None)
            {
                accepted++;
                bool inOrder = packet.Length <= length
                    && packet.NetworkOffset <= packet.PayloadOffset
                    && packet.PayloadOffset <= packet.Length
                    && packet.TransportOffset <= packet.PayloadOffset;
                Assert.True(inOrder, Convert.ToHexString(scratch.AsSpan(0, length)));
            }
        }

        Assert.InRange(accepted, 100_000, 900_000);
    }

    [Fact]
    public void TryParse_RandomBytes_NeverThrows()
    {
        var random = new Random(6001);
        byte[] bytes = new byte[128];
        for (int i = 0; i < 100_000; i++)
        {
            random.NextBytes(bytes);
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(12), (i % 3) switch { 0 => EtherTypes.IPv6, 1 => EtherTypes.IPv4, _ => EtherTypes.Vlan });
            bytes[14] = (byte)((i % 3) == 0 ? 0x60 : 0x45);
            bytes[18] = 0;
            bytes[19] &= 0x3F;

            _ = PacketParser.TryParse(bytes.AsSpan(0, random.Next(bytes.Length + 1)), out _);
        }
    }

    [Fact]
    public void TryParse_TenThousandFrames_AllocatesNothing()
    {
        byte[] tcp = Packets.Get("tcp4").Build();
        byte[] extensions = Packets.Get("extensions6").Build();
        _ = PacketParser.TryParse(tcp, out _);
        _ = PacketParser.TryParse(extensions, out _);

        Allocation.AssertNone(10_000, () =>
        {
            _ = PacketParser.TryParse(tcp, out _);
            _ = PacketParser.TryParse(extensions, out _);
        });
    }

    private static void RepairIPv4Checksum(Span<byte> network)
    {
        int length = Math.Min((network[0] & 0xF) * 4, network.Length);
        if (length >= 20)
        {
            network.Slice(10, 2).Clear();
            BinaryPrimitives.WriteUInt16BigEndian(network[10..], (ushort)~FrameBuilder.FoldedSum(network[..length]));
        }
    }
}
