using Hnv.Ovsdb;

namespace Hnv.Southbound;

/// <summary>The schemas of a host's policy databases; documented in <c>docs/schema.md</c>.</summary>
public static class HostSchemas
{
    /// <summary>Virtual networks, mappings, ports, provider addresses and what the agent reports.</summary>
    public const string VtepName = "ms_vtep";

    /// <summary>Firewall rules.</summary>
    public const string FirewallName = "ms_firewall";

    /// <summary>Mirroring rules.</summary>
    public const string ServiceInsertionName = "ms_service_insertion";

    /// <summary>All databases of a host, ready for <see cref="OvsdbServerOptions.Databases"/>.</summary>
    public static IReadOnlyList<OvsdbDatabaseFile> All { get; } = [Load(VtepName), Load(FirewallName), Load(ServiceInsertionName)];

    private static OvsdbDatabaseFile Load(string name)
    {
        using Stream stream = typeof(HostSchemas).Assembly.GetManifestResourceStream(name + ".ovsschema")
            ?? throw new InvalidOperationException($"The schema {name} was not built into {typeof(HostSchemas).Assembly.GetName().Name}.");
        using StreamReader reader = new(stream);
        return new OvsdbDatabaseFile(name, reader.ReadToEnd());
    }
}
