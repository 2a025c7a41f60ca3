using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>How many of one kind came and went. Written under the port's lock; readers may see the last step half made.</summary>
internal sealed class FlowTally
{
    private const int SecondMs = 1000;

    private long _created;
    private long _deleted;
    private long _matchedByDeleted;
    private long _maximum;
    private long _createdAtTick;
    private long _deletedAtTick;
    private long _tick;
    private long _createdPerSecond;
    private long _createdPerSecondMaximum;
    private long _deletedPerSecond;
    private long _deletedPerSecondMaximum;

    /// <summary>One came.</summary>
    public void Add() => _maximum = Math.Max(_maximum, ++_created - _deleted);

    /// <summary>One went.</summary>
    /// <param name="matched">Packets that it was used for.</param>
    public void Remove(long matched = 0)
    {
        _deleted++;
        _matchedByDeleted += matched;
    }

    /// <summary>Works out what came and went per second since the last call; within the same second it does nothing.</summary>
    /// <param name="now">Coarse clock, milliseconds.</param>
    public void Tick(long now)
    {
        long elapsed = now - _tick;
        if (elapsed < SecondMs)
        {
            return;
        }

        bool isFirst = _tick == 0;
        _createdPerSecond = isFirst ? 0 : (_created - _createdAtTick) * SecondMs / elapsed;
        _deletedPerSecond = isFirst ? 0 : (_deleted - _deletedAtTick) * SecondMs / elapsed;
        _createdPerSecondMaximum = Math.Max(_createdPerSecondMaximum, _createdPerSecond);
        _deletedPerSecondMaximum = Math.Max(_deletedPerSecondMaximum, _deletedPerSecond);
        (_createdAtTick, _deletedAtTick, _tick) = (_created, _deleted, now);
    }

    /// <summary>The tally as it stands.</summary>
    /// <param name="limit">How many there may be; 0 is no limit of its own.</param>
    /// <param name="matchedByLiving">Packets that those still there were used for.</param>
    public FlowCounts Snapshot(long limit, long matchedByLiving) => new(
        _created - _deleted,
        limit,
        _maximum,
        _created,
        matchedByLiving + _matchedByDeleted,
        _createdPerSecond,
        _deletedPerSecond,
        _createdPerSecondMaximum,
        _deletedPerSecondMaximum);
}

/// <summary>How many flows of one kind there are, were and may be.</summary>
/// <param name="Count">There now.</param>
/// <param name="Limit">There may be; 0 is no limit of its own.</param>
/// <param name="Maximum">There were at once at most.</param>
/// <param name="Created">Made since the port came.</param>
/// <param name="Matched">Packets they were used for.</param>
/// <param name="CreatedPerSecond">Made in the last second looked at.</param>
/// <param name="DeletedPerSecond">Removed in the last second looked at.</param>
/// <param name="CreatedPerSecondMaximum">The most made in one second.</param>
/// <param name="DeletedPerSecondMaximum">The most removed in one second.</param>
public sealed record FlowCounts(
    long Count,
    long Limit,
    long Maximum,
    long Created,
    long Matched,
    long CreatedPerSecond,
    long DeletedPerSecond,
    long CreatedPerSecondMaximum,
    long DeletedPerSecondMaximum);

/// <summary>The flows of one direction of a port.</summary>
/// <param name="Direction">As the VM sees it.</param>
/// <param name="Entries">Unified flows, of all protocols.</param>
/// <param name="Connections">Connections that this direction began.</param>
/// <param name="HalfOpen">Of these, TCP connections that wait for an answer.</param>
/// <param name="Tcp">Unified flows of TCP.</param>
/// <param name="Udp">Unified flows of UDP.</param>
/// <param name="Other">Unified flows of all other protocols.</param>
public sealed record FlowStatistics(
    Direction Direction, FlowCounts Entries, FlowCounts Connections, FlowCounts HalfOpen, FlowCounts Tcp, FlowCounts Udp, FlowCounts Other);
