using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Lab.Datapath.Loads;
using Hnv.Lab.Fabric;

namespace Hnv.Lab.Datapath;

/// <summary>Measures one contender once.</summary>
/// <param name="seconds">How long each load lasts.</param>
/// <param name="load">The command that is one side of a load: this program's hidden <c>bench load</c>.</param>
internal sealed class Measurement(int seconds, IReadOnlyList<string> load)
{
    /// <summary>Below what a port remembers, also when a contender is measured twice within two minutes.</summary>
    private const int FlowsPerRound = 20_000;

    private const int ConnectionsPerRound = 20_000;
    private const int ServerMarginSeconds = 2;

    public async Task<DatapathRound> RunAsync(Contender contender, CancellationToken cancellation)
    {
        MachinePair pair = contender.Pair;
        _ = await pair.SendAsync(["ping", "-n", "-q", "-c", "3", "-i", "0.2", "-w", "5", pair.Target], cancellation);
        double before = BusySeconds();
        double tcp = await TcpAsync(pair, 1, cancellation);
        double cpu = (BusySeconds() - before) / (tcp * seconds);
        double tcp8 = await TcpAsync(pair, 8, cancellation);
        double packets = await UdpAsync(pair, cancellation);
        LoadReport ping = await LoadAsync(pair, "ping", seconds, cancellation: cancellation);
        LoadReport request = await ServedAsync(pair, "echo", "ask", seconds, cancellation: cancellation);
        LoadReport connections = await ServedAsync(pair, "accept", "connect", seconds, ConnectionsPerRound, cancellation);
        Task<(long Sent, long Lost)> bystander = contender.Bystanders is { } bystanders
            ? BystanderAsync(bystanders, seconds + ServerMarginSeconds, cancellation)
            : Task.FromResult((0L, 0L));
        LoadReport flows = await FlowsAsync(pair, cancellation);
        (long sent, long lost) = await bystander;
        return new DatapathRound(
            tcp, cpu, tcp8, packets, Times(ping), Times(request), connections.Count / connections.Seconds / 1000, flows.Count / flows.Seconds / 1000, sent, lost);
    }

    private static RoundTrip Times(LoadReport report) => new(report.P50, report.P90, report.P99);

    private async Task<double> TcpAsync(MachinePair pair, int streams, CancellationToken cancellation)
    {
        Task<string> server = await ServeAsync(pair, ["iperf3", "-s", "-1", "--forceflush"], "listening", cancellation);
        string output = await pair.SendAsync(["iperf3", "-c", pair.Target, "-t", $"{seconds}", "-P", $"{streams}", "-J"], cancellation);
        _ = await server;
        return (double)JsonNode.Parse(output)!["end"]!["sum_received"]!["bits_per_second"]! / 1e9;
    }

    private async Task<double> UdpAsync(MachinePair pair, CancellationToken cancellation)
    {
        long before = await pair.ReceivedAsync(cancellation);
        LoadReport sent = await LoadAsync(pair, "flood", seconds, cancellation: cancellation);
        return (await pair.ReceivedAsync(cancellation) - before) / sent.Seconds / 1000;
    }

    private async Task<LoadReport> FlowsAsync(MachinePair pair, CancellationToken cancellation)
    {
        string[] port = ["--port", $"{Random.Shared.Next(20_000, 60_000)}"];
        string[] tell = ["nsenter", .. MachinePair.Inside(pair.Receiver, [.. load, "tell", .. port])];
        string[] send = ["nsenter", .. MachinePair.Inside(pair.Sender, [.. load, "flows", .. port, "--target", pair.Target, "--limit", $"{FlowsPerRound}"])];
        return Report(await Tool.RunAsync("sh", ["-c", $"{Words(tell)} | {Words(send)}"], null, cancellation));
    }

    /// <summary>A quiet flow of machines that have no part in the load, begun before it and ended after it.</summary>
    private async Task<(long Sent, long Lost)> BystanderAsync(MachinePair pair, int duration, CancellationToken cancellation)
    {
        Task<string> sink = await ServeAsync(pair, [.. load, "sink", "--seconds", $"{duration + ServerMarginSeconds}"], Load.Ready, cancellation);
        LoadReport sent = await LoadAsync(pair, "paced", duration, cancellation: cancellation);
        return (sent.Count, sent.Count - Report(await sink).Count);
    }

    private async Task<LoadReport> ServedAsync(
        MachinePair pair, string server, string client, int duration, int limit = int.MaxValue, CancellationToken cancellation = default)
    {
        Task<string> serving = await ServeAsync(pair, [.. load, server, "--seconds", $"{duration + ServerMarginSeconds}"], Load.Ready, cancellation);
        LoadReport report = await LoadAsync(pair, client, duration, limit, cancellation);
        _ = await serving;
        return report;
    }

    /// <summary>Starts a program in the receiving machine and waits until it says that it can be spoken to.</summary>
    /// <returns>What it writes after that, when it has ended.</returns>
    private static async Task<Task<string>> ServeAsync(MachinePair pair, IEnumerable<string> command, string ready, CancellationToken cancellation)
    {
        ProcessStartInfo start = Tool.StartInfo("nsenter", MachinePair.Inside(pair.Receiver, command));
        start.RedirectStandardOutput = true;
        Process process = Tool.Start(start);
        string? line;
        do
        {
            line = await process.StandardOutput.ReadLineAsync(cancellation);
        }
        while (line?.Contains(ready, StringComparison.Ordinal) == false);
        return FinishAsync(process, cancellation);
    }

    private static async Task<string> FinishAsync(Process process, CancellationToken cancellation)
    {
        using Process ending = process;
        try
        {
            return await ending.StandardOutput.ReadToEndAsync(cancellation);
        }
        finally
        {
            ending.Kill(entireProcessTree: true);
        }
    }

    private async Task<LoadReport> LoadAsync(MachinePair pair, string kind, int duration, int limit = int.MaxValue, CancellationToken cancellation = default) =>
        Report(await pair.SendAsync([.. load, kind, "--target", pair.Target, "--seconds", $"{duration}", "--limit", $"{limit}"], cancellation));

    private static LoadReport Report(string output) =>
        JsonSerializer.Deserialize<LoadReport>(output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1], LoadReport.Json)!;

    private static string Words(IEnumerable<string> command) => string.Join(' ', command.Select(word => $"'{word}'"));

    /// <summary>Seconds that this machine's processors were not idle since it started, summed over them.</summary>
    private static double BusySeconds()
    {
        // user nice system idle iowait irq softirq steal, in hundredths of a second (proc_stat(5)).
        long[] jiffies = [.. File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(7).Select(long.Parse)];
        return (jiffies.Sum() - jiffies[3] - jiffies[4]) / 100.0;
    }
}
