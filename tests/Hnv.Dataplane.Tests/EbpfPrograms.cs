using System.Buffers.Binary;
using Hnv.Dataplane.Ebpf;
using Hnv.Linux.Bpf;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Tests;

/// <summary>The programs, loaded by themselves and run on frames that lie nowhere: one port, one other host for each family, and the flows a test gives.</summary>
internal sealed class EbpfPrograms : IDisposable
{
    public const int Port = 1, Loopback = 1;
    public const uint Generation = 7;
    public const int Forwarded = 7, Dropped = 2, Continued = -1;

    private const int FrameMax = 4096;

    private readonly BpfObject _object;
    private readonly BpfArray<PortSlot> _ports;
    private readonly BpfArray<FlowCounters> _counters;
    private readonly BpfMap<FlowKey, FlowAction> _flows;
    private readonly byte[] _output = new byte[FrameMax];

    public EbpfPrograms(int flows = 1024)
    {
        using Stream stream = typeof(FastPath).Assembly.GetManifestResourceStream("hnv.bpf.o")!;
        byte[] elf = new byte[stream.Length];
        stream.ReadExactly(elf);
        _object = BpfObject.Open(elf, "hnv.bpf.o");
        _object.SetEntries("hnv_flows", flows);
        _object.SetEntries("hnv_counters", flows);
        _object.SetEntries("hnv_ports", 8);
        _object.SetEntries("hnv_devices", 8);
        _object.SetEntries("hnv_members", 8);
        _object.SetEntries("hnv_hops", 8);
        _object.SetEntries("hnv_endpoints", 8);
        _object.Load();
        _ports = _object.Array<PortSlot>("hnv_ports");
        _counters = _object.Array<FlowCounters>("hnv_counters");
        _flows = _object.Map<FlowKey, FlowAction>("hnv_flows");
        _ports[Port] = new PortSlot { Generation = Generation, Device = Loopback, PuntDevice = Loopback };
        _ports[0] = new PortSlot { PuntDevice = Loopback };
        Assert.True(_object.Map<uint, uint>("hnv_devices").TrySet(Loopback, Port));
        using BpfArray<NextHop> hops = _object.Array<NextHop>("hnv_hops");
        hops[0] = HopTo(Here(true), There(true));
        hops[1] = HopTo(Here(false), There(false));
        foreach (bool isIPv4 in (bool[])[true, false])
        {
            Assert.True(_object.Map<ProviderAddressKey, ProviderEndpointValue>("hnv_endpoints").TrySet(
                new ProviderAddressKey { Address = AbiFields.Words(Here(isIPv4).Value) },
                new ProviderEndpointValue { Device = Loopback, Mac = AbiFields.Bytes(OurMac) }));
        }
    }

    public static MacAddress OurMac { get; } = MacAddress.Parse("00-1D-D8-B7-1C-F1");

    public static MacAddress RouterMac { get; } = MacAddress.Parse("00-1D-D8-B7-1C-F2");

    public static Vsid Vsid { get; } = Primitives.Vsid.Create(5001);

    public static ProviderAddress Here(bool isIPv4) => ProviderAddress.Parse(isIPv4 ? "192.168.1.10" : "fd00:1::10");

    public static ProviderAddress There(bool isIPv4) => ProviderAddress.Parse(isIPv4 ? "192.168.2.20" : "fd00:2::20");

    /// <summary>Packets that a flow has counted.</summary>
    public ulong CountOf(int slot) => _counters[slot].Packets;

    /// <summary>Writes a flow; the slot is the flow's own.</summary>
    public void Set(int slot, in Ufid flow, Direction direction, in Transposition transposition, bool overIPv4)
    {
        FlowAction action = new()
        {
            Slot = (uint)slot,
            Tag = _counters[slot].Tag,
            Generation = Generation,
            Port = Port,
            Hop = overIPv4 ? 0u : 1u,
            Verdict = direction == Direction.Outbound ? (byte)Abi.ActionEncapsulate : (byte)Abi.ActionDeliver,
            Provider = AbiFields.Words(There(overIPv4).Value),
        };
        Assert.True(FlowActions.TryWrite(in transposition, in flow, ref action));
        FlowKey key = AbiFields.KeyOf(in flow, direction, direction == Direction.Outbound ? Port : Vsid.Value);
        Assert.True(_flows.TrySet(in key, in action));
    }

    /// <summary>Writes a flow that is dropped.</summary>
    public void SetDrop(int slot, in Ufid flow, Direction direction)
    {
        FlowAction action = new()
        {
            Slot = (uint)slot,
            Tag = _counters[slot].Tag,
            Generation = Generation,
            Port = Port,
            Verdict = Abi.ActionDrop,
            Provider = AbiFields.Words(There(true).Value),
        };
        FlowKey key = AbiFields.KeyOf(in flow, direction, direction == Direction.Outbound ? Port : Vsid.Value);
        Assert.True(_flows.TrySet(in key, in action));
    }

