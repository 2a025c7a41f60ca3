using BenchmarkDotNet.Attributes;
using Hnv.Compiler;
using Hnv.Corpus;
using Hnv.Dataplane;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Benchmarks;

/// <summary>
/// What does a later packet of a known flow cost, from 64 bytes as the guest wrote them to the bytes that go into the tunnel: parse, unified flow, all
/// edits, the VXLAN header? 1,024 flows in turn.
/// </summary>
[MemoryDiagnoser]
public class TransposedPacketBenchmarks
{
    private const int Flows = 1024, Room = 128;

    private readonly byte[] _original = new byte[Flows * Room];
    private readonly byte[] _work = new byte[Flows * Room];
    private VPort _port = null!;
    private int _length;

    /// <summary>What happens to the packet.</summary>
    [Params("switched", "routed", "translated")]
    public string Path { get; set; } = "";

    [GlobalSetup]
    public void Setup()
    {
        NicId nic = new(Guid.NewGuid());
        PortPolicy port = new(
            nic, "contoso-web", ContosoFabrikam.ContosoVsid, ContosoFabrikam.ContosoWebMac, [new CustomerAddress(ContosoFabrikam.Web)], PortSettings.Default, []);
        if (Path == "translated")
        {
            port = port with
            {
                Nat = [new NatRule("pool", NatKind.Source, 100, null, [], [IpPrefix.Parse("10.1.1.200/32")], [], new PortRange(1024, 65535), [])],
            };
        }

        VSwitch vSwitch = new();
        _port = vSwitch.AddPort(nic, "vm0");
        vSwitch.Install(HostCompiler.Compile(new HostPolicy(
            1,
            ContosoFabrikam.RouterMac,
            [new ProviderAddressPolicy(0, ContosoFabrikam.Host2, IpPrefix.Parse("192.168.2.0/24"), MacAddress.FromNumber(0x0200_0000_0001), 0, null, [])],
            [new VirtualNetworkPolicy(ContosoFabrikam.ContosoRdid, "contoso", DistributedRouter: true,
                [new VirtualSubnetPolicy(ContosoFabrikam.ContosoVsid, Guid.NewGuid(), "s1", ContosoFabrikam.Subnet, new CustomerAddress(ContosoFabrikam.Gateway))])],
            [Mapping(ContosoFabrikam.Web, ContosoFabrikam.ContosoWebMac, ContosoFabrikam.Host2), Mapping(ContosoFabrikam.Sql, ContosoFabrikam.ContosoSqlMac, ContosoFabrikam.Host1)],
            [port]), new HostFacts(UnderlayMtu: 1600)).Program);
        MacAddress destination = Path == "switched" ? ContosoFabrikam.ContosoSqlMac : ContosoFabrikam.RouterMac;
        for (int i = 0; i < Flows; i++)
        {
            byte[] frame = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, destination).IP(ContosoFabrikam.Web, ContosoFabrikam.Sql).Udp((ushort)(2000 + i), 5432).Payload(22).Build();
            frame.CopyTo(_original.AsSpan((i * Room) + VxlanHeader.Size));
            _length = frame.Length;
        }

        if (Encapsulate() != Flows || _port.Counts(Direction.Outbound).SlowPathEvaluations != Flows || Encapsulate() != Flows
            || _port.Counts(Direction.Outbound).UnifiedFlowHits != Flows)
        {
            throw new InvalidOperationException("The measured packets are not encapsulated from known flows.");
        }
    }

    [Benchmark(OperationsPerInvoke = Flows)]
    public int Encapsulate()
    {
        _original.CopyTo(_work, 0);                                     // part of the measurement: a receive has written them, too
        int done = 0;
        for (int i = 0; i < Flows; i++)
        {
            Span<byte> room = _work.AsSpan(i * Room, VxlanHeader.Size + _length);
            Span<byte> frame = room[VxlanHeader.Size..];
            if (PacketParser.TryParse(frame, out ParsedPacket packet) != ParseFault.None)
            {
                continue;
            }

            UnifiedFlow flow = _port.DecideOutbound(in packet, frame, 1);
            if (flow.Verdict == Verdict.Forward && HeaderEdits.TryApply(flow, in packet, frame, ChecksumState.Full))
            {
                new VxlanHeader(flow.Transposition.Vsid).Write(room);
                done++;
            }
        }

        return done;
    }

    private static CaPaMapping Mapping(InetAddress address, MacAddress mac, ProviderAddress provider) =>
        new(new TenantEndpoint(ContosoFabrikam.ContosoVsid, new CustomerAddress(address)), mac, provider, EncapsulationType.Vxlan);
}
