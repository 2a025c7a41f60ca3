using System.Numerics;
using Hnv.Controller.Model;

namespace Hnv.Controller.Engine;

/// <summary>
/// Follows changes to the hosts: which waves of policy they went out with, and when the last host concerned said that its wave is in force.
/// Changes that are planned together make one wave, and are judged by all hosts of it. Costs one entry per top-level resource and one bit
/// per host and wave, whatever is still under way; a host only ever says how far it is.
/// </summary>
internal sealed class Propagation(TimeProvider time)
{
    /// <summary>Waves whose end is waited for. Of an older one it is known where it is in force, and not how long that took.</summary>
    internal const int TimedMax = 10_000;

    private const int PendingNamed = 16;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Change> _changes = [];
    private readonly Dictionary<string, Change> _unplanned = [];
    private readonly Dictionary<Guid, Host> _hosts = [];
    private readonly List<Host?> _slots = [];

    // By number, oldest first.
    private readonly List<Wave> _timed = [];
    private Wave? _first;
    private long _last;

    /// <summary>The last change of one top-level resource.</summary>
    private sealed class Change(string etag, long revision, DateTimeOffset at, long stamp)
    {
        public string ETag => etag;

        public long Revision => revision;

        public DateTimeOffset At => at;

        public long Stamp => stamp;

        /// <summary>What it went out with; null until it is planned.</summary>
        public Wave? Wave { get; set; }
    }

    /// <summary>One handing out of policy.</summary>
    private sealed class Wave(long number, int hosts, ulong[] concerned)
    {
        public long Number => number;

        public int Hosts => hosts;

        /// <summary>The slots of the hosts it is for; null once all have it.</summary>
        public ulong[]? Concerned { get; set; } = concerned;

        /// <summary>How many of them have not said that they have it, as long as the wave is timed.</summary>
        public int Remaining { get; set; }

        /// <summary>When the last host had it; null while one has not, and when that was not waited for.</summary>
        public long? Finished { get; set; }

        public bool IsFor(int slot) => Concerned is { } bits && slot >> 6 < bits.Length && (bits[slot >> 6] & (1UL << slot)) != 0;
    }

    private sealed class Host(string reference, int slot, long inForce)
    {
        public string Ref => reference;

        public int Slot => slot;

        /// <summary>Every wave up to here is in force on it, or not for it.</summary>
        public long InForce { get; set; } = inForce;
    }

    /// <summary>Notes an accepted change of a top-level resource.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="etag">Its etag from now on; null when it is gone.</param>
    /// <param name="revision">The revision of the store that brings it.</param>
    public void Accept(string key, string? etag, long revision)
    {
        lock (_gate)
        {
            if (etag is null)
            {
                _changes.Remove(key);
                _unplanned.Remove(key);
            }
            else if (_changes.GetValueOrDefault(key)?.ETag != etag)
            {
                _changes[key] = _unplanned[key] = new Change(etag, revision, time.GetUtcNow(), time.GetTimestamp());
            }
        }
    }

    /// <summary>Begins a wave.</summary>
    /// <param name="hosts">The hosts there are, by instanceId; what is waited for from others is waited for no more.</param>
    /// <returns>Its number, for <see cref="HandedOut"/> and <see cref="InForce"/>.</returns>
    public long Begin(IReadOnlyDictionary<Guid, Node> hosts)
    {
        lock (_gate)
        {
            if (_hosts.Count != hosts.Count || _hosts.Keys.Any(host => !hosts.ContainsKey(host)))
            {
                foreach ((Guid gone, Host host) in _hosts.Where(host => !hosts.ContainsKey(host.Key)).ToArray())
                {
                    Advance(host, long.MaxValue);
                    _slots[host.Slot] = null;
                    _hosts.Remove(gone);
                }

                foreach ((Guid id, Node server) in hosts.Where(host => !_hosts.ContainsKey(host.Key)))
                {
                    int slot = _slots.IndexOf(null);
                    if (slot < 0)
                    {
                        slot = _slots.Count;
                        _slots.Add(null);
                    }

                    _hosts[id] = _slots[slot] = new Host(server.Ref, slot, _last);
                }
            }

            return ++_last;
        }
    }

