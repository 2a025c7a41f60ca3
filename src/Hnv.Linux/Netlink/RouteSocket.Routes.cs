using Hnv.Primitives;

namespace Hnv.Linux.Netlink;

public sealed unsafe partial class RouteSocket
{
    private const int RouteHeaderSize = 12;

    /// <summary>All unicast routes of all tables, IPv4 and IPv6.</summary>
    public IReadOnlyList<RouteInfo> Routes() => [.. Routes(Interop.AF_INET), .. Routes(Interop.AF_INET6)];

    /// <summary>Adds the route, or changes the one with the same destination, table and metric.</summary>
    public void SetRoute(RouteInfo route) =>
        Execute(RouteRequest(Interop.RTM_NEWROUTE, Interop.NLM_F_ACK | Interop.NLM_F_CREATE | Interop.NLM_F_REPLACE, "set", route));

    /// <summary>Takes the route away. Absent is success.</summary>
    public void DeleteRoute(RouteInfo route)
    {
        try
        {
            Execute(RouteRequest(Interop.RTM_DELROUTE, Interop.NLM_F_ACK, "delete", route));
        }
        catch (LinuxException exception) when (exception.IsNotFound)
        {
        }
    }

    /// <summary>All policy rules that lead to a table, IPv4 and IPv6.</summary>
    public IReadOnlyList<RuleInfo> Rules() => [.. Rules(Interop.AF_INET), .. Rules(Interop.AF_INET6)];

    /// <summary>Adds the rule. One that is there already is success.</summary>
    public void AddRule(RuleInfo rule)
    {
        try
        {
            Execute(RuleRequest(Interop.RTM_NEWRULE, Interop.NLM_F_ACK | Interop.NLM_F_CREATE | Interop.NLM_F_EXCL, "add", rule));
        }
        catch (LinuxException exception) when (exception.IsExists)
        {
        }
    }

    /// <summary>Takes the rule away. Absent is success.</summary>
    public void DeleteRule(RuleInfo rule)
    {
        try
        {
            Execute(RuleRequest(Interop.RTM_DELRULE, Interop.NLM_F_ACK, "delete", rule));
        }
        catch (LinuxException exception) when (exception.IsNotFound)
        {
        }
    }

    private List<RouteInfo> Routes(int family) => Dump<RouteInfo>(
        () => FamilyDump(Interop.RTM_GETROUTE, "list routes", family),
        result => (type, body) =>
        {
            if (type != Interop.RTM_NEWROUTE || body.Length < RouteHeaderSize || body[7] != Interop.RTN_UNICAST)
            {
                return;
            }

            InetAddress destination = family == Interop.AF_INET ? InetAddress.FromIPv4(0) : default;
            InetAddress? gateway = null, source = null;
            int link = 0;
            uint table = body[4], metric = 0;
            NetlinkAttributes attributes = new(body[RouteHeaderSize..]);
            while (attributes.Next())
            {
                switch (attributes.Type)
                {
                    case Interop.RTA_DST: destination = attributes.Address; break;
                    case Interop.RTA_GATEWAY: gateway = attributes.Address; break;
                    case Interop.RTA_PREFSRC: source = attributes.Address; break;
                    case Interop.RTA_OIF: link = (int)attributes.UInt32; break;
                    case Interop.RTA_PRIORITY: metric = attributes.UInt32; break;
                    case Interop.RTA_TABLE: table = attributes.UInt32; break;
                    default: break;
                }
            }

            result.Add(new RouteInfo(IpPrefix.Create(destination, body[1]), gateway, link, table, metric, source, body[5]));
        });

    private List<RuleInfo> Rules(int family) => Dump<RuleInfo>(
        () => FamilyDump(Interop.RTM_GETRULE, "list rules", family),
        result => (type, body) =>
        {
            if (type != Interop.RTM_NEWRULE || body.Length < RouteHeaderSize || body[7] != Interop.FR_ACT_TO_TBL)
            {
                return;
            }

            InetAddress? source = null;
            uint table = body[4], priority = 0;
            NetlinkAttributes attributes = new(body[RouteHeaderSize..]);
            while (attributes.Next())
            {
                switch (attributes.Type)
                {
                    case Interop.FRA_SRC: source = attributes.Address; break;
                    case Interop.FRA_TABLE: table = attributes.UInt32; break;
                    case Interop.FRA_PRIORITY: priority = attributes.UInt32; break;
                    default: break;
                }
            }

            result.Add(new RuleInfo(source is InetAddress found ? IpPrefix.Create(found, body[2]) : null, table, priority));
        });

    private static NetlinkRequest FamilyDump(ushort type, string operation, int family)
    {
        NetlinkRequest request = new(type, Interop.NLM_F_DUMP, operation, "rtnetlink");
        request.Fixed(RouteHeaderSize)[0] = (byte)family;
        return request;
    }

    private static NetlinkRequest RouteRequest(ushort type, ushort flags, string verb, RouteInfo route)
    {
        string via = route.Gateway is InetAddress hop ? $" via {hop}" : "";
        NetlinkRequest request = new(type, flags, $"{verb} route", $"{route.Destination}{via} table {route.Table}");
        Span<byte> header = request.Fixed(RouteHeaderSize);
        header[0] = Family(route.Destination.Address);
        header[1] = (byte)route.Destination.Length;
        header[4] = Interop.RT_TABLE_UNSPEC;
        header[5] = route.Protocol;
        header[6] = route.Gateway is null && route.Destination.IsIPv4 ? Interop.RT_SCOPE_LINK : Interop.RT_SCOPE_UNIVERSE;
        header[7] = Interop.RTN_UNICAST;
        if (route.Destination.Length > 0)
        {
            request.Attribute(Interop.RTA_DST, route.Destination.Address);
        }

        request.Attribute(Interop.RTA_TABLE, route.Table);
        if (route.Gateway is InetAddress gateway)
        {
            request.Attribute(Interop.RTA_GATEWAY, gateway);
        }

        if (route.LinkIndex != 0)
        {
            request.Attribute(Interop.RTA_OIF, (uint)route.LinkIndex);
        }

        if (route.Metric != 0)
        {
            request.Attribute(Interop.RTA_PRIORITY, route.Metric);
        }

        if (route.Source is InetAddress source)
        {
            request.Attribute(Interop.RTA_PREFSRC, source);
        }

        return request;
    }

    private static NetlinkRequest RuleRequest(ushort type, ushort flags, string verb, RuleInfo rule)
    {
        IpPrefix source = rule.Source ?? throw new ArgumentException("Only rules by source are made here.", nameof(rule));
        NetlinkRequest request = new(type, flags, $"{verb} rule", $"from {source} table {rule.Table}");
        Span<byte> header = request.Fixed(RouteHeaderSize);
        header[0] = Family(source.Address);
        header[2] = (byte)source.Length;
        header[7] = Interop.FR_ACT_TO_TBL;
        return request.Attribute(Interop.FRA_SRC, source.Address)
            .Attribute(Interop.FRA_TABLE, rule.Table)
            .Attribute(Interop.FRA_PRIORITY, rule.Priority);
    }
}
