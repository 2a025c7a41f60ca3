using System.Diagnostics;
using System.Runtime.InteropServices;
using Hnv.Linux;
using Hnv.Linux.Netlink;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Tests;

public sealed class MtuTests
{
    /// <summary>Sends datagrams of one size in one call, without DF, and says when all have come back, in whatever order.</summary>
    private const string UdpEcho = """
        import socket, sys
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3)
        s.setsockopt(socket.IPPROTO_IP, 10, 0)
        size, count = int(sys.argv[2]), int(sys.argv[3])
        d = [bytes((i * 7 + k) % 251 for i in range(size)) for k in range(count)]
        s.setsockopt(17, 103, size)
        s.sendto(b''.join(d), (sys.argv[1], 7))
        while d: d.remove(s.recv(65536))
        print('all')
        """;

    private const string UdpEchoServer = """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.IPPROTO_IP, 10, 0); s.bind(('0.0.0.0', 7)); print('ready', flush=True)
        while True:
            b, a = s.recvfrom(65536); s.sendto(b, a)
        """;

    private const string BulkReceiver = """
        import socket, hashlib
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', 5432)); s.listen()
        print('ready', flush=True)
        c, _ = s.accept(); h = hashlib.sha256(); n = 0
        while (b := c.recv(1 << 20)): h.update(b); n += len(b)
        print(n, h.hexdigest(), flush=True)
        """;

    private const string BulkSender = """
        import socket, hashlib, random, sys
        d = random.Random(8).randbytes(1 << 20); h = hashlib.sha256()
        c = socket.socket(); c.settimeout(10)
        if sys.argv[1] == 'cut': c.setsockopt(socket.IPPROTO_IP, 10, 0)
        c.connect(('10.1.1.11', 5432))
        for _ in range(8): c.sendall(d); h.update(d)
        c.close(); print(8 << 20, h.hexdigest())
        """;

    [Theory]
    [InlineData(EncapsulationType.Vxlan, 1450)]
    [InlineData(EncapsulationType.Nvgre, 1458)]
    public void Ping_WithDfTooLongForTheUnderlay_LearnsHowMuchFits(EncapsulationType encapsulation, int fits)
    {
        using FigureEight lab = new(encapsulation, underlayMtu: 1500);

        (_, string refused) = lab.ContosoWeb.Execute("ping", "-c", "1", "-W", "1", "-M", "do", "-s", $"{fits - 28 + 1}", "10.1.1.11");
        (int exitCode, _) = lab.ContosoWeb.Execute("ping", "-c", "1", "-W", "1", "-M", "do", "-s", $"{fits - 28}", "10.1.1.11");

        Assert.Contains($"mtu = {fits}", refused, StringComparison.Ordinal);
        Assert.Equal(0, exitCode);
    }

    [Theory]
    [InlineData(EncapsulationType.Vxlan)]
    [InlineData(EncapsulationType.Nvgre)]
    public void Udp_WithoutDf_IsCutInsideTheEncapsulation(EncapsulationType encapsulation)
    {
        using FigureEight lab = new(encapsulation, underlayMtu: 1500);
        using Process server = Serve(lab.ContosoSql, UdpEchoServer);
        using PacketSocket wire = lab.Router.Run(() => PacketSocket.Open("h2"));

        (int exitCode, string echoed) = lab.ContosoWeb.Execute("python3", "-c", UdpEcho, "10.1.1.11", "1472", "1");

        Assert.Equal(0, exitCode);
        Assert.Equal("all", echoed.Trim());
        int datagrams = 0;
        foreach ((VirtioNetHeader header, byte[] frame) in Captured(wire).Where(packet => packet.Frame[12] == 8 && packet.Frame[13] == 0))
        {
            const int outerHeaders = 20 + 8;
            int length = header.GsoSize == 0 ? frame.Length - 14 : header.GsoSize + outerHeaders;
            datagrams += header.GsoSize == 0 ? 1 : (frame.Length - 14 - outerHeaders + header.GsoSize - 1) / header.GsoSize;
            Assert.Equal(0x40, frame[20] & 0x60);
            Assert.InRange(length, 20, 1500);
        }

        Assert.Equal(2, datagrams);
        server.Kill();
    }

