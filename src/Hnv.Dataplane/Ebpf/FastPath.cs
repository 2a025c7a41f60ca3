using System.Buffers.Binary;
using System.Globalization;
using Hnv.Dataplane.Userspace;
using Hnv.Linux;
using Hnv.Linux.Bpf;
using Hnv.Linux.Netlink;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Ebpf;

/// <summary>
/// The kernel's share of the work (docs/ebpf.md): programs on the VM ports and uplinks that carry out what the engine has decided. It has no policy.
/// Packets that no current decision is known for are handed to the executor it is given to, which decides, acts, and tells it.
/// </summary>
/// <remarks>Devices are looked up in the network namespace of the thread that loaded it.</remarks>
public sealed partial class FastPath : IFlowOffload, IDisposable
{
    /// <summary>The programs, as operators see them in <c>bpftool net</c>.</summary>
    public const string PortProgramName = "hnv_port", UplinkProgramName = "hnv_uplink";

    private const string ObjectName = "hnv.bpf.o";
    private const string WallName = "hnv_wall";

    private readonly Lock _gate = new();
    private readonly VSwitch _switch;
    private readonly BpfObject _programs;
    private readonly BpfArray<PortSlot> _slots;
    private readonly BpfArray<FlowCounters> _counters;
    private readonly BpfArray<NextHop> _hopMap;
    private readonly BpfMap<uint, uint> _devices;
    private readonly BpfMap<MemberKey, uint> _members;
    private readonly BpfMap<ProviderAddressKey, ProviderEndpointValue> _endpoints;
    private readonly BpfMap<FlowKey, FlowAction> _idle;
    private readonly KernelFlows _flows;
    private readonly NextHops _hops;
    private readonly NetworkNamespace _host;
    private readonly KernelPort?[] _ports;
    private readonly List<PuntDevice> _puntDevices = [];
    private List<TunnelDevice> _tunnels = [];
    private HashSet<string> _uplinks = [];
    private long _epoch;
    private long _hopFaults;
    private (uint Punted, uint Handled) _nobodyLastSeen;
    private bool _disposed;

    private FastPath(VSwitch vSwitch, BpfObject programs, FastPathOptions options)
    {
        _switch = vSwitch;
        _pins = options.PinDirectory;
        _set = SetOf(options);
        _programs = programs;
        _host = NetworkNamespace.OpenCurrent();
        _slots = programs.Array<PortSlot>("hnv_ports");
        _counters = programs.Array<FlowCounters>("hnv_counters");
        _hopMap = programs.Array<NextHop>("hnv_hops");
        _devices = programs.Map<uint, uint>("hnv_devices");
        _members = programs.Map<MemberKey, uint>("hnv_members");
        _endpoints = programs.Map<ProviderAddressKey, ProviderEndpointValue>("hnv_endpoints");
        _flows = new KernelFlows(programs.Map<FlowKey, FlowAction>("hnv_flows"), _counters);
        _idle = programs.Map<FlowKey, FlowAction>(IdleMapName);
        _hops = new NextHops(_hopMap, _ => Interlocked.Increment(ref _hopFaults));
        _ports = new KernelPort?[options.Ports + 1];
        IsAdopting = _pins is not null && FindInherited();
        vSwitch.Offload = this;
    }

    /// <summary>Flows that the kernel holds.</summary>
    public int FlowCount => _flows.Count;

    /// <summary>Flows that found no room in the kernel; the executor carries them.</summary>
    public long RefusedFlows => _flows.Refused;

    /// <summary>Provider addresses of other hosts that packets leave for from the kernel.</summary>
    public int UsableHops => _hops.UsableCount;

    /// <summary>Times that routes and neighbours of the compartment could not be read.</summary>
    public long NextHopFaults => Volatile.Read(ref _hopFaults);

