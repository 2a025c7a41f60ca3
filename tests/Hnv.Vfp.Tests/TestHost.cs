using System.Globalization;
using System.Text;
using Hnv.Compiler;
using Hnv.Corpus;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp.Tests;

/// <summary>One host: a virtual switch with its policy. A packet goes in, the decision and every counter it moved come out.</summary>
internal sealed class TestHost
{
    private CompileResult? _compiled;

    public VSwitch Switch { get; } = new();

    public long Now { get; set; } = 1_000_000;

    public VPort Attach(World.Nic nic) => Switch.AddPort(nic.Id, nic.Name);

    public VPort this[string device] => Switch.Ports.Single(port => port.DeviceName == device);

    public void Install(HostPolicy policy, HostFacts? facts = null)
    {
        CompileResult result = HostCompiler.Compile(policy, facts, _compiled);
        _compiled = result;
        Assert.Empty(result.Errors);
        Switch.Install(result.Program);
    }

    public Observation Send(string device, FrameBuilder frame) => Pass(this[device], Direction.Outbound, frame);

    public Observation Receive(string device, FrameBuilder frame) => Pass(this[device], Direction.Inbound, frame);

    private Observation Pass(VPort port, Direction direction, FrameBuilder builder)
    {
        byte[] frame = builder.Build();
        Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out ParsedPacket packet));
        Dictionary<string, long> before = CountersOf(port, frame.Length);

        // Whatever any test sends is explained first: the explanation has to come true, and to leave no trace.
        Explanation explained = port.Explain(direction, in packet, frame);
        Assert.Equal(before, CountersOf(port, frame.Length));
        UnifiedFlow flow = direction == Direction.Outbound
            ? port.DecideOutbound(in packet, frame, Now)
            : port.DecideInbound(in packet, frame, Now);
        ShouldComeTrue(explained, flow);
        Dictionary<string, long> after = CountersOf(port, frame.Length);
        StringBuilder delta = new();
        foreach ((string name, long value) in after.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (value - before.GetValueOrDefault(name) is not 0 and long change)
            {
                delta.Append(delta.Length == 0 ? "" : " ").Append(name).Append(change.ToString("+0;-0", CultureInfo.InvariantCulture));
            }
        }

        byte[] answer = new byte[Math.Max(2000, frame.Length)];
        int length = flow.Verdict == Verdict.Hairpin ? port.Answer(flow, in packet, frame, answer, Now) : 0;
        return new Observation(flow, delta.ToString(), answer[..length], frame.Length);
    }

    private static void ShouldComeTrue(Explanation explained, UnifiedFlow flow)
    {
        if (flow is { Verdict: Verdict.Drop, DropReason: DropReason.StormLimit or DropReason.ArpLimiter or DropReason.DhcpLimiter })
        {
            return;
        }

        Assert.Equal(
            (flow.Verdict, flow.DropReason, flow.DropLayer, flow.DropRule, flow.Answer, flow.Meter),
            (explained.Flow.Verdict, explained.Flow.DropReason, explained.Flow.DropLayer, explained.Flow.DropRule, explained.Flow.Answer, explained.Flow.Meter));
        Assert.Same(flow.Destination, explained.Flow.Destination);
        Assert.Equal(flow.ReplicationTargets.ToArray(), explained.Flow.ReplicationTargets.ToArray());
        Assert.Equal(flow.Extras?.Quoted, explained.Flow.Extras?.Quoted);
        Assert.Equal(flow.Extras?.Mirror, explained.Flow.Extras?.Mirror);
        Transposition told = explained.Flow.Transposition;
        if (explained.IsPortChosenLater)
        {
            told.SourcePort = flow.Transposition.SourcePort;
        }

        Assert.Equal(flow.Transposition, told);
    }

    /// <summary>Every counter of a port; bytes are told in frames of this packet's length so that a table can say +1.</summary>
    private static Dictionary<string, long> CountersOf(VPort port, int frameLength)
    {
        Dictionary<string, long> counters = [];
        foreach (Direction direction in (ReadOnlySpan<Direction>)[Direction.Outbound, Direction.Inbound])
        {
            PortCounts counts = port.Counts(direction);
            string prefix = direction == Direction.Outbound ? "out." : "in.";
            counters[prefix + "packets"] = counts.Packets;
            counters[prefix + "bytes"] = counts.Bytes / frameLength;
            counters[prefix + "hits"] = counts.UnifiedFlowHits;
            counters[prefix + "slow"] = counts.SlowPathEvaluations;
            counters[prefix + "uncached"] = counts.Uncached;
            foreach ((DropReason reason, long count) in counts.Drops)
            {
                counters[prefix + "drop." + reason] = count;
            }
        }

        counters["flows"] = port.FlowCount;
        counters["connections"] = port.ConnectionCount;
        return counters;
    }
}

/// <summary>What became of one packet.</summary>
/// <param name="Flow">The decision.</param>
/// <param name="Delta">Every counter of the port that moved, by how much.</param>
/// <param name="Answer">The frame answered, if any.</param>
/// <param name="Length">Bytes of the frame sent.</param>
internal sealed record Observation(UnifiedFlow Flow, string Delta, byte[] Answer, int Length)
{
    public Verdict Verdict => Flow.Verdict;

    public string Reason => Verdict == Verdict.Drop ? Flow.DropReason.ToString() : "";

    public Transposition Transposition => Flow.Transposition;

    public ParsedPacket ParseAnswer()
    {
        Assert.Equal(ParseFault.None, PacketParser.TryParse(Answer, out ParsedPacket packet));
        return packet;
    }

    public Observation ShouldDrop(DropReason reason)
    {
        Assert.Equal((Verdict.Drop, reason.ToString()), (Verdict, Reason));
        return this;
    }

    public Observation ShouldForward()
    {
        Assert.Equal((Verdict.Forward, ""), (Verdict, Reason));
        return this;
    }

    public Observation ShouldAnswer()
    {
        Assert.Equal((Verdict.Hairpin, ""), (Verdict, Reason));
        Assert.NotEmpty(Answer);
        return this;
    }

    public Observation ShouldMove(string counters)
    {
        Assert.Equal(counters, Delta);
        return this;
    }
}
