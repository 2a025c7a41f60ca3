using System.Collections.Immutable;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>
/// Makes a host's policy of the rows of its databases. Pure. A row that makes no sense becomes an error and is left out; nothing is
/// guessed. Where two rows contradict each other in a way that could join two tenants, both are left out.
/// </summary>
internal sealed partial class PolicyReader
{
    private readonly OvsdbSnapshot _snapshot;
    private readonly List<PolicyRowError> _errors = [];
    private readonly Dictionary<Guid, Vsid> _vsids = [];

    private PolicyReader(OvsdbSnapshot snapshot) => _snapshot = snapshot;

    public static HostPolicyReading Read(OvsdbSnapshot snapshot)
    {
        PolicyReader reader = new(snapshot);
        Dictionary<Guid, VirtualSubnetPolicy> switches = reader.ReadSwitches();
        ImmutableArray<VirtualNetworkPolicy> networks = reader.ReadNetworks(switches);
        ImmutableArray<CaPaMapping> mappings = reader.ReadMappings();
        (MacAddress? routerMac, HostSettings settings, ImmutableArray<PortPolicy> ports) = reader.ReadSwitchAndPorts();
        ImmutableArray<ProviderAddressPolicy> addresses = reader.ReadProviderAddresses();
        HostPolicy policy = new(ConfigurationOf(snapshot), routerMac, addresses, networks, mappings, ports) { Settings = settings, Teams = reader.ReadTeams() };
        return new HostPolicyReading(policy, [.. reader._errors.OrderBy(error => error.Table, StringComparer.Ordinal).ThenBy(error => error.Row, StringComparer.Ordinal)]);
    }

    /// <summary>The configuration all databases have reached; while the controller writes them one after the other, the lowest.</summary>
    public static long ConfigurationOf(OvsdbSnapshot snapshot) => HostTables.Databases.Min(database => database.NextConfiguration(snapshot) ?? 0);

    private ImmutableArray<ProviderAddressPolicy> ReadProviderAddresses()
    {
        List<ProviderAddressPolicy> addresses = [];
        foreach (OvsdbRow row in Rows(HostTables.ProviderAddress, "address"))
        {
            if (ProviderAddressReader.Read(row, out PolicyRowError? error) is ProviderAddressPolicy good)
            {
                addresses.Add(good);
            }
            else
            {
                _errors.Add(error!);
            }
        }

        return [.. addresses.OrderBy(address => address.TeamMember).ThenBy(address => address.Address)];
    }

    private ImmutableArray<ProviderTeam> ReadTeams()
    {
        List<(OvsdbRow Row, ProviderTeam Team)> teams = [];
        foreach (OvsdbRow row in Rows(HostTables.ProviderTeam, "members"))
        {
            string text = row.Text("members");
            ImmutableArray<ProviderAddress>.Builder members = ImmutableArray.CreateBuilder<ProviderAddress>();
            foreach (string part in text.Split(','))
            {
                if (ProviderAddress.TryParse(part, out ProviderAddress member))
                {
                    members.Add(member);
                }
            }

            if (members.Count < 2 || members.Distinct().Count() != text.Split(',').Length)
            {
                Wrong(row, text, "members", text, "it should be several IP addresses with commas between them");
            }
            else
            {
                teams.Add((row, new ProviderTeam(members.ToImmutable())));
            }
        }

        // Whoever is trusted for one team's address is trusted for all of them: an address in two teams would join two hosts.
        HashSet<ProviderAddress> twice = [.. teams.SelectMany(team => team.Team.Members).GroupBy(member => member).Where(same => same.Count() > 1).Select(same => same.Key)];
        foreach ((OvsdbRow row, ProviderTeam team) in teams.Where(team => team.Team.Members.Any(twice.Contains)))
        {
            Wrong(row, row.Text("members"), "members", team.Members.First(twice.Contains).ToString(), "an address should be in one team");
        }

        return [.. teams.Select(team => team.Team).Where(team => !team.Members.Any(twice.Contains)).OrderBy(team => team.Members[0])];
    }

    private IEnumerable<OvsdbRow> Rows(TableLayout layout, string orderBy) =>
        _snapshot[layout.Database, layout.Table].Values.OrderBy(row => row.Text(orderBy), StringComparer.Ordinal);

    private void Wrong(OvsdbRow row, string name, string column, string value, string expected) =>
        _errors.Add(new PolicyRowError(row.Table, name, column, value, expected));
}
