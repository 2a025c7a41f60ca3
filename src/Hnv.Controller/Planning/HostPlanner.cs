using System.Collections.Immutable;
using System.Globalization;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Planning;

/// <summary>Documents and places in, the policy of one host out. Pure: the same question has the same answer.</summary>
internal static class HostPlanner
{
    /// <summary>Everything one host has to know: its addresses, the networks that have a port there, all of their mappings, its ports.</summary>
    /// <exception cref="PlanException">A resource that the host depends on makes no sense; the host is to keep what it has.</exception>
    public static HostPolicy Plan(Snapshot snapshot, PlannedNetworks networks, Node server)
    {
        networks.ThrowIfDoubtful(server);
        PlannedNetworks.Machine[] here = [.. networks.ByServer[server.InstanceId]];
        Node[] domains = [.. networks.NetworksOf(server)];
        RoutingDomainId[] known = [.. domains.Select(domain => new RoutingDomainId(domain.InstanceId))];
        return new HostPolicy(
            Configuration: 0,
            VirtualNetworkManager.RouterMac(snapshot),
            [.. ProviderAddresses(snapshot, server)],
            [.. domains.Select(domain => Known(networks.Network(domain), known))],
            networks.Mappings(domains),
            [.. here.Select(networks.Port)])
        {
            Settings = Settings(snapshot, server),
            Teams = networks.Teams(domains),
        };
    }

    // A peer's own peers are none of this host's business unless they are here for a reason of their own.
    private static VirtualNetworkPolicy Known(VirtualNetworkPolicy network, RoutingDomainId[] known) =>
        network.Peers.All(known.Contains) ? network : network with { Peers = [.. network.Peers.Where(known.Contains)] };

    private static HostSettings Settings(Snapshot snapshot, Node server) => new(
        VirtualSwitchManager.PortDefault(snapshot), VirtualNetworkManager.OuterDscp(snapshot), LinkMbps(snapshot, server));

    // Inventory as its owner wrote it, bit/s; what does not read as a number is unknown.
    private static int LinkMbps(Snapshot snapshot, Node server)
    {
        const long BitsPerMegabit = 1_000_000;
        UInt128 bits = 0;
        foreach (Node nic in server.ChildrenOf(Servers.Interfaces).Where(nic => nic.Properties[Servers.ProviderAddress] is not null))
        {
            if (!ulong.TryParse(nic.Text("interfaceSpeed"), NumberStyles.None, CultureInfo.InvariantCulture, out ulong speed))
            {
                return 0;
            }

            bits += speed;
        }

        return (int)UInt128.Min(bits * (uint)VirtualSwitchManager.LinkSpeedPercentage(snapshot) / 100 / BitsPerMegabit, int.MaxValue);
    }

    private static IEnumerable<ProviderAddressPolicy> ProviderAddresses(Snapshot snapshot, Node server)
    {
        int member = 0;
        foreach (Node nic in server.ChildrenOf(Servers.Interfaces))
        {
            if (nic.Properties[Servers.ProviderAddress] is { } given
                && snapshot.Find((string?)given["logicalSubnet"]) is { } subnet && subnet.Prefix("addressPrefix") is { } prefix)
            {
                int number = member;
                yield return PlanException.Blaming(nic, () => Address(nic, subnet, prefix, number));
                member++;
            }
        }
    }

    private static ProviderAddressPolicy Address(Node nic, Node subnet, IpPrefix prefix, int member) => new(
        member,
        ProviderAddress.Parse((string)nic.Properties[Servers.ProviderAddress]!["address"]!),
        prefix,
        MacAddress.Parse((string)nic.Properties[Servers.ProviderAddress]!["macAddress"]!),
        PlanException.Blaming(subnet, () => int.Parse(subnet.Text("vlanID") ?? "0", CultureInfo.InvariantCulture)),
        subnet.Texts("defaultGateways").Select(g => (InetAddress?)InetAddress.Parse(g)).FirstOrDefault(),
        [.. Routes(subnet)]);

    private static IEnumerable<ProviderRoute> Routes(Node subnet) =>
        from route in subnet.ChildrenOf(LogicalNetworks.Routes)
        let destination = route.Prefix("destination")
        let nextHop = route.Address("nextHop")
        where destination is not null && nextHop is not null
        select new ProviderRoute(destination.Value, nextHop.Value);
}
