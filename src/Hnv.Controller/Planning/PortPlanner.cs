using System.Globalization;
using System.Text.Json.Nodes;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Planning;

/// <summary>What a host has to know of one port.</summary>
internal static class PortPlanner
{
    private const int VlanMax = 4094;

    public static PortPolicy Plan(Snapshot snapshot, PlannedNetworks networks, PlannedNetworks.Machine machine)
    {
        JsonNode? settings = machine.Nic.Properties["portSettings"];
        return new PortPolicy(
            machine.Id,
            machine.Nic.Id,
            machine.Vsid,
            machine.Mac,
            machine.Addresses,
            Settings(settings),
            [.. networks.Rules(machine)])
        {
            VlanId = machine.Network is null ? PlanException.Blaming(machine.Subnets[0], () => VlanOf(machine.Subnets[0])) : 0,
            AllowedAddresses = [.. machine.Nic.Texts(NetworkInterfaces.AllowedAddressPrefixes).Select(IpPrefix.Parse)],
            Qos = PortQosSettings.Plan(
                settings?[PortQosSettings.Name],
                VirtualSwitchManager.ReservesByWeight(snapshot),
                VirtualSwitchManager.ReservationsEnabled(snapshot),
                VirtualSwitchManager.DefaultReservation(snapshot)),
            Dhcp = Dhcp(machine),
            Mirrors = [.. networks.Mirrors(machine)],
        };
    }

    private static PortSettings Settings(JsonNode? settings) => settings is null
        ? PortSettings.Default
        : new PortSettings(
            MacSpoofing: (string?)settings["macSpoofingEnabled"] == "Enabled",
            ArpGuard: (string?)settings["arpGuardEnabled"] == "Enabled",
            DhcpGuard: (string?)settings["dhcpGuardEnabled"] == "Enabled",
            StormLimit: (int)((long?)settings["stormLimit"] ?? 0),
            PortFlowLimit: (int)((long?)settings["portFlowLimit"] ?? 0));

    // On a logical network frames pass as they are, and whoever serves DHCP there serves it.
    private static DhcpPolicy? Dhcp(PlannedNetworks.Machine machine)
    {
        if (machine.Network is not { } network)
        {
            return null;
        }

        JsonNode? own = machine.Nic.Properties["dnsSettings"]?["DnsServers"];
        JsonNode? servers = own is JsonArray { Count: > 0 } ? own : network.Properties["dhcpOptions"]?["DnsServers"];
        return DhcpPolicy.Default with { DnsServers = [.. Common.Texts(servers).Select(InetAddress.Parse)] };
    }

    private static int VlanOf(Node subnet)
    {
        int vlan = int.Parse(subnet.Text("vlanID") ?? "0", CultureInfo.InvariantCulture);
        return vlan <= VlanMax ? vlan : throw new FormatException($"vlanID {vlan} is reserved by IEEE 802.1Q. Use 0 to {VlanMax}.");
    }
}
