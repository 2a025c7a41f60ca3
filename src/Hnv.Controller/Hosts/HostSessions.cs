using System.Collections.Concurrent;
using System.Globalization;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Ovsdb;
using Hnv.Primitives;
using Hnv.Southbound;

namespace Hnv.Controller.Hosts;

/// <summary>One session for each server with a host agent, opened and closed as the documents come and go.</summary>
/// <param name="port">Port of a host's policy database, unless its management address says another.</param>
/// <param name="tls">Certificates toward hosts; null speaks plain TCP.</param>
/// <param name="epoch">The term of office.</param>
/// <param name="reported">Called, from anywhere, when a host may have something new to say.</param>
/// <param name="inForce">Called, from anywhere, with the wave whose policy a server's host says is in force.</param>
/// <param name="time">The clock.</param>
/// <param name="loggers">Where to log.</param>
internal sealed partial class HostSessions(int port, OvsdbTls? tls, long epoch, Action reported, Action<Guid, long> inForce, TimeProvider time, ILoggerFactory loggers) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<Guid, HostWorker> _workers = [];
    private readonly List<Task> _farewells = [];
    private readonly ILogger _logger = loggers.CreateLogger<HostSessions>();

    /// <summary>All of them, by their servers' instanceIds.</summary>
    public IEnumerable<KeyValuePair<Guid, HostWorker>> All => _workers;

    /// <summary>The session of a server; null when it has none.</summary>
    public HostWorker? Of(Guid server) => _workers.GetValueOrDefault(server);

    /// <summary>The servers of a snapshot that have a host agent, by instanceId.</summary>
    public static Dictionary<Guid, Node> Managed(Snapshot snapshot) =>
        snapshot.All(Servers.Name).Where(s => ManagementAddress(s) is not null).ToDictionary(s => s.InstanceId);

    /// <summary>Closes sessions that are not wanted any more, opens those that are missing.</summary>
    /// <returns>The servers that cannot be connected to because of what their documents say.</returns>
    public IReadOnlyList<(Node Server, PlanFault Fault)> Match(Dictionary<Guid, Node> wanted)
    {
        _farewells.RemoveAll(farewell => farewell.IsCompleted);
        foreach ((Guid id, HostWorker worker) in _workers)
        {
            bool stays = wanted.TryGetValue(id, out Node? server);
            if (stays && ManagementAddress(server!) == worker.Address)
            {
                continue;
            }

            _workers.TryRemove(id, out _);
            _farewells.Add(CloseAsync(worker, retire: !stays));
        }

        var faults = new List<(Node, PlanFault)>();
        foreach ((Guid id, Node server) in wanted.Where(w => !_workers.ContainsKey(w.Key)))
        {
            string address = ManagementAddress(server)!;
            try
            {
                _workers[id] = Open(server, address);
            }
            catch (FormatException)
            {
                faults.Add((server, new PlanFault(
                    "HostNotConnectedToController",
                    $"{server.Ref}: managementAddresses '{address}' is nowhere to connect to. PUT it with an address, a name, or either with a port, such as 192.0.2.1:{port}.")));
            }
        }

        return faults;
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_farewells);
        foreach (HostWorker worker in _workers.Values)
        {
            await worker.DisposeAsync();
        }
    }

    // Beside the planning: one host that does not answer must not hold up the others.
    private static async Task CloseAsync(HostWorker worker, bool retire)
    {
        if (retire)
        {
            await worker.RetireAsync();
        }

        await worker.DisposeAsync();
    }

    private static string? ManagementAddress(Node server) =>
        Common.Texts(server.Properties["connections"]?.AsArray().FirstOrDefault()?["managementAddresses"]).FirstOrDefault();

    private HostWorker Open(Node server, string address)
    {
        ILogger logger = loggers.CreateLogger<HostSession>();
        HostSession session = HostSession.Start(
            EndpointOf(address), new HostSessionOptions { ExpectedHostId = server.InstanceId.ToString("D"), Epoch = epoch }, time, logger);
        Log.Opened(_logger, server.Ref, address);
        return new HostWorker(server, address, session, reported, wave => inForce(server.InstanceId, wave), loggers.CreateLogger<HostWorker>());
    }

    private OvsdbEndpoint EndpointOf(string address) => OvsdbEndpoint.Parse(
        address.StartsWith("unix:", StringComparison.Ordinal) ? address
        : InetAddress.TryParse(address, out InetAddress ip) && !ip.IsIPv4 ? string.Create(CultureInfo.InvariantCulture, $"{Scheme}:[{ip}]:{port}")
        : address.Contains(':', StringComparison.Ordinal) ? $"{Scheme}:{address}"
        : string.Create(CultureInfo.InvariantCulture, $"{Scheme}:{address}:{port}"),
        tls);

    private string Scheme => tls is null ? "tcp" : "ssl";

    private static partial class Log
    {
        [LoggerMessage(EventId = 2211, Level = LogLevel.Information, Message = "{Server}: connecting to its policy database at {Address}")]
        public static partial void Opened(ILogger logger, string server, string address);
    }
}
