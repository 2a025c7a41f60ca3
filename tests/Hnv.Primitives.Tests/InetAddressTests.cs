using System.Net;

namespace Hnv.Primitives.Tests;

public sealed class InetAddressTests
{
    [Theory]
    [InlineData("10.1.1.11", "10.1.1.11", true)]
    [InlineData("0.0.0.0", "0.0.0.0", true)]
    [InlineData("255.255.255.255", "255.255.255.255", true)]
    [InlineData("2001:DB8:1:1:0:0:0:11", "2001:db8:1:1::11", false)]
    [InlineData("::", "::", false)]
    [InlineData("::1", "::1", false)]
    [InlineData("::ffff:10.1.1.11", "10.1.1.11", true)]
    [InlineData("::10.1.1.11", "::10.1.1.11", false)]
    public void TryParse_RightText_PrintsCanonically(string text, string canonical, bool isIPv4)
    {
        Assert.True(InetAddress.TryParse(text, out InetAddress address));

        Assert.Equal((canonical, isIPv4, isIPv4 ? 4 : 16), (address.ToString(), address.IsIPv4, address.Size));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("10.1")]
    [InlineData("10")]
    [InlineData("010.1.1.1")]
    [InlineData("0x0a000001")]
    [InlineData("10.1.1.256")]
    [InlineData(" 10.1.1.1")]
    [InlineData("10.1.1.1/32")]
    [InlineData("fe80::1%2")]
    [InlineData("[::1]")]
    [InlineData("web")]
    public void TryParse_WhatNobodyMeans_IsRefused(string? text)
    {
        Assert.False(InetAddress.TryParse(text, out _));
    }

    [Fact]
    public void From_MappedAddressOfTheFramework_IsIPv4()
    {
        Assert.Equal(InetAddress.Parse("10.1.1.11"), InetAddress.From(IPAddress.Parse("10.1.1.11").MapToIPv6()));
    }

    [Fact]
    public void ReadIPv6_MappedBytes_PassForIPv4()
    {
        byte[] mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 1, 1, 11];

        Assert.True(InetAddress.ReadIPv6(mapped).IsIPv4);
    }

    [Theory]
    [InlineData("10.1.1.11", "0A01010B")]
    [InlineData("2001:db8:1:1::11", "20010DB8000100010000000000000011")]
    public void Write_ThenRead_IsIdentity(string text, string hex)
    {
        InetAddress address = InetAddress.Parse(text);
        byte[] bytes = new byte[address.Size];

        address.Write(bytes);

        Assert.Equal(hex, Convert.ToHexString(bytes));
        Assert.Equal(address, address.IsIPv4 ? InetAddress.ReadIPv4(bytes) : InetAddress.ReadIPv6(bytes));
        Assert.Equal(address, InetAddress.From(address.ToIPAddress()));
    }

    [Theory]
    [InlineData("224.0.0.1", true, false, false)]
    [InlineData("239.255.255.255", true, false, false)]
    [InlineData("240.0.0.1", false, false, false)]
    [InlineData("223.255.255.255", false, false, false)]
    [InlineData("ff02::1", true, false, false)]
    [InlineData("fe80::1", false, true, false)]
    [InlineData("febf::1", false, true, false)]
    [InlineData("fec0::1", false, false, false)]
    [InlineData("169.254.1.1", false, true, false)]
    [InlineData("0.0.0.0", false, false, true)]
    [InlineData("::", false, false, true)]
    [InlineData("::1", false, false, false)]
    public void Kinds_ByRange_AreTold(string text, bool multicast, bool linkLocal, bool unspecified)
    {
        InetAddress address = InetAddress.Parse(text);

        Assert.Equal((multicast, linkLocal, unspecified), (address.IsMulticast, address.IsLinkLocal, address.IsUnspecified));
    }

    [Fact]
    public void CompareTo_Addresses_OrdersNumerically()
    {
        string[] sorted = ["10.1.1.9", "10.1.1.11", "192.168.1.10", "2001:db8::1", "fe80::1"];

        Assert.Equal(sorted, sorted.Reverse().Select(InetAddress.Parse).Order().Select(address => address.ToString()));
    }
}
