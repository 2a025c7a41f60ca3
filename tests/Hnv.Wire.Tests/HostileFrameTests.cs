using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Wire.Tests;

/// <summary>Whatever the parser lets through, every later step must be able to stand.</summary>
public sealed class HostileFrameTests
{
    [Fact]
    public void AnyParsedFrame_ThroughEveryEditAndAnswer_NeverThrows()
    {
        var random = new Random(13);
        byte[][] corpus = [.. Packets.All];
        byte[] answer = new byte[4096];
        byte[] wire = new byte[4096];
        int walked = 0;
        for (int i = 0; i < 200_000; i++)
        {
            byte[] frame = [.. corpus[random.Next(corpus.Length)]];
            for (int mutations = random.Next(0, 4); mutations > 0; mutations--)
            {
                frame[random.Next(12, frame.Length)] = (byte)random.Next();
            }

            if (PacketParser.TryParse(frame, out ParsedPacket packet) == ParseFault.None)
            {
                walked++;
                Walk(frame, in packet, random, answer, wire);
            }
        }

        Assert.InRange(walked, 50_000, 200_000);
    }

    private static void Walk(byte[] frame, in ParsedPacket packet, Random random, byte[] answer, byte[] wire)
    {
        _ = ArpMessage.TryRead(frame.AsSpan(packet.NetworkOffset), out _);
        _ = NeighborDiscovery.TryReadSolicitation(frame, in packet, out _);
        _ = NeighborDiscovery.TryReadAdvertisement(frame, in packet, out _);
        _ = NeighborDiscovery.TryReadRouterSolicitation(frame, in packet);
        _ = DhcpV4Message.TryRead(frame, in packet, out _);
        _ = DhcpV6Message.TryRead(frame, in packet, out _);
        _ = IcmpMessages.IsError(in packet);
        if (IcmpMessages.IsEchoRequest(in packet))
        {
            _ = IcmpMessages.WriteEchoReply(frame, in packet, answer);
        }

        if (packet.IsIP)
        {
            InetAddress router = packet.EtherType == EtherTypes.IPv4 ? ContosoFabrikam.Gateway : ContosoFabrikam.GatewayV6;
            int length = IcmpMessages.WriteTimeExceeded(frame, in packet, ContosoFabrikam.RouterMac, router, answer);
            Assert.Equal(ParseFault.None, PacketParser.TryParse(answer.AsSpan(0, length), out _));
        }

        if (SuperPacketSegmenter.CanSegment(in packet))
        {
            SegmentAndJoin(frame, in packet, random, wire);
        }

        int mtu = random.Next(28, 200);
        if (InnerFragmenter.CanFragment(frame, in packet, mtu))
        {
            _ = new InnerFragmenter(frame, in packet, mtu).Fragment(8, 16, wire);
        }

        _ = FrameEdits.TryDecrementTimeToLive(frame, in packet);
        _ = FrameEdits.TryReplaceDestination(frame, in packet, ContosoFabrikam.Gateway, ChecksumState.Full);
        _ = FrameEdits.TryReplaceDestination(frame, in packet, ContosoFabrikam.GatewayV6, ChecksumState.Partial);
        AddressRewrite rewrite = new AddressRewrite
        {
            Source = packet.EtherType == EtherTypes.IPv4 ? ContosoFabrikam.Gateway : ContosoFabrikam.GatewayV6,
            SourcePort = 1,
            DestinationPort = 2,
            Parts = (AddressRewriteParts)random.Next(16) & ~AddressRewriteParts.Destination,
        };
        _ = FrameEdits.TryRewrite(frame, in packet, in rewrite, (ChecksumState)random.Next(2));
        _ = IcmpErrorEdits.TryRewrite(frame, in packet, default, in rewrite);
        _ = FrameEdits.TryCompleteChecksum(frame, random.Next(-2, 200), random.Next(-2, 200));
    }

    private static void SegmentAndJoin(byte[] frame, in ParsedPacket packet, Random random, byte[] wire)
    {
        var segmenter = new SuperPacketSegmenter(frame, in packet, random.Next(1, 40));
        SegmentRun run = segmenter.Segment(8, 16, wire);
        var frames = new FramePiece[run.Count];
        for (int i = 0; i < run.Count; i++)
        {
            int length = i == run.Count - 1 ? run.LastLength : run.Stride;
            frames[i] = new FramePiece((i * run.Stride) + 8, length - 8);
            Packets.AssertIntact(wire.AsSpan(frames[i].Offset, frames[i].Length));
        }

        if (run.Count > 1)
        {
            wire[random.Next(8, run.Length)] ^= (byte)random.Next(2);
        }

        if (PacketParser.TryParse(wire.AsSpan(frames[0].Offset, frames[0].Length), out ParsedPacket first) == ParseFault.None)
        {
            CoalescedFrame joined = TcpCoalescer.Join(wire, frames, in first, 8, new FramePiece[16]);
            Assert.InRange(joined.FrameCount, 1, run.Count);
        }
    }
}
