using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>loadBalancerManager/config</c> (7.6): where VIPs come from, and how they are made known.</summary>
internal static class LoadBalancerManager
{
    public const string Name = "loadBalancerManager";
    public const string Ref = "/loadBalancerManager/config";

    private const string Address = "loadBalancerManagerIPAddress";
    private const string Pools = "vipIpPools";
    private const string MuxMode = "loadBalancerMuxMode";
    private const string Layer2 = "L2Forwarding";
    private const string NotSupported = "LoadBalancerMuxModeNotSupported";

    // Kept beside the properties: the subnet whose address it holds.
    private const string Subnet = "addressSubnet";

    /// <summary>Addresses of one VIP pool; the specification names the limit (VipRangeTooLarge) and not its size.</summary>
    private const int VipRangeMax = 1 << 16;

    public static ResourceType Create() => new(Name)
    {
        SingletonId = "config",
        IsPreset = false,
        Asynchronous = true,
        Validate = Validate,
        Claims = Claims,
        Properties = new(
        [
            new(Address, new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress },
            new("outboundNatIPExemptions", new ListSchema(new PrefixSchema(), countMax: 1024)) { Required = true, InvalidCode = ErrorCodes.InvalidIPPrefix },
            new(Pools, new ListSchema(new ReferenceSchema(LogicalNetworks.IpPoolPath), countMax: 256)),
            new(MuxMode, new EnumSchema("BgpPeering", Layer2)) { Since = ApiVersion.V6, Default = "BgpPeering", InvalidCode = NotSupported, TooNewCode = NotSupported },
        ]),
    };

    /// <summary>The ipPools that VIPs come from.</summary>
    public static IEnumerable<Node> VipPools(Snapshot snapshot) =>
        snapshot.Find(Ref) is { } manager ? manager.References(Pools).Select(snapshot.Find).OfType<Node>() : [];

    /// <summary>True when an address of a logical subnet may be a VIP.</summary>
    public static bool IsInVipPool(Snapshot snapshot, Node subnet, InetAddress address) =>
        VipPools(snapshot).Any(pool => Node.KeyOf(LogicalNetworks.SubnetOf(pool)) == subnet.Key && LogicalNetworks.IsInPool(pool, address));

    /// <summary>True when muxes answer for VIPs on the link instead of announcing them to routers.</summary>
    public static bool ForwardsOnLayer2(Snapshot snapshot) => snapshot.Find(Ref)?.Text(MuxMode) == Layer2;

    /// <summary>The subnet that the manager has its address in, and that address; null when there is none.</summary>
    public static (string Subnet, InetAddress Address)? Holding(Snapshot snapshot) =>
        snapshot.Find(Ref) is { } manager && manager.Text(Subnet) is { } subnet && manager.Address(Address) is { } address ? (subnet, address) : null;

    private static void Validate(RuleContext manager)
    {
        Node[] pools = [.. manager.Node.References(Pools).Select(manager.Find).OfType<Node>()];
        HashSet<string> before = [.. manager.Existing?.References(Pools).Select(Node.KeyOf) ?? []];
        foreach (Node pool in pools)
        {
            if (LogicalNetworks.Size(pool) > VipRangeMax)
            {
                manager.Fail("VipRangeTooLarge", Pools, $"{pool.Ref} has {LogicalNetworks.Size(pool)} addresses. A VIP range has at most {VipRangeMax}; make several pools.");
            }

            if (!before.Contains(pool.Key) && LogicalNetworks.Allocated(pool, manager.Before) is > 0 and int used)
            {
                manager.Fail("InUseIpPoolCannotBeDeleted", Pools, $"cannot take {pool.Ref}: {used} of its addresses are allocated. Use a pool that nobody has an address of.");
            }
        }

        LogicalNetworks.CheckVipVlans(manager, Pools, pools.Select(LogicalNetworks.SubnetOf).Distinct().Select(manager.Find).OfType<Node>());
        HashSet<string> now = [.. pools.Select(p => p.Key)];
        foreach (Node removed in manager.Existing?.References(Pools).Select(manager.Before.Find).OfType<Node>().Where(p => !now.Contains(p.Key)) ?? [])
        {
            int own = Holding(manager.Before) is { } held && LogicalNetworks.IsInPool(removed, held.Address) ? 1 : 0;
            if (LogicalNetworks.Allocated(removed, manager.Before) - own is > 0 and int vips)
            {
                manager.Fail("InUseVipPoolCannotBeRemoved", Pools, $"cannot lose {removed.Ref}: {vips} VIPs come from it. Delete them first.");
            }
        }

        if (manager.Node.Address(Address) is { } address)
        {
            manager.Node.Properties.Remove(Subnet);
            if (pools.FirstOrDefault(pool => LogicalNetworks.IsInPool(pool, address)) is { } home)
            {
                manager.Node.Properties[Subnet] = LogicalNetworks.SubnetOf(home);
            }
            else if (pools.Length > 0)
            {
                manager.Fail("FrontEndIpNotInVipPool", Address, $"{address} lies in none of {Pools}. The manager's address is a VIP too.");
            }
        }

        CheckMode(manager);
    }

    private static void CheckMode(RuleContext manager)
    {
        if (manager.Existing?.Text(MuxMode) is not { } before || before == manager.Node.Text(MuxMode))
        {
            return;
        }

        Check("LoadBalancerMuxes", manager.Before.All(LoadBalancerMuxes.Name).FirstOrDefault()?.Ref);
        Check("LoadBalancers", manager.Before.All(LoadBalancers.Name).FirstOrDefault()?.Ref);
        Check("NetworkInterfaceWithPublicIP", manager.Before.All(PublicIPAddresses.Name)
            .SelectMany(ip => manager.Before.HoldersOf(ip)).FirstOrDefault(h => h.Path == NetworkInterfaces.IpConfigurationPath).Ref);
        Check("VirtualGatewayWithIPSecConnection", manager.Before.All(VirtualGateways.Name).FirstOrDefault(NetworkConnections.HasIPSec)?.Ref);

        void Check(string what, string? user)
        {
            if (user is not null)
            {
                manager.Fail($"CannotUpdateMuxModeAfterCreating{what}", MuxMode, $"cannot change from {before} while there is {user}. Delete it first.");
            }
        }
    }

    private static IEnumerable<Claim> Claims(Node manager)
    {
        if (manager.Text(Subnet) is { } subnet && manager.Address(Address) is { } address)
        {
            yield return new Claim(ClaimKey.Of(subnet, address), Address, address.ToString(), "PrivateIPAddressInUse", "Choose a free address.");
        }
    }
}
