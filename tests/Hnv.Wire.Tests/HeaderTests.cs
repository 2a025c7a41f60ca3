using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Wire.Tests;

public sealed class HeaderTests
{
    [Fact]
    public void Headers_InMemory_AreAsLongAsOnTheWire()
    {
        Assert.Equal(U16Be.Size, Unsafe.SizeOf<U16Be>());
        Assert.Equal(U32Be.Size, Unsafe.SizeOf<U32Be>());
        Assert.Equal(MacBe.Size, Unsafe.SizeOf<MacBe>());
        Assert.Equal(IPv4Be.Size, Unsafe.SizeOf<IPv4Be>());
        Assert.Equal(IPv6Be.Size, Unsafe.SizeOf<IPv6Be>());
        Assert.Equal(EthernetHeader.Size, Unsafe.SizeOf<EthernetHeader>());
        Assert.Equal(VlanTag.Size, Unsafe.SizeOf<VlanTag>());
        Assert.Equal(ArpMessage.Size, Unsafe.SizeOf<ArpMessage>());
        Assert.Equal(IPv4Header.Size, Unsafe.SizeOf<IPv4Header>());
        Assert.Equal(IPv6Header.Size, Unsafe.SizeOf<IPv6Header>());
        Assert.Equal(IcmpHeader.Size, Unsafe.SizeOf<IcmpHeader>());
        Assert.Equal(NeighborMessage.Size, Unsafe.SizeOf<NeighborMessage>());
        Assert.Equal(TcpHeader.Size, Unsafe.SizeOf<TcpHeader>());
        Assert.Equal(UdpHeader.Size, Unsafe.SizeOf<UdpHeader>());
        Assert.Equal(VxlanHeader.Size, Unsafe.SizeOf<VxlanHeader>());
        Assert.Equal(GreHeader.Size, Unsafe.SizeOf<GreHeader>());
        Assert.Equal(NvgreHeader.Size, Unsafe.SizeOf<NvgreHeader>());
        Assert.Equal(Ufid.Size, Unsafe.SizeOf<Ufid>());
    }

    [Fact]
    public void Headers_AnyBytes_WriteBackAsTheyWereRead()
    {
        var random = new Random(1);
        for (int i = 0; i < 1_000; i++)
        {
            AssertIdentity<EthernetHeader>(random);
            AssertIdentity<VlanTag>(random);
            AssertIdentity<ArpMessage>(random);
            AssertIdentity<IPv4Header>(random);
            AssertIdentity<IPv6Header>(random);
            AssertIdentity<IcmpHeader>(random);
            AssertIdentity<NeighborMessage>(random);
            AssertIdentity<TcpHeader>(random);
            AssertIdentity<UdpHeader>(random);
            AssertIdentity<GreHeader>(random);
        }
    }

    [Fact]
    public void TcpHeader_Written_HasItsFieldsWhereTheRfcDrawsThem()
    {
        byte[] bytes = new byte[TcpHeader.Size];

        new TcpHeader
        {
            SourcePort = 0x0102,
            DestinationPort = 0x0304,
            Sequence = 0x05060708,
            Acknowledgment = 0x090A0B0C,
            OffsetAndReserved = 0x50,
            Flags = 0x12,
            Window = 0x0D0E,
            Checksum = 0x0F10,
            UrgentPointer = 0x1112,
        }.Write(bytes);

        Assert.Equal("0102030405060708090A0B0C50120D0E0F101112", Convert.ToHexString(bytes));
    }

    [Fact]
    public void VlanTag_Control_SplitsIntoPriorityAndId()
    {
        Assert.True(VlanTag.TryRead([0xE0, 0x65, 0x08, 0x00], out VlanTag tag));

        Assert.Equal((7, 101, EtherTypes.IPv4), (tag.Priority, tag.VlanId, tag.EtherType.Host));
    }

    [Fact]
    public void Vxlan_Contoso_IsTheRfcsEightBytes()
    {
        byte[] bytes = new byte[VxlanHeader.Size];

        new VxlanHeader(ContosoFabrikam.ContosoVsid).Write(bytes);

        Assert.Equal("0800000000138900", Convert.ToHexString(bytes));
        Assert.True(VxlanHeader.TryRead(bytes, out Vsid vsid));
        Assert.Equal(ContosoFabrikam.ContosoVsid, vsid);
    }

