using System.Diagnostics;
using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Contracts.HostChannel;
using Hnv.Lab.Fabric;
using Hnv.Lab.Topology;

namespace Hnv.Lab.Running;

/// <summary>What to bring up.</summary>
/// <param name="File">The lab file.</param>
/// <param name="Settings">Values of its parameters.</param>
/// <param name="Nvgre">NVGRE instead of what the file says.</param>
/// <param name="Executor">The agents' executor; null for their default.</param>
/// <param name="Name">A name instead of the file's, so that one file can be up twice.</param>
/// <param name="Secure">True for mutual TLS between the services, with certificates made for the lab.</param>
public sealed record LabRequest(string File, IReadOnlyDictionary<string, long> Settings, bool Nvgre = false, string? Executor = null, string? Name = null, bool Secure = false);

/// <summary>Brings a lab up: namespaces and cables, services, policy by REST, ports, and waits until the hosts have it all.</summary>
/// <param name="state">What to make; nothing of it is made yet.</param>
/// <param name="progress">Told the name of each step as it begins.</param>
/// <param name="secure">True for mutual TLS between the services.</param>
public sealed class LabUp(LabState state, Action<string> progress, bool secure = false)
{
    private static readonly TimeSpan s_serviceStart = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_configuration = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(20);

    /// <summary>The controller works on several requests at once; more at a time only wait in its queue.</summary>
    private const int RequestsAtOnce = 8;

    private static readonly string[] s_programs = ["ip", "bridge", "nsenter", "setsid", "ovsdb-server"];

    private readonly Dictionary<string, double> _timings = [];
    private LabState _state = state;

    private LabTopology Topology => _state.Topology;

    private LabNames Names => _state.Names;

    /// <summary>Checks everything that can be checked beforehand, then makes the lab. On failure or cancellation removes what it made.</summary>
    /// <exception cref="TopologyException">The lab file is wrong.</exception>
    /// <exception cref="LabException">The lab could not be made; nothing is left of it.</exception>
    public static async Task<LabState> RunAsync(LabRequest request, Action<string> progress, CancellationToken cancellation)
    {
        LabState state = Prepare(request);
        await RefuseLeftoversAsync(state);
        string? before = Tool.Lab;
        Tool.Lab = state.Name;
        try
        {
            return await new LabUp(state, progress, request.Secure).MakeAsync(cancellation);
        }
        catch (Exception e)
        {
            string logs = e is OperationCanceledException ? "" : Logs(state);
            progress("cleaning up");
            Tool.Lab = null;
            await LabDown.RunAsync(state.Name);
            if (e is ApiException or LabException)
            {
                throw new LabException(e.Message + logs, e);
            }

            throw;
        }
        finally
        {
            Tool.Lab = before;
        }
    }

