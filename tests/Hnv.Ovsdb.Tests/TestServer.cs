using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Ovsdb.Tests;

/// <summary>A real ovsdb-server with one small database, in a directory of its own that goes away with it.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    public const string Database = "zoo";

    public const string Schema = """
        {"name": "zoo", "version": "1.0.0", "tables": {
          "Cage": {"isRoot": true, "columns": {
            "name": {"type": "string"},
            "size": {"type": "integer"},
            "load": {"type": "real"},
            "keeper": {"type": {"key": "string", "min": 0, "max": 1}},
            "tags": {"type": {"key": "string", "min": 0, "max": "unlimited"}},
            "notes": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
            "animals": {"type": {"key": {"type": "uuid", "refTable": "Animal"}, "min": 0, "max": "unlimited"}}},
            "indexes": [["name"]]},
          "Animal": {"columns": {
            "name": {"type": "string"},
            "kind": {"type": {"key": {"type": "string", "enum": ["set", ["cat", "dog"]]}}}}},
          "Director": {"isRoot": true, "maxRows": 1, "columns": {"name": {"type": "string"}}}}}
        """;

    private readonly string _directory = Directory.CreateTempSubdirectory("hnv-t-ovsdb-").FullName;

    private TestServer()
    {
        // The server runs as nobody and must be able to reach its own directories.
        File.SetUnixFileMode(_directory, (UnixFileMode)0b111_101_101);
        Options = new OvsdbServerOptions
        {
            DataDirectory = Path.Combine(_directory, "data"),
            RunDirectory = Path.Combine(_directory, "run"),
            Databases = [new OvsdbDatabaseFile(Database, Schema)],
        };
    }

    public OvsdbServerOptions Options { get; set; }

    public OvsdbServerProcess Process { get; private set; } = null!;

    public static CancellationToken Soon => new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token;

    public static async Task<TestServer> StartAsync(Func<OvsdbServerOptions, OvsdbServerOptions>? change = null)
    {
        TestServer server = new();
        server.Options = change?.Invoke(server.Options) ?? server.Options;
        try
        {
            await server.RestartAsync();
            return server;
        }
        catch
        {
            Directory.Delete(server._directory, recursive: true);
            throw;
        }
    }

    public async Task RestartAsync() =>
        Process = await OvsdbServerProcess.StartAsync(Options, TimeProvider.System, NullLogger.Instance, Soon);

    public Task<OvsdbClient> ConnectAsync(Action<string, System.Text.Json.JsonElement>? onNotification = null) =>
        OvsdbClient.ConnectAsync(Options.Endpoint, Soon, onNotification);

    public OvsdbReplica Replicate(string? lockName = null, OvsdbEndpoint? endpoint = null) => OvsdbReplica.Start(
        new OvsdbReplicaOptions
        {
            Endpoint = endpoint ?? Options.Endpoint,
            LockName = lockName,
            Databases = new Dictionary<string, IReadOnlyDictionary<string, IReadOnlyList<string>>>
            {
                [Database] = new Dictionary<string, IReadOnlyList<string>>
                {
                    ["Cage"] = ["name", "size", "load", "keeper", "tags", "notes", "animals"],
                    ["Animal"] = ["name", "kind"],
                },
            },
        },
        TimeProvider.System,
        NullLogger.Instance);

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Waits until something is so, and fails with its description when it does not come to be.</summary>
    public static async Task EventuallyAsync(Func<bool> isSo, string what)
    {
        CancellationToken patience = Soon;
        while (!isSo())
        {
            Assert.False(patience.IsCancellationRequested, $"Never came to be: {what}");
            await Task.Delay(2, CancellationToken.None);
        }
    }
}