    /// <summary>Notes whom a wave was handed to.</summary>
    /// <param name="number">The wave.</param>
    /// <param name="snapshot">The documents it was planned from.</param>
    /// <param name="concerned">The hosts whose policy it changes, and those whose policy could not be made.</param>
    public void HandedOut(long number, Snapshot snapshot, IReadOnlyCollection<Guid> concerned)
    {
        lock (_gate)
        {
            List<KeyValuePair<string, Change>> planned = [.. _unplanned.Where(change => change.Value.Revision <= snapshot.Revision)];
            if (planned.Count == 0 && _first is not null)
            {
                // Something moved on the hosts; no document waits for it.
                return;
            }

            Wave wave = Send(number, concerned);
            _first ??= wave;
            foreach ((string key, Change change) in planned)
            {
                _unplanned.Remove(key);
                if (snapshot.FindRoot(key)?.ETag == change.ETag)
                {
                    change.Wave = wave;
                }
                else
                {
                    // It was accepted and could not be stored.
                    _changes.Remove(key);
                }
            }
        }
    }

    /// <summary>A host has said that everything up to a wave is in force in its switch.</summary>
    public void InForce(Guid host, long number)
    {
        lock (_gate)
        {
            if (_hosts.TryGetValue(host, out Host? known))
            {
                Advance(known, number);
            }
        }
    }

    /// <summary>How far a top-level resource's last change is; null where there are no hosts to follow.</summary>
    public PropagationState? Of(Node root)
    {
        lock (_gate)
        {
            if (!_changes.TryGetValue(root.Key, out Change? change))
            {
                // It was there before us, and went out with everything else at the start.
                return _first is null ? null : Describe(new PropagationState(root.ETag), _first);
            }

            var state = new PropagationState(root.ETag);
            if (change.ETag != root.ETag)
            {
                return state;
            }

            state = state with { AcceptedAt = change.At };
            if (change.Wave is not { } wave)
            {
                return state;
            }

            state = Describe(state, wave);
            return state.Enforced && wave is { Hosts: > 0, Finished: { } finished } ? state with { After = time.GetElapsedTime(change.Stamp, finished) } : state;
        }
    }

    private PropagationState Describe(PropagationState state, Wave wave)
    {
        List<string> pending = [];
        int count = 0;
        foreach (Host host in wave.Concerned is null ? [] : _hosts.Values.Where(host => host.InForce < wave.Number && wave.IsFor(host.Slot)))
        {
            count++;
            if (pending.Count < PendingNamed)
            {
                pending.Add(host.Ref);
            }
        }

        return state with { Enforced = count == 0, Hosts = wave.Hosts, PendingHosts = count, Pending = pending };
    }

    private Wave Send(long number, IReadOnlyCollection<Guid> concerned)
    {
        ulong[] bits = new ulong[(_slots.Count + 63) / 64];
        int waiting = 0;
        foreach (Guid id in concerned)
        {
            if (_hosts.TryGetValue(id, out Host? host))
            {
                bits[host.Slot >> 6] |= 1UL << host.Slot;
                waiting += host.InForce < number ? 1 : 0;
            }
        }

        var wave = new Wave(number, bits.Sum(BitOperations.PopCount), bits) { Remaining = waiting };
        if (waiting == 0)
        {
            Finish(wave);
            return wave;
        }

        if (_timed.Count == TimedMax)
        {
            _timed.RemoveAt(0);
        }

        _timed.Add(wave);
        return wave;
    }

    private void Advance(Host host, long number)
    {
        long before = host.InForce;
        if (number <= before)
        {
            return;
        }

        host.InForce = number;
        bool finished = false;
        for (int i = FirstAfter(before); i < _timed.Count && _timed[i].Number <= number; i++)
        {
            if (_timed[i].IsFor(host.Slot) && --_timed[i].Remaining == 0)
            {
                Finish(_timed[i]);
                finished = true;
            }
        }

        if (finished)
        {
            _timed.RemoveAll(wave => wave.Finished is not null);
        }
    }

    private void Finish(Wave wave)
    {
        wave.Finished = time.GetTimestamp();
        wave.Concerned = null;
    }

    /// <summary>Where in <see cref="_timed"/> the waves after a number begin.</summary>
    private int FirstAfter(long number)
    {
        int low = 0, high = _timed.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _timed[middle].Number <= number ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
