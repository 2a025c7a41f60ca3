namespace Hnv.HostAgent.Configuration;

/// <summary>What one host agent is told at start: who it is, where it keeps its files, and which devices are its uplinks.</summary>
public sealed record AgentOptions
{
    /// <summary>The instanceId of this host's <c>servers</c> resource; the controller refuses a host that presents another.</summary>
    public required Guid HostId { get; init; }

    /// <summary>A name for people.</summary>
    public required string Name { get; init; }

    /// <summary>Where the policy database lives; survives reboots.</summary>
    public string StateDirectory { get; init; } = "/var/lib/openhnv";

    /// <summary>Where sockets and pid files live; lost at reboot.</summary>
    public string RunDirectory { get; init; } = "/run/openhnv";

    /// <summary>The host's team: network devices toward the provider network, in team order.</summary>
    public required IReadOnlyList<string> Uplinks { get; init; }

    /// <summary>The network namespace that holds the provider addresses (the PA compartment).</summary>
    public string Compartment { get; init; } = "hnv-pa";

    /// <summary>Where the policy database listens.</summary>
    public OvsdbOptions Ovsdb { get; init; } = new();

    /// <summary>Where the host channel listens.</summary>
    public ChannelOptions Channel { get; init; } = new();

    /// <summary>Certificates of <c>pssl</c> and <c>https</c> listeners; null where there are none.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>
    /// What carries packets: <c>userspace</c>, this process; <c>ebpf</c> or <c>auto</c>, the kernel where it can (docs/ebpf.md), else this process, which
    /// says why.
    /// </summary>
    public string Executor { get; init; } = "userspace";

    /// <summary>Threads that carry packets, 1 … 64.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>The local socket of the host channel, for <c>hnv port</c> and friends.</summary>
    public string ChannelSocket => Path.Combine(RunDirectory, "agent.sock");

    /// <summary>Where the kernel keeps what it carries when the agent ends: a BPF file system, one for each agent.</summary>
    public string PinDirectory => Path.Combine(RunDirectory, "bpf");

    /// <summary>The local socket of the policy database.</summary>
    public string DatabaseSocket => Path.Combine(RunDirectory, "db.sock");
}

/// <summary>Where the policy database listens besides its local socket, <c>RUN/database/ovsdb.sock</c>, which is its owner's and root's; each in <c>ovsdb-server --remote</c> form.</summary>
public sealed record OvsdbOptions
{
    /// <summary>Endpoints for controllers, for example <c>pssl:6640</c> or, in a lab, <c>ptcp:6640:192.168.1.2</c>.</summary>
    public IReadOnlyList<string> Listen { get; init; } = [];

    /// <summary>The unprivileged user the database's server runs as. With TLS it can read this host's key: better one of its own than <c>nobody</c>.</summary>
    public string User { get; init; } = "nobody";
}

/// <summary>Where the host channel listens besides its local socket.</summary>
public sealed record ChannelOptions
{
    /// <summary><c>http</c> URLs, for everybody who can reach them, or <c>https</c> ones, for whoever <see cref="TlsOptions"/> admits.</summary>
    public IReadOnlyList<string> Listen { get; init; } = [];
}

/// <summary>This host's side of mutual TLS; PEM files, read again when they change.</summary>
public sealed record TlsOptions
{
    /// <summary>This host's certificate.</summary>
    public required string Certificate { get; init; }

    /// <summary>Its key.</summary>
    public required string PrivateKey { get; init; }

    /// <summary>Who signs the certificates of people: an admin may do everything on the host channel, a reader may read.</summary>
    public required string Authorities { get; init; }

    /// <summary>Who signs the certificates of controllers, and of nobody else: whom they signed may write the policy database.</summary>
    public required string ControllersAuthorities { get; init; }
}
