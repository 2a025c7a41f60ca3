using System.Diagnostics;
using System.Globalization;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class LiveFlows() : StackFixture("labs/three-hosts.yaml")
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    /// <summary>Opens conversations and waits until each of them is there.</summary>
    public async Task<Crowd> CrowdAsync(string client, string server, string address, int port, int udp, int tcp)
    {
        string script = Path.Combine(AppContext.BaseDirectory, "flows.py");
        Process serving = Start(server, "/usr/bin/python3", script, "serve", address, Text(port));
        await ReadUntilAsync(serving, line => line == "ready");
        Process talking = Start(client, "/usr/bin/python3", script, "talk", address, Text(port), Text(udp), Text(tcp));
        Assert.Equal("ready", await talking.StandardOutput.ReadLineAsync().WaitAsync(s_patience));
        return new Crowd(talking, serving);

        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
    }
}

/// <summary>Many conversations of one machine with another.</summary>
public sealed class Crowd(Process talking, Process serving) : IDisposable
{
    /// <summary>Speaks once on each; how many were answered.</summary>
    public async Task<(int Udp, int Tcp)> SpeakAsync()
    {
        await talking.StandardInput.WriteLineAsync("speak");
        await talking.StandardInput.FlushAsync();
        string[] answered = (await talking.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(10)))!.Split(' ');
        return (int.Parse(answered[0], CultureInfo.InvariantCulture), int.Parse(answered[1], CultureInfo.InvariantCulture));
    }

    public void Dispose()
    {
        talking.Kill();
        serving.Kill();
    }
}

/// <summary>Policy changes while thousands of flows live: each is decided anew, none is lost that is still allowed, none goes on that is not.</summary>
public sealed class LiveFlowsTests(LiveFlows story) : IClassFixture<LiveFlows>
{
    private const string Acl = "sql-only", Sql = "10.1.1.11";
    private const int UdpCount = 3000, TcpCount = 300, Port = 5555;

    [Fact]
    public async Task PolicyChange_UnderThousandsOfFlows_KeepsWhatIsAllowedAndStopsTheRest()
    {
        const string AllowUdp = "allow inbound udp to 10.1.1.11 port 5555", AllowTcp = "allow inbound tcp to 10.1.1.11 port 5555";
        await story.PutAclAsync(Acl, false, true, AllowUdp, AllowTcp);
        await story.SettleAsync();
        using Crowd crowd = await story.CrowdAsync("contoso-web", "contoso-sql", Sql, Port, UdpCount, TcpCount);
        Assert.Equal((UdpCount, TcpCount), await crowd.SpeakAsync());

        for (int change = 0; change < 5; change++)
        {
            await story.PutAclAsync(Acl, false, true, AllowUdp, AllowTcp, $"allow inbound tcp to 10.1.1.11 port {6000 + change}");
            Assert.Equal((UdpCount, TcpCount), await crowd.SpeakAsync());
        }

        await story.PutAclAsync(Acl, false, true, AllowTcp);
        await story.SettleAsync();
        Assert.Equal((0, TcpCount), await crowd.SpeakAsync());

        await story.PutAclAsync(Acl, false, true, AllowUdp, AllowTcp);
        await story.SettleAsync();
        Assert.Equal((UdpCount, TcpCount), await crowd.SpeakAsync());
    }
}
