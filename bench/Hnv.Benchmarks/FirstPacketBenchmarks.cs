using BenchmarkDotNet.Attributes;
using Hnv.Compiler;
using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Benchmarks;

/// <summary>
/// What does the first packet of a conversation cost at a port with much policy: the rules of its subnet and as many of its own, the router, MAC
/// rewrite, encapsulation? Every packet goes to another machine of a large routing domain and is admitted by another rule.
/// </summary>
[MemoryDiagnoser]
public class FirstPacketBenchmarks
{
    private const int FlowCount = 16_384;
    private const int SubnetCount = 16;
    private const uint FirstAddress = 0x0A00_0000;
    private const int SubnetBits = 16;

    private readonly NicId _nic = new(Guid.NewGuid());
    private readonly byte[][] _frames = new byte[FlowCount][];
    private readonly ParsedPacket[] _packets = new ParsedPacket[FlowCount];
    private readonly VSwitch _switch = new();
    private SwitchProgram _program = SwitchProgram.Empty;
    private PortProgram _portProgram = null!;
    private VPort _port = null!;

    /// <summary>ACL rules of each of the two levels; the last denies everything.</summary>
    [Params(1_000, 10_000)]
    public int Rules { get; set; }

    /// <summary>CA-PA mappings of the routing domain, in 16 subnets.</summary>
    [Params(10_000, 1_000_000)]
    public int Mappings { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(1);
        (int Member, ushort Port)[] services = [.. Enumerable.Range(0, Rules - 1).Select(_ => (random.Next(1, Mappings), (ushort)random.Next(1, 10_000)))];
        CompileResult compiled = HostCompiler.Compile(Policy(random, services));
        _program = compiled.Program;
        _portProgram = _program.Ports[_nic];
        for (int i = 0; i < FlowCount; i++)
        {
            (int member, ushort port) = services[random.Next(services.Length)];
            _frames[i] = FrameBuilder.Ethernet(Mac(0), ContosoFabrikam.RouterMac).IP(Address(0), Address(member)).Udp((ushort)(1024 + i), port).Payload(18).Build();
            _ = PacketParser.TryParse(_frames[i], out _packets[i]);
        }

        NewPort();
        if (!compiled.Errors.IsEmpty || DecideAndRemember() != FlowCount || Decide() != FlowCount)
        {
            throw new InvalidOperationException("The measured packets are not all forwarded.");
        }
    }

    /// <summary>A port that has seen nothing.</summary>
    [IterationSetup(Target = nameof(DecideAndRemember))]
    public void NewPort()
    {
        _ = _switch.RemovePort(_nic);
        _port = _switch.AddPort(_nic, "vm0");
        _switch.Install(_program);
    }

    /// <summary>All layers, nothing remembered.</summary>
    [Benchmark(OperationsPerInvoke = FlowCount)]
    public int Decide()
    {
        int forwarded = 0;
        foreach (ref readonly ParsedPacket packet in _packets.AsSpan())
        {
            forwarded += SlowPath.Evaluate(_portProgram, Direction.Outbound, in packet).Verdict == Verdict.Forward ? 1 : 0;
        }

        return forwarded;
    }

    /// <summary>Guards, all layers, the connection and the unified flow.</summary>
    [Benchmark(OperationsPerInvoke = FlowCount)]
    public int DecideAndRemember()
    {
        int forwarded = 0;
        for (int i = 0; i < FlowCount; i++)
        {
            forwarded += _port.DecideOutbound(in _packets[i], _frames[i], 1).Verdict == Verdict.Forward ? 1 : 0;
        }

        return forwarded;
    }

    private HostPolicy Policy(Random random, (int Member, ushort Port)[] services) => new(
        1,
        ContosoFabrikam.RouterMac,
        [new ProviderAddressPolicy(0, ContosoFabrikam.Host2, IpPrefix.Parse("192.168.2.0/24"), MacAddress.FromNumber(0x0200_0000_0001), 0, null, [])],
        [
            new VirtualNetworkPolicy(
                ContosoFabrikam.ContosoRdid,
                "contoso",
                DistributedRouter: true,
                [.. Enumerable.Range(0, SubnetCount).Select(Subnet)]),
        ],
        [
            .. Enumerable.Range(0, Mappings).Select(i => new CaPaMapping(
                new TenantEndpoint(VsidOf(i), new CustomerAddress(Address(i))), Mac(i), ContosoFabrikam.Host1, EncapsulationType.Vxlan)),
        ],
        [
            new PortPolicy(
                _nic, "web", VsidOf(0), Mac(0), [new CustomerAddress(Address(0))], PortSettings.Default,
                [.. Acl(random, AclLevel.Subnet, services), .. Acl(random, AclLevel.NetworkInterface, services)]),
        ]);

    private static AclRule[] Acl(Random random, AclLevel level, (int Member, ushort Port)[] services)
    {
        random.Shuffle(services);
        return
        [
            .. services.Select((service, i) => new AclRule(
                $"rule-{i}", level, Direction.Outbound, AclAction.Allow, 101 + i, IPProtocols.Udp, [], [IpPrefix.Create(Address(service.Member), 32)],
                [], [new PortRange(service.Port, service.Port)], Logging: false)),
            new AclRule("deny", level, Direction.Outbound, AclAction.Block, 60_000, null, [], [], [], [], Logging: false),
        ];
    }

    private static VirtualSubnetPolicy Subnet(int index)
    {
        InetAddress first = InetAddress.FromIPv4(FirstAddress + ((uint)index << SubnetBits));
        return new VirtualSubnetPolicy(
            VsidOf(index), Guid.NewGuid(), $"s{index}", IpPrefix.Create(first, 32 - SubnetBits), new CustomerAddress(InetAddress.FromIPv4(first.IPv4 + 1)));
    }

    private static Vsid VsidOf(int member) => Vsid.Create(ContosoFabrikam.ContosoVsid.Value + (uint)(member % SubnetCount));

    private static InetAddress Address(int member) =>
        InetAddress.FromIPv4(FirstAddress + ((uint)(member % SubnetCount) << SubnetBits) + 2 + (uint)(member / SubnetCount));

    private static MacAddress Mac(int member) => MacAddress.FromNumber(0x0200_0000_0000UL + (uint)member);
}
