using Hnv.Lab.Fabric;

namespace Hnv.Lab.Datapath;

/// <summary>
/// As little as a host can do: a filter on each of its two devices that redirects all to the other, no encapsulation, no policy. The machines sit in
/// two subnets that the router joins, so a packet passes as many namespaces and devices, and is routed as often, as with all others.
/// </summary>
internal static class PlainRedirect
{
    public static async Task<Contender> StartAsync(LabNames names, CancellationToken cancellation)
    {
        PlainFabric fabric = new(names, isRouted: true);
        await fabric.RemoveAsync();
        await fabric.BuildAsync(cancellation);
        foreach (int i in new[] { 1, 2 })
        {
            await NetworkBuilder.IpAsync(fabric.Host(i), ["link set dev eth0 promisc on", "link set dev vm0 promisc on"], cancellation);
            foreach ((string from, string to) in new[] { ("vm0", "eth0"), ("eth0", "vm0") })
            {
                await TcAsync(fabric.Host(i), ["qdisc", "add", "dev", from, "clsact"], cancellation);
                await TcAsync(
                    fabric.Host(i),
                    ["filter", "add", "dev", from, "ingress", "protocol", "all", "u32", "match", "u32", "0", "0", "action", "mirred", "egress", "redirect", "dev", to],
                    cancellation);
            }
        }

        return new Contender("no encapsulation (tc redirect)", fabric.Pair, fabric.RemoveAsync);
    }

    private static Task<string> TcAsync(string inNamespace, string[] arguments, CancellationToken cancellation) =>
        Tool.RunAsync("tc", ["-n", inNamespace, .. arguments], null, cancellation);
}
