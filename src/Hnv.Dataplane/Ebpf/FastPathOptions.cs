using Hnv.Wire;

namespace Hnv.Dataplane.Ebpf;

/// <summary>Settings of a <see cref="FastPath"/>.</summary>
public sealed record FastPathOptions
{
    /// <summary>Flows that the kernel may hold, 1024 … 4,194,304: 32 bytes each at once, about 300 more for each that is held.</summary>
    public int Flows { get; init; } = 262_144;

    /// <summary>VM ports, 1 … 65,534.</summary>
    public int Ports { get; init; } = 4096;

    /// <summary>Provider addresses of other hosts, 16 … 1,048,576. What goes to more than these takes the executor's way.</summary>
    public int NextHops { get; init; } = 16_384;

    /// <summary>UDP port of VXLAN, ours and the peers'.</summary>
    public ushort VxlanPort { get; init; } = VxlanHeader.DefaultPort;

    /// <summary>
    /// Where a BPF file system is mounted that keeps the maps when this process ends, so that the next one goes on with them; null keeps nothing. One for
    /// each switch.
    /// </summary>
    public string? PinDirectory { get; init; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Flows, 1024, nameof(Flows));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Flows, 4_194_304, nameof(Flows));
        ArgumentOutOfRangeException.ThrowIfLessThan(Ports, 1, nameof(Ports));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Ports, ushort.MaxValue - 1, nameof(Ports));
        ArgumentOutOfRangeException.ThrowIfLessThan(NextHops, 16, nameof(NextHops));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(NextHops, 1_048_576, nameof(NextHops));
    }
}
