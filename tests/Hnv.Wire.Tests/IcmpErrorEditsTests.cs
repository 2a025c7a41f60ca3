using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Wire.Tests;

public sealed class IcmpErrorEditsTests
{
    private static readonly MacAddress s_outsideMac = MacAddress.Parse("02-00-00-00-00-FE");

    private static readonly Dictionary<string, Family> s_families = new()
    {
        ["4"] = new("10.1.1.12", "203.0.113.7", "198.51.100.9", "192.0.2.1", IcmpTypes.DestinationUnreachable),
        ["6"] = new("fd00:1::12", "2001:db8:ffff::7", "2001:db8:99::9", "2001:db8:5::1", IcmpTypes.V6PacketTooBig),
    };

    public static TheoryData<string, string, int> Quotes()
    {
        var data = new TheoryData<string, string, int>();
        foreach (string family in s_families.Keys)
        {
            foreach (string transport in new[] { "tcp", "udp", "udp-unsummed", "echo", "options" })
            {
                data.Add(family, transport, 8);
                data.Add(family, transport, 13);
                data.Add(family, transport, 18);
                data.Add(family, transport, 61);
            }
        }

        return data;
    }

    [Theory, MemberData(nameof(Quotes))]
    public void TryRewrite_ErrorAboutATranslatedPacket_EqualsTheErrorAboutTheOriginal(string familyName, string transport, int quotedTransport)
    {
        Family family = s_families[familyName];
        byte[] original = About(transport, family.Inside, family.Server, 40000);
        byte[] translated = About(transport, family.Public, family.Server, 61000);
        int quoted = Packets.Parse(original).TransportOffset - EthernetHeader.Size + quotedTransport;
        byte[] frame = Error(family, family.Public, translated.AsSpan(EthernetHeader.Size, quoted));

        bool rewritten = IcmpErrorEdits.TryRewrite(
            frame,
            Packets.Parse(frame),
            new AddressRewrite { Destination = family.Inside, Parts = AddressRewriteParts.Destination },
            new AddressRewrite { Source = family.Inside, SourcePort = 40000, Parts = AddressRewriteParts.Source | AddressRewriteParts.SourcePort });

        Assert.True(rewritten);
        Assert.Equal(Error(family, family.Inside, original.AsSpan(EthernetHeader.Size, quoted)), frame);
    }

    [Theory]
    [InlineData("4")]
    [InlineData("6")]
    public void TryRewrite_QuotedDestinationAndPort_KeepsTheErrorIntact(string familyName)
    {
        Family family = s_families[familyName];
        byte[] frame = Error(family, family.Public, About("tcp", family.Server, family.Public, 443).AsSpan(EthernetHeader.Size, 68));

        Assert.True(IcmpErrorEdits.TryRewrite(
            frame,
            Packets.Parse(frame),
            new AddressRewrite { Source = family.Router, Destination = family.Inside, Parts = AddressRewriteParts.Source | AddressRewriteParts.Destination },
            new AddressRewrite
            {
                Destination = family.Inside,
                DestinationPort = 8080,
                Parts = AddressRewriteParts.Destination | AddressRewriteParts.DestinationPort,
            }));

        Packets.AssertIntact(frame);
        Assert.True(IcmpErrorEdits.TryReadQuoted(frame, Packets.Parse(frame), out QuotedPacket quoted));
        Assert.Equal((family.Server, family.Inside, (ushort)443, (ushort)8080), (quoted.Source, quoted.Destination, quoted.SourcePort, quoted.DestinationPort));
    }

    [Theory]
    [InlineData("4")]
    [InlineData("6")]
    public void TryReadQuoted_LaterFragment_HasNoPortsAndGetsAddressesOnly(string familyName)
    {
        Family family = s_families[familyName];
        FrameBuilder later = FrameBuilder.Ethernet(s_outsideMac, s_outsideMac).IP(family.Public, family.Server).Fragment(1480, more: false).Udp(1, 2).Payload(16);
        byte[] frame = Error(family, family.Public, later.Build().AsSpan(EthernetHeader.Size));

        Assert.True(IcmpErrorEdits.TryReadQuoted(frame, Packets.Parse(frame), out QuotedPacket quoted));
        Assert.True(IcmpErrorEdits.TryRewrite(
            frame,
            Packets.Parse(frame),
            default,
            new AddressRewrite { Source = family.Inside, SourcePort = 7, Parts = AddressRewriteParts.Source | AddressRewriteParts.SourcePort }));

        Assert.Equal((true, IPProtocols.Udp, 0, 0, 0), (quoted.IsFragmentLater, quoted.Protocol, quoted.SourcePort, quoted.DestinationPort, quoted.TransportOffset));
        Assert.Equal(Error(family, family.Public, later.IP(family.Inside, family.Server).Build().AsSpan(EthernetHeader.Size)), frame);
    }

    [Theory]
    [InlineData("4")]
    [InlineData("6")]
    public void TryReadQuoted_FirstFragmentCutByTheQuote_HasPorts(string familyName)
    {
        Family family = s_families[familyName];
        byte[] first = FrameBuilder.Ethernet(s_outsideMac, s_outsideMac).IP(family.Public, family.Server).Fragment(0, more: true).Udp(53, 4000).Payload(1472).Build();
        byte[] frame = Error(family, family.Public, first.AsSpan(EthernetHeader.Size, 61));

        Assert.True(IcmpErrorEdits.TryReadQuoted(frame, Packets.Parse(frame), out QuotedPacket quoted));

        Assert.Equal((false, 53, 4000), (quoted.IsFragmentLater, quoted.SourcePort, quoted.DestinationPort));
    }

