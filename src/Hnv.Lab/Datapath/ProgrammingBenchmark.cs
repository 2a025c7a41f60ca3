using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Lab.Fabric;
using Hnv.Lab.Running;
using Hnv.Lab.Topology;

namespace Hnv.Lab.Datapath;

/// <summary>
/// Measures how long policy takes: from sending the PUT of a networkInterface, whose device is plugged in already, to its first ping answered by
/// a machine on the other host. In a lab of figure 8 of its own.
/// </summary>
public static class ProgrammingBenchmark
{
    private const string Machine = "contoso-web";
    private const string Target = "contoso-sql";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <summary>Runs it.</summary>
    /// <param name="labFile">Figure 8.</param>
    /// <param name="rounds">How often.</param>
    /// <param name="progress">Told each step.</param>
    /// <param name="cancellation">Ends it; the lab is removed all the same.</param>
    /// <returns>Each round, in the order it was measured.</returns>
    /// <exception cref="LabException">The lab could not be made, or a ping was never answered.</exception>
    public static async Task<IReadOnlyList<TimeSpan>> RunAsync(string labFile, int rounds, Action<string> progress, CancellationToken cancellation)
    {
        LabRequest request = new(labFile, new Dictionary<string, long>(), Name: "benchprogramming");
        _ = await LabDown.RunAsync(request.Name);
        RunningLab lab = new(await LabUp.RunAsync(request, progress, cancellation));
        try
        {
            LabAdapter adapter = lab.Machine(Machine).Adapters[0];
            string path = $"/networkInterfaces/{adapter.ResourceId}", target = lab.Machine(Target).Adapters[0].Address.ToString();
            using ControllerClient controller = lab.Controller();
            JsonNode document = await controller.GetAsync(path, cancellation) ?? throw new LabException($"{path} is not there.");

            // A guest asks again for an address only after a second; that pause is the guest's, not ours.
            _ = await lab.RunAsync(Machine, ["sh", "-c", "echo 5 >/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms"], null, cancellation);
            List<TimeSpan> measured = [];
            for (int round = 1; round <= rounds; round++)
            {
                progress($"round {round} of {rounds}");
                measured.Add(await MeasureAsync(lab, controller, path, document, target, cancellation));
            }

            return measured;
        }
        finally
        {
            progress("cleaning up");
            _ = await LabDown.RunAsync(request.Name);
        }
    }

    private static async Task<TimeSpan> MeasureAsync(RunningLab lab, ControllerClient controller, string path, JsonNode document, string target, CancellationToken cancellation)
    {
        _ = await controller.DeleteAsync(path, cancellation: cancellation);
        _ = await lab.RunAsync(Machine, ["ip", "neigh", "flush", "dev", "eth0"], null, cancellation);
        using Process ping = Tool.Start(Redirected(lab.Command(Machine, ["ping", "-n", "-D", "-i", "0.002", target])));
        try
        {
            await Task.Delay(300, cancellation);
            double sent = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0;
            _ = await controller.PutAsync(path, document.DeepClone(), wait: false, cancellation: cancellation);
            using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            patience.CancelAfter(s_patience);
            while (await ping.StandardOutput.ReadLineAsync(patience.Token) is { } line)
            {
                // [1700000000.123456] 64 bytes from …
                if (line.Contains("bytes from", StringComparison.Ordinal)
                    && double.TryParse(line.AsSpan(1, line.IndexOf(']', StringComparison.Ordinal) - 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double answered)
                    && answered >= sent)
                {
                    return TimeSpan.FromSeconds(answered - sent);
                }
            }

            throw new LabException($"ping ended before {target} answered.");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new LabException($"{target} did not answer {Machine} within {s_patience.TotalSeconds:F0} s of the PUT of {path}.");
        }
        finally
        {
            ping.Kill();
        }
    }

    private static ProcessStartInfo Redirected(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = true;
        return start;
    }
}
