using System.Net;
using System.Net.Sockets;
using Hnv.Ovsdb;
using Hnv.Southbound;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Controller.Tests;

/// <summary>A host as far as the controller sees it: its policy database, and an agent that says what the test wants.</summary>
internal sealed class PlayedHost(OvsdbServerProcess server, Func<HostPolicyDatabase> open, string address) : IAsyncDisposable
{
    private bool _away;

    public HostPolicyDatabase Database { get; private set; } = open();

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
        var host = new PlayedHost(
            server, () => HostPolicyDatabase.Open(options.Endpoint, id.ToString("D"), "test", TimeProvider.System, NullLogger.Instance), $"127.0.0.1:{port}");
        await host.Database.WaitUntilSyncedAsync(CancellationToken.None);
        return host;
    }

    /// <summary>Says that the newest policy is in force.</summary>
    public async Task ApplyAsync()
    {
        await Task.Delay(TimeSpan.FromMilliseconds(50));
        Database.ReportApplied(Database.ReadPolicy().Policy.Configuration);
    }

    /// <summary>Ends the agent; its database goes on.</summary>
    public async Task LeaveAsync() => await Database.DisposeAsync();

    /// <summary>Starts the agent again.</summary>
    public async Task ComeBackAsync()
    {
        Database = open();
        await Database.WaitUntilSyncedAsync(CancellationToken.None);
    }

    /// <summary>Ends the host; to the controller it is away then.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_away)
        {
            _away = true;
            await Database.DisposeAsync();
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
