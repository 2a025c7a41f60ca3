using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>routeTables</c> with <c>routes</c> (7.10): what virtual subnets they are attached to do with packets that leave the subnet.</summary>
internal static class RouteTables
{
    public const string Name = "routeTables";
    public const string Routes = "routes";

    /// <summary>The property of a virtual subnet that attaches a table.</summary>
    public const string Property = "routeTable";

    private const string AddressPrefix = "addressPrefix";
    private const string NextHopType = "nextHopType";
    private const string NextHop = "nextHopIpAddress";
    private const string NotFound = "RouteNextHopIpAddressNotFound";
    private const int RoutesMax = 100;

    // Link-local and group addresses are never routed.
    private static readonly IpPrefix[] s_restricted =
        [IpPrefix.Parse("169.254.0.0/16"), IpPrefix.Parse("224.0.0.0/4"), IpPrefix.Parse("fe80::/10"), IpPrefix.Parse("ff00::/8")];

    private static readonly IpPrefix[] s_private =
        [IpPrefix.Parse("10.0.0.0/8"), IpPrefix.Parse("172.16.0.0/12"), IpPrefix.Parse("192.168.0.0/16"), IpPrefix.Parse("100.64.0.0/10"), IpPrefix.Parse("fc00::/7")];

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        InUseCode = "InUseRouteTableCannotBeDeleted",
        Validate = ValidateTable,
        Properties = new([Common.BackReference("subnets", VirtualNetworks.SubnetPath)]),
        Children =
        [
            new ResourceType(Routes)
            {
                Asynchronous = true,
                Validate = ValidateRoute,
                Properties = new(
                [
                    new(AddressPrefix, new PrefixSchema()) { Required = true, InvalidCode = "InvalidRouteAddressPrefix" },
                    new(NextHopType, new EnumSchema(
                        nameof(UserRouteKind.VirtualAppliance),
                        nameof(UserRouteKind.VnetLocal),
                        nameof(UserRouteKind.VirtualNetworkGateway),
                        nameof(UserRouteKind.Internet),
                        nameof(UserRouteKind.None))) { Required = true },
                    new(NextHop, new AddressSchema(emptyIsAbsent: true)) { InvalidCode = "InvalidNextHopIpAddress" },
                ]),
            },
        ],
    };

    /// <summary>The routes of a table as they hold in a network. An appliance whose subnet is gone swallows what is sent to it.</summary>
    public static IEnumerable<UserRoute> Plan(Node table, Node network)
    {
        IpPrefix[] subnets = [.. Prefixes(network)];
        foreach (Node route in table.ChildrenOf(Routes))
        {
            IpPrefix prefix = IpPrefix.Parse(route.Text(AddressPrefix)!);
            UserRouteKind kind = Enum.Parse<UserRouteKind>(route.Text(NextHopType)!);
            CustomerAddress? hop = kind == UserRouteKind.VirtualAppliance ? CustomerAddress.Parse(route.Text(NextHop)!) : null;
            yield return hop is { } appliance && !subnets.Any(subnet => subnet.Contains(appliance.Value))
                ? new UserRoute(prefix, UserRouteKind.None, null)
                : new UserRoute(prefix, kind, hop);
        }
    }

    /// <summary>Checks that the appliances of a table are in the network that a subnet of it is attached to.</summary>
    public static void ValidateAttachment(RuleContext subnet)
    {
        if (subnet.Find(subnet.Node.Reference(Property)) is not { } table)
        {
            return;
        }

        foreach (Node route in table.ChildrenOf(Routes).Where(route => !LeadsInto(route, subnet.Root)))
        {
            subnet.Fail(NotFound, Property, $"{table.Ref}: {route.Ref} leads to {route.Text(NextHop)}, which lies in no subnet of {subnet.Root.Ref}. Use an address of this network.");
        }
    }

    private static void ValidateTable(RuleContext table)
    {
        if (table.Node.ChildrenOf(Routes).Length is > RoutesMax and int count)
        {
            table.Fail("RouteCountLimitReached", Routes, $"are {count}. A table has at most {RoutesMax}.");
        }
    }

    private static void ValidateRoute(RuleContext route)
    {
        if (route.Node.Prefix(AddressPrefix) is not { } prefix || route.Node.Text(NextHopType) is not { } type)
        {
            return;
        }

        if (route.EarlierSiblings().FirstOrDefault(r => r.Text(AddressPrefix) == prefix.ToString()) is { } twin)
        {
            route.Fail("RouteConflict", AddressPrefix, $"{prefix} has a route already, {twin.Ref}. A table has one for each prefix.");
        }

        if (s_restricted.FirstOrDefault(r => r.Contains(prefix)) is var restricted && restricted != default)
        {
            route.Fail("AddressPrefixInRestrictedAddressSpace", AddressPrefix, $"{prefix} lies in {restricted}, which is never routed. Use another prefix.");
        }

        if (type == nameof(UserRouteKind.Internet) && s_private.FirstOrDefault(r => r.Contains(prefix)) is var inside && inside != default)
        {
            route.Fail("AddressPrefixMustBeInPublicAddressSpace", AddressPrefix, $"{prefix} lies in {inside}, which the internet does not route. Use a public prefix, or another {NextHopType}.");
        }

        ValidateNextHop(route, prefix, type == nameof(UserRouteKind.VirtualAppliance));
    }

    private static void ValidateNextHop(RuleContext route, IpPrefix prefix, bool isAppliance)
    {
        if (route.Node.Address(NextHop) is not { } hop)
        {
            if (isAppliance && !route.Errors.Any)
            {
                route.Fail("MissingNextHopIpAddress", NextHop, "is missing. A VirtualAppliance route says to which address.");
            }

            return;
        }

        if (!isAppliance)
        {
            route.Fail("NextHopIpAddressNotAllowed", NextHop, $"{hop} belongs to a VirtualAppliance route only. Leave it out.");
        }
        else if (hop.IsIPv4 != prefix.IsIPv4)
        {
            route.Fail("InvalidNextHopIpAddress", NextHop, $"{hop} is of another address family than {prefix}.");
        }
        else if (route.Before.Find(route.Root.Ref) is { } table)
        {
            foreach (Node network in route.Before.HoldersOf(table).Select(holder => route.Before.Find(Root(holder.Ref))).OfType<Node>().DistinctBy(n => n.Key))
            {
                if (!LeadsInto(route.Node, network))
                {
                    route.Fail(NotFound, NextHop, $"{hop} lies in no subnet of {network.Ref}, which the table is attached to. Use an address of that network.");
                }
            }
        }
    }

    private static bool LeadsInto(Node route, Node network) =>
        route.Text(NextHopType) != nameof(UserRouteKind.VirtualAppliance) || route.Address(NextHop) is not { } hop || Prefixes(network).Any(p => p.Contains(hop));

    private static IEnumerable<IpPrefix> Prefixes(Node network) =>
        network.ChildrenOf(VirtualNetworks.Subnets).Select(subnet => subnet.Prefix("addressPrefix")).OfType<IpPrefix>();

    private static string Root(string reference) => string.Join('/', reference.Split('/').Take(3));
}