    [Theory]
    [InlineData("FFFFFFFF001389FF", true)]
    [InlineData("0800000000138900", true)]
    [InlineData("F7FFFFFF00138900", false)]
    [InlineData("08000000000FFF00", false)]
    [InlineData("0800000000100000", true)]
    [InlineData("08000000FFFFFE00", true)]
    [InlineData("08000000FFFFFF00", false)]
    [InlineData("08000000001389", false)]
    public void VxlanTryRead_FlagsAndVni_AcceptsOnlyIFlagAndAssignableVsid(string hex, bool accepted)
    {
        Assert.Equal(accepted, VxlanHeader.TryRead(Convert.FromHexString(hex), out _));
    }

    [Fact]
    public void Nvgre_Fabrikam_IsTheRfcsEightBytes()
    {
        byte[] bytes = new byte[NvgreHeader.Size];

        new NvgreHeader(ContosoFabrikam.FabrikamVsid, 0xAB).Write(bytes);

        Assert.Equal("20006558001771AB", Convert.ToHexString(bytes));
        Assert.True(NvgreHeader.TryRead(bytes, out Vsid vsid, out byte flowId));
        Assert.Equal((ContosoFabrikam.FabrikamVsid, 0xAB), (vsid, flowId));
    }

    [Theory]
    [InlineData("2000655800177100", true)]
    [InlineData("0000655800177100", false)]
    [InlineData("A000655800177100", false)]
    [InlineData("3000655800177100", false)]
    [InlineData("2001655800177100", false)]
    [InlineData("2008655800177100", false)]
    [InlineData("2000080000177100", false)]
    [InlineData("20006558000FFF00", false)]
    [InlineData("20006558FFFFFF00", false)]
    [InlineData("20006558001771", false)]
    public void NvgreTryRead_AnythingButTheExactFlags_IsRefused(string hex, bool accepted)
    {
        Assert.Equal(accepted, NvgreHeader.TryRead(Convert.FromHexString(hex), out _, out _));
    }

    [Theory]
    [InlineData("00000800", true, 4)]
    [InlineData("2000080000000001", true, 8)]
    [InlineData("B0000800000000000000000100000002", true, 16)]
    [InlineData("20000800", false, 0)]
    [InlineData("00010800", false, 0)]
    [InlineData("40000800", false, 0)]
    public void GreTryRead_ReservedBitsAndLengths_AreChecked(string hex, bool accepted, int length)
    {
        bool read = GreHeader.TryRead(Convert.FromHexString(hex), out GreHeader header);

        Assert.Equal(accepted, read);
        Assert.True(!read || header.Length == length);
    }

    [Fact]
    public void GreTryReadKey_BehindAChecksum_FindsTheKey()
    {
        Assert.True(GreHeader.TryReadKey(Convert.FromHexString("A00008001234000000000007"), out uint key));

        Assert.Equal(7u, key);
    }

    [Fact]
    public void Entropy_ManyFlows_SpreadOverPortsAndFlowIds()
    {
        var ports = new HashSet<ushort>();
        var ids = new HashSet<byte>();
        for (ushort port = 1; port <= 4096; port++)
        {
            uint entropy = new Ufid(
                ContosoFabrikam.Web, ContosoFabrikam.Sql, ContosoFabrikam.ContosoWebMac, ContosoFabrikam.ContosoSqlMac,
                EtherTypes.IPv4, IPProtocols.Tcp, FragmentClass.Whole, port, 5432).Hash();
            ports.Add(VxlanHeader.SourcePort(entropy));
            ids.Add(NvgreHeader.FlowId(entropy));
        }

        Assert.True(ports.Count > 3_300, $"{ports.Count} ports for 4096 flows");
        Assert.All(ports, port => Assert.True(port >= 49152));
        Assert.Equal(255, ids.Count);
        Assert.DoesNotContain((byte)0, ids);
    }

    private static void AssertIdentity<T>(Random random)
        where T : unmanaged
    {
        byte[] bytes = new byte[Unsafe.SizeOf<T>()];
        random.NextBytes(bytes);
        T header = MemoryMarshal.Read<T>(bytes);
        byte[] written = new byte[bytes.Length];
        MemoryMarshal.Write(written, in header);
        Assert.Equal(bytes, written);
    }
}
