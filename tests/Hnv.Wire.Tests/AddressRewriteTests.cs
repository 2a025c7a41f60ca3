using System.Buffers.Binary;
using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Wire.Tests;

public sealed class AddressRewriteTests
{
    private const AddressRewriteParts All =
        AddressRewriteParts.Source | AddressRewriteParts.Destination | AddressRewriteParts.SourcePort | AddressRewriteParts.DestinationPort;

    private static readonly InetAddress s_public = InetAddress.Parse("203.0.113.7");
    private static readonly InetAddress s_elsewhere = InetAddress.Parse("172.31.255.254");
    private static readonly InetAddress s_publicV6 = InetAddress.Parse("2001:db8:ffff::7");
    private static readonly InetAddress s_elsewhereV6 = InetAddress.Parse("fd00:abcd:ef01::fffe");

    public static TheoryData<string, AddressRewriteParts, bool> PortedPackets()
    {
        var data = new TheoryData<string, AddressRewriteParts, bool>();
        foreach (string transport in new[] { "tcp4", "tcp4-options", "udp4", "udp4-unsummed", "sctp4", "tcp6", "udp6", "extensions", "sctp6", "first4" })
        {
            for (AddressRewriteParts parts = AddressRewriteParts.None; parts <= All; parts++)
            {
                data.Add(transport, parts, false);
                data.Add(transport, parts, true);
            }
        }

        return data;
    }

    [Theory, MemberData(nameof(PortedPackets))]
    public void TryRewrite_AnyPartsOfAnyTransport_EqualsTheFrameBuiltWithThem(string name, AddressRewriteParts parts, bool partial)
    {
        bool isIPv4 = Packets.Parse(Begin(name, 1, 2).Build()).EtherType == EtherTypes.IPv4;
        AddressRewrite rewrite = new AddressRewrite
        {
            Source = isIPv4 ? s_public : s_publicV6,
            Destination = isIPv4 ? s_elsewhere : s_elsewhereV6,
            SourcePort = 61000,
            DestinationPort = 8443,
            Parts = parts,
        };
        FrameBuilder before = Begin(name, 40000, 443);
        FrameBuilder after = Begin(
            name,
            parts.HasFlag(AddressRewriteParts.SourcePort) ? rewrite.SourcePort : (ushort)40000,
            parts.HasFlag(AddressRewriteParts.DestinationPort) ? rewrite.DestinationPort : (ushort)443).IP(
            parts.HasFlag(AddressRewriteParts.Source) ? rewrite.Source : isIPv4 ? ContosoFabrikam.Web : ContosoFabrikam.WebV6,
            parts.HasFlag(AddressRewriteParts.Destination) ? rewrite.Destination : isIPv4 ? ContosoFabrikam.Sql : ContosoFabrikam.SqlV6);
        bool hasPartial = partial && !name.StartsWith("sctp", StringComparison.Ordinal) && name != "udp4-unsummed";
        byte[] frame = (hasPartial ? before.PartialChecksum() : before).Build();

        Assert.True(FrameEdits.TryRewrite(frame, Packets.Parse(frame), in rewrite, hasPartial ? ChecksumState.Partial : ChecksumState.Full));

        Assert.Equal((hasPartial ? after.PartialChecksum() : after).Build(), frame);
    }

    [Theory]
    [InlineData(IcmpTypes.EchoRequest, IcmpTypes.V6EchoRequest)]
    [InlineData(IcmpTypes.EchoReply, IcmpTypes.V6EchoReply)]
    public void TryRewrite_Echo_TakesTheIdentifierFromTheSourcePort(byte type, byte typeV6)
    {
        byte[] frame = ContosoFabrikam.WebToSql.Icmp(type, 0, 0x1111_0005).Payload(57).Build();
        byte[] frameV6 = ContosoFabrikam.WebToSqlV6.Icmp(typeV6, 0, 0x1111_0005).Payload(57).Build();
        const AddressRewriteParts parts = AddressRewriteParts.Source | AddressRewriteParts.SourcePort;

        Assert.True(FrameEdits.TryRewrite(
            frame, Packets.Parse(frame), new AddressRewrite { Source = s_public, SourcePort = 0x2222, Parts = parts }, ChecksumState.Full));
        Assert.True(FrameEdits.TryRewrite(
            frameV6, Packets.Parse(frameV6), new AddressRewrite { Source = s_publicV6, SourcePort = 0x2222, Parts = parts }, ChecksumState.Full));

        Assert.Equal(ContosoFabrikam.WebToSql.IP(s_public, ContosoFabrikam.Sql).Icmp(type, 0, 0x2222_0005).Payload(57).Build(), frame);
        Assert.Equal(ContosoFabrikam.WebToSqlV6.IP(s_publicV6, ContosoFabrikam.SqlV6).Icmp(typeV6, 0, 0x2222_0005).Payload(57).Build(), frameV6);
    }

