using System.Collections.Frozen;
using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>The virtual switch of one host: its VPorts, and what packets from the provider network are checked and delivered by.</summary>
/// <remarks>
/// Ports and programs come and go under a lock, each change building a new forwarding table; packets read it without a lock. A port whose program
/// changes begins a new generation: its flows are decided again when they are next used. The flows of other ports go on as they are.
/// </remarks>
public sealed class VSwitch
{
    private readonly Lock _gate = new();
    private readonly long[] _underlayDrops = new long[DropReasons.Count];
    private ImmutableDictionary<NicId, VPort> _ports = ImmutableDictionary<NicId, VPort>.Empty;
    private ForwardingTable _forwarding = ForwardingTable.Empty;
    private SwitchProgram _program = SwitchProgram.Empty;
    private PathMtus _paths = PathMtus.None;
    private uint _generation;

    /// <summary>The ports plugged in. A consistent picture that does not change under the reader.</summary>
    public IEnumerable<VPort> Ports => Volatile.Read(ref _ports).Values;

    /// <summary>The policy in force.</summary>
    public SwitchProgram Program => Volatile.Read(ref _program);

    /// <summary>Counts every change of policy and every port plugged in or out.</summary>
    public uint Generation => Volatile.Read(ref _generation);

    /// <summary>Who carries out flows besides the port; set before the first port is plugged in, and null when nobody does.</summary>
    public IFlowOffload? Offload { get; set; }

    /// <summary>Plugs a port in. It takes its program from the policy in force, or drops everything until there is one.</summary>
    /// <exception cref="InvalidOperationException">A port of that network interface is plugged in already.</exception>
    public VPort AddPort(NicId nic, string deviceName)
    {
        lock (_gate)
        {
            if (_ports.TryGetValue(nic, out VPort? present))
            {
                throw new InvalidOperationException(
                    $"networkInterface {nic} is plugged in already, at device {present.DeviceName}. Detach it there before you attach it to {deviceName}.");
            }

            VPort port = new(nic, deviceName, Drops, Offload);
            Volatile.Write(ref _ports, _ports.Add(nic, port));
            PutInForce();
            return port;
        }
    }

    /// <summary>Takes a port out; from now on it drops everything.</summary>
    /// <returns>False when there is none.</returns>
    public bool RemovePort(NicId nic)
    {
        lock (_gate)
        {
            if (!_ports.TryGetValue(nic, out VPort? port))
            {
                return false;
            }

            Volatile.Write(ref _ports, _ports.Remove(nic));
            PutInForce();
            port.Uninstall();
            return true;
        }
    }

    /// <summary>Finds a port; null when it is not plugged in.</summary>
    public VPort? TryGetPort(NicId nic) => Volatile.Read(ref _ports).GetValueOrDefault(nic);

    /// <summary>Puts a policy in force, whole. Flows decided before are resimulated on their next packet.</summary>
    public void Install(SwitchProgram program)
    {
        lock (_gate)
        {
            Volatile.Write(ref _program, program);
            PutInForce();
        }
    }

    /// <summary>
    /// Finds what a decapsulated packet must satisfy: the virtual subnet on this host behind the wire's VNI/VSID number. Lock-free.
    /// </summary>
    /// <returns>Null when no port of this host is in it (<see cref="DropReason.UnknownVsid"/>).</returns>
    public SubnetForwarding? TryGetSubnet(uint vsid) => Volatile.Read(ref _forwarding).TryGetSubnet(vsid);

    /// <summary>True when a port passes frames of the physical network as they are, so that the uplink has to be listened to.</summary>
    public bool HasPlainPorts => Volatile.Read(ref _forwarding).HasPlainPorts;

    /// <summary>Finds the port without a VSID that a frame of the physical network is for. Lock-free.</summary>
    /// <returns>Null when there is none (<see cref="DropReason.UnknownVlan"/>).</returns>
    public VPort? TryGetPlainPort(int vlan, MacAddress destination) => Volatile.Read(ref _forwarding).TryGetPlainPort(vlan, destination);

