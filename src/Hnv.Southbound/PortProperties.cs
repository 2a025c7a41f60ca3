using System.Collections.Immutable;
using System.Globalization;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>The <c>properties</c> map of a <c>Physical_Port</c>. A setting that is as by default may be left out.</summary>
internal sealed class PortProperties
{
    public const string VsidKey = "vsid";
    public const string VlanKey = "vlan";
    public const string MacKey = "mac";
    public const string AddressesKey = "addresses";
    public const string AllowedAddressesKey = "allowed_addresses";
    public const string MacSpoofingKey = "mac_spoofing";
    public const string ArpGuardKey = "arp_guard";
    public const string DhcpGuardKey = "dhcp_guard";
    public const string StormLimitKey = "storm_limit";
    public const string PortFlowLimitKey = "port_flow_limit";
    public const string OutboundMaximumKey = "outbound_max_mbps";
    public const string OutboundReservedKey = "outbound_reserved";
    public const string ReservedIsWeightKey = "outbound_reserved_is_weight";
    public const string InboundMaximumKey = "inbound_max_mbps";
    public const string DhcpKey = "dhcp";
    public const string DnsServersKey = "dns_servers";
    public const string DomainNameKey = "domain_name";
    public const string DhcpMtuKey = "dhcp_mtu";
    public const string LeaseSecondsKey = "dhcp_lease_seconds";

    /// <summary>The VSID of a port that is in no virtual subnet. Said in so many words: a port whose VSID got lost must not end on the physical network.</summary>
    public const string NoVsid = "0";

    /// <summary>The last 802.1Q VLAN; 4095 is reserved.</summary>
    public const int VlanMax = 4094;

    private const int WeightMax = 100;
    private const int MtuMax = 65_535;

    private readonly IReadOnlyDictionary<string, string> _map;
    private string _wrongKey = string.Empty;
    private string _expected = string.Empty;

    private PortProperties(IReadOnlyDictionary<string, string> map) => _map = map;

    private bool IsFine => _wrongKey.Length == 0;

    public static Dictionary<string, string> Write(PortPolicy port)
    {
        Dictionary<string, string> map = new(StringComparer.Ordinal)
        {
            [VsidKey] = port.IsVirtualized ? port.Vsid.ToString() : NoVsid,
            [MacKey] = port.Mac.ToString(),
            [AddressesKey] = string.Join(',', port.Addresses),
            [MacSpoofingKey] = Text(port.Settings.MacSpoofing),
            [ArpGuardKey] = Text(port.Settings.ArpGuard),
            [DhcpGuardKey] = Text(port.Settings.DhcpGuard),
            [StormLimitKey] = Text(port.Settings.StormLimit),
            [PortFlowLimitKey] = Text(port.Settings.PortFlowLimit),
        };
        void Add(bool isDefault, string key, string value)
        {
            if (!isDefault)
            {
                map[key] = value;
            }
        }

        Add(port.VlanId == 0, VlanKey, Text(port.VlanId));
        Add(port.AllowedAddresses.IsDefaultOrEmpty, AllowedAddressesKey, string.Join(',', port.AllowedAddresses));
        Add(port.Qos.OutboundMaximumMbps == 0, OutboundMaximumKey, Text(port.Qos.OutboundMaximumMbps));
        Add(port.Qos.OutboundReserved == 0, OutboundReservedKey, Text(port.Qos.OutboundReserved));
        Add(!port.Qos.IsWeight, ReservedIsWeightKey, Text(port.Qos.IsWeight));
        Add(port.Qos.InboundMaximumMbps == 0, InboundMaximumKey, Text(port.Qos.InboundMaximumMbps));
        if (port.Dhcp is not { } dhcp)
        {
            map[DhcpKey] = Text(value: false);
            return map;
        }

        Add(dhcp.DnsServers.IsDefaultOrEmpty, DnsServersKey, string.Join(',', dhcp.DnsServers));
        Add(string.IsNullOrEmpty(dhcp.DomainName), DomainNameKey, dhcp.DomainName ?? string.Empty);
        Add(dhcp.Mtu == 0, DhcpMtuKey, Text(dhcp.Mtu));
        Add(dhcp.LeaseSeconds == DhcpPolicy.Default.LeaseSeconds, LeaseSecondsKey, Text(dhcp.LeaseSeconds));
        return map;
    }

    /// <summary>False for a tag that does not exist, or on a port in a virtual subnet.</summary>
    public static bool IsVlanRight(PortPolicy port) => port.VlanId == 0 || (!port.IsVirtualized && port.VlanId is > 0 and <= VlanMax);

