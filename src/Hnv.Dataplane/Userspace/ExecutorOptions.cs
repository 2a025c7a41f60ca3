using Hnv.Dataplane.Ebpf;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>Settings of a <see cref="UserspaceExecutor"/>.</summary>
public sealed record ExecutorOptions
{
    /// <summary>Worker threads, 1 … 64. Ports and tunnel sockets are spread over them.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>UDP port of VXLAN, ours and the peers'.</summary>
    public ushort VxlanPort { get; init; } = VxlanHeader.DefaultPort;

    /// <summary>UDP source ports per provider address, 1 … 1024: over so many the flows are spread (RFC 7348 §5). One socket each.</summary>
    public int SourcePorts { get; init; } = 64;

    /// <summary>Carries out in the kernel what has been decided here; null has everything carried out here. The executor does not dispose it.</summary>
    public FastPath? FastPath { get; init; }

    /// <summary>
    /// Called on a pool thread after a device vanished from under its port: the port is detached already. The second argument says why.
    /// </summary>
    public Action<Vfp.VPort, string>? PortLost { get; init; }

    /// <summary>
    /// Called on the worker's own thread when handling a batch failed by a bug: the batch is lost, the worker goes on. It must be quick and not
    /// throw; many packets may find the same bug.
    /// </summary>
    public Action<Exception>? WorkerFault { get; init; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Workers, 1, nameof(Workers));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Workers, 64, nameof(Workers));
        ArgumentOutOfRangeException.ThrowIfLessThan(SourcePorts, 1, nameof(SourcePorts));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(SourcePorts, 1024, nameof(SourcePorts));
    }
}
