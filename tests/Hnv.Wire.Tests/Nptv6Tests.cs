using Hnv.Primitives;

namespace Hnv.Wire.Tests;

public sealed class Nptv6Tests
{
    [Theory]
    [InlineData("fd01:203:405:1::1234", "fd01:203:405::/48", "2001:db8:1::/48", "2001:db8:1:d550::1234")]
    [InlineData("2001:db8:1:d550::1234", "2001:db8:1::/48", "fd01:203:405::/48", "fd01:203:405:1::1234")]
    [InlineData("fd01:203:405:0::1", "fd01:203:405::/64", "2001:db8:1::/64", "2001:db8:1:0:d54f::1")]
    [InlineData("fd01:203:405:0:ffff::1", "fd01:203:405::/64", "2001:db8:1::/64", "2001:db8:1:0:ffff:d54f:0:1")]
    [InlineData("fd01:203:405:7::1", "fd01:203:405::/56", "2001:db8:1::/56", "2001:db8:1:7:d54f::1")]
    [InlineData("fd01:203:405:7::1", "fd01:203:405::/48", "2001:db8:1::/56", "2001:db8:1:7:d54f::1")]
    public void TryTranslate_ExamplesOfTheRfc_GiveTheAddressOnTheOtherSide(string address, string from, string to, string expected)
    {
        Assert.True(Nptv6.TryTranslate(InetAddress.Parse(address), IpPrefix.Parse(from), IpPrefix.Parse(to), out InetAddress translated));

        Assert.Equal(InetAddress.Parse(expected), translated);
    }

    [Theory]
    [InlineData("fd01:203:405:ffff::1", "fd01:203:405::/48", "2001:db8:1::/48")]
    [InlineData("fd01:203:405::ffff:ffff:ffff:ffff", "fd01:203:405::/64", "2001:db8:1::/64")]
    [InlineData("fd01:203:406::1", "fd01:203:405::/48", "2001:db8:1::/48")]
    [InlineData("fd01:203:405:100::1", "fd01:203:405::/48", "2001:db8:1::/56")]
    [InlineData("fd01:203:405::1", "fd01:203:405::/65", "2001:db8:1::/65")]
    [InlineData("10.0.0.1", "10.0.0.0/8", "2001:db8:1::/48")]
    [InlineData("fd01:203:405::1", "fd01:203:405::/48", "10.0.0.0/8")]
    public void TryTranslate_WhatHasNoOtherSide_IsRefused(string address, string from, string to)
    {
        Assert.False(Nptv6.TryTranslate(InetAddress.Parse(address), IpPrefix.Parse(from), IpPrefix.Parse(to), out _));
    }

    [Fact]
    public void TryTranslate_RandomPrefixesAndAddresses_IsChecksumNeutralAndInvertible()
    {
        var random = new Random(6296);
        for (int i = 0; i < 100_000; i++)
        {
            int length = random.Next(8, Nptv6.PrefixLengthMax + 1);
            IpPrefix inside = IpPrefix.Create(InetAddress.FromNumbers(0xFD00_0000_0000_0000 | (ulong)random.NextInt64(1L << 56), 0), length);
            IpPrefix outside = IpPrefix.Create(InetAddress.FromNumbers(0x2000_0000_0000_0000 | (ulong)random.NextInt64(1L << 56), 0), length);
            ulong hosts = ~(ulong.MaxValue << (64 - length));
            ulong high = inside.Address.High | ((ulong)random.NextInt64() & (length == 64 ? 0 : hosts));
            var address = InetAddress.FromNumbers(high, (ulong)random.NextInt64());

            if (!Nptv6.TryTranslate(address, inside, outside, out InetAddress translated))
            {
                continue;
            }

            Assert.True(outside.Contains(translated));
            Assert.Equal(InternetChecksum.Fold(InternetChecksum.SumOf(address)), InternetChecksum.Fold(InternetChecksum.SumOf(translated)));
            Assert.True(Nptv6.TryTranslate(translated, outside, inside, out InetAddress back));
            Assert.Equal(address, back);
        }
    }
}
