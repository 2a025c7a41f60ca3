using System.Globalization;
using Hnv.Policy;

namespace Hnv.Southbound;

/// <summary>The <c>vswitch_config</c> map of the <c>Physical_Switch</c>. A setting that is as by default is left out.</summary>
internal static class SwitchConfig
{
    private const string PortDefaultKey = "port_default";
    private const string OuterDscpKey = "outer_dscp";
    private const string LinkMbpsKey = "link_mbps";
    private const int DscpMax = 63;

    public static Dictionary<string, string> Write(HostSettings settings)
    {
        Dictionary<string, string> map = new(StringComparer.Ordinal);
        if (settings.PortDefault != HostSettings.Default.PortDefault)
        {
            map[PortDefaultKey] = settings.PortDefault.ToString();
        }

        if (settings.OuterDscp is { } dscp)
        {
            map[OuterDscpKey] = dscp.ToString(CultureInfo.InvariantCulture);
        }

        if (settings.LinkMbps != 0)
        {
            map[LinkMbpsKey] = settings.LinkMbps.ToString(CultureInfo.InvariantCulture);
        }

        return map;
    }

    /// <summary>Reads the map; each entry that makes no sense is told and counts as left out.</summary>
    public static HostSettings Read(IReadOnlyDictionary<string, string> map, Action<string, string, string> wrong)
    {
        HostSettings settings = HostSettings.Default;
        if (map.TryGetValue(PortDefaultKey, out string? text))
        {
            if (Enum.TryParse(text, out PortDefaultState state) && Enum.IsDefined(state) && state.ToString() == text)
            {
                settings = settings with { PortDefault = state };
            }
            else
            {
                // Whoever wrote something meant to close or to open ports; of the two mistakes the closed port is the harmless one.
                settings = settings with { PortDefault = PortDefaultState.BlockTraffic };
                wrong(PortDefaultKey, text, "it should be Default, BlockTraffic or AllowTraffic; until then it is BlockTraffic");
            }
        }

        if (map.TryGetValue(OuterDscpKey, out text))
        {
            if (byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out byte dscp) && dscp <= DscpMax)
            {
                settings = settings with { OuterDscp = dscp };
            }
            else
            {
                wrong(OuterDscpKey, text, $"it should be a number from 0 to {DscpMax}, or absent");
            }
        }

        if (map.TryGetValue(LinkMbpsKey, out text))
        {
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int mbps))
            {
                settings = settings with { LinkMbps = mbps };
            }
            else
            {
                wrong(LinkMbpsKey, text, "it should be a number from 0, or absent");
            }
        }

        return settings;
    }
}
