using System.Runtime.InteropServices;
using Hnv.Corpus;

namespace Hnv.Wire.Tests;

public sealed class SuperPacketTests
{
    private const int Prefix = VxlanHeader.Size;
    private static readonly byte[] s_timestamps = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

    private static readonly Dictionary<string, FrameBuilder> s_flows = new()
    {
        ["tcp4"] = ContosoFabrikam.WebToSql.Identification(0xFFFE).Tcp(40000, 5432, TcpFlags.Ack | TcpFlags.Psh, 0xFFFF_F000, 77, 512, s_timestamps),
        ["tcp4-fragmentable"] = ContosoFabrikam.WebToSql.DontFragment(false).Tcp(40000, 5432, TcpFlags.Ack | TcpFlags.Psh, 9),
        ["tcp4-vlan"] = ContosoFabrikam.WebToSql.Vlan(101).Tcp(40000, 5432, TcpFlags.Ack | TcpFlags.Psh),
        ["tcp6"] = ContosoFabrikam.WebToSqlV6.Tcp(40000, 5432, TcpFlags.Ack | TcpFlags.Psh, 5, 6, 7, s_timestamps),
    };

    public static TheoryData<string> Flows => [.. s_flows.Keys];

    [Theory]
    [InlineData("tcp4", 1448, 64_000)]
    [InlineData("tcp4", 1398, 1398 * 3)]
    [InlineData("tcp4", 1398, 100)]
    [InlineData("tcp4", 1, 9)]
    [InlineData("tcp4", 1398, 0)]
    [InlineData("tcp4-fragmentable", 1448, 30_001)]
    [InlineData("tcp4-vlan", 1448, 30_001)]
    [InlineData("tcp6", 1428, 65_000)]
    public void Segment_Tcp_EqualsTheFramesAGuestWouldHaveSent(string flow, int segmentSize, int length)
    {
        byte[] payload = Pattern(length);
        byte[] frame = s_flows[flow].PartialChecksum().Payload(payload).Build();

        List<byte[]> segments = SegmentAll(frame, segmentSize, int.MaxValue, out _);

        Assert.Equal(Math.Max(1, (length + segmentSize - 1) / segmentSize), segments.Count);
        TcpHeader origin = MemoryMarshal.Read<TcpHeader>(frame.AsSpan(Packets.Parse(frame).TransportOffset));
        for (int i = 0; i < segments.Count; i++)
        {
            bool last = i == segments.Count - 1;
            byte[] part = payload[(i * segmentSize)..Math.Min(payload.Length, (i + 1) * segmentSize)];
            byte[] options = frame[(Packets.Parse(frame).TransportOffset + TcpHeader.Size)..Packets.Parse(frame).PayloadOffset];
            ushort identification = (ushort)((flow == "tcp4" ? 0xFFFE : 0x1234) + i);

            byte[] expected = s_flows[flow].Identification(identification)
                .Tcp(40000, 5432, last ? origin.Flags : TcpFlags.Ack, origin.Sequence + (uint)(i * segmentSize), origin.Acknowledgment, origin.Window, options)
                .Payload(part).Build();

            Assert.Equal(expected, segments[i]);
        }
    }

    [Theory]
    [InlineData("10.1.1.12", "10.1.1.11")]
    [InlineData("2001:db8:1:1::12", "2001:db8:1:1::11")]
    public void Segment_Udp_EqualsTheDatagramsAGuestWouldHaveSent(string source, string destination)
    {
        FrameBuilder flow = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac).IP(source, destination).Udp(443, 40001);
        byte[] payload = Pattern(12_345);

        List<byte[]> segments = SegmentAll(flow.PartialChecksum().Payload(payload).Build(), 1200, int.MaxValue, out _);

