using System.Buffers.Binary;
using System.Globalization;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;
using Xunit.Abstractions;

namespace Hnv.Dataplane.Tests;

/// <summary>
/// What it costs a packet that the kernel holds many flows: the port's program runs on packets of flows that it holds, and says how long it took.
/// <c>HNV_LONG=1</c> holds a million and writes down what was measured.
/// </summary>
public sealed class EbpfScaleTests(ITestOutputHelper output)
{
    private const int Few = 1000, Runs = 20_000;

    private static readonly bool s_isLong = Environment.GetEnvironmentVariable("HNV_LONG") == "1";

    [Fact]
    public void ManyFlows_CostAPacketLittleMore()
    {
        int many = s_isLong ? 1_000_000 : 50_000;
        using EbpfPrograms programs = new(many + 1);
        Transposition transposition = new() { Edits = TranspositionEdits.Encap, Vsid = EbpfPrograms.Vsid, Encapsulation = EncapsulationType.Vxlan };
        Fill(programs, 0, Few, in transposition);
        double few = Median(programs, Few);

        Fill(programs, Few, many, in transposition);
        double same = Median(programs, Few), spread = Median(programs, many);

        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Few} flows {few:F0} ns; of {many} held the same {Few} {same:F0} ns (rate {few / same:F2}), all in turn {spread:F0} ns (rate {few / spread:F2})"));

        // How much exactly is the machine's matter; a chain that grew with the flows would cost a hundred times as much.
        Assert.True(few / same > 0.4 && few / spread > 0.1, $"{few} ns, then {same} ns, and {spread} ns all in turn");
    }

    private static void Fill(EbpfPrograms programs, int from, int to, in Transposition transposition)
    {
        byte[] frame = Frame();
        for (int flow = from; flow < to; flow++)
        {
            Number(frame, flow);
            Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out ParsedPacket packet));
            programs.Set(flow + 1, packet.Ufid, Direction.Outbound, in transposition, overIPv4: true);
        }
    }

    private static double Median(EbpfPrograms programs, int flows)
    {
        const int stride = 7919;
        byte[] frame = Frame();
        uint[] times = new uint[Runs];
        for (int run = 0; run < Runs; run++)
        {
            Number(frame, (int)((long)run * stride % flows));
            times[run] = programs.Time(Direction.Outbound, frame);
        }

        Array.Sort(times);
        return times[Runs / 2];
    }

    private static byte[] Frame() => Corpus.FrameBuilder.Ethernet(MacAddress.Parse("00-1D-D8-B7-1C-06"), MacAddress.Parse("00-1D-D8-B7-1C-07"))
        .IP(InetAddress.Parse("10.1.1.11"), InetAddress.Parse("10.1.1.12")).Udp(1, 2).Payload(18).Build();

    /// <summary>Makes it a packet of the flow of that number: ports tell flows apart.</summary>
    private static void Number(byte[] frame, int flow)
    {
        const int ports = 34;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(ports), flow);
    }
}
