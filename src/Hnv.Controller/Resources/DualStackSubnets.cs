using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary>
/// Pairs of an IPv4 and an IPv6 subnet of one network, <c>dualStackSubnet</c> (7.18): one broadcast domain with two prefixes. Either side may
/// name the other, the controller writes it on both. The pair has the VSID of the subnet that was created first.
/// </summary>
internal static class DualStackSubnets
{
    public const string Property = "dualStackSubnet";

    private const string InvalidSubnet = "InvalidSubnet";
    private const string InUse = "InUseSubnetCannotBeUpdated";

    /// <summary>The other subnet of the pair; null for a subnet of one family.</summary>
    public static Node? Partner(Node network, Node subnet) =>
        subnet.Reference(Property) is { } reference ? Sibling(network, reference) : null;

    /// <summary>The subnet of the pair that was created first, or the subnet itself.</summary>
    public static Node First(Node network, Node subnet) =>
        Partner(network, subnet) is { } partner && partner.Sequence < subnet.Sequence ? partner : subnet;

    /// <summary>Makes the pairs of a changed network mutual, checks them and their VSIDs. What can be given only later is given by <see cref="AllocateVsids"/>.</summary>
    public static void Settle(RuleContext network)
    {
        foreach (Node subnet in network.Node.ChildrenOf(VirtualNetworks.Subnets))
        {
            if (Before(network, subnet)?.Text(VirtualNetworks.VirtualSubnetId) is { } kept && subnet.Text(VirtualNetworks.VirtualSubnetId) is null)
            {
                subnet.Properties[VirtualNetworks.VirtualSubnetId] = kept;
            }
        }

        foreach (Node subnet in network.Node.ChildrenOf(VirtualNetworks.Subnets))
        {
            if (subnet.Reference(Property) is { } reference && Check(network, subnet, Sibling(network.Node, reference)))
            {
                MakeMutual(network, subnet, Sibling(network.Node, reference)!);
            }
        }

        foreach (Node subnet in network.Node.ChildrenOf(VirtualNetworks.Subnets))
        {
            ShareVsid(network, subnet);
        }
    }

    /// <summary>Gives every subnet its VSID, the second of a pair that of the first.</summary>
    public static void AllocateVsids(RuleContext network)
    {
        (uint first, uint last) = VirtualNetworkManager.Range(network.Before);
        Node[] subnets = [.. network.Node.ChildrenOf(VirtualNetworks.Subnets)];
        foreach (Node subnet in subnets.Where(s => s.Text(VirtualNetworks.VirtualSubnetId) is null && ReferenceEquals(First(network.Node, s), s)))
        {
            if (network.Holdings.TryTakeNext(v => ClaimKey.Of(Vsid.Create((uint)v)), first, last, null, network.Node.Ref, out UInt128 value))
            {
                subnet.Properties[VirtualNetworks.VirtualSubnetId] = value.ToString();
            }
            else
            {
                Fail(network, subnet, "SubnetIsFull", VirtualNetworks.VirtualSubnetId, $"cannot be allocated: every id from {first} to {last} is taken. Widen virtualSubnetIdRange of {VirtualNetworkManager.Ref}.");
                return;
            }
        }

        foreach (Node subnet in subnets)
        {
            subnet.Properties[VirtualNetworks.VirtualSubnetId] ??= First(network.Node, subnet).Text(VirtualNetworks.VirtualSubnetId);
        }
    }

    private static bool Check(RuleContext network, Node subnet, Node? partner)
    {
        if (partner is null || ReferenceEquals(partner, subnet))
        {
            Fail(network, subnet, InvalidSubnet, Property, $"points at {subnet.Reference(Property)}. Name another subnet of {network.Node.Ref}.");
            return false;
        }

        if (subnet.Prefix("addressPrefix") is { } mine && partner.Prefix("addressPrefix") is { } other && mine.IsIPv4 == other.IsIPv4)
        {
            Fail(network, subnet, InvalidSubnet, Property, $"points at {partner.Ref} ({other}), of the same address family as {mine}. A pair is one IPv4 and one IPv6 subnet.");
            return false;
        }

        return true;
    }

    private static void MakeMutual(RuleContext network, Node subnet, Node partner)
    {
        string? back = partner.Reference(Property);
        bool isBack = back is not null && ReferenceEquals(Sibling(network.Node, back), subnet);
        if (back is null && Touched(network, partner) && !Touched(network, subnet) && Before(network, partner)?.Reference(Property) is not null)
        {
            // The request was about the partner and left the pair out of it: that ends the pair for both.
            subnet.Properties.Remove(Property);
        }
        else if (back is null)
        {
            partner.Properties[Property] = new JsonObject { [ReferenceSchema.Member] = subnet.Ref };
        }
        else if (!isBack)
        {
            Fail(network, subnet, InvalidSubnet, Property, $"points at {partner.Ref}, which is paired with {back}. A subnet is in one pair; PUT that one without {Property} first.");
        }
    }

    private static void ShareVsid(RuleContext network, Node subnet)
    {
        const string Vsid = VirtualNetworks.VirtualSubnetId;
        Node first = First(network.Node, subnet);
        Node? before = Before(network, subnet);
        string? had = before?.Text(Vsid);
        if (!ReferenceEquals(first, subnet))
        {
            first.Properties[Vsid] ??= subnet.Text(Vsid);
            string? shared = first.Text(Vsid);
            if (before is null && subnet.Text(Vsid) is { } asked && asked != shared)
            {
                Fail(network, subnet, ErrorCodes.InvalidParameterValue, Vsid, $"{asked} differs from {shared} of {first.Ref}, which it is paired with. A pair has one id; leave it out.");
            }

            subnet.Properties[Vsid] = shared;
        }
        else if (before?.Reference(Property) is { } former && Sibling(network.Node, former) is { } keeper
            && keeper.Sequence < subnet.Sequence && keeper.Text(Vsid) == subnet.Text(Vsid))
        {
            // It had the id of its former partner, who keeps it.
            subnet.Properties.Remove(Vsid);
        }

        if (had is not null && subnet.Text(Vsid) != had && VirtualNetworks.UsersOf(network.Before, before!) is [var user, ..])
        {
            Fail(network, subnet, InUse, Property, $"cannot change while {user} uses the subnet: its {Vsid} {had} would change with it. Detach the interfaces first.");
        }
    }

    private static Node? Sibling(Node network, string reference) =>
        network.ChildrenOf(VirtualNetworks.Subnets).FirstOrDefault(s => s.Key == Node.KeyOf(reference));

    private static Node? Before(RuleContext network, Node subnet) => network.Existing?.Child(VirtualNetworks.Subnets, subnet.Id);

    // Every node that a request brings has the etag of its operation.
    private static bool Touched(RuleContext network, Node subnet) => subnet.ETag == network.Node.ETag;

    private static void Fail(RuleContext network, Node subnet, string code, string property, string problem) =>
        network.Errors.Add(new PolicyError(code, subnet.Ref, $"{subnet.Ref}: {property} {problem}"));
}
