using System.Buffers.Binary;
using Hnv.Corpus;
using Hnv.Corpus.Hostile;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Tests;

/// <summary>
/// Frames that mean harm, in the kernel: truncated, with reserved bits, tags within tags, fragments, chains of extension headers, lengths that lie. Each
/// is carried exactly as the executor would, or reaches it as it came. <c>HNV_LONG=1</c> sends ten million.
/// </summary>
public sealed class EbpfFuzzTests
{
    private const int Frames = 100_000;
    private const int FramesOfALongRun = 5_000_000;

    private static readonly MacAddress s_mac = MacAddress.Parse("00-1D-D8-B7-1C-06"), s_other = MacAddress.Parse("00-1D-D8-B7-1C-07");

    private static int Count => Environment.GetEnvironmentVariable("HNV_LONG") == "1" ? FramesOfALongRun : Frames;

    [Fact]
    public void Corpus_EveryFrameWithEveryKindOfEdit_IsCarriedAsTheExecutorWould_OrPunted()
    {
        const int worlds = 64;
        Tally tally = new();
        for (int seed = 0; seed < worlds; seed++)
        {
            using World world = new(seed);
            foreach (byte[] frame in World.Corpus)
            {
                world.Outbound(frame, tally);
                world.Inbound(frame, tally);
            }
        }

        Assert.True(tally.Carried > worlds * 20 && tally.Left > worlds * 20, $"{tally}");
    }

    [Theory]
    [InlineData(Direction.Outbound, 11)]
    [InlineData(Direction.Inbound, 12)]
    public void Hostile_IsCarriedAsTheExecutorWould_OrLeftAsItCame(Direction direction, int seed)
    {
        Tally[] tallies = new Tally[Environment.ProcessorCount];
        Parallel.For(0, tallies.Length, new ParallelOptions { MaxDegreeOfParallelism = tallies.Length }, part =>
        {
            using World world = new((seed * 1000) + part);
            tallies[part] = new Tally();
            FrameMutator mutator = new((seed * 1000) + part, direction == Direction.Outbound ? World.Corpus : world.Encapsulated);
            byte[] buffer = new byte[FrameMutator.LengthMax];
            for (int i = 0; i < Count / tallies.Length; i++)
            {
                byte[] frame = buffer[..mutator.Next(buffer)];
                if (direction == Direction.Outbound)
                {
                    world.Outbound(frame, tallies[part]);
                }
                else
                {
                    world.FromWire(frame, tallies[part]);
                }
            }
        });

        Assert.All(tallies, tally => Assert.True(tally.Carried > 0 && tally.Left > tally.Carried / 100, $"{tally}"));
    }

    private sealed record Tally
    {
        public long Carried { get; set; }

        public long Left { get; set; }
    }

    /// <summary>The programs with a flow, and edits of its own, for each honest frame.</summary>
    private sealed class World : IDisposable
    {
        private readonly EbpfPrograms _programs = new();
        private readonly Dictionary<(Ufid, Direction), (Transposition Transposition, bool OverIPv4)> _flows = [];
        private readonly Random _random;
        private readonly int _seed;

        public World(int seed)
        {
            _seed = seed;
            _random = new Random(seed);
            int slot = 1;
            foreach (byte[] frame in Corpus)
            {
                if (PacketParser.TryParse(frame, out ParsedPacket packet) != ParseFault.None || packet.Ufid.Fragment != FragmentClass.Whole || !packet.IsIP)
                {
                    continue;
                }

                foreach (Direction direction in (Direction[])[Direction.Outbound, Direction.Inbound])
                {
                    if (_flows.ContainsKey((packet.Ufid, direction)))
                    {
                        continue;
                    }

                    Transposition transposition = RandomFrames.Edits(_random, in packet);
                    transposition.MaxLength = _random.Next(4) == 0 ? transposition.MaxLength : (ushort)0;
                    if (!EbpfOracle.IsOrdinary(in packet.Ufid))
                    {
                        // Nothing a program would look for; it is there so that looking for it would be found out.
                        transposition.Edits &= ~TranspositionEdits.Translation;
                    }

                    transposition.Edits = direction == Direction.Outbound ? transposition.Edits | TranspositionEdits.Encap : transposition.Edits;
                    bool overIPv4 = _random.Next(2) == 0;
                    _programs.Set(slot++, packet.Ufid, direction, in transposition, overIPv4);
                    _flows.Add((packet.Ufid, direction), (transposition, overIPv4));
                }
            }

            Encapsulated = [.. Corpus.SelectMany(frame => ((bool[])[true, false]).SelectMany(overIPv4 => ((EncapsulationType[])[EncapsulationType.Vxlan, EncapsulationType.Nvgre])
                .Select(type => Wrap(frame, overIPv4, type, 0))))];
        }

        /// <summary>Honest frames of every kind.</summary>
        public static IReadOnlyList<byte[]> Corpus { get; } =
        [
            .. HostileFrames.Between(
                s_mac, InetAddress.Parse("10.1.1.11"), InetAddress.Parse("fd00::11"), s_other, InetAddress.Parse("10.1.1.12"), InetAddress.Parse("fd00::12")),
            .. PacketTable.All.SelectMany(row => row.Before.Select(before => before.Frame).Append(row.Frame)).Select(frame => frame.Build()),
        ];

