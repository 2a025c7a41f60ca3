using System.Diagnostics;
using Hnv.Linux.Bpf;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Ebpf;

/// <summary>
/// The flows that the programs carry out. Each has a slot: the engine's flow on our side, its counters on the kernel's. A flow that is forgotten is a
/// miss from that moment on, because its slot gets another tag; its entry is taken away later, many at a time.
/// </summary>
internal sealed class KernelFlows
{
    private const int BatchMax = 256;
    private const int SlotsPerTurn = 4096;
    private const int ShareMin = 1024;

    private readonly Lock _gate = new();
    private readonly BpfMap<FlowKey, FlowAction> _map;
    private readonly BpfArray<FlowCounters> _counters;
    private readonly Stack<int> _free = new();
    private readonly FlowKey[] _newKeys = new FlowKey[BatchMax];
    private readonly FlowAction[] _newActions = new FlowAction[BatchMax];
    private readonly FlowKey[] _staleKeys = new FlowKey[BatchMax];

    // By slot, as many as the counters. Slot 0 is nobody's. What is seldom touched is kept apart, for the collector and the cache.
    private readonly UnifiedFlow?[] _flows;
    private readonly KernelPort?[] _ports;
    private readonly FlowKey[] _keys;
    private readonly Told[] _told;
    private readonly Mark[] _marks;
    private int _newCount;
    private int _staleCount;
    private int _used = 1;

    public KernelFlows(BpfMap<FlowKey, FlowAction> map, BpfArray<FlowCounters> counters)
    {
        _map = map;
        _counters = counters;
        _flows = new UnifiedFlow?[counters.Length];
        _ports = new KernelPort?[counters.Length];
        _keys = new FlowKey[counters.Length];
        _told = new Told[counters.Length];
        _marks = new Mark[counters.Length];
    }

    /// <summary>Flows held.</summary>
    public int Count { get; private set; }

    /// <summary>Flows that found no room.</summary>
    public long Refused { get; private set; }

    /// <summary>Ports among which the room is shared.</summary>
    public int PortCount { get; set; } = 1;

    /// <summary>True when the kernel has been told of this decision already. Takes no lock.</summary>
    /// <param name="flow">The decision.</param>
    /// <param name="generation">The port's generation now.</param>
    /// <param name="provider">The outer source that it was accepted from; null when it came from this host.</param>
    public bool Knows(UnifiedFlow flow, uint generation, ProviderAddress? provider)
    {
        int slot = flow.OffloadSlot;
        if (slot == 0)
        {
            return false;
        }

        ref readonly Mark mark = ref _marks[slot];
        return mark.Generation == generation && mark.Conversation == flow.Marks && (provider is null || mark.Provider == provider);
    }

    /// <summary>Takes a decision in; the kernel is told at the next <see cref="Flush"/>.</summary>
    public void Add(UnifiedFlow flow, KernelPort port, in FlowKey key, FlowAction action, ProviderAddress? provider)
    {
        lock (_gate)
        {
            if (!flow.IsRemembered)
            {
                return;
            }

            int slot = flow.OffloadSlot;
            if (slot == 0)
            {
                slot = Take(port);
                if (slot == 0)
                {
                    Refused++;
                    return;
                }

                ref FlowCounters counters = ref _counters[slot];
                _told[slot] = new Told(counters.Packets, counters.Bytes);
                _flows[slot] = flow;
                _ports[slot] = port;
                _keys[slot] = key;
                flow.OffloadSlot = slot;
            }
            else if (provider is null && _marks[slot].Provider is { } accepted)
            {
                // From this host it may come as well; that must not close the way from the wire.
                provider = accepted;
            }

            action.Slot = (uint)slot;
            action.Tag = _counters[slot].Tag;
            action.Provider = provider is { } source ? AbiFields.Words(source.Value) : default;
            _marks[slot] = new Mark(action.Generation, (ConversationMarks)action.Conversation, provider);
            _newKeys[_newCount] = key;
            _newActions[_newCount++] = action;
            if (_newCount == BatchMax)
            {
                Write();
            }
        }
    }

