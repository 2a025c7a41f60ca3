using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Hnv.Lab.Datapath;
using Hnv.Lab.Datapath.Loads;
using Hnv.Lab.Running;

namespace Hnv.Cli;

/// <summary><c>hnv bench</c>: measurements side by side.</summary>
internal static class BenchCommands
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static Command Bench() => new Command("bench", "Measure, side by side in one run").With(Datapath(), Programming(), Controller(), Engine(), Loads());

    private static Command Datapath()
    {
        Option<int> rounds = new("--rounds") { Description = "How often each contender is measured, in turn", DefaultValueFactory = _ => 5 };
        Option<int> seconds = new("--seconds") { Description = "How long each load lasts", DefaultValueFactory = _ => 2 };
        Option<string> lab = new("--file") { Description = "The lab OpenHNV is measured in", DefaultValueFactory = _ => "labs/policy50.yaml" };
        Option<string[]> only = new("--only") { Description = "Beside the kernel measure only what has this in its name, e.g. ebpf; may be repeated", DefaultValueFactory = _ => [] };
        Option<string?> results = new("--results") { Description = "Write every round to this JSON file, and a chart beside it (.svg)" };
        return new Command("datapath", "OpenHNV beside plain redirection, the kernel's VXLAN with a bridge and stock Open vSwitch: TCP, small packets, round trips, new flows")
            .With(rounds, seconds, lab, only, results)
            .Example("hnv bench datapath", "hnv bench datapath --rounds 2 --only ebpf", "hnv bench datapath --results bench/results/datapath.json")
            .Does(async (parsed, cancellation) =>
            {
                DatapathRequest request = new(
                    parsed.GetRequiredValue(lab), Math.Clamp(parsed.GetValue(rounds), 1, 100), Math.Clamp(parsed.GetValue(seconds), 1, 60),
                    [Environment.ProcessPath!, .. OwnAssembly(), "bench", "load"], parsed.GetRequiredValue(only));
                IReadOnlyList<DatapathResult> measured = await DatapathBenchmark.RunAsync(request, step => Console.Error.WriteLine($"  {step}"), cancellation);
                Print(parsed, measured);
                if (parsed.GetValue(results) is { } file)
                {
                    await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new { when = DateTimeOffset.UtcNow, machine = Machine(), request.LabFile, request.Rounds, request.Seconds, results = measured }, s_json), cancellation);
                    await File.WriteAllTextAsync(Path.ChangeExtension(file, ".svg"), DatapathChart.Draw(measured), cancellation);
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
            .Does((parsed, cancellation) => BenchmarksAsync(parsed.GetValue(filter) is { } pattern ? ["--filter", pattern] : ["flows"], cancellation));
    }

    private static Command Controller()
    {
        Option<int> resources = new("--resources") { Description = "Network interfaces that are there while it is measured", DefaultValueFactory = _ => 100_000 };
        Option<int> hosts = new("--hosts") { Description = "Simulated hosts, each an ovsdb-server process; as many as the memory holds; 0 leaves them out", DefaultValueFactory = _ => 1000 };
        Option<int> seconds = new("--seconds") { Description = "How long interfaces are replaced", DefaultValueFactory = _ => 15 };
        Option<string?> results = new("--results") { Description = "Write the figures to this JSON file" };
        return new Command("controller", "The controller by itself: changes per second, reading, listing, starting, and how soon all hosts have a change")
            .With(resources, hosts, seconds, results)
            .Example("hnv bench controller --results bench/results/controller.json", "hnv bench controller --resources 10000 --hosts 50 --seconds 5")
            .Does((parsed, cancellation) =>
            {
                string[] numbers = [.. new[] { (resources, 1, 1_000_000), (hosts, 0, 4000), (seconds, 1, 600) }
                    .Select(bound => Math.Clamp(parsed.GetValue(bound.Item1), bound.Item2, bound.Item3).ToString(CultureInfo.InvariantCulture))];
                return BenchmarksAsync(["controller", .. numbers, Installation.Assembly("Hnv.Controller"), .. parsed.GetValue(results) is { } file ? new[] { file } : []], cancellation);
            });
    }

    /// <summary>Runs the program of the benchmarks, which sees what is below HTTP.</summary>
    private static async Task<int> BenchmarksAsync(string[] arguments, CancellationToken cancellation)
    {
        string home = Environment.GetEnvironmentVariable("HNV_HOME") ?? ".";
        string program = Path.Combine(home, "bench/Hnv.Benchmarks/bin/Release/net10.0/Hnv.Benchmarks.dll");
        if (!File.Exists(program))
        {
            throw new InvalidOperationException($"{program} is not built. Run: dotnet build {Path.Combine(home, "bench/Hnv.Benchmarks")} -c Release");
        }

        using Process process = Process.Start(new ProcessStartInfo("dotnet", [program, .. arguments]))!;
        try
        {
            await process.WaitForExitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            // It has processes of its own to end first.
            using Process ask = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]);
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }

        return process.ExitCode;
    }

    /// <summary>One side of a load, which the measurement runs inside a machine.</summary>
    private static Command Loads()
    {
        Argument<string> kind = new("kind");
        Option<string> target = new("--target") { DefaultValueFactory = _ => "127.0.0.1" };
        Option<int> port = new("--port"), seconds = new("--seconds") { DefaultValueFactory = _ => 1 }, limit = new("--limit") { DefaultValueFactory = _ => int.MaxValue };
        Command command = new Command("load", "One side of a load").With(kind, target, port, seconds, limit).Does((parsed, _) =>
        {
            Load.Run(parsed.GetRequiredValue(kind), IPAddress.Parse(parsed.GetRequiredValue(target)), parsed.GetValue(seconds), parsed.GetValue(port), parsed.GetValue(limit));
            return Task.FromResult(0);
        });
        command.Hidden = true;
        return command;
    }

    /// <summary>One row for each figure: more fit beside one another than figures.</summary>
    private static void Print(ParseResult parsed, IReadOnlyList<DatapathResult> measured)
    {
        DatapathResult kernel = measured[0];
        string Cell(DatapathResult result, DatapathFigure figure) => string.Create(
            CultureInfo.InvariantCulture, $"{result.Median(figure.Of).ToString(figure.Format, CultureInfo.InvariantCulture)} ({result.Ratio(kernel, figure.Of):F2})");
        Output.Rows(
            parsed.GetValue(CommandLine.OutputOption),
            ["Figure", .. measured.Select(result => result.Name)],
            [
                .. DatapathFigure.All.Select(figure => (string?[])[$"{figure.Name}, {figure.Unit}", .. measured.Select(result => Cell(result, figure))]),
                ["Bystander's lost of sent", .. measured.Select(result => $"{result.Rounds.Sum(round => round.BystanderLost)} of {result.Rounds.Sum(round => round.BystanderSent)}")],
            ],
            "Nothing measured.");
        if (parsed.GetValue(CommandLine.OutputOption) == OutputFormat.Table)
        {
            Console.Out.WriteLine($"Medians of {kernel.Rounds.Count} alternating rounds; in brackets the median of the rounds' ratios to {kernel.Name}. {Machine()}");
        }
    }

    private static string Machine() => $"{Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}";

    /// <summary>When we run as <c>dotnet hnv.dll</c>, the program alone would be dotnet.</summary>
    private static string[] OwnAssembly() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(BenchCommands).Assembly.Location] : [];
}
