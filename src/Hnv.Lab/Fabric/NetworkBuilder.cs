using System.Text;
using Hnv.Lab.Topology;
using Hnv.Primitives;

namespace Hnv.Lab.Fabric;

/// <summary>
/// Makes the namespaces and cables of a lab. Every device is born in its namespace: the root namespace never sees one.
/// <code>
///   controller ── tor ──┬─ (bridge of pa-1) ── eth0 host1 ── contoso-sql ── eth0 (machine)
///                       └─ (bridge of pa-2) ── eth0 host2 ── contoso-web ── eth0 (machine)
/// </code>
/// </summary>
internal static class NetworkBuilder
{
    /// <summary>The cable between controller and router: benchmarking addresses (RFC 2544), so that no lab file wants them.</summary>
    public const string ControllerAddress = "198.18.0.2";

    private const string ControllerGateway = "198.18.0.1";

    /// <summary>The same in IPv6 (RFC 5180), for hosts whose own addresses are.</summary>
    private const string ControllerIPv6Address = "2001:2::2";

    private const string ControllerIPv6Gateway = "2001:2::1";
    private const int Parallel = 4;

    public static async Task BuildAsync(LabTopology lab, LabNames names, CancellationToken cancellation)
    {
        await IpAsync(null, Namespaces(lab, names).Select(name => $"netns add {name}"), cancellation);
        await IpAsync(names.TopOfRack, TopOfRack(lab, names), cancellation);
        await ForwardAsync(names.TopOfRack, cancellation);

        List<(string Namespace, IEnumerable<string> Lines)> inside =
        [
            (names.Controller, Controller()),
            .. lab.Vteps.Select(vtep => (names.Namespace(vtep.Name), Vtep(lab, vtep))),
        ];
        foreach (LabHost host in lab.Hosts)
        {
            inside.Add((names.Namespace(host.Name), Host(lab, host, names)));
        }

        // Hosts first: a machine's cable is born in its host.
        ParallelOptions options = new() { MaxDegreeOfParallelism = Parallel, CancellationToken = cancellation };
        await System.Threading.Tasks.Parallel.ForEachAsync(inside, options, async (n, c) => await IpAsync(n.Namespace, n.Lines, c));
        await System.Threading.Tasks.Parallel.ForEachAsync(
            lab.Machines.Where(machine => lab.Vteps.All(vtep => vtep.Name != machine.Host)),
            options,
            async (machine, c) => await MachineAsync(machine, names, c));
    }

    /// <summary>Moves a machine's cables from the host it is plugged into to another.</summary>
    public static async Task MoveAsync(LabMachine machine, string from, string to, LabNames names, CancellationToken cancellation)
    {
        await IpAsync(names.Namespace(from), machine.Adapters.Select(a => $"link set dev {a.Device} netns {names.Namespace(to)}"), cancellation);
        await IpAsync(names.Namespace(to), machine.Adapters.Select(a => $"link set dev {a.Device} up"), cancellation);
    }

    /// <summary>Runs lines of <c>ip -batch</c> in one go.</summary>
    public static async Task IpAsync(string? inNamespace, IEnumerable<string> lines, CancellationToken cancellation)
    {
        StringBuilder batch = new();
        foreach (string line in lines)
        {
            batch.Append(line).Append('\n');
        }

        if (batch.Length > 0)
        {
            string[] arguments = inNamespace is null ? ["-batch", "-"] : ["-n", inNamespace, "-batch", "-"];
            await Tool.RunAsync("ip", arguments, batch.ToString(), cancellation);
        }
    }

    private static IEnumerable<string> Namespaces(LabTopology lab, LabNames names) =>
        new[] { names.TopOfRack, names.Controller }
            .Concat(lab.Hosts.Select(host => names.Namespace(host.Name)))
            .Concat(lab.Vteps.Select(vtep => names.Namespace(vtep.Name)))
            .Concat(lab.Machines.Where(machine => lab.Vteps.All(vtep => vtep.Name != machine.Host)).Select(machine => names.Namespace(machine.Name)));

