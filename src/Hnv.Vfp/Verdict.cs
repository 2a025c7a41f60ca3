namespace Hnv.Vfp;

/// <summary>What is to be done with a packet.</summary>
public enum Verdict : byte
{
    /// <summary>Dropped; the flow's <see cref="DropReason"/> says why.</summary>
    Drop = 0,

    /// <summary>Apply the transposition and send: to a local port, or encapsulated to a provider address.</summary>
    Forward = 1,

    /// <summary>Answer out of the port it came in by: ARP and neighbour answers, router echo, time exceeded.</summary>
    Hairpin = 2,

    /// <summary>One copy for every other member of the virtual subnet (unicast replication, R37).</summary>
    Replicate = 3,
}
