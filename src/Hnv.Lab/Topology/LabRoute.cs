using Hnv.Primitives;

namespace Hnv.Lab.Topology;

/// <summary>A table of routes for what the machines of a subnet send.</summary>
/// <param name="Name">Its resource id.</param>
/// <param name="Routes">The routes; prefixes differ.</param>
public sealed record LabRouteTable(string Name, IReadOnlyList<LabRoute> Routes);

/// <summary>One route, written as <c>0.0.0.0/0 via 10.1.1.50</c>, <c>10.9.0.0/16 drop</c> or <c>10.1.0.0/16 local</c>.</summary>
/// <param name="Prefix">The destinations.</param>
/// <param name="NextHopType">REST spelling: VirtualAppliance, None or VnetLocal.</param>
/// <param name="NextHop">The machine that routes on; null for the other types.</param>
public sealed record LabRoute(IpPrefix Prefix, string NextHopType, InetAddress? NextHop)
{
    private const string Form = "write it as: PREFIX via ADDRESS, PREFIX drop or PREFIX local";

    /// <summary>Reads the sentence.</summary>
    /// <param name="text">The sentence.</param>
    /// <param name="route">The route.</param>
    /// <param name="mistake">What is wrong with it, when the result is false.</param>
    public static bool TryParse(string text, out LabRoute? route, out string mistake)
    {
        string[] words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        route = words.Length > 0 && IpPrefix.TryParse(words[0], out IpPrefix prefix)
            ? words[1..] switch
            {
                ["drop"] => new LabRoute(prefix, "None", null),
                ["local"] => new LabRoute(prefix, "VnetLocal", null),
                ["via", string hop] when InetAddress.TryParse(hop, out InetAddress address) && address.IsIPv4 == prefix.IsIPv4 =>
                    new LabRoute(prefix, "VirtualAppliance", address),
                _ => null,
            }
            : null;
        mistake = route is null ? $"'{text}' is not a route; {Form}, with a prefix like 10.1.0.0/16 and an address of the same family" : "";
        return route is not null;
    }
}
