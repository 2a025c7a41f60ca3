using System.Diagnostics;
using Hnv.Linux;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Dataplane.Tests;

public sealed class MirrorTests
{
    private const string BulkReceiver = """
        import socket
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', 5432)); s.listen()
        print('ready', flush=True)
        c, _ = s.accept(); n = 0
        while (b := c.recv(1 << 20)): n += len(b)
        print(n, flush=True)
        """;

    private const string BulkSender = """
        import socket
        c = socket.create_connection(('10.1.1.11', 5432), 5); c.sendall(bytes(4 << 20)); c.close()
        """;

    [Theory]
    [InlineData(EncapsulationType.Vxlan, true)]
    [InlineData(EncapsulationType.Nvgre, true)]
    [InlineData(EncapsulationType.Vxlan, false)]
    public void Ping_OfAMirroredPort_ReachesTheApplianceInBothDirections(EncapsulationType encapsulation, bool applianceIsElsewhere)
    {
        // Web is mirrored to App, which lives on the other host; or SQL is, which lives on App's own.
        using FigureEight lab = Mirrored(encapsulation, applianceIsElsewhere ? "c-web" : "c-sql", "10.1.1.13");
        using PacketSocket appliance = lab.ContosoApp.Namespace.Run(() => PacketSocket.Open("eth0"));

        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));

        List<byte[]> copies = [.. Frames(appliance).Where(frame => frame[12] == 8 && frame[13] == 0 && frame[23] == 1)];
        Assert.Equal(3, copies.Count(frame => frame[34] == 8));
        Assert.Equal(3, copies.Count(frame => frame[34] == 0));
        Assert.All(copies, frame => Assert.Equal(lab.ContosoApp.Mac, MacAddress.Read(frame)));
        Assert.All(copies, frame => Assert.NotEqual(lab.ContosoApp.Mac, MacAddress.Read(frame.AsSpan(6))));
    }

    [Theory]
    [InlineData("c-web")]
    [InlineData("c-sql")]
    public void Tcp_SuperPackets_AreCopiedWhole(string mirrored)
    {
        using FigureEight lab = Mirrored(EncapsulationType.Vxlan, mirrored, "10.1.1.13");
        using PacketSocket appliance = lab.ContosoApp.Namespace.Run(() => PacketSocket.Open("eth0"));
        using Process receiver = lab.ContosoSql.Start("python3", "-c", BulkReceiver);
        Assert.Equal("ready", receiver.StandardOutput.ReadLine());

        Assert.Equal(0, lab.ContosoWeb.Execute("python3", "-c", BulkSender).ExitCode);

        Assert.Equal("4194304", receiver.StandardOutput.ReadLine());
        receiver.WaitForExit();
        long payload = Frames(appliance)
            .Where(frame => frame[12] == 8 && frame[13] == 0 && frame[23] == 6 && frame[29] == 12)
            .Sum(frame => (frame[16] << 8) + frame[17] - 20L - ((frame[46] >> 4) * 4));
        Assert.InRange(payload, 4 << 20, 5 << 20);
    }

    [Fact]
    public void Packet_ThatTheFirewallStops_IsCopiedAllTheSame()
    {
        AclRule block = new("deny", AclLevel.Subnet, Direction.Outbound, AclAction.Block, 100, null, [], [], [], [], Logging: false);
        using FigureEight lab = Mirrored(EncapsulationType.Vxlan, "c-web", "10.1.1.13", block);
        using PacketSocket appliance = lab.ContosoApp.Namespace.Run(() => PacketSocket.Open("eth0"));

        Assert.False(lab.ContosoWeb.Pings("10.1.1.11", 1));

        Assert.Single(Frames(appliance), frame => frame[12] == 8 && frame[13] == 0 && frame[23] == 1);
    }

    [Fact]
    public void TwoPorts_ThatAreEachOthersAppliance_DoNotCopyForEver()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, change: (_, policy) => WithMirror(
            WithMirror(policy, "c-web", "10.1.1.11"), "c-sql", "10.1.1.12"));

        Assert.True(lab.ContosoWeb.Pings("10.1.1.11", 1));
        Thread.Sleep(200);
        long before = lab.ContosoWeb.Port.Counts(Direction.Inbound).Packets;
        Thread.Sleep(300);

        Assert.Equal(before, lab.ContosoWeb.Port.Counts(Direction.Inbound).Packets);
        Assert.InRange(before, 1, 20);
    }

    [Fact]
    public void Broadcast_OfAMirroredPort_IsCopiedOnceBesideItsReplicas()
    {
        using FigureEight lab = Mirrored(EncapsulationType.Vxlan, "c-web", "10.1.1.13");
        using PacketSocket appliance = lab.ContosoApp.Namespace.Run(() => PacketSocket.Open("eth0"));

        lab.ContosoWeb.Execute("ping", "-b", "-c", "1", "-W", "1", "10.1.1.255");

        List<byte[]> echoes = [.. Frames(appliance).Where(frame => frame[12] == 8 && frame[13] == 0 && frame[23] == 1 && frame[34] == 8)];
        Assert.Equal(2, echoes.Count);
        Assert.Single(echoes, frame => frame[33] == 255);
    }

    private static FigureEight Mirrored(EncapsulationType encapsulation, string port, string appliance, params AclRule[] rules) =>
        new(encapsulation, change: (_, policy) => WithMirror(policy, port, appliance, rules));

    private static HostPolicy WithMirror(HostPolicy policy, string port, string appliance, params AclRule[] rules) => policy with
    {
        Ports = [.. policy.Ports.Select(each => each.Name != port ? each : each with
        {
            Rules = [.. rules],
            Mirrors = [new MirrorRule("all", 100, null, [], [], [], [], new TenantEndpoint(FigureEight.Contoso, CustomerAddress.Parse(appliance)))],
        })],
    };

    private static List<byte[]> Frames(PacketSocket socket)
    {
        ReceiveBatch batch = new(64, 66_000);
        List<byte[]> frames = [];
        Thread.Sleep(200);
        for (int count = batch.Receive(socket, 64); count > 0; count = batch.Receive(socket, 64))
        {
            frames.AddRange(Enumerable.Range(0, count).Select(i => batch[i][VirtioNetHeader.Size..].ToArray()));
        }

        return frames;
    }
}
