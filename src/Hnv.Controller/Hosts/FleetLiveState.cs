using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Text.Json.Nodes;
using Hnv.Contracts.HostChannel;
using Hnv.Controller.HostChannel;
using Hnv.Controller.Model;
using Hnv.Controller.Planning;
using Hnv.Controller.Resources;
using Hnv.Ovsdb;
using Hnv.Southbound;

namespace Hnv.Controller.Hosts;

/// <summary>configurationState and back references from what the hosts really report (northbound 5).</summary>
internal sealed class FleetLiveState(HostFleet fleet, NicCounterCollector counters, TimeProvider time) : ILiveState
{
    /// <summary>What a host may say about a port or an address (northbound 5.2).</summary>
    private static readonly FrozenSet<string> s_codes = FrozenSet.Create(
        "PAAddressConfigurationFailure", "PolicyConfigurationFailureOnVfp", "PolicyConfigurationFailure", "PortBlocked", "DhcpAddressAllocationFailure",
        "DistributedRouterConfigurationFailure", "QosConfigurationFailure", "MultipleVfpEnabledSwitches", "InfrastructurePortsBlocked");

    private const string Success = "Success";
    private const string Failure = "Failure";
    private const string InProgress = "InProgress";

    private readonly ConcurrentDictionary<Guid, (State State, string At)> _last = [];

    /// <summary>One thing to say about a resource.</summary>
    private readonly record struct State(string Status, string Source, string Code, string Message);

    public JsonObject? ConfigurationState(Node node) => node.Type.Name switch
    {
        NetworkInterfaces.Name or Servers.Name when FaultOf(node) is { } fault => Document(node.InstanceId, fault),
        NetworkInterfaces.Name when MachineOf(node) is { Server: { } server } machine => Document(node.InstanceId, OfPort(machine, server)),
        Servers.Name when fleet.WorkerOf(node.InstanceId) is { } worker => Document(node.InstanceId, OfServer(node, worker)),
        VirtualNetworks.Name => OfNetwork(node),
        AccessControlLists.Name => OfList(node),
        _ => null,
    };

    public string? ServerOf(Node networkInterface) =>
        MachineOf(networkInterface)?.Server is { } server ? fleet.Plan.Networks.Server(server)?.Ref : null;

    public IReadOnlyList<string> InterfacesOn(Node server) => [.. fleet.Plan.Networks.ByServer[server.InstanceId].Select(m => m.Nic.Ref)];

    public NicTotals? CountersOf(Node networkInterface) => counters.Of(networkInterface.InstanceId);

    private PlannedNetworks.Machine? MachineOf(Node nic) => fleet.Plan.Networks.ByInterface.GetValueOrDefault(nic.InstanceId);

    // What the documents themselves have wrong, so that no host can be told.
    private State? FaultOf(Node node) => fleet.Plan.Resources.GetValueOrDefault(node.Key) is { } fault ? Failed(fault) : null;

    private static State Failed(PlanFault fault) => new(Failure, "VirtualNetwork", fault.Code, fault.Message);

    private State OfPort(PlannedNetworks.Machine machine, Guid server)
    {
        if (fleet.Plan.Networks.Server(server) is { } node && FaultOf(node) is { } fault)
        {
            return fault;
        }

        if (fleet.WorkerOf(server) is not { } worker)
        {
            return new State(Success, "VirtualNetwork", Success, "Mapped to an endpoint without a host agent.");
        }

        State session = OfSession(worker);
        if (session.Status != Success)
        {
            return session;
        }

        if (machine.Network is not null && fleet.Plan.Networks.ProviderAddresses(server).IsEmpty)
        {
            return new State(Failure, "VirtualNetwork", "PAIpAddressExhausted", $"{worker.Server.Ref} has no provider address: its provider subnet has no free address in an ipPool.");
        }

        if (!worker.Report.Ports.TryGetValue(machine.Id, out PortBinding? binding))
        {
            return new State(InProgress, "VirtualSwitch", InProgress, "The port is not attached any more.");
        }

        return binding.Status.State switch
        {
            EnforcementState.Running when worker.IsInForce => new State(Success, "VirtualSwitch", Success, $"In force on {worker.Server.Ref}."),
            EnforcementState.Failed or EnforcementState.Blocked => new State(Failure, "VirtualSwitch", CodeOf(binding.Status), binding.Status.Message),
            _ => new State(InProgress, "VirtualSwitch", InProgress, "The host has not said yet that the policy is in force."),
        };
    }