        /// <summary>The same behind outer headers for us.</summary>
        public IReadOnlyList<byte[]> Encapsulated { get; }

        public void Outbound(byte[] frame, Tally tally)
        {
            if (!EbpfPrograms.CanRun(frame))
            {
                return;
            }

            (int result, bool isPunted, byte[] output) = _programs.Run(Direction.Outbound, frame);
            byte[]? expected = Known(frame, Direction.Outbound, out Ufid id, out (Transposition Transposition, bool OverIPv4) flow)
                ? EbpfOracle.Outbound(frame, in id, in flow.Transposition, flow.OverIPv4)
                : null;
            Check(result == EbpfPrograms.Forwarded && isPunted == expected is null, frame, result, isPunted, expected, output);
            Check(output.AsSpan().SequenceEqual(expected ?? frame), frame, result, isPunted, expected, output);
            Count(expected is not null, tally);
        }

        public void Inbound(byte[] frame, Tally tally)
        {
            foreach (bool overIPv4 in (bool[])[true, false])
            {
                FromWire(Wrap(frame, overIPv4, EncapsulationType.Vxlan, (byte)_random.Next(256)), tally);
                FromWire(Wrap(frame, overIPv4, EncapsulationType.Nvgre, (byte)_random.Next(256)), tally);
            }
        }

        public void FromWire(byte[] whole, Tally tally)
        {
            if (!EbpfPrograms.CanRun(whole))
            {
                return;
            }

            (int result, bool isPunted, byte[] output) = _programs.Run(Direction.Inbound, whole);
            byte[]? expected = Expected(whole);
            bool isCarried = result == EbpfPrograms.Forwarded && !isPunted;
            Check(isCarried == expected is not null && (isCarried || isPunted || result == EbpfPrograms.Continued), whole, result, isPunted, expected, output);
            Check(output.AsSpan().SequenceEqual(expected ?? whole), whole, result, isPunted, expected, output);
            Count(isCarried, tally);
        }

        public void Dispose() => _programs.Dispose();

        private byte[]? Expected(byte[] whole)
        {
            bool overIPv4 = BinaryPrimitives.ReadUInt16BigEndian(whole.AsSpan(12)) == EtherTypes.IPv4;
            int ip = overIPv4 ? IPv4Header.Size : IPv6Header.Size;
            if (whole.Length < EthernetHeader.Size + ip + UdpHeader.Size + VxlanHeader.Size || !RandomFrames.IsOurs(whole, overIPv4))
            {
                return null;
            }

            byte protocol = whole[EthernetHeader.Size + (overIPv4 ? 9 : 6)];
            if (protocol == IPProtocols.Udp && whole.AsSpan(EthernetHeader.Size + ip + UdpHeader.Size) is not [0x08, 0, 0, 0, _, _, _, 0, ..])
            {
                // Reserved bits: they mean nothing (RFC 7348 section 5), but the kernel's stack and the executor are to see them.
                return null;
            }

            byte trafficClass = overIPv4 ? whole[15] : (byte)(BinaryPrimitives.ReadUInt16BigEndian(whole.AsSpan(14)) >> 4);
            byte[] inner = whole[(EthernetHeader.Size + ip + (protocol == IPProtocols.Udp ? UdpHeader.Size + VxlanHeader.Size : NvgreHeader.Size))..];
            return Known(inner, Direction.Inbound, out Ufid id, out (Transposition Transposition, bool OverIPv4) flow) && flow.OverIPv4 == overIPv4
                ? EbpfOracle.Inbound(inner, in id, in flow.Transposition, trafficClass)
                : null;
        }

        private bool Known(byte[] frame, Direction direction, out Ufid id, out (Transposition Transposition, bool OverIPv4) flow)
        {
            bool isParsed = PacketParser.TryParse(frame, out ParsedPacket packet) == ParseFault.None;
            id = packet.Ufid;
            flow = default;
            return isParsed && _flows.TryGetValue((id, direction), out flow);
        }

        private static byte[] Wrap(byte[] frame, bool overIPv4, EncapsulationType type, byte trafficClass)
        {
            _ = PacketParser.TryParse(frame, out ParsedPacket packet);
            Transposition tunnel = new() { Vsid = EbpfPrograms.Vsid, Encapsulation = type };
            return EbpfPrograms.Encapsulate(in tunnel, packet.Ufid, trafficClass, frame, overIPv4, outbound: false);
        }

        private static void Count(bool isCarried, Tally tally)
        {
            tally.Carried += isCarried ? 1 : 0;
            tally.Left += isCarried ? 0 : 1;
        }

        private void Check(bool isRight, byte[] frame, int result, bool isPunted, byte[]? expected, byte[] output)
        {
            if (!isRight)
            {
                string right = expected is null ? "left as it came" : Convert.ToHexString(expected);
                Assert.Fail($"seed {_seed}: {Convert.ToHexString(frame)}\nresult {result}, punted {isPunted}\nexpected {right}\nactual   {Convert.ToHexString(output)}");
            }
        }
    }
}
