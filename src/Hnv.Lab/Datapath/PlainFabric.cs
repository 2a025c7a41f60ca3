using Hnv.Lab.Fabric;
using Hnv.Lab.Topology;

namespace Hnv.Lab.Datapath;

/// <summary>
/// The cables of figure 8 without any OpenHNV: two hosts in two provider subnets joined by a router, one machine on each host. What joins
/// machine and provider network inside a host is the contender's own matter. Same MTUs and devices as in a lab.
/// </summary>
/// <param name="names">Names of its namespaces.</param>
/// <param name="isRouted">The machines sit in a subnet each, and the router is theirs; otherwise they share one.</param>
internal sealed class PlainFabric(LabNames names, bool isRouted = false)
{
    public string Host(int index) => names.Namespace($"host{index}");

    public string Machine(int index) => names.Namespace($"vm{index}");

    public static string HostAddress(int index) => $"192.168.{index}.2";

    /// <summary>From the second machine to the first, as the lab's machines are measured.</summary>
    public MachinePair Pair => new(Machine(2), Machine(1), MachineAddress(1));

    public static string Gateway(int index) => $"192.168.{index}.1";

    private string MachineAddress(int index) => isRouted ? $"10.1.{index}.11" : $"10.1.1.1{index}";

    /// <summary>Makes it. The host's uplink is eth0 and has no address yet; the machine's cable ends in the host's device vm0.</summary>
    public async Task BuildAsync(CancellationToken cancellation)
    {
        await NetworkBuilder.IpAsync(null, Namespaces().Select(name => $"netns add {name}"), cancellation);
        foreach (string name in Namespaces())
        {
            await NetworkBuilder.IpAsync(name, ["link set dev lo up"], cancellation);
        }

        foreach (int i in new[] { 1, 2 })
        {
            await NetworkBuilder.IpAsync(
                names.TopOfRack,
                [
                    $"link add name h{i} mtu {LabTopology.DefaultUnderlayMtu} type veth peer name eth0 mtu {LabTopology.DefaultUnderlayMtu} netns {Host(i)}",
                    $"addr add {(isRouted ? $"10.1.{i}.1" : Gateway(i))}/24 dev h{i}",
                    $"link set dev h{i} addrgenmode none up",
                ],
                cancellation);
            await NetworkBuilder.IpAsync(
                Host(i),
                [
                    "link set dev eth0 addrgenmode none up",
                    $"link add name vm0 mtu {LabTopology.DefaultGuestMtu} type veth peer name eth0 mtu {LabTopology.DefaultGuestMtu} netns {Machine(i)}",
                    "link set dev vm0 addrgenmode none up",
                ],
                cancellation);
            await NetworkBuilder.IpAsync(
                Machine(i),
                [
                    $"addr add {MachineAddress(i)}/24 dev eth0",
                    "link set dev eth0 addrgenmode none up",
                    .. isRouted ? (string[])[$"route add default via 10.1.{i}.1"] : [],
                ],
                cancellation);
        }

        await NetworkBuilder.ForwardAsync(names.TopOfRack, cancellation);
    }

    /// <summary>Removes it; what is not there is no error.</summary>
    public async Task RemoveAsync()
    {
        foreach (string name in Namespaces())
        {
            _ = await Tool.TryRunAsync("ip", ["netns", "delete", name]);
        }
    }

    private IEnumerable<string> Namespaces() => [names.TopOfRack, Host(1), Host(2), Machine(1), Machine(2)];
}
