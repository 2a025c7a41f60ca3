using System.Collections.Immutable;
using System.Numerics;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>
/// The address-and-port bindings of one port's source translations. A guest's address, port and protocol have one external port whatever they talk
/// to (endpoint-independent mapping, RFC 4787 REQ-1), held as long as a connection refers to it. Not thread-safe: its port locks.
/// </summary>
internal sealed class NatBindings
{
    private readonly Dictionary<Endpoint, Binding> _byGuest = [];
    private readonly Dictionary<(InetAddress Address, byte Protocol), PortSet> _taken = [];

    /// <summary>Times a pool had nothing left.</summary>
    public long Exhausted { get; private set; }

    /// <summary>Takes a binding for a guest's endpoint, the one it has already if the pool still holds it.</summary>
    /// <returns>Null when the pool is exhausted.</returns>
    public Binding? Take(NatPool pool, InetAddress guest, ushort guestPort, byte protocol)
    {
        Endpoint key = new(guest, guestPort, protocol);
        if (_byGuest.TryGetValue(key, out Binding? held) && pool.Holds(held.Address, held.Port))
        {
            held.References++;
            return held;
        }

        // The same guest keeps to one external address as long as that has room (RFC 4787 REQ-2).
        uint start = (uint)guest.GetHashCode() % (uint)pool.Addresses.Length;
        for (uint i = 0; i < pool.Addresses.Length; i++)
        {
            InetAddress address = pool.Addresses[(int)((start + i) % (uint)pool.Addresses.Length)];
            if (!_taken.TryGetValue((address, protocol), out PortSet? ports))
            {
                _taken.Add((address, protocol), ports = new PortSet());
            }

            if (ports.TryTake(pool.FirstPort, pool.LastPort, guestPort, out ushort port))
            {
                Binding binding = new(key, address, port) { References = 1 };
                _byGuest[key] = binding;
                return binding;
            }
        }

        Exhausted++;
        return null;
    }

    /// <summary>Takes a binding again that an earlier process gave out.</summary>
    /// <returns>Null when the external address and port are somebody else's by now.</returns>
    public Binding? Retake(InetAddress guest, ushort guestPort, byte protocol, InetAddress address, ushort port)
    {
        Endpoint key = new(guest, guestPort, protocol);
        if (_byGuest.TryGetValue(key, out Binding? held) && held.Address == address && held.Port == port)
        {
            held.References++;
            return held;
        }

        if (!_taken.TryGetValue((address, protocol), out PortSet? ports))
        {
            _taken.Add((address, protocol), ports = new PortSet());
        }

        if (!ports.TryTakeExactly(port))
        {
            return null;
        }

        Binding binding = new(key, address, port) { References = 1 };
        _byGuest[key] = binding;
        return binding;
    }

    /// <summary>What <see cref="Take"/> would give, without taking it.</summary>
    /// <param name="pool">The pool.</param>
    /// <param name="guest">The guest's address.</param>
    /// <param name="guestPort">Its port.</param>
    /// <param name="protocol">IANA protocol number.</param>
    /// <returns>Null when the pool is exhausted; a port of its own choice when the guest's cannot be had, for that choice is made at random.</returns>
    public (InetAddress Address, ushort Port)? Peek(NatPool pool, InetAddress guest, ushort guestPort, byte protocol)
    {
        if (_byGuest.TryGetValue(new Endpoint(guest, guestPort, protocol), out Binding? held) && pool.Holds(held.Address, held.Port))
        {
            return (held.Address, held.Port);
        }

        uint start = (uint)guest.GetHashCode() % (uint)pool.Addresses.Length;
        for (uint i = 0; i < pool.Addresses.Length; i++)
        {
            InetAddress address = pool.Addresses[(int)((start + i) % (uint)pool.Addresses.Length)];
            ushort port = guestPort >= pool.FirstPort && guestPort <= pool.LastPort ? guestPort : pool.FirstPort;
            if (!_taken.TryGetValue((address, protocol), out PortSet? ports) || ports.TryPeek(pool.FirstPort, pool.LastPort, guestPort, out port))
            {
                return (address, port);
            }
        }

        return null;
    }

    /// <summary>A connection that referred to the binding has ended.</summary>
    public void Release(Binding binding)
    {
        if (--binding.References > 0)
        {
            return;
        }

        if (_byGuest.TryGetValue(binding.Guest, out Binding? current) && ReferenceEquals(current, binding))
        {
            _ = _byGuest.Remove(binding.Guest);
        }

        if (_taken.TryGetValue((binding.Address, binding.Guest.Protocol), out PortSet? ports))
        {
            ports.GiveBack(binding.Port);
            if (ports.Count == 0)
            {
                _ = _taken.Remove((binding.Address, binding.Guest.Protocol));
            }
        }
    }

    public void Clear()
    {
        _byGuest.Clear();
        _taken.Clear();
    }