    private State OfServer(Node server, HostWorker worker)
    {
        State session = OfSession(worker);
        if (session.Status != Success)
        {
            return session;
        }

        if (worker.Report.ProviderAddresses.FirstOrDefault(a => a.Value.State == EnforcementState.Failed) is { Value: { } failed } address)
        {
            return new State(Failure, "VirtualSwitch", CodeOf(failed), $"{address.Key}: {failed.Message}");
        }

        return server.ChildrenOf(Servers.Interfaces).Any(nic => nic.References("logicalSubnets").Any()) && fleet.Plan.Networks.ProviderAddresses(server.InstanceId).IsEmpty
            ? new State(Failure, "VirtualNetwork", "PAIpAddressExhausted", "No provider address could be allocated. Add an ipPool to the provider subnet.")
            : session;
    }

    // A host's word: of another version perhaps, and never to be handed on as something that clients do not know.
    private static string CodeOf(EnforcementStatus status) => s_codes.Contains(status.Code) ? status.Code : "Unknown";

    private State OfSession(HostWorker worker) => worker.Status.State switch
    {
        HostSessionState.Connected when (fleet.Plan.Failure ?? fleet.Plan.Hosts.GetValueOrDefault(worker.Server.InstanceId)) is { } fault => Failed(fault),
        HostSessionState.Connected when worker.Refusal is { } refusal => new State(Failure, "ResourceGlobal", "PolicyConfigurationFailure", refusal),
        HostSessionState.Connected when !worker.Status.HasAgent => new State(
            Failure, "ResourceGlobal", "HostNotConnectedToController", $"The policy database at {worker.Address} answers, and no host agent has a session with it. What was in force may be so still; nothing new is."),
        HostSessionState.Connected => new State(Success, "ResourceGlobal", Success, "Host is Connected."),
        HostSessionState.Connecting when worker.Status.Certificate == CertificateFault.Untrusted => new State(Failure, "ResourceGlobal", "CertificateNotTrusted", worker.Status.Message),
        HostSessionState.Connecting when worker.Status.Certificate == CertificateFault.WrongName => new State(Failure, "ResourceGlobal", "CertificateNotAuthorized", worker.Status.Message),
        HostSessionState.Connecting => new State(Failure, "ResourceGlobal", "HostUnreachable", $"{worker.Address} does not answer. {worker.Status.Message}"),
        _ => new State(Failure, "ResourceGlobal", "HostNotConnectedToController", worker.Status.Message),
    };

    private JsonObject? OfNetwork(Node network)
    {
        PlannedNetworks.Machine[] placed = [.. fleet.Plan.Networks.ByNetwork[network.Key].Where(m => m.Server is not null)];
        State? fault = FaultOf(network);
        if (placed.Length == 0 && fault is null)
        {
            return null;
        }

        JsonArray ports = Errors(placed.Select(m => (m.Id.Value, OfPort(m, m.Server!.Value))));
        JsonArray hosts = Errors(placed.Select(m => m.Server!.Value).Distinct().Select(fleet.WorkerOf).OfType<HostWorker>().Select(w => (w.Server.InstanceId, OfSession(w))));
        JsonObject document = Document(network.InstanceId, fault ?? Overall(ports.Count + hosts.Count), details: fault is not null);
        document["virtualNetworkInterfaceErrors"] = ports;
        document["hostErrors"] = hosts;
        return document;
    }

    private JsonObject? OfList(Node list)
    {
        PlannedNetworks networks = fleet.Plan.Networks;
        PlannedNetworks.Machine[] bound = [.. networks.Machines.Where(m => m.Server is not null
            && (networks.Lists(m).Any(l => l.Key == list.Key) || m.Subnets.Any(s => string.Equals(s.Reference("accessControlList"), list.Ref, StringComparison.OrdinalIgnoreCase))))];
        State? fault = FaultOf(list);
        if (bound.Length == 0 && fault is null)
        {
            return null;
        }

        JsonArray ports = Errors(bound.Select(m => (m.Id.Value, OfPort(m, m.Server!.Value))));
        JsonObject document = Document(list.InstanceId, fault ?? Overall(ports.Count), details: fault is not null);
        document["virtualNetworkInterfaceErrors"] = ports;
        return document;
    }

    private static State Overall(int errors) => errors == 0 ? new State(Success, "", Success, "") : new State(Failure, "", Failure, "");

    private JsonArray Errors(IEnumerable<(Guid Id, State State)> states) =>
        new([.. states.Where(s => s.State.Status == Failure).Select(s => Document(s.Id, s.State))]);

    private JsonObject Document(Guid id, State state, bool details = true)
    {
        string now = time.GetUtcNow().ToString("o", System.Globalization.CultureInfo.InvariantCulture);
        (State _, string at) = _last.AddOrUpdate(id, _ => (state, now), (_, last) => last.State == state ? last : (state, now));
        var document = new JsonObject { ["status"] = state.Status, ["id"] = id.ToString("D"), ["lastUpdatedTime"] = at };
        if (details)
        {
            document["detailedInfo"] = new JsonArray(new JsonObject { ["source"] = state.Source, ["code"] = state.Code, ["message"] = state.Message });
        }

        return document;
    }
}
