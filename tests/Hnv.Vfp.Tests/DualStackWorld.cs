using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

/// <summary>A dual-stack subnet with a second one beside it, and one machine that asks its host how to configure itself.</summary>
internal static class DualStackWorld
{
    public const string Guest = "contoso-web";

    public static readonly MacAddress Mac = ContosoFabrikam.ContosoWebMac;
    public static readonly InetAddress LinkLocal = InetAddress.LinkLocalOf(Mac);
    public static readonly InetAddress RouterLinkLocal = InetAddress.LinkLocalOf(World.RouterMac);

    public static readonly DhcpPolicy Dhcp = new(
        [InetAddress.Parse("10.1.1.53"), InetAddress.Parse("2001:db8:1:1::53")], "contoso.example", Mtu: 1400, LeaseSeconds: 86_400);

    /// <summary>What passes silently: the packet and its bytes are counted, and nothing else.</summary>
    public const string OnlyCounted = "out.bytes+1 out.packets+1";

    /// <summary>The world; the machine has these addresses.</summary>
    public static World Make(params string[] addresses)
    {
        World world = new();
        world.AddNetwork("contoso", (5001, "10.1.1.0/24"), (5002, "10.1.2.0/24"));
        world.NetworkOf(5001).DualStack = new Dictionary<uint, string> { [5001] = "2001:db8:1:1::/64" };
        world.AddNic("contoso-sql", 5001, ContosoFabrikam.ContosoSqlMac.ToString(), World.Host1, "10.1.1.11", "2001:db8:1:1::11");
        world.AddNic(Guest, 5001, Mac.ToString(), World.Host2, addresses.Length > 0 ? addresses : ["10.1.1.12", "2001:db8:1:1::12"]).Dhcp = Dhcp;
        return world;
    }

    public static TestHost Start(params string[] addresses) => Make(addresses).Start(World.Host2);

    /// <summary>A frame of the guest's to everybody.</summary>
    public static FrameBuilder Broadcast => FrameBuilder.Ethernet(Mac, MacAddress.Broadcast);

    /// <summary>A frame of the guest's to an IPv6 group.</summary>
    public static FrameBuilder To(InetAddress source, InetAddress group) => FrameBuilder.Ethernet(Mac, NeighborDiscovery.MulticastMac(group)).IP(source, group);

    /// <summary>A DHCPv4 client's message.</summary>
    /// <param name="type">Option 53.</param>
    /// <param name="options">Further options.</param>
    /// <param name="ciaddr">The address the client says it has.</param>
    /// <param name="mac">The MAC it says it has; by default its own.</param>
    public static byte[] DhcpV4(DhcpV4MessageType type, byte[]? options = null, string ciaddr = "0.0.0.0", MacAddress? mac = null)
    {
        byte[] message = new byte[240];
        (message[0], message[1], message[2]) = (1, 1, 6);
        (message[4], message[5], message[6], message[7]) = (0x39, 0x03, 0xF3, 0x26);
        InetAddress.Parse(ciaddr).Write(message.AsSpan(12));
        (mac ?? Mac).Write(message.AsSpan(28));
        (message[236], message[237], message[238], message[239]) = (0x63, 0x82, 0x53, 0x63);
        return [.. message, 53, 1, (byte)type, .. options ?? [], 255];
    }

    /// <summary>A DHCPv4 client's frame as one sends it that has no address yet.</summary>
    public static FrameBuilder DhcpV4Frame(byte[] message) => Broadcast.IP("0.0.0.0", "255.255.255.255").Udp(68, 67).Payload(message);

    /// <summary>A DHCPv6 client's frame.</summary>
    public static FrameBuilder DhcpV6Frame(DhcpV6MessageType type, params byte[] options) =>
        To(LinkLocal, DhcpV6Message.AllServers).Udp(546, 547).Payload([(byte)type, 0x12, 0x34, 0x56, .. options]);

    public static byte[] Bytes(string address) => InetAddress.Parse(address).ToIPAddress().GetAddressBytes();
}
