using Hnv.Compiler;
using Hnv.Corpus.InMemory;
using Hnv.Dataplane;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Corpus.Hostile;

/// <summary>
/// Hostile frames through everything that looks at a frame on its way: parse, guards, slow path and unified flows, answers, header edits, cutting,
/// the outer headers and the inbound side, at ports with every kind of policy. Each frame lies at the end of mapped memory.
/// </summary>
public sealed class HostileRun : IDisposable
{
    private const int UnderlayMtu = 1500;
    private const int FlowLimit = 1024;
    private const int AgeEvery = 20_000;
    private const int ReinstallEvery = 150_000;

    private static readonly InetAddress s_external = InetAddress.Parse("10.1.1.200");
    private static readonly InetAddress s_externalV6 = InetAddress.Parse("2001:db8:1:1::200");

    private readonly GuardedMemory _received = new(FrameMutator.LengthMax);
    private readonly GuardedMemory _copied = new(FrameMutator.LengthMax);
    private readonly byte[] _answer = new byte[4096];
    private readonly byte[] _pieces = new byte[16 * 1024];
    private readonly byte[] _scratch = new byte[FrameMutator.LengthMax];
    private readonly VSwitch _switch = new();
    private readonly VPort[] _ports;
    private readonly FrameMutator _mutator;
    private readonly SwitchProgram[] _programs;
    private long _now = 1_000_000;

    /// <summary>A run of a seed.</summary>
    public HostileRun(int seed)
    {
        PortPolicy[] ports = [.. Policies().Select((policy, index) => policy with { Nic = new NicId(new Guid(index + 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)) })];
        foreach (PortPolicy port in ports)
        {
            _ = _switch.AddPort(port.Nic, port.Name);
        }

        _programs = [Compile(ports, allow: true), Compile(ports, allow: false)];
        _switch.Install(_programs[0]);
        _ports = [.. ports.Select(port => _switch.TryGetPort(port.Nic)!)];
        _mutator = new FrameMutator(seed, HostileFrames.Between(
            ContosoFabrikam.ContosoSqlMac, ContosoFabrikam.Sql, ContosoFabrikam.SqlV6, ContosoFabrikam.ContosoWebMac, ContosoFabrikam.Web, ContosoFabrikam.WebV6));
    }

    /// <summary>Frames that the parser took.</summary>
    public long Parsed { get; private set; }

    /// <summary>Frames that a port answered itself.</summary>
    public long Answered { get; private set; }

    /// <summary>Frames that went on with other addresses or ports.</summary>
    public long Translated { get; private set; }

    /// <summary>The last frame, for a report.</summary>
    public string LastFrame => Convert.ToHexString(_scratch.AsSpan(0, LastLength));

    private int LastLength { get; set; }

    /// <summary>Sends so many frames.</summary>
    public void Send(int frames)
    {
        for (int i = 1; i <= frames; i++)
        {
            _now++;
            LastLength = _mutator.Next(_scratch);
            Walk(_scratch.AsSpan(0, LastLength), i);
            if (i % AgeEvery == 0)
            {
                _switch.Age(_now);
            }

            if (i % ReinstallEvery == 0)
            {
                _switch.Install(_programs[i / ReinstallEvery % 2]);
            }
        }
    }

