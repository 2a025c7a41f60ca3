using System.Buffers.Binary;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Tests;

/// <summary>
/// The programs against the executor, on frames that no list would hold: what the programs carry must leave them as HeaderEdits would have it, to
/// the byte, and what PacketParser refuses or the engine must see has to be punted as it is (I6). <c>HNV_LONG=1</c> runs 1.6 million.
/// </summary>
public sealed class EbpfDifferentialTests
{
    private static readonly int s_count = Environment.GetEnvironmentVariable("HNV_LONG") == "1" ? 400_000 : 40_000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Outbound_CarriesAsTheExecutorWould_OrPunts(int seed)
    {
        using EbpfPrograms programs = new();
        Random random = new(seed);
        int forwarded = 0, punted = 0;
        for (int i = 0; i < s_count; i++)
        {
            byte[] frame = RandomFrames.Plain(random);
            Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out ParsedPacket packet));
            bool overIPv4 = random.Next(2) == 0;
            Transposition transposition = RandomFrames.Edits(random, in packet) with { VlanId = 0 };
            transposition.Edits |= TranspositionEdits.Encap;
            programs.Set(1, packet.Ufid, Direction.Outbound, in transposition, overIPv4);
            byte[] sent = RandomFrames.Damaged(random, frame);
            if (!EbpfPrograms.CanRun(sent))
            {
                programs.Remove(packet.Ufid, Direction.Outbound);
                continue;
            }

            (int result, bool isPunted, byte[] output) = programs.Run(Direction.Outbound, sent);

            byte[]? expected = EbpfOracle.Outbound(sent, packet.Ufid, in transposition, overIPv4);
            if (expected is null)
            {
                Same((EbpfPrograms.Forwarded, true), (result, isPunted), seed, i, sent);
                Same(sent, output, seed, i, sent);
                punted++;
            }
            else
            {
                Same((EbpfPrograms.Forwarded, false), (result, isPunted), seed, i, sent);
                Same(expected, output, seed, i, sent);
                forwarded++;
            }

