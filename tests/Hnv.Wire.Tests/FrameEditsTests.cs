using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Wire.Tests;

public sealed class FrameEditsTests
{
    private static readonly InetAddress s_elsewhere = InetAddress.Parse("172.31.255.254");
    private static readonly InetAddress s_elsewhereV6 = InetAddress.Parse("fd00:abcd:ef01::fffe");

    [Fact]
    public void SetMacs_Frame_ChangesOnlyThem()
    {
        byte[] frame = ContosoFabrikam.WebToSql.Tcp(40000, 5432).Payload(5).Build();

        FrameEdits.SetDestinationMac(frame, ContosoFabrikam.FabrikamSqlMac);
        FrameEdits.SetSourceMac(frame, ContosoFabrikam.RouterMac);

        Assert.Equal(
            FrameBuilder.Ethernet(ContosoFabrikam.RouterMac, ContosoFabrikam.FabrikamSqlMac)
                .IP(ContosoFabrikam.Web, ContosoFabrikam.Sql).Tcp(40000, 5432).Payload(5).Build(),
            frame);
    }

    [Theory]
    [InlineData("tcp4")]
    [InlineData("tcp4-options")]
    [InlineData("tcp4-vlan")]
    [InlineData("later4")]
    [InlineData("tcp6")]
    [InlineData("extensions6")]
    public void TryDecrementTimeToLive_EveryTtl_EqualsTheFrameBuiltWithIt(string name)
    {
        for (int ttl = 2; ttl <= 255; ttl++)
        {
            byte[] frame = Packets.Get(name).TimeToLive((byte)ttl).Build();

            Assert.True(FrameEdits.TryDecrementTimeToLive(frame, Packets.Parse(frame)));

            Assert.Equal(Packets.Get(name).TimeToLive((byte)(ttl - 1)).Build(), frame);
        }
    }

    [Theory]
    [InlineData("tcp4", 0)]
    [InlineData("tcp4", 1)]
    [InlineData("tcp6", 0)]
    [InlineData("tcp6", 1)]
    [InlineData("arp", 64)]
    public void TryDecrementTimeToLive_NothingLeft_ChangesNothing(string name, byte ttl)
    {
        byte[] frame = Packets.Get(name).TimeToLive(ttl).Build();
        byte[] before = [.. frame];

        Assert.False(FrameEdits.TryDecrementTimeToLive(frame, Packets.Parse(frame)));

        Assert.Equal(before, frame);
    }

    [Theory]
    [InlineData("tcp4", false)]
    [InlineData("tcp4", true)]
    [InlineData("tcp4-options", false)]
    [InlineData("tcp4-vlan", true)]
    [InlineData("udp4", false)]
    [InlineData("udp4", true)]
    [InlineData("udp4-unsummed", false)]
    [InlineData("ping4", false)]
    [InlineData("sctp4", false)]
    [InlineData("tcp6", false)]
    [InlineData("tcp6", true)]
    [InlineData("udp6", true)]
    [InlineData("ping6", false)]
    [InlineData("extensions6", false)]
    public void TryReplaceDestination_AnyTransport_EqualsTheFrameBuiltWithIt(string name, bool partial)
    {
        FrameBuilder begun = partial ? Packets.Get(name).PartialChecksum() : Packets.Get(name);
        byte[] frame = begun.Build();
        ParsedPacket packet = Packets.Parse(frame);
        InetAddress destination = packet.EtherType == EtherTypes.IPv4 ? s_elsewhere : s_elsewhereV6;

        bool replaced = FrameEdits.TryReplaceDestination(frame, in packet, destination, partial ? ChecksumState.Partial : ChecksumState.Full);

        Assert.True(replaced);
        Assert.Equal(begun.IP(packet.Ufid.Source, destination).Build(), frame);
    }

    [Fact]
    public void TryReplaceDestination_LaterFragment_LeavesThePayload()
    {
        FrameBuilder begun = Packets.Get("later4");
        byte[] frame = begun.Build();

        Assert.True(FrameEdits.TryReplaceDestination(frame, Packets.Parse(frame), s_elsewhere, ChecksumState.Full));

        Assert.Equal(begun.IP(ContosoFabrikam.Web, s_elsewhere).Build(), frame);
    }

    [Theory]
    [InlineData("tcp4", "fd00::1")]
    [InlineData("tcp6", "10.0.0.1")]
    [InlineData("arp", "10.0.0.1")]
    public void TryReplaceDestination_OtherFamily_ChangesNothing(string name, string destination)
    {
        byte[] frame = Packets.Get(name).Build();
        byte[] before = [.. frame];

        Assert.False(FrameEdits.TryReplaceDestination(frame, Packets.Parse(frame), InetAddress.Parse(destination), ChecksumState.Full));

        Assert.Equal(before, frame);
    }

    [Fact]
    public void TryReplaceDestination_ManyAddresses_NeverLeavesUdpWithoutChecksum()
    {
        var random = new Random(768);
        for (int i = 0; i < 100_000; i++)
        {
            byte[] frame = Packets.Get("udp4").Build();
            ParsedPacket packet = Packets.Parse(frame);

            Assert.True(FrameEdits.TryReplaceDestination(frame, in packet, InetAddress.FromIPv4((uint)random.Next()), ChecksumState.Full));

            Assert.False(frame[40] == 0 && frame[41] == 0);
            if (i % 100 == 0)
            {
                Packets.AssertIntact(frame);
            }
        }
    }

    [Theory]
    [InlineData("tcp4", 16)]
    [InlineData("udp4", 6)]
    [InlineData("tcp6", 16)]
    [InlineData("extensions6", 16)]
    public void TryCompleteChecksum_PartialFrame_BecomesTheFullOne(string name, int offset)
    {
        byte[] frame = Packets.Get(name).PartialChecksum().Build();

        Assert.True(FrameEdits.TryCompleteChecksum(frame, Packets.Parse(frame).TransportOffset, offset));

        Assert.Equal(Packets.Get(name).Build(), frame);
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(0, -1)]
    [InlineData(0, 86)]
    [InlineData(87, 0)]
    [InlineData(88, 0)]
    [InlineData(int.MaxValue, int.MaxValue)]
    public void TryCompleteChecksum_FieldOutsideTheFrame_ChangesNothing(int start, int offset)
    {
        byte[] frame = Packets.Get("tcp4").Build();
        byte[] before = [.. frame];
        Assert.Equal(87, frame.Length);

        Assert.False(FrameEdits.TryCompleteChecksum(frame, start, offset));

        Assert.Equal(before, frame);
    }

    [Fact]
    public void Edits_TenThousandTimes_AllocateNothing()
    {
        byte[] frame = Packets.Get("tcp4").Build();
        ParsedPacket packet = Packets.Parse(frame);
        EditAll(frame, in packet);

        Allocation.AssertNone(10_000, () =>
        {
            EditAll(frame, in packet);
        });
    }

    private static void EditAll(byte[] frame, in ParsedPacket packet)
    {
        FrameEdits.SetDestinationMac(frame, ContosoFabrikam.ContosoSqlMac);
        FrameEdits.SetSourceMac(frame, ContosoFabrikam.RouterMac);
        _ = FrameEdits.TryDecrementTimeToLive(frame, in packet);
        _ = FrameEdits.TryReplaceDestination(frame, in packet, s_elsewhere, ChecksumState.Full);
        _ = FrameEdits.TryCompleteChecksum(frame, packet.TransportOffset, TcpHeader.ChecksumOffset);
    }
}
