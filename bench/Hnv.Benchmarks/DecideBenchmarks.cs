using System.Collections.Frozen;
using System.Collections.Immutable;
using BenchmarkDotNet.Attributes;
using Hnv.Compiler;
using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Benchmarks;

/// <summary>What does a decision cost: the first packet of a flow through all layers, and a later one by its unified flow?</summary>
[MemoryDiagnoser]
public class DecideBenchmarks
{
    private const int FlowCount = 20_000;

    private readonly VSwitch _switch = new();
    private readonly byte[][] _frames = new byte[FlowCount][];
    private readonly ParsedPacket[] _packets = new ParsedPacket[FlowCount];
    private SwitchProgram _program = SwitchProgram.Empty;
    private VPort _port = null!;

    /// <summary>ACL rules of the port; the last one matches.</summary>
    [Params(10, 1_000)]
    public int Rules { get; set; }

    /// <summary>CA-PA mappings of the routing domain.</summary>
    [Params(10_000)]
    public int Mappings { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        NicId nic = new(Guid.NewGuid());
        _program = HostCompiler.Compile(Policy(nic)).Program;
        _port = _switch.AddPort(nic, "vm0");
        _switch.Install(_program);
        for (int i = 0; i < FlowCount; i++)
        {
            _frames[i] = ContosoFabrikam.WebToSql.Udp((ushort)(1024 + i), 5432).Payload(18).Build();
            _ = PacketParser.TryParse(_frames[i], out _packets[i]);
        }

        if (_port.DecideOutbound(in _packets[0], _frames[0], 0).Verdict != Verdict.Forward)
        {
            throw new InvalidOperationException("The measured packets are not forwarded.");
        }
    }

    /// <summary>Another generation: every flow is a miss again.</summary>
    [IterationSetup(Target = nameof(FirstPacket))]
    public void Forget() =>
        _switch.Install(_program with { Ports = _program.Ports.ToFrozenDictionary(pair => pair.Key, pair => pair.Value with { }) });

    [Benchmark(OperationsPerInvoke = FlowCount)]
    public int FirstPacket() => DecideAll();

    [Benchmark(OperationsPerInvoke = FlowCount)]
    public int LaterPacket() => DecideAll();

    private int DecideAll()
    {
        int forwarded = 0;
        for (int i = 0; i < FlowCount; i++)
        {
            forwarded += (int)_port.DecideOutbound(in _packets[i], _frames[i], 1).Verdict;
        }

        return forwarded;
    }

    private HostPolicy Policy(NicId nic)
    {
        ImmutableArray<CaPaMapping>.Builder mappings = ImmutableArray.CreateBuilder<CaPaMapping>();
        mappings.Add(Mapping(ContosoFabrikam.Web, ContosoFabrikam.ContosoWebMac, ContosoFabrikam.Host2));
        mappings.Add(Mapping(ContosoFabrikam.Sql, ContosoFabrikam.ContosoSqlMac, ContosoFabrikam.Host1));
        for (uint i = 0; mappings.Count < Mappings; i++)
        {
            mappings.Add(Mapping(InetAddress.FromIPv4(0x0A01_0200 + i), MacAddress.FromNumber(0x0200_0000_0000UL + i), ContosoFabrikam.Host1));
        }

        return new HostPolicy(
            1,
            ContosoFabrikam.RouterMac,
            [new ProviderAddressPolicy(0, ContosoFabrikam.Host2, IpPrefix.Parse("192.168.2.0/24"), MacAddress.FromNumber(0x0200_0000_0001), 0, null, [])],
            [
                new VirtualNetworkPolicy(
                    ContosoFabrikam.ContosoRdid,
                    "contoso",
                    DistributedRouter: true,
                    [new VirtualSubnetPolicy(ContosoFabrikam.ContosoVsid, Guid.NewGuid(), "s1", IpPrefix.Parse("10.1.0.0/16"), new CustomerAddress(InetAddress.Parse("10.1.0.1")))]),
            ],
            mappings.ToImmutable(),
            [
                new PortPolicy(
                    nic, "contoso-web", ContosoFabrikam.ContosoVsid, ContosoFabrikam.ContosoWebMac, [new CustomerAddress(ContosoFabrikam.Web)], PortSettings.Default,
                    [.. Enumerable.Range(0, Rules).Select(Rule)]),
            ]);
    }

    private AclRule Rule(int index) => new(
        $"rule-{index}", AclLevel.NetworkInterface, Direction.Outbound, AclAction.Allow, 101 + index, IPProtocols.Udp, [],
        [IpPrefix.Create(index == Rules - 1 ? ContosoFabrikam.Sql : InetAddress.FromIPv4(0x0A02_0000 + (uint)index), 32)],
        [], [new PortRange(5432, 5432)], Logging: false);

    private static CaPaMapping Mapping(InetAddress address, MacAddress mac, ProviderAddress provider) =>
        new(new TenantEndpoint(ContosoFabrikam.ContosoVsid, new CustomerAddress(address)), mac, provider, EncapsulationType.Vxlan);
}
