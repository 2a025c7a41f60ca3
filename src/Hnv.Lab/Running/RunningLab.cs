using System.Diagnostics;
using Hnv.Client;
using Hnv.Lab.Fabric;
using Hnv.Lab.Topology;

namespace Hnv.Lab.Running;

/// <summary>A lab that is up, and what can be done with it.</summary>
/// <param name="state">Its state, as read from its file.</param>
public sealed class RunningLab(LabState state)
{
    private static readonly TimeSpan s_movePatience = TimeSpan.FromSeconds(20);

    /// <summary>Its state.</summary>
    public LabState State { get; private set; } = state;

    /// <summary>Its topology, machines where they are now.</summary>
    public LabTopology Topology => State.Topology;

    /// <summary>Its names.</summary>
    public LabNames Names => State.Names;

    /// <summary>The lab of that name, or the only one there is.</summary>
    /// <exception cref="LabException">There is none, or there are several.</exception>
    public static RunningLab Open(string? name) => new(LabState.Find(name));

    /// <summary>A client of its controller. The caller owns it.</summary>
    public ControllerClient Controller() => new(Names.ControllerSocket);

    /// <summary>A client of a host's agent. The caller owns it.</summary>
    /// <exception cref="LabException">No such host.</exception>
    public HostClient Agent(string host) => new(Names.AgentSocket(Host(host).Name));

    /// <summary>A host by name.</summary>
    /// <exception cref="LabException">No such host.</exception>
    public LabHost Host(string name) => Topology.Hosts.FirstOrDefault(host => host.Name == name)
        ?? throw new LabException($"Lab {State.Name} has no host '{name}'; it has {string.Join(", ", Topology.Hosts.Select(host => host.Name))}.");

    /// <summary>A machine by name.</summary>
    /// <exception cref="LabException">No such machine.</exception>
    public LabMachine Machine(string name) => Topology.Machines.FirstOrDefault(machine => machine.Name == name)
        ?? throw new LabException($"Lab {State.Name} has no machine '{name}'; it has {string.Join(", ", Topology.Machines.Take(12).Select(machine => machine.Name))}"
            + (Topology.Machines.Count > 12 ? ", …" : "."));

    /// <summary>
    /// The namespace of a machine, a host, a VTEP, <c>tor</c>, <c>controller</c> or <c>HOST-pa</c>. A machine on a VTEP lives in the VTEP's.
    /// </summary>
    /// <exception cref="LabException">No such thing.</exception>
    public string Namespace(string name)
    {
        bool known = name is "tor" or "controller"
            || Topology.Hosts.Any(host => name == host.Name || name == host.Name + "-pa")
            || Topology.Vteps.Any(vtep => vtep.Name == name);
        if (known)
        {
            return Names.Namespace(name);
        }

        LabMachine machine = Machine(name);
        return Names.Namespace(Topology.Vteps.Any(vtep => vtep.Name == machine.Host) ? machine.Host : name);
    }

    /// <summary>What to start to run a command there: the program inherits whatever terminal the caller has.</summary>
    public ProcessStartInfo Command(string place, IEnumerable<string> command)
    {
        ProcessStartInfo start = Tool.StartInfo("nsenter", [$"--net={LabNames.NamespaceDirectory}/{Namespace(place)}", "--", .. command]);
        start.Environment[LabNames.Marker] = State.Name;
        start.Environment["HNV_MACHINE"] = place;
        return start;
    }

    /// <summary>Runs a command there to its end.</summary>
    public Task<ToolResult> RunAsync(string place, IEnumerable<string> command, string? input = null, CancellationToken cancellation = default) =>
        Tool.TryRunAsync("nsenter", [$"--net={LabNames.NamespaceDirectory}/{Namespace(place)}", "--", .. command], input, cancellation);

    /// <summary>Moves a machine to another host: unplugged there, plugged in here, addresses kept.</summary>
    /// <returns>How long the machine was unplugged, until the hosts had the new policy.</returns>
    /// <exception cref="LabException">No such machine or host, or a service refused.</exception>
    public async Task<TimeSpan> MoveAsync(string machineName, string hostName, CancellationToken cancellation = default)
    {
        LabMachine machine = Machine(machineName);
        LabHost to = Host(hostName);
        LabHost from = Host(machine.Host);
        if (from == to)
        {
            return TimeSpan.Zero;
        }

        long started = Stopwatch.GetTimestamp();
        using HostClient source = Agent(from.Name);
        using HostClient target = Agent(to.Name);
        foreach (LabAdapter adapter in machine.Adapters)
        {
            await source.DetachAsync(adapter.InstanceId, cancellation);
        }

        await NetworkBuilder.MoveAsync(machine, from.Name, to.Name, Names, cancellation);
        foreach (LabAdapter adapter in machine.Adapters)
        {
            await LabUp.AttachAsync(target, to.Name, adapter, cancellation);
        }

        State = State with { Moved = new Dictionary<string, string>(State.Moved) { [machineName] = hostName } };
        State.Save();
        using ControllerClient controller = Controller();
        await LabUp.WaitConfiguredAsync(controller, [.. machine.Adapters.Select(adapter => adapter.ResourceId)], s_movePatience, cancellation);
        return Stopwatch.GetElapsedTime(started);
    }

    /// <summary>Sends a signal to a service: the controller or a host's agent. It is not started again.</summary>
    /// <param name="service"><c>controller</c> or a host's name.</param>
    /// <param name="signal">For example KILL.</param>
    public async Task SignalAsync(string service, string signal)
    {
        ProcessIdentity process = Service(service);
        await ProcessTable.SignalAsync(signal, [process]);
        if (signal is "KILL" or "TERM")
        {
            while (ProcessTable.IsRunning(process))
            {
                await Task.Delay(5);
            }
        }
    }

    /// <summary>Starts a service again that has ended, and waits until it answers.</summary>
    public async Task StartAsync(string service, CancellationToken cancellation = default)
    {
        if (ProcessTable.IsRunning(Service(service)))
        {
            return;
        }

        ProcessIdentity started = service == Services.Controller
            ? Services.StartController(Names)
            : Services.StartAgent(Names, Host(service), State.Executor);
        State = State with { Processes = [.. State.Processes.Where(process => process.Name != service), started] };
        State.Save();
        await (service == Services.Controller
            ? LabUp.WaitControllerAsync(State, cancellation)
            : LabUp.WaitAgentAsync(State, service, cancellation));
    }

    /// <summary>True while the service runs.</summary>
    public bool IsRunning(string service) => ProcessTable.IsRunning(Service(service));

    private ProcessIdentity Service(string service) => State.Processes.FirstOrDefault(process => process.Name == service)
        ?? throw new LabException($"Lab {State.Name} has no service '{service}'; it has {string.Join(", ", State.Processes.Select(process => process.Name))}.");
}
