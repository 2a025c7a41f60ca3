using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Hnv.Contracts;
using Hnv.Contracts.HostChannel;
using Hnv.HostAgent.Configuration;
using Hnv.HostAgent.Enforcement;
using Hnv.Linux;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.HostAgent.HostChannel;

/// <summary>
/// Captures: the frames of a port as the guest sends and gets them (CA space), or encapsulated as they are on a provider address (PA space), each with
/// what the switch makes of it.
/// </summary>
internal sealed class CaptureEndpoints(AgentOptions options, VSwitch vSwitch, PolicyLoop loop, TimeProvider time)
{
    private const int EventBytesMax = 256;
    private const string FileType = "application/x-pcapng";

    /// <summary>Explanations one capture asks for in a second; the frames beyond have no comment. The port's lock is taken for each.</summary>
    private const int ExplainedPerSecond = 1000;

    private readonly FrameTap _tap = new(time);
    private readonly Tracer _tracer = new(options.Name, vSwitch, nic => loop.Policy.Ports.FirstOrDefault(port => port.Nic == nic)?.Name);

    /// <summary>Adds the routes.</summary>
    public void Map(WebApplication web)
    {
        _ = web.MapGet("/v1/capture", (HttpContext http, Guid? nic, int? pa, int? uplink, int? snap) => FileAsync(http, nic, pa, uplink, snap));
        _ = web.MapGet("/v1/capture/events", (Guid? nic, int? pa, int? uplink, int? snap, bool? trace, CancellationToken cancellation) => Events(nic, pa, uplink, snap, trace, cancellation));
    }

    private IResult Events(Guid? nic, int? pa, int? uplink, int? snap, bool? trace, CancellationToken cancellation) =>
        TryOpen(Find(nic, pa, uplink, out IResult? refusal), ref refusal, out PacketSocket? socket) is { } place
            ? TypedResults.ServerSentEvents(EventsAsync(place, socket!, Math.Clamp(snap ?? EventBytesMax, 1, TraceFrame.LengthMax), trace ?? false, cancellation))
            : refusal!;

    /// <summary>Opened before the answer begins, so that a refusal can still be one.</summary>
    private CapturePlace? TryOpen(CapturePlace? place, ref IResult? refusal, out PacketSocket? socket)
    {
        socket = null;
        try
        {
            socket = place is null ? null : _tap.Open(place.Open);
            return place;
        }
        catch (Exception error) when (error is LinuxException or InvalidOperationException)
        {
            refusal = Answers.Error(HttpStatusCode.Conflict, "CaptureNotPossible", error.Message);
            return null;
        }
    }

