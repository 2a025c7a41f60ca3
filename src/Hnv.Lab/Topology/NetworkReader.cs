using Hnv.Primitives;

namespace Hnv.Lab.Topology;

/// <summary>Names of the things that subnets and adapters refer to.</summary>
internal sealed record AttachableNames(IReadOnlyCollection<string> Acls, IReadOnlyCollection<string> RouteTables, IReadOnlyCollection<string> Mirrors);

/// <summary>Reads what a lab file says about networks: the tenants' and the provider's own, route tables and mirrors.</summary>
/// <param name="reader">Makes a reader of one mapping.</param>
/// <param name="refuseOverlap">Refuses prefixes that overlap.</param>
internal sealed class NetworkReader(MachineReader.MakeReader reader, Action<IEnumerable<(IpPrefix Prefix, string Name)>, int, string> refuseOverlap)
{
    private const int NameMax = 60;

    /// <summary>A virtual network.</summary>
    public LabNetwork ReadVirtual(LabNode node, AttachableNames names)
    {
        NodeReader network = reader(node, "a network", "name", "owner", "subnets", "peers", "dns");
        string name = network.Name("name", NameMax);
        return new LabNetwork(name, network.Text("owner", name), ReadSubnets(network, name, item => ReadSubnet(item, name, names)))
        {
            Peers = network.Values<string>("peers", (string text, out string peer) => (peer = text).Length > 0, "the name of a network"),
            Dns = network.Values<InetAddress>("dns", InetAddress.TryParse, "an IP address"),
        };
    }

    /// <summary>A network of the provider that machines may be plugged into.</summary>
    public LabNetwork ReadLogical(LabNode node)
    {
        NodeReader network = reader(node, "a logical network", "name", "subnets");
        string name = network.Name("name", NameMax);
        return new LabNetwork(name, "", ReadSubnets(network, name, item =>
        {
            NodeReader subnet = reader(item, $"a subnet of {name}", "name", "prefix", "vlan");
            return new LabSubnet(name, subnet.Name("name", NameMax), subnet.Prefix("prefix"), null, null) { Vlan = subnet.Number("vlan", 0, 4094, 0) };
        }));
    }

    public LabRouteTable ReadRouteTable(LabNode node)
    {
        NodeReader table = reader(node, "a route table", "name", "routes");
        string name = table.Name("name", NameMax);
        List<LabRoute> routes = [];
        foreach (LabNode item in table.Items("routes"))
        {
            if (!LabRoute.TryParse((item as LabNode.Scalar)?.Value ?? "", out LabRoute? route, out string mistake))
            {
                table.Fail(item.Line, mistake);
            }
            else if (routes.Any(other => other.Prefix == route!.Prefix))
            {
                table.Fail(item.Line, $"{route!.Prefix} is there twice in route table {name}");
            }
            else
            {
                routes.Add(route!);
            }
        }

        return new LabRouteTable(name, routes);
    }

    public LabMirror ReadMirror(LabNode node)
    {
        NodeReader mirror = reader(node, "a mirror", "name", "to", "rules");
        IReadOnlyList<LabMirrorRule> rules = [.. mirror.Items("rules").Select(item =>
        {
            NodeReader rule = reader(item, "a rule of a mirror", "protocol", "from", "to", "port");
            return new LabMirrorRule(rule.Word("protocol", MirrorProtocol.All), Prefix(rule, "from"), Prefix(rule, "to"), rule.Number("port", 0, ushort.MaxValue, 0));
        })];
        return new LabMirror(mirror.Name("name", NameMax), mirror.Text("to"), rules.Count > 0 ? rules : [new LabMirrorRule(MirrorProtocol.All, "*", "*", 0)]);
    }

    private List<LabSubnet> ReadSubnets(NodeReader network, string name, Func<LabNode, LabSubnet> read)
    {
        List<LabSubnet> subnets = [];
        foreach (LabNode item in network.Items("subnets"))
        {
            LabSubnet subnet = read(item);
            if (subnets.Any(other => other.Name == subnet.Name))
            {
                network.Fail(item.Line, $"subnet {subnet.Name} is there twice in network {name}");
            }

            subnets.Add(subnet);
        }

        refuseOverlap(
            subnets.SelectMany(subnet => subnet.Prefixes.Select(prefix => (prefix, subnet.Name))), network.Line, $"subnets of network {name}");
        return subnets;
    }

    private LabSubnet ReadSubnet(LabNode node, string network, AttachableNames names)
    {
        NodeReader subnet = reader(node, $"a subnet of {network}", "name", "prefix", "ipv6", "vsid", "acl", "routes", "mirror");
        Vsid vsid = subnet.Parsed<Vsid>("vsid", Vsid.TryParse, $"a VSID, {Vsid.MinValue} … {Vsid.MaxValue}", required: false);
        IpPrefix prefix = subnet.Prefix("prefix");
        IpPrefix? second = subnet.Has("ipv6") ? subnet.Prefix("ipv6") : null;
        if (second is { } ipv6 && ipv6 != default && (ipv6.IsIPv4 || !prefix.IsIPv4))
        {
            subnet.FailAt("ipv6", "'ipv6' is an IPv6 prefix beside an IPv4 'prefix'; a subnet of IPv6 alone has its prefix under 'prefix'");
        }

        return new LabSubnet(network, subnet.Name("name", NameMax), prefix, vsid == default ? null : vsid, subnet.Known("acl", names.Acls, "an acl"))
        {
            IPv6 = second,
            Routes = subnet.Known("routes", names.RouteTables, "a route table"),
            Mirror = subnet.Known("mirror", names.Mirrors, "a mirror"),
        };
    }

    private static string Prefix(NodeReader rule, string key) => rule.Has(key) ? rule.Prefix(key).ToString() : "*";
}
