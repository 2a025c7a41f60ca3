using System.Text.Json.Nodes;
using Hnv.Contracts.HostChannel;
using Hnv.Controller.Model;

namespace Hnv.Controller.Resources;

/// <summary>Counters as documents have them (northbound 5.3), and the bytes that leave a virtual subnet (7.18).</summary>
internal static class Counters
{
    /// <summary>Bytes that the interfaces of a subnet sent out of their networks, and within them.</summary>
    public readonly record struct Egress(long Billed, long Unbilled);

    /// <summary>The 16 counters of a network interface; an empty list while they are not known.</summary>
    public static JsonArray OfInterface(NicTotals? totals)
    {
        JsonArray counters = [];
        foreach ((string suffix, NicDirectionCounters? counts) in new[] { ("Out", totals?.Out), ("In", totals?.In) })
        {
            if (counts is not null)
            {
                counters.Add(Counter($"TotalPackets{suffix}", counts.Total));
                counters.Add(Counter($"DropPackets{suffix}", counts.Drop));
                counters.Add(Counter($"DropNoRuleMatchPackets{suffix}", counts.DropNoRuleMatch));
                counters.Add(Counter($"DropAclPackets{suffix}", counts.DropAcl));
                counters.Add(Counter($"DropForwardingPackets{suffix}", counts.DropForwarding));
                counters.Add(Counter($"TcpSynPackets{suffix}", counts.TcpSyn));
                counters.Add(Counter($"TcpFinPackets{suffix}", counts.TcpFin));
                counters.Add(Counter($"TcpResetPackets{suffix}", counts.TcpReset));
            }
        }

        return counters;
    }

    /// <summary>One counter of the network.</summary>
    public static JsonObject Counter(string name, long value) => new()
    {
        ["name"] = name,
        ["unit"] = "Decimal",
        ["currentValue"] = value,
        ["context"] = new JsonObject { ["source"] = "VirtualNetworkManager", ["category"] = "Performance" },
    };

    /// <summary>What the interfaces of a subnet sent since the last reset; null while that of one of them is not known.</summary>
    public static Egress? OfSubnet(Node subnet, Snapshot snapshot, ILiveState? live)
    {
        if (live is null)
        {
            return null;
        }

        JsonObject? bases = SubnetEgressReset.Bases(snapshot);
        Egress sum = default;
        foreach (Node nic in InterfacesOf(subnet, snapshot))
        {
            if (live.CountersOf(nic) is { } totals)
            {
                // A host that lost its counts is behind what was reset; it has sent nothing since, then.
                Egress past = SubnetEgressReset.BaseOf(nic, bases);
                sum = new Egress(sum.Billed + Math.Max(0, totals.BilledBytes - past.Billed), sum.Unbilled + Math.Max(0, totals.UnbilledBytes - past.Unbilled));
            }
            else if (live.ServerOf(nic) is not null)
            {
                return null;
            }
        }

        return sum;
    }

    /// <summary>The network interfaces that have an address in a subnet.</summary>
    public static IEnumerable<Node> InterfacesOf(Node subnet, Snapshot snapshot)
    {
        // Holders are in order, and those of one interface side by side.
        Node? last = null;
        foreach (Holder holder in snapshot.HoldersOf(subnet))
        {
            if (holder.Path == NetworkInterfaces.IpConfigurationPath && snapshot.FindRoot(holder.Ref) is { } nic && nic != last)
            {
                last = nic;
                yield return nic;
            }
        }
    }
}
