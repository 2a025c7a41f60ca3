using System.Diagnostics;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Dataplane.Tests;

/// <summary>Real clients in the guests learn their configuration from the host: the kernel by router advertisements, dhclient by DHCP of both families.</summary>
public sealed class LearnedAddressTests : IDisposable
{
    private static readonly IpPrefix s_prefix = IpPrefix.Parse("2001:db8:1:1::/64");
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private readonly string _directory = Directory.CreateTempSubdirectory("hnv-dhcp-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Guest_ByRouterAdvertisements_HasItsAddressARouterAndItsNetwork()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, change: DualStack);
        string sql = Autonomous(lab.ContosoSql), app = Autonomous(lab.ContosoApp);

        Assert.True(Becomes(lab.ContosoSql, "addr show dev eth0 scope global -tentative", sql + "/64"));
        Assert.True(Becomes(lab.ContosoApp, "addr show dev eth0 scope global -tentative", app + "/64"));
        Assert.True(Becomes(lab.ContosoSql, "route show default", "via fe80::21d:d8ff:feb7:1c00 dev eth0 proto ra"));
        Assert.True(lab.ContosoSql.Pings("fe80::21d:d8ff:feb7:1c00%eth0"));
        Assert.True(lab.ContosoSql.Pings("2001:db8:1:1::1"));
        Assert.True(lab.ContosoSql.Pings(app));
    }

    [Fact]
    public void Guest_ThatAsksNoMore_HearsOfAChangedPolicyByAnUnsolicitedAdvertisement()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, change: DualStack);
        FigureEight.Guest guest = lab.ContosoSql;
        Assert.True(Becomes(guest, "addr show dev eth0 scope global", Autonomous(guest)));
        Assert.Equal(0, guest.Execute("ip", "-6", "addr", "flush", "dev", "eth0", "scope", "global").ExitCode);
        Assert.DoesNotContain(Autonomous(guest), guest.Execute("ip", "-6", "addr").Output, StringComparison.Ordinal);

        lab.Host1.Install(DualStack(lab.Host1, lab.Host1.Policy()));

        Assert.True(Becomes(guest, "addr show dev eth0 scope global", Autonomous(guest)));
    }

    [Fact]
    public void Dhclient_OfIPv4_GetsWhatPolicySays()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, change: DualStack);

        string lease = LeaseOf(lab.ContosoWeb, "-4", Leases("4"));

        Assert.Contains("fixed-address 10.1.1.12;", lease, StringComparison.Ordinal);
        Assert.Contains("option subnet-mask 255.255.255.0;", lease, StringComparison.Ordinal);
        Assert.Contains("option routers 10.1.1.1;", lease, StringComparison.Ordinal);
        Assert.Contains("option domain-name-servers 10.1.1.53;", lease, StringComparison.Ordinal);
        Assert.Contains("option domain-name \"contoso.example\";", lease, StringComparison.Ordinal);
        Assert.Contains("option dhcp-server-identifier 10.1.1.1;", lease, StringComparison.Ordinal);
    }

    [Fact]
    public void Dhclient_WithALeaseOfAnotherNetwork_IsRefusedItAndGetsItsOwn()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, change: DualStack);
        string old = Leases("old");
        File.WriteAllText(old, """
            lease {
              interface "eth0";
              fixed-address 192.168.7.7;
              option subnet-mask 255.255.255.0;
              option dhcp-lease-time 864000;
              option dhcp-message-type 5;
              option dhcp-server-identifier 192.168.7.1;
              renew 0 2034/01/01 00:00:00;
              rebind 0 2034/01/02 00:00:00;
              expire 0 2034/01/03 00:00:00;
            }

            """);

        Assert.Contains("fixed-address 10.1.1.12;", LeaseOf(lab.ContosoWeb, "-4", old), StringComparison.Ordinal);
    }

    [Fact]
    public void Dhclient_OfIPv6_GetsTheAddressThatItCannotMakeItself()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, change: DualStack);
        Assert.True(Becomes(lab.ContosoWeb, "addr show dev eth0 scope link -tentative", "fe80::"));

        string lease = LeaseOf(lab.ContosoWeb, "-6", Leases("6"));

        Assert.Contains("iaaddr 2001:db8:1:1::12 {", lease, StringComparison.Ordinal);
        Assert.Contains("option dhcp6.name-servers 2001:db8:1:1::53;", lease, StringComparison.Ordinal);
        Assert.Contains("option dhcp6.domain-search \"contoso.example.\";", lease, StringComparison.Ordinal);
    }

    /// <summary>Contoso's subnet of both families; Web has an IPv6 address that only DHCP can tell it, the others the one of their MAC.</summary>
    private static HostPolicy DualStack(FigureEight.Host host, HostPolicy policy)
    {
        static CustomerAddress V6(MacAddress mac, CustomerAddress v4) =>
            v4 == CustomerAddress.Parse("10.1.1.12") ? CustomerAddress.Parse("2001:db8:1:1::12") : new CustomerAddress(InetAddress.AutonomousOf(s_prefix, mac));

        DhcpPolicy dhcp = new([InetAddress.Parse("10.1.1.53"), InetAddress.Parse("2001:db8:1:1::53")], "contoso.example", 0, 3600);
        return policy with
        {
            VirtualNetworks =
            [
                .. policy.VirtualNetworks.Select(network => network.Name != "contoso" ? network : network with
                {
                    Subnets = [network.Subnets[0] with { DualStack = new SubnetPrefix(s_prefix, CustomerAddress.Parse("2001:db8:1:1::1")) }],
                }),
            ],
            Mappings =
            [
                .. policy.Mappings,
                .. policy.Mappings.Where(mapping => mapping.Customer.Vsid == FigureEight.Contoso)
                    .Select(mapping => mapping with { Customer = mapping.Customer with { Address = V6(mapping.Mac, mapping.Customer.Address) } }),
            ],
            Ports =
            [
                .. policy.Ports.Select(port => port.Vsid != FigureEight.Contoso ? port : port with
                {
                    Addresses = [port.Addresses[0], V6(port.Mac, port.Addresses[0])],
                    Dhcp = dhcp,
                }),
            ],
        };
    }

    private static string Autonomous(FigureEight.Guest guest) => InetAddress.AutonomousOf(s_prefix, guest.Mac).ToString();

    private static bool Becomes(FigureEight.Guest guest, string question, string answer) => SpinWait.SpinUntil(
        () => guest.Execute(["ip", "-6", .. question.Split(' ')]).Output.Contains(answer, StringComparison.Ordinal), s_patience);

    private string Leases(string name) => Path.Combine(_directory, name);

    /// <summary>Runs the client until it has a lease; nothing in the guest is changed by it.</summary>
    private static string LeaseOf(FigureEight.Guest guest, string family, string leases)
    {
        string lease = "";
        int before = Read().Length;
        using Process client = guest.Start("dhclient", "-d", "-1", family, "-sf", "/bin/true", "-lf", leases, "-pf", leases + ".pid", "eth0");
        try
        {
            bool has = SpinWait.SpinUntil(() => (lease = Read()).Length > before && lease.TrimEnd().EndsWith('}'), s_patience);
            Assert.True(has || client.HasExited, "The client is still asking.");
        }
        finally
        {
            client.Kill();
            client.WaitForExit();
        }

        return lease.Length > before ? lease : client.StandardError.ReadToEnd();

        string Read() => File.Exists(leases) ? File.ReadAllText(leases) : "";
    }
}
