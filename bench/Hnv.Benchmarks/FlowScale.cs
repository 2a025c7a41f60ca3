using System.Diagnostics;
using Hnv.Compiler;
using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Benchmarks;

/// <summary>
/// What flows cost when there are many: memory of each, how many one core sets up in a second, and what a packet of a known flow takes to look up,
/// pick its edits and count. One process, one thread, medians of rounds; run as <c>dotnet run -c Release --project bench/Hnv.Benchmarks -- flows</c>.
/// </summary>
internal static class FlowScale
{
    private const int Rounds = 5;

    public static void Run()
    {
        Console.WriteLine("| Flows (each a connection with its first direction) | Bytes per flow | Set up per second | Hit, ns, flows in random order |");
        Console.WriteLine("| --- | --- | --- | --- |");
        foreach (int count in (int[])[1_000, 10_000, 100_000, 1_000_000])
        {
            Measure(count);
        }
    }

    private static void Measure(int count)
    {
        List<double> setup = [], hit = [], bytes = [];
        (byte[] Frame, ParsedPacket Packet)[] packets = Packets(count);
        int[] order = [.. Enumerable.Range(0, count)];
        new Random(1).Shuffle(order);
        for (int round = 0; round < Rounds; round++)
        {
            VPort port = Port(count);
            long before = GC.GetTotalMemory(forceFullCollection: true);
            long started = Stopwatch.GetTimestamp();
            foreach (ref readonly (byte[] Frame, ParsedPacket Packet) packet in packets.AsSpan())
            {
                _ = port.DecideOutbound(in packet.Packet, packet.Frame, 1);
            }

            setup.Add(count / Stopwatch.GetElapsedTime(started).TotalSeconds);
            bytes.Add((GC.GetTotalMemory(forceFullCollection: true) - before) / (double)count);
            int passes = Math.Max(1, 1_000_000 / count);
            started = Stopwatch.GetTimestamp();
            for (int pass = 0; pass < passes; pass++)
            {
                foreach (int i in order)
                {
                    _ = port.DecideOutbound(in packets[i].Packet, packets[i].Frame, 2);
                }
            }

            hit.Add(Stopwatch.GetElapsedTime(started).TotalNanoseconds / ((double)passes * count));
            if (port.Counts(Direction.Outbound).UnifiedFlowHits < (long)passes * count * 0.99 || port.FlowCount < count * 0.99)
            {
                throw new InvalidOperationException($"Of {count} flows {port.FlowCount} were kept: this measures something else.");
            }
        }

        Console.WriteLine($"| {count:N0} | {Median(bytes):F0} | {Median(setup):N0} | {Median(hit):F0} |");
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static VPort Port(int flows)
    {
        NicId nic = new(Guid.NewGuid());
        PortPolicy policy = new(
            nic, "contoso-web", ContosoFabrikam.ContosoVsid, ContosoFabrikam.ContosoWebMac, [new CustomerAddress(ContosoFabrikam.Web)],
            PortSettings.Default with { PortFlowLimit = 2 * flows }, []);
        VSwitch vSwitch = new();
        VPort port = vSwitch.AddPort(nic, "vm0");
        CompileResult compiled = HostCompiler.Compile(new HostPolicy(
            1,
            ContosoFabrikam.RouterMac,
            [new ProviderAddressPolicy(0, ContosoFabrikam.Host2, IpPrefix.Parse("192.168.2.0/24"), MacAddress.FromNumber(0x0200_0000_0001), 0, null, [])],
            [new VirtualNetworkPolicy(ContosoFabrikam.ContosoRdid, "contoso", DistributedRouter: true,
                [new VirtualSubnetPolicy(ContosoFabrikam.ContosoVsid, Guid.NewGuid(), "s1", ContosoFabrikam.Subnet, new CustomerAddress(ContosoFabrikam.Gateway))])],
            [Mapping(ContosoFabrikam.Web, ContosoFabrikam.ContosoWebMac, ContosoFabrikam.Host2), Mapping(ContosoFabrikam.Sql, ContosoFabrikam.ContosoSqlMac, ContosoFabrikam.Host1)],
            [policy]));
        vSwitch.Install(compiled.Program);
        return port;
    }

    private static (byte[], ParsedPacket)[] Packets(int count)
    {
        (byte[], ParsedPacket)[] packets = new (byte[], ParsedPacket)[count];
        for (int i = 0; i < count; i++)
        {
            byte[] frame = ContosoFabrikam.WebToSql.Udp((ushort)(i % 60_000), (ushort)(5000 + (i / 60_000))).Payload(18).Build();
            _ = PacketParser.TryParse(frame, out ParsedPacket packet);
            packets[i] = (frame, packet);
        }

        return packets;
    }

    private static CaPaMapping Mapping(InetAddress address, MacAddress mac, ProviderAddress provider) =>
        new(new TenantEndpoint(ContosoFabrikam.ContosoVsid, new CustomerAddress(address)), mac, provider, EncapsulationType.Vxlan);
}
