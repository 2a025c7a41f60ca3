using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Hnv.Lab.Datapath;

namespace Hnv.Cli;

/// <summary><c>hnv bench</c>: measurements side by side.</summary>
internal static class BenchCommands
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Bench() => new Command("bench", "Measure, side by side in one run").With(Datapath(), Programming(), Engine(), Generate());

    private static Command Datapath()
    {
        Option<int> rounds = new("--rounds") { Description = "How often each contender is measured, in turn", DefaultValueFactory = _ => 5 };
        Option<int> seconds = new("--seconds") { Description = "How long each load lasts", DefaultValueFactory = _ => 3 };
        Option<bool> nvgre = new("--nvgre") { Description = "Measure OpenHNV with NVGRE, too" };
        Option<string> lab = new("--file") { Description = "The lab OpenHNV is measured in", DefaultValueFactory = _ => "labs/figure8.yaml" };
        Option<string?> results = new("--results") { Description = "Write every round to this JSON file" };
        return new Command("datapath", "OpenHNV beside the kernel's VXLAN with a bridge and stock Open vSwitch: TCP, small packets, round trip")
            .With(rounds, seconds, nvgre, lab, results)
            .Example("hnv bench datapath", "hnv bench datapath --rounds 9 --nvgre --results bench/results/datapath.json")
            .Does(async (parsed, cancellation) =>
            {
                DatapathRequest request = new(
                    parsed.GetRequiredValue(lab), parsed.GetValue(rounds), parsed.GetValue(seconds), parsed.GetValue(nvgre),
                    [Environment.ProcessPath!, .. OwnAssembly(), "bench", "generate"]);
                IReadOnlyList<DatapathResult> measured = await DatapathBenchmark.RunAsync(request, step => Console.Error.WriteLine($"  {step}"), cancellation);
                Print(parsed, measured);
                if (parsed.GetValue(results) is { } file)
                {
                    await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new { when = DateTimeOffset.UtcNow, machine = Machine(), request.Rounds, request.Seconds, results = measured }, s_json), cancellation);
                }

                return 0;
            });
    }

    private static Command Programming()
    {
        Option<int> rounds = new("--rounds") { Description = "How often", DefaultValueFactory = _ => 20 };
        Option<string> lab = new("--file") { Description = "The lab it is measured in", DefaultValueFactory = _ => "labs/figure8.yaml" };
        return new Command("programming", "From the PUT of a networkInterface to its first ping answered by the other host")
            .With(rounds, lab)
            .Example("hnv bench programming", "hnv bench programming --rounds 50")
            .Does(async (parsed, cancellation) =>
            {
                IReadOnlyList<TimeSpan> measured = await ProgrammingBenchmark.RunAsync(
                    parsed.GetRequiredValue(lab), Math.Clamp(parsed.GetValue(rounds), 1, 1000), step => Console.Error.WriteLine($"  {step}"), cancellation);
                double[] sorted = [.. measured.Select(time => time.TotalMilliseconds).Order()];
                string Cell(double part) => sorted[Math.Min((int)(sorted.Length * part), sorted.Length - 1)].ToString("F0", CultureInfo.InvariantCulture);
                Output.Rows(parsed.GetValue(CommandLine.OutputOption), ["Rounds", "Least ms", "Median ms", "90% ms", "Most ms"], [[$"{sorted.Length}", Cell(0), Cell(0.5), Cell(0.9), Cell(1)]], "Nothing measured.");
                return 0;
            });
    }

    private static Command Engine()
    {
        Option<string?> filter = new("--filter") { Description = "Run the micro benchmarks whose name matches, e.g. '*Parse*'; without it flows are measured by the thousand to the million" };
        return new Command("engine", "The switch's engine by itself: memory of a flow, flows set up per second, look-up; with --filter the micro benchmarks")
            .With(filter)
            .Example("hnv bench engine", "hnv bench engine --filter '*TransposedPacket*'")
            .Does(async (parsed, cancellation) =>
            {
                string home = Environment.GetEnvironmentVariable("HNV_HOME") ?? ".";
                string program = Path.Combine(home, "bench/Hnv.Benchmarks/bin/Release/net10.0/Hnv.Benchmarks.dll");
                if (!File.Exists(program))
                {
                    throw new InvalidOperationException($"{program} is not built. Run: dotnet build {Path.Combine(home, "bench/Hnv.Benchmarks")} -c Release");
                }

                string[] arguments = parsed.GetValue(filter) is { } pattern ? [program, "--filter", pattern] : [program, "flows"];
                using Process process = Process.Start(new ProcessStartInfo("dotnet", arguments))!;
                await process.WaitForExitAsync(cancellation);
                return process.ExitCode;
            });
    }

    /// <summary>The sender of small packets that the measurement runs inside a machine.</summary>
    private static Command Generate()
    {
        Option<string> target = new("--target") { Required = true };
        Option<int> port = new("--port") { DefaultValueFactory = _ => 9 };
        Option<int> seconds = new("--seconds") { DefaultValueFactory = _ => 1 };
        Command command = new Command("generate", "Send 64-byte UDP frames as fast as one core can").With(target, port, seconds).Does((parsed, _) =>
        {
            UdpGenerator.Run(parsed.GetRequiredValue(target), parsed.GetValue(port), TimeSpan.FromSeconds(Math.Clamp(parsed.GetValue(seconds), 1, 60)));
            return Task.FromResult(0);
        });
        command.Hidden = true;
        return command;
    }

    private static void Print(ParseResult parsed, IReadOnlyList<DatapathResult> measured)
    {
        double Of(DatapathResult result, Func<DatapathRound, double> figure) => result.Median(figure);
        DatapathResult kernel = measured[0];
        string Cell(DatapathResult result, Func<DatapathRound, double> figure, string format) =>
            string.Create(CultureInfo.InvariantCulture, $"{Of(result, figure).ToString(format, CultureInfo.InvariantCulture)} ({Of(result, figure) / Of(kernel, figure):F2}x)");
        Output.Rows(
            parsed.GetValue(CommandLine.OutputOption),
            ["Datapath", "TCP Gbit/s", "CPU s/Gbit", "64-byte kpps", "Round trip us"],
            measured.Select(result => new string?[]
            {
                result.Name,
                Cell(result, round => round.TcpGbitPerSecond, "F2"),
                Cell(result, round => round.TcpCpuSecondsPerGbit, "F3"),
                Cell(result, round => round.UdpKiloPacketsPerSecond, "F0"),
                Cell(result, round => round.RoundTripMicroseconds, "F0"),
            }),
            "Nothing measured.");
        if (parsed.GetValue(CommandLine.OutputOption) == OutputFormat.Table)
        {
            Console.Out.WriteLine($"Medians of {measured[0].Rounds.Count} alternating rounds; in brackets the ratio to {kernel.Name}. {Machine()}");
        }
    }

    private static string Machine() => $"{Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}";

    /// <summary>When we run as <c>dotnet hnv.dll</c>, the program alone would be dotnet.</summary>
    private static string[] OwnAssembly() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(BenchCommands).Assembly.Location] : [];
}
