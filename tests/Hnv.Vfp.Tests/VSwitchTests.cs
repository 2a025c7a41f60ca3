using Hnv.Primitives;

namespace Hnv.Vfp.Tests;

public class VSwitchTests
{
    [Fact]
    public void Subnet_OfThisHost_KnowsItsPortsAndItsPeers()
    {
        World world = World.Figure8();
        TestHost host1 = world.Start(World.Host1);

        SubnetForwarding contoso = host1.Switch.TryGetSubnet(5001)!;

        Assert.Same(host1["contoso-sql"], contoso.TryGetPort(world["contoso-sql"].Mac));
        Assert.Null(contoso.TryGetPort(world["contoso-web"].Mac));
        Assert.Equal([host1["contoso-sql"]], contoso.Ports.ToArray());
        Assert.True(contoso.Accepts(World.Host2));
        Assert.False(contoso.Accepts(ProviderAddress.Parse("192.168.9.9")));
        Assert.Null(host1.Switch.TryGetSubnet(5002));
        Assert.Null(host1.Switch.TryGetSubnet(0));
    }

    [Fact]
    public void Subnet_WhoseLastPortWasUnplugged_IsUnknown()
    {
        World world = World.Figure8();
        TestHost host1 = world.Start(World.Host1);

        Assert.True(host1.Switch.RemovePort(world["contoso-sql"].Id));

        Assert.Null(host1.Switch.TryGetSubnet(5001));
        Assert.NotNull(host1.Switch.TryGetSubnet(6001));
        Assert.False(host1.Switch.RemovePort(world["contoso-sql"].Id));
    }

    [Fact]
    public void RoutedTraffic_FromAHostWithoutThatSubnet_IsAccepted()
    {
        World world = World.Figure2();
        TestHost host2 = world.Start(World.Host2);

        Assert.True(host2.Switch.TryGetSubnet(5003)!.Accepts(World.Host1));
    }

    [Fact]
    public void AddPort_Twice_SaysWhereItIs()
    {
        World world = World.Figure8();
        TestHost host1 = world.Start(World.Host1);

        InvalidOperationException refused = Assert.Throws<InvalidOperationException>(() => host1.Switch.AddPort(world["contoso-sql"].Id, "tap9"));

        Assert.Contains("contoso-sql", refused.Message, StringComparison.Ordinal);
        Assert.Contains("tap9", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnderlayDrops_AreCountedByReason()
    {
        VSwitch vSwitch = new();

        vSwitch.CountUnderlayDrop(DropReason.UnknownVsid);
        vSwitch.CountUnderlayDrop(DropReason.UnknownVsid);

        Assert.Equal([new(DropReason.UnknownVsid, 2)], vSwitch.UnderlayDrops);
    }

    [Fact]
    public void Space_OfAMillionMappings_StaysUnder200BytesEach()
    {
        Mapping[] mappings = new Mapping[1_000_000];
        for (int i = 0; i < mappings.Length; i++)
        {
            mappings[i] = new Mapping(
                Vsid.Create(4096 + (uint)(i / 50_000)), new CustomerAddress(InetAddress.FromIPv4(0x0A00_0000 + (uint)(i % 50_000))),
                MacAddress.FromNumber(0x0200_0000_0000 + (ulong)i), World.Host1, EncapsulationType.Vxlan);
        }

        long before = GC.GetTotalMemory(forceFullCollection: true);
        MappingSpace space = new(mappings);
        long bytes = GC.GetTotalMemory(forceFullCollection: true) - before;

        Assert.InRange(bytes / mappings.Length, 1, 200);
        Assert.True(space.TryFind(mappings[777_777].Vsid, mappings[777_777].Address, out Mapping byAddress));
        Assert.True(space.TryFind(mappings[777_777].Vsid, mappings[777_777].Mac, out Mapping byMac));
        Assert.Equal((mappings[777_777], mappings[777_777]), (byAddress, byMac));
        Assert.False(space.TryFind(Vsid.Create(9999), mappings[0].Address, out _));
    }
}
