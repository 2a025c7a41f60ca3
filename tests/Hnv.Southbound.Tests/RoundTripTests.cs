using FsCheck;
using FsCheck.Fluent;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound.Tests;

/// <summary>Whatever policy is pushed, over whatever was there before, the agent reads exactly that policy.</summary>
public sealed class RoundTripTests
{
    [Fact]
    public async Task PushThenRead_AnyPolicyAfterAnyOther_IsIdentity()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();

        for (int seed = 0; seed < 60; seed++)
        {
            HostPolicy policy = new PolicyMaker(seed).Make();

            PushResult pushed = await session.PushAsync(policy, TestHost.Soon);

            TestHost.AssertSame(policy, await host.ReadingAsync(pushed.Configuration));
            Assert.True(session.IsCurrent(policy), $"seed {seed}");
        }
    }

    [Fact]
    public void FirewallText_AnyPrefixesAndPorts_AreReadBack() => Prop.ForAll<int[], ushort[], byte>((numbers, ports, protocol) =>
    {
        IpPrefix[] prefixes = [.. numbers.Select(number => IpPrefix.Create(InetAddress.FromIPv4((uint)number), Math.Abs(number % 33)))];
        PortRange[] ranges = [.. ports.Select(port => new PortRange(port, (ushort)Math.Min(ushort.MaxValue, port + (port % 7))))];

        Assert.True(FirewallText.TryReadPrefixes(FirewallText.Prefixes([.. prefixes]), out var readPrefixes));
        Assert.True(FirewallText.TryReadPorts(FirewallText.Ports([.. ranges]), out var readPorts));
        Assert.True(FirewallText.TryReadProtocol(FirewallText.Protocol(protocol), out byte? readProtocol));
        Assert.Equal(prefixes, readPrefixes);
        Assert.Equal(ranges, readPorts);
        Assert.Equal(protocol, readProtocol);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void FirewallText_AnyText_IsReadOrRefusedWithoutAnException() => Prop.ForAll<string>(text =>
    {
        _ = FirewallText.TryReadPrefixes(text ?? "", out _);
        _ = FirewallText.TryReadPorts(text ?? "", out _);
        _ = FirewallText.TryReadProtocol(text ?? "", out _);
    }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("80,", false)]
    [InlineData("90-80", false)]
    [InlineData("65536", false)]
    [InlineData("*", true)]
    [InlineData("", true)]
    [InlineData("80, 443", true)]
    [InlineData("0-65535", true)]
    public void FirewallText_Ports_AreTakenOrRefused(string text, bool taken) => Assert.Equal(taken, FirewallText.TryReadPorts(text, out _));

    [Theory]
    [InlineData("10.1.1.11", "10.1.1.11/32")]
    [InlineData("10.1.1.0/24,2001:db8::/64", "10.1.1.0/24 2001:db8::/64")]
    [InlineData("10.1.1.11/24", null)]
    [InlineData("everyone", null)]
    public void FirewallText_Prefixes_AreTakenOrRefused(string text, string? expected)
    {
        bool taken = FirewallText.TryReadPrefixes(text, out var prefixes);

        Assert.Equal(expected, taken ? string.Join(' ', prefixes) : null);
    }

    [Theory]
    [InlineData("TCP", 6)]
    [InlineData("icmpv6", 58)]
    [InlineData("132", 132)]
    public void FirewallText_ProtocolNames_AreNumbers(string text, int expected)
    {
        Assert.True(FirewallText.TryReadProtocol(text, out byte? protocol));

        Assert.Equal((byte)expected, protocol!.Value);
    }
}
