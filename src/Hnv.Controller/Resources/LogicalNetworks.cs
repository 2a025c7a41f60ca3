using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>logicalNetworks</c> with <c>subnets</c>, <c>ipPools</c> and <c>routes</c> (7.8): the provider's own networks.</summary>
internal static class LogicalNetworks
{
    public const string Name = "logicalNetworks";
    public const string Subnets = "subnets";
    public const string IpPools = "ipPools";
    public const string Routes = "routes";
    public const string SubnetPath = "logicalNetworks/subnets";

    private const string InUseSubnet = "InUseSubnetCannotBeUpdated";

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        Properties = new(
        [
            new("networkVirtualizationEnabled", new BooleanSchema(asString: true)) { Default = "False" },
            Common.BackReference("virtualNetworks", VirtualNetworks.Name),
        ]),
        Validate = ValidateNetwork,
        Affects = Servers.WithoutProviderAddress,
        Children =
        [
            new ResourceType(Subnets)
            {
                Asynchronous = true,
                InUseCode = "InUseSubnetCannotBeDeleted",
                Validate = ValidateSubnet,
                Properties = new(
                [
                    new("addressPrefix", new PrefixSchema()) { InvalidCode = ErrorCodes.InvalidIPPrefix },
                    new("vlanID", new IntegerSchema(0, 4095, asString: true)) { Default = "0" },
                    new("dnsServers", new ListSchema(new AddressSchema())) { InvalidCode = ErrorCodes.InvalidIPAddress },
                    new("defaultGateways", new ListSchema(new AddressSchema())) { InvalidCode = ErrorCodes.InvalidIPAddress },
                    new("isPublic", new BooleanSchema()) { Default = false },
                    new("accessControlList", new ReferenceSchema(AccessControlLists.Name)),
                    Common.BackReference("networkInterfaces", "servers/networkInterfaces"),
                    Common.BackReference("ipConfigurations", NetworkInterfaces.IpConfigurationPath),
                ]),
                Children =
                [
                    new ResourceType(IpPools)
                    {
                        Asynchronous = true,
                        InUseCode = "InUseIpPoolCannotBeDeleted",
                        Validate = ValidatePool,
                        WhyKeep = (pool, snapshot, _) => Allocated(pool, snapshot) is > 0 and int count
                            ? $"{count} of its addresses are allocated. Remove the servers and interfaces that have them first."
                            : null,
                        Properties = new(
                        [
                            new("startIpAddress", new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress },
                            new("endIpAddress", new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress },
                            new("usage", new TextSchema()) { Access = Access.ReadOnly, Compute = Usage },
                        ]),
                    },
                    new ResourceType(Routes)
                    {
                        Asynchronous = true,
                        Validate = ValidateRoute,
                        Properties = new(
                        [
                            new("destination", new PrefixSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPPrefix },
                            new("nextHop", new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress },
                        ]),
                    },
                ],
            },
        ],
    };

    /// <summary>True when the network may carry virtual networks.</summary>
    public static bool CarriesVirtualNetworks(Node network) => network.Text("networkVirtualizationEnabled") == "True";

    /// <summary>The pools of a subnet as ranges, in order.</summary>
    public static IEnumerable<(InetAddress First, InetAddress Last)> Ranges(Node subnet) =>
        from pool in subnet.ChildrenOf(IpPools)
        let first = pool.Address("startIpAddress")
        let last = pool.Address("endIpAddress")
        where first is not null && last is not null
        select (first.Value, last.Value);

    /// <summary>Addresses of a subnet that nobody may be given: network, broadcast, routers.</summary>
    public static bool IsReserved(Node subnet, IpPrefix prefix, InetAddress address) =>
        address == prefix.Address
        || (prefix.IsIPv4 && prefix.Length < 31 && address == prefix.LastAddress)
        || subnet.Texts("defaultGateways").Contains(address.ToString());

    private static void ValidateNetwork(RuleContext network)
    {
        if (network.Existing is { } before && CarriesVirtualNetworks(before) && !CarriesVirtualNetworks(network.Node)
            && network.Before.HoldersOf(before).FirstOrDefault(h => h.Path == VirtualNetworks.Name) is { Ref: { } user })
        {
            network.Fail(ErrorCodes.ResourceInUse, "networkVirtualizationEnabled", $"cannot be switched off while {user} is carried by this network. Delete that first.");
        }
    }

    private static void ValidateSubnet(RuleContext subnet)
    {
        IpPrefix? prefix = subnet.Node.Prefix("addressPrefix");
        if (subnet.Existing is { } before && before.Text("addressPrefix") != subnet.Node.Text("addressPrefix")
            && subnet.Before.HoldersOf(before) is { IsEmpty: false } users)
        {
            subnet.Fail(InUseSubnet, "addressPrefix", $"cannot change from {before.Text("addressPrefix")} to {prefix?.ToString() ?? "none"} while {users[0].Ref} uses the subnet.");
        }

        if (prefix is not { } mine)
        {
            return;
        }

        foreach (Node sibling in subnet.EarlierSiblings())
        {
            if (sibling.Prefix("addressPrefix") is { } other && other.Overlaps(mine))
            {
                subnet.Fail("InvalidSubnet", "addressPrefix", $"{mine} overlaps {other} of {sibling.Ref}. Subnets of one logical network are disjoint.");
            }
        }

        foreach (string gateway in subnet.Node.Texts("defaultGateways").Where(g => !mine.Contains(InetAddress.Parse(g))))
        {
            subnet.Fail(ErrorCodes.InvalidParameterValue, "defaultGateways", $"{gateway} lies outside {mine}. A gateway is an address of its own subnet.");
        }
    }

    private static void ValidatePool(RuleContext pool)
    {
        if (pool.Node.Address("startIpAddress") is not { } first || pool.Node.Address("endIpAddress") is not { } last)
        {
            return;
        }

        if (pool.Parent is not { } parent || parent.Prefix("addressPrefix") is not { } prefix)
        {
            pool.Fail(ErrorCodes.InvalidParameterValue, "startIpAddress", $"needs a prefix to lie in: {pool.Parent?.Ref} has no addressPrefix. Set that first.");
            return;
        }

        if (!prefix.Contains(first) || !prefix.Contains(last))
        {
            pool.Fail(ErrorCodes.InvalidParameterValue, "startIpAddress", $"{first} … endIpAddress {last} does not lie in {prefix}, the prefix of {parent.Ref}.");
        }
        else if (first.CompareTo(last) > 0)
        {
            pool.Fail(ErrorCodes.InvalidParameterValue, "endIpAddress", $"{last} comes before startIpAddress {first}. Both ends belong to the pool.");
        }

        foreach (Node sibling in pool.EarlierSiblings())
        {
            if (sibling.Address("startIpAddress") is { } otherFirst && sibling.Address("endIpAddress") is { } otherLast
                && first.CompareTo(otherLast) <= 0 && otherFirst.CompareTo(last) <= 0)
            {
                pool.Fail(ErrorCodes.InvalidParameterValue, "startIpAddress", $"{first} … {last} overlaps {otherFirst} … {otherLast} of {sibling.Ref}.");
            }
        }

        if (pool.Existing is { } before
            && Addresses(before, pool.Before).FirstOrDefault(a => a.CompareTo(first) < 0 || a.CompareTo(last) > 0) is var lost
            && lost != default)
        {
            pool.Fail("InUseIpPoolCannotBeDeleted", "startIpAddress", $"{first} … {last} leaves out {lost}, which is allocated. Keep it in the pool.");
        }
    }

    private static void ValidateRoute(RuleContext route)
    {
        if (route.Parent!.Prefix("addressPrefix") is not { } prefix || route.Node.Prefix("destination") is not { } destination
            || route.Node.Address("nextHop") is not { } nextHop)
        {
            return;
        }

        if (destination.IsIPv4 != prefix.IsIPv4)
        {
            route.Fail(ErrorCodes.InvalidIPPrefix, "destination", $"{destination} is of another address family than {prefix}, the subnet's prefix.");
        }

        if (!prefix.Contains(nextHop))
        {
            route.Fail("InvalidNextHopIpAddress", "nextHop", $"{nextHop} lies outside {prefix}, the subnet's prefix. A next hop is a neighbour.");
        }
    }

    /// <summary>Addresses of a pool that somebody has: provider addresses of servers and addresses of interfaces on the subnet.</summary>
    private static IEnumerable<InetAddress> Addresses(Node pool, Snapshot snapshot)
    {
        string subnetRef = pool.Ref[..pool.Ref.LastIndexOf($"/{IpPools}/", StringComparison.Ordinal)];
        if (snapshot.Find(subnetRef) is not { } subnet
            || pool.Address("startIpAddress") is not { } first || pool.Address("endIpAddress") is not { } last)
        {
            yield break;
        }

        foreach (Holder holder in snapshot.HoldersOf(subnet))
        {
            Node? node = snapshot.Find(holder.Ref);
            string? text = node?.Text("privateIPAddress") ?? (string?)node?.Properties[Servers.ProviderAddress]?["address"];
            if (InetAddress.TryParse(text, out InetAddress address) && address.CompareTo(first) >= 0 && address.CompareTo(last) <= 0)
            {
                yield return address;
            }
        }
    }

    private static int Allocated(Node pool, Snapshot snapshot) => Addresses(pool, snapshot).Count();

    private static JsonObject? Usage(Node pool, View view)
    {
        if (pool.Address("startIpAddress") is not { } first || pool.Address("endIpAddress") is not { } last)
        {
            return null;
        }

        UInt128 size = ClaimKey.Number(last) - ClaimKey.Number(first) + 1;
        return new JsonObject
        {
            ["numberOfIPAddresses"] = size.ToString(),
            ["numberofIPAddressesAllocated"] = Allocated(pool, view.Snapshot).ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["numberOfIPAddressesInTransition"] = "0",
        };
    }
}
