using System.CommandLine;
using Hnv.Client;
using Hnv.Lab.Running;
using Hnv.Pki;

namespace Hnv.Cli;

/// <summary>Finds whom to talk to: the option, the environment, the running lab, the place of an installed service; in this order.</summary>
internal static class Endpoints
{
    private const string InstalledController = "unix:/run/openhnv/controller.sock";
    private const string InstalledAgent = "unix:/run/openhnv/agent.sock";

    public static ControllerClient Controller(ParseResult parsed) => new(
        parsed.GetValue(CommandLine.ControllerOption)
        ?? Environment.GetEnvironmentVariable("HNV_CONTROLLER")
        ?? Lab(parsed)?.Names.ControllerSocket
        ?? InstalledController,
        identity: Identity(parsed));

    /// <summary>The agents meant: the one named, or all hosts of the running lab. The caller disposes each.</summary>
    public static IReadOnlyList<(string Host, HostClient Client)> Agents(ParseResult parsed)
    {
        if ((parsed.GetValue(CommandLine.AgentOption) ?? Environment.GetEnvironmentVariable("HNV_AGENT")) is { } endpoint)
        {
            return [(endpoint, new HostClient(endpoint, Identity(parsed)))];
        }

        string? host = parsed.GetValue(CommandLine.HostOption);
        LabState? lab = host is null ? Lab(parsed) : LabState.Find(parsed.GetValue(CommandLine.LabOption));
        if (lab is null)
        {
            return [("localhost", new HostClient(InstalledAgent))];
        }

        RunningLab running = new(lab);
        return host is not null
            ? [(host, running.Agent(host))]
            : [.. lab.Topology.Hosts.Select(each => (each.Name, running.Agent(each.Name)))];
    }

    /// <summary>Who we are toward an https endpoint; null when nobody said.</summary>
    private static CertificateFiles? Identity(ParseResult parsed)
    {
        if ((parsed.GetValue(CommandLine.IdentityOption) ?? Environment.GetEnvironmentVariable("HNV_IDENTITY")) is not { Length: > 0 } folder)
        {
            return null;
        }

        try
        {
            return CertificateFiles.Open(Path.Combine(folder, PkiDirectory.CertificateFile), Path.Combine(folder, PkiDirectory.KeyFile), Path.Combine(folder, PkiDirectory.AuthorityFile));
        }
        catch (PkiException e)
        {
            throw new CommandException(e.Message);
        }
    }

    /// <summary>Every agent there is to ask: the hosts of the running lab whatever <c>--host</c> says, else those meant. The caller disposes each.</summary>
    public static IReadOnlyList<(string Host, HostClient Client)> Everyone(ParseResult parsed)
    {
        bool isNamed = (parsed.GetValue(CommandLine.AgentOption) ?? Environment.GetEnvironmentVariable("HNV_AGENT")) is not null;
        return isNamed || parsed.GetValue(CommandLine.HostOption) is null
            ? Agents(parsed)
            : Lab(parsed) is { } lab ? [.. lab.Topology.Hosts.Select(each => (each.Name, new RunningLab(lab).Agent(each.Name)))] : Agents(parsed);
    }

    /// <summary>The agent at an endpoint. The caller disposes it.</summary>
    public static HostClient AgentAt(ParseResult parsed, string endpoint) => new(endpoint, Identity(parsed));

    /// <summary>The one agent meant.</summary>
    /// <exception cref="CommandException">Several are.</exception>
    public static HostClient Agent(ParseResult parsed)
    {
        IReadOnlyList<(string Host, HostClient Client)> all = Agents(parsed);
        if (all.Count == 1)
        {
            return all[0].Client;
        }

        foreach ((string _, HostClient client) in all)
        {
            client.Dispose();
        }

        throw new CommandException($"Which host? Add --host {string.Join(" or --host ", all.Select(each => each.Host))}, or --agent ENDPOINT.");
    }

    /// <summary>The lab to use when nothing else was named; null when there is none or it would be a guess.</summary>
    public static LabState? Lab(ParseResult parsed)
    {
        string? name = parsed.GetValue(CommandLine.LabOption);
        return name is not null ? LabState.Find(name) : LabState.All() is [string only] ? LabState.TryLoad(only) : null;
    }
}
