using Hnv.Linux;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// Frames that wait to be delivered to one port at its rate, first come first served, in a ring of bytes made once. One worker's.
/// </summary>
internal sealed class PacedQueue(int capacity)
{
    private const int EntryMax = 1024;

    private readonly (int Offset, int Length, int Cost)[] _entries = new (int, int, int)[EntryMax];
    private int _first;
    private int _released;
    private int _count;
    private int _held;
    private int _write;

    public PinnedBuffer Buffer { get; } = new(capacity);

    /// <summary>Frames that wait.</summary>
    public int Count => _count;

    /// <summary>True when no frame waits or is on its way.</summary>
    public bool IsIdle => _count == 0 && _held == 0;

    /// <summary>Takes a frame at the end.</summary>
    /// <returns>Where to write it; empty when there is no room.</returns>
    public Span<byte> Add(int length, int cost)
    {
        if (_count + _held == EntryMax || !TryPlace(length, out int offset))
        {
            return default;
        }

        _entries[(_first + _count) % EntryMax] = (offset, length, cost);
        _count++;
        _write = offset + length;
        return Buffer.Slice(offset, length);
    }

    /// <summary>The frame at the front.</summary>
    public (int Offset, int Length, int Cost) Peek() => _entries[_first];

    /// <summary>Lets go of the frame at the front; its bytes stay until <see cref="Release"/>.</summary>
    public void Take()
    {
        _first = (_first + 1) % EntryMax;
        _count--;
        _held++;
    }

    /// <summary>What was taken has been sent.</summary>
    public void Release()
    {
        _released = _first;
        _held = 0;
        if (_count == 0)
        {
            _write = 0;
        }
    }

    private bool TryPlace(int length, out int offset)
    {
        offset = _write;
        if (_count + _held == 0)
        {
            offset = 0;
            return length <= capacity;
        }

        int oldest = _entries[_released].Offset;
        if (_write > oldest)
        {
            if (_write + length <= capacity)
            {
                return true;
            }

            offset = 0;
            return length < oldest;
        }

        return _write + length < oldest;
    }
}
