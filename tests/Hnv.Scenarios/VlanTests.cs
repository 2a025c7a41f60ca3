using System.Buffers.Binary;
using Hnv.Contracts.HostChannel;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class ProviderVlan() : LabFixture("labs/vlan.yaml");

/// <summary>A VLAN on the provider side (R65, R70) and a team of two NICs (R62), over NICs that carry the hosts' own traffic too.</summary>
public sealed class VlanTests(ProviderVlan story) : IClassFixture<ProviderVlan>
{
    [Theory]
    [InlineData("contoso-web", "10.1.1.11")]
    [InlineData("contoso-app", "10.1.1.11")]
    [InlineData("fabrikam-web", "10.1.1.11")]
    [InlineData("contoso-sql", "10.1.1.13")]
    public async Task Ping_AcrossHosts_IsAnswered(string machine, string address) => Assert.True(await story.PingsAsync(machine, address));

    [Fact]
    public async Task EncapsulatedPackets_OnTheWire_CarryTheTagAndTheHostsOwnDoNot()
    {
        await using Capture capture = await Capture.StartAsync(story.Lab, "tor", "host1", "icmp or udp port 4789 or vlan");

        Assert.True(await story.PingsAsync("contoso-web", "10.1.1.11"));
        Assert.True(await story.PingsAsync("host1", "192.168.1.3"));

        IReadOnlyList<byte[]> frames = await capture.StopAsync();
        byte[][] tagged = [.. frames.Where(frame => U16(frame, 12) == 0x8100 && U16(frame, 16) == 0x0800)];
        Assert.NotEmpty(tagged);
        Assert.All(tagged, frame => Assert.Equal((11, 4789), (U16(frame, 14) & 0xFFF, U16(frame, 18 + 20 + 2))));
        Assert.Contains(frames, frame => U16(frame, 12) == 0x0800 && frame[23] == 1);
        Assert.Empty(Encapsulated.In(frames));
    }

    [Fact]
    public async Task HostWithATeam_HasAProviderAddressPerMember()
    {
        using Hnv.Client.HostClient agent = story.Lab.Agent("host2");

        HostInventory host = await agent.GetHostAsync();

        Assert.Equal(["eth0", "eth1"], host.Uplinks);
        Assert.Equal([0, 1], host.ProviderAddresses.Select(address => address.TeamMember));
        Assert.All(host.ProviderAddresses, address => Assert.Equal(("ready", 11), (address.State, address.Vlan)));
        Assert.Equal(2, host.ProviderAddresses.Select(address => address.Address).Distinct().Count());
    }

    private static int U16(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
}
