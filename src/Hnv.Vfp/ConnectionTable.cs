using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>
/// The connections of one port, found by the guest's face and, where it differs, by the network's; and what was decided without one. Not
/// thread-safe: its port locks.
/// </summary>
internal sealed class ConnectionTable
{
    private const int InitialBuckets = 64;

    // Chained through the connections themselves: a dictionary would hold every key twice.
    private Connection?[] _buckets = new Connection?[InitialBuckets];
    private readonly Dictionary<ConnectionKey, Connection> _byNetwork = [];

    // What is remembered of packets that belong to no connection, by the same key: when that very conversation begins, from the other side or
    // under a translation, what was decided without it must neither stop its replies nor let them pass as they are.
    private readonly Dictionary<ConnectionKey, Connection> _unconnected = [];
    private int _halfOpen;

    public int Count { get; private set; }

    /// <summary>TCP connections that wait for an answer.</summary>
    public int HalfOpenCount => _halfOpen;

    /// <summary>Connections that came and went, by the direction that began them.</summary>
    public FlowTally[] Tallies { get; } = [new(), new()];

    /// <summary>TCP connections that began and ended waiting for an answer, by the direction that began them.</summary>
    public FlowTally[] HalfOpenTallies { get; } = [new(), new()];

    /// <summary>What source translations hold.</summary>
    public NatBindings Bindings { get; } = new();

    /// <summary>Numbers the connections are in: visit each to see all.</summary>
    public int Buckets => _buckets.Length;

    /// <summary>The first connection of a bucket; the others follow by <see cref="Connection.NextInBucket"/>.</summary>
    public Connection? this[int bucket] => _buckets[bucket];

    /// <summary>The connection of a packet.</summary>
    /// <param name="direction">As the VM sees it.</param>
    /// <param name="key">The packet's key.</param>
    /// <param name="isTranslated">True when the packet is to be rewritten to the connection's other face.</param>
    public Connection? Find(Direction direction, in ConnectionKey key, out bool isTranslated)
    {
        isTranslated = true;
        if (direction == Direction.Inbound && _byNetwork.TryGetValue(key, out Connection? connection))
        {
            return connection;
        }

        // A packet of a translated connection that arrives with the guest's own face has been rewritten already: it came back out of the port
        // it went in by.
        connection = FindByGuest(in key);
        isTranslated = direction == Direction.Outbound && connection?.Translation is not null;
        return connection;
    }

    /// <summary>Is there a connection that the network knows by this key? Another one may not take it.</summary>
    public bool IsTakenOnTheNetwork(in ConnectionKey key, Connection? otherThan = null) =>
        _byNetwork.TryGetValue(key, out Connection? held) && !ReferenceEquals(held, otherThan);

    public bool Contains(in ConnectionKey key, Connection? otherThan = null) =>
        FindByGuest(in key) is { } held && !ReferenceEquals(held, otherThan);

    /// <summary>A connection without translation whose own key is the name that a translation gives another one now.</summary>
    public Connection? FindUntranslated(in ConnectionKey network) => FindByGuest(in network) is { Translation: null } connection ? connection : null;

    public void Add(Connection connection)
    {
        if (Count >= _buckets.Length)
        {
            Resize(_buckets.Length * 2);
        }

        ref Connection? bucket = ref BucketOf(connection.Key);
        connection.NextInBucket = bucket;
        bucket = connection;
        Count++;
        if (connection.Translation is { } translation)
        {
            _byNetwork[translation.Network] = connection;
        }

        Tallies[(int)connection.Direction].Add();
        if (connection.IsHalfOpen)
        {
            connection.CountsAsHalfOpen = true;
            _halfOpen++;
            HalfOpenTallies[(int)connection.Direction].Add();
        }
    }

    /// <summary>Notes that a packet of a connection was seen.</summary>
    public void Saw(Connection connection, Direction direction, byte tcpFlags, long now)
    {
        connection.LastSeen = now;
        connection.SeenOutbound |= direction == Direction.Outbound;
        connection.SeenInbound |= direction == Direction.Inbound;
        connection.Observe(direction, tcpFlags, now);
        if (!connection.IsHalfOpen)
        {
            NoLongerHalfOpen(connection);
        }
    }

