using System.Diagnostics;
using Hnv.Linux.Netlink;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Dataplane.Tests;

/// <summary>Address translation as real stacks meet it: Web is translated, SQL is whom it talks to.</summary>
public sealed class NatTests
{
    internal const string External = "10.1.1.200";

    /// <summary>Answers each datagram and each connection with the address and port that it came from.</summary>
    private const string Mirror = """
        import socket, sys, threading
        f = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
        u = socket.socket(f, socket.SOCK_DGRAM); u.bind((sys.argv[1], int(sys.argv[2])))
        t = socket.socket(f); t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); t.bind((sys.argv[1], int(sys.argv[2]))); t.listen()
        def tcp():
            while True:
                c, a = t.accept(); c.sendall(f'{a[0]} {a[1]}'.encode()); c.close()
        threading.Thread(target=tcp, daemon=True).start()
        print('ready', flush=True)
        while True:
            b, a = u.recvfrom(65536); u.sendto(f'{a[0]} {a[1]}'.encode(), a)
        """;

    /// <summary>Prints what the mirror says over UDP, or the refusal, and then over TCP.</summary>
    private const string Ask = """
        import socket, sys
        f = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET; a = (sys.argv[1], int(sys.argv[2]))
        u = socket.socket(f, socket.SOCK_DGRAM); u.settimeout(3); u.connect(a)
        try:
            u.send(b'x'); print(u.recv(100).decode())
            c = socket.create_connection(a, 3); print(c.recv(100).decode()); c.sendall(b''); c.close()
        except ConnectionRefusedError: print('refused')
        """;

