namespace Hnv.Linux.Bpf;

/// <summary>What surrounds a packet in a test run.</summary>
public record struct BpfTestRun
{
    /// <summary>The device it is received on, by index.</summary>
    public int Device { get; set; }

    /// <summary>Payload of each segment of a super-packet; 0 for one packet.</summary>
    public int SegmentSize { get; set; }

    /// <summary>The packet's mark, before and after.</summary>
    public uint Mark { get; set; }

    /// <summary>What the program returned (TC_ACT_…).</summary>
    public int Result { get; set; }

    /// <summary>How long it ran, by the kernel's clock.</summary>
    public uint Nanoseconds { get; set; }
}
