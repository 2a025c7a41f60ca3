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
    public const string IpPoolPath = "logicalNetworks/subnets/ipPools";
    public const string PoolStart = "startIpAddress";
    public const string PoolEnd = "endIpAddress";

    private const string Vlan = "vlanID";
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
                    new(Vlan, new IntegerSchema(0, 4095, asString: true)) { Default = "0" },
                    new("dnsServers", new ListSchema(new AddressSchema())) { InvalidCode = ErrorCodes.InvalidIPAddress },
                    new("defaultGateways", new ListSchema(new AddressSchema())) { InvalidCode = ErrorCodes.InvalidIPAddress },
                    new("isPublic", new BooleanSchema()) { Default = false },
                    new("accessControlList", new ReferenceSchema(AccessControlLists.Name)),
                    Common.BackReference("networkInterfaces", "servers/networkInterfaces"),
                    Common.BackReference("ipConfigurations", NetworkInterfaces.IpConfigurationPath),
                    Common.BackReference(GatewayPools.Name, GatewayPools.Name),
                    Common.BackReference(NetworkConnections.Name, NetworkConnections.Path),
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
                            new(PoolStart, new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress },
                            new(PoolEnd, new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress },
                            new("usage", new DerivedSchema(DerivedSchema.Map)) { Access = Access.ReadOnly, Compute = Usage },
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
        let first = pool.Address(PoolStart)
        let last = pool.Address(PoolEnd)
        where first is not null && last is not null
        select (first.Value, last.Value);

    /// <summary>Addresses of a subnet that nobody may be given: network, broadcast, routers.</summary>
    public static bool IsReserved(Node subnet, IpPrefix prefix, InetAddress address) =>
        address == prefix.Address
        || (prefix.IsIPv4 && prefix.Length < 31 && address == prefix.LastAddress)
        || subnet.Texts("defaultGateways").Contains(address.ToString());

    /// <summary>True when an address belongs to a pool.</summary>
    public static bool IsInPool(Node pool, InetAddress address) =>
        pool.Address(PoolStart) is { } first && pool.Address(PoolEnd) is { } last && address.IsIPv4 == first.IsIPv4
        && address.CompareTo(first) >= 0 && address.CompareTo(last) <= 0;

    /// <summary>How many addresses a pool has.</summary>
    public static UInt128 Size(Node pool) => ClaimKey.Number(pool.Address(PoolEnd)!.Value) - ClaimKey.Number(pool.Address(PoolStart)!.Value) + 1;

    /// <summary>The subnet that a pool is of.</summary>
    public static string SubnetOf(Node pool) => pool.Ref[..pool.Ref.LastIndexOf($"/{IpPools}/", StringComparison.Ordinal)];

    /// <summary>Every logical subnet.</summary>
    public static IEnumerable<Node> AllSubnets(Snapshot snapshot) => snapshot.All(Name).SelectMany(network => network.ChildrenOf(Subnets));

    /// <summary>Checks that subnets which VIPs come from are told apart by their VLANs.</summary>
    public static void CheckVipVlans(RuleContext context, string property, IEnumerable<Node> subnets)
    {
        foreach (IGrouping<string?, Node> twins in subnets.GroupBy(subnet => subnet.Text(Vlan)).Where(g => g.Key is not (null or "0") && g.Count() > 1))
        {
            context.Fail("DuplicateNonZeroVIPSubnetVLanID", property, $"has VIPs from {string.Join(" and ", twins.Select(t => t.Ref))}, both in VLAN {twins.Key}. Use one subnet per VLAN.");
        }
    }

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

        CheckVlan(subnet);
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

    private static void CheckVlan(RuleContext subnet)
    {
        if (subnet.Existing is not { } before || before.Text(Vlan) == subnet.Node.Text(Vlan))
        {
            return;
        }

        if (LoadBalancerManager.VipPools(subnet.Before).FirstOrDefault(pool => Node.KeyOf(SubnetOf(pool)) == subnet.Node.Key) is { } pool)
        {
            subnet.Fail("CannotUpdateVLanId", Vlan, $"cannot change from {before.Text(Vlan)} to {subnet.Node.Text(Vlan)} while VIPs come from {pool.Ref}. Take it out of vipIpPools first.");
        }
    }

    private static void ValidatePool(RuleContext pool)
    {
        if (pool.Node.Address(PoolStart) is not { } first || pool.Node.Address(PoolEnd) is not { } last)
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
            if (sibling.Address(PoolStart) is { } otherFirst && sibling.Address(PoolEnd) is { } otherLast
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
            || pool.Address(PoolStart) is not { } first || pool.Address(PoolEnd) is not { } last)
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

        foreach (InetAddress address in PublicIPAddresses.Of(subnet.Ref, snapshot).Where(a => IsInPool(pool, a)))
        {
            yield return address;
        }

        if (LoadBalancerManager.Holding(snapshot) is { } manager && Node.KeyOf(manager.Subnet) == subnet.Key && IsInPool(pool, manager.Address))
        {
            yield return manager.Address;
        }
    }

    /// <summary>Addresses of a pool that somebody has.</summary>
    public static int Allocated(Node pool, Snapshot snapshot) => Addresses(pool, snapshot).Count();

    private static JsonObject? Usage(Node pool, View view)
    {
        if (pool.Address(PoolStart) is not { } first || pool.Address(PoolEnd) is not { } last)
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