    /// <summary>The kernel runs a program on no frame that ends inside its IP header.</summary>
    public static bool CanRun(byte[] frame) => frame.Length >= EthernetHeader.Size && BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) switch
    {
        EtherTypes.IPv4 => frame.Length >= EthernetHeader.Size + IPv4Header.Size,
        EtherTypes.IPv6 => frame.Length >= EthernetHeader.Size + IPv6Header.Size,
        _ => true,
    };

    /// <summary>Changes the generation of the port, or the tag of a slot: either makes flows misses.</summary>
    public void Outdate(int? slot)
    {
        if (slot is { } own)
        {
            _counters[own].Tag++;
        }
        else
        {
            _ports[Port].Generation++;
        }
    }

    public void Remove(in Ufid flow, Direction direction)
    {
        FlowKey key = AbiFields.KeyOf(in flow, direction, direction == Direction.Outbound ? Port : Vsid.Value);
        _flows.Remove(in key);
    }

    /// <summary>Runs a program on a frame.</summary>
    /// <returns>What it returned, whether it was for the executor, and the frame it left.</returns>
    public (int Result, bool IsPunted, byte[] Frame) Run(Direction direction, ReadOnlySpan<byte> frame, int segmentSize = 0)
    {
        BpfTestRun run = new() { Device = Loopback, SegmentSize = segmentSize };
        int length = _object.TestRun(direction == Direction.Outbound ? FastPath.PortProgramName : FastPath.UplinkProgramName, frame, ref run, _output);

        // Nobody takes what is punted: give the room back.
        _ports[Port].Handled = _ports[Port].Punted;
        _ports[0].Handled = _ports[0].Punted;
        return (run.Result, run.Result == Forwarded && run.Mark != 0, _output[..length]);
    }

    /// <summary>Runs a program on a frame that it carries.</summary>
    /// <returns>Nanoseconds that it took.</returns>
    public uint Time(Direction direction, ReadOnlySpan<byte> frame)
    {
        BpfTestRun run = new() { Device = Loopback };
        _ = _object.TestRun(direction == Direction.Outbound ? FastPath.PortProgramName : FastPath.UplinkProgramName, frame, ref run, _output);
        Assert.Equal((Forwarded, 0u), (run.Result, run.Mark));
        return run.Nanoseconds;
    }

    /// <summary>What lies in front of an inner frame on its way out.</summary>
    public static byte[] Encapsulate(in Transposition transposition, in Ufid flow, byte trafficClass, ReadOnlySpan<byte> inner, bool overIPv4, bool outbound = true)
    {
        bool isVxlan = transposition.Encapsulation == EncapsulationType.Vxlan;
        uint entropy = flow.Entropy();
        (ProviderAddress source, ProviderAddress destination) = outbound ? (Here(overIPv4), There(overIPv4)) : (There(overIPv4), Here(overIPv4));
        byte[] tunnel = new byte[isVxlan ? UdpHeader.Size + VxlanHeader.Size : NvgreHeader.Size];
        if (isVxlan)
        {
            new UdpHeader
            {
                SourcePort = VxlanHeader.SourcePort(entropy),
                DestinationPort = VxlanHeader.DefaultPort,
                Length = (ushort)(tunnel.Length + inner.Length),
            }.Write(tunnel);
            new VxlanHeader(transposition.Vsid).Write(tunnel.AsSpan(UdpHeader.Size));
        }
        else
        {
            new NvgreHeader(transposition.Vsid, NvgreHeader.FlowId(entropy)).Write(tunnel);
        }

        byte[] ip = new byte[overIPv4 ? IPv4Header.Size : IPv6Header.Size];
        if (overIPv4)
        {
            ip[0] = 0x45;
            ip[1] = trafficClass;
            BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(2), (ushort)(ip.Length + tunnel.Length + inner.Length));
            ip[6] = 0x40;
            ip[8] = 64;
            ip[9] = isVxlan ? IPProtocols.Udp : IPProtocols.Gre;
            source.Value.Write(ip.AsSpan(12));
            destination.Value.Write(ip.AsSpan(16));
            BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(10), InternetChecksum.Compute(ip));
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(ip, IPv6Header.VersionOnly | ((uint)trafficClass << 20));
            BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(4), (ushort)(tunnel.Length + inner.Length));
            ip[6] = isVxlan ? IPProtocols.Udp : IPProtocols.Gre;
            ip[7] = 64;
            source.Value.Write(ip.AsSpan(8));
            destination.Value.Write(ip.AsSpan(24));
        }

        byte[] ethernet = new byte[EthernetHeader.Size];
        (outbound ? RouterMac : OurMac).Write(ethernet);
        (outbound ? OurMac : RouterMac).Write(ethernet.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(ethernet.AsSpan(12), overIPv4 ? EtherTypes.IPv4 : EtherTypes.IPv6);
        return [.. ethernet, .. ip, .. tunnel, .. inner];
    }

    public void Dispose()
    {
        _ports.Dispose();
        _counters.Dispose();
        _object.Dispose();
    }

    private static NextHop HopTo(ProviderAddress source, ProviderAddress destination) => new()
    {
        IsUsable = 1,
        Device = Loopback,
        Source = AbiFields.Words(source.Value),
        Destination = AbiFields.Words(destination.Value),
        DestinationMac = AbiFields.Bytes(RouterMac),
        SourceMac = AbiFields.Bytes(OurMac),
        IsIpv6 = source.Value.IsIPv4 ? (ushort)0 : (ushort)1,
    };
}
