using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// What was decided of the first fragment of each datagram, so that its later fragments, which have no ports, share its fate (RFC 815 identifies
/// a datagram by addresses, protocol and identification). Bounded; the oldest gives way. Not thread-safe: its port locks.
/// </summary>
internal sealed class FragmentTable
{
    /// <summary>Datagrams under way per port. A full table forgets the oldest: its remaining fragments are dropped, no flow is harmed.</summary>
    public const int Capacity = 4096;

    /// <summary>As long as a reassembler waits (RFC 8200 §4.5).</summary>
    private const long LifetimeMs = 60_000;

    private readonly Dictionary<Key, Entry> _decisions = [];
    private readonly Queue<(Key Key, long Time)> _order = new();

    public int Count => _decisions.Count;

    /// <summary>What was decided of a later fragment's first one.</summary>
    public UnifiedFlow? Find(Direction direction, in ParsedPacket packet, uint generation) =>
        _decisions.TryGetValue(Key.Of(direction, in packet), out Entry entry) && entry.Flow.Generation == generation ? entry.Flow : null;

    /// <summary>Forgets datagrams that no reassembler waits for any more.</summary>
    public void Age(long now) => MakeRoom(Capacity + 1, now);

    public void Add(Direction direction, in ParsedPacket packet, UnifiedFlow laterFragments, long now)
    {
        MakeRoom(Capacity, now);
        Key key = Key.Of(direction, in packet);
        _decisions[key] = new Entry(laterFragments, now);
        _order.Enqueue((key, now));
    }

    public void Clear()
    {
        _decisions.Clear();
        _order.Clear();
    }

    private void MakeRoom(int capacity, long now)
    {
        while (_order.TryPeek(out (Key Key, long Time) oldest) && (_order.Count >= capacity || now - oldest.Time > LifetimeMs))
        {
            _ = _order.Dequeue();
            if (_decisions.TryGetValue(oldest.Key, out Entry entry) && entry.Time == oldest.Time)
            {
                _ = _decisions.Remove(oldest.Key);
            }
        }
    }

    private readonly record struct Entry(UnifiedFlow Flow, long Time);

    /// <summary>With the MACs: what was decided toward one of them says nothing of a fragment toward another.</summary>
    private readonly record struct Key(
        InetAddress Source, InetAddress Destination, MacAddress SourceMac, MacAddress DestinationMac, uint Id, byte Protocol, Direction Direction)
    {
        public static Key Of(Direction direction, in ParsedPacket packet) => new(
            packet.Ufid.Source, packet.Ufid.Destination, packet.Ufid.SourceMac, packet.Ufid.DestinationMac, packet.FragmentId, packet.Ufid.Protocol, direction);
    }
}
