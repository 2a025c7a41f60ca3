using System.Collections.Immutable;
using System.Globalization;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>
/// The text formats inside <c>FW_Rules</c>: <c>*</c> for any, else comma-separated prefixes, ports or ranges <c>a-b</c>, and an IANA
/// protocol number. A protocol is also read by the name that REST gives it.
/// </summary>
internal static class FirewallText
{
    public const string Any = "*";

    public static string Protocol(byte? protocol) => protocol is byte number ? number.ToString(CultureInfo.InvariantCulture) : Any;

    public static string Prefixes(ImmutableArray<IpPrefix> prefixes) => prefixes.IsDefaultOrEmpty ? Any : string.Join(',', prefixes);

    public static string Ports(ImmutableArray<PortRange> ports) => ports.IsDefaultOrEmpty ? Any : string.Join(',', ports);

    public static bool TryReadProtocol(string text, out byte? protocol)
    {
        protocol = text.ToUpperInvariant() switch
        {
            "ICMP" or "ICMPV4" => 1,
            "TCP" => 6,
            "UDP" => 17,
            "GRE" => 47,
            "ICMPV6" => 58,
            _ => byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out byte number) ? number : null,
        };
        return protocol is not null || text is Any or "";
    }

    public static bool TryReadPrefixes(string text, out ImmutableArray<IpPrefix> prefixes) => TryReadList(text, TryReadPrefix, out prefixes);

    public static bool TryReadPorts(string text, out ImmutableArray<PortRange> ports) => TryReadList(text, TryReadPort, out ports);

    private static bool TryReadPrefix(string text, out IpPrefix prefix)
    {
        if (InetAddress.TryParse(text, out InetAddress address))
        {
            prefix = IpPrefix.Create(address, address.IsIPv4 ? 32 : 128);
            return true;
        }

        return IpPrefix.TryParse(text, out prefix);
    }

    private static bool TryReadPort(string text, out PortRange range)
    {
        int dash = text.IndexOf('-', StringComparison.Ordinal);
        bool ok = ushort.TryParse(dash < 0 ? text : text[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out ushort first);
        ushort last = first;
        ok = ok && (dash < 0 || ushort.TryParse(text.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out last)) && first <= last;
        range = new PortRange(first, last);
        return ok;
    }

    private delegate bool TryRead<T>(string text, out T value);

    private static bool TryReadList<T>(string text, TryRead<T> tryRead, out ImmutableArray<T> list)
    {
        list = [];
        if (text is Any or "")
        {
            return true;
        }

        ImmutableArray<T>.Builder builder = ImmutableArray.CreateBuilder<T>();
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (!tryRead(part, out T value))
            {
                return false;
            }

            builder.Add(value);
        }

        list = builder.ToImmutable();
        return true;
    }
}
