using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Vfp.Tests;

/// <summary>
/// Random datacenters in which every tenant uses the same few addresses and MACs; whom a packet reaches is compared with a model that knows only
/// what isolation means, not how the engine works (R28, R32, R34).
/// </summary>
public class IsolationTests
{
    private static readonly ProviderAddress[] s_hosts =
        [World.Host1, World.Host2, ProviderAddress.Parse("192.168.3.30")];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void AnyPacket_ReachesWhomTheModelSays(int seed)
    {
        Random random = new(seed);
        World world = Invent(random);
        Dictionary<ProviderAddress, TestHost> hosts = s_hosts.ToDictionary(host => host, world.Start);
        int reached = 0;

        for (int i = 0; i < 3000; i++)
        {
            World.Nic sender = world.Nics[random.Next(world.Nics.Count)];
            World.Nic other = world.Nics[random.Next(world.Nics.Count)];
            MacAddress mac = random.Next(10) switch
            {
                < 5 => World.RouterMac,
                < 9 => other.Mac,
                _ => MacAddress.FromNumber((ulong)random.Next()),
            };
            InetAddress destination = random.Next(10) < 9 ? other.Address : InetAddress.FromIPv4((uint)random.Next());
            FrameBuilder packet = FrameBuilder.Ethernet(sender.Mac, mac).IP(sender.Address, destination).Udp(1, (ushort)random.Next(4));

            World.Nic? actual = Deliver(world, hosts, sender, packet);
            World.Nic? expected = Model(world, sender, mac, destination);

            Assert.True(expected == actual, $"seed {seed}: {sender.Name} to {mac} {destination}: expected {expected?.Name ?? "nobody"}, reached {actual?.Name ?? "nobody"}");
            reached += actual is null ? 0 : 1;
        }

        Assert.InRange(reached, 100, 2900);
    }

    private static World Invent(Random random)
    {
        World world = new();
        uint vsid = 5000;
        for (int tenant = 0; tenant < 6; tenant++)
        {
            uint first = vsid;
            int subnets = random.Next(1, 4);
            world.AddNetwork($"t{tenant}", [.. Enumerable.Range(0, subnets).Select(subnet => (first + (uint)subnet, $"10.1.{subnet}.0/24"))]);
            vsid += (uint)subnets;
            for (int subnet = 0; subnet < subnets; subnet++)
            {
                for (int host = 2; host < 2 + random.Next(1, 5); host++)
                {
                    world.AddNic(
                        $"t{tenant}-{subnet}-{host}", first + (uint)subnet, $"02-00-00-00-{subnet:X2}-{host:X2}", s_hosts[random.Next(s_hosts.Length)], $"10.1.{subnet}.{host}");
                }
            }
        }

        return world;
    }

    /// <summary>What isolation means: in the subnet by MAC, in the network by address through the router, and nowhere else.</summary>
    private static World.Nic? Model(World world, World.Nic sender, MacAddress mac, InetAddress destination) =>
        mac == World.RouterMac
            ? world.Nics.SingleOrDefault(nic => world.NetworkOf(nic.Vsid) == world.NetworkOf(sender.Vsid) && nic.Address == destination)
            : world.Nics.SingleOrDefault(nic => nic.Vsid == sender.Vsid && nic.Mac == mac && nic != sender);

    /// <summary>Sends, carries the packet over the provider network as an executor would, and says who got it.</summary>
    private static World.Nic? Deliver(World world, Dictionary<ProviderAddress, TestHost> hosts, World.Nic sender, FrameBuilder packet)
    {
        UnifiedFlow flow = hosts[sender.Host].Send(sender.Name, packet).Flow;
        if (flow.Verdict != Verdict.Forward)
        {
            return null;
        }

        VPort? port = flow.Destination;
        if (port is null)
        {
            SubnetForwarding? subnet = hosts[flow.Transposition.Provider].Switch.TryGetSubnet(flow.Transposition.Vsid.Value);
            Assert.NotNull(subnet);
            Assert.True(subnet.Accepts(sender.Host));
            byte[] frame = packet.Build();
            MacAddress inner = (flow.Transposition.Edits & TranspositionEdits.DestinationMac) != 0 ? flow.Transposition.DestinationMac : MacAddress.Read(frame);
            port = subnet.TryGetPort(inner);
        }

        return world.Nics.Single(nic => nic.Id == port!.Nic);
    }
}
