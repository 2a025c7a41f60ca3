using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Hnv.Lab.Fabric;
using Hnv.Lab.Running;
using Hnv.Lab.Topology;

namespace Hnv.Lab.Tests.Running;

/// <summary>The lab's network without any service: real namespaces, cables and addresses, and their removal.</summary>
public sealed class NamespacesTests : IAsyncLifetime
{
    /// <summary>Of this working copy, so that two runs of the tests do not remove each other's namespaces.</summary>
    private static readonly string s_lab = "labtests" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(AppContext.BaseDirectory)).AsSpan(0, 2));

    private readonly LabTopology _topology = TopologyFile.Load("labs/three-hosts.yaml");
    private readonly LabNames _names = new(s_lab);

    public async Task InitializeAsync()
    {
        await LabDown.RunAsync(s_lab);
        await NetworkBuilder.BuildAsync(_topology, _names, default);
    }

    public Task DisposeAsync() => LabDown.RunAsync(s_lab);

    [Fact]
    public async Task Build_Hosts_ReachEachOtherThroughTheRouter()
    {
        ToolResult ping = await InAsync("host1", "ping", "-c", "1", "-W", "2", "192.168.2.3");
        ToolResult fromController = await InAsync("controller", "ping", "-c", "1", "-W", "2", "192.168.1.2");

        Assert.True(ping.ExitCode == 0, ping.Output + ping.Error);
        Assert.True(fromController.ExitCode == 0, fromController.Output + fromController.Error);
    }

    [Fact]
    public async Task Build_Provider_CarriesAnEncapsulatedFullSizeTenantPacket()
    {
        const string InnerAndOuter = "1550";

        ToolResult ping = await InAsync("host1", "ping", "-c", "1", "-W", "2", "-M", "do", "-s", InnerAndOuter, "192.168.2.2");

        Assert.True(ping.ExitCode == 0, ping.Output + ping.Error);
    }

    [Fact]
    public async Task Build_Machine_HasItsAddressItsMacAndADefaultRoute()
    {
        LabAdapter adapter = _topology.Machines.Single(machine => machine.Name == "contoso-sql").Adapters[0];

        string link = (await InAsync("contoso-sql", "ip", "-o", "addr", "show", "dev", "eth0")).Output
            + (await InAsync("contoso-sql", "ip", "-o", "link", "show", "dev", "eth0")).Output;
        string route = (await InAsync("contoso-sql", "ip", "route")).Output;

        Assert.Contains("10.1.1.11/24", link, StringComparison.Ordinal);
        Assert.Contains(adapter.Mac.ToString().Replace('-', ':').ToLowerInvariant(), link, StringComparison.Ordinal);
        Assert.DoesNotContain("inet6", link, StringComparison.Ordinal);
        Assert.StartsWith("default via 10.1.1.1 dev eth0", route, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Move_Cable_IsUnpluggedHereAndPluggedThere()
    {
        LabMachine machine = _topology.Machines.Single(m => m.Name == "contoso-sql");

        await NetworkBuilder.MoveAsync(machine, "host1", "host2", _names, default);

        Assert.NotEqual(0, (await InAsync("host1", "ip", "link", "show", "dev", "contoso-sql")).ExitCode);
        Assert.Contains("state UP", (await InAsync("host2", "ip", "link", "show", "dev", "contoso-sql")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Down_ProcessesByNamespaceAndByMarker_AreEndedAndNamespacesGone()
    {
        using Process inNamespace = Process.Start(Tool.StartInfo("nsenter", [$"--net=/run/netns/{_names.Namespace("contoso-sql")}", "sleep", "600"]))!;
        ProcessStartInfo marked = Tool.StartInfo("sleep", ["600"]);
        marked.Environment[LabNames.Marker] = s_lab;
        using Process orphan = Process.Start(marked)!;
        ProcessStartInfo other = Tool.StartInfo("sleep", ["600"]);
        other.Environment[LabNames.Marker] = s_lab + "2";
        using Process stranger = Process.Start(other)!;
        await Task.Delay(100);

        try
        {
            LabRemoval removal = await LabDown.RunAsync(s_lab);

            Assert.Equal(2, removal.ProcessCount);
            Assert.True(inNamespace.WaitForExit(2000) && orphan.WaitForExit(2000));
            Assert.False(stranger.HasExited);
            Assert.Empty(LabDown.Namespaces(s_lab));
        }
        finally
        {
            stranger.Kill();
        }
    }

    [Fact]
    public async Task Down_Twice_IsNothingTheSecondTime()
    {
        await LabDown.RunAsync(s_lab);

        LabRemoval second = await LabDown.RunAsync(s_lab);

        Assert.Equal((0, 0), (second.ProcessCount, second.NamespaceCount));
    }

    [Fact]
    public async Task Build_NameThatIsTaken_SaysWhichLineFailed()
    {
        LabException failure = await Assert.ThrowsAsync<LabException>(() => NetworkBuilder.BuildAsync(_topology, _names, default));

        Assert.Contains($"netns add hnv-{s_lab}-", failure.Message, StringComparison.Ordinal);
    }

    private Task<ToolResult> InAsync(string place, params string[] command) =>
        Tool.TryRunAsync("nsenter", [$"--net=/run/netns/{_names.Namespace(place)}", "--", .. command]);
}
