using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>
/// All header edits of one flow, composed: plain data, so that it can be compared, printed, put into an eBPF map and replayed.
/// An executor carries it out once, inner rewrites first, encap last.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public record struct Transposition
{
    /// <summary>Which edits apply.</summary>
    public TranspositionEdits Edits;

    /// <summary>How to encapsulate when <see cref="TranspositionEdits.Encap"/> is set.</summary>
    public EncapsulationType Encapsulation;

    /// <summary>Index into the host's provider addresses of the outer source.</summary>
    public byte TeamMember;

    /// <summary>New inner destination MAC.</summary>
    public MacAddress DestinationMac;

    /// <summary>New inner source MAC.</summary>
    public MacAddress SourceMac;

    /// <summary>The VSID on the wire: the destination's (R21).</summary>
    public Vsid Vsid;

    /// <summary>Outer destination.</summary>
    public ProviderAddress Provider;

    /// <summary>What spreads flows over paths: feeds the UDP source port and the NVGRE FlowID. Constant per flow.</summary>
    public uint Entropy;
}

/// <summary>The edits a transposition may hold.</summary>
[Flags]
public enum TranspositionEdits : byte
{
    /// <summary>The packet goes on as it is.</summary>
    None = 0,

    /// <summary>Set the inner destination MAC.</summary>
    DestinationMac = 1,

    /// <summary>Set the inner source MAC.</summary>
    SourceMac = 2,

    /// <summary>Lower TTL or hop limit by one, the IPv4 checksum with it.</summary>
    DecrementTtl = 4,

    /// <summary>Encapsulate and hand to the provider network. Without it the packet stays on this host.</summary>
    Encap = 8,
}
