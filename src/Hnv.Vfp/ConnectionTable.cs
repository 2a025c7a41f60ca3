using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>
/// The connections of one port, found by the guest's face and, where it differs, by the network's; and what the firewall refused. Not
/// thread-safe: its port locks.
/// </summary>
internal sealed class ConnectionTable
{
    private readonly Dictionary<ConnectionKey, Connection> _byGuest = [];
    private readonly Dictionary<ConnectionKey, Connection> _byNetwork = [];
    private readonly List<Connection> _all = [];

    // What the firewall refused, by the same key: when the other side begins that very conversation, the remembered drops must not stop its replies.
    private readonly Dictionary<ConnectionKey, Connection> _refused = [];
    private int _halfOpen;

    public int Count => _byGuest.Count;

    /// <summary>TCP connections that wait for an answer.</summary>
    public int HalfOpenCount => _halfOpen;

    /// <summary>What source translations hold.</summary>
    public NatBindings Bindings { get; } = new();

    /// <summary>The connections by number, 0 … <see cref="Count"/> - 1. Removing one gives its number to the last.</summary>
    public Connection this[int index] => _all[index];

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
        connection = _byGuest.GetValueOrDefault(key);
        isTranslated = direction == Direction.Outbound && connection?.Translation is not null;
        return connection;
    }

    /// <summary>Is there a connection that the network knows by this key? Another one may not take it.</summary>
    public bool IsTakenOnTheNetwork(in ConnectionKey key) => _byNetwork.ContainsKey(key);

    public bool Contains(in ConnectionKey key) => _byGuest.ContainsKey(key);

    public void Add(Connection connection)
    {
        _byGuest.Add(connection.Key, connection);
        connection.Index = _all.Count;
        _all.Add(connection);
        if (connection.Translation is { } translation)
        {
            _byNetwork[translation.Network] = connection;
        }

        connection.CountsAsHalfOpen = connection.IsHalfOpen;
        _halfOpen += connection.CountsAsHalfOpen ? 1 : 0;
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

    /// <summary>Forgets a connection; its flows are the caller's to remove.</summary>
    public void Remove(Connection connection)
    {
        if (!_byGuest.Remove(connection.Key))
        {
            return;
        }

        Connection last = _all[^1];
        last.Index = connection.Index;
        _all[last.Index] = last;
        _all.RemoveAt(_all.Count - 1);
        if (connection.Translation is { } translation
            && _byNetwork.TryGetValue(translation.Network, out Connection? held) && ReferenceEquals(held, connection))
        {
            _ = _byNetwork.Remove(translation.Network);
        }

        if (connection.Binding is { } binding)
        {
            Bindings.Release(binding);
        }

        NoLongerHalfOpen(connection);
    }

    /// <summary>Remembers that the firewall refused a flow.</summary>
    public void Refuse(UnifiedFlow flow, Direction direction, uint generation)
    {
        ConnectionKey key = ConnectionKey.Of(direction, flow.Ufid);
        if (!_refused.TryGetValue(key, out Connection? refused))
        {
            refused = new Connection(key, direction, generation);
            _refused.Add(key, refused);
        }

        refused.Link(flow);
    }

    /// <summary>Takes back what was refused under a key: its drops must not stop the other side.</summary>
    public bool TryPardon(in ConnectionKey key, out Connection? refused) => _refused.Remove(key, out refused);

    /// <summary>A flow is gone; what it was the last one of goes too.</summary>
    public void Unlink(UnifiedFlow flow)
    {
        if (flow.Connection is { } connection)
        {
            connection.Fold();
            connection.Unlink(flow);
            if (connection.FirstFlow is null && _refused.TryGetValue(connection.Key, out Connection? refused) && ReferenceEquals(refused, connection))
            {
                _ = _refused.Remove(connection.Key);
            }
        }
    }

    public void Clear()
    {
        _byGuest.Clear();
        _all.Clear();
        _byNetwork.Clear();
        _refused.Clear();
        Bindings.Clear();
        _halfOpen = 0;
    }

    private void NoLongerHalfOpen(Connection connection)
    {
        if (connection.CountsAsHalfOpen)
        {
            connection.CountsAsHalfOpen = false;
            _halfOpen--;
        }
    }
}
