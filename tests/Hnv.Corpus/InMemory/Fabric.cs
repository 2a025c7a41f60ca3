using Hnv.Primitives;

namespace Hnv.Corpus.InMemory;

/// <summary>Hosts and the provider network between them: every encapsulated packet is carried to the host that has its outer destination.</summary>
public sealed class Fabric
{
    private readonly Dictionary<ProviderAddress, IFabricHost> _byProvider = [];
    private readonly List<IFabricHost> _hosts = [];

    /// <summary>The hosts, in the order they were added.</summary>
    public IReadOnlyList<IFabricHost> Hosts => _hosts;

    /// <summary>Coarse clock of all hosts, milliseconds.</summary>
    public long Now { get; set; } = 1_000_000;

    /// <summary>Adds a host that owns these provider addresses.</summary>
    public void Add(IFabricHost host, params IEnumerable<ProviderAddress> providers)
    {
        _hosts.Add(host);
        foreach (ProviderAddress provider in providers)
        {
            _byProvider.Add(provider, host);
        }
    }

    /// <summary>Sends a frame from a NIC of a host and follows it, with all its copies, to every end.</summary>
    /// <param name="host">Where the NIC is plugged in.</param>
    /// <param name="nic">Who sends.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="isCongested">The provider network marks what it may.</param>
    public IReadOnlyList<Hop> Send(IFabricHost host, NicId nic, ReadOnlySpan<byte> frame, bool isCongested = false)
    {
        List<Hop> hops = [];
        host.FromGuest(nic, frame, Now, hops);
        return Follow(hops, isCongested);
    }

    /// <summary>Injects a packet of anybody in the provider network.</summary>
    public IReadOnlyList<Hop> Inject(IFabricHost host, ReadOnlySpan<byte> packet)
    {
        List<Hop> hops = [];
        host.FromUnderlay(packet, Now, hops);
        return Follow(hops, isCongested: false);
    }

    /// <summary>Forgets what has been idle, on all hosts.</summary>
    public void Age() => _hosts.ForEach(host => host.Age(Now));

    private List<Hop> Follow(List<Hop> hops, bool isCongested)
    {
        for (int i = 0; i < hops.Count; i++)
        {
            Hop hop = hops[i];
            if (hop.Kind == HopKind.Wire && Encapsulated.TryRead(hop.Bytes, out OuterHeaders outer)
                && _byProvider.TryGetValue(outer.Destination, out IFabricHost? receiver))
            {
                receiver.FromUnderlay(isCongested ? Encapsulated.Congested(hop.Bytes) : hop.Bytes, Now, hops);
            }
        }

        return hops;
    }
}