    [Fact]
    public void Udp_TrainOfDatagramsWithoutDf_EachIsCut()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, underlayMtu: 1500);
        using Process server = Serve(lab.ContosoSql, UdpEchoServer);

        (int exitCode, string echoed) = lab.ContosoWeb.Execute("python3", "-c", UdpEcho, "10.1.1.11", "1472", "10");

        Assert.Equal(0, exitCode);
        Assert.Equal("all", echoed.Trim());
        server.Kill();
    }

    [Theory]
    [InlineData("learn")]
    [InlineData("cut")]
    public void Tcp_SegmentsTooLongForTheUnderlay_ArriveUnchanged(string way)
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, underlayMtu: 1500);
        using Process receiver = Serve(lab.ContosoSql, BulkReceiver);

        (int exitCode, string sent) = lab.ContosoWeb.Execute("python3", "-c", BulkSender, way);

        Assert.Equal(0, exitCode);
        Assert.Equal(sent.Trim(), receiver.StandardOutput.ReadLine());
        receiver.WaitForExit();
    }

    [Theory]
    [InlineData(EncapsulationType.Vxlan, 1350)]
    [InlineData(EncapsulationType.Nvgre, 1358)]
    public void Path_NarrowerBehindARouter_TheSenderLearnsIt(EncapsulationType encapsulation, int fits)
    {
        using FigureEight lab = new(encapsulation);
        using (Process narrow = Process.Start("ip", ["-n", lab.Router.Name, "route", "change", "192.168.1.0/24", "dev", "h1", "mtu", "1400"]))
        {
            narrow.WaitForExit();
        }

        bool learnt = SpinWait.SpinUntil(
            () => lab.ContosoWeb.Execute("ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1472", "10.1.1.11").Output
                .Contains($"mtu = {fits}", StringComparison.Ordinal),
            10_000);

        Assert.True(learnt);
        Assert.Equal(0, lab.ContosoWeb.Execute("ping", "-c", "1", "-W", "1", "-M", "do", "-s", $"{fits - 28}", "10.1.1.11").ExitCode);
        Assert.Equal(0, lab.ContosoWeb.Execute("ping", "-c", "1", "-W", "1", "-M", "dont", "-s", "1472", "10.1.1.11").ExitCode);
    }

    [Fact]
    public void Device_ShrinksUnnoticed_TheKernelsRefusalIsCountedAndLearnt()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);
        using NetworkNamespace compartment = NetworkNamespace.Open(lab.Host2.Compartment);
        using (RouteSocket inside = RouteSocket.Open(compartment))
        {
            inside.SetMtu("pa0", 1300);
        }

        (_, _) = lab.ContosoWeb.Execute("ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1472", "10.1.1.11");
        long refused = lab.ContosoWeb.Port.Counts(Direction.Outbound).Drops.GetValueOrDefault(DropReason.MtuExceeded);
        bool learnt = SpinWait.SpinUntil(
            () => lab.ContosoWeb.Execute("ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1472", "10.1.1.11").Output
                .Contains("mtu = 1250", StringComparison.Ordinal),
            10_000);

        Assert.Equal(1, refused);
        Assert.True(learnt);
    }

    private static Process Serve(FigureEight.Guest guest, string program)
    {
        Process server = guest.Start("python3", "-c", program);
        Assert.Equal("ready", server.StandardOutput.ReadLine());
        return server;
    }

    private static List<(VirtioNetHeader Header, byte[] Frame)> Captured(PacketSocket wire)
    {
        ReceiveBatch frames = new(64, 4096);
        int count = frames.Receive(wire, 64);
        return
        [
            .. Enumerable.Range(0, count).Select(i => (MemoryMarshal.Read<VirtioNetHeader>(frames[i]), frames[i][VirtioNetHeader.Size..].ToArray())),
        ];
    }
}
