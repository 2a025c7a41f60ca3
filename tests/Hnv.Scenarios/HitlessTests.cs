using System.Diagnostics;
using System.Globalization;
using Hnv.Scenarios.Story;
using Xunit.Abstractions;

namespace Hnv.Scenarios;

public sealed class Hitless() : LabFixture("labs/figure8.yaml", executor: "ebpf");

/// <summary>What goes on in the kernel while a host's agent is killed, stopped and started again (docs/ebpf.md).</summary>
public sealed class HitlessTests(Hitless story, ITestOutputHelper output) : IClassFixture<Hitless>
{
    private const string Sql = "10.1.1.11";
    private static readonly string[] s_hosts = ["host1", "host2"];
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData("KILL")]
    [InlineData("TERM")]
    public async Task Agents_Gone_ConversationsGoOnNewOnesFailClosed_AndBothPassWhenTheyAreBack(string signal)
    {
        await story.ServeAsync("contoso-sql", 5432);
        Assert.True(await story.PingsAsync("contoso-web", Sql));
        using Conversation old = await story.TalkAsync("contoso-web", Sql, 5432);
        Assert.True(await EchoesAsync(old, 20));

        foreach (string host in s_hosts)
        {
            await story.Lab.SignalAsync(host, signal);
            Assert.True(await EchoesAsync(old, 20));
        }

        Assert.Null(await story.WhoAnswersAsync("contoso-web", Sql, 5432));
        Assert.True(await EchoesAsync(old, 20));
        foreach (string host in s_hosts)
        {
            await story.Lab.StartAsync(host);
            Assert.True(await EchoesAsync(old, 20));
        }

        Assert.NotNull(await LabFixture.WithinAsync(s_patience, async () => await story.WhoAnswersAsync("contoso-web", Sql, 5432) == "contoso-sql"));
        Assert.True(await EchoesAsync(old, 20));
    }

    [Fact]
    public async Task Stream_WhileBothAgentsAreKilledAndStarted_IsNotInterrupted()
    {
        // How much is sent twice depends on how busy the machine is, with or without a kill: it is measured here, and in the dataplane's own tests.
        (long before, long undisturbed) = await StreamAsync(() => Task.Delay(TimeSpan.FromSeconds(4)));
        (long sent, long disturbed) = await StreamAsync(async () =>
        {
            foreach (string host in s_hosts)
            {
                await story.Lab.SignalAsync(host, "KILL");
                await Task.Delay(TimeSpan.FromSeconds(2));
                await story.Lab.StartAsync(host);
            }
        });

        output.WriteLine($"undisturbed: {before} bytes, {undisturbed} segments sent twice; agents killed and started: {sent} bytes, {disturbed} segments sent twice");
    }

    private static async Task<bool> EchoesAsync(Conversation conversation, int times)
    {
        for (int i = 0; i < times; i++)
        {
            if (!await conversation.EchoesAsync(s_patience))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Streams as long as an action takes; a host whose agent is away for longer than a second would make a pause of that.</summary>
    /// <returns>Bytes sent, and segments sent twice.</returns>
    private async Task<(long Bytes, long SentTwice)> StreamAsync(Func<Task> action)
    {
        const string receive = """
            import socket
            s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('10.1.1.11', 5433)); s.listen(); print('ready', flush=True)
            c, a = s.accept()
            while c.recv(1 << 20): pass
            """;
        const string send = """
            import socket, struct, sys, time, select
            c = socket.create_connection(('10.1.1.11', 5433), 5); c.setblocking(False); d = bytes(1 << 16); n = 0; pause = 0; last = time.monotonic()
            print('sending', flush=True)
            while not select.select([sys.stdin], [], [], 0)[0]:
                if select.select([], [c], [], 0.1)[1]: n += c.send(d)
                else: continue
                now = time.monotonic(); pause = max(pause, now - last); last = now
            print(n, struct.unpack_from('I', c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), 100)[0], int(pause * 1000), flush=True)
            """;
        using Process receiver = story.Start("contoso-sql", "python3", "-c", receive);
        Assert.Equal("ready", await receiver.StandardOutput.ReadLineAsync().WaitAsync(s_patience));
        using Process sender = story.Start("contoso-web", "python3", "-c", send);
        Assert.Equal("sending", await sender.StandardOutput.ReadLineAsync().WaitAsync(s_patience));
        await action();
        await sender.StandardInput.WriteLineAsync("stop");
        await sender.StandardInput.FlushAsync();
        long[] numbers = [.. (await sender.StandardOutput.ReadLineAsync().WaitAsync(s_patience))!.Split(' ').Select(word => long.Parse(word, CultureInfo.InvariantCulture))];
        receiver.Kill();
        output.WriteLine($"longest pause {numbers[2]} ms");
        Assert.InRange(numbers[2], 0, 1500);
        return (numbers[0], numbers[1]);
    }
}
