using System.Buffers.Binary;
using System.Diagnostics;
using Hnv.Dataplane.Userspace;
using Hnv.Linux;
using Hnv.Linux.Netlink;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Tests;

public sealed class UserspaceExecutorTests
{
    internal const string BulkReceiver = """
        import socket, sys, hashlib
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('10.1.1.11', 5432)); s.listen()
        print('ready', flush=True)
        c, _ = s.accept(); h = hashlib.sha256(); n = 0
        while (b := c.recv(1 << 20)): h.update(b); n += len(b)
        print(n, h.hexdigest(), flush=True)
        """;

    internal const string BulkSender = """
        import socket, hashlib, random
        d = random.Random(8).randbytes(1 << 20); h = hashlib.sha256()
        c = socket.create_connection(('10.1.1.11', 5432), 5)
        for _ in range(32): c.sendall(d); h.update(d)
        c.close(); print(32 << 20, h.hexdigest())
        """;

    [Theory]
    [InlineData(EncapsulationType.Vxlan, 1)]
    [InlineData(EncapsulationType.Nvgre, 1)]
    [InlineData(EncapsulationType.Vxlan, 2)]
    public void Ping_BothTenants_EachReachesItsOwn(EncapsulationType encapsulation, int workers)
    {
        using FigureEight lab = new(encapsulation, workers);

        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));
        Assert.True(lab.FabrikamWeb.Pings("10.1.1.11"));
        Assert.False(lab.FabrikamWeb.Pings("10.1.1.13", 1));
        Assert.True(lab.ContosoWeb.Pings("10.1.1.13"));
        Assert.True(lab.ContosoWeb.Pings("10.1.1.1"));
    }

    [Theory]
    [InlineData(EncapsulationType.Vxlan)]
    [InlineData(EncapsulationType.Nvgre)]
    public void Ping_LargerThanTheMtu_FragmentsPass(EncapsulationType encapsulation)
    {
        using FigureEight lab = new(encapsulation);

        (int exitCode, _) = lab.ContosoWeb.Execute("ping", "-c", "3", "-i", "0.2", "-W", "1", "-s", "4000", "10.1.1.11");

        Assert.Equal(0, exitCode);
    }

    [Theory]
    [InlineData(EncapsulationType.Vxlan, true)]
    [InlineData(EncapsulationType.Nvgre, true)]
    [InlineData(EncapsulationType.Vxlan, false)]
    public void Tcp_Bulk_ArrivesUnchanged(EncapsulationType encapsulation, bool acrossHosts)
    {
        using FigureEight lab = new(encapsulation);
        using Process receiver = lab.ContosoSql.Start("python3", "-c", BulkReceiver);
        Assert.Equal("ready", receiver.StandardOutput.ReadLine());

        (int exitCode, string sent) = (acrossHosts ? lab.ContosoWeb : lab.ContosoApp).Execute("python3", "-c", BulkSender);

        Assert.Equal(0, exitCode);
        Assert.Equal(sent.Trim(), receiver.StandardOutput.ReadLine());
        receiver.WaitForExit();
    }

    [Fact]
    public void Vxlan_OnTheWire_CarriesVniPortsDfAndTos()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);
        using PacketSocket wire = lab.Router.Run(() => PacketSocket.Open("h2"));
        ReceiveBatch frames = new(64, 4096);

        lab.ContosoWeb.Execute("ping", "-c", "1", "-Q", "0x28", "-W", "1", "10.1.1.11");

        byte[] outer = Captured(frames, wire, protocol: 17);
        Assert.Equal(0x28, outer[15]);
        Assert.Equal([192, 168, 2, 20, 192, 168, 1, 10], outer[26..34]);
        Assert.Equal(0x40, outer[20] & 0x40);
        Assert.InRange(BinaryPrimitives.ReadUInt16BigEndian(outer.AsSpan(34)), (ushort)49152, (ushort)65535);
        Assert.Equal(4789, BinaryPrimitives.ReadUInt16BigEndian(outer.AsSpan(36)));
        Assert.Equal([0x08, 0, 0, 0, 0, 0x13, 0x89, 0], outer[42..50]);
        Assert.Equal(lab.ContosoSql.Mac, MacAddress.Read(outer.AsSpan(50)));
    }

    [Fact]
    public void Nvgre_OnTheWire_CarriesVsidAndFlowId()
    {
        using FigureEight lab = new(EncapsulationType.Nvgre);
        using PacketSocket wire = lab.Router.Run(() => PacketSocket.Open("h2"));
        ReceiveBatch frames = new(64, 4096);

        Assert.True(lab.FabrikamWeb.Pings("10.1.1.11"));

        byte[] outer = Captured(frames, wire, protocol: 47);
        Assert.Equal([0x20, 0, 0x65, 0x58, 0, 0x17, 0x71], outer[34..41]);
        Assert.NotEqual(0, outer[41]);
    }

    [Fact]
    public void Underlay_ForgedPackets_AreCountedUnderTheirOwnReasons()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);
        using NetworkNamespace compartment = NetworkNamespace.Open(lab.Host2.Compartment);
        byte[] inner = [.. Bytes(lab.ContosoSql.Mac), .. Bytes(lab.ContosoWeb.Mac), 0x08, 0x00, .. new byte[46]];
        byte[] strange = [.. Bytes(lab.FabrikamSql.Mac), .. inner[6..]];

        SendVxlan(compartment, 0x08, 9999, IPv4Frame(inner));
        SendVxlan(compartment, 0x00, 5001, IPv4Frame(inner));
        SendVxlan(compartment, 0x08, 5001, inner);
        SendVxlan(compartment, 0x08, 5001, IPv4Frame(strange));
        lab.Router.Run(() =>
        {
            using System.Net.Sockets.Socket socket = new(System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Dgram, 0);
            socket.SendTo([0x08, 0, 0, 0, 0, 0x13, 0x89, 0, .. IPv4Frame(inner)], new System.Net.IPEndPoint(lab.Host1.Address.Value.ToIPAddress(), 4789));
        });

        Assert.True(SpinWait.SpinUntil(() => lab.Host1.UnderlayDrops(DropReason.UnknownProviderAddress) == 1, 3000));
        Assert.Equal(1, lab.Host1.UnderlayDrops(DropReason.UnknownVsid));
        Assert.Equal(1, lab.Host1.UnderlayDrops(DropReason.InvalidEncapsulation));
        Assert.Equal(1, lab.Host1.UnderlayDrops(DropReason.InvalidPacket));
        Assert.Equal(1, lab.Host1.UnderlayDrops(DropReason.WrongInnerDestination));
    }

    [Fact]
    public void Broadcast_ReachesEveryMemberOfTheSubnetAndNobodyElse()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);
        using PacketSocket sql = lab.ContosoSql.Namespace.Run(() => PacketSocket.Open("eth0"));
        using PacketSocket app = lab.ContosoApp.Namespace.Run(() => PacketSocket.Open("eth0"));
        using PacketSocket fabrikam = lab.FabrikamSql.Namespace.Run(() => PacketSocket.Open("eth0"));

        lab.ContosoWeb.Execute("ping", "-b", "-c", "1", "-W", "1", "10.1.1.255");

        Assert.NotEmpty(Received(sql, 1));
        Assert.NotEmpty(Received(app, 1));
        Assert.Empty(Received(fabrikam, 1));
    }

    [Fact]
    public void Host_IsNotReachableThroughAPort()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);
        using RouteSocket host = RouteSocket.Open(lab.Host1.Namespace);
        host.AddAddress(host.GetLink("c-sql"), InetAddress.Parse("10.1.1.99"), 24);
        using RouteSocket guest = RouteSocket.Open(lab.ContosoSql.Namespace);
        guest.SetNeighbour(guest.GetLink("eth0"), InetAddress.Parse("10.1.1.99"), host.GetLink("c-sql").Mac);

        Assert.False(lab.ContosoSql.Pings("10.1.1.99", 2));
    }

    [Fact]
    public void Device_Vanishes_PortIsDetachedAndReported()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);
        VPort port = lab.ContosoSql.Port;
        using RouteSocket host = RouteSocket.Open(lab.Host1.Namespace);

        host.DeleteLink("c-sql");

        Assert.True(SpinWait.SpinUntil(() => lab.Host1.Lost.Contains(port), 5000));
        Assert.Null(port.ExecutorState);
        Assert.True(lab.ContosoWeb.Pings("10.1.1.13"));
    }

    [Fact]
    public void Tap_GuestAsksForItsGateway_IsAnsweredAndReachesAcrossHosts()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);
        VPort port = lab.ContosoApp.Port;
        lab.Host1.Executor.DetachPort(port);
        using RouteSocket host = RouteSocket.Open(lab.Host1.Namespace);
        host.DeleteLink("c-app");
        using TapDevice tap = lab.Host1.Namespace.Run(() => TapDevice.Open("c-app"));
        lab.Host1.Executor.AttachPort(port);
        byte[] mac = Bytes(lab.ContosoApp.Mac);

        tap.Write([.. new byte[10], 255, 255, 255, 255, 255, 255, .. mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, .. mac, 10, 1, 1, 13, 0, 0, 0, 0, 0, 0, 10, 1, 1, 1]);
        byte[] answer = ReadFrame(tap, frame => frame[12] == 8 && frame[13] == 6);
        tap.Write([.. new byte[10], .. Bytes(lab.ContosoWeb.Mac), .. mac, 8, 0, .. EchoRequest()]);
        byte[] reply = ReadFrame(tap, frame => frame[12] == 8 && frame[13] == 0 && frame[23] == 1);

        Assert.Equal([0, 2, 0x00, 0x1D, 0xD8, 0xB7, 0x1C, 0x00, 10, 1, 1, 1], answer[20..32]);
        Assert.Equal([10, 1, 1, 12, 10, 1, 1, 13, 0], reply[26..35]);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("limited")]
    [InlineData("mirrored")]
    public void FastPath_UnderTraffic_AllocatesNothingPerPacket(string extra)
    {
        const string sender = """
            import socket, time
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); end = time.time() + 4
            while time.time() < end:
                try: s.sendto(b'x' * 64, ('10.1.1.11', 9))
                except ConnectionRefusedError: pass
            """;
        using FigureEight lab = new(EncapsulationType.Vxlan, change: (_, policy) => policy with
        {
            Ports =
            [
                .. policy.Ports.Select(port => extra switch
                {
                    "limited" => port with { Qos = new PortQos(5, 0, IsWeight: false, 4) },
                    "mirrored" when port.Name == "c-web" => port with
                    {
                        Mirrors = [new MirrorRule("all", 100, null, [], [], [], [], new TenantEndpoint(FigureEight.Contoso, CustomerAddress.Parse("10.1.1.13")))],
                    },
                    _ => port,
                }),
            ],
        });
        using Process flood = lab.ContosoWeb.Start("python3", "-c", sender);
        using PacketSocket arrived = lab.ContosoSql.Namespace.Run(() => PacketSocket.Open("eth0"));
        ReceiveBatch frames = new(64, 2048);
        Thread.Sleep(1500);

        long before = GC.GetTotalAllocatedBytes(precise: true);
        long packets = 0;
        for (long end = Environment.TickCount64 + 2000; Environment.TickCount64 < end; Thread.Sleep(1))
        {
            for (int count = frames.Receive(arrived, 64); count > 0; count = frames.Receive(arrived, 64))
            {
                packets += count;
            }
        }

        long allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
        flood.WaitForExit();
        Assert.True(packets > 1000, $"only {packets} packets arrived");
        Assert.True(allocated < packets, $"{allocated} bytes for {packets} packets");
    }

    [Fact]
    public void AttachPort_Twice_SaysInUse()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);

        LinuxException refusal = Assert.Throws<LinuxException>(() => lab.Host1.Executor.AttachPort(lab.ContosoSql.Port));

        Assert.True(refusal.IsInUse);
        Assert.Contains("c-sql", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AttachPort_NoDevice_SaysSo()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);
        VPort port = lab.Host1.Switch.AddPort(new NicId(Guid.NewGuid()), "nosuch0");

        LinuxException refusal = Assert.Throws<LinuxException>(() => lab.Host1.Executor.AttachPort(port));

        Assert.True(refusal.IsNotFound);
        Assert.Contains("nosuch0", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DetachAndAttach_UnderTraffic_TrafficGoesOn()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));

        lab.Host1.Executor.DetachPort(lab.ContosoSql.Port);
        Assert.False(lab.ContosoWeb.Pings("10.1.1.11", 1));
        lab.Host1.Executor.AttachPort(lab.ContosoSql.Port);

        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));
    }

    [Fact]
    public void SetProviderEndpoints_SameTwiceThenNone_OpensKeepsAndCloses()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);
        lab.Host1.Executor.SetProviderEndpoints(lab.Host1.Compartment, [new ProviderEndpoint(0, lab.Host1.Address)]);
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));

        lab.Host1.Executor.SetProviderEndpoints(lab.Host1.Compartment, []);
        Assert.False(lab.ContosoWeb.Pings("10.1.1.11", 1));
        lab.Host1.Executor.SetProviderEndpoints(lab.Host1.Compartment, [new ProviderEndpoint(0, lab.Host1.Address)]);

        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));
    }

    private static byte[] Captured(ReceiveBatch frames, PacketSocket wire, byte protocol)
    {
        int count = frames.Receive(wire, 64);
        return Enumerable.Range(0, count).Select(i => frames[i][VirtioNetHeader.Size..].ToArray()).First(frame => frame[12] == 8 && frame[13] == 0 && frame[23] == protocol);
    }

    /// <summary>The IPv4 frames of that protocol waiting in a socket.</summary>
    private static List<byte[]> Received(PacketSocket socket, byte protocol)
    {
        ReceiveBatch frames = new(64, 4096);
        int count = frames.Receive(socket, 64);
        return [.. Enumerable.Range(0, count).Select(i => frames[i][VirtioNetHeader.Size..].ToArray()).Where(frame => frame[12] == 8 && frame[13] == 0 && frame[23] == protocol)];
    }

    private static byte[] ReadFrame(TapDevice tap, Func<byte[], bool> wanted)
    {
        byte[] buffer = new byte[65536 + 10];
        byte[]? found = null;
        bool arrived = SpinWait.SpinUntil(() =>
        {
            int length = tap.Read(buffer);
            found = length > VirtioNetHeader.Size + 34 ? buffer[VirtioNetHeader.Size..length] : null;
            return found is not null && wanted(found);
        }, 3000);
        Assert.True(arrived, "no such frame was read from the TAP");
        return found!;
    }

    /// <summary>An ICMP echo request from 10.1.1.13 to Web.</summary>
    private static byte[] EchoRequest()
    {
        byte[] packet = [0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 1, 1, 13, 10, 1, 1, 12, 8, 0, 0, 0, 0, 7, 0, 1];
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Wire.InternetChecksum.Compute(packet.AsSpan(0, 20)));
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(22), Wire.InternetChecksum.Compute(packet.AsSpan(20)));
        return packet;
    }

    private static byte[] Bytes(MacAddress mac)
    {
        byte[] bytes = new byte[6];
        mac.Write(bytes);
        return bytes;
    }

    /// <summary>The frame with a right IPv4 header of an empty packet of protocol 253 from Web to SQL.</summary>
    private static byte[] IPv4Frame(byte[] frame)
    {
        byte[] copy = [.. frame];
        byte[] header = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0, 10, 1, 1, 12, 10, 1, 1, 11];
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), Wire.InternetChecksum.Compute(header));
        header.CopyTo(copy, 14);
        return copy;
    }

    private static void SendVxlan(NetworkNamespace from, byte flags, int vni, byte[] inner) => from.Run(() =>
    {
        using System.Net.Sockets.Socket socket = new(System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Dgram, 0);
        byte[] datagram = [flags, 0, 0, 0, (byte)(vni >> 16), (byte)(vni >> 8), (byte)vni, 0, .. inner];
        socket.SendTo(datagram, new System.Net.IPEndPoint(System.Net.IPAddress.Parse("192.168.1.10"), 4789));
    });
}
