using System.Collections.Frozen;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>A route of the distributed router: the customer prefix of a virtual subnet and the gateway address in it.</summary>
public readonly record struct Route(IpPrefix Prefix, Vsid Vsid, CustomerAddress Gateway);

/// <summary>The prefixes of one routing domain, by longest match. Immutable, lock-free, shared by all ports of the domain.</summary>
public sealed class RouteTable
{
    private readonly (int Length, bool IsIPv4, FrozenDictionary<InetAddress, Route> Routes)[] _byLength;
    private readonly FrozenSet<InetAddress> _gateways;

    /// <summary>The table of these routes; of two with the same prefix the first counts.</summary>
    public RouteTable(IEnumerable<Route> routes)
    {
        Route[] all = [.. routes.DistinctBy(route => route.Prefix)];
        _byLength = [.. all
            .GroupBy(route => (route.Prefix.Length, route.Prefix.IsIPv4))
            .OrderByDescending(group => group.Key.Length)
            .Select(group => (group.Key.Length, group.Key.IsIPv4, group.ToFrozenDictionary(route => route.Prefix.Address)))];
        _gateways = all.Select(route => route.Gateway.Value).ToFrozenSet();
        Count = all.Length;
    }

    /// <summary>No route at all: a router that is switched off.</summary>
    public static RouteTable Empty { get; } = new([]);

    /// <summary>Routes held.</summary>
    public int Count { get; }

    /// <summary>Finds the longest prefix that holds an address.</summary>
    public bool TryFind(InetAddress destination, out Route route)
    {
        foreach ((int length, bool isIPv4, FrozenDictionary<InetAddress, Route> routes) in _byLength)
        {
            if (isIPv4 == destination.IsIPv4 && routes.TryGetValue(IpPrefix.Create(destination, length).Address, out route))
            {
                return true;
            }
        }

        route = default;
        return false;
    }

    /// <summary>True when the address is the router's own in one of the subnets.</summary>
    public bool IsGateway(InetAddress address) => _gateways.Contains(address);
}
