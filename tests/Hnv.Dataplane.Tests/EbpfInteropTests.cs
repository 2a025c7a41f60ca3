using System.Diagnostics;
using System.Globalization;
using Hnv.Linux;
using Hnv.Linux.Netlink;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Dataplane.Tests;

/// <summary>
/// Hosts with the fast path, hosts without it and the kernel's own <c>vxlan</c> device speak to one another, whatever guests and wire leave to
/// offload: joined by veth alone, so that no NIC finishes what somebody left undone.
/// </summary>
public sealed class EbpfInteropTests
{
    private const int Bytes = 8 << 20;

    [Theory]
    [InlineData(EncapsulationType.Vxlan, true, true, "")]
    [InlineData(EncapsulationType.Vxlan, true, true, "guest")]
    [InlineData(EncapsulationType.Vxlan, true, true, "wire")]
    [InlineData(EncapsulationType.Vxlan, true, true, "guest wire")]
    [InlineData(EncapsulationType.Vxlan, true, false, "")]
    [InlineData(EncapsulationType.Vxlan, true, false, "guest")]
    [InlineData(EncapsulationType.Vxlan, true, false, "wire")]
    [InlineData(EncapsulationType.Nvgre, true, true, "")]
    [InlineData(EncapsulationType.Nvgre, true, true, "guest")]
    [InlineData(EncapsulationType.Nvgre, true, true, "wire")]
    [InlineData(EncapsulationType.Nvgre, true, false, "")]
    public void Hosts_WithAndWithoutTheFastPath_BulkBothWays_Arrives(EncapsulationType encapsulation, bool first, bool second, string withoutOffload)
    {
        using FigureEight lab = new(encapsulation, inKernel: second, inKernelOnFirst: first);
        if (withoutOffload.Contains("guest", StringComparison.Ordinal))
        {
            NoOffload(lab.ContosoSql.Namespace, "eth0");
            NoOffload(lab.ContosoWeb.Namespace, "eth0");
        }

        if (withoutOffload.Contains("wire", StringComparison.Ordinal))
        {
            NoOffload(lab.Host1.Namespace, "eth0");
            NoOffload(lab.Host2.Namespace, "eth0");
            NoOffload(lab.Router, "h1");
            NoOffload(lab.Router, "h2");
        }

        Assert.True(SpinWait.SpinUntil(() => lab.ContosoWeb.Pings("10.1.1.11", 1), 10_000));
        Assert.Equal(Bytes, Transfer(lab.ContosoWeb.Namespace, lab.ContosoSql.Namespace, "10.1.1.11"));
        Assert.Equal(Bytes, Transfer(lab.ContosoSql.Namespace, lab.ContosoWeb.Namespace, "10.1.1.12"));
        Assert.Equal("100", Datagrams(lab.ContosoWeb.Namespace, lab.ContosoSql.Namespace, "10.1.1.11"));
        Assert.Equal("100", Datagrams(lab.ContosoSql.Namespace, lab.ContosoWeb.Namespace, "10.1.1.12"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Host_AndAKernelVxlanDevice_BulkBothWays_Arrives(bool inKernel)
    {
        MacAddress mac = MacAddress.Parse("00-1D-D8-B7-1C-33");
        ProviderAddress address = ProviderAddress.Parse("192.168.9.9");
        TenantEndpoint appliance = new(FigureEight.Contoso, CustomerAddress.Parse("10.1.1.20"));
        using FigureEight lab = new(
            EncapsulationType.Vxlan,
            inKernel: inKernel,
            change: (_, policy) => policy with { Mappings = policy.Mappings.Add(new CaPaMapping(appliance, mac, address, EncapsulationType.Vxlan)) });
        using Peer peer = new(lab, mac, address);

        Assert.True(SpinWait.SpinUntil(() => lab.ContosoSql.Pings("10.1.1.20", 1), 10_000));
        Assert.Equal(Bytes, Transfer(lab.ContosoSql.Namespace, peer.Namespace, "10.1.1.20"));
        Assert.Equal(Bytes, Transfer(peer.Namespace, lab.ContosoSql.Namespace, "10.1.1.11"));
        Assert.Equal("100", Datagrams(lab.ContosoSql.Namespace, peer.Namespace, "10.1.1.20"));
        Assert.Equal("100", Datagrams(peer.Namespace, lab.ContosoSql.Namespace, "10.1.1.11"));
    }

    private static void NoOffload(NetworkNamespace ns, string device)
    {
        (int exitCode, string output) = Execute(ns, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off");
        Assert.True(exitCode == 0, output);
    }

    /// <summary>Bulk over TCP; what is lost for its checksum would be sent again, and lost again, until the time is up.</summary>
    private static int Transfer(NetworkNamespace from, NetworkNamespace to, string address)
    {
        using Process receiver = Start(to, "python3", "-c", """
            import socket
            s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', 5432)); s.listen(); print('ready', flush=True)
            s.settimeout(20); c, _ = s.accept(); c.settimeout(20); n = 0
            while (b := c.recv(1 << 20)): n += len(b)
            print(n, flush=True)
            """);
        Assert.Equal("ready", receiver.StandardOutput.ReadLine());
        (int exitCode, string output) = Execute(
            from, "python3", "-c", $"import socket; c = socket.create_connection(('{address}', 5432), 10); c.settimeout(20); c.sendall(bytes({Bytes})); c.close()");
        Assert.True(exitCode == 0, output);
        return int.Parse(receiver.StandardOutput.ReadLine() ?? "0", CultureInfo.InvariantCulture);
    }

    /// <summary>Echoes of a hundred datagrams of different lengths that were as they had been sent.</summary>
    private static string Datagrams(NetworkNamespace from, NetworkNamespace to, string address)
    {
        using Process echo = Start(to, "python3", "-c", """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 7000)); print('ready', flush=True)
            while True: d, a = s.recvfrom(2048); s.sendto(d, a)
            """);
        try
        {
            Assert.Equal("ready", echo.StandardOutput.ReadLine());
            return Execute(from, "python3", "-c", $"""
                import os, socket
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2); s.connect(('{address}', 7000)); same = 0
                for i in range(100):
                    d = os.urandom(1 + i * 14); s.send(d)
                    try: same += s.recv(2048) == d
                    except TimeoutError: pass
                print(same)
                """).Output.Trim();
        }
        finally
        {
            echo.Kill();
        }
    }

    private static (int ExitCode, string Output) Execute(NetworkNamespace ns, params string[] command)
    {
        using Process process = Start(ns, command);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + errors.Result;
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    private static Process Start(NetworkNamespace ns, params string[] command) => Process.Start(
        new ProcessStartInfo("ip", ["netns", "exec", ns.Name, .. command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    /// <summary>A host of the provider network that has the kernel's <c>vxlan</c> device, and is the machine behind it.</summary>
    private sealed class Peer : IDisposable
    {
        private readonly string _name = $"hnv-t-linux-{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..8]}-vtep";

        public Peer(FigureEight lab, MacAddress mac, ProviderAddress address)
        {
            Namespace = NetworkNamespace.Create(_name);
            using (RouteSocket router = RouteSocket.Open(lab.Router))
            {
                router.CreateVeth("peer", "eth0", Namespace, lab.UnderlayMtu);
                router.SetUp("peer");
                router.AddAddress(router.GetLink("peer"), InetAddress.Parse("192.168.9.1"), 24);
            }

            string device = mac.ToString().Replace('-', ':');
            string[] lines =
            [
                "ip link set eth0 up", $"ip addr add {address}/24 dev eth0", "ip route add default via 192.168.9.1",
                $"ip link add vxlan0 mtu 1500 address {device} type vxlan id {FigureEight.Contoso} local {address} dstport 4789 nolearning",
                "ip addr add 10.1.1.20/24 dev vxlan0", "ip link set vxlan0 up",
                .. lab.Guests.Where(guest => guest.Vsid == FigureEight.Contoso).SelectMany(guest => (string[])
                [
                    $"ip neigh add {guest.Address} lladdr {guest.Mac.ToString().Replace('-', ':')} dev vxlan0",
                    $"bridge fdb append {guest.Mac.ToString().Replace('-', ':')} dev vxlan0 dst {guest.Host.Address}",
                ]),
            ];
            (int exitCode, string output) = Execute(Namespace, "sh", "-ec", string.Join('\n', lines));
            Assert.True(exitCode == 0, output);
        }

        public NetworkNamespace Namespace { get; }

        public void Dispose()
        {
            Namespace.Dispose();
            PaCompartment.Remove(_name);
        }
    }
}
