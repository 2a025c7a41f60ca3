namespace Hnv.Ovsdb;

/// <summary>A database that an <see cref="OvsdbServerProcess"/> serves.</summary>
/// <param name="Name">Its name, which is also that of its file, <c>NAME.db</c>.</param>
/// <param name="Schema">The text of its <c>.ovsschema</c> file. An existing file of another schema is converted.</param>
public sealed record OvsdbDatabaseFile(string Name, string Schema);

/// <summary>
/// The server's side of mutual TLS, PEM files. It reads copies in <see cref="OvsdbServerOptions.RunDirectory"/> that belong to its user, who
/// has no other key; they follow the originals within <see cref="RefreshInterval"/>, and the server reads them again by itself.
/// </summary>
/// <param name="PrivateKey">The key.</param>
/// <param name="Certificate">The certificate; it needs the server-authentication usage.</param>
/// <param name="ClientAuthorities">Who signs clients' certificates. Everybody they signed for the client-authentication usage is admitted: the server looks at nothing else.</param>
public sealed record OvsdbServerTls(string PrivateKey, string Certificate, string ClientAuthorities)
{
    /// <summary>How often the originals are looked at.</summary>
    public TimeSpan RefreshInterval { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>What the stock <c>ovsdb-server</c> is to serve, and where.</summary>
public sealed record OvsdbServerOptions
{
    /// <summary>Where the database files live, for good. Made if absent, and given to <see cref="User"/>.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Where socket, pidfile, control socket and log live. Made if absent, and given to <see cref="User"/>.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>The databases.</summary>
    public required IReadOnlyList<OvsdbDatabaseFile> Databases { get; init; }

    /// <summary>Further <c>--remote</c>s beside the unix socket, as <c>ptcp:6640:10.0.0.1</c> or <c>pssl:6640</c>.</summary>
    public IReadOnlyList<string> Remotes { get; init; } = [];

    /// <summary>Certificates for <c>pssl</c> and <c>ssl</c> remotes; null where there are none.</summary>
    public OvsdbServerTls? Tls { get; init; }

    /// <summary>Further command-line options.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The unprivileged user to run as when we are root; null keeps ours.</summary>
    public string? User { get; init; } = "nobody";

    /// <summary>The unix socket that we talk to.</summary>
    public string SocketPath => Path.Combine(RunDirectory, "ovsdb.sock");

    /// <summary>Where to connect to.</summary>
    public OvsdbEndpoint Endpoint => OvsdbEndpoint.Unix(SocketPath);

    internal string TlsDirectory => Path.Combine(RunDirectory, "tls");

    internal string PidFile => Path.Combine(RunDirectory, "ovsdb-server.pid");

    internal string ControlPath => Path.Combine(RunDirectory, "ovsdb-server.ctl");

    internal string LogPath => Path.Combine(RunDirectory, "ovsdb-server.log");
}
