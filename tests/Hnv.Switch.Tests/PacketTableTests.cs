using System.Globalization;
using System.Text.RegularExpressions;
using Hnv.Compiler;
using Hnv.Corpus;
using Hnv.Dataplane;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Switch.Tests;

/// <summary>The table of packets: verdict, reason, layer, packet out and the complete change of the port's counters; and what the table must cover.</summary>
public sealed partial class PacketTableTests
{
    private const long Now = 1_000_000;

    /// <summary>Reasons that no single packet at a port brings about, and the tests that hold them.</summary>
    private static readonly Dictionary<DropReason, string> s_elsewhere = new()
    {
        [DropReason.ArpLimiter] = "Questions_BeyondTheLimitOfASecond_AreCountedAndNotAnswered",
        [DropReason.DhcpLimiter] = "Questions_BeyondTheLimitOfASecond_AreCountedAndNotAnswered",
        [DropReason.DhcpFilter] = "DhcpV4_OfAGuestWithoutAddress_IsAnsweredByItsKind",
        [DropReason.UnknownVsid] = "AnyPacket_OfAnyWorld_BecomesWhatTheModelSays",
        [DropReason.UnknownProviderAddress] = "AnyPacket_OfAnyWorld_BecomesWhatTheModelSays",
        [DropReason.WrongInnerDestination] = "AnyPacket_OfAnyWorld_BecomesWhatTheModelSays",
        [DropReason.EcnNotCapable] = "AnyPacket_OfAnyWorld_BecomesWhatTheModelSays",
        [DropReason.InvalidEncapsulation] = "Underlay_ForgedPackets_AreCountedUnderTheirOwnReasons",
        [DropReason.HalfOpenLimit] = "HalfOpenConnections_BeyondTheLimit_AreRefused_AndAnswersMakeRoom",
        [DropReason.RateLimit] = "Udp_IsHeldToTheLimitAndTheRestIsCounted",
        [DropReason.UnknownVlan] = "Unicast_ToAGuestsMacInAnotherVlan_IsCounted",
        [DropReason.IcmpLimit] = "IcmpErrors_BeyondTheLimitOfASecond_AreCountedAndNotSent",
        [DropReason.PuntLimit] = "QueueToTheEngine_WhenFull_RefusesAndCounts",
    };

    /// <summary>Reasons that the kernel has to bring about; SPECIFICATION.md says that no test does.</summary>
    private static readonly DropReason[] s_notHeld = [DropReason.TransmitQueueFull];

    public static TheoryData<string> Rows => [.. PacketTable.All.Select(row => row.Name)];

    [Theory]
    [MemberData(nameof(Rows))]
    public void Row_BecomesWhatTheTableSays(string name)
    {
        PacketRow row = PacketTable.All.Single(each => each.Name == name);

        (string verdict, string delta, byte[]? frame) = Pass(row, Start(row));

        Assert.Equal((row.Verdict, Sorted(row.Delta)), (verdict, delta));
        if (frame is not null)
        {
            Assert.Equal(Convert.ToHexString((row.Out ?? row.Frame).Build()), Convert.ToHexString(frame));
        }
    }

    [Fact]
    public void EveryDropReasonThatIsEverGiven_StandsInTheTableOrNamesItsTest()
    {
        HashSet<string> inTable = [.. PacketTable.All.Select(row => row.Verdict.Split(' ')).Where(words => words[0] == "Drop").Select(words => words[1])];
        string sources = string.Join('\n', Sources("src/Hnv.Vfp").Concat(Sources("src/Hnv.Dataplane")).Select(File.ReadAllText)), tests = string.Join('\n', Sources("tests").Select(File.ReadAllText));

        IEnumerable<DropReason> uncovered = Enum.GetValues<DropReason>()
            .Where(reason => GivenReason().Matches(sources).Any(match => match.Groups["name"].Value == reason.ToString()))
            .Where(reason => !inTable.Contains(reason.ToString()))
            .Except(s_notHeld)
            .Where(reason => !s_elsewhere.TryGetValue(reason, out string? test) || !tests.Contains($" {test}", StringComparison.Ordinal));

        Assert.Empty(uncovered);
    }

