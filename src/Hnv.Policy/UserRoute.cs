using Hnv.Primitives;

namespace Hnv.Policy;

/// <summary>A route of a virtual subnet that its owner asked for (routeTables in REST); it goes before the subnets' own routes of equal length.</summary>
/// <param name="Prefix">The destinations.</param>
/// <param name="Kind">What happens to packets for them.</param>
/// <param name="NextHop">The appliance's CA, in a subnet of the same routing domain; only and always with <see cref="UserRouteKind.VirtualAppliance"/>.</param>
public sealed record UserRoute(IpPrefix Prefix, UserRouteKind Kind, CustomerAddress? NextHop);

/// <summary>Next hop types of user routes.</summary>
public enum UserRouteKind
{
    /// <summary>Delivered within the virtual network.</summary>
    VnetLocal,

    /// <summary>Handed to a machine that routes on.</summary>
    VirtualAppliance,

    /// <summary>Dropped.</summary>
    None,

    /// <summary>To the virtual network's gateway; without one there is no route.</summary>
    VirtualNetworkGateway,

    /// <summary>To the outside by address translation; without one there is no route.</summary>
    Internet,
}
