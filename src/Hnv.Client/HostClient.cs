using System.Net;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Hnv.Contracts;
using Hnv.Contracts.HostChannel;
using Hnv.Pki;

namespace Hnv.Client;

/// <summary>The management channel of a host agent. Safe for concurrent use.</summary>
/// <param name="endpoint"><c>http://host:port</c>, <c>https://host:port</c>, <c>unix:/path</c> or a socket's absolute path.</param>
/// <param name="identity">For <c>https</c>: our certificate, and whose signature on the service's we trust.</param>
/// <param name="limits">What the agent may cost us; null trusts it.</param>
public sealed class HostClient(string endpoint, CertificateFiles? identity = null, ClientLimits? limits = null) : IDisposable
{
    private readonly JsonChannel _channel = new(endpoint, identity, limits);

    /// <summary>What the host is and how it is.</summary>
    public Task<HostInventory> GetHostAsync(CancellationToken cancellation = default) =>
        GetAsync("v1/host", ContractJson.Default.HostInventory, cancellation);

    /// <summary>Health of the agent's parts.</summary>
    public Task<HostHealth> GetHealthAsync(CancellationToken cancellation = default) =>
        GetAsync("v1/health", ContractJson.Default.HostHealth, cancellation);

    /// <summary>Every attached port.</summary>
    public Task<IReadOnlyList<PortStatus>> GetPortsAsync(CancellationToken cancellation = default) =>
        GetAsync("v1/ports", ContractJson.Default.IReadOnlyListPortStatus, cancellation);

    /// <summary>The unified flows of one port.</summary>
    public Task<IReadOnlyList<FlowInfo>> GetFlowsAsync(Guid nic, CancellationToken cancellation = default) =>
        GetAsync($"v1/ports/{nic:D}/flows", ContractJson.Default.IReadOnlyListFlowInfo, cancellation);

    /// <summary>Totals and underlay drops.</summary>
    public Task<HostCounters> GetCountersAsync(CancellationToken cancellation = default) =>
        GetAsync("v1/counters", ContractJson.Default.HostCounters, cancellation);

    /// <summary>The CA-PA mappings in force.</summary>
    public Task<IReadOnlyList<MappingInfo>> GetMappingsAsync(CancellationToken cancellation = default) =>
        GetAsync("v1/mappings", ContractJson.Default.IReadOnlyListMappingInfo, cancellation);

    /// <summary>The switch: uplinks and what it forwards by.</summary>
    public Task<VfpSwitch> GetSwitchAsync(CancellationToken cancellation = default) =>
        GetAsync("v1/vfp/switch", ContractJson.Default.VfpSwitch, cancellation);

    /// <summary>The ports of the switch with their state and counters.</summary>
    public Task<IReadOnlyList<VfpPort>> GetSwitchPortsAsync(CancellationToken cancellation = default) =>
        GetAsync("v1/vfp/ports", ContractJson.Default.IReadOnlyListVfpPort, cancellation);

    /// <summary>The layers of a port with their groups.</summary>
    public Task<IReadOnlyList<VfpLayer>> GetLayersAsync(Guid nic, CancellationToken cancellation = default) =>
        GetAsync($"v1/vfp/ports/{nic:D}/layers", ContractJson.Default.IReadOnlyListVfpLayer, cancellation);

    /// <summary>The rules of a port, of one layer or of one group, page by page until all are there.</summary>
    public Task<IReadOnlyList<VfpRule>> GetRulesAsync(Guid nic, string? layer, string? group, CancellationToken cancellation = default) =>
        GetAllAsync(
            $"v1/vfp/ports/{nic:D}/rules?{(layer is null ? "" : $"layer={Uri.EscapeDataString(layer)}&")}{(group is null ? "" : $"group={Uri.EscapeDataString(group)}&")}",
            int.MaxValue, ContractJson.Default.PageVfpRule, cancellation);

    /// <summary>The spaces of a port.</summary>
    public Task<IReadOnlyList<VfpSpace>> GetSpacesAsync(Guid nic, CancellationToken cancellation = default) =>
        GetAsync($"v1/vfp/ports/{nic:D}/spaces", ContractJson.Default.IReadOnlyListVfpSpace, cancellation);

    /// <summary>The mappings of a port's space, page by page until all are there.</summary>
    public Task<IReadOnlyList<VfpMapping>> GetSpaceMappingsAsync(Guid nic, CancellationToken cancellation = default) =>
        GetAllAsync($"v1/vfp/ports/{nic:D}/mappings?", int.MaxValue, ContractJson.Default.PageVfpMapping, cancellation);

