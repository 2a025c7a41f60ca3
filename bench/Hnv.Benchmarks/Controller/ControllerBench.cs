using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Hnv.Benchmarks.Controller;

/// <summary>What to measure.</summary>
/// <param name="Resources">Network interfaces that are there while it is measured.</param>
/// <param name="Hosts">Simulated hosts, if the memory suffices; 0 leaves them out.</param>
/// <param name="Seconds">How long interfaces are replaced.</param>
/// <param name="Results">Where to write the figures as JSON; null for nowhere.</param>
/// <param name="Assembly">The built controller.</param>
internal sealed record ControllerBenchRequest(int Resources, int Hosts, int Seconds, string? Results, string Assembly);

/// <summary>
/// The controller's promises of scale, measured on the real thing: the process as it is shipped, its stock store with durable commits, HTTP over
/// loopback TCP, and a stock <c>ovsdb-server</c> process for every host.
/// </summary>
internal sealed class ControllerBench(ControllerBenchRequest request) : IAsyncDisposable
{
    private const int Clients = 32;
    private const int Gets = 2_000;
    private const int Rounds = 20;
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };
    private static readonly TimeSpan s_forever = TimeSpan.FromHours(1);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-bench-");
    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = Clients }) { Timeout = TimeSpan.FromMinutes(5) };
    private readonly List<Figure> _figures = [];
    private ControllerProcess _controller = null!;
    private RestLoad _rest = null!;
    private SimulatedHosts? _hosts;

    /// <summary>Measures everything and prints it.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        long begin = Stopwatch.GetTimestamp();
        _controller = new ControllerProcess(request.Assembly, _directory.FullName);
        _rest = new RestLoad(_http, _controller.Root);
        await _controller.StartAsync(_http, resource: null, cancellation);
        await FillAsync(cancellation);
        await ReplaceAsync(cancellation);
        await ReadAsync(cancellation);
        await ListAsync("list of all", cancellation);
        await RestartAsync(cancellation);
        if (request.Hosts > 0)
        {
            await PropagateAsync(cancellation);
        }

        _figures.Add(Figure.Plain("most memory of the controller", _controller.PeakMib, "MiB"));
        _figures.Add(Figure.Plain("this measurement", Stopwatch.GetElapsedTime(begin).TotalSeconds, "s"));
        await PrintAsync(cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_hosts is not null)
        {
            await _hosts.DisposeAsync();
        }

        await _controller.DisposeAsync();
        _http.Dispose();
        _directory.Delete(recursive: true);
    }

    private static void Say(string text) => Console.Error.WriteLine($"  {text}");

    private async Task FillAsync(CancellationToken cancellation)
    {
        foreach ((string path, string body) in BenchWorld.Ground(request.Resources))
        {
            await _rest.PutAsync(path, body, cancellation);
        }

        const int Step = BenchWorld.LargeNetwork;
        long begin = Stopwatch.GetTimestamp();
        for (int from = 0; from < request.Resources; from += Step)
        {
            int to = Math.Min(from + Step, request.Resources);
            using IEnumerator<(string, string)> interfaces = BenchWorld.Interfaces(from, to).GetEnumerator();
            (Measured each, TimeSpan all) = await _rest.PutAllAsync(Clients, interfaces, s_forever, cancellation);
            Say(string.Create(CultureInfo.InvariantCulture, $"{to} interfaces: {each.Count / all.TotalSeconds:F0} PUT/s, median {each.Percentile(0.5):F1} ms; controller {_controller.ResidentMib:F0} MiB"));
            if (from == 0)
            {
                await ListAsync("list of 10,000", cancellation);
            }
        }

        _figures.Add(Figure.AtLeast("networkInterface PUT, new ones", request.Resources / Stopwatch.GetElapsedTime(begin).TotalSeconds, "/s", 1000, $"0 to {request.Resources}, {Clients} clients, all addresses Dynamic"));
    }

    private async Task ReplaceAsync(CancellationToken cancellation)
    {
        TimeSpan busy = _controller.Busy;
        using IEnumerator<(string, string)> replacements = BenchWorld.Replacements(request.Resources).GetEnumerator();
        (Measured each, TimeSpan all) = await _rest.PutAllAsync(Clients, replacements, TimeSpan.FromSeconds(request.Seconds), cancellation);
        double cores = (_controller.Busy - busy) / all;
        Say(string.Create(CultureInfo.InvariantCulture, $"replaced: {each.Count / all.TotalSeconds:F0} PUT/s on {cores:F2} cores"));
        _figures.Add(Figure.AtLeast("networkInterface PUT, replaced", each.Count / all.TotalSeconds, "/s", 1000,
            string.Create(CultureInfo.InvariantCulture, $"{request.Resources} present, {request.Seconds} s, median {each.Percentile(0.5):F1} ms, 99 % {each.Percentile(0.99):F1} ms, controller on {cores:F2} cores")));
    }

    private async Task ReadAsync(CancellationToken cancellation)
    {
        var each = new Measured();
        var random = new Random(2);
        for (int i = 0; i < Gets; i++)
        {
            long begin = Stopwatch.GetTimestamp();
            await _rest.GetAsync(BenchWorld.PathOf(random.Next(request.Resources)), cancellation);
            each.Add(Stopwatch.GetElapsedTime(begin));
        }

        _figures.Add(Figure.AtMost("GET of one, median", each.Percentile(0.5), "ms", 1, string.Create(CultureInfo.InvariantCulture, $"{Gets} one after the other, 99 % {each.Percentile(0.99):F2} ms")));
    }

    private async Task ListAsync(string name, CancellationToken cancellation)
    {
        // Once to warm up, so that what the measured one grows the process by is its own.
        await _rest.GetAsync("networkInterfaces", cancellation);
        double before = _controller.ResidentMib, most = before;
        using var over = new CancellationTokenSource();
        Task watch = Task.Run(async () =>
        {
            while (!over.IsCancellationRequested)
            {
                most = Math.Max(most, _controller.ResidentMib);
                await Task.Delay(5, CancellationToken.None);
            }
        }, CancellationToken.None);
        long begin = Stopwatch.GetTimestamp();
        (long bytes, TimeSpan first) = await _rest.GetAsync("networkInterfaces", cancellation);
        TimeSpan all = Stopwatch.GetElapsedTime(begin);
        await over.CancelAsync();
        await watch;
        _figures.Add(Figure.Plain(name, all.TotalMilliseconds, "ms", string.Create(
            CultureInfo.InvariantCulture, $"{bytes / 1048576.0:F1} MiB, first byte after {first.TotalMilliseconds:F1} ms, the process grew by {most - before:F1} MiB over {before:F0}")));
        Say($"{name}: {all.TotalMilliseconds:F0} ms");
    }

    private async Task RestartAsync(CancellationToken cancellation)
    {
        await _controller.StopAsync();
        TimeSpan start = await _controller.StartAsync(_http, BenchWorld.PathOf(request.Resources - 1), cancellation);
        Say(string.Create(CultureInfo.InvariantCulture, $"started again in {start.TotalSeconds:F2} s"));
        _figures.Add(Figure.AtMost("start", start.TotalSeconds, "s", 5, $"process and store's server started, {request.Resources} interfaces read, one GET answered"));
    }

    private async Task PropagateAsync(CancellationToken cancellation)
    {
        Say($"{request.Hosts} hosts");
        _hosts = await SimulatedHosts.StartAsync(request.Hosts, _directory.FullName, Say, cancellation);
        int count = _hosts.All.Count;
        await Parallel.ForEachAsync(_hosts.All, new ParallelOptions { MaxDegreeOfParallelism = Clients, CancellationToken = cancellation }, async (host, stop) =>
        {
            await host.ReportAsync(stop);
        });

        // The documents first and the sessions after a start: a thousand servers that come one by one would each be told of all others a thousand times.
        using (IEnumerator<(string, string)> interfaces = _hosts.All.Select((host, number) => ($"networkInterfaces/fleet-{host.Nic:N}", BenchWorld.FleetInterface(host.Nic, number, change: 0))).GetEnumerator())
        {
            await _rest.PutAllAsync(Clients, interfaces, s_forever, cancellation);
        }

        foreach (SimulatedHosts.Host host in _hosts.All)
        {
            await _rest.PutAsync($"servers/host-{host.Id:N}", BenchWorld.Server(host.Id, host.Address), cancellation);
        }

        long begin = Stopwatch.GetTimestamp();
        await SettledAsync(host => host.CountAsync("Ucast_Macs_Remote", cancellation), count, cancellation);
        Say(string.Create(CultureInfo.InvariantCulture, $"{count} hosts know {count} mappings each after {Stopwatch.GetElapsedTime(begin).TotalSeconds:F1} s"));
        _figures.Add(Figure.Plain("first policy of all hosts", Stopwatch.GetElapsedTime(begin).TotalSeconds, "s", $"{count} hosts, each an ovsdb-server process of its own, {count} mappings on each"));
        await QuietAsync(cancellation);
        var each = new Measured();
        var last = new Measured();
        for (int round = 0; round < Rounds; round++)
        {
            await MeasureRoundAsync(round, each, last, cancellation);
        }

        string note = string.Create(CultureInfo.InvariantCulture, $"{count} hosts, {Rounds} changes of a port that all of them know; the last host after {last.Percentile(0.5):F0} ms (median), {last.Percentile(1):F0} ms (most)");
        _figures.Add(Figure.AtMost("from PUT to written on a host, median", each.Percentile(0.5), "ms", 200, note));
        _figures.Add(Figure.AtMost("from PUT to written on a host, 99 %", each.Percentile(0.99), "ms", 600, note));
    }

    /// <summary>Gives an interface another address and waits until everybody's database says so.</summary>
    private async Task MeasureRoundAsync(int round, Measured each, Measured last, CancellationToken cancellation)
    {
        int number = round % _hosts!.All.Count;
        SimulatedHosts.Host moved = _hosts.All[number];
        long[] before = [.. _hosts.All.Select(host => host.Next)];
        long begin = Stopwatch.GetTimestamp();
        await _rest.PutAsync($"networkInterfaces/fleet-{moved.Nic:N}", BenchWorld.FleetInterface(moved.Nic, number, change: 1 + (round / _hosts.All.Count)), cancellation);
        for (int i = 0; i < before.Length; i++)
        {
            while (_hosts.All[i].Next == before[i])
            {
                await Task.Delay(10, cancellation);
            }
        }

        foreach (SimulatedHosts.Host host in _hosts.All)
        {
            each.Add(Stopwatch.GetElapsedTime(begin, host.ChangedAt));
        }

        last.Add(Stopwatch.GetElapsedTime(begin, _hosts.All.Max(host => host.ChangedAt)));
        await QuietAsync(cancellation);
    }

    private async Task SettledAsync(Func<SimulatedHosts.Host, Task<int>> count, int expected, CancellationToken cancellation)
    {
        foreach (SimulatedHosts.Host host in _hosts!.All)
        {
            while (await count(host) != expected)
            {
                await Task.Delay(500, cancellation);
            }
        }
    }

    /// <summary>Waits until everything that hangs on the last change is done: reports, and what the controller does with them.</summary>
    private async Task QuietAsync(CancellationToken cancellation)
    {
        await Task.Delay(TimeSpan.FromSeconds(2), cancellation);
        for (TimeSpan busy = _controller.Busy, now; ; busy = now)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(250), cancellation);
            now = _controller.Busy;
            if (now - busy < TimeSpan.FromMilliseconds(25))
            {
                return;
            }
        }
    }

    private async Task PrintAsync(CancellationToken cancellation)
    {
        string machine = $"{Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}";
        string load = (await File.ReadAllTextAsync("/proc/loadavg", cancellation)).Trim();
        string commit = await CommitAsync(cancellation);
        foreach (Figure figure in _figures)
        {
            Console.Out.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{figure.Name,-40} {figure.Value,10:0.##} {figure.Unit,-4} {figure.Target,-8} {(figure.IsMet is { } met ? met ? "met" : "MISSED" : ""),-7} {figure.Note}"));
        }

        Console.Out.WriteLine($"{machine}; commit {commit}; load at the end {load}");
        if (request.Results is { } file)
        {
            await File.WriteAllTextAsync(
                file, JsonSerializer.Serialize(new { when = DateTimeOffset.UtcNow, machine, commit, load, request.Resources, request.Hosts, request.Seconds, figures = _figures }, s_json), cancellation);
        }
    }

    private static async Task<string> CommitAsync(CancellationToken cancellation)
    {
        try
        {
            using Process git = Process.Start(new ProcessStartInfo("git", ["rev-parse", "--short", "HEAD"]) { RedirectStandardOutput = true })!;
            string commit = await git.StandardOutput.ReadToEndAsync(cancellation);
            await git.WaitForExitAsync(cancellation);
            return commit.Trim();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "unknown";
        }
    }
}