    /// <summary>Instructions that the verifier walked through, all paths counted: of the port's program and of the uplink's. Its limit is a million.</summary>
    public (int Port, int Uplink) VerifiedInstructions =>
        (_programs.VerifiedInstructions(PortProgramName), _programs.VerifiedInstructions(UplinkProgramName));

    /// <summary>The programs of this build; null when it was built without clang.</summary>
    private static byte[]? Object
    {
        get
        {
            using Stream? stream = typeof(FastPath).Assembly.GetManifestResourceStream(ObjectName);
            if (stream is null)
            {
                return null;
            }

            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
    }

    /// <summary>Loads the programs. No port may be plugged into the switch yet.</summary>
    /// <exception cref="LinuxException">This build, host or process cannot; the message says what is missing in one line.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option lies outside its range.</exception>
    public static FastPath Load(VSwitch vSwitch, FastPathOptions? options = null)
    {
        const int enosys = 38;
        options ??= new FastPathOptions();
        options.Validate();
        byte[] bytes = Object ?? throw new LinuxException("load the eBPF programs", ObjectName, enosys, "it was built without clang and libbpf-dev");
        BpfObject programs = BpfObject.Open(bytes, ObjectName);
        try
        {
            SizeMaps(programs, options);
            Span<byte> constants = stackalloc byte[sizeof(ushort)];
            BinaryPrimitives.WriteUInt16BigEndian(constants, options.VxlanPort);
            programs.SetConstants(constants);
            programs.KeepLog(PortProgramName);
            programs.KeepLog(UplinkProgramName);
            programs.Load();
            return new FastPath(vSwitch, programs, options);
        }
        catch
        {
            programs.Dispose();
            throw;
        }
    }

    /// <summary>Sizes the maps, and names them when they are to be kept.</summary>
    internal static void SizeMaps(BpfObject programs, FastPathOptions options)
    {
        programs.SetEntries("hnv_flows", options.Flows);
        programs.SetEntries(IdleMapName, options.Flows);
        programs.SetEntries("hnv_counters", options.Flows + 1);
        programs.SetEntries("hnv_ports", options.Ports + 1);
        programs.SetEntries("hnv_devices", options.Ports);
        programs.SetEntries("hnv_members", options.Ports);
        programs.SetEntries("hnv_hops", options.NextHops);
        programs.SetEntries("hnv_endpoints", 256);
        PinMaps(programs, options);
    }

    /// <summary>
    /// Waits until the kernel has been told everything; whoever decides packets marks with it when it began, so that no decision is dated later than the
    /// policy it was made under.
    /// </summary>
    internal long Epoch => Volatile.Read(ref _epoch);

    /// <summary>Takes over what a device receives, in place of the wall that kept it from the host.</summary>
    /// <param name="port">The port.</param>
    /// <param name="worker">The worker that its packets are handed to.</param>
    /// <exception cref="LinuxException">There is no such device, or no room for another port (ENOSPC).</exception>
    internal KernelPort Attach(VPort port, int worker)
    {
        const int enospc = 28;
        lock (_gate)
        {
            LinkInfo link;
            using (RouteSocket host = RouteSocket.Open(_host))
            {
                link = host.GetLink(port.DeviceName);
            }

            int inherited = InheritedIndexOf(port, link.Index), index = inherited > 0 ? inherited : FreeIndex();
            if (index < 0)
            {
                throw new LinuxException("attach to the fast path", port.DeviceName, enospc, $"it has room for {_ports.Length - 1} ports");
            }

            ref PortSlot slot = ref _slots[index];
            KernelPort kernelPort = new(port, index) { IsInherited = inherited > 0 };
            _ports[index] = kernelPort;
            _flows.PortCount++;
            slot.Identity = IdentityOf(port.Nic);
            slot.Device = (uint)link.Index;
            slot.PuntDevice = (uint)_puntDevices[worker].LinkIndex;
            slot.Handled = slot.Punted;
            kernelPort.RefusedTold = (slot.RefusedOutbound, slot.RefusedInbound);
            kernelPort.Date = new KernelPort.Dated(slot.Generation, kernelPort.IsInherited ? long.MaxValue : _epoch);
            slot.Flags = link.Kind == "veth" ? (uint)Abi.PortIsVeth : 0;
            Follow(kernelPort, _epoch + 1, isNew: inherited == 0);
            Volatile.Write(ref _epoch, _epoch + 1);
            try
            {
                _ = _devices.TrySet((uint)link.Index, (uint)index);
                _host.Run(() => _programs.AttachIngress(PortProgramName, port.DeviceName, PortProgramName, WallName));
                return kernelPort;
            }
            catch
            {
                Detach(kernelPort);
                throw;
            }
        }
    }

    /// <summary>
    /// Has the executor read the port's device itself, or no longer: what it must pace or what belongs to no virtual subnet is not carried out in the
    /// kernel.
    /// </summary>
    internal void SetTapped(KernelPort port, bool isTapped)
    {
        lock (_gate)
        {
            ref PortSlot slot = ref _slots[port.Index];
            port.IsTapped = isTapped;
            slot.Flags = isTapped ? slot.Flags | (uint)Abi.PortIsTapped : slot.Flags & ~(uint)Abi.PortIsTapped;
            Follow(port, _epoch + 1, isNew: true);
            Volatile.Write(ref _epoch, _epoch + 1);
        }
    }

    /// <summary>Lets go of a port: its flows are forgotten, and the device has the wall again.</summary>
    internal void Detach(KernelPort port)
    {
        lock (_gate)
        {
            ref PortSlot slot = ref _slots[port.Index];
            Volatile.Write(ref slot.Generation, slot.Generation + 1);
            port.Date = new KernelPort.Dated(slot.Generation, long.MaxValue);
            _flows.Forget(port);
            RemoveNotes(port);
            _flows.PortCount--;
            _devices.Remove(slot.Device);
            SetMember(port, null);
            Tell(port);
            (slot.PuntDevice, slot.Device, slot.Identity) = (0, 0, 0);
            _ports[port.Index] = null;
            try
            {
                _host.Run(() => PacketSocket.Wall(port.Port.DeviceName));
            }
            catch (LinuxException)
            {
                // The device is gone.
            }
        }
    }

    /// <summary>
    /// Makes a device pair over which the programs hand packets to a worker, and opens its end. One that an earlier process left is used again: the
    /// programs know it.
    /// </summary>
    internal PacketSocket OpenPuntDevice()
    {
        lock (_gate)
        {
            string number = _puntDevices.Count.ToString(CultureInfo.InvariantCulture);
            string near = PuntName + number, far = PuntPeerName + number;
            int index;
            using (RouteSocket host = RouteSocket.Open(_host))
            {
                if (host.TryGetLink(near) is null || host.TryGetLink(far) is null)
                {
                    host.DeleteLink(near);
                    host.CreateVeth(near, far, mtu: ushort.MaxValue);
                }

                host.SetUp(near);
                host.SetUp(far);
                index = host.GetLink(near).Index;
            }

            _puntDevices.Add(new PuntDevice(near, index));
            if (_puntDevices.Count == 1)
            {
                _slots[0].PuntDevice = (uint)index;
            }

            return _host.Run(() => PacketSocket.OpenPunt(far));
        }
    }

    /// <summary>The tunnel ends that packets leave and arrive by.</summary>
    /// <exception cref="LinuxException">A device is not there.</exception>
    internal void SetProviderEndpoints(string compartment, IReadOnlyList<ProviderEndpoint> endpoints)
    {
        lock (_gate)
        {
            NetworkNamespace? ns = endpoints.Count == 0 ? null : NetworkNamespace.Open(compartment);
            List<TunnelDevice> tunnels = [];
            if (ns is not null)
            {
                using RouteSocket inside = RouteSocket.Open(ns);
                tunnels.AddRange(endpoints.Select(endpoint => Locate(inside, endpoint)));
            }

            HashSet<string> uplinks = [];
            using (RouteSocket host = RouteSocket.Open(_host))
            {
                IReadOnlyList<LinkInfo> links = host.Links();
                uplinks.UnionWith(tunnels.Select(tunnel => links.FirstOrDefault(link => link.Index == tunnel.UplinkIndex)?.Name).OfType<string>());
            }

            foreach (TunnelDevice gone in _tunnels.Where(old => !tunnels.Exists(tunnel => tunnel.Address == old.Address)))
            {
                _endpoints.Remove(new ProviderAddressKey { Address = AbiFields.Words(gone.Address.Value) });
            }

            foreach (TunnelDevice tunnel in tunnels)
            {
                _ = _endpoints.TrySet(
                    new ProviderAddressKey { Address = AbiFields.Words(tunnel.Address.Value) },
                    new ProviderEndpointValue { Device = (uint)tunnel.UplinkIndex, Mac = AbiFields.Bytes(tunnel.Mac), Vlan = (ushort)tunnel.VlanId });
            }

            if (IsAdopting && _tunnels.Count == 0)
            {
                _hops.Adopt(tunnels);
            }

            _hops.SetDevices(ns, tunnels);
            _tunnels = tunnels;
            foreach (string gone in _uplinks.Except(uplinks))
            {
                DetachUplink(gone);
            }

            foreach (string uplink in uplinks.Except(_uplinks))
            {
                _host.Run(() => _programs.AttachIngress(UplinkProgramName, uplink, UplinkProgramName));
            }

            _uplinks = uplinks;
        }
    }

    /// <summary>Takes a decision over, when the programs can carry it out.</summary>
    /// <param name="port">Whose it is.</param>
    /// <param name="flow">The decision.</param>
    /// <param name="source">Inbound: the outer source that it was accepted from; null when it comes from this host.</param>
    /// <param name="epoch"><see cref="Epoch"/> when the packet was taken up.</param>
    internal void Offer(KernelPort port, UnifiedFlow flow, ProviderAddress? source, long epoch)
    {
        KernelPort.Dated date = port.Date;
        if (date.Epoch <= epoch && flow.IsRemembered && !_flows.Knows(flow, date.Generation, source) && TryTranslate(port, flow, date.Generation, out FlowAction action))
        {
            uint scope = flow.Direction == Direction.Outbound ? (uint)port.Index : (port.Member?.Vsid ?? 0);
            FlowKey key = AbiFields.KeyOf(flow.Ufid, flow.Direction, scope);
            _flows.Add(flow, port, in key, action, source);
        }
    }

    /// <summary>Tells the kernel what was taken over.</summary>
    internal void Flush() => _flows.Flush();

    /// <summary>The port that a punted packet's mark names; null when it is gone, or the packet from the wire is for nobody's port.</summary>
    internal KernelPort? PortOf(uint mark)
    {
        uint index = mark & ~Abi.MarkFromWire;
        return index < (uint)_ports.Length ? Volatile.Read(ref _ports[index]) : null;
    }

    /// <summary>Gives room back to the port whose packet has been taken.</summary>
    internal void Taken(uint mark, int length)
    {
        uint index = mark & ~Abi.MarkFromWire;
        if (index < (uint)_ports.Length)
        {
            // SAFETY: one worker takes all packets of a port, so nobody else writes this field but Recover, which makes up for either's loss.
            ref uint handled = ref _slots[(int)index].Handled;
            Volatile.Write(ref handled, handled + 1 + (uint)(length >> Abi.PuntCostShift));
        }
    }

    /// <inheritdoc/>
    public void PolicyInForce()
    {
        lock (_gate)
        {
            long epoch = _epoch + 1;
            foreach (KernelPort? port in _ports)
            {
                if (port is not null)
                {
                    Follow(port, epoch, isNew: false);
                }
            }

            // Last: who reads it has seen the new policy, and the kernel has, too.
            Volatile.Write(ref _epoch, epoch);
        }
    }

    /// <inheritdoc/>
    public void Forget(UnifiedFlow flow) => _flows.Forget(flow);

    /// <inheritdoc/>
    public void Fold(long now)
    {
        _flows.Fold(now);
        lock (_gate)
        {
            Recover(0, null);
            foreach (KernelPort? port in _ports)
            {
                if (port is not null)
                {
                    Tell(port);
                    Recover(port.Index, port);
                }
            }
        }
    }

    /// <summary>
    /// Ends this process's share. With maps that are kept (<see cref="FastPathOptions.PinDirectory"/>) the programs carry on what was decided, for the next
    /// process to adopt; without, they are taken off: ports keep their wall, uplinks bring everything to the compartment's own stack.
    /// </summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            if (_pins is null)
            {
                foreach (string uplink in _uplinks)
                {
                    DetachUplink(uplink);
                }

                foreach (KernelPort? port in _ports)
                {
                    if (port is not null)
                    {
                        Detach(port);
                    }
                }
            }
        }

