using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Hnv.Client;
using Hnv.Contracts.HostChannel;
using Hnv.Lab;
using Hnv.Lab.Running;
using Hnv.Lab.Topology;
using Spectre.Console;

namespace Hnv.Cli;

/// <summary><c>hnv lab …</c>: whole datacenters of network namespaces.</summary>
internal static class LabCommands
{
    public static Command Create() => new Command("lab", "Datacenters made of network namespaces: hosts, a router, tenants' machines")
        .With(Up(), Down(), Status(), Exec(), Move(), List(), Logs())
        .Example("hnv lab up labs/figure8.yaml", "hnv lab exec contoso-web -- ping -c 1 10.1.1.11", "hnv lab down");

    private static Command Up()
    {
        Argument<string> file = new("file") { Description = "The topology, a YAML file; see docs/lab.md" };
        Option<string[]> set = new("--set") { Description = "A parameter of the file: --set tenants=50", HelpName = "NAME=NUMBER", Arity = ArgumentArity.ZeroOrMore };
        Option<bool> nvgre = new("--nvgre") { Description = "NVGRE instead of the file's encapsulation" };
        Option<string?> executor = new("--executor") { Description = "The agents' packet executor: userspace, or ebpf (the kernel where it can)", HelpName = "NAME" };
        Option<string?> name = new("--name") { Description = "Another name than the file's, to have it up twice", HelpName = "NAME" };
        Option<bool> secure = new("--secure") { Description = "Mutual TLS between the services, with certificates made for the lab" };
        Option<bool> check = new("--check") { Description = "Only check the file" };
        return new Command("up", "Bring a lab up").With(file, set, nvgre, executor, name, secure, check)
            .Example("hnv lab up labs/figure8.yaml", "hnv lab up labs/figure8.yaml --nvgre", "hnv lab up labs/tenants.yaml --set tenants=50 --set hosts=3")
            .Does(async (parsed, cancellation) =>
            {
                LabRequest request = new(
                    parsed.GetRequiredValue(file),
                    Settings(parsed.GetValue(set) ?? []),
                    parsed.GetValue(nvgre),
                    parsed.GetValue(executor),
                    parsed.GetValue(name),
                    parsed.GetValue(secure));
                if (parsed.GetValue(check))
                {
                    LabTopology topology = TopologyFile.Load(request.File, request.Settings);
                    Console.Out.WriteLine($"{request.File}: {topology.Hosts.Count} hosts, {topology.Networks.Count} virtual networks, {topology.Machines.Count} machines. No mistakes.");
                    return 0;
                }

                long started = Stopwatch.GetTimestamp();
                LabState state = await WithProgressAsync(progress => LabUp.RunAsync(request, progress, cancellation));
                PrintMachines(state, parsed.GetValue(CommandLine.OutputOption));
                Console.Out.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"Lab {state.Name} is up: {state.Topology.Hosts.Count} hosts, {state.Topology.Machines.Count} machines, {state.Topology.Encapsulation}, {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s."));
                return 0;
            });
    }

    private static Command Down()
    {
        Argument<string?> name = new("name") { Description = "Which lab; without a name every lab on this machine", Arity = ArgumentArity.ZeroOrOne };
        return new Command("down", "Remove labs whole, also after a crash").With(name).Example("hnv lab down", "hnv lab down figure8").Does(async (parsed, _) =>
        {
            LabRemoval removal = await LabDown.RunAsync(parsed.GetValue(name) ?? parsed.GetValue(CommandLine.LabOption));
            Console.Out.WriteLine(removal is { ProcessCount: 0, NamespaceCount: 0, Labs.Count: 0 }
                ? "No lab was up."
                : $"Removed {string.Join(", ", removal.Labs)}: {removal.ProcessCount} processes, {removal.NamespaceCount} namespaces.");
            return 0;
        });
    }

    private static Command Status() => new Command("status", "The lab's services and machines").Does(async (parsed, cancellation) =>
    {
        LabState state = LabState.Find(parsed.GetValue(CommandLine.LabOption));
        RunningLab lab = new(state);
        OutputFormat format = parsed.GetValue(CommandLine.OutputOption);
        List<string?[]> services = [];
        using (ControllerClient controller = lab.Controller())
        {
            string health = await controller.IsHealthyAsync(cancellation) ? "healthy" : "does not answer";
            services.Add([Services.Controller, Running(lab, Services.Controller), health, null]);
        }

        foreach (LabHost host in state.Topology.Hosts)
        {
            using HostClient agent = lab.Agent(host.Name);
            try
            {
                HostInventory inventory = await agent.GetHostAsync(cancellation);
                services.Add([host.Name, Running(lab, host.Name), inventory.Connected ? "connected" : "no controller", string.Join(", ", inventory.ProviderAddresses.Select(pa => pa.Address))]);
            }
            catch (ApiException)
            {
                services.Add([host.Name, Running(lab, host.Name), "does not answer", null]);
            }
        }

        Console.Error.WriteLine($"Lab {state.Name} ({state.File}), {(state.Ready ? "ready" : "not completely up")}");
        Output.Rows(format, ["Service", "Process", "State", "Provider addresses"], services, "No services.");
        if (format == OutputFormat.Table)
        {
            PrintMachines(state, format);
        }

        return state.Ready && services.All(service => service[2] is "healthy" or "connected") ? 0 : 1;
    });

    private static Command Exec()
    {
        Argument<string> place = new("machine") { Description = "A machine, a host, 'tor', 'controller' or HOST-pa" };
        Argument<string[]> command = new("command") { Description = "After --: what to run there", Arity = ArgumentArity.OneOrMore };
        return new Command("exec", "Run a command in a machine; its exit code is ours").With(place, command)
            .Example("hnv lab exec contoso-web -- ping -c 1 10.1.1.11", "hnv lab exec fabrikam-sql -- bash", "hnv lab exec tor -- tcpdump -ni host1 udp port 4789")
            .Does(async (parsed, _) =>
            {
                RunningLab lab = RunningLab.Open(parsed.GetValue(CommandLine.LabOption));
                using Process process = Process.Start(lab.Command(parsed.GetRequiredValue(place), parsed.GetRequiredValue(command)))
                    ?? throw new LabException("nsenter cannot be started.");

                // Ctrl-C goes to the whole terminal: the command decides what it means, we wait for it.
                await process.WaitForExitAsync(CancellationToken.None);
                return process.ExitCode;
            });
    }

    private static Command Move()
    {
        Argument<string> machine = new("machine") { Description = "The machine" };
        Argument<string> host = new("host") { Description = "Where to" };
        return new Command("move", "Move a machine to another host; it keeps its addresses").With(machine, host)
            .Example("hnv lab move contoso-sql host2").Does(async (parsed, cancellation) =>
            {
                RunningLab lab = RunningLab.Open(parsed.GetValue(CommandLine.LabOption));
                TimeSpan took = await lab.MoveAsync(parsed.GetRequiredValue(machine), parsed.GetRequiredValue(host), cancellation);
                Console.Out.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{parsed.GetValue(machine)} is on {parsed.GetValue(host)}; unplugged, plugged and configured in {took.TotalMilliseconds:0} ms."));
                return 0;
            });
    }

    private static Command List() => new Command("list", "The labs on this machine").Does((parsed, _) =>
    {
        IEnumerable<LabState> states = LabState.All().Select(LabState.TryLoad).OfType<LabState>();
        Output.Rows(
            parsed.GetValue(CommandLine.OutputOption),
            ["Lab", "File", "Hosts", "Machines", "State"],
            states.Select(state => new string?[]
            {
                state.Name, state.File, Number(state.Topology.Hosts.Count), Number(state.Topology.Machines.Count), state.Ready ? "ready" : "incomplete",
            }),
            "No lab is up. Start one: hnv lab up labs/figure8.yaml");
        return Task.FromResult(0);
    });

    private static Command Logs()
    {
        Argument<string> service = new("service") { Description = "'controller' or a host" };
        Option<bool> follow = new("--follow", "-f") { Description = "Go on as it grows" };
        return new Command("logs", "The log of a service").With(service, follow).Example("hnv lab logs controller", "hnv lab logs host1 -f").Does(async (parsed, _) =>
        {
            LabState state = LabState.Find(parsed.GetValue(CommandLine.LabOption));
            string log = state.Names.Log(parsed.GetRequiredValue(service));
            if (!File.Exists(log))
            {
                throw new LabException($"There is no log of '{parsed.GetValue(service)}'; there are {string.Join(", ", state.Processes.Select(process => process.Name))}.");
            }

            using Process tail = Process.Start("tail", parsed.GetValue(follow) ? ["-n", "+1", "-F", log] : ["-n", "+1", log]);
            await tail.WaitForExitAsync(CancellationToken.None);
            return tail.ExitCode;
        });
    }

    private static async Task<LabState> WithProgressAsync(Func<Action<string>, Task<LabState>> work)
    {
        if (Console.IsErrorRedirected || Console.IsOutputRedirected)
        {
            return await work(step => Console.Error.WriteLine($"  {step} ..."));
        }

        return await AnsiConsole.Status().StartAsync("checking", context =>
        {
            string? before = null;
            return work(step =>
            {
                if (before is not null)
                {
                    AnsiConsole.MarkupLine($"[green]✓[/] {Markup.Escape(before)}");
                }

                before = step;
                context.Status(Markup.Escape(step));
            });
        });
    }

    private static void PrintMachines(LabState state, OutputFormat format)
    {
        const int LineCountMax = 24;
        LabMachine[] machines = [.. state.Topology.Machines];
        int shown = format == OutputFormat.Table ? LineCountMax : machines.Length;
        Output.Rows(
            format,
            ["Machine", "Host", "Virtual network", "VSID", "CA", "MAC"],
            machines.Take(shown).SelectMany(machine => machine.Adapters.Select(adapter => new string?[]
            {
                machine.Name, machine.Host, adapter.Subnet.FullName, adapter.Subnet.Vsid?.ToString(), string.Join(" ", adapter.Addresses.Select(address => address.Address)), adapter.Mac.ToString(),
            })),
            "No machines.");
        if (machines.Length > shown)
        {
            Console.Out.WriteLine($"and {machines.Length - shown} more machines");
        }
    }

    private static Dictionary<string, long> Settings(string[] pairs)
    {
        Dictionary<string, long> settings = new(StringComparer.Ordinal);
        foreach (string pair in pairs)
        {
            string[] parts = pair.Split('=', 2);
            if (parts.Length != 2 || !long.TryParse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value))
            {
                throw new CommandException($"--set {pair}: write NAME=NUMBER, for example --set tenants=50");
            }

            settings[parts[0]] = value;
        }

        return settings;
    }

    private static string Running(RunningLab lab, string service)
    {
        try
        {
            return lab.IsRunning(service) ? "running" : "ended";
        }
        catch (LabException)
        {
            return "not started";
        }
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
