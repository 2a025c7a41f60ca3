using BenchmarkDotNet.Attributes;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Benchmarks;

/// <summary>What does the longest prefix cost, whatever lengths a tenant chooses?</summary>
[MemoryDiagnoser]
public class RouteTableBenchmarks
{
    private const int LookupCount = 16_384;

    private readonly InetAddress[] _destinations = new InetAddress[LookupCount];
    private Route[] _routes = [];
    private RouteTable _table = RouteTable.Empty;

    [Params(10, 1_000)]
    public int Routes { get; set; }

    [Params(false, true)]
    public bool IsIPv6 { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(1);
        _routes = [.. Enumerable.Range(0, Routes).Select(_ =>
            new Route(IpPrefix.Create(Address(random), random.Next(IsIPv6 ? 129 : 33)), RouteKind.Local, Vsid.Create(Vsid.MinValue), default))];
        _table = Build();
        foreach (ref InetAddress destination in _destinations.AsSpan())
        {
            destination = Address(random);
        }
    }

    [Benchmark(OperationsPerInvoke = LookupCount)]
    public int Find()
    {
        int found = 0;
        foreach (InetAddress destination in _destinations)
        {
            found += _table.TryFind(destination, out _) ? 1 : 0;
        }

        return found;
    }

    [Benchmark]
    public RouteTable Build() => new(_routes, []);

    private InetAddress Address(Random random) => IsIPv6
        ? InetAddress.FromNumbers(0x2001_0DB8_0000_0000UL + (ulong)random.Next(1 << 16), (ulong)random.NextInt64())
        : InetAddress.FromIPv4(0x0A00_0000u + (uint)random.Next(1 << 16));
}
