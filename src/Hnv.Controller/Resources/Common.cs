using System.Text.Json.Nodes;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary>Properties and questions that several resource types share.</summary>
internal static class Common
{
    // Nothing has changed in what is not enforced since the controller started.
    private static readonly string s_since = DateTimeOffset.UtcNow.ToString("o", System.Globalization.CultureInfo.InvariantCulture);

    private static readonly StructSchema s_configurationState = new(
        new("status", new EnumSchema("Uninitialized", "InProgress", "Success", "Warning", "Failure")),
        new("lastUpdatedTime", new TextSchema()),
        new("id", new TextSchema()),
        new("detailedInfo", new ListSchema(new StructSchema(
            new("source", new TextSchema()), new("code", new TextSchema()), new("message", new TextSchema())))));

    /// <summary>A read-only list of everyone of some types who points here; left out while nobody does.</summary>
    public static Property BackReference(string name, params string[] holderPaths) => BackReferenceSince(ApiVersion.V1, name, holderPaths);

    /// <summary>The same, from a version on.</summary>
    public static Property BackReferenceSince(ApiVersion since, string name, params string[] holderPaths) =>
        new(name, new ListSchema(new ReferenceSchema(holderPaths)))
        {
            Access = Access.ReadOnly,
            Since = since,
            Compute = (node, view) => view.BackReferences(node, null, holderPaths),
        };

    /// <summary>A read-only list of everyone of a type who points here in one property, with something in it or not.</summary>
    public static Property BackReferencesIn(string name, string property, string holderPath) =>
        new(name, new ListSchema(new ReferenceSchema(holderPath)))
        {
            Access = Access.ReadOnly,
            Compute = (node, view) => view.BackReferences(node, property, holderPath) ?? [],
        };

    /// <summary>The one who points here; left out while nobody does.</summary>
    public static Property SingleBackReference(string name, params string[] holderPaths) =>
        new(name, new ReferenceSchema(holderPaths))
        {
            Access = Access.ReadOnly,
            Compute = (node, view) => view.BackReferences(node, null, holderPaths)?[0]?.DeepClone(),
        };

    /// <summary>A read-only property that has one value as long as the function behind it does not exist.</summary>
    public static Property Constant(string name, JsonNode value) =>
        new(name, new DerivedSchema(DerivedSchema.TypeOf(value))) { Access = Access.ReadOnly, Compute = (_, _) => value.DeepClone() };

    /// <summary>
    /// The state of a resource that is stored and validated but that nothing in this release enforces: says so, with the documented code
    /// for a device that is not there. What a device does report goes before it.
    /// </summary>
    public static Property NotEnforced(string status, string source, string code, string message) =>
        new("configurationState", s_configurationState)
        {
            Access = Access.ReadOnly,
            Compute = (node, view) => view.Live?.ConfigurationState(node) ?? new JsonObject
            {
                ["status"] = status,
                ["lastUpdatedTime"] = s_since,
                ["detailedInfo"] = new JsonArray(new JsonObject { ["source"] = source, ["code"] = code, ["message"] = message }),
            },
        };

    /// <summary>How a device is reached and logged on to.</summary>
    public static ListSchema Connections(bool withPort = false) => new(
        new StructSchema(
        [
            new("managementAddresses", new ListSchema(new TextSchema(lengthMax: 255), countMin: 1, countMax: 16)) { Required = true },
            new("credential", new ReferenceSchema(Credentials.Name)),
            new("credentialType", new TextSchema()),
            .. withPort ? [new Property("protocol", new EnumSchema("Tcp", "Udp", "Http", "Https", "GRE", "ESP", "All")), new Property("port", new IntegerSchema(0, ushort.MaxValue, asString: true))] : Array.Empty<Property>(),
        ]),
        countMax: 16);

    /// <summary>What the hosts made of the resource; left out before anything was tried (contradiction 27).</summary>
    public static Property ConfigurationState() =>
        new("configurationState", s_configurationState) { Access = Access.ReadOnly, Compute = (node, view) => view.Live?.ConfigurationState(node) };

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
