using Hnv.Primitives;

namespace Hnv.Lab.Topology;

/// <summary>Reads the machines of a lab file: who sits where, with which adapters, and that no address or MAC is used twice.</summary>
/// <param name="lab">The lab's name; instance ids derive from it.</param>
/// <param name="reader">Makes a reader of one mapping.</param>
/// <param name="places">Hosts and vteps.</param>
/// <param name="subnets">Virtual subnets by full name.</param>
/// <param name="names">Names that adapters refer to.</param>
internal sealed class MachineReader(
    string lab,
    MachineReader.MakeReader reader,
    IReadOnlyCollection<string> places,
    IReadOnlyDictionary<string, LabSubnet> subnets,
    AttachableNames names)
{
    private const int MbpsMax = 1_000_000;

    private static readonly string[] s_adapterKeys = ["subnet", "address", "ipv6", "mac", "acl", "assign", "qos", "allowed", "dns", "mirror"];

    private readonly HashSet<(string Subnet, InetAddress Address)> _addresses = [];
    private readonly HashSet<MacAddress> _macs = [];
    private int _macOrdinal;

    public delegate NodeReader MakeReader(LabNode node, string what, params ReadOnlySpan<string> keys);

    /// <summary>Reads one machine.</summary>
    /// <param name="node">Its mapping.</param>
    /// <param name="uniqueName">Reads its name, which nothing else may have.</param>
    public LabMachine Read(LabNode node, Func<NodeReader, string> uniqueName)
    {
        NodeReader machine = reader(node, "a machine", ["name", "host", "forwards", "adapters", .. s_adapterKeys]);
        string name = uniqueName(machine);
        string host = machine.Text("host");
        if (host.Length > 0 && !places.Contains(host))
        {
            machine.FailAt("host", $"machine {name} is on host '{host}', which is not there; there are {string.Join(", ", places)}");
        }

        if (machine.Has("adapters") == machine.Has("subnet"))
        {
            machine.Fail(machine.Line, $"machine {name} has either 'subnet' and 'address', or a list 'adapters' of them");
            return new LabMachine(name, host, []);
        }

        IEnumerable<NodeReader> nodes = machine.Has("adapters")
            ? machine.Items("adapters").Select(item => reader(item, $"an adapter of {name}", s_adapterKeys))
            : [machine];
        return new LabMachine(name, host, [.. nodes.Select((adapter, index) => ReadAdapter(adapter, name, index)).OfType<LabAdapter>()])
        {
            Forwards = machine.Flag("forwards"),
        };
    }

    private LabAdapter? ReadAdapter(NodeReader adapter, string machine, int index)
    {
        string subnetName = adapter.Text("subnet");
        if (!subnets.TryGetValue(subnetName, out LabSubnet? subnet))
        {
            adapter.FailAt("subnet", $"machine {machine} is in subnet '{subnetName}', which is not there; write it as network/subnet");
            return null;
        }

        MacAddress mac = adapter.Parsed<MacAddress>("mac", MacAddress.TryParse, "a MAC address, 00-1D-D8-02-00-01", NextMac(), required: false);
        if (mac.IsMulticast || !_macs.Add(mac))
        {
            adapter.FailAt("mac", $"{mac} is a group address or used twice");
        }

        string resourceId = $"{machine}-nic{index}";
        LabAdapter read = new(
            resourceId,
            TopologyFile.Id(lab, "networkInterfaces", resourceId),
            $"eth{index}",
            index == 0 ? machine : $"{machine}.{index}",
            subnet,
            ReadAddress(adapter, "address", subnet, subnet.Prefix, mac),
            mac,
            adapter.Known("acl", names.Acls, "an acl"))
        {
            IPv6 = ReadIPv6(adapter, subnet, mac),
            Assignment = adapter.Word("assign", AddressAssignment.Static),
            Qos = ReadQos(adapter),
            Allowed = adapter.Values<IpPrefix>("allowed", IpPrefix.TryParse, "an IP prefix with all host bits zero, 10.1.1.0/24"),
            Dns = adapter.Values<InetAddress>("dns", InetAddress.TryParse, "an IP address"),
            Mirror = adapter.Known("mirror", names.Mirrors, "a mirror"),
        };
        if (read.Assignment == AddressAssignment.Slaac && !read.Addresses.Any(a => !a.Address.IsIPv4 && a.Address == Eui64(a.Prefix, mac)))
        {
            adapter.FailAt("assign", "slaac makes the address from the MAC: write 'eui64' for the IPv6 address");
        }

        return read;
    }

    private LabQos? ReadQos(NodeReader adapter)
    {
        if (adapter.Node("qos") is not { } node)
        {
            return null;
        }

        NodeReader qos = reader(node, "qos", "outbound", "inbound", "reserved");
        return new LabQos(qos.Number("outbound", 0, MbpsMax, 0), qos.Number("inbound", 0, MbpsMax, 0), qos.Number("reserved", 0, MbpsMax, 0));
    }

    private InetAddress? ReadIPv6(NodeReader adapter, LabSubnet subnet, MacAddress mac)
    {
        if (!adapter.Has("ipv6"))
        {
            return null;
        }

        if (subnet.IPv6 is { } prefix)
        {
            return ReadAddress(adapter, "ipv6", subnet, prefix, mac);
        }

        adapter.FailAt("ipv6", $"subnet {subnet.FullName} has no 'ipv6' prefix beside {subnet.Prefix}"
            + (subnet.Prefix.IsIPv4 ? "; give it one" : "; its one address goes under 'address'"));
        return null;
    }

    private InetAddress ReadAddress(NodeReader adapter, string key, LabSubnet subnet, IpPrefix prefix, MacAddress mac)
    {
        bool fromMac = prefix is { IsIPv4: false, Length: 64 } && adapter.Has(key) && adapter.Text(key) == "eui64";
        InetAddress address = fromMac ? Eui64(prefix, mac) : adapter.Address(key, prefix);
        InetAddress gateway = LabSubnet.GatewayOf(prefix);
        if (address == gateway || (prefix.IsIPv4 && (address == prefix.Address || address == prefix.LastAddress)))
        {
            adapter.FailAt(key, $"{address} is reserved in {prefix}: network, broadcast and router ({gateway}) addresses are no machine's");
        }

        if (!_addresses.Add((subnet.FullName, address)))
        {
            adapter.FailAt(key, $"{address} is used twice in subnet {subnet.FullName}");
        }

        return address;
    }

    /// <summary>The address a stack makes of a /64 and its MAC (RFC 4291 appendix A).</summary>
    private static InetAddress Eui64(IpPrefix prefix, MacAddress mac) =>
        InetAddress.FromNumbers(prefix.Address.High, ((mac.Value >> 24) << 40) ^ 0x0200_0000_0000_0000 | 0xFF_FE00_0000 | (mac.Value & 0xFF_FFFF));

    private MacAddress NextMac() => MacAddress.FromNumber(0x001D_D802_0000 + (ulong)++_macOrdinal);
}
