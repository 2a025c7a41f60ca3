using System.Globalization;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>The <c>properties</c> map of a <c>Physical_Port</c>. A setting that is as by default may be left out.</summary>
internal static class PortProperties
{
    public const string VsidKey = "vsid";
    public const string MacKey = "mac";
    public const string AddressesKey = "addresses";
    public const string MacSpoofingKey = "mac_spoofing";
    public const string ArpGuardKey = "arp_guard";
    public const string DhcpGuardKey = "dhcp_guard";
    public const string StormLimitKey = "storm_limit";
    public const string PortFlowLimitKey = "port_flow_limit";

    public static Dictionary<string, string> Write(PortPolicy port) => new(StringComparer.Ordinal)
    {
        [VsidKey] = port.Vsid.ToString(),
        [MacKey] = port.Mac.ToString(),
        [AddressesKey] = string.Join(',', port.Addresses),
        [MacSpoofingKey] = Text(port.Settings.MacSpoofing),
        [ArpGuardKey] = Text(port.Settings.ArpGuard),
        [DhcpGuardKey] = Text(port.Settings.DhcpGuard),
        [StormLimitKey] = port.Settings.StormLimit.ToString(CultureInfo.InvariantCulture),
        [PortFlowLimitKey] = port.Settings.PortFlowLimit.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>Reads the map; of what makes no sense the first key is named and nothing is returned.</summary>
    public static (Vsid Vsid, MacAddress Mac, List<CustomerAddress> Addresses, PortSettings Settings)? Read(
        IReadOnlyDictionary<string, string> map, out string wrongKey, out string expected)
    {
        (wrongKey, expected) = (VsidKey, $"it should be a VSID, {Vsid.MinValue} … {Vsid.MaxValue}");
        if (!Vsid.TryParse(map.GetValueOrDefault(VsidKey), out Vsid vsid))
        {
            return null;
        }

        (wrongKey, expected) = (MacKey, "it should be a MAC address as 00-1D-D8-B7-1C-06");
        if (!MacAddress.TryParse(map.GetValueOrDefault(MacKey), out MacAddress mac))
        {
            return null;
        }

        (wrongKey, expected) = (AddressesKey, "it should be IP addresses with commas between them");
        List<CustomerAddress> addresses = [];
        foreach (string text in map.GetValueOrDefault(AddressesKey, string.Empty).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!CustomerAddress.TryParse(text, out CustomerAddress address))
            {
                return null;
            }

            addresses.Add(address);
        }

        expected = "it should be true or false";
        if (!TryReadFlag(map, wrongKey = MacSpoofingKey, out bool macSpoofing)
            || !TryReadFlag(map, wrongKey = ArpGuardKey, out bool arpGuard)
            || !TryReadFlag(map, wrongKey = DhcpGuardKey, out bool dhcpGuard))
        {
            return null;
        }

        expected = "it should be a number from 0";
        return TryReadCount(map, wrongKey = StormLimitKey, out int storm) && TryReadCount(map, wrongKey = PortFlowLimitKey, out int flows)
            ? (vsid, mac, addresses, new PortSettings(macSpoofing, arpGuard, dhcpGuard, storm, flows))
            : null;
    }

    private static string Text(bool value) => value ? "true" : "false";

    private static bool TryReadFlag(IReadOnlyDictionary<string, string> map, string key, out bool value)
    {
        string text = map.GetValueOrDefault(key, "false");
        value = text == "true";
        return text is "true" or "false";
    }

    private static bool TryReadCount(IReadOnlyDictionary<string, string> map, string key, out int value) =>
        int.TryParse(map.GetValueOrDefault(key, "0"), NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