    [Theory, MemberData(nameof(Packets.Names), MemberType = typeof(Packets))]
    public void TryReadQuoted_NoError_IsFalse(string name)
    {
        byte[] frame = Packets.Get(name).Build();

        Assert.False(IcmpErrorEdits.TryReadQuoted(frame, Packets.Parse(frame), out _));
    }

    [Theory]
    [InlineData("4", IcmpTypes.TimeExceeded)]
    [InlineData("6", IcmpTypes.V6TimeExceeded)]
    [InlineData("6", IcmpTypes.V6Redirect)]
    public void TryReadQuoted_ErrorAboutAnError_IsFalse(string familyName, byte type)
    {
        Family family = s_families[familyName];
        byte[] error = Error(family, family.Public, About("udp", family.Public, family.Server, 1).AsSpan(EthernetHeader.Size));
        byte[] frame = Error(family with { ErrorType = type }, family.Public, error.AsSpan(EthernetHeader.Size));

        Assert.False(IcmpErrorEdits.TryReadQuoted(frame, Packets.Parse(frame), out _));
    }

    [Theory]
    [InlineData("4")]
    [InlineData("6")]
    public void TryRewrite_WhatDoesNotFit_ChangesNothing(string familyName)
    {
        Family family = s_families[familyName];
        Family other = s_families[familyName == "4" ? "6" : "4"];
        byte[] frame = Error(family, family.Public, About("echo", family.Public, family.Server, 61000).AsSpan(EthernetHeader.Size));
        byte[] before = [.. frame];
        ParsedPacket packet = Packets.Parse(frame);

        Assert.False(IcmpErrorEdits.TryRewrite(frame, in packet, new AddressRewrite { SourcePort = 1, Parts = AddressRewriteParts.SourcePort }, default));
        Assert.False(IcmpErrorEdits.TryRewrite(frame, in packet, new AddressRewrite { Source = other.Router, Parts = AddressRewriteParts.Source }, default));
        Assert.False(IcmpErrorEdits.TryRewrite(frame, in packet, default, new AddressRewrite { Source = other.Router, Parts = AddressRewriteParts.Source }));
        Assert.False(IcmpErrorEdits.TryRewrite(frame, in packet, default, new AddressRewrite { Parts = AddressRewriteParts.DestinationPort }));

        Assert.Equal(before, frame);
    }

    [Theory, MemberData(nameof(Quotes))]
    public void TryReadQuotedAndRewrite_QuoteCutOrMutatedAnywhere_NeverLeavesTheFrame(string familyName, string transport, int seed)
    {
        Family family = s_families[familyName];
        byte[] about = About(transport, family.Public, family.Server, 61000);
        var random = new Random(seed);
        for (int length = 0; length <= about.Length - EthernetHeader.Size; length++)
        {
            for (int round = 0; round < 5; round++)
            {
                byte[] quote = about.AsSpan(EthernetHeader.Size, length).ToArray();
                if (round > 0 && length > 0)
                {
                    quote[random.Next(length)] = (byte)random.Next();
                    quote[random.Next(Math.Min(length, 7))] = (byte)random.Next();
                }

                byte[] frame = Error(family, family.Public, quote);
                ParsedPacket packet = Packets.Parse(frame);
                bool read = IcmpErrorEdits.TryReadQuoted(frame, in packet, out _);
                bool rewritten = IcmpErrorEdits.TryRewrite(
                    frame, in packet, default, new AddressRewrite { Source = family.Inside, Parts = AddressRewriteParts.Source });

                Assert.Equal(read, rewritten);
                Packets.AssertIntact(frame);
            }
        }
    }

    [Fact]
    public void TryRewrite_TenThousandTimes_AllocatesNothing()
    {
        Family family = s_families["6"];
        byte[] frame = Error(family, family.Public, About("options", family.Public, family.Server, 61000).AsSpan(EthernetHeader.Size));
        ParsedPacket packet = Packets.Parse(frame);
        AddressRewrite rewrite = new AddressRewrite { Source = family.Inside, SourcePort = 7, Parts = AddressRewriteParts.Source | AddressRewriteParts.SourcePort };
        Assert.True(IcmpErrorEdits.TryRewrite(frame, in packet, default, in rewrite));

        Allocation.AssertNone(10_000, () =>
        {
            _ = IcmpErrorEdits.TryRewrite(frame, in packet, default, in rewrite);
        });
    }

    private static byte[] About(string transport, InetAddress source, InetAddress destination, ushort port)
    {
        FrameBuilder begun = FrameBuilder.Ethernet(s_outsideMac, s_outsideMac).IP(source, destination);
        return (transport switch
        {
            "tcp" => begun.Tcp(port, 443).Payload(80),
            "udp" => begun.Udp(port, 53).Payload(80),
            "udp-unsummed" => begun.Udp(port, 53, withChecksum: false).Payload(80),
            "echo" => begun.Ping(port).Payload(80),
            _ => (source.IsIPv4
                ? begun.Options(7, 3, 4, 0)
                : begun.Extension(IPProtocols.HopByHop, new byte[8]).Fragment(0, more: false)).Tcp(port, 443).Payload(80),
        }).Build();
    }

    private static byte[] Error(Family family, InetAddress destination, ReadOnlySpan<byte> quote) =>
        FrameBuilder.Ethernet(s_outsideMac, ContosoFabrikam.RouterMac).IP(family.Router, destination)
            .Icmp(family.ErrorType, 0, 1400).Payload(quote.ToArray()).Build();

    private sealed record Family(InetAddress Inside, InetAddress Public, InetAddress Server, InetAddress Router, byte ErrorType)
    {
        public Family(string inside, string outside, string server, string router, byte errorType)
            : this(InetAddress.Parse(inside), InetAddress.Parse(outside), InetAddress.Parse(server), InetAddress.Parse(router), errorType)
        {
        }
    }
}
