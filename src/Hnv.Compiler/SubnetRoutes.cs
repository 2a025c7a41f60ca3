using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>
/// The routes that the distributed router uses for what members of one subnet send: its owner's, then those to the subnets of the network, then to
/// its peers' (R25, R26). Of equal prefixes the first counts.
/// </summary>
internal static class SubnetRoutes
{
    /// <summary>Names what is wrong with the routes of a subnet's owner.</summary>
    public static void Check(VirtualNetworkPolicy network, VirtualSubnetPolicy subnet, List<PolicyError> errors)
    {
        foreach (UserRoute route in subnet.Routes)
        {
            string subject = $"{RoutingDomain.Name(network, subnet)}/routes/{route.Prefix}", hop = route.NextHop?.ToString() ?? "(none)";
            if (route.Kind != UserRouteKind.VirtualAppliance)
            {
                if (route.NextHop is not null)
                {
                    errors.Add(new PolicyError(subject, "nextHopIpAddress", hop, $"must be left out: {route.Kind} says where packets go"));
                }
            }
            else if (route.NextHop is not { } address || SubnetOf(network, address) is null)
            {
                errors.Add(new PolicyError(subject, "nextHopIpAddress", hop, "must be an address of a machine in this virtual network"));
            }
            else if (address.Value.IsIPv4 != route.Prefix.IsIPv4)
            {
                errors.Add(new PolicyError(subject, "nextHopIpAddress", hop, $"must be of the family of {route.Prefix}"));
            }
        }
    }

    public static RouteTable Compile(RoutingDomain domain, VirtualSubnetPolicy subnet)
    {
        List<Route> routes = [.. subnet.Routes.Select(route => Compile(domain.Network, route)).OfType<Route>()];
        routes.AddRange(domain.Network.Subnets.SelectMany(own => own.Prefixes.Select(part => new Route(part.Prefix, RouteKind.Local, own.Vsid, default))));
        routes.AddRange(domain.Peers.SelectMany(peer => peer.Network.Subnets)
            .SelectMany(other => other.Prefixes.Select(part => new Route(part.Prefix, RouteKind.Peer, other.Vsid, default))));
        IEnumerable<CustomerAddress> linkLocal = domain.RouterMac is { } mac ? [new CustomerAddress(InetAddress.LinkLocalOf(mac))] : [];
        return new RouteTable(routes, domain.Network.Subnets.SelectMany(own => own.Prefixes).Select(part => part.Gateway).Concat(linkLocal));
    }

    private static Route? Compile(VirtualNetworkPolicy network, UserRoute route) => route.Kind switch
    {
        // A wider prefix leaves the subnets in it as they are: theirs is the longer one.
        UserRouteKind.VnetLocal => network.Subnets.FirstOrDefault(own => own.Prefixes.Any(part => Holds(part.Prefix, route.Prefix))) is { } local
            ? new Route(route.Prefix, RouteKind.Local, local.Vsid, default)
            : null,
        UserRouteKind.VirtualAppliance => route.NextHop is { } hop && SubnetOf(network, hop) is { } at
            ? new Route(route.Prefix, RouteKind.Appliance, at.Vsid, hop)
            : null,

        // None; and as long as the network has no gateway, whatever would lead there.
        _ => new Route(route.Prefix, RouteKind.Drop, default, default),
    };

    private static VirtualSubnetPolicy? SubnetOf(VirtualNetworkPolicy network, CustomerAddress address) =>
        network.Subnets.FirstOrDefault(subnet => subnet.Contains(address));

    private static bool Holds(IpPrefix outer, IpPrefix inner) => outer.IsIPv4 == inner.IsIPv4 && outer.Length <= inner.Length && outer.Contains(inner.Address);
}
