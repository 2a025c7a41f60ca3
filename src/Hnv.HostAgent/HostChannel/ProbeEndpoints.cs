using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Hnv.Contracts;
using Hnv.Contracts.HostChannel;
using Hnv.Dataplane.Userspace;
using Hnv.Linux;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.HostAgent.HostChannel;

/// <summary>
/// Probes: packets that are really sent through the switch in a guest's place, and looked for at the device of the guest they are meant for. The sending
/// guest never sees a probe, so what its mark is known to is the two hosts and the receiver.
/// </summary>
internal sealed class ProbeEndpoints(VSwitch vSwitch, UserspaceExecutor executor, TimeProvider time)
{
    private const int AnswerWaitMax = 5000;
    private const int WatchWaitMax = 10_000;

    /// <summary>Bytes of a frame that are looked at: every header a probe or an error about one can have, and the mark.</summary>
    private const int SnapLength = 256;

    // As many at once as taps can be open; one beyond that is refused.
    private readonly FrameTap _tap = new(time);

    /// <summary>Adds the routes.</summary>
    public void Map(WebApplication web)
    {
        _ = web.MapPost("/v1/probe", ProbeAsync);
        _ = web.MapPost("/v1/probe/watch", WatchAsync);
    }

    private async Task<IResult> ProbeAsync(HttpRequest http, CancellationToken cancellation)
    {
        (ProbeRequest? request, IResult? refusal) = await ReadAsync(http, ContractJson.Default.ProbeRequest, cancellation);
        if (request is null)
        {
            return refusal!;
        }

        if (!ProbeMark.TryParse(request.Mark, out ProbeMark? mark) || request.Packet is not { Protocol: IPProtocols.Icmp or IPProtocols.Tcp or IPProtocols.Udp } packet)
        {
            return Invalid("mark has to be 32 hexadecimal digits, and packet.protocol 1, 6 or 17.");
        }

        if (vSwitch.TryGetPort(new NicId(request.Nic)) is not { } port)
        {
            return Answers.NoPort(request.Nic);
        }

        if (port.Program is not { IsFailClosed: false } program)
        {
            return Answers.Error(HttpStatusCode.Conflict, "PortBlocked", $"The port of networkInterface {request.Nic} has no policy in force, so whatever its guest sends is dropped.");
        }

        if (packet.From is { } from && (!InetAddress.TryParse(from, out InetAddress own) || !program.Addresses.Contains(new CustomerAddress(own))))
        {
            return Invalid($"from is '{from}'; the port has {string.Join(", ", program.Addresses)}.");
        }

        packet = packet with { SourceMac = null, DestinationMac = null };
        if (!TraceFrame.TryBuild(program, isInbound: false, packet, out byte[]? frame, out string? note, out string? problem, mark))
        {
            return Invalid(problem);
        }

        return note is null
            ? await SendAsync(port, mark, packet.Protocol, frame, TimeSpan.FromMilliseconds(Math.Clamp(request.WaitMilliseconds, 0, AnswerWaitMax)), cancellation)
            : Answers.Error(HttpStatusCode.Conflict, "NoNeighbor", $"Nothing was sent: the guest cannot send to {packet.To} before it is told a MAC for it, and nobody has that address.");
    }

    private async Task<IResult> SendAsync(VPort port, ProbeMark mark, byte protocol, byte[] frame, TimeSpan wait, CancellationToken cancellation)
    {
        bool isIPv6 = PacketParser.TryParse(frame, out ParsedPacket packet) == ParseFault.None && !packet.Ufid.Source.IsIPv4;
        string sent = Wording.Packet(frame, frame.Length);
        if (!TryOpen(port, mark.WordsOfAnswer(protocol, isIPv6), out PacketSocket? socket, out IResult? refusal))
        {
            return refusal!;
        }

        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        bool isError = false;
        Task<TappedFrame?> look = LookAsync(socket!, frame => mark.IsAnswer(frame, protocol, out isError), limit.Token);
        DateTimeOffset sentAt = time.GetUtcNow();
        bool isSent = false;
        try
        {
            isSent = executor.Inject(port, frame);
        }
        finally
        {
            limit.CancelAfter(isSent ? wait : TimeSpan.Zero);
        }

        TappedFrame? answer = await look;
        return isSent
            ? Answers.Json(answer is null
                ? new ProbeResult(sent, null, null, false)
                : new ProbeResult(sent, Wording.Packet(answer.Bytes, answer.Length), Math.Max(0, (answer.At - sentAt).TotalMilliseconds), isError))
            : Answers.Error(HttpStatusCode.Conflict, "PortNotAttached", $"The device {port.DeviceName} of the port is not there, so nothing can be sent from it.");
    }

