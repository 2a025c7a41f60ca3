using Hnv.Linux.Bpf;
using Hnv.Linux.Netlink;
using Hnv.Primitives;

namespace Hnv.Linux;

/// <summary>
/// The PA compartment (D11, R66-R71): a network namespace in which the host's provider addresses live, one macvlan per team member over
/// the host's uplink. The kernel's IP stack there answers ARP and finds next hops. The namespace and all in it outlive the process; the
/// next <see cref="Ensure"/> adopts what is there and mends only what differs.
/// </summary>
/// <remarks>
/// A macvlan and its lower device do not see each other's unicast traffic: the host itself cannot reach its PAs, which is wanted.
/// Sockets bound to a PA are routed by that PA's own table, so that two PAs of one subnet leave by their own uplinks.
/// </remarks>
public static class PaCompartment
{
    private const uint FirstTable = 1000;                   // table and rule priority of team member 0
    private const uint TableCount = 256;

    /// <summary>
    /// Makes the compartment be exactly this; idempotent. Uplinks are looked up in the calling thread's network namespace.
    /// </summary>
    /// <returns>The compartment; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">The wish contradicts itself; nothing was changed.</exception>
    /// <exception cref="LinuxException">An uplink does not exist, or the kernel refused; the next call carries on from there.</exception>
    public static NetworkNamespace Ensure(string name, IReadOnlyList<PaInterface> interfaces)
    {
        Validate(interfaces);
        using RouteSocket host = RouteSocket.Open();
        List<(PaInterface Wanted, LinkInfo Uplink)> wanted = [.. interfaces.Select(pa => (pa, host.GetLink(pa.Uplink)))];

        NetworkNamespace compartment = NetworkNamespace.Exists(name) ? NetworkNamespace.Open(name) : NetworkNamespace.Create(name);
        try
        {
            using RouteSocket inside = RouteSocket.Open(compartment);
            inside.SetUp("lo");
            compartment.Run(SetDefaults);
            RemoveUnwanted(inside, wanted);
            foreach ((PaInterface pa, LinkInfo uplink) in wanted)
            {
                EnsureDevice(host, inside, compartment, pa, uplink);
                compartment.Run(() => DeviceFilters.EnsureVlan(pa.DeviceName, pa.VlanId));
                EnsureAddress(inside, pa);
            }

            EnsureRoutes(inside, interfaces);
            return compartment;
        }
        catch
        {
            compartment.Dispose();
            throw;
        }
    }

    /// <summary>The device in the compartment that has a team member's address.</summary>
    public static string DeviceOf(int teamMember) => PaInterface.NameOf(teamMember);

    /// <summary>The routing table of a team member's address.</summary>
    public static uint TableOf(int teamMember) => FirstTable + (uint)teamMember;

    /// <summary>Takes the compartment away with all in it. Absent is success.</summary>
    public static void Remove(string name)
    {
        if (NetworkNamespace.Exists(name))
        {
            // The devices first: the namespace itself lives on as long as some socket in it does.
            using NetworkNamespace compartment = NetworkNamespace.Open(name);
            using RouteSocket inside = RouteSocket.Open(compartment);
            RemoveUnwanted(inside, []);
        }

        NetworkNamespace.Delete(name);
    }

    private static void Validate(IReadOnlyList<PaInterface> interfaces)
    {
        foreach (PaInterface pa in interfaces)
        {
            bool fits = pa.TeamMember is >= 0 and < (int)TableCount
                && pa.VlanId is >= 0 and <= 4094
                && pa.PrefixLength >= 1
                && pa.PrefixLength <= (pa.Address.Value.IsIPv4 ? 32 : 128)
                && !pa.Mac.IsMulticast;
            if (!fits)
            {
                throw new ArgumentException(
                    $"PA {pa.Address}/{pa.PrefixLength} (team member {pa.TeamMember}, VLAN {pa.VlanId}, MAC {pa.Mac}): the prefix length must fit the "
                    + $"address, the team member lie in 0-{TableCount - 1}, the VLAN in 0-4094, and the MAC be a unicast one.", nameof(interfaces));
            }

            if (interfaces.Any(other => !ReferenceEquals(other, pa) && (other.TeamMember == pa.TeamMember || other.Address == pa.Address)))
            {
                throw new ArgumentException($"PA {pa.Address} shares its address or its team member {pa.TeamMember} with another: both must be unique.", nameof(interfaces));
            }
        }
    }

    /// <summary>For devices that are born later; a compartment neither forwards nor speaks IPv6 by itself.</summary>
    private static void SetDefaults()
    {
        WriteSysctl("ipv4/ip_forward", "0");
        foreach (string scope in (ReadOnlySpan<string>)["all", "default"])
        {
            WriteSysctl($"ipv4/conf/{scope}/rp_filter", "0");
            WriteSysctl($"ipv4/conf/{scope}/arp_ignore", "1");          // answer ARP only on the device that has the address
            WriteSysctl($"ipv4/conf/{scope}/arp_announce", "2");
            WriteSysctl($"ipv4/conf/{scope}/arp_notify", "1");          // routers learn at once that an address has another MAC now
            WriteSysctl($"ipv6/conf/{scope}/ndisc_notify", "1");
            WriteSysctl($"ipv6/conf/{scope}/forwarding", "0");
            WriteSysctl($"ipv6/conf/{scope}/accept_ra", "0");
            WriteSysctl($"ipv6/conf/{scope}/addr_gen_mode", "1");       // no link-local addresses of the kernel's making
        }
    }

