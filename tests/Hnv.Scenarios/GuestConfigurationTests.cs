using Hnv.Lab.Fabric;
using Hnv.Lab.Running;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class GuestConfig() : StackFixture("labs/guest-config.yaml");

/// <summary>Stock clients, Debian's dhclient and the kernel's own autoconfiguration, are told by the host what policy says.</summary>
public sealed class GuestConfigurationTests(GuestConfig story) : IClassFixture<GuestConfig>
{
    private const string LeftOf1500 = "1450";

    [Fact]
    public async Task Dhcp_IPv4_GivesAddressMaskGatewayAndMtu()
    {
        string address = await ShowAsync("leased", "-4", "addr", "show", "dev", "eth0");
        string route = await ShowAsync("leased", "-4", "route");
        string link = await ShowAsync("leased", "link", "show", "dev", "eth0");

        Assert.Contains("inet 10.1.1.11/24 brd 10.1.1.255", address, StringComparison.Ordinal);
        Assert.Contains("default via 10.1.1.1 dev eth0", route, StringComparison.Ordinal);
        Assert.Contains($"mtu {LeftOf1500} ", link, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dhcp_IPv4_GivesARouteToTheOtherSubnets() =>
        Assert.Contains("10.1.2.0/24 via 10.1.1.1", await ShowAsync("leased", "-4", "route"), StringComparison.Ordinal);

    [Fact]
    public async Task Dhcp_IPv6_GivesTheAddressOfPolicyAndNoOther()
    {
        string address = await ShowAsync("leased", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "global");
        string route = await ShowAsync("leased", "-6", "route");

        Assert.Equal(["fd00:10:1:1::11/128"], Addresses(address));
        Assert.Contains("default via fe80::", route, StringComparison.Ordinal);
        Assert.Contains("proto ra", route, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("leased", "dhclient4.eth0.leases", "option domain-name-servers 10.1.1.53;")]
    [InlineData("leased", "dhclient6.eth0.leases", "option dhcp6.name-servers fd00:10:1:1::53;")]
    [InlineData("leased", "etc/resolv.conf", "nameserver fd00:10:1:1::53")]
    [InlineData("own-dns", "dhclient4.eth0.leases", "option domain-name-servers 10.1.2.53;")]
    [InlineData("own-dns", "etc/resolv.conf", "nameserver 10.1.2.53")]
    public async Task Dhcp_NameServers_AreTheInterfacesElseTheNetworks(string machine, string file, string line) =>
        Assert.Contains(line, await File.ReadAllTextAsync($"{MachineAddresses.Directory(story.Lab.Names, machine)}/{file}"), StringComparison.Ordinal);

    [Theory]
    [InlineData("auto", "fd00:10:1:1:")]
    [InlineData("six", "fd00:10:1:6:")]
    public async Task Slaac_On_MakesTheAddressOfPolicyAndADefaultRoute(string machine, string prefix)
    {
        string expected = story.Lab.Machine(machine).Adapters[0].Addresses.Single(a => !a.Address.IsIPv4).Address.ToString();

        string[] addresses = Addresses(await ShowAsync(machine, "-6", "-o", "addr", "show", "dev", "eth0", "scope", "global"));
        string route = await ShowAsync(machine, "-6", "route");

        Assert.Equal([$"{expected}/64"], addresses);
        Assert.StartsWith(prefix, expected, StringComparison.Ordinal);
        Assert.Contains("default via fe80::", route, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Slaac_Advertisement_TellsTheMtu() =>
        Assert.Equal(LeftOf1500, (await story.Lab.RunAsync("six", ["cat", "/proc/sys/net/ipv6/conf/eth0/mtu"])).Output.Trim());

    [Fact]
    public async Task Dhcp_ClientOfAMachineThatNobodyConfigured_IsAnsweredWheneverItAsks()
    {
        await using Capture capture = await Capture.StartAsync(story.Lab, "tor", "host1", "udp port 4789");
        string none = await ShowAsync("silent", "-4", "-o", "addr", "show", "dev", "eth0");

        ToolResult asked = await story.Lab.RunAsync(
            "silent", ["timeout", "5", "dhclient", "-4", "-1", "-v", "-d", "-sf", "/bin/true", "-lf", "/dev/null", "-pf", "/dev/null", "eth0"]);

        Assert.Empty(none);
        Assert.Contains("DHCPACK of 10.1.1.14 from 10.1.1.1", asked.Error, StringComparison.Ordinal);
        const int Udp = 17;
        Assert.DoesNotContain(Encapsulated.In(await capture.StopAsync()), packet => packet.InnerEtherType == 0x0800 && packet.Inner[14 + 9] == Udp);
    }

    [Theory]
    [InlineData("leased", "10.1.1.12")]
    [InlineData("leased", "10.1.1.13")]
    [InlineData("leased", "fd00:10:1:1::13")]
    [InlineData("leased", "10.1.2.11")]
    [InlineData("auto", "fd00:10:1:1::11")]
    [InlineData("six", "fd00:10:1:6::13")]
    [InlineData("six", "fd00:10:1:1::13")]
    [InlineData("own-dns", "10.1.1.11")]
    public async Task Ping_BetweenMachinesThatAskedAndOthers_IsAnswered(string machine, string address) =>
        Assert.True(await story.PingsAsync(machine, address));

    private async Task<string> ShowAsync(string machine, params string[] arguments)
    {
        ToolResult result = await story.Lab.RunAsync(machine, ["ip", .. arguments]);
        Assert.True(result.ExitCode == 0, result.Error);
        return result.Output;
    }

    private static string[] Addresses(string lines) =>
        [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3])];
}