            programs.Remove(packet.Ufid, Direction.Outbound);
        }

        Assert.True(forwarded > s_count / 4 && punted > s_count / 4, $"{forwarded} forwarded, {punted} punted");
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void Inbound_CarriesAsTheExecutorWould_OrLeavesItAlone(int seed)
    {
        using EbpfPrograms programs = new();
        Random random = new(seed);
        int forwarded = 0, others = 0;
        for (int i = 0; i < s_count; i++)
        {
            byte[] inner = RandomFrames.Plain(random);
            Assert.Equal(ParseFault.None, PacketParser.TryParse(inner, out ParsedPacket packet));
            bool overIPv4 = random.Next(2) == 0;
            Transposition transposition = RandomFrames.Edits(random, in packet);
            programs.Set(1, packet.Ufid, Direction.Inbound, in transposition, overIPv4);
            Transposition tunnel = new()
            {
                Vsid = EbpfPrograms.Vsid,
                Encapsulation = random.Next(2) == 0 ? EncapsulationType.Vxlan : EncapsulationType.Nvgre,
            };
            byte trafficClass = (byte)random.Next(256);
            byte[] arriving = RandomFrames.Damaged(random, inner);
            byte[] whole = EbpfPrograms.Encapsulate(in tunnel, packet.Ufid, trafficClass, arriving, overIPv4, outbound: false);
            bool isOuterPlain = true;
            if (random.Next(4) == 0)
            {
                byte[] before = whole;
                whole = RandomFrames.DamagedOuter(random, whole, whole.Length - arriving.Length);
                isOuterPlain = before.AsSpan().SequenceEqual(whole);
            }

            if (!EbpfPrograms.CanRun(whole))
            {
                programs.Remove(packet.Ufid, Direction.Inbound);
                continue;
            }

            (int result, bool isPunted, byte[] output) = programs.Run(Direction.Inbound, whole);

            bool isForwarded = result == EbpfPrograms.Forwarded && !isPunted;
            byte[]? expected = EbpfOracle.Inbound(arriving, packet.Ufid, in transposition, trafficClass);
            if (isOuterPlain && expected is not null)
            {
                Same(true, isForwarded, seed, i, whole);
            }

            if (isForwarded)
            {
                // A damaged outer header may still be a right one for us, in which only the traffic class matters.
                byte read = overIPv4 ? whole[15] : (byte)(BinaryPrimitives.ReadUInt16BigEndian(whole.AsSpan(14)) >> 4);
                byte[]? right = isOuterPlain ? expected : EbpfOracle.Inbound(arriving, packet.Ufid, in transposition, read);
                Same(true, right is not null && (isOuterPlain || RandomFrames.IsOurs(whole, overIPv4)), seed, i, whole);
                Same(right!, output, seed, i, whole);
                forwarded++;
            }
            else
            {
                Same(true, result == EbpfPrograms.Continued || isPunted, seed, i, whole);
                Same(whole, output, seed, i, whole);
                others++;
            }

            programs.Remove(packet.Ufid, Direction.Inbound);
        }

        Assert.True(forwarded > s_count / 5 && others > s_count / 5, $"{forwarded} forwarded, {others} left alone");
    }

    [Fact]
    public void Flow_OfAnotherGeneration_OrOfASlotGivenAway_IsAMiss()
    {
        using EbpfPrograms programs = new();
        byte[] frame = RandomFrames.Plain(new Random(5));
        _ = PacketParser.TryParse(frame, out ParsedPacket packet);
        Transposition transposition = new() { Edits = TranspositionEdits.Encap, Vsid = EbpfPrograms.Vsid, Encapsulation = EncapsulationType.Vxlan };
        programs.Set(1, packet.Ufid, Direction.Outbound, in transposition, overIPv4: true);
        bool before = programs.Run(Direction.Outbound, frame).IsPunted;

        programs.Outdate(slot: 1);
        bool otherTag = programs.Run(Direction.Outbound, frame).IsPunted;
        programs.Set(1, packet.Ufid, Direction.Outbound, in transposition, overIPv4: true);
        bool written = programs.Run(Direction.Outbound, frame).IsPunted;
        programs.Outdate(slot: null);
        bool otherGeneration = programs.Run(Direction.Outbound, frame).IsPunted;

        Assert.Equal((false, true, false, true), (before, otherTag, written, otherGeneration));
        Assert.Equal(2ul, programs.CountOf(1));
    }

    [Fact]
    public void SuperPacket_WhoseLengthIsNotItsFrames_IsNotTakenForOne()
    {
        using EbpfPrograms programs = new();
        byte[] inner = RandomFrames.Tcp(new Random(6), payload: 1000);
        _ = PacketParser.TryParse(inner, out ParsedPacket packet);
        programs.SetDrop(1, packet.Ufid, Direction.Inbound);
        Transposition tunnel = new() { Vsid = EbpfPrograms.Vsid, Encapsulation = EncapsulationType.Vxlan };
        byte[] one = EbpfPrograms.Encapsulate(in tunnel, packet.Ufid, 0, inner, overIPv4: true, outbound: false);

        // Two datagrams of a sender's own, in one piece: the second one's headers lie where a super-packet has payload.
        byte[] train = EbpfPrograms.Encapsulate(in tunnel, packet.Ufid, 0, [.. inner, .. inner], overIPv4: true, outbound: false);

        Assert.Equal(EbpfPrograms.Dropped, programs.Run(Direction.Inbound, one, segmentSize: 500).Result);
        Assert.True(programs.Run(Direction.Inbound, train, segmentSize: 1000).IsPunted);
    }

    private static void Same<T>(T expected, T actual, int seed, int packet, byte[] frame)
    {
        bool same = expected is byte[] bytes ? bytes.AsSpan().SequenceEqual((byte[])(object)actual!) : Equals(expected, actual);
        if (!same)
        {
            string Text(object? value) => value is byte[] data ? Convert.ToHexString(data) : $"{value}";
            Assert.Fail($"seed {seed}, packet {packet}: {Convert.ToHexString(frame)}\nexpected {Text(expected)}\nactual   {Text(actual)}");
        }
    }
}
