using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>Compiles the ports of a host, each by itself: an error closes the port it is found at.</summary>
internal sealed class PortCompiler(
    Dictionary<Vsid, RoutingDomain?> domains, ImmutableArray<ProviderAddress> ownProviders, HostPolicy policy, HostFacts facts, List<PolicyError> errors)
{
    private const int HalfOpenLimitMin = 64;
    private readonly PaRouteLayer _paRoute = new(ownProviders, policy.Teams);

    /// <param name="ports">All ports of the host.</param>
    /// <param name="known">The program of a port that nothing has changed for; null for the others.</param>
    public Dictionary<NicId, PortProgram> Compile(ImmutableArray<PortPolicy> ports, Func<PortPolicy, PortProgram?> known)
    {
        Dictionary<NicId, PortProgram> programs = new(ports.Length);
        HashSet<(Vsid, MacAddress)> twice = [.. ports
            .GroupBy(port => (port.Vsid, port.Mac))
            .Where(group => group.Count() > 1)
            .Select(group => group.Key)];
        foreach (PortPolicy port in ports)
        {
            int before = errors.Count;
            if (programs.ContainsKey(port.Nic))
            {
                errors.Add(Wrong(port, "instanceId", port.Nic.ToString(), "is that of another network interface of this host too"));
            }
            else if (twice.Contains((port.Vsid, port.Mac)))
            {
                errors.Add(Wrong(port, "privateMacAddress", port.Mac.ToString(), $"is that of another interface in VSID {port.Vsid} on this host; give each its own"));
            }

            PortProgram? program = errors.Count > before ? null : known(port) ?? (port.IsVirtualized ? Compile(port) : CompilePlain(port));
            programs[port.Nic] = program is null || errors.Count > before ? PortProgram.FailClosed(port.Nic, port.Name) : program;
        }

        return programs;
    }

    private PortProgram? Compile(PortPolicy port)
    {
        if (!domains.TryGetValue(port.Vsid, out RoutingDomain? domain))
        {
            errors.Add(Wrong(port, "VSID", port.Vsid.ToString(), "belongs to no virtual network of this host's policy; attach the interface to a subnet that exists"));
            return null;
        }

        if (domain is null)
        {
            errors.Add(Wrong(port, "VSID", port.Vsid.ToString(), "belongs to a virtual network whose policy is wrong; put that right first"));
            return null;
        }

        VirtualSubnetPolicy subnet = domain.Subnets[port.Vsid];
        if (domain.Broken.Contains(port.Vsid))
        {
            errors.Add(Wrong(port, "VSID", port.Vsid.ToString(), $"is that of {RoutingDomain.Name(domain.Network, subnet)}, whose routes are wrong; put them right first"));
            return null;
        }

        CheckAddresses(port, domain, subnet);
        string subject = Subject(port);
        PortRates rates = QosLayer.Rates(port, subject, errors);
        (Layer meter, ImmutableArray<Layer> routing) = domain.SharedLayers(subnet, ownProviders, policy.Settings.OuterDscp, facts);
        return new PortProgram
        {
            Nic = port.Nic,
            Name = port.Name,
            Vsid = port.Vsid,
            Mac = port.Mac,
            Addresses = port.Addresses,
            AllowedAddresses = port.AllowedAddresses,
            VirtualAddresses = NatLayer.VirtualAddresses(port),
            Configuration = GuestConfigurations.Compile(port, domain, subnet, facts),
            Rates = rates,
            Router = domain.RouterMac is { } mac
                ? new RouterIdentity(mac, subnet.GatewayOf(isIPv4: true), subnet.GatewayOf(isIPv4: false), domain.RoutesOf(subnet))
                : null,
            Guards = Guards(port.Settings),
            Space = domain.Space,
            Layers =
            [
                .. Optional(QosLayer.Compile(rates)),
                .. Optional(MirrorLayer.Compile(port, domains, ownProviders, facts, subject, errors)),
                .. FirewallLayers(port, subject),
                meter,
                NatLayer.Compile(port, subject, errors),
                .. routing,
                _paRoute.Compile(port, domain.Space),
            ],
        };
    }

    /// <summary>A port without a VSID: frames pass as they are, by MAC and VLAN, behind the firewall of the interface (R17, R18).</summary>
    private PortProgram CompilePlain(PortPolicy port)
    {
        if (port.Mac.IsMulticast || port.Mac == default)
        {
            errors.Add(Wrong(port, "privateMacAddress", port.Mac.ToString(), "must be the address of one adapter: no group address, not zero"));
        }

        if (port.VlanId is < 0 or > 4094)
        {
            errors.Add(Wrong(port, "vlanID", port.VlanId.ToString(System.Globalization.CultureInfo.InvariantCulture), "must be 1 … 4094, or 0 for untagged"));
        }

        string subject = Subject(port);
        if (!port.Nat.IsEmpty)
        {
            errors.Add(Wrong(port, "natRules", $"({port.Nat.Length})", "need a virtual subnet; a port of a logical network passes addresses as they are"));
        }

        PortRates rates = QosLayer.Rates(port, subject, errors);
        return new PortProgram
        {
            Nic = port.Nic,
            Name = port.Name,
            Vsid = default,
            VlanId = port.VlanId,
            Mac = port.Mac,
            Addresses = port.Addresses,
            Rates = rates,
            Guards = Guards(port.Settings),
            Layers =
            [
                .. Optional(QosLayer.Compile(rates)),
                .. Optional(MirrorLayer.Compile(port, domains, ownProviders, facts, subject, errors)),
                .. FirewallLayers(port, subject),
            ],
        };
    }

    private IEnumerable<Layer> FirewallLayers(PortPolicy port, string subject) => policy.Settings.PortDefault switch
    {
        PortDefaultState.AllowTraffic => [],
        PortDefaultState.BlockTraffic when port.Rules.IsEmpty => [AclLayer.BlockAll, AclLayer.Compile(AclLevel.NetworkInterface, [], subject, errors)],
        _ => [AclLayer.Compile(AclLevel.Subnet, port.Rules, subject, errors), AclLayer.Compile(AclLevel.NetworkInterface, port.Rules, subject, errors)],
    };

    private static IEnumerable<Layer> Optional(Layer? layer) => layer is null ? [] : [layer];

    private void CheckAddresses(PortPolicy port, RoutingDomain domain, VirtualSubnetPolicy subnet)
    {
        if (port.Mac.IsMulticast || port.Mac == default || port.Mac == domain.RouterMac)
        {
            errors.Add(Wrong(port, "privateMacAddress", port.Mac.ToString(), "must be the address of one adapter: no group address, not zero, not the router's"));
        }

        if (port.Addresses.IsDefaultOrEmpty)
        {
            errors.Add(Wrong(port, "privateIPAddress", "(none)", $"an interface needs an address of {subnet.Prefix}"));
            return;
        }

        foreach (CustomerAddress address in port.Addresses)
        {
            if (subnet.GatewayOf(address.Value.IsIPv4) == address)
            {
                errors.Add(Wrong(port, "privateIPAddress", address.ToString(), $"is the gateway of {RoutingDomain.Name(domain.Network, subnet)}; use another address of {subnet.Prefix}"));
            }
            else if (!domain.Space.TryFind(port.Vsid, address, out Mapping mapping))
            {
                errors.Add(Wrong(port, "privateIPAddress", address.ToString(), $"has no CA-PA mapping in VSID {port.Vsid}; the network controller has to send one with the port"));
            }
            else if (mapping.Mac != port.Mac)
            {
                errors.Add(Wrong(port, "privateIPAddress", address.ToString(), $"is mapped to {mapping.Mac} in VSID {port.Vsid}, but the interface is {port.Mac}"));
            }
        }
    }

    private static PortGuards Guards(PortSettings settings) => new()
    {
        MaySpoof = settings.MacSpoofing,
        ArpGuard = settings.ArpGuard,
        DhcpGuard = settings.DhcpGuard,
        StormLimit = settings.StormLimit,
        FlowLimit = settings.PortFlowLimit,
        HalfOpenLimit = Math.Max(HalfOpenLimitMin, (settings.PortFlowLimit > 0 ? settings.PortFlowLimit : PortFlows.DefaultFlowLimit) / 2),
    };

    private static string Subject(PortPolicy port) => $"networkInterfaces/{port.Name}";

    private static PolicyError Wrong(PortPolicy port, string property, string value, string expected) => new(Subject(port), property, value, expected);
}
