using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Southbound;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Controller.Tests;

/// <summary>From REST into the policy databases of two hosts: real controller, real ovsdb-servers, agents played by the test.</summary>
public sealed class PushTests : IAsyncLifetime
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-push-");
    private ControllerApp? _app;
    private ControllerClient? _client;
    private PlayedHost? _host1;
    private PlayedHost? _host2;

    public async Task InitializeAsync()
    {
        _host1 = await PlayedHost.StartAsync(Path.Combine(_directory.FullName, "host1"), Story.Host1);
        _host2 = await PlayedHost.StartAsync(Path.Combine(_directory.FullName, "host2"), Story.Host2);
        await StartControllerAsync();
        foreach ((string path, string body) in Story.Documents(_host1.Address, _host2.Address))
        {
            await _client!.PutAsync(path, JsonNode.Parse(body)!);
        }
    }

    public async Task DisposeAsync()
    {
        _client!.Dispose();
        await _app!.DisposeAsync();
        await _host1!.DisposeAsync();
        await _host2!.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task AttachedPorts_Figure8_ReachBothDatabases()
    {
        await AttachAllAsync();

        await EventuallyAsync(() => Mappings(_host1!).Count == 4 && Mappings(_host2!).Count == 4);

        string[] expected = ["5001/10.1.1.11 192.168.1.10", "5001/10.1.1.12 192.168.2.20", "6001/10.1.1.11 192.168.1.10", "6001/10.1.1.12 192.168.2.20"];
        Assert.Equal(expected, Mappings(_host1!));
        Assert.Equal(expected, Mappings(_host2!));
    }

    [Fact]
    public async Task ConfigurationState_IsWhatTheHostReports()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(_host1!).Count == 4);
        NicId nic = await NicAsync("contoso-sql");

        string? before = await StateAsync("networkInterfaces/contoso-sql");
        _host1!.Database.SetBindingStatus(nic, EnforcementStatus.Running);
        await _host1.ApplyAsync();
        await EventuallyAsync(async () => await StateAsync("networkInterfaces/contoso-sql") == "Success");
        _host1.Database.SetBindingStatus(nic, new EnforcementStatus(EnforcementState.Failed, "PolicyConfigurationFailureOnVfp", "broken"));
        await EventuallyAsync(async () => await StateAsync("networkInterfaces/contoso-sql") == "Failure");

        Assert.Equal("InProgress", before);
        JsonNode? interfaceDocument = await _client!.GetAsync("networkInterfaces/contoso-sql");
        Assert.Equal("/servers/host1", (string?)interfaceDocument!["properties"]!["server"]!["resourceRef"]);
        Assert.Equal("Success", await StateAsync("servers/host1"));
        Assert.Equal("Failure", await StateAsync("virtualNetworks/contoso"));
        Assert.Equal("Failure", await StateAsync("accessControlLists/sql"));
        JsonNode? server = await _client.GetAsync("servers/host1");
        Assert.Equal(2, server!["properties"]!["virtualNetworkInterfaces"]!.AsArray().Count);
    }

    [Fact]
    public async Task MachineMoves_AttachedElsewhere_MappingsFollow()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(_host2!).Count == 4);

        await _host2!.Database.SetBindingAsync(await NicAsync("contoso-sql"), "veth9", CancellationToken.None);

        await EventuallyAsync(() => Mappings(_host2).Contains("5001/10.1.1.11 192.168.2.20"));
        Assert.Equal(["contoso-sql", "contoso-web", "fabrikam-web"], _host2.Database.ReadPolicy().Policy.Ports.Select(p => p.Name).Order());
    }

    [Fact]
    public async Task Rule_Changed_ReachesTheHost()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(_host1!).Count == 4);

        await _client!.PutAsync("accessControlLists/sql", JsonNode.Parse("""{"properties":{"inboundDefaultAction":"Permit","aclRules":[]}}""")!);

        await EventuallyAsync(() => _host1!.Database.ReadPolicy().Policy.Ports.Single(p => p.Name == "contoso-sql").Rules is { Length: 2 } rules
            && rules.All(r => r.Action == AclAction.Allow));
    }

    [Fact]
    public async Task Controller_Restarted_FindsNothingToWrite()
    {
        await AttachAllAsync();
        await EventuallyAsync(() => Mappings(_host1!).Count == 4 && Mappings(_host2!).Count == 4);
        await Task.Delay(TimeSpan.FromMilliseconds(200));
        long before = _host1!.Database.ReadPolicy().Policy.Configuration;

        _client!.Dispose();
        await _app!.DisposeAsync();
        await StartControllerAsync();
        await EventuallyAsync(async () => await StateAsync("servers/host1") == "Success" && await StateAsync("servers/host2") == "Success");
        await Task.Delay(TimeSpan.FromMilliseconds(500));

        Assert.Equal(before, _host1.Database.ReadPolicy().Policy.Configuration);
        Assert.Equal(4, Mappings(_host1).Count);
    }

    [Fact]
    public async Task Host_WithAnotherId_IsNotWrittenToAndSaysWhy()
    {
        await _client!.PutAsync("servers/host3", JsonNode.Parse(Story.Server(Guid.NewGuid(), "pa-1", _host1!.Address))!);

        await EventuallyAsync(async () => await CodeAsync("servers/host3") == "HostNotConnectedToController");
    }

    private async Task StartControllerAsync()
    {
        var options = new ControllerOptions
        {
            StateDirectory = Path.Combine(_directory.FullName, "state"),
            RunDirectory = Path.Combine(_directory.FullName, "run"),
            Listen = [],
            Ovsdb = new ControllerOptions.OvsdbSection { User = null },
        };
        _app = await ControllerApp.StartAsync(options, CancellationToken.None);
        _client = new ControllerClient(options.SocketPath);
    }

    private async Task AttachAllAsync()
    {
        await _host1!.Database.SetBindingAsync(await NicAsync("contoso-sql"), "veth1", CancellationToken.None);
        await _host1.Database.SetBindingAsync(await NicAsync("fabrikam-sql"), "veth2", CancellationToken.None);
        await _host2!.Database.SetBindingAsync(await NicAsync("contoso-web"), "veth1", CancellationToken.None);
        await _host2.Database.SetBindingAsync(await NicAsync("fabrikam-web"), "veth2", CancellationToken.None);
    }

    private async Task<NicId> NicAsync(string name) => new((Guid)(await _client!.GetAsync($"networkInterfaces/{name}"))!["instanceId"]!);

    private async Task<string?> StateAsync(string path) =>
        (string?)(await _client!.GetAsync(path))?["properties"]?["configurationState"]?["status"];

    private async Task<string?> CodeAsync(string path) =>
        (string?)(await _client!.GetAsync(path))?["properties"]?["configurationState"]?["detailedInfo"]?[0]?["code"];

    private static List<string> Mappings(PlayedHost host) =>
        [.. host.Database.ReadPolicy().Policy.Mappings.Select(m => $"{m.Customer} {m.Provider}").Order(StringComparer.Ordinal)];

    private static Task EventuallyAsync(Func<bool> condition) => EventuallyAsync(() => Task.FromResult(condition()));

    private static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        long started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < s_patience, "It did not happen in time.");
            await Task.Delay(5);
        }
    }

    /// <summary>A host as far as the controller sees it: its policy database, and an agent that says what the test wants.</summary>
    private sealed class PlayedHost(OvsdbServerProcess server, HostPolicyDatabase database, string address) : IAsyncDisposable
    {
        public HostPolicyDatabase Database => database;

        public string Address => address;

        public static async Task<PlayedHost> StartAsync(string directory, Guid id)
        {
            int port = FreePort();
            var options = new OvsdbServerOptions
            {
                DataDirectory = Path.Combine(directory, "data"),
                RunDirectory = Path.Combine(directory, "run"),
                Databases = HostSchemas.All,
                Remotes = [$"ptcp:{port}:127.0.0.1"],
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

        public async ValueTask DisposeAsync()
        {
            await database.DisposeAsync();
            await server.DisposeAsync();
        }

        private static int FreePort()
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            return ((IPEndPoint)listener.LocalEndpoint).Port;
        }
    }
}
