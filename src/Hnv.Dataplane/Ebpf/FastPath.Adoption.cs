using System.Buffers.Binary;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Hnv.Dataplane.Userspace;
using Hnv.Linux;
using Hnv.Linux.Bpf;
using Hnv.Linux.Netlink;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Ebpf;

/// <content>
/// Going on with what an earlier process left: the programs and maps that carry its flows. Nothing of it is disturbed until policy is in force and the
/// ports are attached; then each flow is decided anew in its place, and only a decision that differs is written. A packet of a flow that goes on meets
/// an entry at every moment.
/// </content>
public sealed partial class FastPath
{
    private const string PuntName = "hnv-punt", PuntPeerName = "hnv-punt-in", PortMapName = "hnv_ports", IdleMapName = "hnv_idle";
    private static readonly string[] s_pinned = ["hnv_flows", IdleMapName, "hnv_counters", PortMapName, "hnv_devices", "hnv_members", "hnv_hops", "hnv_endpoints"];
    private static readonly Type[] s_layouts =
    [
        typeof(FlowKey), typeof(FlowAction), typeof(FlowCounters), typeof(PortSlot), typeof(MemberKey), typeof(NextHop), typeof(ProviderAddressKey), typeof(ProviderEndpointValue),
    ];

    private readonly string? _pins;
    private readonly string? _set;
    private string[] _otherSets = [];
    private long _refusedNotes;

    /// <summary>
    /// An earlier process left flows that have not been adopted: what it decided is carried on, and nothing that is new is read until <see cref="Adopt"/>.
    /// </summary>
    public bool IsAdopting { get; private set; }

    /// <summary>Conversations without flows that found no room in the kernel's notes: they end with this process.</summary>
    public long RefusedNotes => Volatile.Read(ref _refusedNotes);

    /// <summary>True when what is carried outlives this process.</summary>
    internal bool IsKept => _pins is not null;

    /// <summary>
    /// Goes on with the flows that an earlier process left. To be called once, when policy is in force and every port that is to go on is attached. What
    /// is not adopted is taken away: its next packet is decided as a stranger's.
    /// </summary>
    /// <returns>Flows that go on, and those that do not.</returns>
    /// <exception cref="LinuxException">The kernel refused; nothing that an earlier process decided is carried any longer.</exception>
    internal (int Adopted, int Rejected) Adopt()
    {
        lock (_gate)
        {
            if (!IsAdopting)
            {
                return (0, 0);
            }

            List<FlowKey> rejected = [];
            try
            {
                AdoptFlows(rejected);
            }
            finally
            {
                // Also when it failed: then the ports' generations move on, and every flow is a miss.
                foreach (KernelPort? port in _ports)
                {
                    if (port is { IsInherited: true })
                    {
                        port.IsInherited = false;
                        Follow(port, _epoch + 1, isNew: true);
                    }
                }

                IsAdopting = false;
                Volatile.Write(ref _epoch, _epoch + 1);
            }

            _flows.EndAdoption(rejected);
            RemoveAbandoned();
            _hops.EndAdoption();
            return (_flows.Count, rejected.Count);
        }
    }

    /// <inheritdoc/>
    public void NoteIdle(VPort port, in CarriedFlow conversation)
    {
        if (_pins is not null && port.ExecutorState is PortChannel { Kernel: { } kernel })
        {
            Ufid flow = conversation.Ufid, translated = conversation.Translated;
            FlowKey key = NoteKeyOf(kernel, in conversation);
            FlowAction note = new()
            {
                Port = (ushort)kernel.Index,
                Edits = (ushort)((flow.Source != translated.Source ? Abi.EditSource : 0)
                    | (flow.Destination != translated.Destination ? Abi.EditDestination : 0)
                    | (flow.SourcePort != translated.SourcePort ? Abi.EditSourcePort : 0)
                    | (flow.DestinationPort != translated.DestinationPort ? Abi.EditDestinationPort : 0)),
                Source = AbiFields.Words(translated.Source),
                Destination = AbiFields.Words(translated.Destination),
                SourcePortBe = AbiFields.Be(translated.SourcePort),
                DestinationPortBe = AbiFields.Be(translated.DestinationPort),
                Conversation = (ushort)conversation.Marks,
                IdleSeconds = conversation.IdleSeconds,
                LastSeen = KernelFlows.ToSeconds(conversation.LastUsed, Environment.TickCount64),
            };
            if (!_idle.TrySet(in key, in note))
            {
                _ = Interlocked.Increment(ref _refusedNotes);
            }
        }
    }

