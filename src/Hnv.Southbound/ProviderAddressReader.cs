using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>Reads a row of <c>Provider_Address</c>. The schema bounds its integers, so only its texts can be wrong.</summary>
internal static class ProviderAddressReader
{
    /// <returns>Null with an error when the row makes no sense.</returns>
    public static ProviderAddressPolicy? Read(OvsdbRow row, out PolicyRowError? error)
    {
        string name = row.Text("address");
        PolicyRowError Wrong(string column, string value, string expected) => new(row.Table, name, column, value, expected);

        if (!ProviderAddress.TryParse(name, out ProviderAddress address))
        {
            error = Wrong("address", name, "it should be an IP address");
            return null;
        }

        if (!IpPrefix.TryParse(row.Text("prefix"), out IpPrefix prefix) || !prefix.Contains(address.Value))
        {
            error = Wrong("prefix", row.Text("prefix"), "it should be a prefix as 192.168.1.0/24 that holds the address");
            return null;
        }

        if (!MacAddress.TryParse(row.Text("mac"), out MacAddress mac) || mac.IsMulticast)
        {
            error = Wrong("mac", row.Text("mac"), "it should be a unicast MAC address as 00-1D-D8-B7-1C-06");
            return null;
        }

        InetAddress? gateway = null;
        if (row["gateway"].Count > 0)
        {
            if (!InetAddress.TryParse(row.Text("gateway"), out InetAddress given))
            {
                error = Wrong("gateway", row.Text("gateway"), "it should be an IP address, or absent");
                return null;
            }

            gateway = given;
        }

        List<ProviderRoute> routes = [];
        foreach ((string destination, string nextHop) in row.Map("routes").OrderBy(route => route.Key, StringComparer.Ordinal))
        {
            if (!IpPrefix.TryParse(destination, out IpPrefix to) || !InetAddress.TryParse(nextHop, out InetAddress via))
            {
                error = Wrong($"routes:{destination}", nextHop, "an entry should be a prefix and the IP address of its next hop");
                return null;
            }

            routes.Add(new ProviderRoute(to, via));
        }

        error = null;
        return new ProviderAddressPolicy(
            (int)row.Integer("team_member")!.Value, address, prefix, mac, (int)row.Integer("vlan")!.Value, gateway, [.. routes]);
    }
}
