using Hnv.Compiler;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Corpus.InMemory;

/// <summary>
/// One host as the fabric sees it: policy and bytes in, hops out. Whatever carries out the engine's decisions can stand behind it, so that two
/// executors can be held against each other and against the model over the same packets.
/// </summary>
public interface IFabricHost
{
    /// <summary>Puts a policy in force; the policy must be right.</summary>
    public void Install(HostPolicy policy, HostFacts facts);

    /// <summary>Plugs a NIC in.</summary>
    public void Attach(NicId nic);

    /// <summary>Unplugs a NIC.</summary>
    public void Detach(NicId nic);

    /// <summary>A guest sends a frame.</summary>
    /// <param name="nic">A NIC that is plugged in.</param>
    /// <param name="frame">The frame without FCS; not changed.</param>
    /// <param name="now">Coarse clock, milliseconds.</param>
    /// <param name="hops">Takes what became of it on this host.</param>
    public void FromGuest(NicId nic, ReadOnlySpan<byte> frame, long now, ICollection<Hop> hops);

    /// <summary>A packet arrives at one of the host's provider addresses.</summary>
    /// <param name="packet">From the outer IP header on; not changed.</param>
    /// <param name="now">Coarse clock, milliseconds.</param>
    /// <param name="hops">Takes what became of it on this host.</param>
    public void FromUnderlay(ReadOnlySpan<byte> packet, long now, ICollection<Hop> hops);

    /// <summary>Forgets what has been idle.</summary>
    public void Age(long now);
}
