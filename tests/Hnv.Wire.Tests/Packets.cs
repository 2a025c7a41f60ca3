using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Wire.Tests;

/// <summary>The packets every test walks over, by name.</summary>
public static class Packets
{
    private static readonly Dictionary<string, FrameBuilder> s_all = new()
    {
        ["tcp4"] = ContosoFabrikam.WebToSql.Tcp(40000, 5432, TcpFlags.Ack | TcpFlags.Psh).Payload(33),
        ["tcp4-options"] = ContosoFabrikam.WebToSql.Options(1, 1, 1, 1, 7, 3, 4, 0).Tcp(40000, 5432, TcpFlags.Syn, options: [2, 4, 5, 180]),
        ["tcp4-vlan"] = ContosoFabrikam.WebToSql.Vlan(101, 3).Tcp(40000, 5432).Payload(8),
        ["tcp4-padded"] = ContosoFabrikam.WebToSql.Tcp(40000, 5432).Padding(6),
        ["udp4"] = ContosoFabrikam.WebToSql.Udp(5353, 53).Payload(19),
        ["udp4-unsummed"] = ContosoFabrikam.WebToSql.Udp(5353, 53, withChecksum: false).Payload(18),
        ["ping4"] = ContosoFabrikam.WebToSql.Ping(77).Payload(56),
        ["first4"] = ContosoFabrikam.WebToSql.Fragment(0, more: true).Udp(5353, 53).Payload(32),
        ["later4"] = ContosoFabrikam.WebToSql.Fragment(1480, more: false).Udp(5353, 53).Payload(40),
        ["sctp4"] = ContosoFabrikam.WebToSql.Transport(IPProtocols.Sctp, [0x0B, 0x59, 0x0B, 0x5A, 0, 0, 0, 1, 0, 0, 0, 0]).Payload(4),
        ["sctp4-summed"] = ContosoFabrikam.WebToSql.Sctp(2905, 2906).Payload(37),
        ["sctp6"] = ContosoFabrikam.WebToSqlV6.Sctp(2905, 2906).Payload(20),
        ["gre4"] = ContosoFabrikam.WebToSql.Transport(IPProtocols.Gre, [0x20, 0, 0x65, 0x58, 0, 0x13, 0x89, 7]).Payload(20),
        ["tcp6"] = ContosoFabrikam.WebToSqlV6.Tcp(40000, 5432, TcpFlags.Ack, options: [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]).Payload(21),
        ["udp6"] = ContosoFabrikam.WebToSqlV6.Udp(5353, 53).Payload(7),
        ["ping6"] = ContosoFabrikam.WebToSqlV6.Ping(78).Payload(56),
        ["extensions6"] = ContosoFabrikam.WebToSqlV6
            .Extension(IPProtocols.HopByHop, 0, 0, 1, 4, 0, 0, 0, 0)
            .Extension(IPProtocols.DestinationOptions, 0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
            .Extension(IPProtocols.Authentication, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1)
            .Tcp(40000, 5432).Payload(3),
        ["first6"] = ContosoFabrikam.WebToSqlV6.Fragment(0, more: true).Udp(5353, 53).Payload(32),
        ["later6"] = ContosoFabrikam.WebToSqlV6.Fragment(1232, more: false).Udp(5353, 53).Payload(40),
        ["atomic6"] = ContosoFabrikam.WebToSqlV6.Fragment(0, more: false).Udp(5353, 53).Payload(8),
        ["solicitation"] = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, NeighborDiscovery.MulticastMac(NeighborDiscovery.SolicitedNode(ContosoFabrikam.SqlV6)))
            .IP(ContosoFabrikam.WebV6, NeighborDiscovery.SolicitedNode(ContosoFabrikam.SqlV6)).NeighborSolicitation(ContosoFabrikam.SqlV6),
        ["arp"] = FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, MacAddress.Broadcast).ArpRequest(ContosoFabrikam.Web, ContosoFabrikam.Sql),
    };

    public static TheoryData<string> Names => [.. s_all.Keys];

    public static IEnumerable<byte[]> All => s_all.Values.Select(packet => packet.Build());

    public static FrameBuilder Get(string name) => s_all[name];

    public static ParsedPacket Parse(byte[] frame)
    {
        Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out ParsedPacket packet));
        return packet;
    }

    /// <summary>Checks lengths and every checksum a whole packet has, with the corpus's own slow sum.</summary>
    public static void AssertIntact(ReadOnlySpan<byte> frame)
    {
        Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out ParsedPacket packet));
        ReadOnlySpan<byte> body = frame[packet.TransportOffset..packet.Length];
        byte[] pseudo = new byte[(packet.Ufid.Source.Size * 2) + 8];
        packet.Ufid.Source.Write(pseudo);
        packet.Ufid.Destination.Write(pseudo.AsSpan(packet.Ufid.Source.Size));
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(pseudo.AsSpan(pseudo.Length - 8), body.Length);
        pseudo[^1] = packet.Ufid.Protocol;
        bool unsummed = packet.Ufid.Protocol == IPProtocols.Udp && body[6] == 0 && body[7] == 0;
        byte[] summed = packet.Ufid.Protocol == IPProtocols.Icmp ? body.ToArray() : [.. pseudo, .. body];
        Assert.True(unsummed || FrameBuilder.FoldedSum(summed) == 0xFFFF, "The transport checksum is wrong.");
    }
}