    /// <summary>How far each range of the pools is used.</summary>
    public ImmutableArray<NatRangeUse> Ranges(IEnumerable<NatPool> pools)
    {
        List<NatRangeUse> ranges = [];
        HashSet<(InetAddress, byte)> seen = [];
        foreach (NatPool pool in pools.Distinct())
        {
            foreach (InetAddress address in pool.Addresses)
            {
                byte[] protocols = [.. _taken.Keys.Where(key => key.Address == address).Select(key => key.Protocol).Order()];
                foreach (byte protocol in protocols)
                {
                    _ = seen.Add((address, protocol));
                    int used = _taken[(address, protocol)].CountIn(pool.FirstPort, pool.LastPort);
                    ranges.Add(new NatRangeUse(address, protocol, pool.FirstPort, pool.LastPort, used, StateOf(used, pool.PortsPerAddress)));
                }

                if (protocols.Length == 0)
                {
                    ranges.Add(new NatRangeUse(address, 0, pool.FirstPort, pool.LastPort, 0, NatRangeState.Idle));
                }
            }
        }

        // What connections still hold of a range that policy has taken away.
        ranges.AddRange(_taken
            .Where(pair => !seen.Contains(pair.Key))
            .Select(pair => new NatRangeUse(pair.Key.Address, pair.Key.Protocol, 0, ushort.MaxValue, pair.Value.Count, NatRangeState.Removed)));
        return [.. ranges];
    }

    private static NatRangeState StateOf(int used, int size) =>
        used == 0 ? NatRangeState.Idle : used < size ? NatRangeState.Partial : NatRangeState.Used;

    internal readonly record struct Endpoint(InetAddress Address, ushort Port, byte Protocol);

    /// <summary>One external address and port, and whose it is.</summary>
    internal sealed class Binding(Endpoint guest, InetAddress address, ushort port)
    {
        public Endpoint Guest { get; } = guest;

        public InetAddress Address { get; } = address;

        public ushort Port { get; } = port;

        /// <summary>Connections that use it.</summary>
        public int References { get; set; }
    }

    /// <summary>65,536 bits.</summary>
    private sealed class PortSet
    {
        private readonly ulong[] _words = new ulong[1024];

        public int Count { get; private set; }

        /// <summary>Takes a free port: the wanted one when it is in range and free, else the next free one behind a random start (RFC 6056 §3.3.1).</summary>
        public bool TryTake(ushort first, ushort last, ushort wanted, out ushort port)
        {
            port = wanted;
            if (wanted >= first && wanted <= last && !IsTaken(wanted))
            {
                Set(wanted);
                return true;
            }

            int size = last - first + 1;
            int start = Random.Shared.Next(size);
            return TryTakeBetween(first + start, last, out port) || TryTakeBetween(first, first + start - 1, out port);
        }

        public bool TryTakeExactly(ushort port)
        {
            if (IsTaken(port))
            {
                return false;
            }

            Set(port);
            return true;
        }

        /// <summary>Finds a free port without taking it: the wanted one, else the lowest.</summary>
        public bool TryPeek(ushort first, ushort last, ushort wanted, out ushort port)
        {
            port = wanted;
            return (wanted >= first && wanted <= last && !IsTaken(wanted)) || TryFind(first, last, out port);
        }

        public void GiveBack(ushort port)
        {
            _words[port >> 6] &= ~(1UL << (port & 63));
            Count--;
        }

        public int CountIn(int first, int last)
        {
            int count = 0;
            for (int word = first >> 6; word <= last >> 6; word++)
            {
                count += BitOperations.PopCount(_words[word] & Window(word, first, last));
            }

            return count;
        }

        private bool TryTakeBetween(int first, int last, out ushort port)
        {
            if (!TryFind(first, last, out port))
            {
                return false;
            }

            Set(port);
            return true;
        }

        private bool TryFind(int first, int last, out ushort port)
        {
            for (int word = first >> 6; first <= last && word <= last >> 6; word++)
            {
                ulong free = ~_words[word] & Window(word, first, last);
                if (free != 0)
                {
                    port = (ushort)((word << 6) + BitOperations.TrailingZeroCount(free));
                    return true;
                }
            }

            port = 0;
            return false;
        }

        /// <summary>The bits of a word that lie in the range.</summary>
        private static ulong Window(int word, int first, int last)
        {
            ulong low = first > word << 6 ? ulong.MaxValue << (first & 63) : ulong.MaxValue;
            ulong high = last < (word << 6) + 63 ? ulong.MaxValue >> (63 - (last & 63)) : ulong.MaxValue;
            return low & high;
        }

        private bool IsTaken(ushort port) => (_words[port >> 6] & (1UL << (port & 63))) != 0;

        private void Set(ushort port)
        {
            _words[port >> 6] |= 1UL << (port & 63);
            Count++;
        }
    }
}

/// <summary>How far a range of external ports is used.</summary>
/// <param name="Address">The external address.</param>
/// <param name="Protocol">IANA protocol number; 0 when no protocol has a binding.</param>
/// <param name="FirstPort">Lowest port.</param>
/// <param name="LastPort">Highest port.</param>
/// <param name="Used">Ports with a binding.</param>
/// <param name="State">In VFP's words.</param>
public sealed record NatRangeUse(InetAddress Address, byte Protocol, ushort FirstPort, ushort LastPort, int Used, NatRangeState State);

/// <summary>State of a NAT range; VFP's numbers.</summary>
public enum NatRangeState : byte
{
    /// <summary>No binding.</summary>
    Idle = 0,

    /// <summary>Some ports have a binding.</summary>
    Partial = 1,

    /// <summary>Every port has a binding.</summary>
    Used = 2,

    /// <summary>Policy has taken the range away; running connections still hold bindings of it.</summary>
    Removed = 3,
}
