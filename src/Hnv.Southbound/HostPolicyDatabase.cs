using System.Threading.Channels;
using Hnv.Ovsdb;
using Hnv.Primitives;
using Microsoft.Extensions.Logging;

namespace Hnv.Southbound;

/// <summary>
/// The host agent's side of its own policy database: reads intent, writes status. What it was told to report is kept and written
/// again whenever the database does not say it, so a restart of the server loses nothing. Thread-safe.
/// </summary>
public sealed class HostPolicyDatabase : IAsyncDisposable
{
    /// <summary>True when the readings below follow the database; false when they are the last ones known.</summary>
    public bool IsConnected => throw new NotImplementedException();

    /// <summary>Holds an item after policy or bindings changed. For one reader.</summary>
    public ChannelReader<bool> Changes => throw new NotImplementedException();

    /// <summary>The devices plugged in, as the database has them; they survive a restart of agent and server.</summary>
    public IReadOnlyList<PortBinding> Bindings => throw new NotImplementedException();

    /// <summary>Begins to follow the database and makes the rows an agent owes it; returns at once.</summary>
    /// <param name="endpoint">The local server.</param>
    /// <param name="hostId">The instanceId of this host's <c>servers</c> resource; may be empty while it is not known.</param>
    /// <param name="agentVersion">The agent's version.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where the sessions are logged.</param>
    public static HostPolicyDatabase Open(OvsdbEndpoint endpoint, string hostId, string agentVersion, TimeProvider time, ILogger logger) =>
        throw new NotImplementedException();

    /// <summary>Ends when the content is known.</summary>
    public Task WaitUntilSyncedAsync(CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>The policy as it stands, with the <c>next_cfg</c> it belongs to, and the rows that make no sense.</summary>
    public HostPolicyReading ReadPolicy() => throw new NotImplementedException();

    /// <summary>Says that the policy of that configuration is in force; becomes <c>cur_cfg</c>. Never goes back.</summary>
    public void ReportApplied(long configuration) => throw new NotImplementedException();

    /// <summary>Says under which id and version this host presents itself.</summary>
    public void SetHostIdentity(string hostId, string agentVersion) => throw new NotImplementedException();

    /// <summary>Says how the port of a binding is doing; forgotten when the binding is removed.</summary>
    public void SetBindingStatus(NicId nic, EnforcementStatus status) => throw new NotImplementedException();

    /// <summary>Says how a provider address is doing; kept until the address leaves the policy.</summary>
    public void SetProviderAddressStatus(ProviderAddress address, EnforcementStatus status) => throw new NotImplementedException();

    /// <summary>Notes durably that a device is the port of a network interface; replaces an earlier device of the same interface.</summary>
    /// <exception cref="OvsdbException">The database could not be written; nothing is noted.</exception>
    public Task SetBindingAsync(NicId nic, string device, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Notes durably that a network interface has no port here any more; nothing happens when it has none.</summary>
    /// <exception cref="OvsdbException">The database could not be written; the binding stays.</exception>
    public Task RemoveBindingAsync(NicId nic, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Stops following; the server goes on.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