    private async Task FileAsync(HttpContext http, Guid? nic, int? pa, int? uplink, int? snap)
    {
        if (TryOpen(Find(nic, pa, uplink, out IResult? refusal), ref refusal, out PacketSocket? socket) is not { } place)
        {
            await refusal!.ExecuteAsync(http);
            return;
        }

        int snapLength = Math.Clamp(snap ?? PcapngWriter.SnapLengthMax, 1, PcapngWriter.SnapLengthMax);
        http.Response.ContentType = FileType;
        MemoryStream buffer = new();
        PcapngWriter writer = new(buffer, $"OpenHNV {options.Name}");
        int interfaceId = writer.AddInterface(place.Device, place.Description, snapLength);
        await FlushAsync();
        await foreach (TappedFrame frame in ReadAsync(place, socket!, snapLength, http.RequestAborted))
        {
            writer.WritePacket(
                interfaceId,
                (ulong)(frame.At - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick,
                frame.Bytes,
                frame.IsSent ? Direction.Outbound : Direction.Inbound,
                Comment(place, frame) ?? "");
            await FlushAsync();
        }

        async Task FlushAsync()
        {
            await http.Response.Body.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length), http.RequestAborted);
            await http.Response.Body.FlushAsync(http.RequestAborted);
            buffer.SetLength(0);
        }
    }

    private async IAsyncEnumerable<System.Net.ServerSentEvents.SseItem<string>> EventsAsync(
        CapturePlace place, PacketSocket socket, int snapLength, bool withTrace, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (TappedFrame frame in ReadAsync(place, socket, TraceFrame.LengthMax, cancellation))
        {
            TraceReport? report = withTrace && place is { Port: { } port, Provider: null } && !frame.IsSent ? _tracer.AtPort(port, Direction.Outbound, frame.Bytes) : null;
            CaptureInfo info = new(
                frame.At,
                place.Device,
                place.DirectionOf(frame).ToString(),
                Wording.Packet(frame.Bytes, frame.Length),
                Comment(place, frame),
                frame.Length,
                Convert.ToHexString(frame.Bytes.AsSpan(0, Math.Min(snapLength, frame.Bytes.Length))),
                report);
            yield return new(JsonSerializer.Serialize(info, ContractJson.Default.CaptureInfo), "packet");
        }
    }

    private async IAsyncEnumerable<TappedFrame> ReadAsync(CapturePlace place, PacketSocket socket, int snapLength, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (TappedFrame frame in _tap.ReadAsync(socket, snapLength, static _ => { }, cancellation))
        {
            if (place.IsMeant(frame.Bytes))
            {
                yield return frame;
            }
        }
    }

    /// <summary>What the switch makes of a frame: asked of the port for what the guest sends, read off the outer headers for what is encapsulated.</summary>
    private static string? Comment(CapturePlace place, TappedFrame frame)
    {
        if (place.Provider is not null)
        {
            return OuterHeaders.TryRead(frame.Bytes, out OuterHeaders outer)
                ? $"{outer.Encapsulation.ToString().ToUpperInvariant()}, VSID {outer.Vsid}: {Wording.Packet(frame.Bytes.AsSpan(outer.InnerOffset), frame.Bytes.Length - outer.InnerOffset)}"
                : null;
        }

        if (place.Port is not { } port)
        {
            return frame.VlanId is { } vlan ? $"VLAN {vlan}" : null;
        }

        if (frame.IsSent)
        {
            return "delivered";
        }

        if (PacketParser.TryParse(frame.Bytes, out ParsedPacket packet) != ParseFault.None || place.IsOverBudget(ExplainedPerSecond))
        {
            return null;
        }

        Explanation explained = port.Explain(Direction.Outbound, in packet, frame.Bytes);
        UnifiedFlow flow = explained.Flow;
        return flow.Verdict switch
        {
            Verdict.Drop => $"drop: {flow.DropReason}{(explained.DropLayer is { } layer ? $" by {layer}" : "")}{(flow.DropRule is { } rule ? $", rule {rule.Id}" : "")}",
            Verdict.Hairpin => $"answered: {flow.Answer}",
            _ => $"{flow.Verdict.ToString().ToLowerInvariant()}: {Wording.Line(flow)}",
        };
    }

    private CapturePlace? Find(Guid? nic, int? pa, int? uplink, out IResult? refusal)
    {
        refusal = null;
        VPort? port = null;
        if (nic is { } id && (port = vSwitch.TryGetPort(new NicId(id))) is null)
        {
            refusal = Answers.NoPort(id);
            return null;
        }

        if (uplink is { } member)
        {
            if (member < 0 || member >= options.Uplinks.Count)
            {
                refusal = Answers.Error(HttpStatusCode.NotFound, "NotFound", $"There is no uplink {member}; this host has 0 … {options.Uplinks.Count - 1}.");
                return null;
            }

            string device = options.Uplinks[member];
            return new CapturePlace(device, $"uplink {member} of {options.Name}", null, null, () => PacketSocket.Open(device, ignoreOutgoing: false));
        }

        if (pa is { } index)
        {
            ProviderAddressPolicy? address = loop.Policy.ProviderAddresses.FirstOrDefault(address => address.TeamMember == index);
            if (address is null)
            {
                refusal = Answers.Error(HttpStatusCode.NotFound, "NotFound", $"This host has no provider address {index}. hnv status shows those it has.");
                return null;
            }

            string device = $"pa{index}", of = port is null ? "all tenants" : $"VSID {port.Program?.Vsid} of {port.DeviceName}";
            return new CapturePlace(device, $"provider address {address.Address} of {options.Name}, PA space, {of}", port, address.Address, () =>
            {
                using NetworkNamespace compartment = NetworkNamespace.Open(options.Compartment);
                return compartment.Run(() => PacketSocket.Open(device, ignoreOutgoing: false));
            });
        }

        if (port is null)
        {
            refusal = Answers.Error(HttpStatusCode.BadRequest, "RequiredParamMissing", "Name a port (nic), a provider address (pa) or an uplink (uplink) to look at.");
            return null;
        }

        string name = loop.Policy.Ports.FirstOrDefault(policy => policy.Nic == port.Nic)?.Name ?? port.DeviceName;
        return new CapturePlace(port.DeviceName, $"port of networkInterface {name} on {options.Name}, CA space, VSID {port.Program?.Vsid}", port, null, () => PacketSocket.Open(port.DeviceName, ignoreOutgoing: false));
    }
}

