using System.Threading.Channels;
using Hnv.Ovsdb;
using Hnv.Policy;
using Microsoft.Extensions.Logging;

namespace Hnv.Southbound;

/// <summary>The controller's side of one host: follows its policy database and makes it say what is desired. Thread-safe.</summary>
public sealed class HostSession : IAsyncDisposable
{
    /// <summary>How the session stands.</summary>
    public HostSessionStatus Status => throw new NotImplementedException();

    /// <summary>What the host last said about itself; stays readable while there is no session.</summary>
    public HostReport Report => throw new NotImplementedException();

    /// <summary>Holds an item after <see cref="Status"/> or <see cref="Report"/> changed. For one reader.</summary>
    public ChannelReader<bool> Changes => throw new NotImplementedException();

    /// <summary>Begins to connect; returns at once. Attempts go on until the session is disposed of.</summary>
    public static HostSession Start(OvsdbEndpoint endpoint, HostSessionOptions options, TimeProvider time, ILogger logger) =>
        throw new NotImplementedException();

    /// <summary>Makes the host's database say the desired policy: writes the difference only, nothing when there is none.</summary>
    /// <param name="desired">The policy; its <see cref="HostPolicy.Configuration"/> is ignored.</param>
    /// <param name="cancellation">Gives up; what was written by then stays, and the next push completes it.</param>
    /// <exception cref="ArgumentException">The policy contradicts itself; nothing was written.</exception>
    /// <exception cref="HostSessionException">The session is not <see cref="HostSessionState.Connected"/>.</exception>
    /// <exception cref="OvsdbException">The connection was lost under way, or the server refused; push again.</exception>
    public Task<PushResult> PushAsync(HostPolicy desired, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>True when a push of that policy would write nothing, judged by what the host last said.</summary>
    public bool IsCurrent(HostPolicy desired) => throw new NotImplementedException();

    /// <summary>Ends the session.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
