using Hnv.Lab.Fabric;
using Hnv.Lab.Topology;
using Hnv.Primitives;

namespace Hnv.Lab.Running;

/// <summary>
/// Has the machines ask for the addresses that nobody writes into them: a stock DHCP client (Debian's <c>dhclient</c> with its own
/// script), or the kernel by router advertisements. Both need hosts that are configured already.
/// </summary>
public static class MachineAddresses
{
    /// <summary>The DHCP client's program.</summary>
    public const string DhcpClient = "dhclient";

    private const string Patience = "30";
    private static readonly TimeSpan s_advertised = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Gives a command a <c>/etc</c> and a host name of its own, changes of which stay in the machine's directory: clients write
    /// resolv.conf there, and the machine below is not theirs.
    /// </summary>
    private const string Private = """
        mkdir -p "$1/etc" "$1/work"
        mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/work" overlay /etc
        shift
        exec "$@"
        """;

    /// <summary>True when the machine has addresses that the lab does not write.</summary>
    public static bool AsksForSome(LabMachine machine) =>
        machine.Adapters.Any(adapter => adapter.Assignment is AddressAssignment.Dhcp or AddressAssignment.Slaac);

    /// <summary>Sees to the addresses of every machine.</summary>
    /// <exception cref="LabException">A machine got no answer.</exception>
    public static Task AssignAsync(LabTopology lab, LabNames names, CancellationToken cancellation) =>
        Task.WhenAll(lab.Machines.Select(async machine =>
        {
            foreach (LabAdapter adapter in machine.Adapters)
            {
                await AssignAsync(names, machine, adapter, cancellation);
            }
        }));

    /// <summary>Where a machine's own files are: <c>etc/resolv.conf</c>, leases.</summary>
    public static string Directory(LabNames names, string machine) => $"{names.Directory}/machines/{machine}";

    private static async Task AssignAsync(LabNames names, LabMachine machine, LabAdapter adapter, CancellationToken cancellation)
    {
        if (adapter.Assignment == AddressAssignment.Dhcp)
        {
            // One family after the other: both write the same resolv.conf, and Debian's script keeps what the last one said.
            foreach (bool isIPv4 in adapter.Addresses.Select(a => a.Address.IsIPv4))
            {
                await LeaseAsync(names, machine, adapter, isIPv4, cancellation);
            }
        }
        else if (adapter.Assignment == AddressAssignment.Slaac)
        {
            await AutoconfigureAsync(names, machine, adapter, cancellation);
        }
    }

    private static async Task LeaseAsync(LabNames names, LabMachine machine, LabAdapter adapter, bool isIPv4, CancellationToken cancellation)
    {
        string directory = Directory(names, machine.Name);
        string family = isIPv4 ? "4" : "6";
        string own = $"{directory}/{DhcpClient}{family}.{adapter.Interface}";
        System.IO.Directory.CreateDirectory(directory);
        ToolResult result = await Tool.TryRunAsync(
            "nsenter",
            [
                $"--net={LabNames.NamespaceDirectory}/{names.Namespace(machine.Name)}",
                "unshare", "--mount", "--uts", "sh", "-ec", Private, "sh", directory,
                "timeout", Patience, DhcpClient, $"-{family}", "-1", "-v", "-pf", $"{own}.pid", "-lf", $"{own}.leases", adapter.Interface,
            ],
            null,
            cancellation);
        if (result.ExitCode != 0)
        {
            throw new LabException($"Machine {machine.Name} got no DHCPv{family} lease on {adapter.Interface}: {Last(result.Error, 3)}");
        }
    }

    private static async Task AutoconfigureAsync(LabNames names, LabMachine machine, LabAdapter adapter, CancellationToken cancellation)
    {
        // Its solicitations began before its port was there; a stack that is told to begin anew need not wait for the next one.
        string inNamespace = names.Namespace(machine.Name);
        await NetworkBuilder.SysctlAsync(
            inNamespace, [$"ipv6/conf/{adapter.Interface}/disable_ipv6=1", $"ipv6/conf/{adapter.Interface}/disable_ipv6=0"], cancellation);
        InetAddress expected = adapter.Addresses.First(a => !a.Address.IsIPv4).Address;
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(s_advertised);
        string addresses = "";
        try
        {
            do
            {
                await Task.Delay(50, patience.Token);
                addresses = await Tool.RunAsync("ip", ["-n", inNamespace, "-6", "-o", "addr", "show", "dev", adapter.Interface, "-tentative"], null, patience.Token);
            }
            while (!addresses.Contains($" {expected}/", StringComparison.Ordinal));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new LabException($"Machine {machine.Name} made no address {expected} of a router advertisement within {s_advertised.TotalSeconds} s; it has: {Last(addresses, 3)}");
        }
    }

    private static string Last(string text, int lines) =>
        string.Join(" / ", text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).TakeLast(lines));
}
