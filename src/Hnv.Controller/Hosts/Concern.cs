using Hnv.Controller.Model;
using Hnv.Controller.Planning;
using Hnv.Controller.Resources;

namespace Hnv.Controller.Hosts;

/// <summary>
/// Which hosts a change can concern. May name too many, never too few: a host sees its own server, the virtual networks that have a
/// port on it with everyone in them, and, for everything else, what all hosts see.
/// </summary>
internal static class Concern
{
    /// <summary>The servers whose policy may differ between two plans; null for all.</summary>
    public static IReadOnlySet<Guid>? Between(FleetPlan before, FleetPlan after)
    {
        var servers = new HashSet<Guid>();
        var networks = new HashSet<string>();
        foreach ((Node? old, Node? now) in after.Snapshot.ChangesSince(before.Snapshot))
        {
            Node either = (now ?? old)!;
            switch (either.Type.Name)
            {
                case VirtualNetworks.Name:
                    networks.Add(either.Key);
                    break;
                case NetworkInterfaces.Name when IsTagged(old, before) || IsTagged(now, after):
                    // On a logical network nothing says who else has rules about the tag.
                    return null;
                case NetworkInterfaces.Name:
                    AddInterface(old, before);
                    AddInterface(now, after);
                    break;
                case AccessControlLists.Name or RouteTables.Name or ServiceInsertions.Name:
                    AddUsers(before, either);
                    AddUsers(after, either);
                    break;
                case Servers.Name:
                    servers.Add(either.InstanceId);
                    networks.UnionWith(before.Networks.NetworksOn(either).Concat(after.Networks.NetworksOn(either)).Select(n => n.Key));
                    break;
                case Credentials.Name or MacPools.Name or SecurityTags.Name:
                case GatewayPools.Name or Gateways.Name or VirtualGateways.Name or VirtualServers.Name or PublicIPAddresses.Name:
                case LoadBalancers.Name or LoadBalancerManager.Name or LoadBalancerMuxes.Name or LearnedIPAddresses.Name:
                case AuditingSettings.Name or IDnsServer.Name or SubnetEgressReset.Name or Multisite.Name or Multisite.PrimaryName:
                case BackupAndRestore.BackupName or BackupAndRestore.RestoreName:
                    // No host is told of these.
                    break;
                default:
                    return null;
            }
        }

        IEnumerable<(PlannedNetworks.Machine? Was, PlannedNetworks.Machine? Is)> machines = after.Networks.Follows(before.Networks)
            ? after.Networks.Changed!
            : after.Networks.Machines.Select(machine => (before.Networks.ByInterface.GetValueOrDefault(machine.Id.Value), (PlannedNetworks.Machine?)machine));
        foreach ((PlannedNetworks.Machine? was, PlannedNetworks.Machine? machine) in machines)
        {
            if (was?.Server != machine?.Server)
            {
                AddMachine(was);
                AddMachine(machine);
            }
        }

        foreach (string network in networks.ToArray())
        {
            networks.UnionWith(PeersOf(before, network).Concat(PeersOf(after, network)));
        }

        foreach (string network in networks)
        {
            servers.UnionWith(before.Networks.ServersIn(network).Concat(after.Networks.ServersIn(network)));
        }

        return servers;

        static bool IsTagged(Node? nic, FleetPlan plan) =>
            nic is not null && nic.References(SecurityTags.Property).Any() && plan.Networks.ByInterface.GetValueOrDefault(nic.InstanceId) is { Network: null };

        // Who has a port in a network also knows everything about the networks that it talks to.
        static IEnumerable<string> PeersOf(FleetPlan plan, string network) =>
            plan.Snapshot.Find(network) is { } node && node.Type.Name == VirtualNetworks.Name ? plan.Networks.Peers(node).Select(peer => peer.Key) : [];

        // One that is nowhere yet is known to nobody, unless rules name it.
        void AddInterface(Node? nic, FleetPlan plan)
        {
            if (nic is not null && plan.Networks.ByInterface.GetValueOrDefault(nic.InstanceId) is { } machine
                && (machine.Server is not null || PlannedNetworks.IsSeenInRules(nic, plan.Snapshot)))
            {
                AddMachine(machine);
            }
        }

        // Everyone in a virtual network sees its machines; one outside is seen by its own host only.
        void AddMachine(PlannedNetworks.Machine? machine)
        {
            if (machine?.Network is { } network)
            {
                networks.Add(network.Key);
            }
            else if (machine?.Server is { } server)
            {
                servers.Add(server);
            }
        }

        // On an interface a list is a matter of its port; on a subnet, of every port in it; for a tag, of the interfaces that carry it.
        void AddUsers(FleetPlan plan, Node list)
        {
            IEnumerable<string> tagged = (plan.Snapshot.Find(list.Ref)?.References(SecurityTags.Property) ?? [])
                .Select(plan.Snapshot.Find).OfType<Node>().SelectMany(tag => SecurityTags.InterfacesOf(tag, plan.Snapshot)).Select(nic => nic.Ref);
            foreach (string user in plan.Snapshot.HoldersOf(list).Select(holder => holder.Ref).Concat(tagged))
            {
                string root = PlanException.RootKeyOf(user);
                if (plan.Snapshot.Find(root) is { } node && plan.Networks.ByInterface.GetValueOrDefault(node.InstanceId)?.Server is { } server)
                {
                    servers.Add(server);
                }

                networks.Add(root);
            }
        }
    }
}
