using System.Diagnostics;
using System.Globalization;
using Hnv.Dataplane.Ebpf;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Tests;

/// <summary>
/// What only the fast path has: packets that the engine does not see, policy that reaches them all the same, and the queue to the engine. That it
/// does to packets what the executor does is held by the other tests of this project, run with HNV_EXECUTOR=ebpf.
/// </summary>
public sealed class EbpfFastPathTests
{
    private const string Echo = """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('10.1.1.11', 7000)); print('ready', flush=True)
        while True: d, a = s.recvfrom(2048); s.sendto(d, a)
        """;

    private const string Ask = """
        import socket, sys
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2); s.connect(('10.1.1.11', 7000))
        n = int(sys.argv[1]); lost = 0
        for i in range(n):
            s.send(b'x' * 64)
            try: s.recv(2048)
            except TimeoutError: lost += 1
        print(lost)
        """;

    [Theory]
    [InlineData(EncapsulationType.Vxlan, false)]
    [InlineData(EncapsulationType.Nvgre, false)]
    [InlineData(EncapsulationType.Vxlan, true)]
    [InlineData(EncapsulationType.Nvgre, true)]
    public void EstablishedFlow_IsCarriedWithoutTheEngine_AndCountedThere(EncapsulationType encapsulation, bool overIPv6)
    {
        using FigureEight lab = new(encapsulation, isIPv6: overIPv6, inKernel: true);
        using Process echo = Serve(lab.ContosoSql);
        VPort web = lab.ContosoWeb.Port, sql = lab.ContosoSql.Port;

        // Until the next hops are found the executor sends.
        Assert.True(SpinWait.SpinUntil(() => Exchange(lab.ContosoWeb, 20) == "0" && lab.Host1.FastPath!.UsableHops + lab.Host2.FastPath!.UsableHops == 2, 20_000));
        Age(lab);
        (long sent, long received) = (web.Counts(Direction.Outbound).Packets, sql.Counts(Direction.Inbound).Packets);

        Assert.Equal("0", Exchange(lab.ContosoWeb, 200));

        // The engine saw the first few of 200; the rest it hears of when it counts.
        Assert.InRange(web.Counts(Direction.Outbound).Packets - sent, 1, 50);
        Assert.InRange(sql.Counts(Direction.Inbound).Packets - received, 1, 50);
        Age(lab);
        Assert.True(web.Counts(Direction.Outbound).Packets - sent >= 200);
        Assert.True(sql.Counts(Direction.Inbound).Packets - received >= 200);
        Assert.Contains(web.Flows(Direction.Outbound, 100), flow => flow is { Packets: 200, Bytes: 200 * (64 + 42) });
        Stop(echo);
    }

