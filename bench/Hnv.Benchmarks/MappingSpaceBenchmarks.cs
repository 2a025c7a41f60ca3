using BenchmarkDotNet.Attributes;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Benchmarks;

/// <summary>What does a CA-PA lookup cost in a space that no cache holds, and what building it?</summary>
[MemoryDiagnoser]
public class MappingSpaceBenchmarks
{
    private const int LookupCount = 1_000_000;
    private const int SubnetSize = 1_000;

    private Mapping[] _mappings = [];
    private Mapping[] _sought = [];
    private MappingSpace _space = MappingSpace.Empty;

    /// <summary>CA-PA mappings of the routing domain, in subnets of a thousand.</summary>
    [Params(10_000, 1_000_000)]
    public int Mappings { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _mappings = [.. Enumerable.Range(0, Mappings).Select(i => new Mapping(
            Vsid.Create(Vsid.MinValue + (uint)(i / SubnetSize)),
            new CustomerAddress(InetAddress.FromIPv4(0x0A00_0000u + (uint)i)),
            MacAddress.FromNumber(0x0200_0000_0000UL + (uint)i),
            new ProviderAddress(InetAddress.FromIPv4(0xC0A8_0000u + (uint)(i % 4_000))),
            EncapsulationType.Vxlan))];
        _space = Build();
        _sought = [.. _mappings];
        new Random(1).Shuffle(_sought);
    }

    /// <summary>In random order, one after the other: what to look for next depends on what was found, so the whole way to memory is waited for.</summary>
    [Benchmark(OperationsPerInvoke = LookupCount)]
    public int FindByAddress()
    {
        int next = 0;
        for (int i = 0; i < LookupCount; i++)
        {
            ref readonly Mapping sought = ref _sought[next % _sought.Length];
            _ = _space.TryFind(sought.Vsid, sought.Address, out Mapping found);
            next += (int)found.Encapsulation / (int)EncapsulationType.Vxlan;
        }

        return next;
    }

    [Benchmark(OperationsPerInvoke = LookupCount)]
    public int FindByMac()
    {
        int next = 0;
        for (int i = 0; i < LookupCount; i++)
        {
            ref readonly Mapping sought = ref _sought[next % _sought.Length];
            _ = _space.TryFind(sought.Vsid, sought.Mac, out Mapping found);
            next += (int)found.Encapsulation / (int)EncapsulationType.Vxlan;
        }

        return next;
    }

    /// <summary>In random order: the processor begins on the next before it has found the last.</summary>
    [Benchmark(OperationsPerInvoke = LookupCount)]
    public int FindByAddressOverlapping()
    {
        int next = 0;
        for (int i = 0; i < LookupCount; i++)
        {
            ref readonly Mapping sought = ref _sought[i % _sought.Length];
            _ = _space.TryFind(sought.Vsid, sought.Address, out Mapping found);
            next += (int)found.Encapsulation;
        }

        return next;
    }

    [Benchmark]
    public MappingSpace Build() => new(_mappings);
}
