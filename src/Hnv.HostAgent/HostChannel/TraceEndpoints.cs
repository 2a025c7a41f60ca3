using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Hnv.Contracts;
using Hnv.Contracts.HostChannel;
using Hnv.HostAgent.Configuration;
using Hnv.HostAgent.Enforcement;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.HostAgent.HostChannel;

/// <summary>What becomes of packets: explanations of those that might come, samples of those that were dropped.</summary>
internal sealed class TraceEndpoints
{
    /// <summary>How often a listener of drops is told of new ones.</summary>
    private static readonly TimeSpan s_dropsPause = TimeSpan.FromMilliseconds(200);

    private readonly VSwitch _switch;
    private readonly PolicyLoop _loop;
    private readonly TimeProvider _time;
    private readonly Tracer _tracer;

    public TraceEndpoints(AgentOptions options, VSwitch vSwitch, PolicyLoop loop, TimeProvider time)
    {
        _switch = vSwitch;
        _loop = loop;
        _time = time;
        _tracer = new Tracer(options.Name, vSwitch, NameOf);
    }

    /// <summary>Adds the routes.</summary>
    public void Map(WebApplication web)
    {
        _ = web.MapPost("/v1/trace", TraceAsync);
        _ = web.MapGet("/v1/drops", (long? after) => Answers.Json<IReadOnlyList<DropInfo>>([.. _switch.Drops.Read(Math.Max(0, after ?? 0), DropLog.Capacity).Select(View)]));
        _ = web.MapGet("/v1/drops/events", (CancellationToken cancellation) => TypedResults.ServerSentEvents(DropsAsync(cancellation)));
    }

    private async Task<IResult> TraceAsync(HttpRequest http, CancellationToken cancellation)
    {
        TraceRequest? request;
        try
        {
            request = await JsonSerializer.DeserializeAsync(http.Body, ContractJson.Default.TraceRequest, cancellation);
        }
        catch (JsonException error)
        {
            return Answers.Error(HttpStatusCode.BadRequest, "InvalidJson", $"The body is no trace request: {error.Message}");
        }

        byte[]? frame = null;
        if (request?.Frame is { } hex && !TryReadFrame(hex, out frame))
        {
            return Invalid($"frame has to be an Ethernet frame of 14 … {TraceFrame.LengthMax} bytes, in hexadecimal.");
        }

        if (request is { Nic: null, Outer: { } outer } && frame is not null)
        {
            return InetAddress.TryParse(outer.Source, out InetAddress source)
                ? Answers.Json(_tracer.FromUnderlay(outer, new ProviderAddress(source), frame))
                : Invalid($"outer.source is '{outer.Source}'; it has to be an IP address.");
        }

        if (request is not { Nic: { } nic })
        {
            return Invalid("nic is missing: name the port by the instanceId of its network interface; or give outer and frame of a packet from the provider network.");
        }

        return _switch.TryGetPort(new NicId(nic)) is { } port ? AtPort(port, request, frame) : Answers.NoPort(nic);
    }

    private IResult AtPort(VPort port, TraceRequest request, byte[]? frame)
    {
        Direction direction = request.IsInbound ? Direction.Inbound : Direction.Outbound;
        if (frame is not null)
        {
            return Answers.Json(_tracer.AtPort(port, direction, frame));
        }

        if (request.Packet is not { } packet)
        {
            return Invalid("frame and packet are both missing; one says what to explain.");
        }

        if (port.Program is not { IsFailClosed: false } program)
        {
            // Nothing is known that the words could be completed with; whatever it is, it is dropped.
            return Answers.Json(_tracer.AtPort(port, direction, new byte[Wire.EthernetHeader.Size]));
        }

        if (!TraceFrame.TryBuild(program, request.IsInbound, packet, out byte[]? built, out string? note, out string? problem))
        {
            return Invalid(problem);
        }

        // What comes from another host first has to pass as its packet.
        TraceReport report = request.IsInbound && OuterOf(program, built) is (TraceOuter outer, ProviderAddress source)
            ? _tracer.FromUnderlay(outer, source, built)
            : _tracer.AtPort(port, direction, built);
        return Answers.Json(note is null ? report : report with { Stages = [new TraceStage("guest", "next hop", null, null, note, null), .. report.Stages] });
    }

    private (TraceOuter Outer, ProviderAddress Source)? OuterOf(PortProgram program, byte[] frame)
    {
        if (Wire.PacketParser.TryParse(frame, out Wire.ParsedPacket packet) != Wire.ParseFault.None
            || !program.Space.TryFind(program.Vsid, new CustomerAddress(packet.Ufid.Source), out Mapping from)
            || _switch.Program.ProviderAddresses.Contains(from.Provider))
        {
            return null;
        }

        string here = _switch.Program.ProviderAddresses is [var own, ..] ? own.ToString() : "-";
        return (new TraceOuter(from.Encapsulation.ToString().ToUpperInvariant(), from.Provider.ToString(), here, program.Vsid.Value, 0, 0, packet.TrafficClass, 0), from.Provider);
    }

    private async IAsyncEnumerable<System.Net.ServerSentEvents.SseItem<string>> DropsAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        for (long after = _switch.Drops.Noted; !cancellation.IsCancellationRequested;)
        {
            foreach (DropSample sample in _switch.Drops.Read(after, DropLog.Capacity))
            {
                after = sample.Number;
                yield return new(JsonSerializer.Serialize(View(sample), ContractJson.Default.DropInfo), "drop");
            }

            await Task.Delay(s_dropsPause, _time, cancellation);
        }
    }

    private DropInfo View(DropSample sample) => new(
        sample.Number,
        _time.GetUtcNow() - TimeSpan.FromMilliseconds(Math.Max(0, Environment.TickCount64 - sample.Time)),
        sample.Port?.Nic.Value,
        sample.Port is { } port ? NameOf(port.Nic) ?? port.DeviceName : null,
        sample.Direction.ToString(),
        sample.Reason.ToString(),
        sample.Layer,
        sample.Rule?.Id,
        Wording.Packet(sample.Frame.AsSpan(), sample.Length),
        sample.Length,
        Convert.ToHexString(sample.Frame.AsSpan()));

    private string? NameOf(NicId nic)
    {
        foreach (PortPolicy policy in _loop.Policy.Ports)
        {
            if (policy.Nic == nic)
            {
                return policy.Name;
            }
        }

        return null;
    }

    private static bool TryReadFrame(string hex, out byte[]? frame)
    {
        frame = null;
        if (hex.Length / 2 is < Wire.EthernetHeader.Size or > TraceFrame.LengthMax)
        {
            return false;
        }

        try
        {
            frame = Convert.FromHexString(hex);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    private static IResult Invalid(string message) => Answers.Error(HttpStatusCode.BadRequest, "InvalidTraceRequest", message);
}
