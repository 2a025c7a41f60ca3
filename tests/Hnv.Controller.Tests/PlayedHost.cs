using System.Net;
using System.Net.Sockets;
using Hnv.Ovsdb;
using Hnv.Southbound;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Controller.Tests;

/// <summary>A host as far as the controller sees it: its policy database, and an agent that says what the test wants.</summary>
internal sealed class PlayedHost(OvsdbServerProcess server, HostPolicyDatabase database, string address) : IAsyncDisposable
{
    private bool _away;

    public HostPolicyDatabase Database => database;

    public string Address => address;

    public static async Task<PlayedHost> StartAsync(string directory, Guid id, OvsdbServerTls? tls = null)
    {
        int port = FreePort();
        var options = new OvsdbServerOptions
        {
            DataDirectory = Path.Combine(directory, "data"),
            RunDirectory = Path.Combine(directory, "run"),
            Databases = HostSchemas.All,
            Remotes = [$"{(tls is null ? "ptcp" : "pssl")}:{port}:127.0.0.1"],
            Tls = tls,
            User = null,
        };
        OvsdbServerProcess server = await OvsdbServerProcess.StartAsync(options, TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        HostPolicyDatabase database = HostPolicyDatabase.Open(options.Endpoint, id.ToString("D"), "test", TimeProvider.System, NullLogger.Instance);
        await database.WaitUntilSyncedAsync(CancellationToken.None);
        return new PlayedHost(server, database, $"127.0.0.1:{port}");
    }

    /// <summary>Says that the newest policy is in force.</summary>
    public async Task ApplyAsync()
    {
        await Task.Delay(TimeSpan.FromMilliseconds(50));
        database.ReportApplied(database.ReadPolicy().Policy.Configuration);
    }

    /// <summary>Ends the host; to the controller it is away then.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_away)
        {
            _away = true;
            await database.DisposeAsync();
            await server.DisposeAsync();
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
