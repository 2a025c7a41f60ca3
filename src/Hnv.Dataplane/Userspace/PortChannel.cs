using Hnv.Dataplane.Ebpf;
using Hnv.Linux;
using Hnv.Vfp;

namespace Hnv.Dataplane.Userspace;

/// <summary>What the executor hangs on a <see cref="VPort"/>: its device, open, the worker that reads it, and what keeps its rates.</summary>
internal sealed class PortChannel(VPort port, PacketSocket socket, Worker worker, int workers)
{
    private readonly PacedQueue?[] _queues = new PacedQueue?[workers];

    public VPort Port { get; } = port;

    public PacketSocket Socket { get; } = socket;

    public Worker Worker { get; } = worker;

    /// <summary>The port as the fast path knows it; null without one.</summary>
    public KernelPort? Kernel { get; init; }

    /// <summary>What its worker remembers of the router advertisements sent to it.</summary>
    public AdvertisementTimer Advertisement { get; } = new();

    /// <summary>The rates that policy asks for.</summary>
    public PortRates Rates { get; set; } = PortRates.None;

    /// <summary>What the guest may send at most, alone on the link; 0 is no limit.</summary>
    public long OutboundLimit { get; set; }

    /// <summary>Keeps what the guest sends: its socket is not read before it is time.</summary>
    public Pacer Outbound { get; } = new();

    /// <summary>Keeps what the guest is sent.</summary>
    public Pacer Inbound { get; } = new();

    /// <summary>Bytes the guest has sent, as its rate counts them; its worker writes.</summary>
    public long SentBytes { get; set; }

    /// <summary>A usual frame of the guest, bytes: how many are read at once so that the rate is not overrun by much.</summary>
    public int FrameBytes { get; set; } = 1500;

    /// <summary>Its worker has had to wait before reading more; whoever divides the link takes note and clears it.</summary>
    public volatile bool WasHeldBack;

    /// <summary>Where frames wait that a worker has for the guest; null when the guest is sent as much as comes.</summary>
    public PacedQueue? QueueOf(int number) => _queues[number];

    /// <summary>That worker's own action, between turns: makes room for as many bytes to wait, unless some do already.</summary>
    public void EnsureQueue(int number, int capacity)
    {
        if (_queues[number] is not { } queue || (queue.IsIdle && queue.Buffer.Length < capacity))
        {
            _queues[number] = new PacedQueue(capacity);
        }
    }
}
