using Hnv.Lab.Running;

namespace Hnv.Lab.Datapath;

/// <summary>OpenHNV itself: a lab of figure 8 with its controller, agents and whole policy; Contoso's two machines are measured.</summary>
internal static class OpenHnv
{
    public static async Task<Contender> StartAsync(LabRequest request, Action<string> progress, CancellationToken cancellation)
    {
        _ = await LabDown.RunAsync(request.Name);
        RunningLab lab = new(await LabUp.RunAsync(request, progress, cancellation));
        return new Contender(
            $"OpenHNV {request.Executor ?? "userspace"}{(request.Nvgre ? " NVGRE" : "")}",
            lab.Namespace("contoso-web"),
            lab.Namespace("contoso-sql"),
            lab.Machine("contoso-sql").Adapters[0].Address.ToString(),
            () => LabDown.RunAsync(request.Name));
    }
}
