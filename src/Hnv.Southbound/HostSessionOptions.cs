using Hnv.Ovsdb;

namespace Hnv.Southbound;

/// <summary>Whom a <see cref="HostSession"/> expects to find, and for whom it speaks.</summary>
public sealed record HostSessionOptions
{
    /// <summary>The instanceId of the <c>servers</c> resource; a host that calls itself otherwise is not written to.</summary>
    public required string ExpectedHostId { get; init; }

    /// <summary>
    /// The controller's term of office. Checked inside every transaction: a host that has seen a greater one refuses the writer (fencing).
    /// </summary>
    public required long Epoch { get; init; }

    /// <summary>Longest wait between two attempts to connect.</summary>
    public TimeSpan ReconnectDelayMax { get; init; } = TimeSpan.FromSeconds(2);
}

/// <summary>How a <see cref="HostSession"/> stands.</summary>
public enum HostSessionState
{
    /// <summary>No session yet, or lost; attempts go on.</summary>
    Connecting,

    /// <summary>The host may be written to.</summary>
    Connected,

    /// <summary>The host says it is another one than expected.</summary>
    HostIdMismatch,

    /// <summary>A controller of a later epoch has taken over this host.</summary>
    Fenced,

    /// <summary>The host answers, but not with a policy database that we understand; attempts go on.</summary>
    Failed,
}

/// <summary>A session's state, why, and since when.</summary>
/// <param name="State">The state.</param>
/// <param name="Message">Why; empty when connected.</param>
/// <param name="Since">When it came to be so.</param>
public sealed record HostSessionStatus(HostSessionState State, string Message, DateTimeOffset Since)
{
    /// <summary>What is wrong with the host's certificate, if that is why there is no session.</summary>
    public CertificateFault Certificate { get; init; }

    /// <summary>True when the host's agent has a session with the database, too; false when there is nobody to enforce what it says.</summary>
    public bool HasAgent { get; init; }
}

/// <summary>What a push did.</summary>
/// <param name="Configuration">The <c>next_cfg</c> that covers the desired policy: it is in force once <c>cur_cfg</c> has reached it.</param>
/// <param name="RowsWritten">Rows added, changed and removed; 0 when the host had everything already.</param>
public readonly record struct PushResult(long Configuration, int RowsWritten);