    private static LabState Prepare(LabRequest request)
    {
        LabTopology topology = TopologyFile.Load(request.File, request.Settings);
        if (request.Name is { } name && (name == "t" || !name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c)) || name.Length is 0 or > 20))
        {
            throw new LabException($"'{name}' is no name of a lab: lower-case letters and digits, at most 20, and not 't'.");
        }

        if (request.Nvgre && topology.Vteps.Count > 0)
        {
            throw new LabException($"{request.File} has vteps, which are vxlan devices: --nvgre and they do not go together.");
        }

        if (!Environment.IsPrivilegedProcess)
        {
            throw new LabException("A lab is made of network namespaces, which needs root. Run it with sudo.");
        }

        IEnumerable<string> needed = topology.Machines.Any(m => m.Adapters.Any(a => a.Assignment == AddressAssignment.Dhcp))
            ? [.. s_programs, MachineAddresses.DhcpClient]
            : s_programs;
        string[] missing = [.. needed.Where(program => !Tool.Exists(program))];
        if (missing.Length > 0)
        {
            throw new LabException($"Missing: {string.Join(", ", missing)}. Run eng/install.sh, which installs what is missing.");
        }

        Installation.Assembly("Hnv.Controller");
        Installation.Assembly("Hnv.HostAgent");
        return new LabState(
            request.Name ?? topology.Name, request.File, File.ReadAllText(request.File), request.Settings, request.Nvgre, request.Executor);
    }

    private static async Task RefuseLeftoversAsync(LabState state)
    {
        if (Directory.Exists(state.Names.Directory) || LabDown.Namespaces(state.Name).Count > 0
            || (await ProcessTable.OfLabAsync(state.Name, [], [])).Count > 0)
        {
            throw new LabException($"Lab {state.Name} is up already, or something of it is left. Remove it first: hnv lab down {state.Name}");
        }
    }

    private async Task<LabState> MakeAsync(CancellationToken cancellation)
    {
        _state.Save();
        await StepAsync("namespaces and cables", () => NetworkBuilder.BuildAsync(Topology, Names, cancellation));
        await StepAsync("controller and host agents", () => StartServicesAsync(cancellation));
        using ControllerClient controller = new(Names.ControllerSocket);
        await StepAsync("policy", () => PutPolicyAsync(controller, cancellation));
        await StepAsync("ports", () => AttachPortsAsync(cancellation));
        await StepAsync("hosts configured", () => WaitConfiguredAsync(controller, cancellation));
        await FillVtepsAsync(cancellation);
        if (Topology.Machines.Any(MachineAddresses.AsksForSome))
        {
            await StepAsync("addresses", () => MachineAddresses.AssignAsync(Topology, Names, cancellation));
        }

        _state = _state with { Ready = true, Timings = new Dictionary<string, double>(_timings) };
        _state.Save();
        return _state;
    }

    private async Task StepAsync(string name, Func<Task> step)
    {
        progress(name);
        long started = Stopwatch.GetTimestamp();
        await step();
        _timings[name] = Math.Round(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
    }

    private async Task StartServicesAsync(CancellationToken cancellation)
    {
        if (secure)
        {
            LabCertificates.Issue(Names, Topology);
        }

        List<ProcessIdentity> processes = [Services.StartController(Names)];
        processes.AddRange(Topology.Hosts.Select(host => Services.StartAgent(Names, host, _state.Executor)));
        _state = _state with { Processes = processes };
        _state.Save();
        await Task.WhenAll(
            [WaitControllerAsync(_state, cancellation), .. Topology.Hosts.Select(host => WaitAgentAsync(_state, host.Name, cancellation))]);
    }

    /// <summary>Waits until the controller answers.</summary>
    internal static async Task WaitControllerAsync(LabState state, CancellationToken cancellation)
    {
        using ControllerClient client = new(state.Names.ControllerSocket);
        await WaitServiceAsync(state, Services.Controller, () => client.IsHealthyAsync(cancellation), cancellation);
    }

    /// <summary>Waits until the agent of a host answers.</summary>
    internal static async Task WaitAgentAsync(LabState state, string host, CancellationToken cancellation)
    {
        using HostClient client = new(state.Names.AgentSocket(host));
        await WaitServiceAsync(
            state,
            host,
            async () =>
            {
                try
                {
                    return (await client.GetHealthAsync(cancellation)).Healthy;
                }
                catch (ApiException)
                {
                    return false;
                }
            },
            cancellation);
    }

    private static async Task WaitServiceAsync(LabState state, string service, Func<Task<bool>> answers, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        ProcessIdentity process = state.Processes.First(p => p.Name == service);
        while (!await answers())
        {
            if (!ProcessTable.IsRunning(process))
            {
                throw new LabException($"The service '{service}' ended by itself; the end of its log:{Services.Tail(state.Names.Log(service))}");
            }

            if (Stopwatch.GetElapsedTime(started) > s_serviceStart)
            {
                throw new LabException($"The service '{service}' is not healthy after {s_serviceStart.TotalSeconds} s.");
            }

            await Task.Delay(s_poll, cancellation);
        }
    }

    private async Task PutPolicyAsync(ControllerClient controller, CancellationToken cancellation)
    {
        foreach (IReadOnlyList<PolicyDocument> wave in PolicyDocuments.Of(Topology))
        {
            await Parallel.ForEachAsync(
                wave,
                new ParallelOptions { MaxDegreeOfParallelism = RequestsAtOnce, CancellationToken = cancellation },
                async (document, token) => await PutAsync(controller, document, token));
        }
    }

    private static async Task PutAsync(ControllerClient controller, PolicyDocument document, CancellationToken cancellation)
    {
        try
        {
            await controller.PutAsync(document.Path, document.Body, cancellation: cancellation);
        }
        catch (ApiException e)
        {
            throw new LabException($"The controller refused {document.Path}: {e.Code}: {e.Message}", e);
        }
    }

    private Task AttachPortsAsync(CancellationToken cancellation) => Task.WhenAll(Topology.Hosts.Select(async host =>
    {
        using HostClient agent = new(Names.AgentSocket(host.Name));
        await Parallel.ForEachAsync(
            Topology.Machines.Where(machine => machine.Host == host.Name).SelectMany(machine => machine.Adapters),
            new ParallelOptions { MaxDegreeOfParallelism = RequestsAtOnce, CancellationToken = cancellation },
            async (adapter, token) => await AttachAsync(agent, host.Name, adapter, token));
    }));

    /// <summary>Plugs one adapter in.</summary>
    internal static async Task AttachAsync(HostClient agent, string host, LabAdapter adapter, CancellationToken cancellation)
    {
        try
        {
            await agent.AttachAsync(adapter.InstanceId, adapter.Device, cancellation);
        }
        catch (ApiException e)
        {
            throw new LabException($"Host {host} did not attach {adapter.Device} to {adapter.ResourceId}: {e.Code}: {e.Message}", e);
        }
    }

    private async Task WaitConfiguredAsync(ControllerClient controller, CancellationToken cancellation)
    {
        HashSet<string> expected = [.. Topology.Machines
            .Where(machine => Topology.Vteps.All(vtep => vtep.Name != machine.Host))
            .SelectMany(machine => machine.Adapters.Select(adapter => adapter.ResourceId))];
        await WaitConfiguredAsync(controller, expected, s_configuration, cancellation);
    }

    /// <summary>Waits until the hosts have what the controller asked for, for these network interfaces.</summary>
    internal static async Task WaitConfiguredAsync(
        ControllerClient controller, HashSet<string> nics, TimeSpan patience, CancellationToken cancellation)
    {
        long started = Stopwatch.GetTimestamp();
        while (true)
        {
            JsonArray all = (JsonArray?)(await controller.GetAsync("/networkInterfaces", cancellation))?["value"] ?? [];
            List<JsonNode> waiting = [.. all.OfType<JsonNode>()
                .Where(nic => nics.Contains((string?)nic["resourceId"] ?? "") && (string?)State(nic)?["status"] != "Success")];
            if (waiting.Count == 0 && all.Count >= nics.Count)
            {
                return;
            }

            if (Stopwatch.GetElapsedTime(started) > patience)
            {
                JsonNode? first = waiting.Count > 0 ? waiting[0] : null;
                throw new LabException($"{waiting.Count} of {nics.Count} network interfaces are not configured after {patience.TotalSeconds} s; "
                    + $"{(string?)first?["resourceId"]} says {State(first)?.ToJsonString() ?? "nothing"}.");
            }

            await Task.Delay(s_poll, cancellation);
        }

        static JsonNode? State(JsonNode? nic) => nic?["properties"]?["configurationState"];
    }

    /// <summary>A foreign endpoint knows nobody by itself: it gets one static entry for each machine of its subnet.</summary>
    private async Task FillVtepsAsync(CancellationToken cancellation)
    {
        if (Topology.Vteps.Count == 0)
        {
            return;
        }

        Dictionary<string, string> providerAddresses = [];
        foreach (LabHost host in Topology.Hosts)
        {
            using HostClient agent = new(Names.AgentSocket(host.Name));
            HostInventory inventory = await agent.GetHostAsync(cancellation);
            providerAddresses[host.Name] = inventory.ProviderAddresses is [{ Address: { } first }, ..]
                ? first
                : throw new LabException($"Host {host.Name} has no provider address, though its adapters are configured.");
        }

        foreach (LabVtep vtep in Topology.Vteps)
        {
            await VtepEntries.WriteAsync(Topology, Names, vtep, providerAddresses, cancellation);
        }
    }

    private static string Logs(LabState state) => string.Concat(
        Directory.Exists($"{state.Names.Directory}/logs")
            ? Directory.EnumerateFiles($"{state.Names.Directory}/logs").Order(StringComparer.Ordinal)
                .Select(log => $"{Environment.NewLine}  {Path.GetFileName(log)}:{Services.Tail(log)}")
            : []);
}
