using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Hnv.Primitives;
using YamlDotNet.RepresentationModel;

namespace Hnv.Lab.Topology;

/// <summary>Reads a lab file. Every mistake is found and named with its line before anything is made.</summary>
public sealed class TopologyFile
{
    /// <summary>The least that IPv6 asks of a link (RFC 8200 §5), and what switches of jumbo frames take.</summary>
    private const int MtuMin = 1280, MtuMax = 9216;

    private readonly string _file;
    private readonly List<TopologyError> _errors = [];
    private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);

    private TopologyFile(string file) => _file = file;

    /// <summary>Reads the file.</summary>
    /// <param name="path">A YAML file.</param>
    /// <param name="settings">Values for the file's parameters, from <c>--set name=number</c>.</param>
    /// <exception cref="TopologyException">It cannot be used; says why, all of it.</exception>
    public static LabTopology Load(string path, IReadOnlyDictionary<string, long>? settings = null)
    {
        try
        {
            return Parse(File.ReadAllText(path), path, settings);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TopologyException([new TopologyError(path, 1, $"cannot be read: {e.Message}")]);
        }
    }

    /// <summary>Reads the text of a lab file.</summary>
    /// <param name="text">YAML.</param>
    /// <param name="file">What to call it in messages.</param>
    /// <param name="settings">Values for the file's parameters.</param>
    /// <exception cref="TopologyException">It cannot be used; says why, all of it.</exception>
    public static LabTopology Parse(string text, string file, IReadOnlyDictionary<string, long>? settings = null)
    {
        TopologyFile reader = new(file);
        LabTopology? topology = reader.Read(text, settings ?? new Dictionary<string, long>());
        return reader._errors.Count == 0 && topology is not null
            ? topology
            : throw new TopologyException([.. reader._errors.Distinct().OrderBy(error => error.Line)]);
    }

    private LabTopology? Read(string text, IReadOnlyDictionary<string, long> settings)
    {
        NodeExpansion expansion = new(_file, _errors);
        if (expansion.Load(text) is not { } root)
        {
            return null;
        }

        LabNode node = expansion.Expand(root, Parameters(root, settings));
        NodeReader lab = Reader(
            node, "the lab", "lab", "encapsulation", "underlay", "guestMtu", "reservations", "parameters", "provider", "hosts", "acls", "routeTables",
            "mirrors", "networks", "logicalNetworks", "machines", "vteps");
        string name = lab.Name("lab", max: 20);
        if (name == "t" || name.Contains('-', StringComparison.Ordinal))
        {
            // hnv-LAB-MACHINE must be readable backwards, or one lab's clean-up would reach into another's.
            lab.FailAt("lab", $"'{name}' is no name of a lab: no '-' in it, and 't' is taken by tests");
        }

        EncapsulationType encapsulation = lab.Parsed<EncapsulationType>(
            "encapsulation",
            (string word, out EncapsulationType type) =>
                (type = word switch { "vxlan" => EncapsulationType.Vxlan, "nvgre" => EncapsulationType.Nvgre, _ => EncapsulationType.None }) != EncapsulationType.None,
            "vxlan or nvgre",
            EncapsulationType.Vxlan,
            required: false);
        int underlayMtu = lab.Node("underlay") is { } underlay
            ? Reader(underlay, "underlay", "mtu").Number("mtu", MtuMin, MtuMax, LabTopology.DefaultUnderlayMtu)
            : LabTopology.DefaultUnderlayMtu;

        List<ProviderSubnet> provider = lab.Node("provider") is { } providerNode
            ? [.. Reader(providerNode, "provider", "subnets").Items("subnets").Select(ReadProviderSubnet)]
            : [];
        RefuseOverlap(provider.Select(subnet => (subnet.Prefix, subnet.Name)), lab.LineOf("provider"), "provider subnets");
        List<LabHost> hosts = [.. lab.Items("hosts").Select(item => ReadHost(item, name, provider))];
        List<LabVtep> vteps = [.. lab.Items("vteps").Select(item => ReadVtep(item, provider))];
        RefuseSharedAddresses(provider, [.. hosts.Select(h => (h.Name, h.Address)), .. vteps.Select(v => (v.Name, v.Address))], lab);
        List<LabAcl> acls = [.. lab.Items("acls").Select(ReadAcl)];
        NetworkReader networkReader = new(Reader, RefuseOverlap);
        List<LabRouteTable> routeTables = [.. lab.Items("routeTables").Select(networkReader.ReadRouteTable)];
        List<LabMirror> mirrors = [.. lab.Items("mirrors").Select(networkReader.ReadMirror)];
        AttachableNames attachable = new([.. acls.Select(acl => acl.Name)], [.. routeTables.Select(table => table.Name)], [.. mirrors.Select(mirror => mirror.Name)]);
        List<LabNetwork> networks = [.. lab.Items("networks").Select(item => networkReader.ReadVirtual(item, attachable))];
        List<LabNetwork> logical = [.. lab.Items("logicalNetworks").Select(networkReader.ReadLogical)];
        RefuseSharedVsids(networks, lab);
        RefuseSharedNames([.. networks, .. logical], lab);

        Dictionary<string, LabSubnet> subnets = networks.Concat(logical).SelectMany(network => network.Subnets)
            .GroupBy(subnet => subnet.FullName, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        HashSet<string> places = [.. hosts.Select(host => host.Name), .. vteps.Select(vtep => vtep.Name)];
        MachineReader machineReader = new(name, Reader, places, subnets, attachable);
        List<LabMachine> machines = [.. lab.Items("machines").Select(item => machineReader.Read(item, UniqueName))];
        if (vteps.Count > 0 && encapsulation != EncapsulationType.Vxlan)
        {
            lab.FailAt("vteps", "a vtep is a vxlan device; it cannot take part when the encapsulation is nvgre");
        }

        foreach (IGrouping<string, LabMachine> crowd in machines.Where(m => vteps.Any(v => v.Name == m.Host)).GroupBy(m => m.Host).Where(g => g.Count() > 1))
        {
            lab.FailAt("machines", $"VTEP {crowd.Key} takes one machine, not {crowd.Count()}: the namespace of the VTEP is the machine");
        }

        foreach (LabMirror mirror in mirrors.Where(mirror => machines.All(machine => machine.Name != mirror.To)))
        {
            lab.FailAt("mirrors", $"mirror {mirror.Name} is for '{mirror.To}', which is not a machine");
        }

        foreach (LabMachine machine in machines.Where(m => vteps.Any(v => v.Name == m.Host) && m.Adapters.Any(a => a.Assignment != AddressAssignment.Static)))
        {
            lab.FailAt("machines", $"machine {machine.Name} is a vtep: no host of ours answers it, so its address is static");
        }

        if (hosts.Count == 0)
        {
            lab.FailAt("hosts", "a lab needs at least one host");
        }

        return new LabTopology(name, encapsulation, provider, hosts, acls, networks, machines, vteps)
        {
            UnderlayMtu = underlayMtu,
            GuestMtu = lab.Number("guestMtu", MtuMin, MtuMax, LabTopology.DefaultGuestMtu),
            LogicalNetworks = logical,
            RouteTables = routeTables,
            Mirrors = mirrors,
            Reservations = lab.Has("reservations") || machines.Any(machine => machine.Adapters.Any(adapter => adapter.Qos is not null))
                ? lab.Word("reservations", ReservationMode.Absolute)
                : null,
        };
    }

    private Dictionary<string, long> Parameters(YamlMappingNode root, IReadOnlyDictionary<string, long> settings)
    {
        Dictionary<string, long> values = new(StringComparer.Ordinal);
        if (root.Children.TryGetValue(new YamlScalarNode("parameters"), out YamlNode? node) && node is YamlMappingNode parameters)
        {
            foreach ((YamlNode key, YamlNode value) in parameters.Children)
            {
                if (!long.TryParse((value as YamlScalarNode)?.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
                {
                    _errors.Add(new TopologyError(_file, (int)value.Start.Line, $"parameter '{key}' is not a whole number"));
                }

                values[(key as YamlScalarNode)?.Value ?? "?"] = number;
            }
        }

        foreach ((string key, long value) in settings)
        {
            if (!values.ContainsKey(key))
            {
                string known = values.Count == 0 ? "it has none" : string.Join(", ", values.Keys);
                _errors.Add(new TopologyError(_file, 1, $"--set {key}: the file has no such parameter; {known}"));
            }

            values[key] = value;
        }

        return values;
    }

    private ProviderSubnet ReadProviderSubnet(LabNode node)
    {
        NodeReader subnet = Reader(node, "a provider subnet", "name", "prefix", "gateway", "pool", "vlan");
        string name = subnet.Name("name");
        IpPrefix prefix = subnet.Prefix("prefix");
        InetAddress gateway = subnet.Address("gateway", prefix, LabSubnet.GatewayOf(prefix));
        string[] ends = subnet.Text("pool").Split('-', StringSplitOptions.TrimEntries);
        if (ends.Length != 2 || !InetAddress.TryParse(ends[0], out InetAddress start) || !InetAddress.TryParse(ends[1], out InetAddress end)
            || !prefix.Contains(start) || !prefix.Contains(end) || start.CompareTo(end) > 0)
        {
            subnet.FailAt("pool", $"the pool of {name} is two addresses inside {prefix}, lowest first: 192.168.1.10-192.168.1.99");
            return new ProviderSubnet(name, prefix, gateway, default, default);
        }

        return new ProviderSubnet(name, prefix, gateway, start, end, subnet.Number("vlan", 0, 4094, 0));
    }

    private LabHost ReadHost(LabNode node, string lab, List<ProviderSubnet> provider)
    {
        NodeReader host = Reader(node, "a host", "name", "subnet", "address", "uplinks");
        string name = UniqueName(host);
        ProviderSubnet subnet = FindSubnet(host, provider);
        return new LabHost(name, Id(lab, "servers", name), subnet, host.Address("address", subnet.Prefix), host.Number("uplinks", 1, 4, 1));
    }

    private LabVtep ReadVtep(LabNode node, List<ProviderSubnet> provider)
    {
        NodeReader vtep = Reader(node, "a vtep", "name", "subnet", "address");
        string name = UniqueName(vtep);
        ProviderSubnet subnet = FindSubnet(vtep, provider);
        return new LabVtep(name, subnet, vtep.Address("address", subnet.Prefix));
    }

    private LabAcl ReadAcl(LabNode node)
    {
        NodeReader acl = Reader(node, "an acl", "name", "inbound", "outbound", "rules");
        string name = acl.Name("name", max: 60);
        List<LabAclRule> rules = [];
        foreach (LabNode item in acl.Items("rules"))
        {
            string text = item is LabNode.Mapping ? Reader(item, "a repeated rule", "rule").Text("rule") : (item as LabNode.Scalar)?.Value ?? "";
            if (!LabAclRule.TryParse(text, 110 + (10 * rules.Count), out LabAclRule? rule, out string mistake))
            {
                acl.Fail(item.Line, mistake);
            }
            else if (rules.Any(other => other.Priority == rule!.Priority))
            {
                acl.Fail(item.Line, $"priority {rule!.Priority} is used twice in acl {name}; priorities of one acl differ");
            }
            else
            {
                rules.Add(rule!);
            }
        }

        return new LabAcl(name, Permits("inbound"), Permits("outbound"), rules);

        bool Permits(string key) => acl.Parsed<bool>(
            key,
            (string word, out bool permit) => (permit = word == "permit") || word == "deny",
            "permit or deny",
            absent: true,
            required: false);
    }

    private NodeReader Reader(LabNode node, string what, params ReadOnlySpan<string> keys) => new(node, what, _file, _errors, keys);

    private string UniqueName(NodeReader reader)
    {
        string name = reader.Name("name");
        if (name is "tor" or "controller" or "lo" || name.EndsWith("-pa", StringComparison.Ordinal) || name.StartsWith("eth", StringComparison.Ordinal))
        {
            reader.FailAt("name", $"'{name}' is taken: the lab itself uses tor, controller, lo, eth… and HOST-pa");
        }
        else if (name.Length > 0 && !_names.TryAdd(name, reader.LineOf("name")))
        {
            reader.FailAt("name", $"'{name}' is there twice, first in line {_names[name]}; hosts, vteps and machines share one set of names");
        }

        return name;
    }

    private static ProviderSubnet FindSubnet(NodeReader reader, List<ProviderSubnet> provider)
    {
        string name = reader.Text("subnet");
        ProviderSubnet? found = provider.Find(subnet => subnet.Name == name);
        if (found is null && name.Length > 0)
        {
            reader.FailAt("subnet", $"'{name}' is not a provider subnet; there are {string.Join(", ", provider.Select(subnet => subnet.Name))}");
        }

        return found ?? new ProviderSubnet(name, default, default, default, default);
    }

    private void RefuseOverlap(IEnumerable<(IpPrefix Prefix, string Name)> prefixes, int line, string what)
    {
        List<(IpPrefix Prefix, string Name)> sorted = [.. prefixes.Where(p => p.Prefix != default).OrderBy(p => p.Prefix.Address)];
        foreach (((IpPrefix Prefix, string Name) a, (IpPrefix Prefix, string Name) b) in sorted.Zip(sorted.Skip(1)))
        {
            if (a.Prefix.Overlaps(b.Prefix))
            {
                _errors.Add(new TopologyError(_file, line, $"{what} {a.Name} ({a.Prefix}) and {b.Name} ({b.Prefix}) overlap"));
            }
        }
    }

    private static void RefuseSharedAddresses(List<ProviderSubnet> provider, List<(string Name, InetAddress Address)> own, NodeReader lab)
    {
        foreach (IGrouping<InetAddress, (string Name, InetAddress Address)> twice in own.GroupBy(o => o.Address).Where(g => g.Count() > 1 && g.Key != default))
        {
            lab.FailAt("hosts", $"{twice.Key} is the address of {string.Join(" and ", twice.Select(o => o.Name))}");
        }

        foreach ((string name, InetAddress address) in own)
        {
            foreach (ProviderSubnet subnet in provider.Where(s => s.Prefix.Contains(address)))
            {
                if (address == subnet.Gateway || (address.CompareTo(subnet.PoolStart) >= 0 && address.CompareTo(subnet.PoolEnd) <= 0))
                {
                    lab.FailAt("hosts", $"{address} of {name} is the gateway of {subnet.Name} or lies in its pool {subnet.PoolStart}-{subnet.PoolEnd}");
                }
            }
        }
    }

    private static void RefuseSharedVsids(List<LabNetwork> networks, NodeReader lab)
    {
        foreach (IGrouping<Vsid?, LabSubnet> twice in networks.SelectMany(n => n.Subnets).Where(s => s.Vsid is not null).GroupBy(s => s.Vsid).Where(g => g.Count() > 1))
        {
            lab.FailAt("networks", $"VSID {twice.Key} is asked for by {string.Join(" and ", twice.Select(s => s.FullName))}; a VSID is unique in the datacenter");
        }
    }

    private static void RefuseSharedNames(List<LabNetwork> networks, NodeReader lab)
    {
        foreach (IGrouping<string, LabNetwork> twice in networks.GroupBy(network => network.Name).Where(group => group.Count() > 1))
        {
            lab.FailAt("networks", $"network {twice.Key} is there twice");
        }

        foreach ((LabNetwork network, string peer) in networks.SelectMany(network => network.Peers.Select(peer => (network, peer))))
        {
            if (peer == network.Name || networks.All(other => other.Name != peer))
            {
                lab.FailAt("networks", $"network {network.Name} has the peer '{peer}', which is not another network");
            }
        }
    }

    /// <summary>The same GUID for the same thing at every start, so that a lab can be taken up again.</summary>
    internal static Guid Id(string lab, string kind, string name) =>
        new(SHA256.HashData(Encoding.UTF8.GetBytes($"hnv-lab/{lab}/{kind}/{name}")).AsSpan(0, 16));
}
