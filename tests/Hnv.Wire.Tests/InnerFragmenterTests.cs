using System.Buffers.Binary;
using Hnv.Corpus;

namespace Hnv.Wire.Tests;

public sealed class InnerFragmenterTests
{
    private static readonly FrameBuilder s_datagram = ContosoFabrikam.WebToSql.DontFragment(false).Udp(5353, 53).Payload(3000);

    [Theory]
    [InlineData(1500, 3)]
    [InlineData(1450, 3)]
    [InlineData(576, 6)]
    [InlineData(68, 63)]
    [InlineData(28, 376)]
    [InlineData(3027, 2)]
    public void Fragment_Datagram_FitsTheMtuAndReassemblesToItself(int mtu, int count)
    {
        byte[] frame = s_datagram.Build();

        List<byte[]> pieces = Cut(frame, mtu, prefix: 50);

        Assert.Equal(count, pieces.Count);
        Assert.All(pieces, piece => Assert.InRange(piece.Length - EthernetHeader.Size, 28, mtu));
        Assert.Equal(frame, Reassemble(pieces));
    }

    [Fact]
    public void Fragment_Pieces_HaveOffsetsFlagsAndTheSameIdentification()
    {
        List<byte[]> pieces = Cut(s_datagram.Vlan(9).Tos(0xB8).TimeToLive(9).Padding(5).Build(), 1500, prefix: 0);

        byte[] data = s_datagram.Build()[34..];
        Assert.Equal(
            s_datagram.Vlan(9).Tos(0xB8).TimeToLive(9).Fragment(0, more: true).Transport(IPProtocols.Udp, [], -1).Payload(data[..1480]).Build()[18..38],
            pieces[0][18..38]);
        Assert.Equal(s_datagram.Vlan(9).Tos(0xB8).TimeToLive(9).Fragment(1480, more: true).Payload(data[1480..2960]).Build(), pieces[1]);
        Assert.Equal(s_datagram.Vlan(9).Tos(0xB8).TimeToLive(9).Fragment(2960, more: false).Payload(data[2960..]).Build(), pieces[2]);
    }

    [Fact]
    public void Fragment_PacketThatFits_IsWrittenAsItIs()
    {
        byte[] frame = s_datagram.Padding(9).Build();

        List<byte[]> pieces = Cut(frame, 3028, prefix: 8);

        Assert.Equal(frame[..^9], Assert.Single(pieces));
    }

    [Fact]
    public void Fragment_AMiddleFragment_KeepsOffsetAndMoreFragments()
    {
        byte[] frame = s_datagram.Fragment(1480, more: true).Payload(1480).Build();

        List<byte[]> pieces = Cut(frame, 1000, prefix: 0);

        Assert.Equal(
            [(1480, true), (2456, true)],
            pieces.Select(piece => BinaryPrimitives.ReadUInt16BigEndian(piece.AsSpan(20)))
                .Select(flags => ((flags & IPv4Header.FragmentOffsetMask) * 8, (flags & IPv4Header.MoreFragmentsFlag) != 0)));
        Assert.Equal(frame, Reassemble(pieces));
    }

    [Fact]
    public void Fragment_Options_AreInLaterPiecesOnlyWhenMarkedAsCopied()
    {
        byte[] recordRoute = [7, 7, 4, 0, 0, 0, 0], routerAlert = [0x94, 4, 0, 0], end = [0];
        byte[] frame = s_datagram.Options([.. recordRoute, .. routerAlert, .. end]).Build();

        List<byte[]> pieces = Cut(frame, 1500, prefix: 0);

        Assert.Equal([.. recordRoute, .. routerAlert, .. end], pieces[0][34..46]);
        Assert.Equal([1, 1, 1, 1, 1, 1, 1, .. routerAlert, .. end], pieces[1][34..46]);
        Assert.Equal(frame, Reassemble(pieces));
    }

    [Theory]
    [InlineData("07000101")]
    [InlineData("07010101")]
    [InlineData("94280101")]
    [InlineData("01010107")]
    public void Fragment_MalformedOptions_StillGivePiecesThatParse(string options)
    {
        List<byte[]> pieces = Cut(s_datagram.Options(Convert.FromHexString(options)).Build(), 576, prefix: 0);

        Assert.All(pieces, piece => Assert.Equal(ParseFault.None, PacketParser.TryParse(piece, out _)));
    }

    [Fact]
    public void Fragment_SmallDestination_GoesOnWhereItStopped()
    {
        byte[] frame = s_datagram.Build();
        var fragmenter = new InnerFragmenter(frame, Packets.Parse(frame), 1000);
        byte[] room = new byte[fragmenter.Stride(4)];
        var pieces = new List<byte[]>();

        Assert.Equal(default, fragmenter.Fragment(4, 9, room.AsSpan(0, room.Length - 1)));
        while (fragmenter.Remaining > 0)
        {
            SegmentRun run = fragmenter.Fragment(4, 9, room);
            Assert.Equal(1, run.Count);
            pieces.Add(room[4..run.Length]);
        }

        Assert.Equal(default, fragmenter.Fragment(4, 9, room));
        Assert.Equal(frame, Reassemble(pieces));
    }

