using System.Net;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Hnv.Contracts;
using Hnv.Contracts.HostChannel;
using Hnv.Dataplane.Userspace;
using Hnv.HostAgent.Configuration;
using Hnv.HostAgent.Enforcement;
using Hnv.Linux.Netlink;
using Hnv.Primitives;
using Hnv.Southbound;
using Hnv.Vfp;

namespace Hnv.HostAgent.HostChannel;

/// <summary>The host channel (DESIGN D4): what any tool may ask of one host.</summary>
internal sealed class ChannelEndpoints(
    AgentOptions options,
    HostPolicyDatabase database,
    VSwitch vSwitch,
    UserspaceExecutor executor,
    PortTable ports,
    ProviderNetwork providerNetwork,
    PolicyLoop loop,
    PortCommands commands,
    EventHub events,
    TimeProvider time)
{
    /// <summary>Flows that one answer lists at most.</summary>
    private const int FlowsMax = 10_000;

    /// <summary>The version of this agent.</summary>
    public static string Version { get; } = Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    private readonly DateTimeOffset _startedAt = time.GetUtcNow();

    /// <summary>Adds the routes.</summary>
    public void Map(WebApplication web)
    {
        _ = web.MapGet("/v1/host", () => Answers.Json(Inventory()));
        _ = web.MapGet("/v1/health", Health);
        _ = web.MapGet("/v1/ports", () => Answers.Json<IReadOnlyList<PortStatus>>([.. ports.Ports.Values.Select(View).OrderBy(port => port.Name, StringComparer.Ordinal)]));
        _ = web.MapPut("/v1/ports/{nic:guid}", AttachAsync);
        _ = web.MapDelete("/v1/ports/{nic:guid}", DetachAsync);
        _ = web.MapGet("/v1/ports/{nic:guid}/flows", Flows);
        _ = web.MapGet("/v1/counters", () => Answers.Json(Counters()));
        _ = web.MapGet("/v1/mappings", () => Answers.Json<IReadOnlyList<MappingInfo>>([.. loop.Policy.Mappings.Select(ChannelViews.Mapping)]));
        _ = web.MapGet("/v1/events", (CancellationToken cancellation) => TypedResults.ServerSentEvents(Events(cancellation)));
        _ = web.MapFallback((HttpContext context) => Answers.Error(HttpStatusCode.NotFound, "NotFound", $"{context.Request.Method} {context.Request.Path} is nothing this host serves. See /v1/host, /v1/ports, /v1/counters, /v1/mappings, /v1/health, /v1/events, /v1/vfp/switch, /v1/vfp/ports."));
    }

    private HostInventory Inventory()
    {
        using RouteSocket route = RouteSocket.Open();
        return new HostInventory(
            options.Name,
            options.HostId,
            Version,
            _startedAt,
            executor.Name,
            options.Uplinks,
            [.. loop.Policy.ProviderAddresses.Select(address => new ProviderAddressStatus(
                address.TeamMember,
                address.Address.ToString(),
                address.Prefix.ToString(),
                address.Mac.ToString(),
                address.VlanId,
                $"pa{address.TeamMember}",
                providerNetwork.Statuses.TryGetValue(address.Address, out EnforcementStatus? status) ? (status.State == EnforcementState.Running ? "ready" : status.Message) : "pending"))],
            [.. route.Links().Where(link => link.Name != "lo").Select(link => new DeviceInfo(link.Name, link.Mac.ToString(), link.Mtu, link.Kind.Length == 0 ? "physical" : link.Kind, link.IsUp ? "up" : "down"))],
            new ConfigurationProgress(database.ReadPolicy().Policy.Configuration, loop.Policy.Configuration),
            database.IsConnected);
    }

    private IResult Health()
    {
        Dictionary<string, string> parts = new(StringComparer.Ordinal)
        {
            ["database"] = database.IsConnected ? "ok" : "the policy database does not answer; what was in force stays in force",
            ["policy"] = loop.Faults is [] ? "ok" : string.Join(" ", loop.Faults),
            ["providerAddresses"] = providerNetwork.Statuses.Values.FirstOrDefault(status => status.State == EnforcementState.Failed)?.Message ?? "ok",
            ["ports"] = ports.Ports.Values.FirstOrDefault(port => port.Fault is not null)?.Fault ?? "ok",
        };
        bool healthy = parts.Values.All(part => part == "ok");
        return Answers.Json(new HostHealth(healthy, parts), status: healthy ? 200 : 503);
    }

    private async Task<IResult> AttachAsync(Guid nic, HttpRequest request, CancellationToken cancellation)
    {
        PortAttachRequest? body;
        try
        {
            body = await JsonSerializer.DeserializeAsync(request.Body, ContractJson.Default.PortAttachRequest, cancellation);
        }
        catch (JsonException error)
        {
            return Answers.Error(HttpStatusCode.BadRequest, "InvalidJson", $"The body must be {{\"device\": \"NAME\"}}: {error.Message}");
        }

        if (string.IsNullOrEmpty(body?.Device))
        {
            return Answers.Error(HttpStatusCode.BadRequest, "RequiredParamMissing", "device is missing; name a TAP or veth device of this host, for example {\"device\": \"tap0\"}.");
        }

        try
        {
            AttachedPort port = await commands.AttachAsync(new NicId(nic), body.Device, cancellation);
            return Answers.Json(View(port));
        }
        catch (PortCommandException error)
        {
            return Answers.Error(error.Status, error.Code, error.Message);
        }
    }

    private async Task<IResult> DetachAsync(Guid nic, CancellationToken cancellation)
    {
        try
        {
            return await commands.DetachAsync(new NicId(nic), cancellation) ? Results.Ok() : Results.NoContent();
        }
        catch (PortCommandException error)
        {
            return Answers.Error(error.Status, error.Code, error.Message);
        }
    }

    private IResult Flows(Guid nic)
    {
        if (vSwitch.TryGetPort(new NicId(nic)) is not { } port)
        {
            return Answers.NoPort(nic);
        }

        long now = Environment.TickCount64;
        IReadOnlyList<FlowInfo> flows =
        [
            .. port.Flows(Direction.Outbound, FlowsMax).Select(flow => ChannelViews.Flow(Direction.Outbound, flow, now)),
            .. port.Flows(Direction.Inbound, FlowsMax).Select(flow => ChannelViews.Flow(Direction.Inbound, flow, now)),
        ];
        return Answers.Json(flows);
    }

    private HostCounters Counters()
    {
        Dictionary<string, long> totals = new(StringComparer.Ordinal) { ["ports"] = ports.Ports.Count, ["generation"] = vSwitch.Generation };
        foreach (Direction direction in Enum.GetValues<Direction>())
        {
            PortCounts[] counts = [.. vSwitch.Ports.Select(port => port.Counts(direction))];
            totals[$"packets{direction}"] = counts.Sum(count => count.Packets);
            totals[$"bytes{direction}"] = counts.Sum(count => count.Bytes);
            totals[$"unifiedFlowHits{direction}"] = counts.Sum(count => count.UnifiedFlowHits);
            totals[$"slowPathEvaluations{direction}"] = counts.Sum(count => count.SlowPathEvaluations);
        }

        return new HostCounters(ChannelViews.Names(vSwitch.UnderlayDrops), totals);
    }

    private async IAsyncEnumerable<System.Net.ServerSentEvents.SseItem<string>> Events([EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (HostEvent happened in events.Listen(cancellation))
        {
            yield return new(JsonSerializer.Serialize(happened, ContractJson.Default.HostEvent), happened.Kind);
        }
    }

    private PortStatus View(AttachedPort port) =>
        ChannelViews.Port(port, loop.Policy.Ports.FirstOrDefault(policy => policy.Nic == port.Nic), loop.StatusOf(port));
}