    [Theory]
    [InlineData("later4")]
    [InlineData("later6")]
    public void TryRewrite_LaterFragment_GetsTheAddressesOnly(string name)
    {
        byte[] frame = Packets.Get(name).Build();
        bool isIPv4 = name == "later4";
        AddressRewrite rewrite = new AddressRewrite
        {
            Source = isIPv4 ? s_public : s_publicV6,
            Destination = isIPv4 ? s_elsewhere : s_elsewhereV6,
            SourcePort = 1,
            DestinationPort = 2,
            Parts = All,
        };

        Assert.True(FrameEdits.TryRewrite(frame, Packets.Parse(frame), in rewrite, ChecksumState.Full));

        Assert.Equal(Packets.Get(name).IP(rewrite.Source, rewrite.Destination).Build(), frame);
    }

    [Theory]
    [InlineData("gre4", AddressRewriteParts.SourcePort)]
    [InlineData("gre4", AddressRewriteParts.DestinationPort)]
    [InlineData("ping4", AddressRewriteParts.DestinationPort)]
    [InlineData("ping6", AddressRewriteParts.DestinationPort)]
    [InlineData("solicitation", AddressRewriteParts.SourcePort)]
    [InlineData("arp", AddressRewriteParts.None)]
    [InlineData("tcp4", AddressRewriteParts.Source)]
    [InlineData("udp4", AddressRewriteParts.Destination)]
    public void TryRewrite_PartThePacketDoesNotHave_ChangesNothing(string name, AddressRewriteParts parts)
    {
        byte[] frame = Packets.Get(name).Build();
        byte[] before = [.. frame];
        AddressRewrite rewrite = new AddressRewrite { Source = s_publicV6, Destination = s_publicV6, SourcePort = 1, DestinationPort = 2, Parts = parts };

        Assert.False(FrameEdits.TryRewrite(frame, Packets.Parse(frame), in rewrite, ChecksumState.Full));

        Assert.Equal(before, frame);
    }

    [Fact]
    public void TryRewrite_PortsOfAnSctpFragment_ChangesNothing()
    {
        byte[] frame = ContosoFabrikam.WebToSql.Fragment(0, more: true).Sctp(1, 2).Payload(20).Build();
        byte[] before = [.. frame];

        Assert.False(FrameEdits.TryRewrite(
            frame, Packets.Parse(frame), new AddressRewrite { SourcePort = 9, Parts = AddressRewriteParts.SourcePort }, ChecksumState.Full));

        Assert.Equal(before, frame);
    }

    [Fact]
    public void TryRewrite_DamagedSctp_StaysDamagedAndUnsummedStaysUnsummed()
    {
        byte[] damaged = Packets.Get("sctp4-summed").Build();
        damaged[^1] ^= 1;
        byte[] unsummed = Packets.Get("sctp4").Build();
        AddressRewrite rewrite = new AddressRewrite { SourcePort = 9, Parts = AddressRewriteParts.SourcePort };

        Assert.True(FrameEdits.TryRewrite(damaged, Packets.Parse(damaged), in rewrite, ChecksumState.Full));
        Assert.True(FrameEdits.TryRewrite(unsummed, Packets.Parse(unsummed), in rewrite, ChecksumState.Full));

        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(damaged.AsSpan(42));
        damaged.AsSpan(42, 4).Clear();
        Assert.NotEqual(FrameBuilder.Crc32C(damaged.AsSpan(34)), stored);
        Assert.Equal(0u, BinaryPrimitives.ReadUInt32LittleEndian(unsummed.AsSpan(42)));
    }

