using Hnv.Linux;
using Hnv.Vfp;

namespace Hnv.Dataplane.Userspace;

/// <summary>What the executor hangs on a <see cref="VPort"/>: its device, open, and the worker that reads it.</summary>
internal sealed class PortChannel(VPort port, PacketSocket socket, Worker worker)
{
    public VPort Port { get; } = port;

    public PacketSocket Socket { get; } = socket;

    public Worker Worker { get; } = worker;

    /// <summary>What its worker remembers of the router advertisements sent to it.</summary>
    public AdvertisementTimer Advertisement { get; } = new();
}
