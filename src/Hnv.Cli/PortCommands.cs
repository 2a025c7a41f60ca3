using System.CommandLine;
using System.Globalization;
using Hnv.Client;
using Hnv.Contracts.HostChannel;

namespace Hnv.Cli;

/// <summary><c>hnv port …</c>: which device is the port of which network interface.</summary>
internal static class PortCommands
{
    public static Command Create() => new Command("port", "Bind TAP and veth devices to network interfaces").With(Attach(), Detach(), List())
        .Example("hnv port attach tap0 --nic contoso-sql-nic0 --host host1", "hnv port list", "hnv port detach tap0 --host host1");

    /// <summary>The instanceId of a network interface, given it or its resource id.</summary>
    public static async Task<Guid> ResolveAsync(ParseResult parsed, string nic, CancellationToken cancellation)
    {
        if (Guid.TryParse(nic, out Guid id))
        {
            return id;
        }

        using ControllerClient controller = Endpoints.Controller(parsed);
        string? found = (string?)(await controller.GetAsync($"/networkInterfaces/{Uri.EscapeDataString(nic)}", cancellation))?["instanceId"];
        return Guid.TryParse(found, out id)
            ? id
            : throw new CommandException($"There is no networkInterfaces/{nic}. See: hnv get networkInterfaces");
    }

    private static Command Attach()
    {
        Argument<string> device = new("device") { Description = "A TAP or veth device of the host" };
        Option<string> nic = new("--nic") { Description = "Resource id or instanceId of the network interface", Required = true, HelpName = "ID" };
        return new Command("attach", "Plug a device into a network interface's port").With(device, nic).Does(async (parsed, cancellation) =>
        {
            Guid id = await ResolveAsync(parsed, parsed.GetRequiredValue(nic), cancellation);
            using HostClient agent = Endpoints.Agent(parsed);
            PortStatus port = await agent.AttachAsync(id, parsed.GetRequiredValue(device), cancellation);
            Print(parsed, [(null, port)]);
            return 0;
        });
    }

    private static Command Detach()
    {
        Argument<string> device = new("device") { Description = "The device, or the network interface" };
        return new Command("detach", "Unplug it").With(device).Does(async (parsed, cancellation) =>
        {
            string named = parsed.GetRequiredValue(device);
            using HostClient agent = Endpoints.Agent(parsed);
            IReadOnlyList<PortStatus> ports = await agent.GetPortsAsync(cancellation);
            PortStatus port = ports.FirstOrDefault(p => p.Device == named || p.Name == named || p.Nic.ToString() == named)
                ?? throw new CommandException($"No port has '{named}'; attached are {(ports.Count == 0 ? "none" : string.Join(", ", ports.Select(p => p.Device)))}.");
            await agent.DetachAsync(port.Nic, cancellation);
            Console.Out.WriteLine($"{port.Device} is detached from {port.Name ?? port.Nic.ToString()}.");
            return 0;
        });
    }

    private static Command List() => new Command("list", "The ports of a host, or of every host of the lab").Does(async (parsed, cancellation) =>
    {
        List<(string?, PortStatus)> all = [];
        foreach ((string host, HostClient client) in Endpoints.Agents(parsed))
        {
            using (client)
            {
                all.AddRange((await client.GetPortsAsync(cancellation)).Select(port => ((string?)host, port)));
            }
        }

        Print(parsed, all);
        return 0;
    });

    private static void Print(ParseResult parsed, List<(string? Host, PortStatus Port)> ports) => Output.Rows(
        parsed.GetValue(CommandLine.OutputOption),
        ["Host", "Device", "Network interface", "VSID", "MAC", "CA", "State", "In", "Out", "Dropped in", "Dropped out"],
        ports.Select(each => new string?[]
        {
            each.Host,
            each.Port.Device,
            each.Port.Name ?? each.Port.Nic.ToString(),
            each.Port.Vsid?.ToString(CultureInfo.InvariantCulture),
            each.Port.Mac,
            string.Join(", ", each.Port.Addresses),
            each.Port.Code is null ? each.Port.State : $"{each.Port.State} ({each.Port.Code}: {each.Port.Message})",
            each.Port.Counters.PacketsIn.ToString(CultureInfo.InvariantCulture),
            each.Port.Counters.PacketsOut.ToString(CultureInfo.InvariantCulture),
            Drops(each.Port.Counters.DropsIn),
            Drops(each.Port.Counters.DropsOut),
        }),
        "No ports. Attach one: hnv port attach DEVICE --nic RESOURCE_ID");

    private static string Drops(IReadOnlyDictionary<string, long> drops) =>
        string.Join(" ", drops.Where(drop => drop.Value > 0).Select(drop => string.Create(CultureInfo.InvariantCulture, $"{drop.Key}:{drop.Value}")));
}
