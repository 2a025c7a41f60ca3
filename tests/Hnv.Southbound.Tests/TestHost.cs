using Hnv.Ovsdb;
using Hnv.Policy;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Southbound.Tests;

/// <summary>A host's real policy databases with the agent's side of them, in a directory of its own.</summary>
internal sealed class TestHost : IAsyncDisposable
{
    public const string HostId = "11111111-2222-3333-4444-555555555555";

    private readonly string _directory = Directory.CreateTempSubdirectory("hnv-t-sb-").FullName;

    private TestHost()
    {
        File.SetUnixFileMode(_directory, (UnixFileMode)0b111_101_101);
        Options = new OvsdbServerOptions
        {
            DataDirectory = Path.Combine(_directory, "data"),
            RunDirectory = Path.Combine(_directory, "run"),
            Databases = HostSchemas.All,
        };
    }

    public OvsdbServerOptions Options { get; private set; }

    public OvsdbServerProcess Server { get; private set; } = null!;

    public HostPolicyDatabase Agent { get; private set; } = null!;

    public static CancellationToken Soon => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    public static async Task<TestHost> StartAsync(IReadOnlyList<string>? remotes = null, string? store = null)
    {
        TestHost host = new();
        foreach (string file in store is null ? [] : Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, store)))
        {
            Directory.CreateDirectory(host.Options.DataDirectory);
            File.Copy(file, Path.Combine(host.Options.DataDirectory, Path.GetFileName(file)));
        }

        host.Options = host.Options with { Remotes = remotes ?? [] };
        host.Server = await OvsdbServerProcess.StartAsync(host.Options, TimeProvider.System, NullLogger.Instance, Soon);
        host.Agent = HostPolicyDatabase.Open(host.Options.Endpoint, HostId, "1.0", TimeProvider.System, NullLogger.Instance);
        await host.Agent.WaitUntilSyncedAsync(Soon);
        return host;
    }

    public HostSession Connect(long epoch = 1, string hostId = HostId) => HostSession.Start(
        Options.Endpoint, new HostSessionOptions { ExpectedHostId = hostId, Epoch = epoch }, TimeProvider.System, NullLogger.Instance);

    public async Task<HostSession> ConnectedAsync(long epoch = 1)
    {
        HostSession session = Connect(epoch);
        await EventuallyAsync(() => session.Status.State == HostSessionState.Connected, "the session is connected");
        return session;
    }

    /// <summary>Writes rows behind everybody's back, as an operator with ovsdb-client would.</summary>
    public async Task<OvsdbTransactionResult> TransactAsync(OvsdbTransaction transaction)
    {
        await using OvsdbClient client = await OvsdbClient.ConnectAsync(Options.Endpoint, Soon);
        return await client.TransactAsync(transaction, Soon);
    }

    /// <summary>What the agent reads, once it is the policy of that configuration.</summary>
    public async Task<HostPolicyReading> ReadingAsync(long configuration)
    {
        await EventuallyAsync(() => Agent.ReadPolicy().Policy.Configuration >= configuration, $"the agent sees configuration {configuration}");
        return Agent.ReadPolicy();
    }

    public async ValueTask DisposeAsync()
    {
        await Agent.DisposeAsync();
        await Server.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    public static async Task EventuallyAsync(Func<bool> isSo, string what)
    {
        CancellationToken patience = Soon;
        while (!isSo())
        {
            Assert.False(patience.IsCancellationRequested, $"Never came to be: {what}");
            await Task.Delay(2, CancellationToken.None);
        }
    }

    public static void AssertSame(HostPolicy expected, HostPolicyReading actual)
    {
        Assert.Empty(actual.Errors);
        Assert.Equal(PolicyText.Of(expected with { Configuration = 0 }), PolicyText.Of(actual.Policy with { Configuration = 0 }));
    }
}
