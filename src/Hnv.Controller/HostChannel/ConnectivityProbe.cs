using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Hnv.Client;
using Hnv.Contracts.HostChannel;

namespace Hnv.Controller.HostChannel;

/// <summary>A packet to send through the switches.</summary>
/// <param name="Sender">instanceId of the interface it leaves.</param>
/// <param name="Receiver">instanceId of the interface it is meant for; null when the address is no interface's.</param>
/// <param name="From">Its source address, one of the sender's.</param>
/// <param name="To">Its destination address.</param>
/// <param name="Protocol">1 for ICMP of either family, 6 or 17.</param>
/// <param name="DestinationPort">Destination port; of ICMP the sequence number.</param>
/// <param name="PayloadBytes">Bytes behind the transport header; a probe's mark takes the first 16 of them.</param>
/// <param name="WithTrace">Ask the switches also what they would do with it, and why.</param>
internal sealed record CheckedPacket(Guid Sender, Guid? Receiver, string From, string To, byte Protocol, int DestinationPort, int PayloadBytes, bool WithTrace);

/// <summary>What was found out.</summary>
/// <param name="Passes">The packet was seen arriving, or it was answered.</param>
/// <param name="RoundTripMilliseconds">Until the answer; null when there was none.</param>
/// <param name="Error">Why it did not; empty when it did.</param>
/// <param name="Nodes">What each switch on the way said.</param>
internal sealed record CheckOutcome(bool Passes, double? RoundTripMilliseconds, string Error, IReadOnlyList<CheckNode> Nodes);

/// <summary>What one switch said.</summary>
/// <param name="Type"><c>Sender</c>, <c>Transit</c> or <c>Receiver</c>.</param>
internal sealed record CheckNode(string Type)
{
    /// <summary>Its host: the server's resourceRef, of one on the way the name it calls itself.</summary>
    public string? Host { get; set; }

    /// <summary>Stage by stage.</summary>
    public List<string> Lines { get; } = [];

    /// <summary>Why the packet got no further; empty when it did.</summary>
    public string Error { get; set; } = "";

    /// <summary>What the switch would do with such a packet; null without a trace.</summary>
    public TraceReport? Report { get; set; }
}

/// <summary>
/// Checks whether a packet passes from one network interface to another, by sending it: the sender's agent puts it into the switch in the guest's place, the
/// receiver's looks for it at the guest's device. What the switches say that they would do (a trace) tells where and why it is stopped.
/// </summary>
internal sealed class ConnectivityProbe(HostChannels channels)
{
    private const int LinesMax = 200;
    private const int LineLengthMax = 1000;
    private const int NodesMax = 16;
    private const int MarkBytes = 16;
    private const int FirstSourcePort = 49_152;             // the dynamic ones of RFC 6335
    private const string NoNeighbor = "NoNeighbor";
    private const string Dropped = "Drop";
    private const string Watching = "watching";
    private const string Arrived = "arrived";

    /// <summary>How long an answer of the guest is waited for. One more than that is spent only on what does not arrive.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    /// <summary>The same when the switches have said that they would drop it.</summary>
    private static readonly TimeSpan s_impatience = TimeSpan.FromMilliseconds(300);

    /// <summary>Sends the packet and tells what became of it. Never fails: what goes wrong on the way is part of the outcome.</summary>
    public async Task<CheckOutcome> RunAsync(CheckedPacket packet, CancellationToken cancellation)
    {
        CheckNode sender = new("Sender"), receiver = new("Receiver");
        List<CheckNode> nodes = [sender];
        TracePacket words = Words(packet);
        if (AgentOf(packet.Sender, sender) is not { } agent)
        {
            return new CheckOutcome(false, null, sender.Error, [sender, receiver]);
        }

        if (packet.WithTrace)
        {
            await TraceAsync(agent, packet, words, nodes, receiver, cancellation);
        }

        HostClient? other = packet.Receiver is { } nic ? AgentOf(nic, receiver) : null;
        nodes.Add(receiver);
        bool isDropped = nodes.Any(node => node.Report?.Verdict == Dropped);
        (bool arrived, ProbeResult? sent) = await SendAsync(agent, other, packet, words, isDropped ? s_impatience : s_patience, sender, receiver, cancellation);
        bool passes = arrived || sent is { Answer: not null, IsError: false };
        return new CheckOutcome(passes, passes ? sent?.RoundTripMilliseconds : null, passes ? "" : Why(nodes, sent), nodes);
    }

