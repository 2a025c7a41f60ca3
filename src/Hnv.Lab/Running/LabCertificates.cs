using System.Text.Json.Nodes;
using Hnv.Lab.Fabric;
using Hnv.Lab.Topology;
using Hnv.Pki;

namespace Hnv.Lab.Running;

/// <summary>The certificates of a lab that was brought up with <c>--secure</c>; a lab without a folder of them speaks plainly.</summary>
public static class LabCertificates
{
    /// <summary>The folder, as <c>hnv pki</c> keeps it.</summary>
    public static string Folder(LabNames names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return $"{names.Directory}/pki";
    }

    /// <summary>Certifies the controller, every host, and an admin.</summary>
    public static void Issue(LabNames names, LabTopology topology)
    {
        ArgumentNullException.ThrowIfNull(topology);
        Directory.CreateDirectory(names.Directory);
        var pki = PkiDirectory.Init(Folder(names), TimeProvider.System);
        _ = pki.IssueController(Services.Controller, [NetworkBuilder.ControllerAddress]);
        _ = pki.IssueClient("admin", new CertificateGrant(CertificateRole.Admin));
        foreach (LabHost host in topology.Hosts)
        {
            _ = pki.IssueHost(host.Name, [host.Address.ToString()]);
        }
    }

    /// <summary>Puts TLS into a controller's configuration, when the lab has certificates.</summary>
    internal static void SecureController(LabNames names, JsonObject config)
    {
        string own = $"{Folder(names)}/controllers/{Services.Controller}";
        if (!Directory.Exists(own))
        {
            return;
        }

        config["listen"] = new JsonArray($"https://{NetworkBuilder.ControllerAddress}:443");
        config["tls"] = Files($"{own}/{PkiDirectory.CertificateFile}", $"{own}/{PkiDirectory.KeyFile}", $"{own}/{PkiDirectory.AuthorityFile}");
        config["authentication"] = new JsonObject { ["mode"] = "X509" };
        config["southbound"]!["tls"] = Files($"{own}/{PkiDirectory.SouthboundCertificateFile}", $"{own}/{PkiDirectory.SouthboundKeyFile}", $"{own}/{PkiDirectory.AuthorityFile}");
    }

    /// <summary>Puts TLS into an agent's configuration, when the lab has certificates.</summary>
    /// <param name="names">The lab's names.</param>
    /// <param name="host">The host's name.</param>
    /// <param name="address">Its address as in a URL.</param>
    /// <param name="southboundPort">The port of its policy database.</param>
    /// <param name="config">The configuration.</param>
    internal static void SecureAgent(LabNames names, string host, string address, int southboundPort, JsonObject config)
    {
        string own = $"{Folder(names)}/hosts/{host}";
        if (!Directory.Exists(own))
        {
            return;
        }

        config["ovsdb"]!["listen"] = new JsonArray($"pssl:{southboundPort}:{address}");
        config["channel"]!["listen"] = new JsonArray($"https://{address}:8443");
        JsonObject tls = Files($"{own}/{PkiDirectory.CertificateFile}", $"{own}/{PkiDirectory.KeyFile}", $"{own}/{PkiDirectory.AuthorityFile}");
        tls["controllersAuthorities"] = $"{own}/{PkiDirectory.ControllersAuthorityFile}";
        config["tls"] = tls;
    }

    private static JsonObject Files(string certificate, string key, string authorities) =>
        new() { ["certificate"] = certificate, ["privateKey"] = key, ["authorities"] = authorities };
}
