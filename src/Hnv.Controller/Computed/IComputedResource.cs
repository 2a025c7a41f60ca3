using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Controller.HostChannel;
using Hnv.Controller.Model;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Controller.Computed;

/// <summary>
/// A part of the API that is no document of the store: made when it is asked for, or the result of an action that changes nothing. All of it
/// is the provider's; to a tenant it is not there.
/// </summary>
internal interface IComputedResource
{
    /// <summary>Where it lies below the version, <c>monitoring/networkControllerStatistics</c>.</summary>
    public string Path { get; }

    /// <summary>True when PUT starts an action.</summary>
    public bool IsAction { get; }

    /// <summary>The status of an action that was started; clients of the connectivity check look for 201.</summary>
    public int StartedStatus => StatusCodes.Status200OK;

    /// <summary>Reads one, or without an id the collection or the single document.</summary>
    /// <returns>What prints it; null when it is not there.</returns>
    public Action<Utf8JsonWriter>? Get(string? id, View view);

    /// <summary>Starts the action.</summary>
    /// <param name="body">As sent.</param>
    /// <param name="view">Everything as it is.</param>
    /// <param name="operation">The request's id.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="Schema.RefusedException">The request is wrong.</exception>
    public JsonObject Put(JsonObject body, View view, Guid operation);
}

/// <summary>Everything that is computed, by path.</summary>
internal sealed class ComputedResources
{
    private const string Diagnostics = "diagnostics";

    private readonly IComputedResource[] _all;

    /// <param name="time">The clock.</param>
    /// <param name="channels">The way to the hosts' agents; null where there are none.</param>
    /// <param name="logger">Where to log.</param>
    public ComputedResources(TimeProvider time, HostChannels? channels = null, ILogger? logger = null)
    {
        var checks = new ConnectivityChecks(time, channels, logger ?? NullLogger.Instance);
        var balancing = new SlbStates(time);
        _all =
        [
            new InternalResourceInstances(),
            new NetworkControllerStatistics(),
            new NetworkControllerState(time),
            checks,
            new ActionResults(ConnectivityChecks.ResultsPath, checks.Results),
            balancing,
            new ActionResults(SlbStates.ResultsPath, balancing.Results),
        ];
    }

    /// <summary>Each, for its description.</summary>
    public IReadOnlyList<IComputedResource> All => _all;

    /// <summary>What a path names, and the id behind it; null when nothing computed lies there.</summary>
    public (IComputedResource Resource, string? Id)? Find(ReadOnlySpan<string> segments)
    {
        // The specification prints some of these paths with the first segment twice (contradiction 24).
        ReadOnlySpan<string> path = segments is [{ } first, { } second, ..] && IsSame(first, Diagnostics) && IsSame(second, Diagnostics) ? segments[1..] : segments;
        foreach (IComputedResource resource in _all)
        {
            string[] own = resource.Path.Split('/');
            if (path.Length >= own.Length && path.Length <= own.Length + 1 && Starts(path, own))
            {
                return (resource, path.Length > own.Length ? path[own.Length] : null);
            }
        }

        return null;
    }

    private static bool Starts(ReadOnlySpan<string> path, string[] own)
    {
        for (int i = 0; i < own.Length; i++)
        {
            if (!IsSame(path[i], own[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsSame(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);
}
