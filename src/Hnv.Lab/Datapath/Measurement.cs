using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Hnv.Lab.Fabric;

namespace Hnv.Lab.Datapath;

/// <summary>What one round measured of one contender.</summary>
/// <param name="TcpGbitPerSecond">One TCP stream, as the receiver saw it.</param>
/// <param name="TcpCpuSecondsPerGbit">Busy processor time of the whole machine per gigabit of that stream, sender and receiver included.</param>
/// <param name="UdpKiloPacketsPerSecond">64-byte frames that arrived at the receiving machine's device while the sender sent all it could.</param>
/// <param name="RoundTripMicroseconds">Median of pings half a millisecond apart.</param>
public sealed record DatapathRound(double TcpGbitPerSecond, double TcpCpuSecondsPerGbit, double UdpKiloPacketsPerSecond, double RoundTripMicroseconds);

/// <summary>Measures one contender once.</summary>
/// <param name="seconds">How long each of the two loads lasts.</param>
/// <param name="generator">The command that sends UDP: this program's hidden <c>bench generate</c>.</param>
internal sealed partial class Measurement(int seconds, IReadOnlyList<string> generator)
{
    private const int Port = 9;
    private const int PingCount = 400;

    public async Task<DatapathRound> RunAsync(Contender contender, CancellationToken cancellation)
    {
        await WarmAsync(contender, cancellation);
        (double gbit, double cpu) = await TcpAsync(contender, cancellation);
        double packets = await UdpAsync(contender, cancellation);
        double roundTrip = await PingAsync(contender, cancellation);
        return new DatapathRound(gbit, cpu, packets, roundTrip);
    }

    private static async Task WarmAsync(Contender contender, CancellationToken cancellation) =>
        _ = await contender.SendAsync(["ping", "-n", "-q", "-c", "3", "-i", "0.2", "-w", "5", contender.Target], cancellation);

    private async Task<(double Gbit, double CpuPerGbit)> TcpAsync(Contender contender, CancellationToken cancellation)
    {
        Task<ToolResult> server = Tool.TryRunAsync("nsenter", [$"--net={LabNames.NamespaceDirectory}/{contender.Receiver}", "--", "iperf3", "-s", "-1"], null, cancellation);
        await Task.Delay(300, cancellation);
        double before = BusySeconds();
        string output = await contender.SendAsync(["iperf3", "-c", contender.Target, "-t", $"{seconds}", "-J"], cancellation);
        double busy = BusySeconds() - before;
        _ = await server;
        JsonNode received = JsonNode.Parse(output)!["end"]!["sum_received"]!;
        double gbit = (double)received["bits_per_second"]! / 1e9;
        return (gbit, busy / (gbit * seconds));
    }

    private async Task<double> UdpAsync(Contender contender, CancellationToken cancellation)
    {
        long before = await contender.ReceivedAsync(cancellation);
        _ = await contender.SendAsync([.. generator, "--target", contender.Target, "--port", $"{Port}", "--seconds", $"{seconds}"], cancellation);
        return (await contender.ReceivedAsync(cancellation) - before) / 1000.0 / seconds;
    }

    private static async Task<double> PingAsync(Contender contender, CancellationToken cancellation)
    {
        string output = await contender.SendAsync(["ping", "-n", "-c", $"{PingCount}", "-i", "0.0005", "-w", "10", contender.Target], cancellation);
        double[] times = [.. RoundTrip().Matches(output).Select(match => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) * 1000).Order()];
        return times.Length > 0 ? times[times.Length / 2] : double.NaN;
    }

    /// <summary>Seconds that this machine's processors were not idle since it started, summed over them.</summary>
    private static double BusySeconds()
    {
        // user nice system idle iowait irq softirq steal, in hundredths of a second (proc_stat(5)).
        long[] jiffies = [.. File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(7).Select(long.Parse)];
        return (jiffies.Sum() - jiffies[3] - jiffies[4]) / 100.0;
    }

    [GeneratedRegex("time=([0-9.]+) ms")]
    private static partial Regex RoundTrip();
}
