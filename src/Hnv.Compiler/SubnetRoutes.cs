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
    public static RouteTable Compile(RoutingDomain domain, VirtualSubnetPolicy subnet, List<PolicyError> errors)
    {
        List<Route> routes = [];
        foreach (UserRoute route in subnet.Routes)
        {
            if (Compile(domain, subnet, route, errors) is { } compiled)
            {
                routes.Add(compiled);
            }
        }

        routes.AddRange(domain.Network.Subnets.SelectMany(own => own.Prefixes.Select(part => new Route(part.Prefix, RouteKind.Local, own.Vsid, default))));
        routes.AddRange(domain.Peers.SelectMany(peer => peer.Network.Subnets)
            .SelectMany(other => other.Prefixes.Select(part => new Route(part.Prefix, RouteKind.Peer, other.Vsid, default))));
        return new RouteTable(routes, domain.Network.Subnets.SelectMany(own => own.Prefixes).Select(part => part.Gateway));
    }

    private static Route? Compile(RoutingDomain domain, VirtualSubnetPolicy subnet, UserRoute route, List<PolicyError> errors)
    {
        switch (route.Kind)
        {
            case UserRouteKind.VnetLocal:
                // A wider prefix leaves the subnets in it as they are: theirs is the longer one.
                return domain.Network.Subnets.FirstOrDefault(own => own.Prefixes.Any(part => Holds(part.Prefix, route.Prefix))) is { } local
                    ? new Route(route.Prefix, RouteKind.Local, local.Vsid, default)
                    : null;
            case UserRouteKind.VirtualAppliance when route.NextHop is { } hop && domain.Network.Subnets.FirstOrDefault(own => own.Contains(hop)) is { } at:
                if (hop.Value.IsIPv4 == route.Prefix.IsIPv4)
                {
                    return new Route(route.Prefix, RouteKind.Appliance, at.Vsid, hop);
                }

                errors.Add(Wrong("nextHopIpAddress", hop.ToString(), "must be of the family of the prefix"));
                return null;
            case UserRouteKind.VirtualAppliance:
                errors.Add(Wrong("nextHopIpAddress", route.NextHop?.ToString() ?? "(none)", "must be an address of a machine in this virtual network"));
                return null;
            default:
                // None; and as long as the network has no gateway, whatever would lead there.
                return new Route(route.Prefix, RouteKind.Drop, default, default);
        }

        PolicyError Wrong(string property, string value, string expected) =>
            new($"{RoutingDomain.Name(domain.Network, subnet)}/routes/{route.Prefix}", property, value, expected);
    }

    private static bool Holds(IpPrefix outer, IpPrefix inner) => outer.IsIPv4 == inner.IsIPv4 && outer.Length <= inner.Length && outer.Contains(inner.Address);
}
