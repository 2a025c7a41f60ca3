using Hnv.Lab.Fabric;
using Hnv.Lab.Topology;

namespace Hnv.Lab.Datapath;

/// <summary>
/// The kernel's own: a bridge per host with the machine's device and a <c>vxlan</c> device in it. Without policy; or with a stateful firewall of as
/// many rules as OpenHNV's ports have, of which the last admits: nftables with connection tracking behind <c>br_netfilter</c>.
/// </summary>
internal static class KernelVxlan
{
    private const int RuleCount = 100;

    public static async Task<Contender> StartAsync(LabNames names, bool isFiltered, CancellationToken cancellation)
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
            if (isFiltered)
            {
                _ = await NetworkBuilder.SysctlAsync(fabric.Host(i), ["bridge/bridge-nf-call-iptables=1"], cancellation);
                _ = await Tool.RunAsync("nsenter", MachinePair.Inside(fabric.Host(i), ["nft", "-f", "-"]), Firewall(), cancellation);
            }
        }

        return new Contender(isFiltered ? "kernel vxlan+bridge, nft conntrack" : "kernel vxlan+bridge", fabric.Pair, fabric.RemoveAsync);
    }

    /// <summary>On the sending and the receiving side alike, as the port of a machine has its rules in both directions.</summary>
    private static string Firewall() => $$"""
        table ip bench {
          chain forward {
            type filter hook forward priority 0; policy drop;
            ct state established,related accept
        {{string.Join('\n', Enumerable.Range(1, RuleCount - 1).Select(n => $"    ip saddr 203.0.{n}.0/24 ct state new drop"))}}
            ip saddr 10.1.1.0/24 ct state new accept
          }
        }

        """;
}
