using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Hnv.Compiler;
using Hnv.Dataplane.Userspace;
using Hnv.Linux;
using Hnv.Linux.Netlink;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Tests;

public sealed class PlainPortTests
{
    private const string BulkReceiver = """
        import socket, hashlib
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', 5432)); s.listen()
        print('ready', flush=True)
        c, _ = s.accept(); h = hashlib.sha256(); n = 0
        while (b := c.recv(1 << 20)): h.update(b); n += len(b)
        print(n, h.hexdigest(), flush=True)
        """;

    private const string BulkSender = """
        import socket, hashlib, random
        d = random.Random(8).randbytes(1 << 20); h = hashlib.sha256()
        c = socket.create_connection(('10.9.0.2', 5432), 5)
        for _ in range(16): c.sendall(d); h.update(d)
        c.close(); print(16 << 20, h.hexdigest())
        """;

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void Guests_OfTwoHosts_MeetOnThePhysicalNetwork(int vlan)
    {
        using Segment segment = new(vlan, vlan);

        Assert.True(segment.Host1.Guest.Pings("10.9.0.2"));
        Assert.True(segment.Host2.Guest.Pings("10.9.0.1"));
    }

    [Fact]
    public void Guests_InDifferentVlans_DoNotMeet()
    {
        using Segment segment = new(7, 8);

        Assert.False(segment.Host1.Guest.Pings("10.9.0.2", 2));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void Tcp_Bulk_TravelsInSuperPacketsAndArrivesUnchanged(int vlan)
    {
        using Segment segment = new(vlan, vlan);
        using PacketSocket wire = segment.Host2.Namespace.Run(() => PacketSocket.Open("eth0"));
        using Process receiver = segment.Host2.Guest.Start("python3", "-c", BulkReceiver);
        Assert.Equal("ready", receiver.StandardOutput.ReadLine());

        (int exitCode, string sent) = segment.Host1.Guest.Execute("python3", "-c", BulkSender);

        Assert.Equal(0, exitCode);
        Assert.Equal(sent.Trim(), receiver.StandardOutput.ReadLine());
        receiver.WaitForExit();
        Assert.Contains(Received(wire), frame => frame.Bytes.Length > 20_000 && frame.Vlan == vlan);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void Frames_OfAnyKind_ArriveBitByBitAndInTheirVlan(int vlan)
    {
        using Segment segment = new(vlan, vlan);
        Assert.True(segment.Host1.Guest.Pings("10.9.0.2"));
        using PacketSocket sender = segment.Host1.Guest.Namespace.Run(() => PacketSocket.Open("eth0"));
        using PacketSocket wire = segment.Host2.Namespace.Run(() => PacketSocket.Open("eth0"));
        using PacketSocket receiver = segment.Host2.Guest.Namespace.Run(() => PacketSocket.Open("eth0"));
        byte[] unicast = [.. Bytes(segment.Host2.Guest.Mac), .. Bytes(segment.Host1.Guest.Mac)];
        byte[] group = [255, 255, 255, 255, 255, 255, .. Bytes(segment.Host1.Guest.Mac)];
        byte[][] frames =
        [
            [.. unicast, 0x88, 0xB5, .. Enumerable.Range(0, 700).Select(i => (byte)(i * 7))],       // an experimental EtherType
            [.. group, 0x88, 0xB5, .. Enumerable.Range(0, 60).Select(i => (byte)i)],
            [.. group, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2, .. Bytes(segment.Host1.Guest.Mac), 10, 9, 0, 1, .. new byte[6], 10, 9, 0, 1, .. new byte[18]],
            [.. unicast, .. OddIPv4()],
        ];

        foreach (byte[] frame in frames)
        {
            Send(sender, frame);
        }

        List<(int Vlan, byte[] Bytes)> onTheWire = [], arrived = [];
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                onTheWire.AddRange(Received(wire));
                arrived.AddRange(Received(receiver));
                return frames.All(frame => onTheWire.Exists(other => other.Bytes.AsSpan().SequenceEqual(frame))
                    && arrived.Exists(other => other.Bytes.AsSpan().SequenceEqual(frame)));
            },
            3000));
        Assert.All(frames, frame => Assert.Contains(onTheWire, other => other.Vlan == vlan && other.Bytes.AsSpan().SequenceEqual(frame)));
        Assert.All(frames, frame => Assert.Single(arrived, other => other.Bytes.AsSpan().SequenceEqual(frame)));
    }

    [Fact]
    public void HostsOwnTraffic_OnTheUplink_GoesOnAndReachesNoGuest()
    {
        using Segment segment = new(0, 0);
        Assert.True(segment.Host1.Guest.Pings("10.9.0.2"));
        using PacketSocket guest = segment.Host2.Guest.Namespace.Run(() => PacketSocket.Open("eth0"));

        using Process ping = Process.Start(
            new ProcessStartInfo("ip", ["netns", "exec", segment.Host1.Namespace.Name, "ping", "-c", "3", "-i", "0.2", "-W", "1", "192.0.2.2"])
            {
                RedirectStandardOutput = true,
            })!;
        ping.WaitForExit();

        Assert.Equal(0, ping.ExitCode);
        Assert.DoesNotContain(Received(guest), frame => frame.Bytes[12] == 8 && frame.Bytes[13] == 0 && frame.Bytes[23] == 1);
    }

    [Fact]
    public void Unicast_ToAGuestsMacInAnotherVlan_IsCounted()
    {
        using Segment segment = new(7, 8);
        Assert.True(segment.Host1.Listens && segment.Host2.Listens);
        using PacketSocket sender = segment.Host1.Guest.Namespace.Run(() => PacketSocket.Open("eth0"));

        Send(sender, [.. Bytes(segment.Host2.Guest.Mac), .. Bytes(segment.Host1.Guest.Mac), 0x88, 0xB5, .. new byte[60]]);

        Assert.True(SpinWait.SpinUntil(() => segment.Host2.Switch.UnderlayDrops.GetValueOrDefault(DropReason.UnknownVlan) == 1, 3000));
    }

    [Fact]
    public void LastPlainPort_Gone_UplinkIsLetGo()
    {
        using Segment segment = new(0, 0);
        Assert.True(segment.Host1.Listens);

        segment.Host1.Switch.Install(SwitchProgram.Empty);

        Assert.True(SpinWait.SpinUntil(() => !segment.Host1.IsPromiscuous, 5000));
    }

    private static byte[] OddIPv4()
    {
        byte[] packet = [0x08, 0x00, 0x46, 3, 0, 40, 0xAB, 0xCD, 0x40, 0, 1, 200, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2, 1, 1, 1, 0, .. Enumerable.Range(0, 26).Select(i => (byte)~i)];
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(12), Wire.InternetChecksum.Compute(packet.AsSpan(2, 24)));
        return packet;
    }

    private static void Send(PacketSocket socket, byte[] frame)
    {
        TransmitBatch batch = new();
        int message = batch.Begin(socket);
        frame.CopyTo(batch.AppendScratch(message, VirtioNetHeader.Size + frame.Length)[VirtioNetHeader.Size..]);
        Assert.Equal(1, batch.Flush());
    }

    private static List<(int Vlan, byte[] Bytes)> Received(PacketSocket socket)
    {
        ReceiveBatch batch = new(64, 66_000);
        List<(int, byte[])> frames = [];
        for (int count = batch.Receive(socket, 64); count > 0; count = batch.Receive(socket, 64))
        {
            frames.AddRange(Enumerable.Range(0, count).Select(i => ((int)batch.ReadAncillary(i).VlanId, batch[i][VirtioNetHeader.Size..].ToArray())));
        }

        return frames;
    }

    private static byte[] Bytes(MacAddress mac)
    {
        byte[] bytes = new byte[6];
        mac.Write(bytes);
        return bytes;
    }

    /// <summary>Two hosts on one wire, each with an address of its own and one guest whose port has no VSID.</summary>
    private sealed class Segment : IDisposable
    {
        private static int s_count;

        private readonly string _prefix = string.Create(CultureInfo.InvariantCulture, $"hnv-t-plain-{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}-");
        private readonly List<NetworkNamespace> _namespaces = [];

        public Segment(int vlan1, int vlan2)
        {
            NetworkNamespace one = Make("h1"), two = Make("h2");
            using (RouteSocket there = RouteSocket.Open(one))
            {
                there.CreateVeth("eth0", "eth0", two, 1500);
            }

            Host1 = new Host(one, Make("g1"), 1, vlan1);
            Host2 = new Host(two, Make("g2"), 2, vlan2);
            Assert.True(Host1.Listens && Host2.Listens);
        }

        public Host Host1 { get; }

        public Host Host2 { get; }

        public void Dispose()
        {
            Host1.Executor.Dispose();
            Host2.Executor.Dispose();
            foreach (NetworkNamespace ns in _namespaces)
            {
                string name = ns.Name;
                ns.Dispose();
                NetworkNamespace.Delete(name);
            }
        }

        private NetworkNamespace Make(string name)
        {
            NetworkNamespace ns = NetworkNamespace.Create(_prefix + name);
            _namespaces.Add(ns);
            return ns;
        }
    }

    private sealed class Host
    {
        public Host(NetworkNamespace ns, NetworkNamespace guest, int number, int vlan)
        {
            Namespace = ns;
            Guest = new Machine(guest, MacAddress.FromNumber(0x02_00_00_00_09_00 + (ulong)number));
            using RouteSocket here = RouteSocket.Open(ns);
            here.SetUp("eth0");
            here.AddAddress(here.GetLink("eth0"), InetAddress.Parse($"192.0.2.{number}"), 24);
            here.CreateVeth("port", "eth0", guest, 1500);
            here.SetUp("port");
            using RouteSocket inside = RouteSocket.Open(guest);
            inside.SetMac("eth0", Guest.Mac);
            inside.SetUp("eth0");
            inside.AddAddress(inside.GetLink("eth0"), InetAddress.Parse($"10.9.0.{number}"), 24);

            NicId nic = new(Guid.NewGuid());
            Executor = ns.Run(() => new UserspaceExecutor(Switch));
            PortPolicy port = new(nic, "plain", default, Guest.Mac, [], PortSettings.Default, []) { VlanId = vlan };
            CompileResult compiled = HostCompiler.Compile(HostPolicy.Empty with { Ports = [port] });
            Assert.Empty(compiled.Errors);
            Executor.Start();
            Executor.SetUplink("eth0");
            Switch.Install(compiled.Program);
            Executor.AttachPort(Switch.AddPort(nic, "port"));
        }

        public NetworkNamespace Namespace { get; }

        public Machine Guest { get; }

        public VSwitch Switch { get; } = new();

        public UserspaceExecutor Executor { get; }

        /// <summary>Waits until the executor has noticed that policy has a port without a VSID.</summary>
        public bool Listens => SpinWait.SpinUntil(() => IsPromiscuous, 5000);

        public bool IsPromiscuous => Namespace.Run(() => File.ReadAllText("/proc/thread-self/net/packet")).Split('\n').Length > 3;
    }

    private sealed record Machine(NetworkNamespace Namespace, MacAddress Mac)
    {
        public bool Pings(string address, int count = 3) =>
            Execute("ping", "-c", count.ToString(CultureInfo.InvariantCulture), "-i", "0.2", "-W", "1", address).ExitCode == 0;

        public (int ExitCode, string Output) Execute(params string[] command)
        {
            using Process process = Start(command);
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output);
        }

        public Process Start(params string[] command) => Process.Start(
            new ProcessStartInfo("ip", ["netns", "exec", Namespace.Name, .. command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
    }
}