    [Theory]
    [InlineData("tcp4", 1500)]
    [InlineData("udp6", 1500)]
    [InlineData("arp", 1500)]
    [InlineData("later4", 27)]
    public void CanFragment_WhatMayNotBeCut_IsFalse(string name, int mtu)
    {
        byte[] frame = Packets.Get(name).Build();

        Assert.False(InnerFragmenter.CanFragment(frame, Packets.Parse(frame), mtu));
        Assert.Throws<ArgumentException>(() => new InnerFragmenter(frame, Packets.Parse(frame), mtu).Remaining);
    }

    [Fact]
    public void Fragment_RandomPacketsAndMtus_ReassembleAndCutAgainToTheSame()
    {
        var random = new Random(791);
        for (int i = 0; i < 2_000; i++)
        {
            byte[] options = new byte[random.Next(11) * 4];
            random.NextBytes(options);
            byte[] frame = ContosoFabrikam.WebToSql.DontFragment(false).Options(options).Udp(1, 2).Payload(random.Next(9000), i).Build();

            List<byte[]> pieces = Cut(frame, random.Next(68, 3000), prefix: random.Next(60));
            List<byte[]> smaller = [.. pieces.SelectMany(piece => Cut(piece, random.Next(68, 600), prefix: 0))];

            Assert.All(smaller, piece => Assert.Equal(ParseFault.None, PacketParser.TryParse(piece, out _)));
            Assert.Equal(frame, Reassemble(pieces));
            Assert.Equal(frame, Reassemble(smaller));
        }
    }

    [Fact]
    public void Fragment_AThousandTimes_AllocatesNothing()
    {
        byte[] frame = s_datagram.Build();
        byte[] room = new byte[8192];
        ParsedPacket packet = Packets.Parse(frame);
        _ = new InnerFragmenter(frame, in packet, 1000).Fragment(0, 9, room);

        Allocation.AssertNone(1_000, () =>
        {
            _ = new InnerFragmenter(frame, in packet, 1000).Fragment(0, 9, room);
        });
    }

    private static List<byte[]> Cut(byte[] frame, int mtu, int prefix)
    {
        var fragmenter = new InnerFragmenter(frame, Packets.Parse(frame), mtu);
        byte[] room = new byte[fragmenter.Count * fragmenter.Stride(prefix)];
        SegmentRun run = fragmenter.Fragment(prefix, int.MaxValue, room);
        Assert.Equal(fragmenter.Count, run.Count);
        var pieces = new List<byte[]>();
        for (int i = 0; i < run.Count; i++)
        {
            int length = i == run.Count - 1 ? run.LastLength : run.Stride;
            Assert.Equal(new byte[prefix], room[(i * run.Stride)..((i * run.Stride) + prefix)]);
            pieces.Add(room[((i * run.Stride) + prefix)..((i * run.Stride) + length)]);
        }

        return pieces;
    }

    /// <summary>Puts pieces together as a receiver does, with the header of the first.</summary>
    private static byte[] Reassemble(List<byte[]> pieces)
    {
        ParsedPacket first = Packets.Parse(pieces[0]);
        int headers = first.NetworkOffset + ((pieces[0][first.NetworkOffset] & 0xF) * 4);
        int origin = Offset(pieces[0]);
        byte[] whole = new byte[headers + Offset(pieces[^1]) - origin + pieces[^1].Length - headers];
        int filled = 0;
        foreach (byte[] piece in pieces)
        {
            Assert.Equal(pieces[0].AsSpan(first.NetworkOffset + 4, 2), piece.AsSpan(first.NetworkOffset + 4, 2));
            piece.AsSpan(headers).CopyTo(whole.AsSpan(headers + Offset(piece) - origin));
            filled += piece.Length - headers;
        }

        Assert.Equal(whole.Length - headers, filled);
        Span<byte> network = whole.AsSpan(first.NetworkOffset, headers - first.NetworkOffset);
        pieces[0].AsSpan(0, headers).CopyTo(whole);
        BinaryPrimitives.WriteUInt16BigEndian(network[2..], (ushort)(whole.Length - first.NetworkOffset));
        network[6..8].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(
            network[6..], (ushort)(Flags(pieces[^1]) - Offset(pieces[^1]) / 8 + (origin / 8)));
        network[10..12].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(network[10..], (ushort)~FrameBuilder.FoldedSum(network));
        return whole;
    }

    private static ushort Flags(byte[] piece) => BinaryPrimitives.ReadUInt16BigEndian(piece.AsSpan(Packets.Parse(piece).NetworkOffset + 6));

    private static int Offset(byte[] piece) => (Flags(piece) & IPv4Header.FragmentOffsetMask) * 8;
}
