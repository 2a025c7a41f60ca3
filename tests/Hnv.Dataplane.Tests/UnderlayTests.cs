using System.Diagnostics;
using Hnv.Linux;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Tests;

/// <summary>The provider network in its variants: IPv6, teams, congestion marks, a fixed DSCP; and a worker that meets a bug.</summary>
public sealed class UnderlayTests
{
    [Theory]
    [InlineData(EncapsulationType.Vxlan)]
    [InlineData(EncapsulationType.Nvgre)]
    public void IPv6Provider_PingAndBulk_Arrive(EncapsulationType encapsulation)
    {
        using FigureEight lab = new(encapsulation, isIPv6: true);

        // The router's addresses are good for use once nobody has objected to them.
        Assert.True(SpinWait.SpinUntil(() => lab.ContosoWeb.Pings("10.1.1.11"), 10_000));
        Assert.True(lab.FabrikamWeb.Pings("10.1.1.11"));
        Assert.Equal(4 << 20, Transfer(lab.ContosoWeb, lab.ContosoSql, 4 << 20));
    }

    [Fact]
    public void IPv6Provider_TooLongForTheUnderlay_SenderLearnsHowMuchFits()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, underlayMtu: 1500, isIPv6: true);

        (_, string refused) = lab.ContosoWeb.Execute("ping", "-c", "1", "-W", "1", "-M", "do", "-s", "1472", "10.1.1.11");

        Assert.Contains("mtu = 1430", refused, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Team_ManyFlows_LeaveByBothUplinksAndAllArrive(bool isIPv6)
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, isTeam: true, isIPv6: isIPv6);
        using PacketSocket first = lab.Router.Run(() => PacketSocket.Open("h2")), second = lab.Router.Run(() => PacketSocket.Open("h2-1"));

        using Process server = lab.ContosoSql.Start("python3", "-c", """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 7)); print('ready', flush=True)
            while True:
                b, a = s.recvfrom(64); s.sendto(b, a)
            """);
        Assert.Equal("ready", server.StandardOutput.ReadLine());
        Assert.True(SpinWait.SpinUntil(() => lab.ContosoWeb.Pings("10.1.1.11"), 10_000));

        (int exitCode, string output) = lab.ContosoWeb.Execute("python3", "-c", """
            import socket
            for port in range(20000, 20032):
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('10.1.1.12', port)); s.connect(('10.1.1.11', 7)); s.settimeout(2)
                s.send(b'x'); s.recv(1)
            """);

        server.Kill();
        Assert.True(exitCode == 0, output);
        Assert.InRange(Encapsulated(first, lab.Host2.Addresses[0]), 4, 60);
        Assert.InRange(Encapsulated(second, lab.Host2.Addresses[1]), 4, 60);
    }

    /// <summary>RFC 6040 §4.2: the inner field that arrives, for what the sender wrote and what the provider network made of the outer one.</summary>
    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(1, 1, 1)]
    [InlineData(2, 2, 2)]
    [InlineData(3, 3, 3)]
    [InlineData(0, 3, -1)]
    [InlineData(1, 3, 3)]
    [InlineData(2, 3, 3)]
    [InlineData(2, 1, 1)]
    public void Ecn_ThroughATunnel_IsWhatTheStandardSays(int inner, int outer, int expected)
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);
        using PacketSocket sql = lab.ContosoSql.Namespace.Run(() => PacketSocket.Open("eth0"));
        using PacketSocket wire = lab.Router.Run(() => PacketSocket.Open("h2"));
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11", 1));
        _ = Frames(sql);

        // The router's own marks are made here: the tunnel's datagram is taken off the wire and sent again with another outer field.
        _ = Frames(wire);
        using NetworkNamespace compartment = NetworkNamespace.Open(lab.Host2.Compartment);
        (_, _) = lab.ContosoWeb.Execute("ping", "-c", "1", "-W", "1", "-p", "5a", "-Q", $"{inner}", "10.1.1.11");
        byte[] datagram = Frames(wire).First(frame => frame[12] == 8 && frame[13] == 0 && frame[23] == 17)[42..];
        Assert.Equal(inner, Frames(sql).First(frame => frame[12] == 8 && frame[13] == 0 && frame[23] == 1)[15] & 3);
        compartment.Run(() =>
        {
            using System.Net.Sockets.Socket socket = new(System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Dgram, 0);
            socket.SetRawSocketOption(0, 1, BitConverter.GetBytes(outer));
            socket.Bind(new System.Net.IPEndPoint(lab.Host2.Address.Value.ToIPAddress(), 0));
            _ = socket.SendTo(datagram, new System.Net.IPEndPoint(lab.Host1.Address.Value.ToIPAddress(), 4789));
        });

        if (expected < 0)
        {
            Assert.True(SpinWait.SpinUntil(
                () => lab.ContosoSql.Port.Counts(Direction.Inbound).Drops.GetValueOrDefault(DropReason.EcnNotCapable) == 1, 3000));
            return;
        }

        List<byte[]> arrived = [];
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                arrived.AddRange(Frames(sql).Where(frame => frame[12] == 8 && frame[13] == 0 && frame[23] == 1));
                return arrived.Count > 0;
            },
            3000));
        Assert.Equal(expected, arrived[0][15] & 3);
        Assert.Equal(0, Wire.InternetChecksum.Compute(arrived[0].AsSpan(14, 20)));
    }

    [Fact]
    public void FixedDscp_OnTheWire_StandsInTheOuterHeaderWithTheInnerCongestionField()
    {
        using FigureEight lab = new(
            EncapsulationType.Vxlan, change: (_, policy) => policy with { Settings = policy.Settings with { OuterDscp = 46 } });
        using PacketSocket wire = lab.Router.Run(() => PacketSocket.Open("h2"));

        (_, _) = lab.ContosoWeb.Execute("ping", "-c", "1", "-W", "1", "-Q", "0x29", "10.1.1.11");

        byte[] outer = Frames(wire).First(frame => frame[12] == 8 && frame[13] == 0 && frame[23] == 17 && frame.AsSpan(26, 4).SequenceEqual((ReadOnlySpan<byte>)[192, 168, 2, 20]));
        Assert.Equal((46 << 2) | 1, outer[15]);
        Assert.Equal(0x29, outer[65]);
    }

    [Fact]
    public void Worker_MeetsABug_TellsItAndGoesOnWithTheOthers()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan);
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));
        SwitchProgram program = lab.Host2.Switch.Program;
        Rule bug = new("BUG", 100, Condition.Any, null!, Terminating: true);
        PortProgram broken = program.Ports[lab.ContosoWeb.Nic] with
        {
            Layers = [new Layer("BUG", 1, LayerConnections.AsksEachPacket, [new RuleGroup("BUG", Direction.Outbound, true, 100, [bug])])],
        };

        lab.Host2.Switch.Install(program with
        {
            Ports = System.Collections.Frozen.FrozenDictionary.ToFrozenDictionary(
                program.Ports.Select(port => port.Key == lab.ContosoWeb.Nic ? new(port.Key, broken) : port)),
        });

        Assert.False(lab.ContosoWeb.Pings("10.1.1.11", 1));
        Assert.NotEmpty(lab.Host2.Faults);
        Assert.True(lab.FabrikamWeb.Pings("10.1.1.11"));
        lab.Host2.Switch.Install(program);
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));
    }

    private static int Transfer(FigureEight.Guest from, FigureEight.Guest to, int bytes)
    {
        using Process receiver = to.Start("python3", "-c", """
            import socket
            s = socket.socket(); s.bind(('0.0.0.0', 5432)); s.listen(); print('ready', flush=True)
            c, _ = s.accept(); n = 0
            while (b := c.recv(1 << 20)): n += len(b)
            print(n, flush=True)
            """);
        Assert.Equal("ready", receiver.StandardOutput.ReadLine());
        (int exitCode, string output) = from.Execute(
            "python3", "-c", $"import socket; c = socket.create_connection(('{to.Address}', 5432), 5); c.sendall(bytes({bytes})); c.close()");
        Assert.True(exitCode == 0, output);
        return int.Parse(receiver.StandardOutput.ReadLine()!, System.Globalization.CultureInfo.InvariantCulture);
    }

    private static int Encapsulated(PacketSocket wire, ProviderAddress source)
    {
        int offset = source.Value.IsIPv4 ? 26 : 22;
        byte[] address = new byte[source.Value.Size];
        source.Value.Write(address);
        return Frames(wire).Count(frame => frame.AsSpan(offset, address.Length).SequenceEqual(address));
    }

    private static List<byte[]> Frames(PacketSocket socket)
    {
        ReceiveBatch batch = new(64, 66_000);
        List<byte[]> frames = [];
        for (int count = batch.Receive(socket, 64); count > 0; count = batch.Receive(socket, 64))
        {
            frames.AddRange(Enumerable.Range(0, count).Select(i => batch[i][VirtioNetHeader.Size..].ToArray()).Where(frame => frame.Length >= 54));
        }

        return frames;
    }
}
