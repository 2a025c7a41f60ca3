using BenchmarkDotNet.Attributes;
using Hnv.Corpus;
using Hnv.Wire;

namespace Hnv.Benchmarks;

/// <summary>What does it cost to cut a guest's 64 KB super-packet into VXLAN datagrams, checksums and all?</summary>
[MemoryDiagnoser]
public class SuperPacketBenchmarks
{
    private const int SegmentSize = 1448;

    private readonly byte[] _frame = ContosoFabrikam.WebToSql.Tcp(40000, 5432).Payload(63_000).Build();
    private readonly byte[] _cut = new byte[80_000];
    private ParsedPacket _packet;

    [GlobalSetup]
    public void Setup() => _ = PacketParser.TryParse(_frame, out _packet);

    [Benchmark]
    public int Segment63000Bytes()
    {
        SuperPacketSegmenter segmenter = new(_frame, in _packet, SegmentSize);
        return segmenter.Segment(VxlanHeader.Size, 64, _cut).Length;
    }
}
