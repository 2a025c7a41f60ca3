using System.Diagnostics;
using System.Text.Json.Nodes;
using Hnv.Lab.Fabric;
using Hnv.Lab.Topology;
using Hnv.Primitives;

namespace Hnv.Lab.Running;

/// <summary>Starts the controller and the agents, each in its namespace, detached from the terminal, with a log file.</summary>
public static class Services
{
    /// <summary>Name of the controller's process in the state file.</summary>
    public const string Controller = "controller";

    private const int SouthboundPort = 6640;

    /// <summary>Starts the controller.</summary>
    public static ProcessIdentity StartController(LabNames names)
    {
        JsonObject settings = new()
        {
            ["stateDirectory"] = $"{names.Directory}/{Controller}/state",
            ["runDirectory"] = $"{names.Directory}/{Controller}",
            ["listen"] = new JsonArray($"http://{NetworkBuilder.ControllerAddress}:80"),
            ["southbound"] = new JsonObject { ["port"] = SouthboundPort },
        };
        LabCertificates.SecureController(names, settings);
        string config = WriteConfig(names, Controller, settings);
        return Start(names, Controller, names.Controller, Installation.Assembly("Hnv.Controller"), config);
    }

    /// <summary>Starts the agent of a host.</summary>
    public static ProcessIdentity StartAgent(LabNames names, LabHost host, string? executor)
    {
        JsonObject settings = new()
        {
            ["hostId"] = host.Id.ToString(),
            ["name"] = host.Name,
            ["stateDirectory"] = $"{names.Directory}/{host.Name}/state",
            ["runDirectory"] = $"{names.Directory}/{host.Name}",
            ["uplinks"] = new JsonArray([.. host.Uplinks.Select(uplink => JsonValue.Create(uplink))]),
            ["compartment"] = names.Compartment(host.Name),
            ["ovsdb"] = new JsonObject { ["listen"] = new JsonArray($"ptcp:{SouthboundPort}:{InUrl(host.Address)}") },
            ["channel"] = new JsonObject { ["listen"] = new JsonArray($"http://{InUrl(host.Address)}:8080") },
        };
        if (executor is not null)
        {
            settings["executor"] = executor;
        }

        LabCertificates.SecureAgent(names, host.Name, InUrl(host.Address), SouthboundPort, settings);
        string config = WriteConfig(names, host.Name, settings);
        return Start(names, host.Name, names.Namespace(host.Name), Installation.Assembly("Hnv.HostAgent"), config);
    }

    private static string InUrl(InetAddress address) => address.IsIPv4 ? $"{address}" : $"[{address}]";

    private static string WriteConfig(LabNames names, string service, JsonObject config)
    {
        Directory.CreateDirectory($"{names.Directory}/{service}");
        Directory.CreateDirectory($"{names.Directory}/logs");
        string path = $"{names.Directory}/{service}/config.json";
        File.WriteAllText(path, config.ToString());
        return path;
    }

    private static ProcessIdentity Start(LabNames names, string service, string inNamespace, string assembly, string config)
    {
        // setsid: a Ctrl-C at the terminal is for the command, not for the services. exec throughout: the process id stays ours.
        ProcessStartInfo start = Tool.StartInfo("setsid",
        [
            "sh", "-c", "exec \"$@\" </dev/null >>\"$HNV_LAB_LOG\" 2>&1", "sh",
            "nsenter", $"--net={LabNames.NamespaceDirectory}/{inNamespace}",
            "dotnet", assembly, "--config", config,
        ]);
        start.Environment[LabNames.Marker] = names.Lab;
        start.Environment["HNV_LAB_LOG"] = names.Log(service);
        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["DOTNET_TieredCompilation"] = "1";
        start.WorkingDirectory = names.Directory;
        using Process process = Tool.Start(start);
        return ProcessTable.Find(process.Id, service)
            ?? throw new LabException($"{service} ended at once. See {names.Log(service)}: {Tail(names.Log(service))}");
    }

    /// <summary>The last lines of a log, for messages.</summary>
    public static string Tail(string log, int lines = 8)
    {
        try
        {
            return Environment.NewLine + string.Join(Environment.NewLine, File.ReadLines(log).TakeLast(lines).Select(line => "    " + line));
        }
        catch (IOException)
        {
            return "(no log)";
        }
    }
}
