using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Hnv.Dataplane.Userspace;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Tests;

public sealed class QosTests
{
    /// <summary>Bytes of application data in those of a full TCP segment with timestamps, and of a UDP datagram of 1,400 bytes.</summary>
    private const double TcpShare = 1448.0 / 1500, UdpShare = 1400.0 / 1428;

    [Theory]
    [InlineData(20, true)]
    [InlineData(200, true)]
    [InlineData(20, false)]
    [InlineData(200, false)]
    public void Tcp_IsHeldToTheLimitAndReachesIt(int mbps, bool outbound)
    {
        using FigureEight lab = Limited(outbound ? "c-web" : "c-sql", outbound ? new PortQos(mbps, 0, false, 0) : new PortQos(0, 0, false, mbps));
        using Process server = Serve(lab.ContosoSql, 5201);

        double rate = Rate(lab.ContosoWeb, "-p", "5201", "-t", "6", "-O", "1") / TcpShare;

        Assert.InRange(rate, mbps * 0.95, mbps * 1.05);
        server.Kill();
    }

    [Theory]
    [InlineData(20, true)]
    [InlineData(20, false)]
    public void Udp_IsHeldToTheLimitAndTheRestIsCounted(int mbps, bool outbound)
    {
        using FigureEight lab = Limited(outbound ? "c-web" : "c-sql", outbound ? new PortQos(mbps, 0, false, 0) : new PortQos(0, 0, false, mbps));
        using Process server = Serve(lab.ContosoSql, 5201);

        double rate = Rate(lab.ContosoWeb, "-p", "5201", "-t", "6", "-u", "-l", "1400", "-b", $"{2 * mbps}M") / UdpShare;

        Assert.InRange(rate, mbps * 0.95, mbps * 1.05);
        VPort port = outbound ? lab.ContosoWeb.Port : lab.ContosoSql.Port;
        Assert.True(SpinWait.SpinUntil(
            () => port.Counts(outbound ? Direction.Outbound : Direction.Inbound).Drops.GetValueOrDefault(DropReason.RateLimit) > 100, 3000));
        server.Kill();
    }

    [Fact]
    public async Task Link_TwoPortsCompete_TheReservedRateIsKeptAndTheRestGoesByWeight()
    {
        using FigureEight lab = new(EncapsulationType.Vxlan, change: (_, policy) => policy with
        {
            Settings = policy.Settings with { LinkMbps = 100 },
            Ports = [.. policy.Ports.Select(port => port.Name == "c-sql" ? port with { Qos = new PortQos(0, 60, false, 0) } : port)],
        });
        using Process one = Serve(lab.ContosoWeb, 5201), other = Serve(lab.ContosoWeb, 5202);

        Task<double> greedy = Task.Run(() => Rate(lab.ContosoApp, "-C", "cubic", "-p", "5202", "-t", "6", "-P", "4", "-O", "1") / TcpShare);
        double reserved = Rate(lab.ContosoSql, "-p", "5201", "-t", "6", "-O", "1") / TcpShare;

        Assert.InRange(reserved, 80 * 0.9, 80 * 1.05);
        Assert.InRange(await greedy, 20 * 0.8, 20 * 1.15);
        one.Kill();
        other.Kill();
    }

    [Fact]
    public async Task Limit_ChangedWhileTrafficRuns_IsTheNewOneWithinASecond()
    {
        using FigureEight lab = Limited("c-web", new PortQos(20, 0, false, 0));
        using Process server = Serve(lab.ContosoSql, 5201);
        Task<double> rate = Task.Run(() => Rate(lab.ContosoWeb, "-p", "5201", "-t", "4", "-O", "2") / TcpShare);
        await Task.Delay(500);

        lab.Host2.Install(With(lab.Host2.Policy(), "c-web", new PortQos(60, 0, false, 0)));

        // How close a stream comes to its limit is held above; how quickly it grows into a new one is its congestion control's business.
        Assert.InRange(await rate, 20 * 1.5, 60 * 1.05);
        server.Kill();
    }

