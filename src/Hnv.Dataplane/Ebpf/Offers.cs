using Hnv.Dataplane.Userspace;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Ebpf;

/// <summary>One worker's decisions on their way to the fast path. Without one it does nothing.</summary>
internal sealed class Offers(FastPath? fastPath)
{
    private long _epoch;

    /// <summary>Before the first packet of a turn is decided.</summary>
    public void Begin()
    {
        if (fastPath is not null)
        {
            _epoch = fastPath.Epoch;
        }
    }

    /// <summary>Offers what a port decided.</summary>
    /// <param name="port">The port, with its device.</param>
    /// <param name="flow">The decision.</param>
    /// <param name="source">Inbound from the provider network: the outer source.</param>
    public void Offer(PortChannel port, UnifiedFlow flow, ProviderAddress? source = null)
    {
        if (port.Kernel is { } kernel)
        {
            fastPath!.Offer(kernel, flow, source, _epoch);
        }
    }

    /// <summary>After the last packet of a turn.</summary>
    public void Flush() => fastPath?.Flush();
}
