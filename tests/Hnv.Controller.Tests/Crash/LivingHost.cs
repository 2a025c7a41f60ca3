using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Southbound;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Controller.Tests.Crash;

/// <summary>
/// A host with its stock <c>ovsdb-server</c> and the agent's side of it, which follows and reports as the agent does, and both of which can be
/// away and come back with what they had.
/// </summary>
internal sealed class LivingHost : IAsyncDisposable
{
    private readonly Guid _id;
    private readonly OvsdbServerOptions _options;
    private OvsdbServerProcess? _server;
    private HostPolicyDatabase? _database;
    private Task _obeying = Task.CompletedTask;
    private int _readings;

    private LivingHost(string directory, Guid id)
    {
        _id = id;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Address = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");
        _options = new OvsdbServerOptions
        {
            DataDirectory = Path.Combine(directory, "data"),
            RunDirectory = Path.Combine(directory, "run"),
            Databases = HostSchemas.All,
            Remotes = [$"ptcp:{Address.Split(':')[1]}:127.0.0.1"],
            User = null,
        };
    }

    public Guid Id => _id;

    public string Address { get; }

    /// <summary>Where its rows can be looked at past all code of ours.</summary>
    public OvsdbEndpoint Endpoint => _options.Endpoint;

    public HostPolicyDatabase Database => _database!;

    /// <summary>How often policy was read because it changed.</summary>
    public int Readings => Volatile.Read(ref _readings);

    /// <summary>How many passes wrote policy, ever: each asks for a new configuration in one transaction, and a database's file is the list of them.</summary>
    public int Passes => File.ReadLines(Path.Combine(_options.DataDirectory, $"{HostSchemas.VtepName}.db")).Count(line => line.Contains("\"next_cfg\":", StringComparison.Ordinal) && !line.Contains("\"tables\":", StringComparison.Ordinal));

    public static async Task<LivingHost> StartAsync(string directory, Guid id)
    {
        LivingHost host = new(directory, id);
        await host.StartServerAsync();
        await host.StartAgentAsync();
        return host;
    }

    public async Task StartServerAsync() =>
        _server = await OvsdbServerProcess.StartAsync(_options, TimeProvider.System, NullLogger.Instance, CancellationToken.None);

    public async Task StopServerAsync()
    {
        await _server!.DisposeAsync();
        _server = null;
    }

    public async Task StartAgentAsync()
    {
        _database = HostPolicyDatabase.Open(_options.Endpoint, _id.ToString("D"), "test", TimeProvider.System, NullLogger.Instance);
        await _database.WaitUntilSyncedAsync(CancellationToken.None);
        _obeying = Task.Run(() => ObeyAsync(_database));
    }

    public async Task StopAgentAsync()
    {
        await _database!.DisposeAsync();
        await _obeying;
        _database = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_database is not null)
        {
            await StopAgentAsync();
        }

        if (_server is not null)
        {
            await StopServerAsync();
        }
    }

    private async Task ObeyAsync(HostPolicyDatabase database)
    {
        await foreach (bool _ in database.Changes.ReadAllAsync())
        {
            Interlocked.Increment(ref _readings);
            HostPolicyReading reading = database.ReadPolicy();
            foreach (PortPolicy port in reading.Policy.Ports)
            {
                database.SetBindingStatus(port.Nic, EnforcementStatus.Running);
            }

            database.ReportApplied(reading.Policy.Configuration);
        }
    }
}
