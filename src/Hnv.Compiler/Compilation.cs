using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>
/// What a policy was compiled from and to, so that the next one can go on with the parts that are the same: a port whose program is the same
/// object keeps its flows as they are. Immutable once made.
/// </summary>
internal sealed class Compilation
{
    private readonly HostPolicy _policy;
    private readonly HostFacts _facts;
    private readonly Dictionary<RoutingDomainId, (VirtualNetworkPolicy Network, List<CaPaMapping> Mappings, RoutingDomain Domain)> _domains = [];
    private readonly Dictionary<NicId, (PortPolicy Port, PortProgram Program)> _ports = [];

    public Compilation(HostPolicy policy, HostFacts facts)
    {
        _policy = policy;
        _facts = facts;
    }

    /// <summary>True when nothing has changed that every network and port depends on.</summary>
    public bool HasSameHost(HostPolicy policy, HostFacts facts) =>
        _facts == facts
        && _policy.RouterMac == policy.RouterMac
        && _policy.Settings == policy.Settings
        && _policy.ProviderAddresses.AsSpan().SequenceEqual(policy.ProviderAddresses.AsSpan())
        && _policy.Teams.AsSpan().SequenceEqual(policy.Teams.AsSpan());

    public void Remember(VirtualNetworkPolicy network, List<CaPaMapping> mappings, RoutingDomain domain) =>
        _domains[network.RoutingDomain] = (network, mappings, domain);

    /// <summary>There is something wrong with a network after all: it is to be compiled, and complained about, again.</summary>
    public void Forget(VirtualNetworkPolicy network) => _domains.Remove(network.RoutingDomain);

    /// <summary>True when the network was there before.</summary>
    public bool Has(RoutingDomainId network) => _policy.VirtualNetworks.Any(known => known.RoutingDomain == network);

    public void Remember(PortPolicy port, PortProgram program) => _ports[port.Nic] = (port, program);

    /// <summary>The network as it was compiled before, if it and its mappings are what they were.</summary>
    public RoutingDomain? Find(VirtualNetworkPolicy network, List<CaPaMapping> mappings) =>
        _domains.TryGetValue(network.RoutingDomain, out (VirtualNetworkPolicy Network, List<CaPaMapping> Mappings, RoutingDomain Domain) known)
            && known.Network == network && known.Mappings.SequenceEqual(mappings)
                ? known.Domain
                : null;

    /// <summary>The port's program, if the port is what it was.</summary>
    public PortProgram? Find(PortPolicy port) =>
        _ports.TryGetValue(port.Nic, out (PortPolicy Port, PortProgram Program) known) && known.Port == port ? known.Program : null;
}
