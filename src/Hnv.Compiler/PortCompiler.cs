using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>Compiles the ports of a host, each by itself: an error closes the port it is found at.</summary>
internal sealed class PortCompiler(
    Dictionary<Vsid, RoutingDomain?> domains, ImmutableArray<ProviderAddress> ownProviders, List<PolicyError> errors)
{
    private readonly PaRouteLayer _paRoute = new(ownProviders);

    public Dictionary<NicId, PortProgram> Compile(ImmutableArray<PortPolicy> ports)
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

            PortProgram? program = errors.Count > before ? null : Compile(port);
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
        CheckAddresses(port, domain, subnet);
        ImmutableArray<Layer> shared = domain.SharedLayers(ownProviders);
        string subject = Subject(port);
        return new PortProgram
        {
            Nic = port.Nic,
            Name = port.Name,
            Vsid = port.Vsid,
            Mac = port.Mac,
            Addresses = port.Addresses,
            Router = domain.RouterMac is { } mac ? new RouterIdentity(mac, subnet.Gateway, domain.Routes) : null,
            Guards = Guards(port.Settings),
            Space = domain.Space,
            Layers =
            [
                AclLayer.Compile(AclLevel.Subnet, port.Rules, subject, errors),
                AclLayer.Compile(AclLevel.NetworkInterface, port.Rules, subject, errors),
                .. shared,
                _paRoute.Compile(port, domain.Space),
            ],
        };
    }

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
            if (address == subnet.Gateway)
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
    };

    private static string Subject(PortPolicy port) => $"networkInterfaces/{port.Name}";

    private static PolicyError Wrong(PortPolicy port, string property, string value, string expected) => new(Subject(port), property, value, expected);
}