    /// <inheritdoc/>
    public void ForgetIdle(VPort port, in CarriedFlow conversation)
    {
        if (_pins is not null && port.ExecutorState is PortChannel { Kernel: { } kernel })
        {
            _idle.Remove(NoteKeyOf(kernel, in conversation));
        }
    }

    /// <summary>
    /// Takes away whatever a process with this pin directory left on the devices of the calling thread's namespace: ports get their wall back, uplinks
    /// bring everything to the compartment's own stack. Absent is success.
    /// </summary>
    /// <exception cref="LinuxException">The process may not.</exception>
    public static void Release(string pinDirectory)
    {
        using (RouteSocket host = RouteSocket.Open())
        {
            foreach (LinkInfo link in host.Links())
            {
                try
                {
                    Release(host, link.Name);
                }
                catch (LinuxException error) when (error.IsNotFound)
                {
                    // It went meanwhile.
                }
            }
        }

        BpfFileSystem.Remove(pinDirectory);
    }

    private static void Release(RouteSocket host, string device)
    {
        if (device.StartsWith(PuntName, StringComparison.Ordinal))
        {
            host.DeleteLink(device);
        }
        else if (BpfObject.IsAttachedIngress(PortProgramName, device))
        {
            PacketSocket.Wall(device);
        }
        else
        {
            BpfObject.DetachIngress(UplinkProgramName, device);
        }
    }

