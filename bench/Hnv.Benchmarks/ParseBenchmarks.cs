using BenchmarkDotNet.Attributes;
using Hnv.Corpus;
using Hnv.Wire;

namespace Hnv.Benchmarks;

/// <summary>What does one parse of a frame cost?</summary>
[MemoryDiagnoser]
public class ParseBenchmarks
{
    private readonly byte[] _tcp = ContosoFabrikam.WebToSql.Tcp(40000, 5432).Payload(6).Build();
    private readonly byte[] _udpV6 = ContosoFabrikam.WebToSqlV6.Udp(40000, 53).Payload(6).Build();

    [Benchmark(Baseline = true)]
    public ParseFault TcpOverIPv4() => PacketParser.TryParse(_tcp, out _);

    [Benchmark]
    public ParseFault UdpOverIPv6() => PacketParser.TryParse(_udpV6, out _);

    [Benchmark]
    public uint TcpOverIPv4AndHash()
    {
        _ = PacketParser.TryParse(_tcp, out ParsedPacket packet);
        return packet.Ufid.Hash();
    }
}