    [Theory]
    [InlineData("100: 60/1, 0/1", "all, all", "80, 20")]
    [InlineData("100: 0/3, 0/1", "all, all", "75, 25")]
    [InlineData("100: 60/1, 0/1", "10, all", "60, 90")]
    [InlineData("100: 80/1, 80/1", "all, all", "50, 50")]
    [InlineData("100: 0/1, 0/1, 0/2", "10, 20, all", "25, 25, 70")]
    [InlineData("100: 0/1, 0/1", "10, 20", "80, 90")]
    public void Divide_Link_AsPromised(string link, string wanted, string expected)
    {
        string[] parts = link.Split(':');
        LinkDemand[] demands =
        [
            .. parts[1].Split(',').Zip(wanted.Split(','), (port, want) => new LinkDemand(
                long.Parse(port.Split('/')[0], CultureInfo.InvariantCulture),
                int.Parse(port.Split('/')[1], CultureInfo.InvariantCulture),
                0,
                want.Trim() == "all" ? long.MaxValue : long.Parse(want, CultureInfo.InvariantCulture))),
        ];
        long[] rates = new long[demands.Length];

        LinkShares.Divide(demands, long.Parse(parts[0], CultureInfo.InvariantCulture), rates);

        Assert.Equal(expected, string.Join(", ", rates));
    }

    [Fact]
    public void Pacer_OverTime_LetsTheRatePassAndNoMore()
    {
        const long rate = 100_000_000;
        Pacer pacer = new() { Rate = rate };
        long passed = 0;
        for (long now = 1; now < 2_000_000_000; now += 1_000_000)
        {
            for (; pacer.MayPass(now); passed += 1500)
            {
                pacer.Charge(1500, now);
            }
        }

        Assert.InRange(passed * 8, rate * 2 * 0.99, rate * 2 * 1.02);
    }

    [Fact]
    public void Queue_RandomUse_KeepsBytesAndOrder()
    {
        Random random = new(4);
        PacedQueue queue = new(64 * 1024);
        Queue<byte[]> expected = [];
        for (int round = 0; round < 100_000; round++)
        {
            byte[] frame = new byte[random.Next(1, 9000)];
            random.NextBytes(frame);
            Span<byte> room = queue.Add(frame.Length, 7);
            if (!room.IsEmpty)
            {
                frame.CopyTo(room);
                expected.Enqueue(frame);
            }

            for (int take = random.Next(4); take > 0 && queue.Count > 0; take--)
            {
                (int offset, int length, int cost) = queue.Peek();
                Assert.Equal(7, cost);
                Assert.Equal(expected.Dequeue(), queue.Buffer.Slice(offset, length).ToArray());
                queue.Take();
            }

            queue.Release();
            Assert.Equal(expected.Count, queue.Count);
        }

        Assert.NotEmpty(expected);
    }

    private static FigureEight Limited(string port, PortQos qos) => new(EncapsulationType.Vxlan, change: (_, policy) => With(policy, port, qos));

    private static HostPolicy With(HostPolicy policy, string port, PortQos qos) =>
        policy with { Ports = [.. policy.Ports.Select(each => each.Name == port ? each with { Qos = qos } : each)] };

    private static Process Serve(FigureEight.Guest guest, int port)
    {
        Process server = guest.Start("iperf3", "-s", "-p", port.ToString(CultureInfo.InvariantCulture), "--forceflush");
        Assert.Contains("----", server.StandardOutput.ReadLine(), StringComparison.Ordinal);
        _ = server.StandardOutput.ReadLine();
        return server;
    }

    /// <summary>What arrives, Mbit/s of application data.</summary>
    private static double Rate(FigureEight.Guest client, params string[] options)
    {
        string server = client.Host.Guests.Exists(guest => guest.Device == "c-web") ? "10.1.1.11" : "10.1.1.12";
        (int exitCode, string output) = client.Execute(["iperf3", "-c", server, "-J", .. options]);
        Assert.True(exitCode == 0, output);
        JsonElement end = JsonDocument.Parse(output).RootElement.GetProperty("end");
        JsonElement sum = end.TryGetProperty("sum_received", out JsonElement received) ? received : end.GetProperty("sum");
        double lost = sum.TryGetProperty("lost_percent", out JsonElement percent) && !Has(end, "sum_received") ? percent.GetDouble() / 100 : 0;
        return sum.GetProperty("bits_per_second").GetDouble() * (1 - lost) / 1e6;

        static bool Has(JsonElement element, string name) => element.TryGetProperty(name, out _);
    }
}
