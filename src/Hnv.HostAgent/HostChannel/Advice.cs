using Hnv.Vfp;

namespace Hnv.HostAgent.HostChannel;

/// <summary>Why a packet was dropped, in a sentence, and what to try about it.</summary>
internal static class Advice
{
    /// <summary>The reason in words.</summary>
    public static string Sentence(DropReason reason) => reason switch
    {
        DropReason.ArpGuard => "the ARP or neighbour message speaks for an address or MAC that is not the port's own",
        DropReason.ArpLimiter => "the port has asked for more addresses in this second than it may",
        DropReason.DhcpGuard => "the guest answers DHCP and may not",
        DropReason.DhcpLimiter => "the port has asked DHCP or for routers more often in this second than it may",
        DropReason.DhcpFilter => "it is a DHCP message or a router solicitation that the host has no answer to",
        DropReason.RouterGuard => "the guest speaks as a router and may not",
        DropReason.BroadcastBlocked => "broadcast is blocked here",
        DropReason.NonIPBlocked => "the frame is neither ARP nor IP",
        DropReason.ArpFilter => "policy does not know the address that is asked for, or the message is no question: it gets no answer",
        DropReason.IPv4Guard or DropReason.IPv6Guard => "the source address is not the port's own",
        DropReason.MacGuard => "the source MAC is not the port's own",
        DropReason.NoDestinationsBroadcast => "the virtual subnet has no other member",
        DropReason.NoDestinationUnicast => "policy maps the destination to no host",
        DropReason.DestinationPortNotReady => "the destination lives on this host, and no device is plugged into its port",
        DropReason.InvalidPacket => "the packet contradicts itself",
        DropReason.Acl => "a firewall rule blocks it",
        DropReason.NoRoute => "the distributed router has no route to the destination",
        DropReason.TtlExpired => "its TTL ran out at the distributed router",
        DropReason.UnknownVsid => "no port of this host is in the virtual subnet of that VSID",
        DropReason.UnknownProviderAddress => "the outer source is no provider address that policy knows for that VSID",
        DropReason.WrongInnerDestination => "the inner destination MAC is no port of that virtual subnet on this host",
        DropReason.VlanTagged => "the tenant's frame carries a VLAN tag",
        DropReason.InvalidEncapsulation => "the VXLAN or NVGRE header is not one we accept",
        DropReason.NoPolicy => "the port has no policy, or one that contradicts itself, and so drops everything",
        DropReason.NoProviderAddress => "this host has no provider address that could send it",
        DropReason.MtuExceeded => "with its encapsulation it is too long for the provider network, and nobody may be told",
        DropReason.FlowLimit => "the port holds as many conversations as it may",
        DropReason.StormLimit => "the guest sends more broadcast and multicast than it may",
        DropReason.TransmitQueueFull => "the destination device took no more",
        DropReason.AddressResolutionFromUnderlay => "ARP and neighbour messages are answered where they are asked, and never come over the provider network",
        DropReason.EcnNotCapable => "the provider network was congested and the sender does not understand ECN",
        DropReason.FragmentWithoutFirst => "the first fragment of its datagram has not been seen",
        DropReason.RouteDrop => "a route of the user discards it",
        DropReason.NatExhausted => "the pool of the source translation has no free port",
        DropReason.NatNoState => "it would need a translation, and cannot begin one",
        DropReason.HalfOpenLimit => "more TCP connections wait for an answer than the port may have",
        DropReason.IcmpLimit => "the router has said as many ICMP errors as it may in this second",
        DropReason.RateLimit => "it is beyond the port's bandwidth",
        DropReason.PuntLimit => "the host was asked about more new flows than it may be",
        DropReason.UnknownVlan => "no port of this host is in that VLAN with that MAC",
        _ => reason.ToString(),
    };

    /// <summary>What to try; null when nothing is wrong but the packet.</summary>
    public static string? Try(DropReason reason) => reason switch
    {
        DropReason.ArpGuard => "Give the guest the address that its networkInterfaces resource has, or allow the other one there (allowedAddressPrefixes).",
        DropReason.DhcpGuard => "Switch portSettings.dhcpGuardEnabled off if this machine is meant to be a DHCP server.",
        DropReason.DhcpFilter => "Has the network interface an address of that family? hnv port list shows its addresses.",
        DropReason.ArpFilter => "Does the address exist? hnv mappings shows what is known. A machine of another network is reached through the gateway.",
        DropReason.IPv4Guard or DropReason.IPv6Guard =>
            "Let the guest use the address of its networkInterfaces resource, allow others there (allowedAddressPrefixes), or switch portSettings.macSpoofingEnabled on.",
        DropReason.MacGuard => "Give the guest's device the MAC of its networkInterfaces resource, or switch portSettings.macSpoofingEnabled on.",
        DropReason.NoDestinationUnicast => "Is the other machine's interface attached? hnv mappings shows who is behind which host, hnv port list what is plugged in.",
        DropReason.NoDestinationsBroadcast => "Attach another machine to the virtual subnet.",
        DropReason.DestinationPortNotReady => "Attach a device: hnv port attach DEVICE --nic RESOURCE_ID.",
        DropReason.Acl => "Change that rule, or put one with a smaller priority before it that allows the packet: hnv put /accessControlLists/ID/aclRules/RULE.",
        DropReason.NoRoute => "Add a subnet, a peering (virtualNetworkPeerings) or a route (routeTables) for the destination; networks of their own are meant to be apart.",
        DropReason.RouteDrop => "Remove the route with nextHopType None from the subnet's routeTables resource.",
        DropReason.UnknownVsid or DropReason.WrongInnerDestination => "The sender's host believes the machine to be here: compare hnv mappings on both hosts, and hnv port list.",
        DropReason.UnknownProviderAddress => "Compare hnv mappings with hnv status: does this host know the sender's provider address?",
        DropReason.NoPolicy => "hnv port list says what is wrong with the port.",
        DropReason.NoProviderAddress => "hnv status shows the host's provider addresses and what became of them.",
        DropReason.MtuExceeded => "Let the guest use a smaller MTU, or give the provider network a larger one (1674 carries 1500).",
        DropReason.FlowLimit => "Raise portSettings.portFlowLimit, or look for a scan: hnv flows PORT.",
        DropReason.NatExhausted => "Give the translation more addresses or ports; hnv vfp list-nat-range --port PORT shows how far they are used.",
        DropReason.FragmentWithoutFirst => "Send smaller packets, or the first fragment first.",
        DropReason.VlanTagged => "Remove the VLAN interface in the guest.",
        DropReason.HalfOpenLimit => "Look for a scan: hnv flows PORT.",
        _ => null,
    };
}
