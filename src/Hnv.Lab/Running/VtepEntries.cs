using Hnv.Lab.Fabric;
using Hnv.Lab.Topology;

namespace Hnv.Lab.Running;

/// <summary>The static entries of a foreign tunnel endpoint: MAC → provider address, customer address → MAC.</summary>
internal static class VtepEntries
{
    public static async Task WriteAsync(
        LabTopology lab,
        LabNames names,
        LabVtep vtep,
        IReadOnlyDictionary<string, string> providerAddresses,
        CancellationToken cancellation)
    {
        LabAdapter? own = lab.Machines.FirstOrDefault(machine => machine.Host == vtep.Name)?.Adapters[0];
        if (own is null)
        {
            return;
        }

        List<string> forwarding = [];
        List<string> neighbours = [];
        foreach ((LabMachine machine, LabAdapter adapter) in lab.Machines.SelectMany(machine => machine.Adapters.Select(adapter => (machine, adapter))))
        {
            if (adapter.Subnet == own.Subnet && providerAddresses.TryGetValue(machine.Host, out string? address))
            {
                string mac = adapter.Mac.ToString().Replace('-', ':');
                forwarding.Add($"fdb replace {mac} dev vxlan0 dst {address} self permanent");
                neighbours.Add($"neigh replace {adapter.Address} lladdr {mac} dev vxlan0 nud permanent");
            }
        }

        string inNamespace = names.Namespace(vtep.Name);
        await Tool.RunAsync("bridge", ["-n", inNamespace, "-batch", "-"], string.Join('\n', forwarding) + "\n", cancellation);
        await NetworkBuilder.IpAsync(inNamespace, neighbours, cancellation);
    }
}
