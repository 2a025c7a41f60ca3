using System.Collections.Immutable;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Southbound.Tests;

/// <summary>A host that is known to say a policy is told the difference to the next, without all its rows being compared.</summary>
public sealed class PushByDifferenceTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Push_SmallChangesInARow_EndWhereAFullComparisonFindsNothing(int seed)
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        var random = new Random(seed);
        HostPolicy policy = new PolicyMaker(seed * 7).Make();
        await session.PushAsync(policy, TestHost.Soon);
        Assert.True(session.IsCurrent(policy));
        long compared = session.Comparisons;

        for (int step = 0; step < 25; step++)
        {
            policy = Changed(policy, random, step);
            await session.PushAsync(policy, TestHost.Soon);
            Assert.True(session.IsCurrent(policy));
        }

        Assert.Equal(compared, session.Comparisons);
        await using HostSession other = await host.ConnectedAsync();
        await TestHost.EventuallyAsync(() => other.IsCurrent(policy), $"everything is said of step {seed}");
    }

    [Fact]
    public async Task Push_OneMappingOfMany_WritesItsRowsOnly()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        CaPaMapping first = ContosoFabrikam.Host1.Mappings[1];
        CaPaMapping[] many = [.. Enumerable.Range(0, 200).Select(number => first with { Customer = first.Customer with { Address = CustomerAddress.Parse($"10.1.1.{50 + number}") } })];
        HostPolicy policy = ContosoFabrikam.Host1 with { Mappings = ContosoFabrikam.Host1.Mappings.AddRange(many) };
        await session.PushAsync(policy, TestHost.Soon);
        Assert.True(session.IsCurrent(policy));
        long compared = session.Comparisons;

        PushResult pushed = await session.PushAsync(policy with { Mappings = policy.Mappings.Remove(many[77]) }, TestHost.Soon);

        Assert.Equal((1, compared), (pushed.RowsWritten, session.Comparisons));
    }

    [Fact]
    public async Task Push_AfterAnotherHandTouchedARow_PutsThatRightToo()
    {
        await using TestHost host = await TestHost.StartAsync();
        await using HostSession session = await host.ConnectedAsync();
        await session.PushAsync(ContosoFabrikam.Host1, TestHost.Soon);
        Assert.True(session.IsCurrent(ContosoFabrikam.Host1));
        using OvsdbTransaction meddling = new(HostSchemas.VtepName);
        meddling.Delete("Ucast_Macs_Remote", [OvsdbCondition.Equal("ipaddr", ContosoFabrikam.Host1.Mappings[0].Customer.Address.ToString())]);

        await host.TransactAsync(meddling);
        await TestHost.EventuallyAsync(() => !session.IsCurrent(ContosoFabrikam.Host1), "the session sees that a row is missing");
        CaPaMapping web = ContosoFabrikam.Host1.Mappings[1];
        HostPolicy moved = ContosoFabrikam.Host1 with { Mappings = ContosoFabrikam.Host1.Mappings.Replace(web, web with { Provider = ProviderAddress.Parse("192.168.3.30") }) };
        PushResult pushed = await session.PushAsync(moved, TestHost.Soon);

        TestHost.AssertSame(moved, await host.ReadingAsync(pushed.Configuration));
    }

    /// <summary>A policy of which a mapping or two and the inside of a port are others.</summary>
    private static HostPolicy Changed(HostPolicy policy, Random random, int step)
    {
        ImmutableArray<CaPaMapping> mappings = policy.Mappings;
        if (mappings.Length > 1)
        {
            CaPaMapping one = mappings[random.Next(mappings.Length)];
            mappings = random.Next(3) switch
            {
                0 => mappings.Remove(one),
                1 => mappings.Replace(one, one with { Provider = ProviderAddress.Parse($"192.168.{random.Next(4)}.10") }),
                _ => mappings.Add(one with { Customer = one.Customer with { Address = CustomerAddress.Parse($"10.200.{step}.1") } }),
            };
        }

        ImmutableArray<PortPolicy> ports = policy.Ports;
        if (ports.Length > 0 && random.Next(2) == 0)
        {
            int at = random.Next(ports.Length);
            PortPolicy port = ports[at];
            ports = ports.SetItem(at, random.Next(3) switch
            {
                0 => port with { Name = $"renamed{step}" },
                1 => port with { Rules = port.Rules.IsEmpty ? port.Rules : port.Rules.RemoveAt(0) },
                _ => port with { Addresses = [.. mappings.Where(mapping => mapping.Customer.Vsid == port.Vsid).Take(1).Select(mapping => mapping.Customer.Address)] },
            });
        }

        return policy with { Mappings = mappings, Ports = ports };
    }
}
