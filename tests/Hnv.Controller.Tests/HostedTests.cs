using System.Diagnostics;
using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Primitives;

namespace Hnv.Controller.Tests;

/// <summary>Figure 8 with everything real but the agents: controller, <c>ovsdb-server</c>s, and two hosts whose agents the test plays.</summary>
public abstract class HostedTests : IAsyncLifetime
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-push-");
    private readonly OrphanGuard _guard;

    private protected HostedTests() => _guard = new OrphanGuard(_directory.FullName);

    private protected ControllerOptions Options => new()
    {
        StateDirectory = Path.Combine(_directory.FullName, "state"),
        RunDirectory = Path.Combine(_directory.FullName, "run"),
        Listen = [],
        Ovsdb = new ControllerOptions.OvsdbSection { User = null },
    };

    private protected ControllerApp App { get; private set; } = null!;

    private protected ControllerClient Client { get; private set; } = null!;

    private protected PlayedHost Host1 { get; private set; } = null!;

    private protected PlayedHost Host2 { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Host1 = await StartHostAsync("host1", Story.Host1);
        Host2 = await StartHostAsync("host2", Story.Host2);
        await StartControllerAsync();
        foreach ((string path, string body) in Story.Documents(Host1.Address, Host2.Address))
        {
            await PutAsync(path, body);
        }
    }

    public async Task DisposeAsync()
    {
        await StopControllerAsync();
        await Host1.DisposeAsync();
        await Host2.DisposeAsync();
        _guard.Dispose();
    }

    private protected Task<PlayedHost> StartHostAsync(string name, Guid id) => PlayedHost.StartAsync(Path.Combine(_directory.FullName, name), id);

    private protected async Task PutAsync(string path, string body) => await Client.PutAsync(path, JsonNode.Parse(body)!);

    private protected async Task StartControllerAsync()
    {
        App = await ControllerApp.StartAsync(Options, CancellationToken.None);
        Client = new ControllerClient(Options.SocketPath);
    }

    private protected async Task StopControllerAsync()
    {
        Client.Dispose();
        await App.DisposeAsync();
    }

    private protected async Task AttachAllAsync()
    {
        await Host1.Database.SetBindingAsync(await NicAsync("contoso-sql"), "veth1", CancellationToken.None);
        await Host1.Database.SetBindingAsync(await NicAsync("fabrikam-sql"), "veth2", CancellationToken.None);
        await Host2.Database.SetBindingAsync(await NicAsync("contoso-web"), "veth1", CancellationToken.None);
        await Host2.Database.SetBindingAsync(await NicAsync("fabrikam-web"), "veth2", CancellationToken.None);
    }

    private protected async Task<NicId> NicAsync(string name) => new((Guid)(await Client.GetAsync($"networkInterfaces/{name}"))!["instanceId"]!);

    private protected async Task<string?> StateAsync(string path) =>
        (string?)(await Client.GetAsync(path))?["properties"]?["configurationState"]?["status"];

    private protected async Task<string?> CodeAsync(string path) =>
        (string?)(await Client.GetAsync(path))?["properties"]?["configurationState"]?["detailedInfo"]?[0]?["code"];

    private protected static List<string> Mappings(PlayedHost host) =>
        [.. host.Database.ReadPolicy().Policy.Mappings.Select(m => $"{m.Customer} {m.Provider}").Order(StringComparer.Ordinal)];

    private protected static Task EventuallyAsync(Func<bool> condition) => EventuallyAsync(() => Task.FromResult(condition()));

    private protected static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        long started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < s_patience, "It did not happen in time.");
            await Task.Delay(5);
        }
    }
}