    /// <summary>The connection that the guest knows by this key.</summary>
    public Connection? FindOfGuest(in ConnectionKey key) => FindByGuest(in key);

    /// <summary>Notes what was known of a connection before.</summary>
    public void Restore(Connection connection, ConversationMarks marks, Direction seen, long lastSeen)
    {
        connection.Restore(marks, seen, lastSeen);
        if (!connection.IsHalfOpen)
        {
            NoLongerHalfOpen(connection);
        }
    }

    /// <summary>Forgets a connection; its flows are the caller's to remove.</summary>
    public void Remove(Connection connection)
    {
        ref Connection? at = ref BucketOf(connection.Key);
        while (at is not null && !ReferenceEquals(at, connection))
        {
            at = ref at.NextInBucketRef;
        }

        if (at is null)
        {
            return;
        }

        at = connection.NextInBucket;
        Count--;
        if (connection.Translation is { } translation
            && _byNetwork.TryGetValue(translation.Network, out Connection? held) && ReferenceEquals(held, connection))
        {
            _ = _byNetwork.Remove(translation.Network);
        }

        if (connection.Translation?.Binding is { } binding)
        {
            Bindings.Release(binding);
        }

        Tallies[(int)connection.Direction].Remove();
        NoLongerHalfOpen(connection);
    }

    /// <summary>Remembers that a flow was decided without a connection.</summary>
    public void AddUnconnected(UnifiedFlow flow, Direction direction, uint generation)
    {
        ConnectionKey key = ConnectionKey.Of(direction, flow.Ufid);
        if (!_unconnected.TryGetValue(key, out Connection? unconnected))
        {
            unconnected = new Connection(key, direction, generation) { IsPlaceholder = true };
            _unconnected.Add(key, unconnected);
        }

        unconnected.Link(flow);
    }

    /// <summary>Takes out what was decided without the connection that now has this key.</summary>
    public bool TryTakeUnconnected(in ConnectionKey key, out Connection? unconnected) => _unconnected.Remove(key, out unconnected);

    /// <summary>A flow is gone; what it was the last one of goes too.</summary>
    public void Unlink(UnifiedFlow flow)
    {
        if (flow.Connection is { } connection)
        {
            connection.Fold();
            connection.Unlink(flow);
            if (connection.FirstFlow is null && _unconnected.TryGetValue(connection.Key, out Connection? unconnected) && ReferenceEquals(unconnected, connection))
            {
                _ = _unconnected.Remove(connection.Key);
            }
        }
    }

    public void Clear()
    {
        _buckets = new Connection?[InitialBuckets];
        Count = 0;
        _byNetwork.Clear();
        _unconnected.Clear();
        Bindings.Clear();
        _halfOpen = 0;
    }

    private Connection? FindByGuest(in ConnectionKey key)
    {
        Connection? connection = BucketOf(in key);
        while (connection is not null && connection.Key != key)
        {
            connection = connection.NextInBucket;
        }

        return connection;
    }

    private ref Connection? BucketOf(in ConnectionKey key) => ref _buckets[key.GetHashCode() & (_buckets.Length - 1)];

    private void Resize(int size)
    {
        Connection?[] old = _buckets;
        _buckets = new Connection?[size];
        foreach (Connection? first in old)
        {
            for (Connection? connection = first; connection is not null;)
            {
                Connection? next = connection.NextInBucket;
                ref Connection? bucket = ref BucketOf(connection.Key);
                connection.NextInBucket = bucket;
                bucket = connection;
                connection = next;
            }
        }
    }

    private void NoLongerHalfOpen(Connection connection)
    {
        if (connection.CountsAsHalfOpen)
        {
            connection.CountsAsHalfOpen = false;
            _halfOpen--;
            HalfOpenTallies[(int)connection.Direction].Remove();
        }
    }
}
