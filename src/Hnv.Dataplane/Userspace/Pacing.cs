using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// Delivers to ports with an inbound limit at their rate: what comes too soon waits in a bounded queue of its port, and what does not fit there is
/// dropped and counted. One worker's; the rate is shared by all. Bytes are those of the guest's IP packets.
/// </summary>
internal sealed class Pacing(int worker, Departures departures)
{
    private readonly List<PortChannel> _waiting = [];

    /// <summary>The time of this turn, nanoseconds.</summary>
    public long NowNs { get; set; }

    /// <summary>True while a frame waits for its time.</summary>
    public bool IsWaiting => _waiting.Count > 0;

    /// <summary>When the first waiting frame may go, nanoseconds.</summary>
    public long NextAt()
    {
        long next = long.MaxValue;
        foreach (PortChannel channel in _waiting)
        {
            next = Math.Min(next, channel.Inbound.ReadyAt);
        }

        return next;
    }

    /// <summary>Bytes of the IP packets that a frame stands for: each segment of a super-packet with headers of its own.</summary>
    public static int CostOf(in ParsedPacket packet, int frameLength, int segmentSize)
    {
        if (!packet.IsIP)
        {
            return Math.Max(0, frameLength - EthernetHeader.Size);
        }

        int segments = segmentSize == 0 ? 1 : (packet.Length - packet.PayloadOffset + segmentSize - 1) / segmentSize;
        return packet.Length - packet.NetworkOffset + ((segments - 1) * (packet.PayloadOffset - packet.NetworkOffset));
    }

    /// <summary>May a frame go to the port at once? If so it has been charged.</summary>
    public bool MayPass(PortChannel channel, int cost)
    {
        if (channel.QueueOf(worker) is not { } queue)
        {
            return true;
        }

        if (queue.Count > 0 || !channel.Inbound.MayPass(NowNs))
        {
            return false;
        }

        channel.Inbound.Charge(cost, NowNs);
        return true;
    }

    /// <summary>Has a frame wait that may not go yet.</summary>
    /// <returns>Where to write it, virtio header first; empty when it is dropped.</returns>
    public Span<byte> Hold(PortChannel channel, int length, int cost)
    {
        PacedQueue queue = channel.QueueOf(worker)!;
        bool isFirst = queue.Count == 0;
        Span<byte> room = queue.Add(length, cost);
        if (room.IsEmpty)
        {
            channel.Port.CountDrop(DropReason.RateLimit, Direction.Inbound);
        }
        else if (isFirst)
        {
            _waiting.Add(channel);
        }

        return room;
    }

    /// <summary>Delivers what has waited long enough.</summary>
    public void Run()
    {
        for (int i = _waiting.Count - 1; i >= 0; i--)
        {
            PortChannel channel = _waiting[i];
            PacedQueue queue = channel.QueueOf(worker)!;
            while (queue.Count > 0 && channel.Inbound.MayPass(NowNs))
            {
                (int offset, int length, int cost) = queue.Peek();
                int message = departures.BeginBareFrame(channel);
                departures.Append(message, queue.Buffer, offset, length);
                channel.Inbound.Charge(cost, NowNs);
                queue.Take();
            }

            departures.Flush();
            queue.Release();
            if (queue.Count == 0)
            {
                _waiting.RemoveAt(i);
            }
        }
    }

    /// <summary>Forgets a port; between turns.</summary>
    public void Remove(PortChannel channel) => _ = _waiting.Remove(channel);
}
