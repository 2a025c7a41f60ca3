namespace Hnv.Ovsdb;

/// <summary>What to replicate from where.</summary>
public sealed record OvsdbReplicaOptions
{
    /// <summary>The server.</summary>
    public required OvsdbEndpoint Endpoint { get; init; }

    /// <summary>Columns to replicate, by database and table.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyDictionary<string, IReadOnlyList<string>>> Databases { get; init; }

    /// <summary>A lock to ask for in every session; null for none.</summary>
    public string? LockName { get; init; }

    /// <summary>True to take that lock from whoever has it; who waits for it gets it when our session ends.</summary>
    public bool StealsLock { get; init; }

    /// <summary>Wait before the first attempt to reconnect; doubled by every further one.</summary>
    public TimeSpan ReconnectDelayMin { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Longest wait between two attempts: short, because an outage of the network ends without a notice.</summary>
    public TimeSpan ReconnectDelayMax { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How often an idle session is probed, and how long a probe or an attempt to connect may take.</summary>
    public TimeSpan ProbeInterval { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>How a replica stands with its server.</summary>
/// <param name="IsConnected">True when the snapshot follows the server; false when it is the last one known.</param>
/// <param name="IsRefused">True when a server answered, but not with the databases asked for.</param>
/// <param name="HoldsLock">True when the session holds <see cref="OvsdbReplicaOptions.LockName"/>.</param>
/// <param name="Message">Why it is not connected; empty when it is.</param>
/// <param name="Since">When that began.</param>
public sealed record OvsdbReplicaStatus(bool IsConnected, bool IsRefused, bool HoldsLock, string Message, DateTimeOffset Since)
{
    /// <summary>What is wrong with the server's certificate, if that is why.</summary>
    public CertificateFault Certificate { get; init; }
}