    [Fact]
    public void EveryRuleType_IsMatchedByARow()
    {
        HashSet<Type> matched = [];
        HashSet<RuleType> types = [];
        foreach (PacketRow row in PacketTable.All)
        {
            VPort port = Start(row).TryGetPort(PacketTable.A)!;
            byte[] frame = row.Frame.Build();
            Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out ParsedPacket packet));
            foreach (RuleAction action in port.Explain(row.Direction, in packet, frame).Steps.Select(step => step.Rule?.Action).OfType<RuleAction>())
            {
                _ = matched.Add(action.GetType());
                _ = types.Add(RuleTypes.Of(action));
            }
        }

        Assert.Empty(typeof(RuleAction).GetNestedTypes().Where(type => type.IsSubclassOf(typeof(RuleAction))).Except(matched).Select(type => type.Name));
        Assert.Empty(Enum.GetValues<RuleType>().Except(types));
    }

    [Fact]
    public void EveryRequirement_IsMetByATestOrListedAsNotMet()
    {
        string text = File.ReadAllText(Path.Combine(Root, "SPECIFICATION.md"));
        int notMetAt = text.IndexOf("## Requirements not met yet", StringComparison.Ordinal), end = text.IndexOf("## Safety", StringComparison.Ordinal);
        HashSet<int> met = [.. text[..notMetAt].Split('\n').Where(line => line.StartsWith("| R", StringComparison.Ordinal)).SelectMany(line => Numbers(line.Split('|')[1]))];
        HashSet<int> notMet = [.. Numbers(text[notMetAt..end])];

        Assert.Empty(Enumerable.Range(1, 138).Except(met).Except(notMet));
        Assert.Empty(met.Intersect(notMet));
        Assert.Empty(PacketTable.All.Where(row => row.Requirements.IsEmpty || row.Requirements.Any(number => !met.Contains(number) && !notMet.Contains(number))).Select(row => row.Name));
    }

    private static VSwitch Start(PacketRow row)
    {
        VSwitch vSwitch = new();
        foreach (int nic in (int[])[1, 2, 7])
        {
            _ = vSwitch.AddPort(new NicId(new Guid(nic, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), $"nic{nic}");
        }

        CompileResult compiled = HostCompiler.Compile(PacketTable.PolicyOf(row), new HostFacts(PacketTable.Mtu));
        Assert.Empty(compiled.Errors);
        vSwitch.Install(compiled.Program);
        foreach ((Direction direction, FrameBuilder before) in row.Before)
        {
            _ = Decide(vSwitch.TryGetPort(PacketTable.A)!, direction, before.Build(), out _);
        }

        return vSwitch;
    }

    private static (string Verdict, string Delta, byte[]? Frame) Pass(PacketRow row, VSwitch vSwitch)
    {
        VPort port = vSwitch.TryGetPort(PacketTable.A)!;
        byte[] frame = row.Frame.Build();
        SortedDictionary<string, long> before = Counters(port, frame.Length);
        UnifiedFlow flow = Decide(port, row.Direction, frame, out ParsedPacket packet);
        SortedDictionary<string, long> after = Counters(port, frame.Length);
        string delta = string.Join(' ', after.Where(pair => pair.Value != before[pair.Key])
            .Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Key}+{pair.Value - before[pair.Key]}")));
        switch (flow.Verdict)
        {
            case Verdict.Drop:
                string layer = flow.DropLayer > 0 ? " " + port.Program!.Layers[flow.DropLayer - 1].Name : "";
                return ($"Drop {flow.DropReason}{layer}", delta, null);
            case Verdict.Hairpin:
                byte[] answer = new byte[2000];
                return ($"Hairpin {flow.Answer}", delta, answer[..port.Answer(flow, in packet, frame, answer, Now)]);
            case Verdict.Replicate:
                return ($"Replicate {string.Join(' ', flow.ReplicationTargets.ToArray().Select(target => target.Address).Order())}", delta, null);
            default:
                Assert.True(HeaderEdits.TryApply(flow, in packet, frame, ChecksumState.Full));
                return ($"Forward {flow.Transposition.Edits}{(flow.Extras?.Mirror is null ? "" : " mirror")}", delta, frame);
        }
    }

    private static UnifiedFlow Decide(VPort port, Direction direction, byte[] frame, out ParsedPacket packet)
    {
        Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out packet));
        return direction == Direction.Outbound ? port.DecideOutbound(in packet, frame, Now) : port.DecideInbound(in packet, frame, Now);
    }

    private static SortedDictionary<string, long> Counters(VPort port, int frameLength)
    {
        SortedDictionary<string, long> counters = new(StringComparer.Ordinal) { ["flows"] = port.FlowCount, ["connections"] = port.ConnectionCount };
        foreach (Direction direction in (Direction[])[Direction.Outbound, Direction.Inbound])
        {
            PortCounts counts = port.Counts(direction);
            string prefix = direction == Direction.Outbound ? "out." : "in.";
            counters[prefix + "packets"] = counts.Packets;
            counters[prefix + "bytes"] = counts.Bytes / frameLength;
            counters[prefix + "hits"] = counts.UnifiedFlowHits;
            counters[prefix + "slow"] = counts.SlowPathEvaluations;
            counters[prefix + "uncached"] = counts.Uncached;
            counters[prefix + "tcp.syn"] = counts.Tcp.Syn;
            counters[prefix + "tcp.fin"] = counts.Tcp.Fin;
            counters[prefix + "tcp.reset"] = counts.Tcp.Reset;
            counters[prefix + "billed"] = counts.BilledBytes;
            foreach (DropReason reason in Enum.GetValues<DropReason>())
            {
                counters[prefix + "drop." + reason] = counts.Drops.GetValueOrDefault(reason);
            }
        }

        return counters;
    }

    private static string Sorted(string delta) => string.Join(' ', delta.Split(' ').Order(StringComparer.Ordinal));

    private static IEnumerable<int> Numbers(string text) => Requirement().Matches(text).SelectMany(match =>
    {
        int first = int.Parse(match.Groups["first"].Value, CultureInfo.InvariantCulture);
        int last = match.Groups["last"].Success ? int.Parse(match.Groups["last"].Value, CultureInfo.InvariantCulture) : first;
        return Enumerable.Range(first, last - first + 1);
    });

    private static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Hnv.slnx")))
        {
            folder = folder.Parent;
        }

        return folder!.FullName;
    }

    private static IEnumerable<string> Sources(string folder) => Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
        .Where(file => !file.Split('/').Any(part => part is "obj" or "bin") && !file.EndsWith("PacketTableTests.cs", StringComparison.Ordinal));

    [GeneratedRegex(@"DropReason\.(?<name>\w+)")]
    private static partial Regex GivenReason();

    [GeneratedRegex(@"R(?<first>\d+)(?:-R?(?<last>\d+))?")]
    private static partial Regex Requirement();
}
