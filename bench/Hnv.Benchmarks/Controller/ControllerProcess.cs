using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Hnv.Benchmarks.Controller;

/// <summary>The real controller as a process of its own, with its own stock <c>ovsdb-server</c> and durable commits.</summary>
internal sealed class ControllerProcess : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly string _assembly;
    private readonly string _directory;
    private readonly string _config;
    private readonly int _port = FreePort();
    private Process? _process;

    public ControllerProcess(string assembly, string directory)
    {
        _assembly = assembly;
        _directory = directory;
        _config = Path.Combine(directory, "controller.json");
        File.WriteAllText(_config, new JsonObject
        {
            ["stateDirectory"] = Path.Combine(directory, "state"),
            ["runDirectory"] = Path.Combine(directory, "run"),
            ["listen"] = new JsonArray($"http://127.0.0.1:{_port}"),
            ["limits"] = new JsonObject { ["requestsPerSecond"] = 0 },
            ["ovsdb"] = new JsonObject { ["user"] = null },
        }.ToJsonString());
    }

    /// <summary>Where resources are, with the newest version.</summary>
    public Uri Root => new($"http://127.0.0.1:{_port}/networking/v7.1/");

    public string LogPath => Path.Combine(_directory, "controller.log");

    /// <summary>Memory in use, MiB.</summary>
    public double ResidentMib => Memory("VmRSS");

    /// <summary>The most memory ever used, MiB.</summary>
    public double PeakMib => Memory("VmHWM");

    /// <summary>Processor time used so far.</summary>
    public TimeSpan Busy
    {
        get
        {
            _process!.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Starts it; ends with the time until it has answered a GET of a resource, or of its health when there is none yet.</summary>
    public async Task<TimeSpan> StartAsync(HttpClient http, string? resource, CancellationToken cancellation)
    {
        long begin = Stopwatch.GetTimestamp();
        _process = Process.Start(new ProcessStartInfo("sh", ["-c", "exec dotnet \"$0\" --config \"$1\" >>\"$2\" 2>&1", _assembly, _config, LogPath]))!;
        Uri probe = resource is null ? new Uri(Root, "/health") : new Uri(Root, resource);
        while (Stopwatch.GetElapsedTime(begin) < s_patience)
        {
            if (_process.HasExited)
            {
                break;
            }

            try
            {
                using HttpResponseMessage answer = await http.GetAsync(probe, cancellation);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    return Stopwatch.GetElapsedTime(begin);
                }
            }
            catch (HttpRequestException)
            {
                // Nobody listens yet.
            }

            await Task.Delay(5, cancellation);
        }

        throw new InvalidOperationException($"The controller did not come up. See {LogPath}.");
    }

    /// <summary>Ends it in order, as a service manager would.</summary>
    public async Task StopAsync()
    {
        if (_process is { HasExited: false } running)
        {
            using Process kill = Process.Start("kill", ["-TERM", running.Id.ToString(CultureInfo.InvariantCulture)]);
            await kill.WaitForExitAsync();
            using var limit = new CancellationTokenSource(s_patience);
            try
            {
                await running.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                running.Kill(entireProcessTree: true);
            }
        }

        _process?.Dispose();
        _process = null;
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private double Memory(string field) => File.ReadLines($"/proc/{_process!.Id}/status")
        .Where(line => line.StartsWith(field, StringComparison.Ordinal))
        .Select(line => double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024)
        .First();
}