    /// <summary>Sends one frame through every port in both directions: for frames that have done harm once.</summary>
    public void Replay(ReadOnlySpan<byte> frame)
    {
        for (int i = 0; i < 2 * _ports.Length; i++)
        {
            _now++;
            Walk(frame, i);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _received.Dispose();
        _copied.Dispose();
    }

    private void Walk(ReadOnlySpan<byte> origin, int turn)
    {
        Span<byte> frame = _received.Last(origin.Length);
        origin.CopyTo(frame);
        _ = Encapsulated.TryRead(frame, out _);
        _ = VxlanHeader.TryRead(frame, out _);
        _ = NvgreHeader.TryRead(frame, out _, out _);
        if (PacketParser.TryParse(frame, out ParsedPacket packet) != ParseFault.None)
        {
            return;
        }

        Parsed++;
        VPort port = _ports[turn / 2 % _ports.Length];
        if ((turn & 1) == 0)
        {
            Outbound(port, in packet, frame);
        }
        else
        {
            Inbound(port, in packet, frame, (byte)turn);
        }
    }

    private void Outbound(VPort port, in ParsedPacket packet, Span<byte> frame)
    {
        UnifiedFlow flow = port.DecideOutbound(in packet, frame, _now);
        if (flow.Extras?.Mirror is { } mirror)
        {
            Copy(in packet, frame, mirror.Transposition, null);
        }

        switch (flow.Verdict)
        {
            case Verdict.Hairpin:
                int length = port.Answer(flow, in packet, frame, _answer, _now);
                if (length > 0)
                {
                    Answered++;
                    ShouldParse(_answer.AsSpan(0, length));
                }

                break;
            case Verdict.Replicate:
                foreach (ReplicationTarget target in flow.ReplicationTargets.Span)
                {
                    Copy(in packet, frame, target.Transposition, target.Address);
                }

                break;
            case Verdict.Forward when HeaderEdits.TryApply(flow, in packet, frame, ChecksumState.Full):
                Translated += flow.Transposition.Translates ? 1 : 0;
                ShouldParse(frame);
                Leave(in flow.Transposition, in packet, frame);
                if (flow.Destination is { } destination && PacketParser.TryParse(frame, out ParsedPacket edited) == ParseFault.None)
                {
                    Inbound(destination, in edited, frame, trafficClass: 0);
                }

                break;
            default:
                break;
        }
    }

    private void Inbound(VPort port, in ParsedPacket packet, Span<byte> frame, byte trafficClass)
    {
        if (!HeaderEdits.TryApplyOuterEcn(trafficClass, in packet, frame))
        {
            return;
        }

        UnifiedFlow flow = port.DecideInbound(in packet, frame, _now);
        if (flow.Verdict == Verdict.Forward && HeaderEdits.TryApply(flow, in packet, frame, ChecksumState.Full))
        {
            ShouldParse(frame);
        }
    }

    private void Copy(in ParsedPacket packet, ReadOnlySpan<byte> frame, Transposition transposition, CustomerAddress? address)
    {
        Span<byte> copy = _copied.Last(frame.Length);
        frame.CopyTo(copy);
        if (address is { } member)
        {
            _ = FrameEdits.TryReplaceDestination(copy, in packet, member.Value, ChecksumState.Full);
        }

        _ = HeaderEdits.TryApply(in transposition, in packet, copy, ChecksumState.Full);
        ShouldParse(copy);
    }

    private void Leave(in Transposition transposition, in ParsedPacket packet, ReadOnlySpan<byte> frame)
    {
        if (transposition.MaxLength > 0 && packet.NetworkLength > transposition.MaxLength && InnerFragmenter.CanFragment(frame, in packet, transposition.MaxLength))
        {
            InnerFragmenter fragmenter = new(frame, in packet, transposition.MaxLength);
            SegmentRun run = fragmenter.Fragment(8, fragmenter.Count, _pieces);
            ShouldParse(_pieces.AsSpan(8, (run.Count == 1 ? run.LastLength : run.Stride) - 8));
        }
    }

    /// <summary>What the switch makes of a frame it took is a frame that it takes.</summary>
    private static void ShouldParse(ReadOnlySpan<byte> frame)
    {
        if (PacketParser.TryParse(frame, out _) is not ParseFault.None and ParseFault fault)
        {
            throw new InvalidOperationException($"{fault}: {Convert.ToHexString(frame)}");
        }
    }

    private static SwitchProgram Compile(PortPolicy[] ports, bool allow)
    {
        AclRule block = new("r", AclLevel.NetworkInterface, Direction.Inbound, allow ? AclAction.Allow : AclAction.Block, 100, IPProtocols.Tcp, [], [], [], [new PortRange(80, 90)], false);
        HostPolicy policy = new(
            1,
            ContosoFabrikam.RouterMac,
            [new ProviderAddressPolicy(0, ContosoFabrikam.Host1, IpPrefix.Parse("192.168.1.0/24"), MacAddress.FromNumber(0x0200_0000_F000), 0, null, [])],
            [.. ports.Where(port => port.IsVirtualized).Select(port => new VirtualNetworkPolicy(
                new RoutingDomainId(new Guid((int)port.Vsid.Value, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)), port.Name, DistributedRouter: true,
                [
                    new VirtualSubnetPolicy(
                        port.Vsid, new Guid((int)port.Vsid.Value, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0), port.Name, ContosoFabrikam.Subnet, new CustomerAddress(ContosoFabrikam.Gateway))
                    {
                        DualStack = new SubnetPrefix(ContosoFabrikam.SubnetV6, new CustomerAddress(ContosoFabrikam.GatewayV6)),
                        Routes = [new UserRoute(IpPrefix.Parse("192.0.2.0/24"), UserRouteKind.None, null)],
                    },
                ])).DistinctBy(network => network.RoutingDomain)],
            [.. ports.Where(port => port.IsVirtualized).SelectMany(Mappings).DistinctBy(mapping => mapping.Customer)],
            [.. ports.Select(port => port with { Rules = port.Rules.Add(block) })]);
        CompileResult result = HostCompiler.Compile(policy, new HostFacts(UnderlayMtu));
        return result.Errors.IsEmpty ? result.Program : throw new InvalidOperationException(string.Join('\n', result.Errors));
    }

    /// <summary>SQL here, Web elsewhere or, in the first network, here too.</summary>
    private static IEnumerable<CaPaMapping> Mappings(PortPolicy port)
    {
        bool isFirst = port.Vsid == ContosoFabrikam.ContosoVsid;
        foreach ((InetAddress address, MacAddress mac, ProviderAddress provider) in ((InetAddress, MacAddress, ProviderAddress)[])
        [
            (ContosoFabrikam.Sql, ContosoFabrikam.ContosoSqlMac, ContosoFabrikam.Host1), (ContosoFabrikam.SqlV6, ContosoFabrikam.ContosoSqlMac, ContosoFabrikam.Host1),
            (ContosoFabrikam.Web, ContosoFabrikam.ContosoWebMac, isFirst ? ContosoFabrikam.Host1 : ContosoFabrikam.Host2),
            (ContosoFabrikam.WebV6, ContosoFabrikam.ContosoWebMac, isFirst ? ContosoFabrikam.Host1 : ContosoFabrikam.Host2),
        ])
        {
            yield return new CaPaMapping(new TenantEndpoint(port.Vsid, new CustomerAddress(address)), mac, provider, EncapsulationType.Vxlan);
        }
    }

    private static IEnumerable<PortPolicy> Policies()
    {
        IpPrefix outside = IpPrefix.Create(s_external, 32), outsideV6 = IpPrefix.Create(s_externalV6, 128);
        IpPrefix mine = IpPrefix.Create(ContosoFabrikam.Sql, 32), mineV6 = IpPrefix.Create(ContosoFabrikam.SqlV6, 128);
        NatRule Rule(string id, NatKind kind, IpPrefix from, IpPrefix to, params NatTarget[] targets) =>
            new(id, kind, 100, null, kind is NatKind.Static or NatKind.Source ? [from] : [], [to], [], PortRange.All, [.. targets]);

        yield return Port("plain-policy", 0);
        yield return Port("static", 1) with { Nat = [Rule("s4", NatKind.Static, mine, outside), Rule("s6", NatKind.Static, mineV6, outsideV6)] };
        yield return Port("source", 2) with { Nat = [Rule("p4", NatKind.Source, mine, outside), Rule("p6", NatKind.Source, mineV6, outsideV6)] };
        yield return Port("balance", 3) with
        {
            Nat = [Rule("b4", NatKind.LoadBalance, mine, outside, new NatTarget(ContosoFabrikam.Web, 80), new NatTarget(ContosoFabrikam.Sql, 0))],
        };
        yield return Port("destination", 4) with { Nat = [Rule("d4", NatKind.Destination, mine, outside, new NatTarget(ContosoFabrikam.Sql, 22))] };
        yield return Port("mirror", 5) with
        {
            Mirrors = [new MirrorRule("m", 100, null, [], [], [], [], new TenantEndpoint(VsidOf(5), new CustomerAddress(ContosoFabrikam.Web)))],
        };
        yield return Port("spoofer", 6) with { Settings = PortSettings.Default with { MacSpoofing = true, PortFlowLimit = FlowLimit } };
        yield return new PortPolicy(default, "vlan", default, ContosoFabrikam.ContosoSqlMac, [], PortSettings.Default with { PortFlowLimit = FlowLimit }, []) { VlanId = 7, Dhcp = null };
        yield return Port("web", 0) with
        {
            Mac = ContosoFabrikam.ContosoWebMac,
            Addresses = [new CustomerAddress(ContosoFabrikam.Web), new CustomerAddress(ContosoFabrikam.WebV6)],
        };
    }

    private static PortPolicy Port(string name, int network) => new(
        default, name, VsidOf(network), ContosoFabrikam.ContosoSqlMac, [new CustomerAddress(ContosoFabrikam.Sql), new CustomerAddress(ContosoFabrikam.SqlV6)],
        PortSettings.Default with { PortFlowLimit = FlowLimit }, []);

    private static Vsid VsidOf(int network) => Vsid.Create(ContosoFabrikam.ContosoVsid.Value + (uint)network);
}
