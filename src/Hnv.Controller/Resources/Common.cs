using System.Text.Json.Nodes;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary>Properties and questions that several resource types share.</summary>
internal static class Common
{
    /// <summary>A read-only list of everyone of some types who points here; left out while nobody does.</summary>
    public static Property BackReference(string name, params string[] holderPaths) => BackReferenceSince(ApiVersion.V1, name, holderPaths);

    /// <summary>The same, from a version on.</summary>
    public static Property BackReferenceSince(ApiVersion since, string name, params string[] holderPaths) =>
        new(name, new ListSchema(new ReferenceSchema(holderPaths)))
        {
            Access = Access.ReadOnly,
            Since = since,
            Compute = (node, view) => view.BackReferences(node, holderPaths),
        };

    /// <summary>What the hosts made of the resource; left out before anything was tried (contradiction 27).</summary>
    public static Property ConfigurationState() =>
        new("configurationState", new TextSchema()) { Access = Access.ReadOnly, Compute = (node, view) => view.Live?.ConfigurationState(node) };

    /// <summary>A prefix property as a value; null when absent.</summary>
    public static IpPrefix? Prefix(this Node node, string property) =>
        IpPrefix.TryParse(node.Text(property), out IpPrefix prefix) ? prefix : null;

    /// <summary>An address property as a value; null when absent.</summary>
    public static InetAddress? Address(this Node node, string property) =>
        InetAddress.TryParse(node.Text(property), out InetAddress address) ? address : null;

    /// <summary>The texts of a list property; empty when absent.</summary>
    public static IEnumerable<string> Texts(this Node node, string property) => Texts(node.Properties[property]);

    /// <summary>The texts of an array; empty when null.</summary>
    public static IEnumerable<string> Texts(JsonNode? array) => (array as JsonArray ?? []).Select(e => (string)e!);

    /// <summary>Where the references of a list property point.</summary>
    public static IEnumerable<string> References(this Node node, string property) =>
        (node.Properties[property] as JsonArray ?? []).Select(e => (string)e![ReferenceSchema.Member]!);
}
