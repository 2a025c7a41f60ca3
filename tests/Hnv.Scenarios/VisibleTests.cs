using System.Diagnostics;
using Hnv.Client;
using Hnv.Contracts.HostChannel;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Visible() : LabFixture("labs/figure8.yaml");

/// <summary>What an operator sees of a running lab, by the command itself.</summary>
public sealed class VisibleTests(Visible story) : IClassFixture<Visible>
{
    private const string Sql = "10.1.1.11";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    [Theory]
    [InlineData("list-layer", "LAYER : VNET_ENCAP_LAYER")]
    [InlineData("list-group", "GROUP : VNET_GROUP_ENCAP_IPV4_OUT")]
    [InlineData("list-rule", "RULE : PA_ROUTE")]
    [InlineData("get-rule-counter", "Matched packets : ")]
    [InlineData("list-space", "SPACE : VNET_CA_PA_SPACE")]
    [InlineData("list-mapping", "Provider address : 192.168.2.20")]
    [InlineData("list-nat-range", "ITEM LIST")]
    [InlineData("list-tag", "ITEM LIST")]
    [InlineData("list-unified-flow", "Source IP : 10.1.1.11")]
    [InlineData("sample-unified-flow", "UNIFIED FLOW : 1")]
    [InlineData("get-port-state", "Enabled : True")]
    [InlineData("get-port-flow-settings", "Flow limit : 65536")]
    [InlineData("get-port-flow-stats", "[Half Open Flow]")]
    [InlineData("get-flow-stats", "LAYER : FW_ADMIN_LAYER_ID")]
    [InlineData("get-port-counter", "Total packets : ")]
    public async Task Vfp_EveryVerbOfAPort_ShowsItsObjects(string verb, string shown)
    {
        Assert.True(await story.PingsAsync("contoso-sql", "10.1.1.12"));

        (int code, string output, _) = await HnvAsync("vfp", $"/{verb}", "/port", "contoso-sql-nic0");

        Assert.Equal(0, code);
        Assert.Contains(shown, output, StringComparison.Ordinal);
        Assert.EndsWith($"Command {verb} succeeded!\r\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Vfp_Switch_HasItsPortsUplinksAndSubnets()
    {
        (_, string ports, _) = await HnvAsync("vfp", "list-vmswitch-port", "--host", "host1", "--format", "1");
        (_, string settings, _) = await HnvAsync("vfp", "get-switch-forwarding-settings", "--host", "host1");

        Assert.Contains("\"Id\": \"ExternalPort\"", ports, StringComparison.Ordinal);
        Assert.Contains("\"Id\": \"contoso-sql-nic0\"", ports, StringComparison.Ordinal);
        Assert.Contains("ISOLATION ID : 5001", settings, StringComparison.Ordinal);
        Assert.Contains("Provider address : 192.168.1.10", settings, StringComparison.Ordinal);
        Assert.Contains("tx-udp_tnl-segmentation", settings, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Sql, true)]
    [InlineData("10.1.1.1", true)]
    [InlineData("10.1.1.99", false)]
    [InlineData("192.0.2.1", false)]
    public async Task Trace_OfAPing_SaysWhatBecomesOfIt(string address, bool arrives)
    {
        (int code, string output, string error) = await HnvAsync("trace", "contoso-web-nic0", "--to", address, "--icmp");

        Assert.True(code is 0 or 1, error);
        Assert.Equal(await story.PingsAsync("contoso-web", address, attempts: 1), code == 0);
        Assert.Equal(arrives, code == 0);
        Assert.Equal(!arrives, output.Contains("Try:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Trace_AcrossHosts_HasBothHalvesAndTheOuterHeaders()
    {
        (_, string output, _) = await HnvAsync("trace", "contoso-web-nic0", "--to", Sql, "--tcp", "5432");

        int outbound = output.IndexOf("contoso-web-nic0 on host2, outbound", StringComparison.Ordinal), wire = output.IndexOf("VXLAN 192.168.2.20 -> 192.168.1.10, VSID 5001, udp 4789", StringComparison.Ordinal);
        int inbound = output.IndexOf("contoso-sql-nic0 on host1, inbound", StringComparison.Ordinal), end = output.IndexOf("Delivered to the guest", StringComparison.Ordinal);
        Assert.True(outbound >= 0 && outbound < wire && wire < inbound && inbound < end, output);
    }

    [Fact]
    public async Task Drops_WhatARuleDropped_IsListedWithTheRule()
    {
        _ = await story.PingsAsync("fabrikam-web", "192.0.2.77", attempts: 1);

        string listed = "";
        TimeSpan? seen = await LabFixture.WithinAsync(s_patience, async () =>
        {
            (_, listed, _) = await HnvAsync("drops", "--port", "fabrikam-web-nic0", "--reason", "NoRoute");
            return listed.Contains("192.0.2.77", StringComparison.Ordinal);
        });

        Assert.NotNull(seen);
        Assert.Contains("VNET_DR_REDIRECTION_LAYER", listed, StringComparison.Ordinal);
        Assert.DoesNotContain("contoso", listed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Capture_OfAPort_IsAFileThatTcpdumpReads(bool encapsulated)
    {
        string file = Path.GetTempFileName();
        using CancellationTokenSource enough = new(TimeSpan.FromSeconds(30));
        string[] place = encapsulated ? ["--pa", "0"] : [];
        Task<(int Code, string Output, string Error)> capture = HnvAsync(["capture", "contoso-web-nic0", .. place, "-w", file, "--count", "4", "--duration", "20"]);
        while (!capture.IsCompleted)
        {
            Assert.True(await story.PingsAsync("contoso-web", Sql));
            enough.Token.ThrowIfCancellationRequested();
        }

        using Process tcpdump = Process.Start(new ProcessStartInfo("tcpdump", ["-nvr", file]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string read = await tcpdump.StandardOutput.ReadToEndAsync();
        await tcpdump.WaitForExitAsync();
        string bytes = System.Text.Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file));
        File.Delete(file);

        Assert.Equal((0, 0), ((await capture).Code, tcpdump.ExitCode));
        Assert.Contains("10.1.1.12 > 10.1.1.11: ICMP echo request", read, StringComparison.Ordinal);
        Assert.Contains("VSID 5001", bytes, StringComparison.Ordinal);
        Assert.Equal(encapsulated, read.Contains("vni 5001", StringComparison.Ordinal));
        Assert.Equal(!encapsulated, bytes.Contains("forward: vxlan 5001 to 192.168.1.10", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Counters_OfANetworkInterface_CountWhatItsGuestSent()
    {
        PortStatus port = await story.PortAsync("fabrikam-sql");
        using HostClient agent = story.Lab.Agent("host1");
        NicCounters before = await agent.GetNicCountersAsync(port.Nic);

        _ = await story.WhoAnswersAsync("fabrikam-sql", "10.1.1.12", 4444);
        NicCounters after = await agent.GetNicCountersAsync(port.Nic);

        Assert.True(after.Out.TcpSyn > before.Out.TcpSyn && after.In.TcpReset > before.In.TcpReset);
        Assert.True(after.Out.Total > before.Out.Total);
    }

    private async Task<(int Code, string Output, string Error)> HnvAsync(params string[] arguments)
    {
        string built = AppContext.BaseDirectory.Replace("tests/Hnv.Scenarios", "src/Hnv.Cli", StringComparison.Ordinal);
        ProcessStartInfo start = new("dotnet", [Path.Combine(built, "hnv.dll"), .. arguments, "--lab", story.Lab.State.Name])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await error);
    }
}
