using System.Collections.Immutable;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>The switch and its ports.</summary>
internal sealed partial class PolicyReader
{
    private (MacAddress? RouterMac, HostSettings Settings, ImmutableArray<PortPolicy> Ports) ReadSwitchAndPorts()
    {
        MacAddress? routerMac = null;
        HostSettings settings = HostSettings.Default;
        PortRows rules = new(
            ByInterface(HostTables.FirewallRule), ByInterface(HostTables.MirrorRule), ByInterface(HostTables.NatRule));
        List<PortPolicy> ports = [];
        foreach (OvsdbRow row in Rows(HostTables.PhysicalSwitch, "name"))
        {
            string name = row.Text("name");
            if (name != HostTables.SwitchName)
            {
                Wrong(row, name, "name", name, $"the host has one switch, named {HostTables.SwitchName}");
                continue;
            }

            string macText = row.Text("distributed_router_mac");
            if (MacAddress.TryParse(macText, out MacAddress mac) && !mac.IsMulticast)
            {
                routerMac = mac;
            }
            else if (macText.Length > 0)
            {
                Wrong(row, name, "distributed_router_mac", macText, "it should be a unicast MAC address as 00-1D-D8-B7-1C-06");
            }

            settings = SwitchConfig.Read(row.Map("vswitch_config"), (key, value, expected) => Wrong(row, name, $"vswitch_config:{key}", value, expected));
            foreach (OvsdbAtom reference in row["ports"].Keys)
            {
                if (_snapshot[HostSchemas.VtepName, HostTables.PhysicalPort.Table].TryGetValue(reference.Uuid, out OvsdbRow? port))
                {
                    ReadPort(port, rules, ports);
                }
            }
        }

        ports.Sort((one, other) => one.Nic.Value.CompareTo(other.Nic.Value));
        HashSet<string> known = [.. ports.Select(port => port.Nic.ToString())];
        NameOrphans(rules.Firewall, HostTables.FirewallRule, known);
        NameOrphans(rules.Mirrors, HostTables.MirrorRule, known);
        NameOrphans(rules.Translations, HostTables.NatRule, known);
        return (routerMac, settings, [.. ports]);
    }

    /// <summary>The rows that hang on ports, by the interface's id.</summary>
    private sealed record PortRows(ILookup<string, OvsdbRow> Firewall, ILookup<string, OvsdbRow> Mirrors, ILookup<string, OvsdbRow> Translations);

    private ILookup<string, OvsdbRow> ByInterface(TableLayout layout) => _snapshot[layout.Database, layout.Table].Values.ToLookup(row => row.Text("vnic_id"));

    private void NameOrphans(ILookup<string, OvsdbRow> rules, TableLayout layout, HashSet<string> known)
    {
        // While the controller is between two databases, rules are there before their port and after it.
        HostDatabase database = HostTables.Databases.Single(database => database.Name == layout.Database);
        if (database.NextConfiguration(_snapshot) != HostTables.Databases[0].NextConfiguration(_snapshot))
        {
            return;
        }

        foreach (IGrouping<string, OvsdbRow> group in rules.Where(group => !known.Contains(group.Key)))
        {
            Wrong(group.First(), $"{group.Key}/{group.First().Text("rule_id")}", "vnic_id", group.Key, "it should be the instanceId of an interface with a Physical_Port");
        }
    }

    private void ReadPort(OvsdbRow row, PortRows rules, List<PortPolicy> ports)
    {
        string name = row.Text("name");
        if (!NicId.TryParse(name, out NicId nic))
        {
            Wrong(row, name, "name", name, "it should be the instanceId of the network interface in braces");
        }
        else if (ports.Any(port => port.Nic == nic))
        {
            Wrong(row, name, "name", name, "an interface should have one port");
        }
        else if (PortProperties.Read(nic, row.Text("description"), row.Map("properties"), out string wrongKey, out string expected) is not PortPolicy port)
        {
            Wrong(row, name, $"properties:{wrongKey}", row.Map("properties").GetValueOrDefault(wrongKey, ""), expected);
        }
        else
        {
            ports.Add(port with
            {
                Rules = ReadRules<AclRule>(rules.Firewall[nic.ToString()], FirewallRuleReader.Read, FirewallRuleReader.Compare),
                Mirrors = ReadRules<MirrorRule>(rules.Mirrors[nic.ToString()], MirrorRuleReader.Read, MirrorRuleReader.Compare),
                Nat = ReadRules<NatRule>(rules.Translations[nic.ToString()], NatRuleReader.Read, NatRuleReader.Compare),
            });
        }
    }

    private delegate T? ReadRule<T>(OvsdbRow row, out PolicyRowError? error);

    private ImmutableArray<T> ReadRules<T>(IEnumerable<OvsdbRow> rows, ReadRule<T> readRule, Comparison<T> order)
        where T : class
    {
        List<T> read = [];
        foreach (OvsdbRow row in rows)
        {
            if (readRule(row, out PolicyRowError? error) is T good)
            {
                read.Add(good);
            }
            else if (error is not null)
            {
                _errors.Add(error);
            }
        }

        read.Sort(order);
        return [.. read];
    }
}
