using System.Diagnostics;
using System.Globalization;
using Hnv.Dataplane.Ebpf;
using Hnv.Linux.Bpf;
using Hnv.Policy;
using Hnv.Primitives;
using Xunit.Abstractions;

namespace Hnv.Dataplane.Tests;

/// <summary>
/// What the kernel carries while no executor is there, and what the next one makes of it. Both executors of host 1 are in this process; that a killed
/// process is no different is held by the scenarios.
/// </summary>
public sealed class EbpfRestartTests(ITestOutputHelper output)
{
    private const string BulkReceiver = """
        import socket
        s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('10.1.1.11', 7001)); s.listen(); print('ready', flush=True)
        c, a = s.accept(); n = 0
        while True:
            d = c.recv(1 << 20)
            if not d: break
            n += len(d)
        print(n, flush=True)
        """;

    // Sends until told to stop, and says when asked how much that is; at the end also how much it sent twice (tcpi_total_retrans).
    private const string BulkSender = """
        import socket, struct, sys, threading
        c = socket.create_connection(('10.1.1.11', 7001), 5); c.settimeout(30); d = bytes(1 << 16); n = 0; going = True
        def send():
            global n
            while going: c.sendall(d); n += len(d)
        t = threading.Thread(target=send, daemon=True); t.start(); print('sending', flush=True)
        for line in sys.stdin:
            if line.strip() == 'stop': break
            print(n, flush=True)
        going = False; t.join()
        r = struct.unpack_from('I', c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), 100)[0]
        c.close(); print(n, r, flush=True)
        """;

    private const string Echo = """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('10.1.1.11', 7000)); s.listen(8); print('ready', flush=True)
        import threading
        def serve(c):
            while True:
                d = c.recv(65536)
                if not d: return
                c.sendall(d)
        while True:
            c, a = s.accept()
            print('%s:%d' % a, flush=True)
            threading.Thread(target=serve, args=(c,), daemon=True).start()
        """;

    // Says one line for each line it is told: how long the answer took to come, or 'none'.
    private const string Ask = """
        import socket, sys
        s = socket.create_connection(('10.1.1.11', 7000), 5); s.settimeout(float(sys.argv[1]))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print('ready', flush=True)
        for line in sys.stdin:
            lost = 0
            for i in range(int(line)):
                s.sendall(b'x' * 64)
                try:
                    if len(s.recv(64)) == 0: lost += 1
                except (TimeoutError, OSError): lost += 1; break
            print('none' if lost else 'answered', flush=True)
        """;

