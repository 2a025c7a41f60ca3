using System.Numerics;
using System.Runtime.CompilerServices;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// The unified flows of one port in one direction (R110): open addressing over references. Reads take no lock and see either the old or the new
/// flow of a slot; writes are the caller's to serialise. Grows by doubling, never beyond what its limit needs.
/// </summary>
internal sealed class UnifiedFlowTable(IFlowOffload? offload = null)
{
    // A peer may choose headers whose hashes collide. It then fills this many slots and no lookup takes longer.
    private const int ProbeLengthMax = 32;
    private const int InitialSlots = 64;
    private static readonly UnifiedFlow s_removed = new() { Ufid = default, Generation = 0, Direction = Direction.Outbound, Verdict = Verdict.Drop };

    private UnifiedFlow?[] _slots = new UnifiedFlow?[InitialSlots];
    private int _usedSlots;

    /// <summary>Flows held.</summary>
    public int Count { get; private set; }

    /// <summary>What came and went: TCP, UDP, all else.</summary>
    public FlowTally[] Tallies { get; } = [new(), new(), new()];

    /// <summary>What came and went of all protocols.</summary>
    public FlowTally Total { get; } = new();

    /// <summary>The place of a protocol in <see cref="Tallies"/>.</summary>
    public static int TallyOf(in Ufid flow) => flow.Protocol switch
    {
        IPProtocols.Tcp => 0,
        IPProtocols.Udp => 1,
        _ => 2,
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public UnifiedFlow? Find(in Ufid ufid, uint hash)
    {
        UnifiedFlow?[] slots = Volatile.Read(ref _slots);
        uint mask = (uint)slots.Length - 1;
        for (uint i = 0; i < ProbeLengthMax; i++)
        {
            UnifiedFlow? flow = Volatile.Read(ref slots[(hash + i) & mask]);
            if (flow is null)
            {
                return null;
            }

            if (flow.Hash == hash && flow.Ufid == ufid && !ReferenceEquals(flow, s_removed))
            {
                return flow;
            }
        }

        return null;
    }

    /// <summary>Stores a flow in place of the one with the same id, if any.</summary>
    /// <returns>False when there is no room within reach of its hash.</returns>
    public bool TryStore(UnifiedFlow flow, out UnifiedFlow? replaced)
    {
        replaced = null;
        if ((_usedSlots + 1) * 2 > _slots.Length)
        {
            Rebuild();
        }

        int free = -1;
        uint mask = (uint)_slots.Length - 1;
        for (uint i = 0; i < ProbeLengthMax; i++)
        {
            int at = (int)((flow.Hash + i) & mask);
            UnifiedFlow? held = _slots[at];
            if (held is null)
            {
                Put(free >= 0 ? free : at, flow);
                _usedSlots += free >= 0 ? 0 : 1;
                CountIn(flow);
                return true;
            }

            if (ReferenceEquals(held, s_removed))
            {
                free = free >= 0 ? free : at;
            }
            else if (held.Hash == flow.Hash && held.Ufid == flow.Ufid)
            {
                Put(at, flow);
                CountOut(held);
                CountIn(flow);
                replaced = held;
                return true;
            }
        }

        if (free >= 0)
        {
            Put(free, flow);
            CountIn(flow);
            return true;
        }

        return false;
    }

    public void Remove(UnifiedFlow flow)
    {
        uint mask = (uint)_slots.Length - 1;
        for (uint i = 0; i < ProbeLengthMax; i++)
        {
            int at = (int)((flow.Hash + i) & mask);
            if (ReferenceEquals(_slots[at], flow))
            {
                Put(at, s_removed);
                CountOut(flow);
                return;
            }
        }
    }

    /// <summary>Asks about the flows of some slots and removes those that are not to be kept; gives room back when much of it is empty.</summary>
    /// <param name="slot">Where to begin.</param>
    /// <param name="count">Slots to look at.</param>
    /// <param name="keep">False for a flow that may go.</param>
    /// <returns>Where to go on; -1 at the end.</returns>
    public int Sweep(int slot, int count, Predicate<UnifiedFlow> keep)
    {
        int end = Math.Min(slot + count, _slots.Length);
        for (int at = slot; at < end; at++)
        {
            UnifiedFlow? flow = _slots[at];
            if (flow is not null && !ReferenceEquals(flow, s_removed) && !keep(flow))
            {
                Put(at, s_removed);
                CountOut(flow);
            }
        }

        if (end < _slots.Length)
        {
            return end;
        }

        if (_slots.Length > InitialSlots && _usedSlots > 2 * Count)
        {
            Rebuild();
        }

        return -1;
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        ForEach(flow =>
        {
            CountOut(flow);
            return true;
        });
        Volatile.Write(ref _slots, new UnifiedFlow?[InitialSlots]);
        _usedSlots = 0;
    }

    /// <summary>Calls for every flow until told to stop.</summary>
    public void ForEach(Func<UnifiedFlow, bool> visit)
    {
        foreach (UnifiedFlow? flow in Volatile.Read(ref _slots))
        {
            if (flow is not null && !ReferenceEquals(flow, s_removed) && !visit(flow))
            {
                return;
            }
        }
    }

    private void Rebuild()
    {
        List<UnifiedFlow> kept = new(Count);
        foreach (UnifiedFlow? flow in _slots)
        {
            if (flow is not null && !ReferenceEquals(flow, s_removed))
            {
                kept.Add(flow);
            }
        }

        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(InitialSlots, (kept.Count + 1) * 2));
        UnifiedFlow?[] slots = new UnifiedFlow?[size];
        uint mask = (uint)size - 1;
        int count = 0;
        foreach (UnifiedFlow flow in kept)
        {
            int before = count;
            for (uint i = 0; i < ProbeLengthMax && count == before; i++)
            {
                ref UnifiedFlow? slot = ref slots[(flow.Hash + i) & mask];
                if (slot is null)
                {
                    slot = flow;
                    count++;
                }
            }

            if (count == before)
            {
                CountOut(flow);
            }
        }

        Count = count;
        _usedSlots = count;
        Volatile.Write(ref _slots, slots);
    }

    private void Put(int at, UnifiedFlow flow) => Volatile.Write(ref _slots[at], flow);

    private void CountIn(UnifiedFlow flow)
    {
        flow.IsRemembered = true;
        Count++;
        Total.Add();
        Tallies[TallyOf(flow.Ufid)].Add();
    }

    private void CountOut(UnifiedFlow flow)
    {
        flow.IsRemembered = false;
        offload?.Forget(flow);
        Count--;
        Total.Remove(flow.Packets);
        Tallies[TallyOf(flow.Ufid)].Remove(flow.Packets);
    }
}