    [Fact]
    public void TryRewrite_RandomAddressesAndPorts_KeepsEveryChecksumAndNeverMakesUdpUnsummed()
    {
        var random = new Random(3022);
        string[] names = ["tcp4", "udp4", "tcp6", "udp6", "ping4", "ping6", "extensions6", "tcp4-vlan", "atomic6"];
        for (int i = 0; i < 100_000; i++)
        {
            string name = names[random.Next(names.Length)];
            byte[] frame = Packets.Get(name).Build();
            ParsedPacket packet = Packets.Parse(frame);
            AddressRewriteParts parts = (AddressRewriteParts)random.Next(16);
            if (name.StartsWith("ping", StringComparison.Ordinal))
            {
                parts &= ~AddressRewriteParts.DestinationPort;
            }

            AddressRewrite rewrite = new AddressRewrite
            {
                Source = AnyAddress(random, packet.EtherType),
                Destination = AnyAddress(random, packet.EtherType),
                SourcePort = (ushort)random.Next(),
                DestinationPort = (ushort)random.Next(),
                Parts = parts,
            };

            Assert.True(FrameEdits.TryRewrite(frame, in packet, in rewrite, ChecksumState.Full));

            if (packet.Ufid.Protocol == IPProtocols.Udp)
            {
                Assert.NotEqual(0, BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(packet.TransportOffset + UdpHeader.ChecksumOffset)));
            }

            Packets.AssertIntact(frame);
        }
    }

    [Fact]
    public void TryRewrite_TenThousandTimes_AllocatesNothing()
    {
        byte[] frame = Packets.Get("tcp4").Build();
        byte[] sctp = Packets.Get("sctp4-summed").Build();
        ParsedPacket packet = Packets.Parse(frame);
        ParsedPacket sctpPacket = Packets.Parse(sctp);
        AddressRewrite rewrite = new AddressRewrite { Source = s_public, SourcePort = 61000, Parts = AddressRewriteParts.Source | AddressRewriteParts.SourcePort };
        _ = FrameEdits.TryRewrite(frame, in packet, in rewrite, ChecksumState.Full);
        _ = FrameEdits.TryRewrite(sctp, in sctpPacket, in rewrite, ChecksumState.Full);

        Allocation.AssertNone(10_000, () =>
        {
            _ = FrameEdits.TryRewrite(frame, in packet, in rewrite, ChecksumState.Full);
            _ = FrameEdits.TryRewrite(sctp, in sctpPacket, in rewrite, ChecksumState.Full);
        });
    }

    private static InetAddress AnyAddress(Random random, ushort etherType) => etherType == EtherTypes.IPv4
        ? InetAddress.FromIPv4((uint)random.NextInt64(1L << 32))
        : InetAddress.FromNumbers((ulong)random.NextInt64() | 1, (ulong)random.NextInt64());

    private static FrameBuilder Begin(string name, ushort source, ushort destination) => name switch
    {
        "tcp4" => ContosoFabrikam.WebToSql.Tcp(source, destination).Payload(33),
        "tcp4-options" => ContosoFabrikam.WebToSql.Vlan(9).Options(7, 3, 4, 0).Tcp(source, destination, options: [2, 4, 5, 180]).Payload(3),
        "udp4" => ContosoFabrikam.WebToSql.Udp(source, destination).Payload(19),
        "udp4-unsummed" => ContosoFabrikam.WebToSql.Udp(source, destination, withChecksum: false).Payload(19),
        "sctp4" => ContosoFabrikam.WebToSql.Sctp(source, destination).Payload(31).Padding(7),
        "tcp6" => ContosoFabrikam.WebToSqlV6.Tcp(source, destination).Payload(33),
        "udp6" => ContosoFabrikam.WebToSqlV6.Udp(source, destination).Payload(19),
        "sctp6" => ContosoFabrikam.WebToSqlV6.Sctp(source, destination).Payload(1000),
        "extensions" => ContosoFabrikam.WebToSqlV6.Extension(IPProtocols.DestinationOptions, [0, 1, .. new byte[14]]).Tcp(source, destination).Payload(5),
        "first4" => ContosoFabrikam.WebToSql.Fragment(0, more: true).Udp(source, destination).Payload(40),
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };
}
