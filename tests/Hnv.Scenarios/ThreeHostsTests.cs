using Hnv.Lab.Fabric;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class ThreeHosts() : LabFixture("labs/three-hosts.yaml");

/// <summary>Broadcast domains, a firewall that changes under running flows, a team of two uplinks, a foreign tunnel endpoint.</summary>
public sealed class ThreeHostsTests(ThreeHosts story) : IClassFixture<ThreeHosts>, IAsyncLifetime
{
    private const string Acl = "sql-only";
    private const string Sql = "10.1.1.11";
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);
    private static readonly string[] s_rules = ["allow inbound tcp from 10.1.1.12 to 10.1.1.11 port 5432", "allow inbound icmp"];

    /// <summary>Every test begins with the firewall as the lab file has it.</summary>
    public async Task InitializeAsync()
    {
        await story.PutAclAsync(Acl, permitsInbound: false, permitsOutbound: true, s_rules);
        await story.SettleAsync();
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Ping_AcrossSubnetsAndHostsOfOneRack_IsAnswered()
    {
        Assert.True(await story.PingsAsync("contoso-app", "10.1.1.12"));
        Assert.True(await story.PingsAsync("fabrikam-web", Sql));
    }

    [Theory]
    [InlineData("255.255.255.255")]
    [InlineData("10.1.1.255")]
    [InlineData("239.1.2.3")]
    public async Task Send_ToAll_ReachesTheSubnetOnEveryHostAndNobodyElse(string destination)
    {
        await story.ServeAsync("contoso-sql", 9999);
        await story.PutAclAsync(Acl, permitsInbound: true, permitsOutbound: true);
        Assert.NotNull(await LabFixture.WithinAsync(s_second, async () => await story.WhoAnswersAsync("contoso-web", Sql, 9999, "0.3") is not null));
        const string Send = "import socket,sys; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET,socket.SO_BROADCAST,1); "
            + "s.setsockopt(socket.SOL_SOCKET,socket.SO_BINDTODEVICE,b'eth0'); [s.sendto(b'hello',(sys.argv[1],9998)) for _ in range(3)]";
        string[] places = ["contoso-sql", "contoso-nas", "contoso-app", "fabrikam-sql", "fabrikam-web"];
        List<Capture> captures = [];
        foreach (string place in places)
        {
            captures.Add(await Capture.StartAsync(story.Lab, place, place == "contoso-nas" ? "vxlan0" : "eth0", "udp dst port 9998"));
        }

        ToolResult sent = await story.Lab.RunAsync("contoso-web", ["/usr/bin/python3", "-c", Send, destination]);

        List<int> received = [];
        foreach (Capture capture in captures)
        {
            received.Add((await capture.StopAsync()).Count);
            await capture.DisposeAsync();
        }

        Assert.True(sent.ExitCode == 0, sent.Error);
        Assert.Equal([3, 3, 0, 0, 0], received);
    }

    [Fact]
    public async Task Firewall_DefaultDeny_AdmitsOnlyWhatItsRulesAllow()
    {
        await story.ServeAsync("contoso-sql", 5432);
        await story.ServeAsync("contoso-sql", 80);

        Assert.Equal("contoso-sql", await story.WhoAnswersAsync("contoso-web", Sql, 5432));
        Assert.Null(await story.WhoAnswersAsync("contoso-web", Sql, 80));
        Assert.Null(await story.WhoAnswersAsync("contoso-app", Sql, 5432));
        Assert.True(await story.PingsAsync("contoso-app", Sql));
    }

    [Fact]
    public async Task Firewall_ReplyToAnAllowedConnection_IsAdmittedByState()
    {
        await story.ServeAsync("contoso-web", 8080);

        Assert.Equal("contoso-web", await story.WhoAnswersAsync("contoso-sql", "10.1.1.12", 8080));
    }

    [Fact]
    public async Task Firewall_OutboundDeny_StopsTheMachinesOwnTraffic()
    {
        await story.ServeAsync("contoso-web", 8081);
        await story.PutAclAsync(Acl, permitsInbound: true, permitsOutbound: false, "allow outbound tcp to 10.1.1.12 port 8081");

        TimeSpan? stopped = await LabFixture.WithinAsync(s_second * 3, async () => !await story.PingsAsync("contoso-sql", "10.1.1.12", attempts: 1));

        Assert.NotNull(stopped);
        Assert.Equal("contoso-web", await story.WhoAnswersAsync("contoso-sql", "10.1.1.12", 8081));
    }

    [Fact]
    public async Task Firewall_LowerPriorityNumber_IsAskedFirst()
    {
        await story.ServeAsync("contoso-sql", 5434);
        await story.PutAclAsync(Acl, false, true, "allow inbound tcp to 10.1.1.11 port 5434 priority 300", "deny inbound tcp from 10.1.1.12 priority 200");

        TimeSpan? denied = await LabFixture.WithinAsync(s_second * 3, async () => await story.WhoAnswersAsync("contoso-web", Sql, 5434, "0.3") is null);
        string? other = await story.WhoAnswersAsync("contoso-app", Sql, 5434);

        Assert.NotNull(denied);
        Assert.Equal("contoso-sql", other);
    }

    [Fact]
    public async Task Firewall_RuleRemovedByRest_StopsARunningConnectionWithinASecond()
    {
        await story.ServeAsync("contoso-sql", 5432);
        using Conversation conversation = await story.TalkAsync("contoso-web", Sql, 5432);
        Assert.True(await conversation.EchoesAsync(s_second));

        await story.PutAclAsync(Acl, permitsInbound: false, permitsOutbound: true, "allow inbound icmp");

        TimeSpan? stopped = await LabFixture.WithinAsync(s_second, async () => !await conversation.EchoesAsync(TimeSpan.FromMilliseconds(100)));
        Assert.NotNull(stopped);
    }

    [Fact]
    public async Task Firewall_RuleAddedByRest_TakesEffectWithinASecond()
    {
        await story.ServeAsync("contoso-sql", 5435);
        Assert.Null(await story.WhoAnswersAsync("contoso-web", Sql, 5435));

        await story.PutAclAsync(Acl, false, true, [.. s_rules, "allow inbound tcp to 10.1.1.11 port 5435"]);

        TimeSpan? works = await LabFixture.WithinAsync(s_second, async () => await story.WhoAnswersAsync("contoso-web", Sql, 5435, "0.3") is not null);
        Assert.NotNull(works);
    }

    [Theory]
    [InlineData("10.1.1.11")]
    [InlineData("10.1.1.12")]
    public async Task Ping_FromAForeignVtep_IsAnswered(string address) => Assert.True(await story.PingsAsync("contoso-nas", address));

    [Fact]
    public async Task Ping_ToAForeignVtep_IsAnswered() => Assert.True(await story.PingsAsync("contoso-web", "10.1.1.77"));
}
