using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

/// <summary>What is kept of dropped packets, and what a flood can do to it.</summary>
public class DropLogTests
{
    [Fact]
    public void Drop_IsKeptWithItsPortReasonLayerRuleAndFirstBytes()
    {
        World world = World.Figure8();
        world["contoso-sql"].Rules = [NoTelnet];
        TestHost host = world.Start(World.Host1);
        FrameBuilder telnet = ContosoFabrikam.SqlToWeb.Tcp(40000, 23, TcpFlags.Syn).Payload(400);

        host.Send("contoso-sql", telnet).ShouldDrop(DropReason.Acl);

        DropSample sample = Assert.Single(host.Switch.Drops.Read(0, 10));
        Assert.Equal((1, host.Now, host["contoso-sql"], Direction.Outbound, DropReason.Acl), (sample.Number, sample.Time, sample.Port, sample.Direction, sample.Reason));
        Assert.Equal(LayerNames.FirewallController, sample.Layer);
        Assert.Contains("no-telnet", sample.Rule!.Id, StringComparison.Ordinal);
        Assert.Equal(telnet.Build().Length, sample.Length);
        Assert.Equal(telnet.Build()[..DropLog.FrameBytesMax], sample.Frame);
    }

    [Fact]
    public void Guarded_HasNoLayer()
    {
        TestHost host = World.Figure8().Start(World.Host1);

        host.Send("contoso-sql", FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac).IP("10.1.1.11", "10.1.1.12").Udp(1, 2)).ShouldDrop(DropReason.MacGuard);

        DropSample sample = Assert.Single(host.Switch.Drops.Read(0, 10));
        Assert.Equal((DropReason.MacGuard, null, null), (sample.Reason, sample.Layer, sample.Rule));
    }

    [Fact]
    public void Underlay_IsKeptWithoutAPort()
    {
        VSwitch vSwitch = new();

        vSwitch.CountUnderlayDrop(DropReason.UnknownVsid, [1, 2, 3], 5000);

        DropSample sample = Assert.Single(vSwitch.Drops.Read(0, 10));
        Assert.Equal((null, DropReason.UnknownVsid, 5000, 3), (sample.Port, sample.Reason, sample.Time, sample.Length));
    }

    [Fact]
    public void Flood_OfOnePortAndReason_LeavesRoomForOthers_AndComesBackInTheNextSecond()
    {
        TestHost host = World.Figure8().Start(World.Host1);
        FrameBuilder forged = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac).IP("10.1.1.11", "10.1.1.12").Udp(1, 2);
        for (int i = 0; i < 1000; i++)
        {
            host.Send("contoso-sql", forged);
        }

        Assert.Equal(DropLog.PerSecondOfPortAndReasonMax, host.Switch.Drops.Noted);
        host.Send("fabrikam-sql", forged);
        Assert.Equal(DropLog.PerSecondOfPortAndReasonMax + 1, host.Switch.Drops.Noted);
        host.Now += 1000;
        host.Send("contoso-sql", forged);
        Assert.Equal(DropLog.PerSecondOfPortAndReasonMax + 2, host.Switch.Drops.Noted);
    }

    [Fact]
    public void Flood_OfAllReasons_StaysWithinTheBudgetOfTheSwitch()
    {
        VSwitch vSwitch = new();

        for (int i = 0; i < 100_000; i++)
        {
            vSwitch.CountUnderlayDrop((DropReason)(i & 0xFF), default, 1000 + (i / 50_000 * 1000));
        }

        Assert.Equal(2 * DropLog.PerSecondMax, vSwitch.Drops.Noted);
    }

    [Fact]
    public void Ring_KeepsTheLatest_AndAReaderGoesOnWhereItWas()
    {
        VSwitch vSwitch = new();
        const int total = DropLog.Capacity + 500;
        for (int i = 0; i < total; i++)
        {
            vSwitch.CountUnderlayDrop(DropReason.UnknownVsid, BitConverter.GetBytes(i), 1000L * i);
        }

        DropSample[] first = [.. vSwitch.Drops.Read(0, 100)];
        DropSample[] rest = [.. vSwitch.Drops.Read(first[^1].Number, int.MaxValue)];

        Assert.Equal(total - DropLog.Capacity + 1, first[0].Number);
        Assert.Equal(Enumerable.Range(101, DropLog.Capacity - 100).Select(i => (long)(total - DropLog.Capacity + i)), rest.Select(sample => sample.Number));
        Assert.All(rest, sample => Assert.Equal(sample.Number - 1, BitConverter.ToInt32([.. sample.Frame])));
    }

    [Fact]
    public async Task Readers_WhileWorkersWrite_SeeWholeSamplesOnly()
    {
        VSwitch vSwitch = new();
        using CancellationTokenSource done = new();
        Task[] writers =
        [
            .. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            {
                Span<byte> frame = stackalloc byte[DropLog.FrameBytesMax];
                for (long now = 1; !done.IsCancellationRequested; now += 100)
                {
                    frame.Fill((byte)(now / 100));
                    vSwitch.CountUnderlayDrop(DropReason.UnknownVsid, frame[..(1 + (int)(now / 100 % DropLog.FrameBytesMax))], now);
                }
            })),
        ];
        const int enough = 5000;
        int seen = 0;
        while (seen < enough)
        {
            foreach (DropSample sample in vSwitch.Drops.Read(Math.Max(0, vSwitch.Drops.Noted - 50), 50))
            {
                seen++;
                Assert.All(sample.Frame, b => Assert.Equal((byte)(sample.Time / 100), b));
                Assert.Equal(1 + (int)(sample.Time / 100 % DropLog.FrameBytesMax), sample.Length);
            }
        }

        await done.CancelAsync();
        await Task.WhenAll(writers);
    }

    [Fact]
    public void Flood_AllocatesNothing()
    {
        TestHost host = World.Figure8().Start(World.Host1);
        byte[] frame = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac).IP("10.1.1.11", "10.1.1.12").Udp(1, 2).Build();
        VPort port = host["contoso-sql"];
        _ = PacketParser.TryParse(frame, out ParsedPacket packet);
        _ = port.DecideOutbound(in packet, frame, host.Now);
        long before = GC.GetAllocatedBytesForCurrentThread();

        for (int i = 0; i < 10_000; i++)
        {
            _ = port.DecideOutbound(in packet, frame, host.Now + i);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static AclRule NoTelnet => new(
        "no-telnet", AclLevel.NetworkInterface, Direction.Outbound, AclAction.Block, 100, null, [], [], [], [new PortRange(23, 23)], Logging: false);
}
