using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Vfp.Tests;

public class MappingSpaceTests
{
    private static readonly Vsid s_blue = Vsid.Create(5001);
    private static readonly Vsid s_red = Vsid.Create(6001);
    private static readonly Vsid s_green = Vsid.Create(7001);

    private static readonly Mapping s_blueWeb = Of(s_blue, "10.1.1.11", 0x0200_0000_0011);
    private static readonly Mapping s_redWeb = Of(s_red, "10.1.1.11", 0x0200_0000_0021);
    private static readonly Mapping s_greenWeb = Of(s_green, "10.1.1.11", 0x0200_0000_0031);

    [Fact]
    public void TryFind_VsidOfAPeer_IsFoundInThePeersMappings()
    {
        MappingSpace space = new MappingSpace([s_blueWeb]).WithPeers(new Dictionary<Vsid, MappingSpace> { [s_red] = new([s_redWeb]) });

        Assert.Equal(s_blueWeb, Find(space, s_blue, s_blueWeb.Address));
        Assert.Equal(s_redWeb, Find(space, s_red, s_redWeb.Address));
        Assert.Equal(s_redWeb, Find(space, s_red, s_redWeb.Mac));
        Assert.Null(Find(space, s_red, CustomerAddress.Parse("10.1.1.12")));
        Assert.Null(Find(space, s_blue, s_redWeb.Mac));
        Assert.Null(Find(space, s_green, s_blueWeb.Address));
    }

    [Fact]
    public void TryFind_VsidOfAPeersPeer_NotFound()
    {
        MappingSpace red = new MappingSpace([s_redWeb]).WithPeers(new Dictionary<Vsid, MappingSpace> { [s_green] = new([s_greenWeb]) });
        MappingSpace blue = new MappingSpace([s_blueWeb]).WithPeers(new Dictionary<Vsid, MappingSpace> { [s_red] = red, [s_green] = red });

        Assert.Equal(s_greenWeb, Find(red, s_green, s_greenWeb.Address));
        Assert.Null(Find(blue, s_green, s_greenWeb.Address));
        Assert.Null(Find(blue, s_green, s_greenWeb.Mac));
    }

    [Fact]
    public void TryFind_PeerClaimsAVsidOfTheSpace_IsNotAsked()
    {
        Mapping claimed = Of(s_blue, "10.1.1.99", 0x0200_0000_0099);
        MappingSpace space = new MappingSpace([s_blueWeb]).WithPeers(new Dictionary<Vsid, MappingSpace> { [s_blue] = new([claimed]) });

        Assert.Null(Find(space, s_blue, claimed.Address));
        Assert.Null(Find(space, s_blue, claimed.Mac));
    }

    [Fact]
    public void WithPeers_MappingsMembersAndOwnership_StayTheSpacesOwn()
    {
        MappingSpace alone = new([s_blueWeb]);
        MappingSpace space = alone.WithPeers(new Dictionary<Vsid, MappingSpace> { [s_red] = new([s_redWeb]) });

        Assert.Equal([s_blueWeb], space.Mappings.ToArray());
        Assert.Equal([0], space.Members(s_blue, isIPv4: true).ToArray());
        Assert.True(space.Members(s_red, isIPv4: true).IsEmpty);
        Assert.True(space.Owns(s_blue));
        Assert.False(space.Owns(s_red));
        Assert.Null(Find(alone, s_red, s_redWeb.Address));
    }

    [Fact]
    public void Owns_VsidWithIPv6MappingsOnly_True() => Assert.True(new MappingSpace([Of(s_blue, "2001:db8::11", 0x0200_0000_0011)]).Owns(s_blue));

    /// <summary>Few values of each kind, so that the same address, MAC or both come again in the same and in other subnets.</summary>
    [Fact]
    public void Space_OfRandomMappings_SameAsLookingAtEach()
    {
        Random random = new(77);
        for (int round = 0; round < 200; round++)
        {
            Mapping[] mappings = [.. Enumerable.Range(0, random.Next(0, 80)).Select(_ => RandomMapping(random))];
            MappingSpace space = new(mappings);
            for (int i = 0; i < 200; i++)
            {
                Mapping sought = RandomMapping(random);
                Assert.Equal(First(mappings, m => m.Vsid == sought.Vsid && m.Address == sought.Address), Find(space, sought.Vsid, sought.Address));
                Assert.Equal(First(mappings, m => m.Vsid == sought.Vsid && m.Mac == sought.Mac), Find(space, sought.Vsid, sought.Mac));
                Assert.Equal(mappings.Any(m => m.Vsid == sought.Vsid), space.Owns(sought.Vsid));

                bool isIPv4 = sought.Address.Value.IsIPv4;
                Mapping[] members = [.. mappings
                    .DistinctBy(m => (m.Vsid, m.Address))
                    .Where(m => m.Vsid == sought.Vsid && m.Address.Value.IsIPv4 == isIPv4)
                    .DistinctBy(m => m.Mac)];
                Assert.Equal(members, space.Members(sought.Vsid, isIPv4).ToArray().Select(index => mappings[index]));
            }
        }
    }

    private static Mapping RandomMapping(Random random) => new(
        Vsid.Create(5001 + (uint)random.Next(3)),
        new CustomerAddress(random.Next(2) == 0
            ? InetAddress.FromIPv4(0x0A01_0100u + (uint)random.Next(20))
            : InetAddress.FromNumbers(0x2001_0DB8_0000_0000UL + (ulong)random.Next(4), (ulong)random.Next(5))),
        MacAddress.FromNumber(0x0200_0000_0000UL + (ulong)random.Next(15)),
        random.Next(2) == 0 ? ContosoFabrikam.Host1 : ContosoFabrikam.Host2,
        EncapsulationType.Vxlan);

    private static Mapping Of(Vsid vsid, string address, ulong mac) =>
        new(vsid, CustomerAddress.Parse(address), MacAddress.FromNumber(mac), ContosoFabrikam.Host1, EncapsulationType.Vxlan);

    private static Mapping? First(Mapping[] mappings, Func<Mapping, bool> isSought) => mappings.Where(isSought).Cast<Mapping?>().FirstOrDefault();

    private static Mapping? Find(MappingSpace space, Vsid vsid, CustomerAddress address) => space.TryFind(vsid, address, out Mapping mapping) ? mapping : null;

    private static Mapping? Find(MappingSpace space, Vsid vsid, MacAddress mac) => space.TryFind(vsid, mac, out Mapping mapping) ? mapping : null;
}
