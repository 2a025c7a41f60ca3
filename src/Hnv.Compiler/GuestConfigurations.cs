using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>What a guest is told by DHCP and router advertisements: all of it follows from policy and from what the provider network leaves.</summary>
internal static class GuestConfigurations
{
    private const int StandardMtu = 1500;
    private const int RoutesMax = 30;

    /// <summary>The server where the router has no address: link-local, so that it is nobody's in any subnet (RFC 3927).</summary>
    private static readonly InetAddress s_serverWithoutGateway = InetAddress.FromIPv4(0xA9FE_A9FE);

    public static GuestConfiguration? Compile(PortPolicy port, RoutingDomain domain, VirtualSubnetPolicy subnet, HostFacts facts)
    {
        // Until the host has been told the router's MAC there is nobody to answer as.
        if (port.Dhcp is not { } dhcp || (domain.RouterMac ?? domain.DisabledRouterMac) is not { } serverMac)
        {
            return null;
        }

        InetAddress? ipv4 = First(port, isIPv4: true);
        ImmutableArray<InetAddress> ipv6 = [.. port.Addresses.Select(address => address.Value).Where(address => !address.IsIPv4)];
        IpPrefix? prefixIPv4 = PrefixOf(subnet, isIPv4: true), prefixIPv6 = PrefixOf(subnet, isIPv4: false);
        CustomerAddress? gateway = domain.RouterMac is null ? null : subnet.GatewayOf(isIPv4: true);
        return new GuestConfiguration
        {
            ServerMac = serverMac,
            ServerIPv4 = gateway?.Value ?? s_serverWithoutGateway,
            IPv4 = ipv4,
            PrefixIPv4 = prefixIPv4,
            IPv6 = ipv6,
            PrefixIPv6 = prefixIPv6,
            IsAutonomous = prefixIPv6 is { Length: 64 } prefix && ipv6.Contains(InetAddress.AutonomousOf(prefix, port.Mac)),
            DnsServers = dhcp.DnsServers,
            DomainName = dhcp.DomainName,
            Mtu = dhcp.Mtu > 0 ? dhcp.Mtu : MtuOf(domain, facts),
            LeaseSeconds = dhcp.LeaseSeconds,

            // A guest with a default route elsewhere still has to find the rest of its network here.
            Routes = gateway is { } router && ipv4 is not null
                ? [.. domain.Network.Subnets.Where(other => other != subnet).SelectMany(other => other.Prefixes)
                    .Where(other => other.Prefix.IsIPv4).Take(RoutesMax).Select(other => (other.Prefix, router.Value))]
                : [],
        };
    }

    /// <summary>What the provider network leaves of an ordinary MTU; 0 when it leaves all of it.</summary>
    private static int MtuOf(RoutingDomain domain, HostFacts facts)
    {
        if (facts.UnderlayMtu == 0)
        {
            return 0;
        }

        int overhead = 0;
        foreach (Mapping mapping in domain.Space.Mappings)
        {
            overhead = Math.Max(overhead, Encapsulations.Overhead(mapping.Encapsulation, mapping.Provider));
        }

        int left = facts.UnderlayMtu - overhead;
        return left < StandardMtu ? left : 0;
    }

    private static InetAddress? First(PortPolicy port, bool isIPv4)
    {
        foreach (CustomerAddress address in port.Addresses)
        {
            if (address.Value.IsIPv4 == isIPv4)
            {
                return address.Value;
            }
        }

        return null;
    }

    private static IpPrefix? PrefixOf(VirtualSubnetPolicy subnet, bool isIPv4) =>
        subnet.Prefixes.Where(prefix => prefix.Prefix.IsIPv4 == isIPv4).Select(prefix => (IpPrefix?)prefix.Prefix).FirstOrDefault();
}