    private static TracePacket Words(CheckedPacket packet)
    {
        const byte tcp = 6;
        int ip = packet.From.Contains(':', StringComparison.Ordinal) ? 40 : 20;
        return new TracePacket
        {
            Protocol = packet.Protocol,
            From = packet.From,
            To = packet.To,
            SourcePort = RandomNumberGenerator.GetInt32(FirstSourcePort, ushort.MaxValue + 1),
            DestinationPort = packet.DestinationPort,
            Size = packet.Protocol == tcp ? 0 : ip + 8 + Math.Max(packet.PayloadBytes, MarkBytes),
        };
    }

    private HostClient? AgentOf(Guid nic, CheckNode node)
    {
        if (channels.ServerOf(nic) is not { } server)
        {
            node.Error = "The interface is plugged in nowhere. Attach a device to it on its host: hnv port attach.";
            return null;
        }

        node.Host = channels.NameOf(server);
        HostClient? agent = channels.Of(server, out string? why);
        node.Error = why ?? node.Error;
        return agent;
    }

    private async Task TraceAsync(HostClient agent, CheckedPacket packet, TracePacket words, List<CheckNode> nodes, CheckNode receiver, CancellationToken cancellation)
    {
        CheckNode sender = nodes[0];
        TraceReport report;
        try
        {
            report = await agent.TraceAsync(new TraceRequest { Nic = packet.Sender, Packet = words }, cancellation);
        }
        catch (Exception e) when (IsOfTheHost(e, cancellation))
        {
            sender.Error = Words(e, sender);
            return;
        }

        try
        {
            report = await new TraceJourney(channels.With).FollowAsync(report, cancellation);
        }
        catch (Exception e) when (IsOfTheHost(e, cancellation))
        {
            receiver.Lines.Add(Cut($"What becomes of it there could not be asked: {e.Message}"));
        }

        Tell(sender, report);
        Collect(report, packet.Receiver, nodes, receiver);
    }

    private static void Collect(TraceReport report, Guid? wanted, List<CheckNode> nodes, CheckNode receiver)
    {
        foreach (TraceReport next in report.Ways.Select(way => way.Next).OfType<TraceReport>().TakeWhile(_ => nodes.Count < NodesMax))
        {
            CheckNode node = receiver.Report is null && (next.Nic == wanted || next.Nic is null) ? receiver : new CheckNode("Transit");
            Tell(node, next);
            if (!ReferenceEquals(node, receiver))
            {
                nodes.Add(node);
            }

            Collect(next, wanted, nodes, receiver);
        }
    }

    private static void Tell(CheckNode node, TraceReport report)
    {
        node.Report = report;
        node.Host ??= report.Host;
        node.Lines.Add(Cut($"{report.Port ?? "provider network"} on {report.Host}, {report.Direction}: {report.Packet}"));
        foreach (TraceStage stage in report.Stages.Take(LinesMax))
        {
            string rule = stage.Rule is null ? "" : $", rule {stage.Rule}", group = stage.Group is null ? "" : $", {stage.Group}", edits = stage.Edits is null ? "" : $" [{stage.Edits}]";
            node.Lines.Add(Cut($"{stage.Name}{group}{rule}: {stage.Outcome}{edits}"));
        }

        node.Lines.Add(Cut(report.Summary));
        if (report.Verdict == Dropped)
        {
            node.Error = Cut(report.Hint is { } hint ? $"{report.Summary} Try: {hint}" : report.Summary);
        }
    }