    /// <summary>The ports without a VSID in a VLAN: where a group address of the physical network leads.</summary>
    public ReadOnlySpan<VPort> PlainPorts(int vlan) => Volatile.Read(ref _forwarding).PlainPorts(vlan);

    /// <summary>Samples of what was dropped, at the ports and before any port was known.</summary>
    public DropLog Drops { get; } = new();

    /// <summary>Counts a packet from the provider network that reached no port, and keeps a sample within <see cref="Drops"/>.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="frame">The inner frame, where it is at hand.</param>
    /// <param name="now">Coarse clock in milliseconds; 0 when it is not at hand.</param>
    public void CountUnderlayDrop(DropReason reason, ReadOnlySpan<byte> frame = default, long now = 0)
    {
        _underlayDrops[(int)reason]++;
        Drops.NoteUnderlay(reason, frame, now);
    }

    /// <summary>Packets from the provider network that reached no port, by reason; reasons that never came up are left out.</summary>
    public IReadOnlyDictionary<DropReason, long> UnderlayDrops => DropReasons.NonZero(_underlayDrops);

    /// <summary>
    /// Takes note that less fits toward a provider address than the provider network promises: a router on the way said so, or the kernel. Flows
    /// toward it are resimulated; senders hear of it by ICMP. Forgotten after ten minutes (RFC 1191 §6.3).
    /// </summary>
    /// <param name="provider">A provider address that policy knows; of others nothing is noted.</param>
    /// <param name="mtu">Bytes of the longest outer IP packet; less than every path must take counts as that.</param>
    /// <param name="now">The coarse clock that packets are decided with, milliseconds.</param>
    public void ReportPathMtu(ProviderAddress provider, int mtu, long now)
    {
        lock (_gate)
        {
            if (!_program.Subnets.Any(subnet => subnet.AcceptedProviders.Contains(provider)))
            {
                return;
            }

            PathMtus before = _paths;
            _paths = before.With(provider, mtu, now);
            if (before.MtuToward(provider) != _paths.MtuToward(provider))
            {
                PutInForce();
            }
        }
    }

    /// <summary>Forgets idle flows and connections of all ports, and what was learnt of paths long ago. For a control thread, every few seconds.</summary>
    /// <param name="now">The coarse clock that packets are decided with, milliseconds.</param>
    public void Age(long now)
    {
        Drops.Tick(now);
        Offload?.Fold(now);
        foreach (VPort port in Ports)
        {
            port.Age(now);
        }

        lock (_gate)
        {
            PathMtus fresh = _paths.Without(now);
            if (fresh != _paths)
            {
                _paths = fresh;
                PutInForce();
            }
        }
    }

    private void PutInForce()
    {
        uint generation = _generation + 1;
        ForwardingTable forwarding = ForwardingTable.Build(_program, _ports.Values, _paths);
        Volatile.Write(ref _forwarding, forwarding);
        Volatile.Write(ref _generation, generation);
        foreach (VPort port in _ports.Values)
        {
            port.Install(_program.Ports.GetValueOrDefault(port.Nic), forwarding);
        }

        Offload?.PolicyInForce();
    }
}

/// <summary>One virtual subnet as the receiving side of this host sees it. Immutable.</summary>
public sealed class SubnetForwarding
{
    private readonly FrozenSet<ProviderAddress> _acceptedProviders;
    private readonly Dictionary<MacAddress, VPort> _portByMac;
    private readonly VPort[] _ports;

    internal SubnetForwarding(Vsid vsid, FrozenSet<ProviderAddress> acceptedProviders, IReadOnlyList<(MacAddress Mac, VPort Port)> ports)
    {
        Vsid = vsid;
        _acceptedProviders = acceptedProviders;
        _portByMac = ports.DistinctBy(port => port.Mac).ToDictionary(port => port.Mac, port => port.Port);
        _ports = [.. ports.Select(port => port.Port)];
    }

    /// <summary>The subnet's VSID.</summary>
    public Vsid Vsid { get; }

