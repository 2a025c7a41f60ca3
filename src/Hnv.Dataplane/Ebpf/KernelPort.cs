using Hnv.Vfp;

namespace Hnv.Dataplane.Ebpf;

/// <summary>A VM port as the programs know it.</summary>
internal sealed class KernelPort(VPort port, int index)
{
    private Dated _date = new(0, 0);

    public VPort Port { get; } = port;

    /// <summary>Its slot in the map of ports, from 1.</summary>
    public int Index { get; } = index;

    /// <summary>The generation that decisions of now carry in the kernel, and since when.</summary>
    public Dated Date
    {
        get => Volatile.Read(ref _date);
        set => Volatile.Write(ref _date, value);
    }

    /// <summary>What the engine called the program when <see cref="Date"/> was set.</summary>
    public uint EngineGeneration { get; set; }

    /// <summary>What the subnet accepted when <see cref="Date"/> was set.</summary>
    public SubnetForwarding? Subnet { get; set; }

    /// <summary>Where packets from the wire find it; null when it is in no virtual subnet.</summary>
    public MemberKey? Member { get; set; }

    /// <summary>What has been told of the packets that found no room.</summary>
    public (ulong Outbound, ulong Inbound) RefusedTold { get; set; }

    /// <summary>What had been handed over when it was last looked whether anything is taken.</summary>
    public (uint Punted, uint Handled) LastSeen { get; set; }

    /// <summary>The executor reads the device itself.</summary>
    public bool IsTapped { get; set; }

    /// <summary>An earlier process left flows here that have not been adopted yet.</summary>
    public bool IsInherited { get; set; }

    /// <summary>Flows that it has in the kernel.</summary>
    public int Flows { get; set; }

    /// <summary>A generation, and the epoch it began with.</summary>
    internal sealed record Dated(uint Generation, long Epoch);
}
