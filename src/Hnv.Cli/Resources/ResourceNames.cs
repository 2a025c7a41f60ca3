using Hnv.Client.Declarative;

namespace Hnv.Cli.Resources;

/// <summary>What people type for a resource: short names, singulars, any case; and what is meant.</summary>
internal static class ResourceNames
{
    /// <summary>Every top-level type with its short names.</summary>
    public static IReadOnlyDictionary<string, string[]> Types { get; } = new Dictionary<string, string[]>(StringComparer.OrdinalIgnoreCase)
    {
        ["accessControlLists"] = ["acl", "acls"],
        ["auditingSettings"] = [],
        ["credentials"] = ["cred", "creds"],
        ["diagnostics/ConnectivityCheck"] = [],
        ["discovery"] = [],
        ["GatewayPools"] = ["gwpool", "gwpools"],
        ["gateways"] = ["gw"],
        ["iDnsServer"] = [],
        ["internalResourceInstances"] = [],
        ["learnedIPAddresses"] = ["learnedip"],
        ["loadBalancerManager"] = ["lbm"],
        ["loadBalancerMuxes"] = ["mux"],
        ["loadBalancers"] = ["lb", "lbs"],
        ["logicalNetworks"] = ["lnet", "lnets"],
        ["macPools"] = [],
        ["multisite"] = [],
        ["networkControllerBackup"] = ["backup"],
        ["networkControllerRestore"] = ["restore"],
        ["networkInterfaces"] = ["nic", "nics"],
        ["operations"] = ["op"],
        ["publicIPAddresses"] = ["pip", "pips"],
        ["routeTables"] = ["rt"],
        ["securityTags"] = ["tag", "tags"],
        ["servers"] = ["host", "hosts"],
        ["serviceInsertions"] = ["mirror", "mirrors"],
        ["VirtualGateways"] = ["vgw"],
        ["virtualNetworkManager"] = ["vnm"],
        ["virtualNetworks"] = ["vnet", "vnets"],
        ["virtualServers"] = [],
        ["virtualSwitchManager"] = ["vsm"],
    };

    /// <summary>The paths that some words mean: <c>vnet/contoso</c>, or a type followed by names, <c>nic web-nic0 sql-nic0</c>.</summary>
    public static IReadOnlyList<string> Paths(IReadOnlyList<string> words) =>
        words.Count > 1 && !words[0].Trim('/').Contains('/') && words.Skip(1).All(word => !word.Trim('/').Contains('/'))
            ? [.. words.Skip(1).Select(name => Path($"{words[0].Trim('/')}/{name}"))]
            : [.. words.Select(Path)];

    /// <summary>The path that one word means, from the type on, without slashes around it.</summary>
    public static string Path(string word)
    {
        string[] segments = ApiSchema.Split(word);
        return segments.Length == 0 ? throw new CommandException("Which resource? For example: hnv get virtualNetworks") : string.Join('/', [Type(segments[0]), .. segments[1..]]);
    }

    /// <summary>What to say about a path at which there is nothing.</summary>
    public static string Absent(string path)
    {
        string[] segments = path.Split('/');
        if (!Types.Keys.Any(type => type.Split('/')[0].Equals(segments[0], StringComparison.OrdinalIgnoreCase)) && !segments[0].StartsWith("monitoring", StringComparison.OrdinalIgnoreCase))
        {
            string? nearest = DocumentCheck.Nearest(segments[0], Types.SelectMany(type => type.Value.Append(type.Key)));
            return $"There is no resource type '{segments[0]}'.{(nearest is null ? "" : $" Did you mean {nearest}?")} The types: {string.Join(", ", Types.Keys.Order(StringComparer.OrdinalIgnoreCase))}";
        }

        return segments.Length == 1 ? $"There is no {path}." : $"There is no {path}. What there is: hnv get {string.Join('/', segments[..(segments.Length % 2 == 0 ? ^1 : ^0)])}";
    }

    private static string Type(string word)
    {
        foreach ((string type, string[] shorts) in Types)
        {
            if (type.Equals(word, StringComparison.OrdinalIgnoreCase) || shorts.Contains(word, StringComparer.OrdinalIgnoreCase) || Singular(type).Equals(word, StringComparison.OrdinalIgnoreCase))
            {
                return type;
            }
        }

        return word;
    }

    private static string Singular(string type) =>
        type.EndsWith("sses", StringComparison.Ordinal) || type.EndsWith("xes", StringComparison.Ordinal) ? type[..^2] : type.TrimEnd('s');
}
