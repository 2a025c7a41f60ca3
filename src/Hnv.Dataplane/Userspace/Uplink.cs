using Hnv.Linux;

namespace Hnv.Dataplane.Userspace;

/// <summary>The physical network as ports without a VSID meet it: one device of the host, open.</summary>
internal sealed class Uplink(PacketSocket socket)
{
    public PacketSocket Socket { get; } = socket;

    /// <summary>True when the kernel lets in only frames for our ports, so that one for none of them is worth counting.</summary>
    public volatile bool IsLimited;
}