    private static IEnumerable<string> TopOfRack(LabTopology lab, LabNames names)
    {
        yield return "link set dev lo up";
        yield return $"link add name ctl type veth peer name eth0 netns {names.Controller}";
        yield return $"addr add {ControllerGateway}/30 dev ctl";
        yield return $"addr add {ControllerIPv6Gateway}/126 dev ctl nodad";
        yield return "link set dev ctl addrgenmode none up";
        for (int i = 0; i < lab.ProviderSubnets.Count; i++)
        {
            ProviderSubnet subnet = lab.ProviderSubnets[i];
            (string Name, string Peer, string Namespace)[] cables =
            [
                .. lab.Hosts.Where(host => host.Subnet == subnet).SelectMany(host => host.Uplinks.Select((uplink, member) =>
                    (member == 0 ? host.Name : $"{host.Name}.{member}", uplink, names.Namespace(host.Name)))),
                .. lab.Vteps.Where(vtep => vtep.Subnet == subnet).Select(vtep => (vtep.Name, "eth0", names.Namespace(vtep.Name))),
            ];
            foreach ((string name, string peer, string inNamespace) in cables)
            {
                yield return $"link add name {name} mtu {lab.UnderlayMtu} type veth peer name {peer} mtu {lab.UnderlayMtu} netns {inNamespace}";
            }

            if (cables.Length == 1)
            {
                // A bridge between router and cable would cut tunnelled super-packets apart, which no wire does.
                yield return $"link property add dev {cables[0].Name} altname sub{i}";
            }
            else
            {
                yield return $"link add name sub{i} mtu {lab.UnderlayMtu} type bridge mcast_snooping 0";
                foreach ((string name, _, _) in cables)
                {
                    yield return $"link set dev {name} master sub{i}";
                    yield return $"link set dev {name} addrgenmode none up";
                }
            }

            yield return Address(subnet.Gateway, subnet.Prefix, $"sub{i}");
            if (!subnet.Gateway.IsIPv4)
            {
                // A router asks for the neighbour of what it forwards from its link-local address, and without one not at all (RFC 4861 section 7.2.2).
                yield return $"addr add fe80::1/64 dev sub{i} nodad";
            }

            yield return $"link set dev sub{i} addrgenmode none up";
        }
    }

    private static IEnumerable<string> Controller() =>
    [
        .. Endpoint($"addr add {ControllerAddress}/30 dev eth0", ControllerGateway),
        $"addr add {ControllerIPv6Address}/126 dev eth0 nodad",
        $"route add default via {ControllerIPv6Gateway}",
    ];

    private static IEnumerable<string> Endpoint(string address, string gateway) =>
    [
        "link set dev lo up",
        "link set dev eth0 addrgenmode none up",
        address,
        $"route add default via {gateway}",
    ];

    private static IEnumerable<string> Host(LabTopology lab, LabHost host, LabNames names) =>
    [
        .. Endpoint(Address(host.Address, host.Subnet.Prefix, "eth0"), host.Subnet.Gateway.ToString()),
        .. host.Uplinks.Skip(1).Select(uplink => $"link set dev {uplink} addrgenmode none up"),
        .. lab.Machines.Where(machine => machine.Host == host.Name).SelectMany(machine => machine.Adapters.SelectMany(adapter => new[]
        {
            $"link add name {adapter.Device} mtu {lab.GuestMtu} type veth peer name {adapter.Interface} "
                + $"mtu {lab.GuestMtu} address {Colons(adapter)} netns {names.Namespace(machine.Name)}",
            $"link set dev {adapter.Device} addrgenmode none up",
        })),
    ];

    private static async Task MachineAsync(LabMachine machine, LabNames names, CancellationToken cancellation)
    {
        // What an administrator writes is all there is: an advertisement must not add to it.
        string[] deaf = [.. machine.Adapters.Where(a => a.HasIPv6 && a.Assignment is AddressAssignment.Static or AddressAssignment.None).Select(a => a.Interface)];
        if (deaf.Length > 0)
        {
            await SysctlAsync(names.Namespace(machine.Name), deaf.Select(device => $"ipv6/conf/{device}/accept_ra=0"), cancellation);
        }

        if (machine.Forwards)
        {
            await ForwardAsync(names.Namespace(machine.Name), cancellation);
        }

        await IpAsync(names.Namespace(machine.Name), Machine(machine), cancellation);
    }