    /// <summary>What the kernel holds, as an earlier process left it.</summary>
    public List<(FlowKey Key, FlowAction Action)> Inherited() => _map.ReadAll();

    /// <summary>True when the slot of an inherited flow is still the flow's own.</summary>
    public bool IsValid(in FlowAction action) =>
        action.Slot > 0 && action.Slot < (uint)_counters.Length && _counters[(int)action.Slot].Tag == action.Tag;

    /// <summary>When an inherited flow was last used, by the engine's clock.</summary>
    public long LastUsed(in FlowAction action, long now)
    {
        ulong lastUsed = _counters[(int)action.Slot].LastUsed;
        return lastUsed == 0 ? now : now - Ago(Stopwatch.GetTimestamp(), lastUsed);
    }

    /// <summary>A time of the engine's clock, milliseconds, by the kernel's, seconds.</summary>
    public static uint ToSeconds(long milliseconds, long now) =>
        (uint)((Stopwatch.GetTimestamp() / Stopwatch.Frequency) - ((now - milliseconds) / 1000));

    /// <summary>A time of the kernel's clock, seconds, by the engine's, milliseconds.</summary>
    public static long FromSeconds(uint seconds, long now) => now - (Math.Max((Stopwatch.GetTimestamp() / Stopwatch.Frequency) - seconds, 0) * 1000);

    /// <summary>
    /// Goes on with an inherited flow in its own slot. The kernel's entry is exchanged in one step when the decision is another now.
    /// </summary>
    /// <param name="flow">The decision of now.</param>
    /// <param name="port">Whose it is.</param>
    /// <param name="key">The entry's key.</param>
    /// <param name="old">The entry.</param>
    /// <param name="action">The same as it is to be.</param>
    /// <param name="provider">The outer source that it is accepted from.</param>
    /// <returns>False when the slot or the flow is taken: the entry must go.</returns>
    public bool TryAdopt(UnifiedFlow flow, KernelPort port, in FlowKey key, in FlowAction old, FlowAction action, ProviderAddress? provider)
    {
        lock (_gate)
        {
            int slot = (int)old.Slot;
            if (flow.OffloadSlot != 0 || _flows[slot] is not null)
            {
                return false;
            }

            ref FlowCounters counters = ref _counters[slot];
            _told[slot] = new Told(counters.Packets, counters.Bytes);
            _flows[slot] = flow;
            _ports[slot] = port;
            _keys[slot] = key;
            _used = Math.Max(_used, slot + 1);
            flow.OffloadSlot = slot;
            Count++;
            port.Flows++;
            action.Slot = old.Slot;
            action.Tag = old.Tag;
            action.Provider = provider is { } source ? AbiFields.Words(source.Value) : default;
            _marks[slot] = new Mark(action.Generation, (ConversationMarks)action.Conversation, provider);
            if (!AbiFields.Same(in action, in old))
            {
                _newKeys[_newCount] = key;
                _newActions[_newCount++] = action;
                if (_newCount == BatchMax)
                {
                    Write();
                }
            }

            return true;
        }
    }

    /// <summary>After the last adopted flow: takes away the entries that were not, and gives their slots out again.</summary>
    public void EndAdoption(List<FlowKey> rejected)
    {
        lock (_gate)
        {
            Write();
            _map.RemoveMany(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(rejected));
            for (int slot = _used - 1; slot > 0; slot--)
            {
                if (_flows[slot] is null)
                {
                    _free.Push(slot);
                }
            }
        }
    }

    /// <summary>Tells the kernel what has come and gone.</summary>
    public void Flush()
    {
        if (Volatile.Read(ref _newCount) == 0)
        {
            return;
        }

        lock (_gate)
        {
            Write();
        }
    }

    /// <summary>The engine has forgotten the flow.</summary>
    public void Forget(UnifiedFlow flow)
    {
        lock (_gate)
        {
            if (flow.OffloadSlot is not 0 and int slot)
            {
                Tell(slot, Environment.TickCount64, Stopwatch.GetTimestamp());
                Release(slot);
            }
        }
    }

