using Hnv.Lab.Fabric;
using Hnv.Lab.Running;

namespace Hnv.Lab.Datapath;

/// <summary>What to measure.</summary>
/// <param name="LabFile">The lab that OpenHNV is measured in.</param>
/// <param name="Rounds">How often each contender is measured, in turn.</param>
/// <param name="Seconds">How long each load lasts.</param>
/// <param name="Load">The command that is one side of a load.</param>
/// <param name="Only">Measure contenders whose name contains one of these; all when it is empty. The kernel's vxlan+bridge is always measured.</param>
public sealed record DatapathRequest(string LabFile, int Rounds, int Seconds, IReadOnlyList<string> Load, IReadOnlyList<string> Only);

/// <summary>
/// Measures OpenHNV with either executor beside what a host can do at all, the kernel's VXLAN and stock Open vSwitch: on the same topology, in one run
/// and in turn, so that a noisy machine is noisy for all of them.
/// </summary>
public static class DatapathBenchmark
{
    private static readonly string[] s_programs = ["iperf3", "ethtool", "ping", "nft", "tc"];

    /// <summary>Sets all of them up, measures, and takes all of them down again, whatever happens.</summary>
    /// <returns>The kernel's vxlan+bridge first.</returns>
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
            foreach ((string name, Func<Task<Contender>> start) in Contenders(request, progress, cancellation))
            {
                progress($"setting up {name}");
                Contender contender = await start();
                contenders.Add(contender);
                await contender.Pair.PrepareAsync(cancellation);
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

    private static IEnumerable<(string Name, Func<Task<Contender>> Start)> Contenders(DatapathRequest request, Action<string> progress, CancellationToken cancellation)
    {
        yield return ("kernel vxlan+bridge", () => KernelVxlan.StartAsync(new LabNames("benchkernel"), isFiltered: false, cancellation));
        List<(string, Func<Task<Contender>>)> others =
        [
            ("no encapsulation", () => PlainRedirect.StartAsync(new LabNames("benchplain"), cancellation)),
            ("kernel conntrack", () => KernelVxlan.StartAsync(new LabNames("benchct"), isFiltered: true, cancellation)),
        ];
        if (OpenVSwitch.IsInstalled)
        {
            others.Add(("Open vSwitch", () => OpenVSwitch.StartAsync(new LabNames("benchovs"), cancellation)));
        }

        foreach (string executor in (string[])["ebpf", "userspace"])
        {
            foreach (bool nvgre in (bool[])[false, true])
            {
                string name = $"OpenHNV {executor}{(nvgre ? " NVGRE" : " VXLAN")}";
                LabRequest lab = new(request.LabFile, new Dictionary<string, long>(), nvgre, executor, $"bench{executor}{(nvgre ? "nvgre" : "")}");
                others.Add((name, () => OpenHnv.StartAsync(lab, step => progress($"{name}: {step}"), cancellation)));
            }
        }

        foreach ((string, Func<Task<Contender>>) contender in others
            .Where(other => request.Only.Count == 0 || request.Only.Any(word => other.Item1.Contains(word, StringComparison.OrdinalIgnoreCase))))
        {
            yield return contender;
        }
    }

    private static async Task<IReadOnlyList<DatapathResult>> MeasureAsync(List<Contender> contenders, DatapathRequest request, Action<string> progress, CancellationToken cancellation)
    {
        Measurement measurement = new(request.Seconds, request.Load);
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
