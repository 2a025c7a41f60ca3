using Hnv.Lab.Running;

namespace Hnv.Lab.Datapath;

/// <summary>
/// OpenHNV itself: a lab with its controller, agents and whole policy. Two machines of one tenant on different hosts are measured, two of another
/// are the bystanders.
/// </summary>
internal static class OpenHnv
{
    public static async Task<Contender> StartAsync(LabRequest request, Action<string> progress, CancellationToken cancellation)
    {
        _ = await LabDown.RunAsync(request.Name);
        RunningLab lab = new(await LabUp.RunAsync(request, progress, cancellation));
        MachinePair[] pairs =
        [
            .. lab.Topology.Machines
                .GroupBy(machine => machine.Adapters[0].Subnet)
                .Select(subnet => (From: subnet.Last(), To: subnet.First()))
                .Where(pair => pair.From.Host != pair.To.Host)
                .Select(pair => new MachinePair(lab.Namespace(pair.From.Name), lab.Namespace(pair.To.Name), pair.To.Adapters[0].Address.ToString()))
                .Take(2),
        ];
        if (pairs.Length == 0)
        {
            throw new LabException($"{request.File} has no two machines of one subnet on different hosts.");
        }

        return new Contender($"OpenHNV {request.Executor}{(request.Nvgre ? " NVGRE" : "")}", pairs[0], () => LabDown.RunAsync(request.Name))
        {
            Bystanders = pairs.Length > 1 ? pairs[1] : null,
        };
    }
}