    /// <summary>How far the pools of a port's source translations are used.</summary>
    public Task<IReadOnlyList<VfpNatRange>> GetNatRangesAsync(Guid nic, CancellationToken cancellation = default) =>
        GetAsync($"v1/vfp/ports/{nic:D}/nat-ranges", ContractJson.Default.IReadOnlyListVfpNatRange, cancellation);

    /// <summary>The unified flows of a port, page by page.</summary>
    /// <param name="nic">The port.</param>
    /// <param name="limit">No more than this many.</param>
    /// <param name="cancellation">Gives up.</param>
    public Task<IReadOnlyList<VfpUnifiedFlow>> GetUnifiedFlowsAsync(Guid nic, int limit = int.MaxValue, CancellationToken cancellation = default) =>
        GetAllAsync($"v1/vfp/ports/{nic:D}/unified-flows?", limit, ContractJson.Default.PageVfpUnifiedFlow, cancellation);

    /// <summary>Flow limits and statistics of a port.</summary>
    public Task<VfpFlowStatistics> GetFlowStatisticsAsync(Guid nic, CancellationToken cancellation = default) =>
        GetAsync($"v1/vfp/ports/{nic:D}/flow-statistics", ContractJson.Default.VfpFlowStatistics, cancellation);

    /// <summary>A port's counters in the shape of the REST resource.</summary>
    public Task<NicCounters> GetNicCountersAsync(Guid nic, CancellationToken cancellation = default) =>
        GetAsync($"v1/ports/{nic:D}/counters", ContractJson.Default.NicCounters, cancellation);

    /// <summary>What was counted for every network interface that has, or had, a port there.</summary>
    public async Task<HostNicTotals> GetNicTotalsAsync(CancellationToken cancellation = default)
    {
        HostNicTotals totals = await GetAsync("v1/counters/nics", ContractJson.Default.HostNicTotals, cancellation);
        return totals.Nics is not null ? totals : throw Senseless("no list of counters");
    }

    /// <summary>Explains a packet; nothing is sent.</summary>
    /// <exception cref="ApiException">There is no such port, or the packet makes no sense.</exception>
    public async Task<TraceReport> TraceAsync(TraceRequest request, CancellationToken cancellation = default)
    {
        string body = JsonSerializer.Serialize(request, ContractJson.Default.TraceRequest);
        TraceReport report = Read((await _channel.SendAsync(HttpMethod.Post, "v1/trace", body, null, cancellation)).Body, ContractJson.Default.TraceReport);
        return IsWhole(report) ? report : throw Senseless("a trace without what belongs to it");
    }

    /// <summary>Sends a packet as if the port's guest had sent it, and waits for an answer to it.</summary>
    /// <exception cref="ApiException">There is no such port, it is blocked, the packet makes no sense, or too many probes are under way.</exception>
    public async Task<ProbeResult> ProbeAsync(ProbeRequest request, CancellationToken cancellation = default)
    {
        string body = JsonSerializer.Serialize(request, ContractJson.Default.ProbeRequest);
        return Read((await _channel.SendAsync(HttpMethod.Post, "v1/probe", body, null, cancellation)).Body, ContractJson.Default.ProbeResult);
    }

    /// <summary>Looks for a probe at the port it is to be delivered to. The first event says that it is being looked for, the second whether it came.</summary>
    /// <exception cref="ApiException">There is no such port, or too many probes are under way.</exception>
    public IAsyncEnumerable<ProbeSighting> WatchProbeAsync(ProbeWatchRequest request, CancellationToken cancellation = default) =>
        StreamAsync("v1/probe/watch", ContractJson.Default.ProbeSighting, cancellation, JsonSerializer.Serialize(request, ContractJson.Default.ProbeWatchRequest));

    /// <summary>Samples of dropped packets, oldest first.</summary>
    /// <param name="after">The number of the last sample known; 0 for all that are kept.</param>
    /// <param name="cancellation">Gives up.</param>
    public Task<IReadOnlyList<DropInfo>> GetDropsAsync(long after = 0, CancellationToken cancellation = default) =>
        GetAsync($"v1/drops?after={after}", ContractJson.Default.IReadOnlyListDropInfo, cancellation);

    /// <summary>Samples of dropped packets as they come, until the host agent stops or the caller cancels.</summary>
    public IAsyncEnumerable<DropInfo> FollowDropsAsync(CancellationToken cancellation = default) =>
        StreamAsync("v1/drops/events", ContractJson.Default.DropInfo, cancellation);