    [Fact]
    public void LocalFlow_IsCarriedWithoutTheEngine()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true);
        using Process echo = Serve(lab.ContosoSql);

        Assert.Equal("0", Exchange(lab.ContosoApp, 200));

        Assert.InRange(lab.ContosoApp.Port.Counts(Direction.Outbound).Packets, 1, 100);
        Age(lab);
        Assert.True(lab.ContosoSql.Port.Counts(Direction.Inbound).Packets >= 200);
        Stop(echo);
    }

    [Fact]
    public void PolicyChange_TheNextPacketOfAFlowInTheKernelFeelsIt()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true);
        using Process echo = Serve(lab.ContosoSql);
        Assert.Equal("0", Exchange(lab.ContosoWeb, 50));

        AclRule deny = new("deny", AclLevel.NetworkInterface, Direction.Inbound, AclAction.Block, 100, null, [], [], [], [], Logging: false);
        HostPolicy policy = lab.Host1.Policy();
        lab.Host1.Install(policy with { Ports = [.. policy.Ports.Select(port => port.Name == "c-sql" ? port with { Rules = [deny] } : port)] });

        Assert.Equal("1", Exchange(lab.ContosoWeb, 1));
        Assert.True(lab.ContosoSql.Port.Counts(Direction.Inbound).Drops.GetValueOrDefault(DropReason.Acl) > 0);
        lab.Host1.Install(policy);
        Assert.Equal("0", Exchange(lab.ContosoWeb, 1));
        Stop(echo);
    }

    [Fact]
    public void ForgottenFlow_LeavesTheKernel()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true);
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));
        bool had = lab.Host1.FastPath!.FlowCount > 0;

        // Once to hear of the last packets, once when they are long ago.
        lab.Host1.Switch.Age(Environment.TickCount64);
        lab.Host1.Switch.Age(Environment.TickCount64 + 120_000);

        Assert.True(had);
        Assert.Equal(0, lab.Host1.FastPath.FlowCount);
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));
    }

    [Fact]
    public void DetachedPort_IsWalledAgain_AndTheOthersGoOn()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true);
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));

        lab.Host1.Executor.DetachPort(lab.ContosoSql.Port);

        Assert.False(lab.ContosoWeb.Pings("10.1.1.11", 1));
        Assert.True(lab.ContosoWeb.Pings("10.1.1.13"));
        lab.Host1.Executor.AttachPort(lab.ContosoSql.Port);
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));
    }

    [Fact]
    public void FloodOfNewFlows_IsHeldToItsOwnRoom_AndAnotherTenantsFirstPacketsPass()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true);
        Assert.True(lab.FabrikamWeb.Pings("10.1.1.11"));
        using Process flood = lab.ContosoWeb.Start("python3", "-c", """
            import socket, random
            s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(64)]
            while True:
                for x in s:
                    try: x.sendto(b'y', ('10.1.1.11', random.randrange(1024, 65536)))
                    except OSError: pass
            """);
        try
        {
            Assert.True(SpinWait.SpinUntil(() => lab.ContosoWeb.Port.Counts(Direction.Outbound).Packets > 2000, 10_000));

            // Each ping is a flow of its own.
            int answered = Enumerable.Range(0, 20).Count(_ => lab.FabrikamWeb.Execute("ping", "-c", "1", "-W", "2", "10.1.1.11").ExitCode == 0);

            Assert.Equal(20, answered);
        }
        finally
        {
            flood.Kill();
        }
    }

    [Fact]
    public void QueueToTheEngine_WhenFull_RefusesAndCounts()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true);
        lab.Host2.Executor.Pause(() =>
        {
            // Nobody takes anything: the port's room fills up.
            _ = lab.ContosoWeb.Execute("python3", "-c", """
                import socket
                s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0))
                for _ in range(6000): s.send(b'\x02' * 12 + b'\x08\x00' + b'\x00' * 50)
                """);
        });

        Age(lab);

        long refused = lab.ContosoWeb.Port.Counts(Direction.Outbound).Drops.GetValueOrDefault(DropReason.PuntLimit);
        Assert.InRange(refused, 6000 - Abi.PuntWindow - 100, 6000);
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));
    }

    [Fact]
    public void Verifier_WalksFarLessThanItsLimit()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true);

        (int port, int uplink) = lab.Host1.FastPath!.VerifiedInstructions;

        Assert.InRange(port, 1, 100_000);
        Assert.InRange(uplink, 1, 100_000);
    }

    [Theory]
    [InlineData("tso", "off")]
    [InlineData("tx", "off")]
    public void Tcp_WithOffloadsOfTheGuestOff_ArrivesUnchanged(string feature, string value)
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true);
        foreach (FigureEight.Guest guest in (FigureEight.Guest[])[lab.ContosoWeb, lab.ContosoSql])
        {
            Assert.Equal(0, guest.Execute("ethtool", "-K", "eth0", feature, value).ExitCode);
        }

        using Process receiver = lab.ContosoSql.Start("python3", "-c", UserspaceExecutorTests.BulkReceiver);
        Assert.Equal("ready", receiver.StandardOutput.ReadLine());

        (int exitCode, string sent) = lab.ContosoWeb.Execute("python3", "-c", UserspaceExecutorTests.BulkSender);

        Assert.Equal(0, exitCode);
        Assert.Equal(sent.Trim(), receiver.StandardOutput.ReadLine());
        Age(lab);
        Assert.Contains(lab.ContosoWeb.Port.Flows(Direction.Outbound, 100), flow => flow.Bytes > 30 << 20);
    }

    private static void Age(FigureEight lab)
    {
        lab.Host1.Switch.Age(Environment.TickCount64);
        lab.Host2.Switch.Age(Environment.TickCount64);
    }

    private static Process Serve(FigureEight.Guest guest)
    {
        Process echo = guest.Start("python3", "-c", Echo);
        Assert.Equal("ready", echo.StandardOutput.ReadLine());
        return echo;
    }

    /// <summary>How many of so many questions had no answer.</summary>
    private static string Exchange(FigureEight.Guest guest, int count) =>
        guest.Execute("python3", "-c", Ask, count.ToString(CultureInfo.InvariantCulture)).Output.Trim();

    private static void Stop(Process process) => process.Kill(entireProcessTree: true);
}
