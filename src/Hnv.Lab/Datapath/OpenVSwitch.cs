using Hnv.Lab.Fabric;

namespace Hnv.Lab.Datapath;

/// <summary>
/// Stock Open vSwitch with its userspace datapath (<c>datapath_type=netdev</c>) on both hosts: the machine's device and a VXLAN port in one
/// bridge, the uplink with the host's address in another.
/// </summary>
internal static class OpenVSwitch
{
    private const string Schema = "/usr/share/openvswitch/vswitch.ovsschema";

    public static bool IsInstalled => Tool.Exists("ovs-vswitchd") && File.Exists(Schema);

    public static async Task<Contender> StartAsync(LabNames names, CancellationToken cancellation)
    {
        PlainFabric fabric = new(names);
        await StopAsync(names, fabric);
        await fabric.BuildAsync(cancellation);
        foreach (int i in new[] { 1, 2 })
        {
            await StartHostAsync(names, fabric, i, cancellation);

            // Its packet sockets take no unfinished checksums and no super-packets, so the machine must finish them itself.
            _ = await Tool.RunAsync("nsenter", [$"--net={LabNames.NamespaceDirectory}/{fabric.Machine(i)}", "--", "ethtool", "-K", "eth0", "tx", "off"], null, cancellation);
        }

        return new Contender("Open vSwitch userspace", fabric.Pair, () => StopAsync(names, fabric));
    }

    private static async Task StartHostAsync(LabNames names, PlainFabric fabric, int i, CancellationToken cancellation)
    {
        string directory = Directory(names, i);
        _ = System.IO.Directory.CreateDirectory(directory);
        string database = $"unix:{directory}/db.sock";
        string[] inHost = [$"--net={LabNames.NamespaceDirectory}/{fabric.Host(i)}", "--"];
        _ = await Tool.RunAsync("ovsdb-tool", ["create", $"{directory}/conf.db", Schema], null, cancellation);
        await DaemonAsync([.. inHost, "ovsdb-server", $"{directory}/conf.db", $"--remote=punix:{directory}/db.sock"], directory, "ovsdb", cancellation);
        _ = await Tool.RunAsync("ovs-vsctl", [$"--db={database}", "--no-wait", "init"], null, cancellation);
        await DaemonAsync([.. inHost, "ovs-vswitchd", database, "--disable-system"], directory, "vswitchd", cancellation);
        _ = await Tool.RunAsync(
            "ovs-vsctl",
            [
                $"--db={database}", "--timeout=15",
                "--", "add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev", "--", "add-port", "br-phy", "eth0",
                "--", "add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev", "--", "add-port", "br-int", "vm0",
                "--", "add-port", "br-int", "vxlan0", "--", "set", "interface", "vxlan0", "type=vxlan",
                $"options:remote_ip={PlainFabric.HostAddress(3 - i)}", "options:key=5001",
            ],
            null,
            cancellation);
        await NetworkBuilder.IpAsync(
            fabric.Host(i),
            [$"addr add {PlainFabric.HostAddress(i)}/24 dev br-phy", "link set dev br-phy up", "link set dev br-int up", $"route add default via {PlainFabric.Gateway(i)}"],
            cancellation);
    }

    private static async Task DaemonAsync(string[] command, string directory, string name, CancellationToken cancellation) =>
        _ = await Tool.RunAsync(
            "nsenter",
            [.. command, $"--pidfile={directory}/{name}.pid", $"--unixctl={directory}/{name}.ctl", $"--log-file={directory}/{name}.log", "--verbose=off", "--detach", "--no-chdir"],
            null,
            cancellation);

    private static async Task StopAsync(LabNames names, PlainFabric fabric)
    {
        foreach (int i in new[] { 1, 2 })
        {
            foreach (string name in new[] { "vswitchd", "ovsdb" })
            {
                string file = $"{Directory(names, i)}/{name}.pid";
                if (File.Exists(file))
                {
                    _ = await Tool.TryRunAsync("ovs-appctl", ["-t", $"{Directory(names, i)}/{name}.ctl", "exit"]);
                }
            }
        }

        await fabric.RemoveAsync();
        if (System.IO.Directory.Exists(names.Directory))
        {
            System.IO.Directory.Delete(names.Directory, recursive: true);
        }
    }

    private static string Directory(LabNames names, int i) => $"{names.Directory}/host{i}";
}