    /// <summary>
    /// The name of the maps' layout and sizes: processes that agree on it understand one another's. Everything of the ABI is in it.
    /// </summary>
    internal static string SetNameOf(FastPathOptions options)
    {
        StringBuilder text = new();
        _ = text.Append(CultureInfo.InvariantCulture, $"{options.Flows} {options.Ports} {options.NextHops};");
        foreach (FieldInfo constant in typeof(Abi).GetFields(BindingFlags.Public | BindingFlags.Static))
        {
            _ = text.Append(CultureInfo.InvariantCulture, $"{constant.Name}={constant.GetRawConstantValue()};");
        }

        foreach (Type layout in s_layouts)
        {
            _ = text.Append(CultureInfo.InvariantCulture, $"{layout.Name}:{layout.StructLayoutAttribute!.Size};");
            foreach (FieldInfo field in layout.GetFields())
            {
                _ = text.Append(CultureInfo.InvariantCulture, $"{field.Name}@{field.GetCustomAttribute<FieldOffsetAttribute>()!.Value}:{field.FieldType.Name};");
            }
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 8));
    }

    private static string? SetOf(FastPathOptions options) => options.PinDirectory is { } directory ? Path.Combine(directory, SetNameOf(options)) : null;

    private static void PinMaps(BpfObject programs, FastPathOptions options)
    {
        if (options.PinDirectory is not { } directory)
        {
            return;
        }

        BpfFileSystem.Ensure(directory);
        string set = SetOf(options)!;
        _ = Directory.CreateDirectory(set);
        foreach (string map in s_pinned)
        {
            programs.Pin(map, Path.Combine(set, map));
        }
    }

    /// <summary>Stands for a network interface in the map of ports.</summary>
    private static ulong IdentityOf(NicId nic)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        _ = SHA256.HashData(Encoding.UTF8.GetBytes(nic.ToString()), hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }

    /// <summary>True when there is something to adopt or to take away.</summary>
    private bool FindInherited()
    {
        _otherSets = [.. Directory.EnumerateDirectories(_pins!).Where(set => set != _set)];
        for (int index = 1; index < _slots.Length; index++)
        {
            if (_slots[index].Device != 0)
            {
                return true;
            }
        }

        return _otherSets.Length > 0;
    }

    /// <summary>The index under which an earlier process carried this network interface on this very device; 0 when none did.</summary>
    private int InheritedIndexOf(VPort port, int link)
    {
        if (!IsAdopting)
        {
            return 0;
        }

        ulong identity = IdentityOf(port.Nic);
        for (int index = 1; index < _slots.Length; index++)
        {
            // A device that was made anew may have the same number; it does not have the program.
            if (_ports[index] is null && _slots[index].Device == (uint)link && _slots[index].Identity == identity)
            {
                return _host.Run(() => BpfObject.IsAttachedIngress(PortProgramName, port.DeviceName, Path.Combine(_set!, PortMapName))) ? index : 0;
            }
        }

        return 0;
    }

    private int FreeIndex()
    {
        for (int index = 1; index < _ports.Length; index++)
        {
            if (_ports[index] is null && _slots[index].Device == 0)
            {
                return index;
            }
        }

        return -1;
    }

    private void AdoptFlows(List<FlowKey> rejected)
    {
        long now = Environment.TickCount64;
        foreach (KernelPort? port in _ports)
        {
            if (port is { IsInherited: true })
            {
                // Noted before anything is decided: when policy changes meanwhile, the port is dated anew afterwards.
                Note(port);
            }
        }

        RestoreNotes(now);
        List<(FlowKey Key, FlowAction Action)> inherited = _flows.Inherited();
        foreach ((FlowKey key, FlowAction action) in inherited)
        {
            if (OwnerOf(in key, in action) is { } port)
            {
                _ = port.Port.Restore(CarriedFlowOf(in key, in action, _flows.LastUsed(in action, now)));
            }
        }

        foreach ((FlowKey key, FlowAction action) in inherited)
        {
            if (OwnerOf(in key, in action) is not { } port || !TryAdopt(port, in key, in action, now))
            {
                rejected.Add(key);
            }
        }

        foreach (KernelPort? port in _ports)
        {
            if (port is { IsInherited: true })
            {
                port.IsInherited = false;
                port.Date = new KernelPort.Dated(_slots[port.Index].Generation, _epoch + 1);
            }
        }
    }

    /// <summary>
    /// The port whose flow that is; null when it had been forgotten, or is nobody's. Of whatever generation: one that waited for its next packet after a
    /// change of policy is a conversation none the less.
    /// </summary>
    private KernelPort? OwnerOf(in FlowKey key, in FlowAction action)
    {
        KernelPort? port = action.Port < _ports.Length ? _ports[action.Port] : null;
        return port is { IsInherited: true } && _flows.IsValid(in action)
            && key.Scope == (key.Direction == Abi.DirectionOutbound ? (uint)port.Index : port.Member?.Vsid ?? 0)
            ? port
            : null;
    }

    private static FlowKey NoteKeyOf(KernelPort port, in CarriedFlow conversation) =>
        AbiFields.KeyOf(conversation.Ufid, conversation.Direction, (uint)port.Index);

    /// <summary>Restores the conversations that no flow was held of, before those that flows tell of: they are the same ones, if both are there.</summary>
    private void RestoreNotes(long now) => _idle.RemoveWhere((key, note) =>
    {
        KernelPort? port = note.Port < _ports.Length ? _ports[note.Port] : null;
        return port is not { IsInherited: true }
            || !port.Port.Restore(CarriedFlowOf(in key, in note, KernelFlows.FromSeconds(note.LastSeen, now)) with { IsNote = true });
    });

    private void RemoveNotes(KernelPort port)
    {
        if (_pins is not null)
        {
            _idle.RemoveWhere((_, note) => note.Port == port.Index);
        }
    }

    private static CarriedFlow CarriedFlowOf(in FlowKey key, in FlowAction action, long lastUsed)
    {
        Ufid flow = AbiFields.FlowOf(in key);
        return new CarriedFlow(
            flow,
            key.Direction == Abi.DirectionOutbound ? Direction.Outbound : Direction.Inbound,
            AbiFields.TranslatedBy(in action, in flow),
            (ConversationMarks)action.Conversation,
            action.IdleSeconds,
            lastUsed);
    }

    /// <summary>Decides an inherited flow under the policy in force.</summary>
    /// <returns>False when the kernel must not carry it any longer.</returns>
    private bool TryAdopt(KernelPort port, in FlowKey key, in FlowAction old, long now)
    {
        ProviderAddress? provider = null;
        if (AbiFields.Address(old.Provider) is var source && source != default)
        {
            provider = new ProviderAddress(source);
            if (port.Subnet?.Accepts(provider.Value) != true)
            {
                return false;
            }
        }

        return port.Port.Resume(CarriedFlowOf(in key, in old, _flows.LastUsed(in old, now))) is { } flow
            && TryTranslate(port, flow, _slots[port.Index].Generation, out FlowAction action)
            && _flows.TryAdopt(flow, port, in key, in old, action, provider);
    }

    /// <summary>Takes away what was carried for devices that no port has any longer, and what processes of another ABI left.</summary>
    private void RemoveAbandoned()
    {
        for (int index = 1; index < _slots.Length; index++)
        {
            ref PortSlot slot = ref _slots[index];
            if (_ports[index] is null && slot.Device != 0)
            {
                Volatile.Write(ref slot.Generation, slot.Generation + 1);
                (slot.PuntDevice, slot.Device, slot.Identity) = (0, 0, 0);
            }
        }

        _devices.RemoveWhere((device, index) => _slots[(int)index].Device != device);
        _members.RemoveWhere((member, index) => _ports[index]?.Member is not { } own || !AbiFields.Same(in own, in member));
        if (_tunnels.Count > 0)
        {
            HashSet<InetAddress> own = [.. _tunnels.Select(tunnel => tunnel.Address.Value)];
            _endpoints.RemoveWhere((key, _) => !own.Contains(AbiFields.Address(key.Address)));
        }

        using (RouteSocket host = RouteSocket.Open(_host))
        {
            HashSet<int> devices = [.. _ports.OfType<KernelPort>().Select(port => (int)_slots[port.Index].Device)];
            HashSet<string> punts = [.. _puntDevices.Select(device => device.Name)];
            foreach (LinkInfo link in host.Links().Where(link => !devices.Contains(link.Index)))
            {
                bool isPunt = link.Name.StartsWith(PuntName, StringComparison.Ordinal) && !link.Name.StartsWith(PuntPeerName, StringComparison.Ordinal);
                try
                {
                    if (isPunt && !punts.Contains(link.Name))
                    {
                        host.DeleteLink(link.Name);
                    }
                    else if (WasOurs(link.Name))
                    {
                        _host.Run(() => PacketSocket.Wall(link.Name));
                    }
                }
                catch (LinuxException error) when (error.IsNotFound)
                {
                    // It went meanwhile.
                }
            }
        }

        foreach (string set in _otherSets)
        {
            Directory.Delete(set, recursive: true);
        }
    }

    /// <summary>True for a device whose packets a program with maps of this pin directory takes.</summary>
    private bool WasOurs(string device) => _host.Run(() => _otherSets.Append(_set!)
        .Any(set => BpfObject.IsAttachedIngress(PortProgramName, device, Path.Combine(set, PortMapName))));

    private void Note(KernelPort port)
    {
        PortProgram? program = ProgramOf(port);
        port.EngineGeneration = port.Port.Generation;
        port.Subnet = program is null ? null : _switch.TryGetSubnet(program.Vsid.Value);
        SetMember(port, MemberOf(program));
    }
}