    private static IEnumerable<string> Machine(LabMachine machine)
    {
        yield return "link set dev lo up";
        foreach (LabAdapter adapter in machine.Adapters)
        {
            // A stock machine with IPv6 has a link-local address and speaks from it; one without is quiet, as captures like it.
            yield return $"link set dev {adapter.Interface} addrgenmode {(adapter.HasIPv6 ? "eui64" : "none")} up";
            foreach ((InetAddress address, IpPrefix prefix) in Written(adapter))
            {
                yield return Address(address, prefix, adapter.Interface);
            }
        }

        // One default route for each family, over the first adapter that has it.
        IEnumerable<(string Interface, IpPrefix Prefix)> written = machine.Adapters.SelectMany(adapter => Written(adapter).Select(a => (adapter.Interface, a.Prefix)));
        foreach ((string device, IpPrefix prefix) in written.GroupBy(w => w.Prefix.IsIPv4).Select(family => family.First()))
        {
            yield return $"route add default via {LabSubnet.GatewayOf(prefix)} dev {device}";
        }
    }

    /// <summary>The addresses that the lab itself writes into a machine.</summary>
    private static IEnumerable<(InetAddress Address, IpPrefix Prefix)> Written(LabAdapter adapter) => adapter.Assignment switch
    {
        AddressAssignment.Static => adapter.Addresses,
        AddressAssignment.Slaac => adapter.Addresses.Where(a => a.Address.IsIPv4),
        _ => [],
    };

    /// <summary>Duplicate address detection would keep an address of ours unusable for a second, and find nothing.</summary>
    private static string Address(InetAddress address, IpPrefix prefix, string device) =>
        $"addr add {address}/{prefix.Length} dev {device}{(address.IsIPv4 ? "" : " nodad")}";

    private static IEnumerable<string> Vtep(LabTopology lab, LabVtep vtep)
    {
        foreach (string line in Endpoint(Address(vtep.Address, vtep.Subnet.Prefix, "eth0"), vtep.Subnet.Gateway.ToString()))
        {
            yield return line;
        }

        foreach (LabAdapter adapter in lab.Machines.Where(machine => machine.Host == vtep.Name).SelectMany(machine => machine.Adapters).Take(1))
        {
            string id = adapter.Subnet.Vsid?.ToString()
                ?? throw new LabException($"VTEP {vtep.Name} needs to know its VSID: give subnet {adapter.Subnet.FullName} a vsid in the lab file.");
            yield return $"link add name vxlan0 mtu {lab.GuestMtu} address {Colons(adapter)} type vxlan id {id} local {vtep.Address} dstport 4789 nolearning";
            yield return Address(adapter.Address, adapter.Subnet.Prefix, "vxlan0");
            yield return "link set dev vxlan0 addrgenmode none up";
        }
    }

    /// <summary>A router forwards, takes asymmetric paths, and keeps to itself that there may be a shorter one.</summary>
    public static Task<string> ForwardAsync(string inNamespace, CancellationToken cancellation) =>
        SysctlAsync(
            inNamespace,
            ["ipv4/ip_forward=1", "ipv6/conf/all/forwarding=1", "ipv4/conf/*/rp_filter=0", "ipv4/conf/*/send_redirects=0"],
            cancellation);

    /// <summary>Writes settings below <c>/proc/sys/net</c>, each <c>path=value</c>; a path may be a pattern.</summary>
    public static Task<string> SysctlAsync(string inNamespace, IEnumerable<string> settings, CancellationToken cancellation) =>
        Tool.RunAsync(
            "nsenter",
            [
                $"--net={LabNames.NamespaceDirectory}/{inNamespace}", "sh", "-ec",
                "cd /proc/sys/net; for s; do for f in ${s%%=*}; do echo ${s#*=} >$f; done; done", "sh", .. settings,
            ],
            null,
            cancellation);

    private static string Colons(LabAdapter adapter) => adapter.Mac.ToString().Replace('-', ':');
}
