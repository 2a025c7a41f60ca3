using Hnv.HostAgent.Configuration;

namespace Hnv.HostAgent.Tests.Configuration;

public sealed class AgentConfigurationTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Load_SmallestFile_FillsInTheDefaults()
    {
        File.WriteAllText(_file, """{"hostId": "11111111-2222-3333-4444-000000000001", "name": "host1", "uplinks": ["eth0"]}""");

        AgentOptions options = AgentConfiguration.Load(_file);

        Assert.Equal("/var/lib/openhnv", options.StateDirectory);
        Assert.Equal("/run/openhnv/agent.sock", options.ChannelSocket);
        Assert.Empty(options.Ovsdb.Listen);
        Assert.Equal(1, options.Workers);
    }

    [Fact]
    public void Load_SeveralFaults_NamesThemAll()
    {
        File.WriteAllText(_file, """
            {"hostId": "00000000-0000-0000-0000-000000000000", "name": "host1", "uplinks": ["eth0", "eth0"], "workers": 65, "executor": "dpdk",
             "compartment": "a/b", "ovsdb": {"listen": ["6640"]}, "channel": {"listen": ["host1:80"]}}
            """);

        AgentConfigurationException refused = Assert.Throws<AgentConfigurationException>(() => AgentConfiguration.Load(_file));

        Assert.All(["hostId", "named twice", "workers is 65", "executor is 'dpdk'", "a/b", "'6640'", "host1:80"], fault => Assert.Contains(fault, refused.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"name": "host1", "uplinks": ["eth0"]}""", "hostId")]
    [InlineData("""{"hostId": "11111111-2222-3333-4444-000000000001", "name": "host1", "uplinks": ["eth0"], "uplink": 1}""", "uplink")]
    [InlineData("""{"hostId": "11111111-2222-3333-4444-000000000001", "name": "host1", "uplinks": []}""", "uplinks is empty")]
    [InlineData("""{"hostId": "11111111-2222-3333-4444-000000000001", "name": "host1", "uplinks": ["eth0"], "ovsdb": {"listen": ["pssl:6640"]}}""", "'pssl:6640' needs certificates")]
    [InlineData("""{"hostId": "11111111-2222-3333-4444-000000000001", "name": "host1", "uplinks": ["eth0"], "channel": {"listen": ["https://10.0.0.1:8443"]}}""", "needs certificates")]
    [InlineData("""{"hostId": "11111111-2222-3333-4444-000000000001", "name": "host1", "uplinks": ["eth0"], "tls": {"certificate": "c", "privateKey": "k", "authorities": "a", "controllersAuthorities": "a"}}""", "are the same")]
    [InlineData("{", "line 1")]
    [InlineData("null", "JSON object")]
    public void Load_WrongFile_SaysWhat(string json, string says)
    {
        File.WriteAllText(_file, json);

        AgentConfigurationException refused = Assert.Throws<AgentConfigurationException>(() => AgentConfiguration.Load(_file));

        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        Assert.Contains(_file, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NoFile_SaysHowToNameAnother()
    {
        AgentConfigurationException refused = Assert.Throws<AgentConfigurationException>(() => AgentConfiguration.Load(_file + ".absent"));

        Assert.Contains("--config", refused.Message, StringComparison.Ordinal);
    }
}
