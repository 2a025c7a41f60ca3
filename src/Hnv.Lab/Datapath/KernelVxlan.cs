using Hnv.Lab.Fabric;
using Hnv.Lab.Topology;

namespace Hnv.Lab.Datapath;

/// <summary>The kernel's own: a bridge per host with the machine's device and a <c>vxlan</c> device in it. No policy.</summary>
internal static class KernelVxlan
{
    public static async Task<Contender> StartAsync(LabNames names, CancellationToken cancellation)
    {
        PlainFabric fabric = new(names);
        await fabric.RemoveAsync();
        await fabric.BuildAsync(cancellation);
        foreach (int i in new[] { 1, 2 })
        {
            await NetworkBuilder.IpAsync(
                fabric.Host(i),
                [
                    $"addr add {PlainFabric.HostAddress(i)}/24 dev eth0",
                    $"route add default via {PlainFabric.Gateway(i)}",
                    $"link add name br0 mtu {LabTopology.DefaultGuestMtu} type bridge mcast_snooping 0",
                    "link set dev br0 addrgenmode none up",
                    "link set dev vm0 master br0",
                    $"link add name vxlan0 mtu {LabTopology.DefaultGuestMtu} type vxlan id 5001 local {PlainFabric.HostAddress(i)} remote {PlainFabric.HostAddress(3 - i)} dstport 4789 dev eth0",
                    "link set dev vxlan0 addrgenmode none master br0 up",
                ],
                cancellation);
        }

        return new Contender("kernel vxlan+bridge", fabric.Machine(1), fabric.Machine(2), PlainFabric.MachineAddress(2), fabric.RemoveAsync);
    }
}
