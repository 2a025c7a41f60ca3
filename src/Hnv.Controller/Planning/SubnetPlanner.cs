using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Planning;

/// <summary>What hosts have to know of one virtual subnet, or of the two of a dual-stack pair.</summary>
internal static class SubnetPlanner
{
    /// <param name="snapshot">The documents.</param>
    /// <param name="network">The network as it is.</param>
    /// <param name="subnet">The subnet, of a pair the first.</param>
    public static VirtualSubnetPolicy Plan(Snapshot snapshot, Node network, Node subnet)
    {
        Node? partner = DualStackSubnets.Partner(network, subnet);
        SubnetPrefix own = PrefixOf(subnet);
        SubnetPrefix? other = partner is null ? null : PrefixOf(partner);
        (SubnetPrefix prefix, SubnetPrefix? second) = other is { Prefix.IsIPv4: true } ? (other, own) : (own, other);
        return new VirtualSubnetPolicy(VirtualNetworks.VsidOf(subnet), subnet.InstanceId, subnet.Id, prefix.Prefix, prefix.Gateway)
        {
            DualStack = second,
            Routes = partner is null
                ? [.. Routes(snapshot, network, subnet)]
                : [.. new[] { subnet, partner }.SelectMany(side => Routes(snapshot, network, side).Where(route => route.Prefix.IsIPv4 == PrefixOf(side).Prefix.IsIPv4))],
        };
    }

    private static UserRoute[] Routes(Snapshot snapshot, Node network, Node subnet) =>
        snapshot.Find(subnet.Reference(RouteTables.Property)) is { } table ? PlanException.Blaming(table, () => RouteTables.Plan(table, network).ToArray()) : [];

    private static SubnetPrefix PrefixOf(Node subnet)
    {
        IpPrefix prefix = subnet.Prefix("addressPrefix")!.Value;
        return new SubnetPrefix(prefix, new CustomerAddress(VirtualNetworks.Gateway(prefix)));
    }
}
