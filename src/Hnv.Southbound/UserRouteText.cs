using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>User routes as <c>Logical_Switch.user_routes</c> has them: prefix → <c>None</c>, or <c>VirtualAppliance 10.1.1.12</c>.</summary>
internal static class UserRouteText
{
    public static string Write(UserRoute route) => route.NextHop is { } hop ? $"{route.Kind} {hop}" : route.Kind.ToString();

    public static UserRoute? Read(string destination, string text)
    {
        string[] parts = text.Split(' ', 2);
        CustomerAddress hop = default;
        return IpPrefix.TryParse(destination, out IpPrefix prefix)
            && Enum.TryParse(parts[0], out UserRouteKind kind) && Enum.IsDefined(kind) && kind.ToString() == parts[0]
            && (parts.Length == 1 || CustomerAddress.TryParse(parts[1], out hop))
                ? new UserRoute(prefix, kind, parts.Length == 1 ? null : hop)
                : null;
    }

    /// <summary>What would be right of a route in a network of those subnets; null when it is right.</summary>
    public static string? Contradiction(UserRoute route, IEnumerable<VirtualSubnetPolicy> subnets) => route switch
    {
        { Kind: UserRouteKind.VirtualAppliance, NextHop: null } => "an appliance should have an address",
        { Kind: UserRouteKind.VirtualAppliance, NextHop: { } hop } when hop.Value.IsIPv4 != route.Prefix.IsIPv4 =>
            "the appliance should be of the same address family",
        { Kind: UserRouteKind.VirtualAppliance, NextHop: { } hop } when !subnets.Any(subnet => subnet.Contains(hop)) =>
            "the appliance should be in a subnet of the network",
        { Kind: not UserRouteKind.VirtualAppliance, NextHop: not null } => "only an appliance should have an address",
        _ => null,
    };
}
