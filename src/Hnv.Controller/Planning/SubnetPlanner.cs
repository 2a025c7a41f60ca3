using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Planning;

/// <summary>What hosts have to know of one virtual subnet, or of the two of a dual-stack pair.</summary>
internal static class SubnetPlanner
{
    /// <param name="network">The network as it is.</param>
    /// <param name="subnet">The subnet, of a pair the first.</param>
    public static VirtualSubnetPolicy Plan(Node network, Node subnet)
    {
        SubnetPrefix own = PrefixOf(subnet);
        SubnetPrefix? other = DualStackSubnets.Partner(network, subnet) is { } partner ? PrefixOf(partner) : null;
        (SubnetPrefix prefix, SubnetPrefix? second) = other is { Prefix.IsIPv4: true } ? (other, own) : (own, other);
        return new VirtualSubnetPolicy(VirtualNetworks.VsidOf(subnet), subnet.InstanceId, subnet.Id, prefix.Prefix, prefix.Gateway) { DualStack = second };
    }

    private static SubnetPrefix PrefixOf(Node subnet)
    {
        IpPrefix prefix = subnet.Prefix("addressPrefix")!.Value;
        return new SubnetPrefix(prefix, new CustomerAddress(VirtualNetworks.Gateway(prefix)));
    }
}