    [Fact]
    public void NobodyThere_EstablishedFlowsGoOn_AndNewOnesFailClosed()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true, isKept: true);
        using Conversation talk = new(lab);
        lab.Host1.End();

        Assert.Equal("answered", talk.Exchange(500));

        Assert.False(lab.ContosoSql.Pings("10.1.1.12", 1));
        Assert.False(lab.ContosoApp.Pings("10.1.1.11", 1));
        Assert.Equal("answered", talk.Exchange(500));
    }

    [Fact]
    public void Restart_AdoptsFlowsInPlace_AndTheyAreNotDecidedAnew()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true, isKept: true);
        using Conversation talk = new(lab);
        lab.Host1.End();

        (int adopted, _) = lab.Host1.Begin();

        Assert.InRange(adopted, 2, 100);
        Assert.Equal(adopted, lab.Host1.FastPath!.FlowCount);
        Assert.Equal("answered", talk.Exchange(500));
        Assert.Equal(0, lab.ContosoSql.Port.Counts(Direction.Inbound).SlowPathEvaluations);
        Assert.InRange(lab.ContosoSql.Port.ConnectionCount, 1, adopted);
        lab.Host1.Switch.Age(Environment.TickCount64);
        Assert.True(lab.ContosoSql.Port.Counts(Direction.Inbound).Packets >= 500);

        // The engine is there again: what is new is decided, what ends is noted.
        Assert.True(lab.ContosoSql.Pings("10.1.1.12"));
        Assert.True(lab.ContosoApp.Pings("10.1.1.11"));
    }

    [Fact]
    public void Restart_WithReplyOnlyState_RepliesGoOnPassing()
    {
        // Nothing may come in to Web but what answers it.
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true, isKept: true, change: Only("c-web", Direction.Outbound));
        using Conversation talk = new(lab);

        for (int time = 0; time < 3; time++)
        {
            lab.Host2.End();
            _ = lab.Host2.Begin();
            Assert.Equal("answered", talk.Exchange(50));
        }

        // A flow whose decision policy has outdated, and that no packet has renewed, is part of its conversation all the same.
        lab.Host2.Install(Only("c-web", Direction.Outbound)(lab.Host2, lab.Host2.Policy()));
        lab.Host2.End();
        _ = lab.Host2.Begin();
        Assert.True(lab.ContosoWeb.Port.ConnectionCount > 0);

        // By what was restored, not by what is in the kernel: with another program the engine decides the next packets.
        lab.Host2.Install(Only("c-web", Direction.Outbound)(lab.Host2, lab.Host2.Policy()));
        Assert.Equal("answered", talk.Exchange(50));
        Assert.False(lab.ContosoSql.Pings("10.1.1.12", 1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void IdleConversation_ThatNoFlowIsHeldOf_IsStillAnAnswerAfterARestart(bool isTranslated)
    {
        // The first word after the restart comes from the side that may not begin.
        NatRule rule = NatTests.Rule(NatKind.Source, NatTests.External, ports: new PortRange(5000, 5100));
        using FigureEight lab = isTranslated
            ? NatTests.Translated(rule, inKernel: true, isKept: true)
            : new(EncapsulationType.Vxlan, inKernel: true, isKept: true, change: Only("c-web", Direction.Outbound));
        using Conversation talk = new(lab);
        using Process server = lab.ContosoSql.StartToTalk("python3", "-c", """
            import socket, sys
            s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('10.1.1.11', 7002)); s.listen(); print('ready', flush=True)
            c, a = s.accept(); c.sendall(b'hello\n')
            for line in sys.stdin: c.sendall(line.encode())
            """);
        Assert.Equal("ready", server.StandardOutput.ReadLine());
        using Process client = lab.ContosoWeb.StartToTalk("python3", "-c", """
            import socket
            c = socket.create_connection(('10.1.1.11', 7002), 5); c.settimeout(20)
            for line in c.makefile(): print(line.strip(), flush=True)
            """);
        Assert.Equal("hello", client.StandardOutput.ReadLine());

        // Once to hear of the last packets, once when they are long ago.
        lab.Host2.Switch.Age(Environment.TickCount64);
        lab.Host2.Switch.Age(Environment.TickCount64 + 100_000);
        Assert.Equal(0, lab.ContosoWeb.Port.FlowCount);
        lab.Host2.End();
        HostPolicy policy = lab.Host2.InForce;
        _ = lab.Host2.Begin(policy);

        Assert.True(lab.ContosoWeb.Port.ConnectionCount >= 2);
        server.StandardInput.WriteLine("again");
        Assert.Equal("again", client.StandardOutput.ReadLine());

        // What has ended is no longer noted.
        lab.Host2.Switch.Age(Environment.TickCount64 + 8_000_000);
        Assert.Equal(0, lab.ContosoWeb.Port.ConnectionCount);
        lab.Host2.End();
        _ = lab.Host2.Begin(policy);
        Assert.Equal(0, lab.ContosoWeb.Port.ConnectionCount);
        client.Kill();
        server.Kill();
    }

    [Fact]
    public void Restart_TranslatedConversation_KeepsItsPoolAddressAndPort()
    {
        NatRule rule = NatTests.Rule(NatKind.Source, NatTests.External, ports: new PortRange(5000, 5100));
        using FigureEight lab = NatTests.Translated(rule, inKernel: true, isKept: true);
        using Conversation talk = new(lab);
        lab.Host2.End();

        _ = lab.Host2.Begin();

        Assert.Equal("answered", talk.Exchange(50));
        Assert.Contains(lab.ContosoWeb.Port.NatRanges(), range => range is { Used: > 0, Protocol: 6 });

        // With a program of another generation the engine translates, by what was restored.
        lab.Host2.Install(lab.Host2.Policy() with
        {
            Mappings = lab.Host2.InForce.Mappings,
            Ports = [.. lab.Host2.InForce.Ports.Select(port => port with { Settings = port.Settings with { StormLimit = 1000 } })],
        });
        Assert.Equal("answered", talk.Exchange(50));
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));
    }

    [Fact]
    public void PoolTakenAwayWhileAway_EndsTheConversation()
    {
        NatRule rule = NatTests.Rule(NatKind.Source, NatTests.External, ports: new PortRange(5000, 5100));
        using FigureEight lab = NatTests.Translated(rule, inKernel: true, isKept: true);
        using Conversation talk = new(lab, patience: 2);
        HostPolicy policy = lab.Host2.InForce;
        lab.Host2.End();

        _ = lab.Host2.Begin(policy with { Ports = [.. policy.Ports.Select(port => port with { Nat = [] })] });

        Assert.Equal("none", talk.Exchange(1));
    }

    [Fact]
    public void BulkThroughRestarts_NoPacketOfItIsPunted()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true, isKept: true);
        using Conversation warm = new(lab);
        using Process receiver = lab.ContosoSql.Start("python3", "-c", BulkReceiver);
        Assert.Equal("ready", receiver.StandardOutput.ReadLine());
        using Process sender = lab.ContosoWeb.StartToTalk("python3", "-c", BulkSender);
        Assert.Equal("sending", sender.StandardOutput.ReadLine());
        long decided = 0;
        foreach (FigureEight.Host host in (FigureEight.Host[])[lab.Host1, lab.Host2, lab.Host1])
        {
            long before = ReadCounter(sender);
            host.End();
            Assert.True(SpinWait.SpinUntil(() => ReadCounter(sender) > before + (4 << 20), 20_000), "nothing goes on while nobody is there");
            (int adopted, _) = host.Begin();
            Assert.InRange(adopted, 4, 200);
            before = ReadCounter(sender);
            Assert.True(SpinWait.SpinUntil(() => ReadCounter(sender) > before + (4 << 20), 20_000), "nothing goes on after the adoption");
            foreach (FigureEight.Guest guest in host.Guests)
            {
                decided += guest.Port.Counts(Direction.Inbound).Packets + guest.Port.Counts(Direction.Outbound).Packets;
            }
        }

        sender.StandardInput.WriteLine("stop");
        string[] sent = sender.StandardOutput.ReadToEnd().Trim().Split('\n')[^1].Split(' ');
        Assert.Equal(sent[0], receiver.StandardOutput.ReadLine());
        output.WriteLine($"{sent[0]} bytes, {sent[1]} retransmissions; engines of later executors decided {decided} packets");
        Assert.InRange(decided, 0, 50);
    }

    [Fact]
    public void HundredThousandFlows_AreAdopted()
    {
        const int flows = 100_000;
        PortSettings settings = PortSettings.Default with { PortFlowLimit = 2 * flows };
        using FigureEight lab = new(
            EncapsulationType.Vxlan, inKernel: true, isKept: true, change: (_, policy) => policy with { Ports = [.. policy.Ports.Select(port => port with { Settings = settings })] });
        using Conversation talk = new(lab);
        lab.Host2.End();
        Multiply(lab, flows);
        HostPolicy policy = lab.Host2.InForce;
        long started = Stopwatch.GetTimestamp();
        lab.Host2.BeginWithoutAdopting(policy);
        TimeSpan begun = Stopwatch.GetElapsedTime(started);
        started = Stopwatch.GetTimestamp();

        (int adopted, _) = lab.Host2.Executor.Adopt();

        output.WriteLine($"{adopted} flows adopted in {Stopwatch.GetElapsedTime(started).TotalMilliseconds:F0} ms, after {begun.TotalMilliseconds:F0} ms for programs and ports");
        Assert.InRange(adopted, flows, flows + 100);
        Assert.True(lab.ContosoWeb.Port.ConnectionCount >= flows);
        Assert.Equal("answered", talk.Exchange(50));
    }

    [Theory]
    [InlineData(Direction.Inbound)]
    [InlineData(Direction.Outbound)]
    public void PolicyTightenedWhileAway_EndsTheConversation(Direction whoseRule)
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true, isKept: true);
        using Conversation talk = new(lab, patience: 2);
        FigureEight.Host host = whoseRule == Direction.Inbound ? lab.Host1 : lab.Host2;
        AclRule deny = new("deny", AclLevel.NetworkInterface, whoseRule, AclAction.Block, 100, null, [], [], [], [], Logging: false);
        HostPolicy policy = host.Policy();
        host.End();

        _ = host.Begin(policy with { Ports = [.. policy.Ports.Select(port => port with { Rules = [deny] })] });

        Assert.Equal("none", talk.Exchange(1));
    }

    [Fact]
    public void PortUnboundWhileAway_IsWalled_AndItsFlowsEnd()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true, isKept: true);
        using Conversation talk = new(lab, patience: 2);
        lab.Host1.End();
        _ = lab.Host1.Guests.Remove(lab.ContosoSql);

        _ = lab.Host1.Begin();

        Assert.Equal("none", talk.Exchange(1));
        lab.Host1.Namespace.Run(() => Assert.False(BpfObject.IsAttachedIngress(FastPath.PortProgramName, lab.ContosoSql.Device)));
    }

    [Fact]
    public void EndedInTheMiddleOfAdoption_TheNextOneAdopts()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true, isKept: true);
        using Conversation talk = new(lab);
        lab.Host1.End();

        // Begins, attaches its ports and ends before it has adopted a flow.
        lab.Host1.BeginWithoutAdopting();
        Assert.Equal("answered", talk.Exchange(50));
        lab.Host1.End();
        (int adopted, _) = lab.Host1.Begin();

        Assert.InRange(adopted, 2, 100);
        Assert.Equal("answered", talk.Exchange(50));
    }

    [Fact]
    public void OtherSizes_AreAnotherSetOfMaps_AndTheOldOneGoes()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true, isKept: true);
        using Conversation talk = new(lab);
        lab.Host1.End();

        (int adopted, _) = lab.Host1.Begin(options: new FastPathOptions { Flows = 4096 });

        Assert.Equal(0, adopted);
        Assert.Single(Directory.EnumerateDirectories(lab.Host1.Pins!));

        // The guest's own packets begin the conversation again.
        Assert.Equal("answered", talk.Exchange(50));
    }

    [Fact]
    public void Release_LeavesNothing()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, inKernel: true, isKept: true);
        Assert.True(lab.ContosoWeb.Pings("10.1.1.11"));
        lab.Host1.End();

        lab.Host1.Namespace.Run(() => FastPath.Release(lab.Host1.Pins!));

        Assert.False(Directory.Exists(lab.Host1.Pins));
        Assert.DoesNotContain("hnv_port", lab.ContosoSql.Host.Namespace.Run(() => Attached(lab.ContosoSql.Device)));
        Assert.False(lab.ContosoApp.Pings("10.1.1.11", 1));
    }

    /// <summary>Writes UDP flows of Web into what is left of host 2, as an executor would have.</summary>
    private static void Multiply(FigureEight lab, int count)
    {
        FastPathOptions options = new() { PinDirectory = lab.Host2.Pins };
        using Stream stream = typeof(FastPath).Assembly.GetManifestResourceStream("hnv.bpf.o")!;
        byte[] elf = new byte[stream.Length];
        stream.ReadExactly(elf);
        using BpfObject programs = BpfObject.Open(elf, "hnv.bpf.o");
        FastPath.SizeMaps(programs, options);
        programs.Load();
        BpfMap<FlowKey, FlowAction> flows = programs.Map<FlowKey, FlowAction>("hnv_flows");
        using BpfArray<FlowCounters> counters = programs.Array<FlowCounters>("hnv_counters");
        (FlowKey key, FlowAction action) = flows.ReadAll().First(flow => flow.Key is { Direction: Abi.DirectionOutbound, Protocol: 6 });
        uint taken = flows.ReadAll().Max(flow => flow.Value.Slot);
        FlowKey[] keys = new FlowKey[count];
        FlowAction[] actions = new FlowAction[count];
        for (int i = 0; i < count; i++)
        {
            Array.Fill(keys, key with { Protocol = 17, SourcePortBe = AbiFields.Be((ushort)(10_000 + (i / 1000))), DestinationPortBe = AbiFields.Be((ushort)(20_000 + (i % 1000))) }, i, 1);
            uint slot = taken + 1 + (uint)i;
            Array.Fill(actions, action with { Slot = slot, Tag = counters[(int)slot].Tag }, i, 1);
        }

        Assert.Equal(count, flows.SetMany(keys, actions));
    }

    /// <summary>What a sender said last of how much it has sent.</summary>
    private static long ReadCounter(Process sender)
    {
        sender.StandardInput.WriteLine("count");
        return long.Parse(sender.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
    }

    private static string Attached(string device) =>
        BpfObject.IsAttachedIngress(FastPath.PortProgramName, device) ? "hnv_port" : "";

    private static Func<FigureEight.Host, HostPolicy, HostPolicy> Only(string name, Direction direction)
    {
        AclRule allow = new("allow", AclLevel.NetworkInterface, direction, AclAction.Allow, 100, null, [], [], [], [], Logging: false);
        AclRule deny = new("deny", AclLevel.NetworkInterface, direction == Direction.Inbound ? Direction.Outbound : Direction.Inbound, AclAction.Block, 200, null, [], [], [], [], Logging: false);
        return (_, policy) => policy with { Ports = [.. policy.Ports.Select(port => port.Name == name ? port with { Rules = [allow, deny] } : port)] };
    }

    /// <summary>Contoso's Web asks its SQL over one TCP connection.</summary>
    private sealed class Conversation : IDisposable
    {
        private readonly Process _server;
        private readonly Process _client;

        public Conversation(FigureEight lab, double patience = 10)
        {
            // Until the next hops are found the executors send.
            Assert.True(SpinWait.SpinUntil(() => lab.ContosoWeb.Pings("10.1.1.11", 1) && lab.Host1.FastPath!.UsableHops + lab.Host2.FastPath!.UsableHops == 2, 20_000));
            _server = lab.ContosoSql.Start("python3", "-c", Echo);
            Assert.Equal("ready", _server.StandardOutput.ReadLine());
            _client = lab.ContosoWeb.StartToTalk("python3", "-c", Ask, patience.ToString(CultureInfo.InvariantCulture));
            Assert.Equal("ready", _client.StandardOutput.ReadLine());
            Assert.Equal("answered", Exchange(20));
        }

        public string? Exchange(int count)
        {
            _client.StandardInput.WriteLine(count.ToString(CultureInfo.InvariantCulture));
            return _client.StandardOutput.ReadLine();
        }

        public void Dispose()
        {
            foreach (Process process in (Process[])[_client, _server])
            {
                process.Kill(entireProcessTree: true);
                process.Dispose();
            }
        }
    }
}
