using System.CommandLine;
using Hnv.Client;
using Hnv.Contracts.HostChannel;

namespace Hnv.Cli;

/// <summary>A port and the host it is on. Disposing lets go of the host.</summary>
internal sealed record PortPlace(string Host, HostClient Agent, PortStatus Port) : IDisposable
{
    /// <summary>The port as people call it.</summary>
    public string Name => Port.Name ?? Port.Device;

    /// <summary>Finds a port by its device, its network interface or that one's instanceId, on the hosts that the command is about.</summary>
    /// <exception cref="CommandException">No host has it.</exception>
    public static async Task<PortPlace> FindAsync(ParseResult parsed, string named, CancellationToken cancellation)
    {
        PortPlace? found = null;
        List<string> known = [];
        foreach ((string host, HostClient agent) in Endpoints.Agents(parsed))
        {
            IReadOnlyList<PortStatus> ports = found is null ? await agent.GetPortsAsync(cancellation) : [];
            if (ports.FirstOrDefault(port => IsNamed(port, named)) is { } port)
            {
                found = new PortPlace(host, agent, port);
                continue;
            }

            known.AddRange(ports.Select(each => each.Name ?? each.Device));
            agent.Dispose();
        }

        return found ?? throw new CommandException(
            $"No host here has a port '{named}'. {(known.Count == 0 ? "None is attached: hnv port attach DEVICE --nic RESOURCE_ID" : $"There are {string.Join(", ", known.Order(StringComparer.Ordinal).Take(20))}; see hnv port list")}");
    }

    /// <inheritdoc/>
    public void Dispose() => Agent.Dispose();

    private static bool IsNamed(PortStatus port, string named) =>
        port.Device == named || port.Name == named || (Guid.TryParse(named, out Guid id) && port.Nic == id);
}
