using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Wire.Tests;

public sealed class InternetChecksumTests
{
    [Fact]
    public void Compute_ExampleOfRfc1071_IsItsSum()
    {
        Assert.Equal(0xDDF2, InternetChecksum.Fold(InternetChecksum.Sum([0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7])));
    }

    [Fact]
    public void Sum_EveryLengthAndAlignment_EqualsTheScalarSum()
    {
        byte[] bytes = new byte[1200];
        new Random(1071).NextBytes(bytes);
        byte[] copy = new byte[1200];

        for (int length = 0; length < 1100; length++)
        {
            ReadOnlySpan<byte> part = bytes.AsSpan(length % 67, length);
            ushort expected = FrameBuilder.FoldedSum(part);
            copy.AsSpan().Fill(0xEE);

            Assert.Equal(expected, InternetChecksum.Fold(InternetChecksum.Sum(part)));
            Assert.Equal(expected, InternetChecksum.Fold(InternetChecksum.CopyAndSum(part, copy)));
            Assert.True(part.SequenceEqual(copy.AsSpan(0, length)));
            Assert.Equal(0xEE, copy[length]);
        }
    }

    [Fact]
    public void Sum_64KOfOnes_DoesNotOverflow()
    {
        byte[] bytes = new byte[65536];
        bytes.AsSpan().Fill(0xFF);

        Assert.Equal(0xFFFF, InternetChecksum.Fold(InternetChecksum.Sum(bytes)));
    }

    [Fact]
    public void CopyAndSum_ShortDestination_Throws()
    {
        Assert.Throws<ArgumentException>(() => InternetChecksum.CopyAndSum(new byte[9], new byte[8]));
    }

    [Fact]
    public void Update_ExampleOfRfc1624_GivesZeroNotOnes()
    {
        ushort updated = InternetChecksum.Update(0xDD2F, InternetChecksum.Difference(
            InternetChecksum.SumOf((ushort)0x5555), InternetChecksum.SumOf((ushort)0x3285)));

        Assert.Equal(0x0000, updated);
    }

    [Fact]
    public void Update_RandomChanges_EqualsComputingAnew()
    {
        var random = new Random(1624);
        byte[] bytes = new byte[64];
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(bytes);
            bytes[0] = 0x45;
            ushort before = InternetChecksum.Compute(bytes);
            ushort folded = InternetChecksum.Fold(InternetChecksum.Sum(bytes));
            int at = random.Next(1, 24) * 2;
            InetAddress old = InetAddress.ReadIPv6(bytes.AsSpan(at));
            InetAddress fresh = InetAddress.FromNumbers((ulong)random.NextInt64(), (ulong)random.NextInt64());
            fresh.Write(bytes.AsSpan(at));
            ulong difference = InternetChecksum.Difference(InternetChecksum.SumOf(old), InternetChecksum.SumOf(fresh));

            Assert.Equal(InternetChecksum.Compute(bytes), InternetChecksum.Update(before, difference));
            Assert.Equal(InternetChecksum.Fold(InternetChecksum.Sum(bytes)), InternetChecksum.UpdatePartial(folded, difference));
        }
    }

    [Fact]
    public void PseudoHeader_BothFamilies_CompletesTheCorpusChecksums()
    {
        foreach (string name in new[] { "tcp4", "udp4", "tcp6", "udp6", "ping6" })
        {
            byte[] frame = Packets.Get(name).Build();
            ParsedPacket packet = Packets.Parse(frame);
            ReadOnlySpan<byte> body = frame.AsSpan(packet.TransportOffset..packet.Length);

            ulong sum = InternetChecksum.PseudoHeader(packet.Ufid.Source, packet.Ufid.Destination, packet.Ufid.Protocol, body.Length)
                + InternetChecksum.Sum(body);

            Assert.Equal(0, InternetChecksum.Complete(sum));
        }
    }
}
