using Microsoft.Extensions.Logging;

namespace Hnv.Ovsdb;

/// <summary>
/// The stock <c>ovsdb-server</c> as our supervised child: makes and converts its databases, restarts it when it ends, and takes over
/// the one that an earlier, killed parent left running.
/// </summary>
public sealed partial class OvsdbServerProcess : IAsyncDisposable
{
    /// <summary>Starts or takes over the server; returns when its socket answers.</summary>
    /// <exception cref="OvsdbException">It cannot be started; the message says why and what to do.</exception>
    public static Task<OvsdbServerProcess> StartAsync(OvsdbServerOptions options, TimeProvider time, ILogger logger, CancellationToken cancellation) =>
        throw new NotImplementedException();

    /// <summary>The server's process id; 0 while it is being restarted.</summary>
    public int ProcessId => throw new NotImplementedException();

    /// <summary>Lets go of the server without ending it, so that the next agent takes it over.</summary>
    public ValueTask ReleaseAsync() => throw new NotImplementedException();

    /// <summary>Ends supervision and the server.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