    /// <summary>Packets as they pass, until the host agent stops or the caller cancels.</summary>
    /// <param name="place">Where to look.</param>
    /// <param name="withTrace">Explain each packet that a guest sends.</param>
    /// <param name="cancellation">Ends it.</param>
    public IAsyncEnumerable<CaptureInfo> CaptureAsync(CaptureRequest place, bool withTrace = false, CancellationToken cancellation = default) =>
        StreamAsync($"v1/capture/events?{place.Query}{(withTrace ? "&trace=true" : "")}", ContractJson.Default.CaptureInfo, cancellation);

    /// <summary>The same as a pcapng file that goes on until the host agent stops or the stream is closed. The caller owns it.</summary>
    public Task<Stream> CaptureFileAsync(CaptureRequest place, CancellationToken cancellation = default) =>
        _channel.StreamAsync($"v1/capture?{place.Query}", cancellation);

    /// <summary>Plugs a device into the port of a network interface. Idempotent.</summary>
    /// <exception cref="ApiException">No such device, the device is taken, no privileges …</exception>
    public async Task<PortStatus> AttachAsync(Guid nic, string device, CancellationToken cancellation = default)
    {
        string body = JsonSerializer.Serialize(new PortAttachRequest(device), ContractJson.Default.PortAttachRequest);
        JsonAnswer answer = await _channel.SendAsync(HttpMethod.Put, $"v1/ports/{nic:D}", body, null, cancellation);
        return Read(answer.Body, ContractJson.Default.PortStatus);
    }

    /// <summary>Unplugs it.</summary>
    /// <returns>False when it was not attached here.</returns>
    public async Task<bool> DetachAsync(Guid nic, CancellationToken cancellation = default) =>
        (await _channel.SendAsync(HttpMethod.Delete, $"v1/ports/{nic:D}", null, null, cancellation)).Status != HttpStatusCode.NoContent;

    /// <summary>Events until the host agent stops or the caller cancels.</summary>
    public IAsyncEnumerable<HostEvent> EventsAsync(CancellationToken cancellation = default) =>
        StreamAsync("v1/events", ContractJson.Default.HostEvent, cancellation);

    /// <inheritdoc/>
    public void Dispose() => _channel.Dispose();

    private async IAsyncEnumerable<T> StreamAsync<T>(string path, JsonTypeInfo<T> type, [EnumeratorCancellation] CancellationToken cancellation, string? body = null)
    {
        await using Stream stream = await _channel.StreamAsync(path, cancellation, body);
        await foreach (SseItem<string> item in SseParser.Create(stream).EnumerateAsync(cancellation))
        {
            if (JsonSerializer.Deserialize(item.Data, type) is { } known)
            {
                yield return known;
            }
        }
    }

    private async Task<IReadOnlyList<T>> GetAllAsync<T>(string path, int limit, JsonTypeInfo<Page<T>> type, CancellationToken cancellation)
    {
        const int pageSize = 10_000;
        List<T> all = [];
        while (true)
        {
            int wanted = Math.Min(pageSize, limit - all.Count);
            Page<T> page = await GetAsync($"{path}skip={all.Count}&top={wanted}", type, cancellation);
            all.AddRange(page.Items);
            if (page.Items.Count < wanted || all.Count >= limit || all.Count >= page.Total)
            {
                return all;
            }
        }
    }

    private T Read<T>(JsonNode? body, JsonTypeInfo<T> type)
    {
        try
        {
            return body.Deserialize(type) ?? throw Senseless("nothing");
        }
        catch (JsonException e)
        {
            throw Senseless(e.Message);
        }
    }

    private ApiException Senseless(string answer) => new($"The host agent at {endpoint} answered {answer}.", new FormatException());

    // What a deserializer does not look at: members that are simply not there.
    private static bool IsWhole(TraceReport? report) =>
        report is { Host: not null, Direction: not null, Packet: not null, Stages: not null, Verdict: not null, Summary: not null, Ways: not null }
        && report.Stages.All(stage => stage is { Kind: not null, Name: not null, Outcome: not null })
        && report.Ways.All(way => way is { Kind: not null, To: not null } && way.Outer is null or { Destination: not null } && (way.Next is null || IsWhole(way.Next)));

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        JsonAnswer answer = await _channel.SendAsync(HttpMethod.Get, path, null, null, cancellation);
        return answer.Status == HttpStatusCode.NotFound
            ? throw new ApiException(answer.Status, new("NotFound", $"The host agent at {endpoint} does not know {path}.", path))
            : Read(answer.Body, type);
    }
}
