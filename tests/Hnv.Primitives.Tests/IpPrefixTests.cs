namespace Hnv.Primitives.Tests;

public sealed class IpPrefixTests
{
    [Theory]
    [InlineData("10.1.1.0/24", "10.1.1.255")]
    [InlineData("0.0.0.0/0", "255.255.255.255")]
    [InlineData("10.1.1.11/32", "10.1.1.11")]
    [InlineData("128.0.0.0/1", "255.255.255.255")]
    [InlineData("2001:db8:1:1::/64", "2001:db8:1:1:ffff:ffff:ffff:ffff")]
    [InlineData("2001:db8::/65", "2001:db8::7fff:ffff:ffff:ffff")]
    [InlineData("::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
    [InlineData("2001:db8::1/128", "2001:db8::1")]
    public void TryParse_RightText_RoundTripsAndKnowsItsEnd(string text, string last)
    {
        Assert.True(IpPrefix.TryParse(text, out IpPrefix prefix));

        Assert.Equal((text, last), (prefix.ToString(), prefix.LastAddress.ToString()));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("10.1.1.0")]
    [InlineData("10.1.1.0/")]
    [InlineData("10.1.1.0/33")]
    [InlineData("10.1.1.0/-1")]
    [InlineData("10.1.1.0/+24")]
    [InlineData("10.1.1.0/24 ")]
    [InlineData("10.1.1.1/24")]
    [InlineData("10.1.1.0/255.255.255.0")]
    [InlineData("2001:db8::/129")]
    [InlineData("2001:db8::1/64")]
    public void TryParse_WrongText_IsRefused(string? text)
    {
        Assert.False(IpPrefix.TryParse(text, out _));
    }

    [Theory]
    [InlineData("10.1.1.11", 33)]
    [InlineData("10.1.1.11", -1)]
    [InlineData("2001:db8::1", 129)]
    public void Create_LengthOfNoAddress_Throws(string address, int length)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => IpPrefix.Create(InetAddress.Parse(address), length));
    }

    [Fact]
    public void Create_AddressWithHostBits_ClearsThem()
    {
        Assert.Equal(IpPrefix.Parse("10.1.1.0/24"), IpPrefix.Create(InetAddress.Parse("10.1.1.11"), 24));
    }

    [Theory]
    [InlineData("10.1.1.0/24", "10.1.1.0", true)]
    [InlineData("10.1.1.0/24", "10.1.1.255", true)]
    [InlineData("10.1.1.0/24", "10.1.2.0", false)]
    [InlineData("0.0.0.0/0", "203.0.113.9", true)]
    [InlineData("0.0.0.0/0", "2001:db8::1", false)]
    [InlineData("::/0", "2001:db8::1", true)]
    [InlineData("::/0", "10.1.1.11", false)]
    [InlineData("2001:db8::/65", "2001:db8::8000:0:0:0", false)]
    public void Contains_Address_LooksAtFamilyAndBits(string prefix, string address, bool expected)
    {
        Assert.Equal(expected, IpPrefix.Parse(prefix).Contains(InetAddress.Parse(address)));
    }

    [Theory]
    [InlineData("10.1.0.0/16", "10.1.1.0/24", true)]
    [InlineData("10.1.1.0/24", "10.1.1.0/24", true)]
    [InlineData("10.1.1.0/25", "10.1.1.128/25", false)]
    [InlineData("0.0.0.0/0", "192.168.1.10/32", true)]
    [InlineData("0.0.0.0/0", "::/0", false)]
    [InlineData("::/0", "10.1.1.0/24", false)]
    [InlineData("::/64", "::/0", true)]
    public void Overlaps_EitherOrder_IsTheSame(string one, string other, bool expected)
    {
        Assert.Equal(expected, IpPrefix.Parse(one).Overlaps(IpPrefix.Parse(other)));
        Assert.Equal(expected, IpPrefix.Parse(other).Overlaps(IpPrefix.Parse(one)));
    }

    [Fact]
    public void Overlaps_RandomPrefixes_MeansACommonAddress()
    {
        var random = new Random(24);
        for (int i = 0; i < 10_000; i++)
        {
            var one = IpPrefix.Create(InetAddress.FromIPv4((uint)random.Next(16) << 28), random.Next(0, 7));
            var other = IpPrefix.Create(InetAddress.FromIPv4((uint)random.Next(16) << 28), random.Next(0, 7));
            bool expected = one.Address.IPv4 <= other.LastAddress.IPv4 && other.Address.IPv4 <= one.LastAddress.IPv4;

            Assert.Equal(expected, one.Overlaps(other));
        }
    }
}
