using Hnv.Contracts.HostChannel;
using Hnv.Lab.Fabric;
using Hnv.Primitives;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Figure8() : LabFixture("labs/figure8.yaml");

/// <summary>Two tenants with the same addresses on two hosts: each reaches its own, neither the other, and the wire shows why.</summary>
public sealed class Figure8Tests(Figure8 story) : IClassFixture<Figure8>
{
    private const string Sql = "10.1.1.11";

    [Theory]
    [InlineData("contoso-web", "10.1.1.11")]
    [InlineData("fabrikam-web", "10.1.1.11")]
    [InlineData("contoso-sql", "10.1.1.12")]
    [InlineData("fabrikam-sql", "10.1.1.12")]
    public async Task Ping_OwnTenantAcrossHosts_IsAnswered(string machine, string address) =>
        Assert.True(await story.PingsAsync(machine, address));

    [Fact]
    public async Task Connect_AddressThatTwoTenantsHave_ReachesTheOwnTenant()
    {
        await story.ServeAsync("contoso-sql", 5432);
        await story.ServeAsync("fabrikam-sql", 5432);

        Assert.Equal("contoso-sql", await story.WhoAnswersAsync("contoso-web", Sql, 5432));
        Assert.Equal("fabrikam-sql", await story.WhoAnswersAsync("fabrikam-web", Sql, 5432));
    }

    [Theory]
    [InlineData("contoso", 5001)]
    [InlineData("fabrikam", 6001)]
    public async Task Connect_WebToSql_IsVxlanBetweenTheProviderAddresses(string tenant, int vsid)
    {
        const int FlowCount = 8;
        await story.ServeAsync($"{tenant}-sql", 5433);
        await using Capture capture = await Capture.StartAsync(story.Lab, "tor", "host2", "udp port 4789");
        for (int i = 0; i < FlowCount; i++)
        {
            Assert.Equal($"{tenant}-sql", await story.WhoAnswersAsync($"{tenant}-web", Sql, 5433));
        }

        IReadOnlyList<Encapsulated> sent = [.. Encapsulated.In(await capture.StopAsync()).Where(packet => packet.Source == "192.168.2.20")];

        Assert.NotEmpty(sent);
        Assert.All(sent, packet => Assert.Equal(("192.168.1.10", 4789, vsid), (packet.Destination, packet.UdpDestination, packet.Vsid)));
        Assert.All(sent, packet => Assert.InRange(packet.UdpSource, 49152, 65535));
        Assert.InRange(sent.Select(packet => packet.UdpSource).Distinct().Count(), 2, FlowCount * 2);
    }

    [Fact]
    public async Task Arp_KnownAddress_IsAnsweredLocallyAndNeverCrosses()
    {
        await using Capture capture = await Capture.StartAsync(story.Lab, "tor", "any", "arp or udp port 4789");
        await story.Lab.RunAsync("contoso-web", ["ip", "neigh", "flush", "dev", "eth0"]);

        ToolResult arping = await story.Lab.RunAsync("contoso-web", ["arping", "-c", "1", "-w", "2", "-I", "eth0", Sql]);
        bool pings = await story.PingsAsync("contoso-web", Sql);

        // -i any gives "cooked" frames (LINKTYPE_LINUX_SLL2, 20 bytes, EtherType first): tenants' ARP would show in either form.
        IReadOnlyList<byte[]> frames = await capture.StopAsync();
        Assert.True(arping.ExitCode == 0, arping.Output + arping.Error);
        Assert.Contains("1D:D8:02", arping.Output.ToUpperInvariant(), StringComparison.Ordinal);
        Assert.True(pings);
        Assert.DoesNotContain(frames, frame => frame.Length > 48 && frame[0] == 0x08 && frame[1] == 0x06 && frame[34] == 10);
    }

    [Fact]
    public async Task Arp_Resolution_SendsNoEncapsulatedArp()
    {
        await using Capture capture = await Capture.StartAsync(story.Lab, "tor", "host2", "udp port 4789");
        await story.Lab.RunAsync("contoso-web", ["ip", "neigh", "flush", "dev", "eth0"]);

        bool known = await story.PingsAsync("contoso-web", Sql);
        ToolResult unknown = await story.Lab.RunAsync("contoso-web", ["arping", "-c", "2", "-w", "2", "-I", "eth0", "10.1.1.99"]);

        IReadOnlyList<Encapsulated> packets = Encapsulated.In(await capture.StopAsync());
        Assert.True(known);
        Assert.NotEqual(0, unknown.ExitCode);
        Assert.DoesNotContain(packets, packet => packet.InnerEtherType == 0x0806);
    }

    [Fact]
    public async Task Ping_Gateway_IsAnswered() => Assert.True(await story.PingsAsync("contoso-web", "10.1.1.1"));

    [Fact]
    public async Task Send_WithAnotherMac_IsDroppedAndCounted()
    {
        MacAddress forged = MacAddress.Parse("00-1D-D8-99-99-99");

        (long before, long after) = await DropsOfAsync("MacGuard", Frames.Udp(forged, story.Mac("contoso-sql"), "10.1.1.12", Sql));

        Assert.Equal(before + 1, after);
    }

    [Fact]
    public async Task Send_WithAnotherAddress_IsDroppedAndCounted()
    {
        (long before, long after) = await DropsOfAsync("IPv4Guard", Frames.Udp(story.Mac("contoso-web"), story.Mac("contoso-sql"), "10.1.1.66", Sql));

        Assert.Equal(before + 1, after);
    }

    [Theory]
    [InlineData("UnknownProviderAddress", "192.168.2.99", 5001, true)]
    [InlineData("UnknownVsid", "192.168.2.20", 99999, true)]
    [InlineData("WrongInnerDestination", "192.168.2.20", 5001, false)]
    public async Task Receive_ForgedEncapsulation_IsDroppedUnderItsOwnReason(string reason, string outerSource, int vni, bool rightDestination)
    {
        const int Count = 5;
        MacAddress to = rightDestination ? story.Mac("contoso-sql") : MacAddress.Parse("00-1D-D8-99-99-99");
        byte[] inner = Frames.Udp(story.Mac("contoso-web"), to, "10.1.1.12", Sql);
        await using Capture capture = await Capture.StartAsync(story.Lab, "contoso-sql", "eth0", "udp port 9999");
        long before = await story.UnderlayDropsAsync("host1", reason);

        for (int i = 0; i < Count; i++)
        {
            await story.SendOuterAsync(outerSource, "192.168.1.10", vni, inner);
        }

        TimeSpan? counted = await LabFixture.WithinAsync(TimeSpan.FromSeconds(3), async () => await story.UnderlayDropsAsync("host1", reason) == before + Count);
        Assert.True(counted is not null, $"{before} drops became {await story.UnderlayDropsAsync("host1", reason)}");
        Assert.Empty(await capture.StopAsync());
    }

    private async Task<(long Before, long After)> DropsOfAsync(string reason, byte[] frame)
    {
        PortStatus before = await story.PortAsync("contoso-web");
        await using Capture capture = await Capture.StartAsync(story.Lab, "contoso-sql", "eth0", "udp port 9999");
        await story.SendFrameAsync("contoso-web", frame);
        Assert.Empty(await capture.StopAsync());
        PortStatus after = await story.PortAsync("contoso-web");
        return (before.Counters.DropsOut.GetValueOrDefault(reason), after.Counters.DropsOut.GetValueOrDefault(reason));
    }
}
