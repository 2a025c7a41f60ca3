using Hnv.Corpus;

namespace Hnv.Wire.Tests;

public sealed class EcnTests
{
    private const int Drop = -1;

    [Theory]
    [InlineData(0, new[] { 0, 0, 0, Drop })]
    [InlineData(2, new[] { 2, 1, 2, 3 })]
    [InlineData(1, new[] { 1, 1, 1, 3 })]
    [InlineData(3, new[] { 3, 3, 3, 3 })]
    public void TryDecapsulate_EveryCombination_FollowsTheTableOfRfc6040(byte inner, int[] byOuter)
    {
        foreach (FrameBuilder flow in new[] { ContosoFabrikam.WebToSql, ContosoFabrikam.WebToSqlV6 })
        {
            for (byte outer = 0; outer < 4; outer++)
            {
                byte[] frame = flow.Tos((byte)(0xB8 | inner)).Tcp(40000, 5432).Payload(9).Build();

                bool kept = Ecn.TryDecapsulate(frame, Packets.Parse(frame), (byte)(0x40 | outer));

                Assert.Equal(byOuter[outer] != Drop, kept);
                byte expected = (byte)(0xB8 | (kept ? byOuter[outer] : inner));
                Assert.Equal(flow.Tos(expected).Tcp(40000, 5432).Payload(9).Build(), frame);
            }
        }
    }

    [Fact]
    public void TryDecapsulate_Arp_PassesUnchanged()
    {
        byte[] frame = Packets.Get("arp").Build();

        Assert.True(Ecn.TryDecapsulate(frame, Packets.Parse(frame), 3));

        Assert.Equal(Packets.Get("arp").Build(), frame);
    }

    [Theory]
    [InlineData(0xBA, true, 0xBA)]
    [InlineData(0xBA, false, 0x02)]
    [InlineData(0x01, false, 0x01)]
    public void OuterTrafficClass_Dscp_IsCopiedOnlyWhenAsked(byte inner, bool copyDscp, byte expected)
    {
        Assert.Equal(expected, Ecn.OuterTrafficClass(inner, copyDscp));
    }
}