    /// <summary>Forgets all flows of a port; the engine knows that already.</summary>
    public void Forget(KernelPort port)
    {
        ForEachSlot(slot =>
        {
            if (_ports[slot] == port)
            {
                Release(slot);
            }
        });
    }

    /// <summary>Tells the engine what was counted since the last time.</summary>
    public void Fold(long now)
    {
        long monotonic = Stopwatch.GetTimestamp();
        ForEachSlot(slot => Tell(slot, now, monotonic));
        lock (_gate)
        {
            RemoveStale();
        }
    }

    private void ForEachSlot(Action<int> action)
    {
        for (int next = 1, end = 1; next <= end; next += SlotsPerTurn)
        {
            lock (_gate)
            {
                end = _used;
                for (int slot = next; slot < Math.Min(next + SlotsPerTurn, end); slot++)
                {
                    if (_flows[slot] is not null)
                    {
                        action(slot);
                    }
                }
            }
        }
    }

    private void Tell(int slot, long now, long monotonic)
    {
        ref FlowCounters counters = ref _counters[slot];
        ulong packets = Volatile.Read(ref counters.Packets), bytes = Volatile.Read(ref counters.Bytes);
        ref Told told = ref _told[slot];
        if (packets == told.Packets)
        {
            return;
        }

        // The kernel's clock and Stopwatch's are one; the engine's may have another beginning.
        long ago = Ago(monotonic, Volatile.Read(ref counters.LastUsed));
        _ports[slot]!.Port.CountOffloaded(_flows[slot]!, (long)(packets - told.Packets), (long)(bytes - told.Bytes), now - ago);
        told = new Told(packets, bytes);
    }

    private static long Ago(long monotonic, ulong lastUsed) => Math.Max((monotonic - (long)lastUsed) / (Stopwatch.Frequency / 1000), 0);

    /// <summary>A free slot within the port's share; 0 when there is none.</summary>
    private int Take(KernelPort port)
    {
        int room = _counters.Length - 1;
        bool isScarce = room - Count < room / 4;
        if (Count >= room || (isScarce && port.Flows >= Math.Max(ShareMin, room / Math.Max(PortCount, 1))))
        {
            return 0;
        }

        Count++;
        port.Flows++;
        return _free.TryPop(out int slot) ? slot : _used++;
    }

    private void Release(int slot)
    {
        // From here on the entry is a miss, whatever else is in it.
        Volatile.Write(ref _counters[slot].Tag, _counters[slot].Tag + 1);
        if (_staleCount == BatchMax)
        {
            RemoveStale();
        }

        _staleKeys[_staleCount++] = _keys[slot];
        _flows[slot]!.OffloadSlot = 0;
        _ports[slot]!.Flows--;
        _flows[slot] = null;
        _ports[slot] = null;
        _marks[slot] = default;
        _free.Push(slot);
        Count--;
    }

    /// <summary>What is gone first, so that the same flow decided anew is not taken away with its predecessor.</summary>
    private void Write()
    {
        RemoveStale();
        int kept = 0;
        for (int i = 0; i < _newCount; i++)
        {
            if (_newActions[i].Tag == _counters[(int)_newActions[i].Slot].Tag)
            {
                _newKeys[kept] = _newKeys[i];
                _newActions[kept++] = _newActions[i];
            }
        }

        int written = _map.SetMany(_newKeys.AsSpan(0, kept), _newActions.AsSpan(0, kept));
        for (int i = written; i < kept; i++)
        {
            int slot = (int)_newActions[i].Slot;
            if (_flows[slot] is not null && _newActions[i].Tag == _counters[slot].Tag)
            {
                Refused++;
                Release(slot);
            }
        }

        Volatile.Write(ref _newCount, 0);
    }

    private void RemoveStale()
    {
        _map.RemoveMany(_staleKeys.AsSpan(0, _staleCount));
        _staleCount = 0;
    }

    private readonly record struct Told(ulong Packets, ulong Bytes);

    private readonly record struct Mark(uint Generation, ConversationMarks Conversation, ProviderAddress? Provider);
}