        _hops.Dispose();
        if (_pins is null)
        {
            using RouteSocket host = RouteSocket.Open(_host);
            _puntDevices.ForEach(device => host.DeleteLink(device.Name));
        }

        _switch.Offload = null;
        _hopMap.Dispose();
        _counters.Dispose();
        _slots.Dispose();
        _programs.Dispose();
        _host.Dispose();
    }

    private static TunnelDevice Locate(RouteSocket inside, ProviderEndpoint endpoint)
    {
        LinkInfo link = inside.GetLink(PaCompartment.DeviceOf(endpoint.TeamMember));
        return new TunnelDevice(
            endpoint.TeamMember, endpoint.Address, link.Mac, link.Index, link.Lower, endpoint.VlanId, PaCompartment.TableOf(endpoint.TeamMember));
    }

    /// <summary>Takes off the uplinks what another process left there: an executor without a fast path would miss what it redirects.</summary>
    internal static void RemoveFromUplinks(NetworkNamespace host, NetworkNamespace compartment, IReadOnlyList<ProviderEndpoint> endpoints)
    {
        using RouteSocket inside = RouteSocket.Open(compartment), outside = RouteSocket.Open(host);
        IReadOnlyList<LinkInfo> links = outside.Links();
        foreach (ProviderEndpoint endpoint in endpoints)
        {
            int lower = inside.TryGetLink(PaCompartment.DeviceOf(endpoint.TeamMember))?.Lower ?? 0;
            if (links.FirstOrDefault(link => link.Index == lower) is { } uplink)
            {
                host.Run(() => BpfObject.DetachIngress(UplinkProgramName, uplink.Name));
            }
        }
    }

    private void DetachUplink(string device)
    {
        try
        {
            _host.Run(() => BpfObject.DetachIngress(UplinkProgramName, device));
        }
        catch (LinuxException)
        {
            // The device is gone, and the program with it.
        }
    }

    /// <summary>Dates the port's decisions anew when its program, or what its subnet accepts, is another than before.</summary>
    private void Follow(KernelPort port, long epoch, bool isNew)
    {
        if (port.IsInherited && !isNew)
        {
            // What the earlier process decided stands until it is adopted, which dates it.
            return;
        }

        PortProgram? program = ProgramOf(port);
        SubnetForwarding? subnet = program is null ? null : _switch.TryGetSubnet(program.Vsid.Value);
        uint generation = port.Port.Generation;
        bool same = !isNew && generation == port.EngineGeneration
            && (subnet is null ? port.Subnet is null : port.Subnet is not null && subnet.AcceptsSame(port.Subnet));
        ref PortSlot slot = ref _slots[port.Index];
        (port.EngineGeneration, port.Subnet) = (generation, subnet);
        if (!same)
        {
            Volatile.Write(ref slot.Generation, slot.Generation + 1);
            SetMember(port, MemberOf(program));
            port.Date = new KernelPort.Dated(slot.Generation, epoch);
        }
    }

    /// <summary>The program of a port whose packets may be carried; null when they may not.</summary>
    private static PortProgram? ProgramOf(KernelPort port) =>
        port.Port.Program is { IsVirtualized: true, IsFailClosed: false } virtualized ? virtualized : null;

    private static MemberKey? MemberOf(PortProgram? program) =>
        program is null ? null : new MemberKey { Vsid = program.Vsid.Value, Mac = AbiFields.Bytes(program.Mac) };

    private void SetMember(KernelPort port, MemberKey? member)
    {
        if (port.Member is { } before)
        {
            _members.Remove(in before);
        }

        port.Member = member;
        if (member is { } now)
        {
            _ = _members.TrySet(in now, (uint)port.Index);
        }
    }

    /// <summary>What the programs are to do; false when they cannot.</summary>
    private bool TryTranslate(KernelPort port, UnifiedFlow flow, uint generation, out FlowAction action)
    {
        action = new FlowAction
        {
            Port = (ushort)port.Index,
            Generation = generation,
            Verdict = Abi.ActionDrop,
            Conversation = (ushort)flow.Marks,
            IdleSeconds = flow.IdleSeconds,
        };
        if (!FlowActions.MayCarry(flow.Ufid) || flow.Extras is not null || port.Member is null || port.IsTapped)
        {
            return false;
        }

        return flow.Verdict == Verdict.Drop
            || (flow.Verdict == Verdict.Forward && TryTarget(flow, ref action) && FlowActions.TryWrite(in flow.Transposition, flow.Ufid, ref action));
    }

    private bool TryTarget(UnifiedFlow flow, ref FlowAction action)
    {
        ref readonly Transposition transposition = ref flow.Transposition;
        if (flow.Direction == Direction.Inbound)
        {
            action.Verdict = Abi.ActionDeliver;
            return true;
        }

        if ((transposition.Edits & TranspositionEdits.Encap) != 0)
        {
            int hop = _hops.IndexOf(transposition.TeamMember, transposition.Provider);
            action.Verdict = Abi.ActionEncapsulate;
            action.Hop = (uint)hop;
            return hop >= 0;
        }

        action.Verdict = Abi.ActionLocal;
        action.Vsid = flow.Destination?.Program?.Vsid.Value ?? 0;
        return action.Vsid != 0 && (transposition.Edits & TranspositionEdits.Uplink) == 0;
    }

    /// <summary>Counts what found no room since the last time.</summary>
    private void Tell(KernelPort port)
    {
        ref PortSlot slot = ref _slots[port.Index];
        (ulong Outbound, ulong Inbound) refused = (Volatile.Read(ref slot.RefusedOutbound), Volatile.Read(ref slot.RefusedInbound)), told = port.RefusedTold;
        if (refused != told)
        {
            port.Port.CountDrops(DropReason.PuntLimit, Direction.Outbound, (long)(refused.Outbound - told.Outbound));
            port.Port.CountDrops(DropReason.PuntLimit, Direction.Inbound, (long)(refused.Inbound - told.Inbound));
            port.RefusedTold = refused;
        }
    }

    /// <summary>Gives back the room of packets that were lost on their way to the worker: nothing has moved since the last time, so nothing is waiting.</summary>
    private void Recover(int index, KernelPort? port)
    {
        ref PortSlot slot = ref _slots[index];
        (uint Punted, uint Handled) seen = (Volatile.Read(ref slot.Punted), Volatile.Read(ref slot.Handled));
        (uint Punted, uint Handled) before = port?.LastSeen ?? _nobodyLastSeen;
        if (seen == before && seen.Punted != seen.Handled)
        {
            Volatile.Write(ref slot.Handled, seen.Punted);
        }

        if (port is null)
        {
            _nobodyLastSeen = seen;
        }
        else
        {
            port.LastSeen = seen;
        }
    }

    private sealed record PuntDevice(string Name, int LinkIndex);
}