    /// <summary>Reads the map as a port without rules; of what makes no sense the first key is named and nothing is returned.</summary>
    public static PortPolicy? Read(NicId nic, string name, IReadOnlyDictionary<string, string> map, out string wrongKey, out string expected)
    {
        PortProperties properties = new(map);
        PortPolicy port = properties.Read(nic, name);
        (wrongKey, expected) = (properties._wrongKey, properties._expected);
        return properties.IsFine ? port : null;
    }

    private PortPolicy Read(NicId nic, string name)
    {
        Vsid vsid = default;
        Require(map => map == NoVsid || Vsid.TryParse(map, out vsid), VsidKey, $"it should be a VSID, {Vsid.MinValue} … {Vsid.MaxValue}, or {NoVsid} for a port in no virtual subnet");
        MacAddress mac = default;
        Require(text => MacAddress.TryParse(text, out mac), MacKey, "it should be a MAC address as 00-1D-D8-B7-1C-06");
        PortPolicy port = new(
            nic,
            name,
            vsid,
            mac,
            ReadList<CustomerAddress>(AddressesKey, CustomerAddress.TryParse, "it should be IP addresses with commas between them"),
            new PortSettings(ReadFlag(MacSpoofingKey), ReadFlag(ArpGuardKey), ReadFlag(DhcpGuardKey), ReadCount(StormLimitKey), ReadCount(PortFlowLimitKey)),
            [])
        {
            VlanId = ReadCount(VlanKey, VlanMax),
            AllowedAddresses = ReadList<IpPrefix>(AllowedAddressesKey, IpPrefix.TryParse, "it should be prefixes as 10.1.1.0/24 with commas between them"),
            Qos = ReadQos(),
            Dhcp = ReadDhcp(),
        };
        if (!IsVlanRight(port))
        {
            Fail(VlanKey, "only a port in no virtual subnet has a VLAN");
        }

        return port;
    }

    private PortQos ReadQos()
    {
        bool isWeight = ReadFlag(ReservedIsWeightKey);
        return new PortQos(ReadCount(OutboundMaximumKey), ReadCount(OutboundReservedKey, isWeight ? WeightMax : int.MaxValue), isWeight, ReadCount(InboundMaximumKey));
    }

    private DhcpPolicy? ReadDhcp()
    {
        if (!ReadFlag(DhcpKey, whenAbsent: true))
        {
            return null;
        }

        if (_map.TryGetValue(DomainNameKey, out string? domain) && domain.Length == 0)
        {
            Fail(DomainNameKey, "it should be a domain name, or absent");
        }

        return new DhcpPolicy(
            ReadList<InetAddress>(DnsServersKey, InetAddress.TryParse, "it should be IP addresses with commas between them"),
            domain,
            ReadCount(DhcpMtuKey, MtuMax),
            ReadCount(LeaseSecondsKey, int.MaxValue, DhcpPolicy.Default.LeaseSeconds));
    }

    private void Require(Func<string?, bool> isRight, string key, string expected)
    {
        if (!isRight(_map.GetValueOrDefault(key)))
        {
            Fail(key, expected);
        }
    }

    private delegate bool TryRead<T>(string text, out T value);

    private ImmutableArray<T> ReadList<T>(string key, TryRead<T> tryRead, string expected)
    {
        ImmutableArray<T>.Builder list = ImmutableArray.CreateBuilder<T>();
        foreach (string text in _map.GetValueOrDefault(key, string.Empty).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!tryRead(text, out T value))
            {
                Fail(key, expected);
                return [];
            }

            list.Add(value);
        }

        return list.ToImmutable();
    }

    private bool ReadFlag(string key, bool whenAbsent = false)
    {
        string text = _map.GetValueOrDefault(key, Text(whenAbsent));
        if (text is not ("true" or "false"))
        {
            Fail(key, "it should be true or false");
        }

        return text == "true";
    }

    private int ReadCount(string key, int max = int.MaxValue, int whenAbsent = 0)
    {
        int value = whenAbsent;
        if (_map.TryGetValue(key, out string? text)
            && (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) || value > max))
        {
            Fail(key, max == int.MaxValue ? "it should be a number from 0" : $"it should be a number from 0 to {max}");
        }

        return value;
    }

    private void Fail(string key, string expected)
    {
        if (IsFine)
        {
            (_wrongKey, _expected) = (key, expected);
        }
    }

    private static string Text(bool value) => value ? "true" : "false";

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