    private async Task<IResult> WatchAsync(HttpRequest http, CancellationToken cancellation)
    {
        (ProbeWatchRequest? request, IResult? refusal) = await ReadAsync(http, ContractJson.Default.ProbeWatchRequest, cancellation);
        if (request is null)
        {
            return refusal!;
        }

        if (!ProbeMark.TryParse(request.Mark, out ProbeMark? mark) || request.Protocol is not (IPProtocols.Icmp or IPProtocols.Tcp or IPProtocols.Udp))
        {
            return Invalid("mark has to be 32 hexadecimal digits, and protocol 1, 6 or 17.");
        }

        if (vSwitch.TryGetPort(new NicId(request.Nic)) is not { } port)
        {
            return Answers.NoPort(request.Nic);
        }

        if (!TryOpen(port, mark.WordsOfProbe(request.Protocol, request.IsIPv6), out PacketSocket? socket, out refusal))
        {
            return refusal!;
        }

        // Looks whether or not anybody hears of it, and for no longer than was asked: so the tap is closed in any case.
        CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(Math.Clamp(request.WaitMilliseconds, 0, WatchWaitMax));
        return TypedResults.ServerSentEvents(SightingsAsync(LookAsync(socket!, frame => mark.IsProbe(frame, request.Protocol), limit.Token)));
    }

    private static async IAsyncEnumerable<System.Net.ServerSentEvents.SseItem<string>> SightingsAsync(Task<TappedFrame?> look)
    {
        yield return Event(new ProbeSighting("watching", null));
        yield return Event(await look is { } seen ? new ProbeSighting("arrived", Wording.Packet(seen.Bytes, seen.Length)) : new ProbeSighting("missed", null));
    }

    /// <summary>The first frame, given to the guest, that is the one; null when it does not come before the end.</summary>
    private async Task<TappedFrame?> LookAsync(PacketSocket socket, Func<byte[], bool> isIt, CancellationToken end)
    {
        try
        {
            await foreach (TappedFrame frame in _tap.ReadAsync(socket, SnapLength, static _ => { }, end))
            {
                if (frame.IsSent && isIt(frame.Bytes))
                {
                    return frame;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // It did not come.
        }

        return null;
    }

    private static System.Net.ServerSentEvents.SseItem<string> Event(ProbeSighting sighting) =>
        new(JsonSerializer.Serialize(sighting, ContractJson.Default.ProbeSighting), sighting.Kind);

    private bool TryOpen(VPort port, (int Offset, uint Word)[] words, out PacketSocket? socket, out IResult? refusal)
    {
        (socket, refusal) = (null, null);
        try
        {
            socket = _tap.Open(() =>
            {
                PacketSocket opened = PacketSocket.Open(port.DeviceName, ignoreOutgoing: false);
                try
                {
                    opened.LimitToWords(words);
                    return opened;
                }
                catch
                {
                    opened.Dispose();
                    throw;
                }
            });
            return true;
        }
        catch (Exception error) when (error is LinuxException or InvalidOperationException)
        {
            refusal = Answers.Error(HttpStatusCode.Conflict, "ProbeNotPossible", error.Message);
            return false;
        }
    }

    private static async Task<(T? Request, IResult? Refusal)> ReadAsync<T>(HttpRequest http, JsonTypeInfo<T> type, CancellationToken cancellation)
        where T : class
    {
        try
        {
            return await JsonSerializer.DeserializeAsync(http.Body, type, cancellation) is { } request ? (request, null) : (null, Invalid("The body is null."));
        }
        catch (JsonException error)
        {
            return (null, Answers.Error(HttpStatusCode.BadRequest, "InvalidJson", $"The body is no probe: {error.Message}"));
        }
    }

    private static IResult Invalid(string message) => Answers.Error(HttpStatusCode.BadRequest, "InvalidProbeRequest", message);
}
