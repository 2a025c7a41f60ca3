using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>
/// Two policies reduced to where they differ, so that their rows can be compared without the thousands that are the same. May always decline:
/// then everything is compared.
/// </summary>
/// <param name="Before">What the host has, as far as it changes.</param>
/// <param name="After">What it is to have, as far as it changes.</param>
internal sealed record PolicyDelta(HostPolicy Before, HostPolicy After)
{
    /// <summary>The difference; null when it is about more than mappings, teams and what is inside of ports.</summary>
    public static PolicyDelta? Between(HostPolicy before, HostPolicy after)
    {
        if (before.RouterMac != after.RouterMac
            || before.Settings != after.Settings
            || before.Ports.Length != after.Ports.Length
            || !before.ProviderAddresses.AsSpan().SequenceEqual(after.ProviderAddresses.AsSpan())
            || !before.VirtualNetworks.AsSpan().SequenceEqual(after.VirtualNetworks.AsSpan()))
        {
            return null;
        }

        MappingDifference mappings = MappingDifference.Between(before.Mappings, after.Mappings);
        HashSet<TenantEndpoint> moved = [.. mappings.Gone.Concat(mappings.Come).Select(mapping => mapping.Customer)];
        bool[] changed = new bool[before.Ports.Length];
        HashSet<TenantEndpoint> readdressed = [];
        for (int i = 0; i < changed.Length; i++)
        {
            (PortPolicy old, PortPolicy now) = (before.Ports[i], after.Ports[i]);
            if (old.Nic != now.Nic)
            {
                return null;
            }

            changed[i] = !ReferenceEquals(old, now) && !old.Equals(now);
            readdressed.UnionWith(changed[i] ? EndpointsOf(old).Concat(EndpointsOf(now)) : []);
        }

        // Whether a mapping is of this host follows from its ports, so the mappings of a port come along with it, and the ports of a mapping.
        bool IsAboutThem(int port) => changed[port] || EndpointsOf(before.Ports[port]).Any(endpoint => moved.Contains(endpoint) || readdressed.Contains(endpoint));
        int[] ports = [.. Enumerable.Range(0, changed.Length).Where(IsAboutThem)];
        return new PolicyDelta(
            Reduced(before, ports, mappings.Gone, readdressed),
            Reduced(after, ports, mappings.Come, readdressed));
    }

    private static IEnumerable<TenantEndpoint> EndpointsOf(PortPolicy port) => port.Addresses.Select(address => new TenantEndpoint(port.Vsid, address));

    private static HostPolicy Reduced(HostPolicy policy, int[] ports, IReadOnlyList<CaPaMapping> mappings, HashSet<TenantEndpoint> readdressed) => policy with
    {
        ProviderAddresses = [],
        Mappings = readdressed.Count == 0 ? [.. mappings] : [.. mappings.Union(policy.Mappings.Where(mapping => readdressed.Contains(mapping.Customer)))],
        Ports = [.. ports.Select(port => policy.Ports[port])],
    };
}