    private static async Task<(bool Arrived, ProbeResult? Sent)> SendAsync(
        HostClient agent, HostClient? other, CheckedPacket packet, TracePacket words, TimeSpan patience, CheckNode sender, CheckNode receiver, CancellationToken cancellation)
    {
        string mark = RandomNumberGenerator.GetHexString(2 * MarkBytes);
        int wait = (int)patience.TotalMilliseconds;
        using CancellationTokenSource done = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        ProbeWatchRequest watch = new() { Nic = packet.Receiver ?? default, Mark = mark, Protocol = packet.Protocol, IsIPv6 = packet.From.Contains(':', StringComparison.Ordinal), WaitMilliseconds = 2 * wait };
        await using IAsyncEnumerator<ProbeSighting>? sightings = other?.WatchProbeAsync(watch, done.Token).GetAsyncEnumerator(done.Token);
        bool isWatching = await NextAsync(sightings, receiver, cancellation) is { Kind: Watching };
        ProbeResult? sent = null;
        try
        {
            sent = await agent.ProbeAsync(new ProbeRequest { Nic = packet.Sender, Packet = words, Mark = mark, WaitMilliseconds = wait }, cancellation);
            sender.Lines.Add(Cut($"Sent: {sent.Packet}"));
        }
        catch (Exception e) when (IsOfTheHost(e, cancellation))
        {
            // That nobody has the address says more than what becomes of the question who has it.
            sender.Error = sender.Error.Length > 0 && e is not ApiException { Code: NoNeighbor } ? sender.Error : Words(e, sender);
        }

        ProbeSighting? seen = isWatching && sent is not null ? await NextAsync(sightings, receiver, cancellation) : null;
        await done.CancelAsync();
        receiver.Lines.Add(seen switch
        {
            { Kind: Arrived } => Cut($"Delivered to the guest: {seen.Packet}"),
            not null => "It did not arrive at the guest's device.",
            _ => "Nobody looked whether it arrives.",
        });
        if (sent is not null)
        {
            sender.Lines.Add(sent.Answer is null
                ? string.Create(CultureInfo.InvariantCulture, $"No answer within {wait} ms.")
                : Cut(string.Create(CultureInfo.InvariantCulture, $"Answer after {sent.RoundTripMilliseconds:0.###} ms: {sent.Answer}")));
        }

        return (seen is { Kind: Arrived }, sent);
    }

    private static async Task<ProbeSighting?> NextAsync(IAsyncEnumerator<ProbeSighting>? sightings, CheckNode receiver, CancellationToken cancellation)
    {
        try
        {
            return sightings is not null && await sightings.MoveNextAsync() ? sightings.Current : null;
        }
        catch (Exception e) when (IsOfTheHost(e, cancellation))
        {
            receiver.Error = receiver.Error.Length > 0 ? receiver.Error : Words(e, receiver);
            return null;
        }
    }

    private static string Why(IReadOnlyList<CheckNode> nodes, ProbeResult? sent)
    {
        if (nodes.FirstOrDefault(node => node.Report?.Verdict == Dropped) is { } dropped)
        {
            return Cut($"{dropped.Report!.Port ?? "provider network"} on {dropped.Host}: {dropped.Error}");
        }

        if (nodes.FirstOrDefault(node => node.Error.Length > 0) is { } fault)
        {
            return fault.Error;
        }

        return sent?.Answer is { } answer
            ? Cut($"It was answered by an error: {answer}")
            : "The packet was sent, nothing in policy stops it, and it did not arrive and was not answered. Look at the provider network, and whether the guest is up.";
    }

    // Whatever a host does, slow, silent or senseless, is a finding. Only the end of the whole check is not.
    private static bool IsOfTheHost(Exception e, CancellationToken cancellation) =>
        e is ApiException or IOException or HttpRequestException or JsonException or FormatException or ObjectDisposedException
        || (e is OperationCanceledException && !cancellation.IsCancellationRequested);

    private static string Words(Exception e, CheckNode node) => Cut($"{node.Host}: {e.Message}");

    private static string Cut(string text) => text.Length <= LineLengthMax ? text : text[..LineLengthMax];
}