/// <summary>Where frames are looked at.</summary>
/// <param name="Device">The device.</param>
/// <param name="Description">What it is, with the VSID.</param>
/// <param name="Port">The port whose frames are meant; null for all.</param>
/// <param name="Provider">The provider address, for frames in PA space.</param>
/// <param name="Open">Opens it.</param>
internal sealed record CapturePlace(string Device, string Description, VPort? Port, ProviderAddress? Provider, Func<PacketSocket> Open)
{
    private long _second;
    private int _explained;

    /// <summary>As the VM sees it at a port; as the host sees it elsewhere.</summary>
    public Direction DirectionOf(TappedFrame frame) => (Port is not null && Provider is null) != frame.IsSent ? Direction.Outbound : Direction.Inbound;

    /// <summary>False for a frame in PA space that is not of the port asked for.</summary>
    public bool IsMeant(ReadOnlySpan<byte> frame)
    {
        if (Provider is null || Port?.Program is not { } program)
        {
            return true;
        }

        return OuterHeaders.TryRead(frame, out OuterHeaders outer)
            && EthernetHeader.TryRead(frame[outer.InnerOffset..], out EthernetHeader inner)
            && ((MacAddress)inner.Source == program.Mac || (outer.Vsid == program.Vsid && (MacAddress)inner.Destination == program.Mac));
    }

    /// <summary>Counts one explanation; true when the second has had enough of them.</summary>
    public bool IsOverBudget(int perSecond)
    {
        long second = Environment.TickCount64 / 1000;
        if (second != _second)
        {
            (_second, _explained) = (second, 0);
        }

        return ++_explained > perSecond;
    }
}

/// <summary>What an encapsulated frame says of itself.</summary>
internal readonly record struct OuterHeaders(EncapsulationType Encapsulation, Vsid Vsid, int InnerOffset)
{
    /// <summary>Reads VXLAN (whatever its UDP port: whether it fits is told by its own flags) and NVGRE.</summary>
    public static bool TryRead(ReadOnlySpan<byte> frame, out OuterHeaders outer)
    {
        outer = default;
        if (PacketParser.TryParse(frame, out ParsedPacket packet) != ParseFault.None || packet.TransportOffset == 0)
        {
            return false;
        }

        if (packet.Ufid.Protocol == IPProtocols.Udp && packet.PayloadOffset < frame.Length && VxlanHeader.TryRead(frame[packet.PayloadOffset..], out Vsid vsid))
        {
            outer = new OuterHeaders(EncapsulationType.Vxlan, vsid, packet.PayloadOffset + VxlanHeader.Size);
            return outer.InnerOffset <= frame.Length;
        }

        if (packet.Ufid.Protocol == IPProtocols.Gre && NvgreHeader.TryRead(frame[packet.TransportOffset..], out vsid, out _))
        {
            outer = new OuterHeaders(EncapsulationType.Nvgre, vsid, packet.TransportOffset + NvgreHeader.Size);
            return outer.InnerOffset <= frame.Length;
        }

        return false;
    }
}
