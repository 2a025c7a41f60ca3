namespace Hnv.Lab.Fabric;

/// <summary>The names and places of everything one lab makes. Nothing else is the lab's, so nothing else is ever removed.</summary>
/// <param name="Lab">The lab's name; has no dash, so that one lab's prefix never begins another's.</param>
public sealed record LabNames(string Lab)
{
    /// <summary>Where running labs keep their state, sockets and logs.</summary>
    public const string Root = "/run/openhnv/lab";

    /// <summary>Where iproute2 keeps the names of network namespaces.</summary>
    public const string NamespaceDirectory = "/run/netns";

    /// <summary>Environment variable that every process of a lab carries; its value is the lab's name.</summary>
    public const string Marker = "HNV_LAB";

    /// <summary>What namespaces of tests outside labs begin with; labs leave them alone.</summary>
    public const string TestPrefix = "hnv-t-";

    /// <summary>What every namespace of this lab begins with.</summary>
    public string Prefix => $"hnv-{Lab}-";

    /// <summary>The router that joins the provider subnets.</summary>
    public string TopOfRack => Prefix + "tor";

    /// <summary>The network controller's namespace.</summary>
    public string Controller => Prefix + "controller";

    /// <summary>The lab's directory.</summary>
    public string Directory => $"{Root}/{Lab}";

    /// <summary>The state file.</summary>
    public string StateFile => $"{Directory}/lab.json";

    /// <summary>The controller's local endpoint.</summary>
    public string ControllerSocket => $"{Directory}/controller/controller.sock";

    /// <summary>Namespace of a host, a VTEP or a machine.</summary>
    public string Namespace(string name) => Prefix + name;

    /// <summary>The namespace in which a host's agent keeps provider addresses.</summary>
    public string Compartment(string host) => $"{Prefix}{host}-pa";

    /// <summary>An agent's local endpoint.</summary>
    public string AgentSocket(string host) => $"{Directory}/{host}/agent.sock";

    /// <summary>A service's log file.</summary>
    public string Log(string service) => $"{Directory}/logs/{service}.log";
}
