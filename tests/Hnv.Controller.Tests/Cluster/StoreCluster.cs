using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Hnv.Controller.Store;
using Hnv.Ovsdb;

namespace Hnv.Controller.Tests.Cluster;

/// <summary>Three stock <c>ovsdb-server</c>s that keep one store by Raft, on loopback.</summary>
internal sealed class StoreCluster : IDisposable
{
    private const int Size = 3;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly string _directory;
    private readonly int[] _ports = [.. Enumerable.Range(0, Size).Select(_ => FreePort())];
    private readonly Process?[] _servers = new Process?[Size];

    private StoreCluster(string directory) => _directory = directory;

    public IReadOnlyList<OvsdbEndpoint> Endpoints => [.. Texts.Select(text => OvsdbEndpoint.Parse(text))];

    public IReadOnlyList<string> Texts => [.. _ports.Select(port => string.Create(CultureInfo.InvariantCulture, $"tcp:127.0.0.1:{port}"))];

    public static async Task<StoreCluster> StartAsync(string directory, string? schema = null)
    {
        StoreCluster cluster = new(directory);
        Directory.CreateDirectory(directory);
        string schemaFile = Path.Combine(directory, "schema");
        await File.WriteAllTextAsync(schemaFile, schema ?? OvsdbDocumentStore.Schema().Schema);
        string[] raft = [.. Enumerable.Range(0, Size).Select(_ => string.Create(CultureInfo.InvariantCulture, $"tcp:127.0.0.1:{FreePort()}"))];
        await RunAsync("ovsdb-tool", "create-cluster", cluster.DatabaseFile(0), schemaFile, raft[0]);
        for (int i = 1; i < Size; i++)
        {
            await RunAsync("ovsdb-tool", "join-cluster", cluster.DatabaseFile(i), OvsdbDocumentStore.Database, raft[i], raft[0]);
        }

        for (int i = 0; i < Size; i++)
        {
            cluster.StartServer(i);
        }

        // Until every server has joined: a majority of one survives nobody's death.
        foreach (int i in Enumerable.Range(0, Size))
        {
            await cluster.JoinedAsync(i);
        }

        return cluster;
    }

    public void StartServer(int i)
    {
        Process process = Process.Start(new ProcessStartInfo("/usr/sbin/ovsdb-server",
        [
            string.Create(CultureInfo.InvariantCulture, $"--remote=ptcp:{_ports[i]}:127.0.0.1"), $"--unixctl={Control(i)}", $"--pidfile={Path.Combine(_directory, $"s{i}", "ovsdb-server.pid")}",
            $"--log-file={Path.Combine(_directory, $"s{i}", "log")}", "--no-chdir", "-vconsole:off", DatabaseFile(i),
        ]))!;
        _servers[i] = process;
    }

    /// <summary>Waits until a server takes part and knows all others.</summary>
    public async Task JoinedAsync(int i)
    {
        using CancellationTokenSource patience = new(s_patience);
        while ((await OutputAsync("ovs-appctl", "-t", Control(i), "cluster/status", OvsdbDocumentStore.Database)) is var status
            && (!status.Contains("Status: cluster member", StringComparison.Ordinal) || Size != status.Split('\n').Count(line => line.Contains(" at tcp:", StringComparison.Ordinal))
                || status.Contains("Leader: unknown", StringComparison.Ordinal)))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), patience.Token);
        }
    }

    /// <summary>Kills the server that leads, and says which it was.</summary>
    public async Task<int> KillLeaderAsync()
    {
        using CancellationTokenSource patience = new(s_patience);
        while (true)
        {
            for (int i = 0; i < Size; i++)
            {
                if (_servers[i] is { } server && (await OutputAsync("ovs-appctl", "-t", Control(i), "cluster/status", OvsdbDocumentStore.Database)).Contains("Role: leader", StringComparison.Ordinal))
                {
                    server.Kill();
                    await server.WaitForExitAsync(patience.Token);
                    _servers[i] = null;
                    return i;
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), patience.Token);
        }
    }

    public void Dispose()
    {
        foreach (Process? server in _servers)
        {
            server?.Kill();
            server?.WaitForExit();
            server?.Dispose();
        }
    }

    public static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private string DatabaseFile(int i)
    {
        Directory.CreateDirectory(Path.Combine(_directory, $"s{i}"));
        return Path.Combine(_directory, $"s{i}", "store.db");
    }

    private string Control(int i) => Path.Combine(_directory, $"s{i}", "ctl");

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments))!;
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }

    private static async Task<string> OutputAsync(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return output + await error;
    }
}