    /// <summary>True when policy knows that provider address for this VSID (or for another subnet of the same routing domain).</summary>
    public bool Accepts(ProviderAddress source) => _acceptedProviders.Contains(source);

    /// <summary>True when both accept the same provider addresses.</summary>
    public bool AcceptsSame(SubnetForwarding other) =>
        ReferenceEquals(_acceptedProviders, other._acceptedProviders) || _acceptedProviders.SetEquals(other._acceptedProviders);

    /// <summary>The port that owns this inner destination MAC; null when none does.</summary>
    public VPort? TryGetPort(MacAddress destination) => _portByMac.GetValueOrDefault(destination);

    /// <summary>All ports of this subnet on this host, for an inner destination that is a group address.</summary>
    public ReadOnlySpan<VPort> Ports => _ports;
}

/// <summary>The global forwarding rules: virtual subnets by VSID and inner MAC, ports in none by VLAN and MAC (R17). Immutable.</summary>
internal sealed class ForwardingTable
{
    // Built anew for every port that comes or goes: a plain dictionary is ready far sooner than a frozen one.
    private readonly Dictionary<uint, SubnetForwarding> _subnets;

    private readonly Dictionary<(int Vlan, MacAddress Mac), VPort> _plain;
    private readonly Dictionary<int, VPort[]> _plainByVlan;

    private ForwardingTable(Dictionary<uint, SubnetForwarding> subnets, Dictionary<(int Vlan, MacAddress Mac), VPort> plain, PathMtus paths)
    {
        Paths = paths;
        _subnets = subnets;
        _plain = plain;
        _plainByVlan = plain.GroupBy(pair => pair.Key.Vlan).ToDictionary(group => group.Key, group => group.Select(pair => pair.Value).ToArray());
    }

    public static ForwardingTable Empty { get; } = new([], [], PathMtus.None);

    /// <summary>What has been learnt of paths through the provider network.</summary>
    public PathMtus Paths { get; }

    /// <summary>True when a port passes frames of the physical network as they are.</summary>
    public bool HasPlainPorts => _plain.Count > 0;

    public static ForwardingTable Build(SwitchProgram program, IEnumerable<VPort> plugged, PathMtus paths)
    {
        ILookup<Vsid, (MacAddress Mac, VPort Port)> members = plugged
            .Select(port => (Port: port, Program: program.Ports.GetValueOrDefault(port.Nic)))
            .Where(pair => pair.Program is { IsFailClosed: false, IsVirtualized: true })
            .ToLookup(pair => pair.Program!.Vsid, pair => (pair.Program!.Mac, pair.Port));
        Dictionary<(int, MacAddress), VPort> plain = [];
        foreach (VPort port in plugged)
        {
            if (program.Ports.GetValueOrDefault(port.Nic) is { IsFailClosed: false, IsVirtualized: false } own)
            {
                _ = plain.TryAdd((own.VlanId, own.Mac), port);
            }
        }

        return new ForwardingTable(program.Subnets
            .Where(subnet => members.Contains(subnet.Vsid))
            .ToDictionary(
                subnet => subnet.Vsid.Value,
                subnet => new SubnetForwarding(subnet.Vsid, subnet.AcceptedProviders, [.. members[subnet.Vsid]])), plain, paths);
    }

    public SubnetForwarding? TryGetSubnet(uint vsid) => _subnets.GetValueOrDefault(vsid);

    /// <summary>The port without a VSID that has this MAC in this VLAN.</summary>
    public VPort? TryGetPlainPort(int vlan, MacAddress mac) => _plain.GetValueOrDefault((vlan, mac));

    /// <summary>All ports without a VSID in this VLAN.</summary>
    public ReadOnlySpan<VPort> PlainPorts(int vlan) => _plainByVlan.GetValueOrDefault(vlan);

    public VPort? TryGetPort(Vsid vsid, MacAddress mac) => TryGetSubnet(vsid.Value)?.TryGetPort(mac);
}
