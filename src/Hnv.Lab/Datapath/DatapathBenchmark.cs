using Hnv.Lab.Fabric;
using Hnv.Lab.Running;

namespace Hnv.Lab.Datapath;

/// <summary>What to measure.</summary>
/// <param name="LabFile">The lab that OpenHNV is measured in; figure 8.</param>
/// <param name="Rounds">How often each contender is measured, in turn.</param>
/// <param name="Seconds">How long each load lasts.</param>
/// <param name="Nvgre">Measure OpenHNV with NVGRE too.</param>
/// <param name="Generator">The command that sends UDP.</param>
public sealed record DatapathRequest(string LabFile, int Rounds, int Seconds, bool Nvgre, IReadOnlyList<string> Generator);

/// <summary>All rounds of one contender.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Rounds">In the order they were measured.</param>
public sealed record DatapathResult(string Name, IReadOnlyList<DatapathRound> Rounds)
{
    /// <summary>The median of one figure over the rounds.</summary>
    public double Median(Func<DatapathRound, double> figure)
    {
        double[] sorted = [.. Rounds.Select(figure).Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}

/// <summary>
/// Measures OpenHNV, with either executor, beside the kernel's VXLAN and stock Open vSwitch, on the same topology, in one run and in turn, so that a
/// noisy
/// machine is noisy for all of them.
/// </summary>
public static class DatapathBenchmark
{
    private static readonly string[] s_programs = ["iperf3", "ethtool", "ping"];

    /// <summary>Sets all of them up, measures, and takes all of them down again, whatever happens.</summary>
    /// <exception cref="LabException">One of them could not be set up or measured.</exception>
    public static async Task<IReadOnlyList<DatapathResult>> RunAsync(DatapathRequest request, Action<string> progress, CancellationToken cancellation)
    {
        foreach (string program in s_programs.Where(program => !Tool.Exists(program)))
        {
            throw new LabException($"Missing: {program}. Run eng/install.sh, which installs what is missing.");
        }

        List<Contender> contenders = [];
        try
        {
            progress("kernel vxlan+bridge");
            contenders.Add(await KernelVxlan.StartAsync(new LabNames("benchkernel"), cancellation));
            if (OpenVSwitch.IsInstalled)
            {
                progress("Open vSwitch");
                contenders.Add(await OpenVSwitch.StartAsync(new LabNames("benchovs"), cancellation));
            }

            foreach (string executor in (string[])["userspace", "ebpf"])
            {
                foreach (bool nvgre in request.Nvgre ? (bool[])[false, true] : [false])
                {
                    LabRequest lab = new(request.LabFile, new Dictionary<string, long>(), nvgre, executor, $"bench{executor}{(nvgre ? "nvgre" : "")}");
                    contenders.Add(await OpenHnv.StartAsync(lab, step => progress($"OpenHNV {executor}{(nvgre ? " NVGRE" : "")}: {step}"), cancellation));
                }
            }

            return await MeasureAsync(contenders, request, progress, cancellation);
        }
        finally
        {
            progress("cleaning up");
            foreach (Contender contender in contenders)
            {
                await contender.TearDown();
            }
        }
    }

    private static async Task<IReadOnlyList<DatapathResult>> MeasureAsync(List<Contender> contenders, DatapathRequest request, Action<string> progress, CancellationToken cancellation)
    {
        Measurement measurement = new(request.Seconds, request.Generator);
        List<List<DatapathRound>> rounds = [.. contenders.Select(_ => new List<DatapathRound>())];
        for (int round = 1; round <= request.Rounds; round++)
        {
            for (int i = 0; i < contenders.Count; i++)
            {
                progress($"round {round} of {request.Rounds}: {contenders[i].Name}");
                rounds[i].Add(await measurement.RunAsync(contenders[i], cancellation));
            }
        }

        return [.. contenders.Zip(rounds, (contender, measured) => new DatapathResult(contender.Name, measured))];
    }
}