        Assert.Equal(11, segments.Count);
        for (int i = 0; i < segments.Count; i++)
        {
            byte[] part = payload[(i * 1200)..Math.Min(payload.Length, (i + 1) * 1200)];
            Assert.Equal(flow.Identification((ushort)(0x1234 + i)).Payload(part).Build(), segments[i]);
        }
    }

    [Fact]
    public void Segment_UdpWithoutChecksum_StaysWithout()
    {
        byte[] frame = Packets.Get("udp4-unsummed").Build();

        List<byte[]> segments = SegmentAll(frame, 1000, int.MaxValue, out _);

        Assert.Equal(frame, Assert.Single(segments));
    }

    [Fact]
    public void Segment_FlagsOfASuperPacket_GoWhereTheyBelong()
    {
        byte all = TcpFlags.Cwr | TcpFlags.Ece | TcpFlags.Ack | TcpFlags.Psh | TcpFlags.Fin;
        byte[] frame = ContosoFabrikam.WebToSql.Tcp(1, 2, all).Payload(300).Build();

        List<byte[]> segments = SegmentAll(frame, 100, int.MaxValue, out _);

        Assert.Equal(
            [TcpFlags.Cwr | TcpFlags.Ece | TcpFlags.Ack, TcpFlags.Ece | TcpFlags.Ack, TcpFlags.Ece | TcpFlags.Ack | TcpFlags.Psh | TcpFlags.Fin],
            segments.Select(segment => (int)Packets.Parse(segment).TcpFlags));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(44)]
    public void Segment_InParts_EqualsSegmentingAtOnce(int countMax)
    {
        byte[] frame = s_flows["tcp4"].Payload(64_000).Build();

        List<byte[]> parts = SegmentAll(frame, 1448, countMax, out List<SegmentRun> runs);

        Assert.Equal(SegmentAll(frame, 1448, int.MaxValue, out _), parts);
        Assert.All(runs, run => Assert.InRange(run.Count, 1, countMax));
        Assert.All(runs, run => Assert.Equal(Prefix + 66 + 1448, run.Stride));
    }

    [Fact]
    public void Segment_DestinationFull_WritesWhatFitsAndNoByteMore()
    {
        byte[] frame = s_flows["tcp4"].Payload(5_000).Build();
        byte[] destination = new byte[4_000];
        destination.AsSpan().Fill(0xEE);
        var segmenter = new SuperPacketSegmenter(frame, Packets.Parse(frame), 1448);

        SegmentRun run = segmenter.Segment(Prefix, 64, destination.AsSpan(0, 3_999));

        Assert.Equal((2, 2), (run.Count, segmenter.Remaining));
        Assert.Equal(2 * (Prefix + 66 + 1448), run.Length);
        Assert.All(destination[run.Length..], value => Assert.Equal(0xEE, value));
        Assert.All(destination[..Prefix], value => Assert.Equal(0xEE, value));
    }

    [Theory]
    [InlineData("first4")]
    [InlineData("later6")]
    [InlineData("ping4")]
    [InlineData("arp")]
    public void Segmenter_NotAWholeTcpOrUdpPacket_IsRefused(string name)
    {
        byte[] frame = Packets.Get(name).Build();
        ParsedPacket packet = Packets.Parse(frame);

        Assert.False(SuperPacketSegmenter.CanSegment(in packet));
        Assert.Throws<ArgumentException>(() => new SuperPacketSegmenter(frame, in packet, 1000).Count);
    }

    [Theory, MemberData(nameof(Flows))]
    public void Join_WhatWasSegmented_IsTheSuperPacketAgain(string flow)
    {
        byte[] frame = s_flows[flow].PartialChecksum().Payload(Pattern(64_000)).Build();

        List<byte[]> joined = JoinAll(SegmentAll(frame, 1448, int.MaxValue, out _), out List<CoalescedFrame> results);

        CoalescedFrame result = Assert.Single(results);
        Assert.Equal((45, 1448, frame.Length), (result.FrameCount, result.SegmentSize, result.Length));
        Assert.Equal(Packets.Parse(frame).PayloadOffset, result.HeaderLength);
        Assert.Equal(Packets.Parse(frame).TransportOffset, result.ChecksumStart);
        Assert.Equal(frame, Assert.Single(joined));
    }

    [Fact]
    public void Join_RandomCuts_SegmentToTheSameFramesAgain()
    {
        var random = new Random(4096);
        string[] flows = [.. s_flows.Keys];
        for (int i = 0; i < 300; i++)
        {
            int size = random.Next(1, 1500);
            byte[] frame = s_flows[flows[random.Next(flows.Length)]].PartialChecksum().Payload(Pattern(random.Next(1, Math.Min(60_000, size * 100)))).Build();
            List<byte[]> segments = SegmentAll(frame, size, int.MaxValue, out _);

            List<byte[]> joined = JoinAll(segments, out List<CoalescedFrame> results);

            Assert.Equal(segments, joined.SelectMany(super => SegmentAll(super, size, int.MaxValue, out _)));
            Assert.Single(results);
        }
    }

    [Theory]
    [InlineData("destination MAC", 0)]
    [InlineData("IPv4 checksum", 24)]
    [InlineData("TOS", 15)]
    [InlineData("TTL", 22)]
    [InlineData("source address", 29)]
    [InlineData("destination port", 37)]
    [InlineData("sequence number", 41)]
    [InlineData("acknowledgment", 45)]
    [InlineData("flags", 47)]
    [InlineData("window", 49)]
    [InlineData("TCP checksum", 50)]
    [InlineData("urgent pointer", 53)]
    [InlineData("timestamp", 61)]
    [InlineData("payload", 700)]
    public void Join_SecondFrameDiffers_StaysApart(string what, int offset)
    {
        List<byte[]> segments = SegmentAll(s_flows["tcp4"].Payload(4_000).Build(), 1448, int.MaxValue, out _);
        segments[1][offset] ^= 4;
        RepairChecksums(segments[1], what);
        List<byte[]> before = [.. segments.Select(segment => segment.ToArray())];

        List<byte[]> joined = JoinAll(segments, out List<CoalescedFrame> results);

        Assert.True(results[0].FrameCount == 1, what);
        Assert.Equal(before[0], joined[0]);
    }

    [Fact]
    public void Join_OtherVirtualSubnetInThePrefix_StaysApart()
    {
        List<byte[]> segments = SegmentAll(s_flows["tcp4"].Payload(4_000).Build(), 1448, int.MaxValue, out _);
        byte[] buffer = Lay(segments, out FramePiece[] frames);
        buffer[frames[1].Offset - 3] ^= 1;
        ParsedPacket first = Packets.Parse(segments[0]);

        CoalescedFrame result = TcpCoalescer.Join(buffer, frames, in first, Prefix, new FramePiece[16]);

        Assert.False(result.IsJoined);
    }

    [Fact]
    public void Join_IdentificationJumpsWithoutDf_StaysApart()
    {
        byte[][] frames =
        [
            ContosoFabrikam.WebToSql.DontFragment(false).Identification(7).Tcp(1, 2, sequence: 100).Payload(50).Build(),
            ContosoFabrikam.WebToSql.DontFragment(false).Identification(9).Tcp(1, 2, sequence: 150).Payload(50).Build(),
        ];

        JoinAll(frames, out List<CoalescedFrame> results);

        Assert.Equal(2, results.Count);
    }

    [Fact]
    public void Join_ShortOrPushedSegment_EndsTheRun()
    {
        byte[][] frames =
        [
            ContosoFabrikam.WebToSql.Tcp(1, 2, sequence: 100).Payload(50).Build(),
            ContosoFabrikam.WebToSql.Tcp(1, 2, TcpFlags.Ack | TcpFlags.Psh, sequence: 150).Payload(50).Build(),
            ContosoFabrikam.WebToSql.Tcp(1, 2, sequence: 200).Payload(50).Build(),
            ContosoFabrikam.WebToSql.Tcp(1, 2, sequence: 250).Payload(49).Build(),
            ContosoFabrikam.WebToSql.Tcp(1, 2, sequence: 299).Payload(50).Build(),
        ];

        JoinAll(frames, out List<CoalescedFrame> results);

        Assert.Equal([2, 2, 1], results.Select(result => result.FrameCount));
    }

    [Theory]
    [InlineData(TcpFlags.Syn)]
    [InlineData(TcpFlags.Ack | TcpFlags.Fin)]
    [InlineData(TcpFlags.Ack | TcpFlags.Rst)]
    [InlineData(TcpFlags.Ack | TcpFlags.Urg)]
    [InlineData(TcpFlags.Ack | TcpFlags.Ece)]
    public void Join_AnyOtherFlag_StaysApart(byte flags)
    {
        byte[][] frames =
        [
            ContosoFabrikam.WebToSql.Tcp(1, 2, flags, sequence: 100).Payload(50).Build(),
            ContosoFabrikam.WebToSql.Tcp(1, 2, flags, sequence: 150).Payload(50).Build(),
        ];

        JoinAll(frames, out List<CoalescedFrame> results);

        Assert.Equal(2, results.Count);
    }

    [Theory]
    [InlineData("tcp4", 0)]
    [InlineData("tcp4", 1)]
    [InlineData("tcp6", 0)]
    [InlineData("tcp6", 1)]
    public void Join_BytesBehindThePacket_StayApart(string flow, int padded)
    {
        List<byte[]> frames = SegmentAll(s_flows[flow].Payload(300).Build(), 100, int.MaxValue, out _);
        frames[padded] = [.. frames[padded], 0, 0];

        JoinAll(frames, out List<CoalescedFrame> results);

        Assert.False(results[0].IsJoined);
    }

    [Theory]
    [InlineData("tcp4", 17)]
    [InlineData("tcp6", 19)]
    public void Join_LengthFieldContradictsTheFrame_StaysApart(string flow, int offset)
    {
        List<byte[]> frames = SegmentAll(s_flows[flow].Payload(300).Build(), 100, int.MaxValue, out _);
        frames[1][offset]--;
        if (flow == "tcp4")
        {
            RepairChecksums(frames[1], "total length");
        }

        JoinAll(frames, out List<CoalescedFrame> results);

        Assert.False(results[0].IsJoined);
    }

    [Fact]
    public void Join_ExactlyTheLargestPacket_IsJoinedWhole()
    {
        byte[] largest = ContosoFabrikam.WebToSql.PartialChecksum().Tcp(1, 2).Payload(ushort.MaxValue - 40).Build();

        List<byte[]> joined = JoinAll(SegmentAll(largest, 1451, int.MaxValue, out _), out _);

        Assert.Equal(largest, Assert.Single(joined));
    }

    [Fact]
    public void Join_MoreThan64K_EndsTheRun()
    {
        byte[][] frames = [.. Enumerable.Range(0, 60).Select(i =>
            ContosoFabrikam.WebToSql.Tcp(1, 2, sequence: (uint)(i * 1448)).Payload(1448).Build())];

        JoinAll(frames, out List<CoalescedFrame> results);

        Assert.Equal([45, 15], results.Select(result => result.FrameCount));
    }

    [Fact]
    public void SegmentAndJoin_AThousandTimes_AllocateNothing()
    {
        byte[] frame = s_flows["tcp4"].Payload(60_000).Build();
        ParsedPacket packet = Packets.Parse(frame);
        byte[] wire = new byte[70_000];
        var frames = new FramePiece[64];
        var pieces = new FramePiece[64];
        RoundTrip(frame, in packet, wire, frames, pieces);

        Allocation.AssertNone(1_000, () =>
        {
            RoundTrip(frame, in packet, wire, frames, pieces);
        });
    }

    private static void RoundTrip(byte[] frame, in ParsedPacket packet, byte[] wire, FramePiece[] frames, FramePiece[] pieces)
    {
        var segmenter = new SuperPacketSegmenter(frame, in packet, 1448);
        SegmentRun run = segmenter.Segment(Prefix, 64, wire);
        for (int i = 0; i < run.Count; i++)
        {
            frames[i] = new FramePiece((i * run.Stride) + Prefix, (i == run.Count - 1 ? run.LastLength : run.Stride) - Prefix);
        }

        _ = PacketParser.TryParse(wire.AsSpan(frames[0].Offset, frames[0].Length), out ParsedPacket first);
        if (!TcpCoalescer.Join(wire, frames.AsSpan(0, run.Count), in first, Prefix, pieces).IsJoined)
        {
            throw new InvalidOperationException("The segments were not joined.");
        }
    }

    private static List<byte[]> SegmentAll(byte[] frame, int segmentSize, int countMax, out List<SegmentRun> runs)
    {
        var segmenter = new SuperPacketSegmenter(frame, Packets.Parse(frame), segmentSize);
        byte[] destination = new byte[200_000];
        List<byte[]> segments = [];
        runs = [];
        while (segmenter.Remaining > 0)
        {
            SegmentRun run = segmenter.Segment(Prefix, countMax, destination);
            runs.Add(run);
            for (int i = 0; i < run.Count; i++)
            {
                int length = i == run.Count - 1 ? run.LastLength : run.Stride;
                segments.Add(destination.AsSpan(i * run.Stride, length)[Prefix..].ToArray());
            }
        }

        return segments;
    }

    private static byte[] Lay(IReadOnlyList<byte[]> list, out FramePiece[] frames)
    {
        frames = new FramePiece[list.Count];
        List<byte> buffer = [];
        for (int i = 0; i < list.Count; i++)
        {
            buffer.AddRange([8, 0, 0, 0, 0, 0x13, 0x89, 0]);
            frames[i] = new FramePiece(buffer.Count, list[i].Length);
            buffer.AddRange(list[i]);
        }

        return [.. buffer];
    }

    private static List<byte[]> JoinAll(IReadOnlyList<byte[]> list, out List<CoalescedFrame> results)
    {
        byte[] buffer = Lay(list, out FramePiece[] frames);
        var pieces = new FramePiece[128];
        List<byte[]> joined = [];
        results = [];
        for (int at = 0; at < frames.Length; at += results[^1].FrameCount)
        {
            if (PacketParser.TryParse(buffer.AsSpan(frames[at].Offset, frames[at].Length), out ParsedPacket first) != ParseFault.None)
            {
                results.Add(new CoalescedFrame(1, 0, 0, 0, 0, false));
                continue;
            }

            CoalescedFrame result = TcpCoalescer.Join(buffer, frames.AsSpan(at), in first, Prefix, pieces);
            results.Add(result);
            joined.Add([.. pieces.Take(result.FrameCount).SelectMany(piece => buffer.AsSpan(piece.Offset, piece.Length).ToArray())]);
            Assert.Equal(result.Length, joined[^1].Length);
        }

        return joined;
    }

    private static void RepairChecksums(byte[] frame, string changed)
    {
        if (changed != "IPv4 checksum")
        {
            frame.AsSpan(24, 2).Clear();
            MemoryMarshal.Write(frame.AsSpan(24), U16Be.FromHost(InternetChecksum.Compute(frame.AsSpan(14, 20))));
        }

        if (changed is not ("TCP checksum" or "payload"))
        {
            frame.AsSpan(50, 2).Clear();
            ulong sum = InternetChecksum.Sum(frame.AsSpan(26)) + InternetChecksum.SumOf((ushort)(frame.Length - 34)) + InternetChecksum.SumOf(IPProtocols.Tcp);
            MemoryMarshal.Write(frame.AsSpan(50), U16Be.FromHost(InternetChecksum.Complete(sum)));
        }
    }

    private static byte[] Pattern(int length)
    {
        byte[] bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}