    [Fact]
    public void Source_UdpTcpAndPing_ComeFromThePoolAndGetTheirAnswers()
    {
        using FigureEight lab = Translated(Rule(NatKind.Source, external: External, ports: new PortRange(5000, 5100)));
        using Process server = Serve(lab.ContosoSql, "10.1.1.11", 7000);

        string[] seen = Asked(lab.ContosoWeb, "10.1.1.11", 7000);

        Assert.Equal(2, seen.Length);
        Assert.All(seen, line => Assert.StartsWith(External + " ", line, StringComparison.Ordinal));
        Assert.All(seen, line => Assert.InRange(int.Parse(line.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture), 5000, 5100));
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));
        server.Kill();
    }

    [Fact]
    public void Source_IcmpErrors_ComeBackToTheOneTheyConcern()
    {
        using FigureEight lab = Translated(Rule(NatKind.Source, external: External, ports: new PortRange(5000, 5100)));

        Assert.Equal(["refused"], Asked(lab.ContosoWeb, "10.1.1.11", 7001));
        (int exitCode, string hops) = lab.ContosoWeb.Execute("traceroute", "-n", "-q", "1", "-w", "2", "10.1.1.11");

        Assert.Equal(0, exitCode);
        Assert.Contains(" 1  10.1.1.11 ", hops, StringComparison.Ordinal);
    }

    [Fact]
    public void Static_EitherSideMayBegin()
    {
        using FigureEight lab = Translated(Rule(NatKind.Static, @internal: "10.1.1.12", external: External));
        using Process outside = Serve(lab.ContosoSql, "10.1.1.11", 7000), inside = Serve(lab.ContosoWeb, "10.1.1.12", 7000);

        string[] outbound = Asked(lab.ContosoWeb, "10.1.1.11", 7000), inbound = Asked(lab.ContosoSql, External, 7000);

        Assert.All(outbound, line => Assert.StartsWith(External + " ", line, StringComparison.Ordinal));
        Assert.Equal((2, 2), (outbound.Length, inbound.Length));
        Assert.All(inbound, line => Assert.StartsWith("10.1.1.11 ", line, StringComparison.Ordinal));
        Assert.True(lab.ContosoSql.Pings(External));
        outside.Kill();
        inside.Kill();
    }

    [Theory]
    [InlineData("10.1.1.11")]
    [InlineData("10.1.1.12")]
    public void LoadBalance_VirtualAddress_LeadsToTheTargetAlsoWhenThatIsTheGuestItself(string target)
    {
        using FigureEight lab = Translated(
            Rule(NatKind.LoadBalance, external: "10.1.1.250", ports: new PortRange(80, 80), targets: new NatTarget(InetAddress.Parse(target), 8080)));
        using Process server = Serve(target == "10.1.1.11" ? lab.ContosoSql : lab.ContosoWeb, target, 8080);

        string[] seen = Asked(lab.ContosoWeb, "10.1.1.250", 80);

        // What leads back to the guest comes from the address it was sent to: the guest would not take a packet from its own.
        string from = target == "10.1.1.12" ? "10.1.1.250 " : "10.1.1.12 ";
        Assert.Equal(2, seen.Length);
        Assert.All(seen, line => Assert.StartsWith(from, line, StringComparison.Ordinal));
        server.Kill();
    }

    [Fact]
    public void Prefix_IPv6_IsExchangedBothWaysWithoutTouchingChecksums()
    {
        NatRule rule = new(
            "rule", NatKind.Prefix, 100, null, [IpPrefix.Parse("fd00:1:1::/64")], [IpPrefix.Parse("2001:db8:1::/64")], [], PortRange.All, []);
        using FigureEight lab = new(EncapsulationType.Vxlan, change: (_, policy) => WithIPv6(policy, rule));
        foreach (FigureEight.Guest guest in (FigureEight.Guest[])[lab.ContosoSql, lab.ContosoWeb])
        {
            using RouteSocket there = RouteSocket.Open(guest.Namespace);
            there.AddAddress(there.GetLink("eth0"), IPv6Of(guest.Address).Value, 64);
            there.SetRoute(new RouteInfo(IpPrefix.Parse("::/0"), InetAddress.Parse("fd00:1:1::1"), there.GetLink("eth0").Index));
        }

        Assert.True(SpinWait.SpinUntil(() => lab.ContosoWeb.Pings("fd00:1:1::11", 1), 10_000));
        using Process server = Serve(lab.ContosoSql, "fd00:1:1::11", 7000);

        string[] seen = Asked(lab.ContosoWeb, "fd00:1:1::11", 7000);

        Assert.Equal(2, seen.Length);
        Assert.All(seen, line => Assert.StartsWith("2001:db8:1:", line, StringComparison.Ordinal));
        server.Kill();
    }

    /// <summary>Contoso's subnet with a second prefix, and a route back for what Web's becomes.</summary>
    private static HostPolicy WithIPv6(HostPolicy policy, NatRule rule) => policy with
    {
        VirtualNetworks =
        [
            .. policy.VirtualNetworks.Select(network => network.Name != "contoso" ? network : network with
            {
                Subnets = [network.Subnets[0] with
                {
                    DualStack = new SubnetPrefix(IpPrefix.Parse("fd00:1:1::/64"), CustomerAddress.Parse("fd00:1:1::1")),
                    Routes = [new UserRoute(IpPrefix.Parse("2001:db8:1::/64"), UserRouteKind.VirtualAppliance, CustomerAddress.Parse("fd00:1:1::12"))],
                }],
            }),
        ],
        Mappings =
        [
            .. policy.Mappings,
            .. policy.Mappings
                .Where(mapping => mapping.Customer.Vsid == FigureEight.Contoso)
                .Select(mapping => mapping with { Customer = new TenantEndpoint(FigureEight.Contoso, IPv6Of(mapping.Customer.Address)) }),
        ],
        Ports =
        [
            .. policy.Ports.Select(port => port.Vsid != FigureEight.Contoso ? port : port with
            {
                Addresses = [.. port.Addresses, IPv6Of(port.Addresses[0])],
                Nat = port.Name == "c-web" ? [rule] : [],
            }),
        ],
    };

    /// <summary>10.1.1.n as fd00:1:1::n, spelled alike.</summary>
    private static CustomerAddress IPv6Of(CustomerAddress address) => CustomerAddress.Parse("fd00:1:1::" + address.ToString().Split('.')[3]);

    internal static FigureEight Translated(NatRule rule, bool? inKernel = null, bool isKept = false) => new(EncapsulationType.Vxlan, inKernel: inKernel, isKept: isKept, change: (_, policy) => policy with
    {
        Mappings =
        [
            .. policy.Mappings,
            .. policy.Mappings
                .Where(mapping => mapping.Customer == new TenantEndpoint(FigureEight.Contoso, CustomerAddress.Parse("10.1.1.12")))
                .Select(mapping => mapping with { Customer = new TenantEndpoint(FigureEight.Contoso, CustomerAddress.Parse(External)) }),
        ],
        Ports = [.. policy.Ports.Select(port => port.Name == "c-web" ? port with { Nat = [rule] } : port)],
    });

    internal static NatRule Rule(NatKind kind, string external, string? @internal = null, PortRange? ports = null, params NatTarget[] targets) => new(
        "rule", kind, 100, null, @internal is null ? [] : [Host(@internal)], [Host(external)], [], ports ?? PortRange.All, [.. targets]);

    private static IpPrefix Host(string address) => IpPrefix.Parse(address + (address.Contains(':', StringComparison.Ordinal) ? "/128" : "/32"));

    private static Process Serve(FigureEight.Guest guest, string address, int port)
    {
        Process server = guest.Start("python3", "-c", Mirror, address, port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal("ready", server.StandardOutput.ReadLine());
        return server;
    }

    private static string[] Asked(FigureEight.Guest guest, string address, int port)
    {
        (int exitCode, string output) = guest.Execute("python3", "-c", Ask, address, port.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Assert.True(exitCode == 0, output);
        return output.Trim().Split('\n');
    }
}