    /// <summary>Best effort: a kernel without IPv6 lacks half of them.</summary>
    private static void WriteSysctl(string path, string value)
    {
        string file = "/proc/sys/net/" + path;
        if (File.Exists(file) && File.ReadAllText(file).Trim() != value)
        {
            try
            {
                File.WriteAllText(file, value);
            }
            catch (IOException)
            {
            }
        }
    }

    private static void RemoveUnwanted(RouteSocket inside, List<(PaInterface Wanted, LinkInfo Uplink)> wanted)
    {
        foreach (LinkInfo link in inside.Links())
        {
            bool keep = link.Kind != "macvlan" || wanted.Exists(w => w.Wanted.DeviceName == link.Name && IsUsable(w.Uplink, link));
            if (!keep)
            {
                inside.DeleteLink(link.Name);
            }
        }
    }

    private static bool IsUsable(LinkInfo uplink, LinkInfo existing) => existing.Kind == "macvlan" && existing.Lower == uplink.Index;

    private static void EnsureDevice(RouteSocket host, RouteSocket inside, NetworkNamespace compartment, PaInterface pa, LinkInfo uplink)
    {
        int mtu = pa.Mtu ?? uplink.Mtu;
        if (inside.TryGetLink(pa.DeviceName) is not LinkInfo device)
        {
            host.CreateMacvlan(pa.DeviceName, uplink, compartment, pa.Mac, mtu);
            device = inside.GetLink(pa.DeviceName);
        }

        if (device.Mac != pa.Mac)
        {
            inside.SetMac(device.Name, pa.Mac);
        }

        if (device.Mtu != mtu)
        {
            inside.SetMtu(device.Name, mtu);
        }

        if (!device.IsUp)
        {
            // The kernel announces the addresses that a device has when it comes up, and no later ones.
            EnsureAddress(inside, pa);
            inside.SetUp(device.Name);
        }
    }

    private static void EnsureAddress(RouteSocket inside, PaInterface pa)
    {
        LinkInfo device = inside.GetLink(pa.DeviceName);
        bool present = false;
        foreach (AddressInfo address in inside.Addresses())
        {
            if (address.LinkIndex != device.Index || (!address.Address.IsIPv4 && address.Address.IsLinkLocal))
            {
                continue;
            }

            if (address.Address == pa.Address.Value && address.PrefixLength == pa.PrefixLength)
            {
                present = true;
            }
            else
            {
                inside.DeleteAddress(device, address.Address, address.PrefixLength);
            }
        }

        if (!present)
        {
            inside.AddAddress(device, pa.Address.Value, pa.PrefixLength);
        }
    }

    /// <summary>Each PA has a table of its own, led to by its source address; table main gets the same with a metric, for people's own tools.</summary>
    private static void EnsureRoutes(RouteSocket inside, IReadOnlyList<PaInterface> interfaces)
    {
        List<RouteInfo> routes = [];
        List<RuleInfo> rules = [];
        foreach (PaInterface pa in interfaces)
        {
            int link = inside.GetLink(pa.DeviceName).Index;
            uint table = FirstTable + (uint)pa.TeamMember;
            InetAddress address = pa.Address.Value;
            rules.Add(new RuleInfo(IpPrefix.Create(address, address.IsIPv4 ? 32 : 128), table, table));
            uint unset = address.IsIPv4 ? 0u : 1024u;       // what IPv6 makes of "no metric"
            routes.Add(new RouteInfo(IpPrefix.Create(address, pa.PrefixLength), null, link, table, unset, address));
            foreach ((IpPrefix destination, InetAddress hop) in WithDefault(pa))
            {
                routes.Add(new RouteInfo(destination, hop, link, table, unset, address));
                routes.Add(new RouteInfo(destination, hop, link, RouteInfo.MainTable, table, address));
            }
        }

        IReadOnlyList<RouteInfo> present = inside.Routes();
        foreach (RouteInfo route in present.Where(route => route.Protocol == RouteInfo.OursProtocol && !routes.Contains(route)))
        {
            inside.DeleteRoute(route);
        }

        foreach (RouteInfo route in routes.Where(route => !present.Contains(route)))
        {
            inside.SetRoute(route);
        }

        IReadOnlyList<RuleInfo> presentRules = inside.Rules();
        foreach (RuleInfo rule in presentRules.Where(rule => rule.Source is not null && IsOurTable(rule.Table) && !rules.Contains(rule)))
        {
            inside.DeleteRule(rule);
        }

        foreach (RuleInfo rule in rules.Where(rule => !presentRules.Contains(rule)))
        {
            inside.AddRule(rule);
        }
    }

    private static bool IsOurTable(uint table) => table is >= FirstTable and < FirstTable + TableCount;

    private static IEnumerable<(IpPrefix Destination, InetAddress NextHop)> WithDefault(PaInterface pa)
    {
        if (pa.Gateway is InetAddress gateway)
        {
            yield return (IpPrefix.Create(gateway, 0), gateway);
        }

        foreach ((IpPrefix Destination, InetAddress NextHop) route in pa.Routes)
        {
            yield return route;
        }
    }
}
