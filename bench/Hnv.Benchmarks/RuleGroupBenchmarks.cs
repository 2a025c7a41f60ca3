using BenchmarkDotNet.Attributes;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Benchmarks;

/// <summary>What does it cost to find a packet's rule in a group, and to build the group?</summary>
[MemoryDiagnoser]
public class RuleGroupBenchmarks
{
    /// <summary>More than a branch predictor or a first-level cache remembers.</summary>
    private const int FlowCount = 16_384;

    private readonly Ufid[] _flows = new Ufid[FlowCount];
    private Rule[] _rules = [];
    private RuleGroup _group = null!;

    /// <summary>What the rules are like.</summary>
    public enum Kind
    {
        /// <summary>Host or subnet to host with one port; every rule is hit as often as any other, a quarter of the packets hit none.</summary>
        Typical,

        /// <summary>Port ranges inside each other on both sides, the narrowest first: whatever the ports, the search goes deep among near misses.</summary>
        Hostile,
    }

    [Params(10, 64, 100, 1_000, 10_000)]
    public int Rules { get; set; }

    [Params(Kind.Typical, Kind.Hostile)]
    public Kind Set { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(1);
        _rules = [.. Enumerable.Range(0, Rules).Select(i => new Rule($"rule-{i}", 101 + i, Condition(random, i), new RuleAction.Allow(Stateful: true), Terminating: true))];
        _group = Build();
        for (int i = 0; i < FlowCount; i++)
        {
            Condition near = _rules[random.Next(Rules)].Condition;
            bool isHit = Set == Kind.Typical && i % 4 != 0;
            _flows[i] = new Ufid(
                near.Sources.IsEmpty ? Host(random) : near.Sources[0].LastAddress,
                isHit ? near.Destinations[0].Address : Host(random),
                default,
                default,
                EtherTypes.IPv4,
                IPProtocols.Tcp,
                FragmentClass.Whole,
                (ushort)random.Next(32_767 - (3 * Rules), 32_768 + (3 * Rules)),
                Set == Kind.Typical ? near.DestinationPorts[0].First : (ushort)random.Next(32_767 - (3 * Rules), 32_768 + (3 * Rules)));
        }
    }

    [Benchmark(OperationsPerInvoke = FlowCount)]
    public int Find()
    {
        int sum = 0;
        foreach (ref readonly Ufid flow in _flows.AsSpan())
        {
            sum += _group.Find(in flow);
        }

        return sum;
    }

    [Benchmark]
    public RuleGroup Build() => new("FW_CONTROLLER_GROUP_IPV4_OUT", Direction.Outbound, isIPv4: true, 100, _rules);

    private Condition Condition(Random random, int index) => Set == Kind.Typical
        ? new Condition
        {
            Protocol = IPProtocols.Tcp,
            Sources = random.Next(2) == 0 ? [] : [IpPrefix.Create(Host(random), random.Next(20, 33))],
            Destinations = [IpPrefix.Create(Host(random), 32)],
            DestinationPorts = [Port(random)],
        }
        : new Condition { SourcePorts = [Around(index)], DestinationPorts = [Around(index)] };

    private static PortSpan Around(int index) => new((ushort)(32_767 - (3 * index)), (ushort)(32_768 + (3 * index)));

    private static PortSpan Port(Random random)
    {
        ushort port = (ushort)random.Next(1, 10_000);
        return new PortSpan(port, port);
    }

    private static InetAddress Host(Random random) => InetAddress.FromIPv4(0x0A00_0000u + (uint)random.Next(1 << 18));
}
