using Hnv.Controller.Engine;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>iDnsServer/configuration</c> (7.25): the name servers that know the tenants' machines.</summary>
internal static class IDnsServer
{
    public const string Name = "iDnsServer";

    public static ResourceType Create() => new(Name)
    {
        SingletonId = "configuration",
        IsPreset = false,
        Validate = Validate,
        Properties = new(
        [
            new("connections", Common.Connections()) { Required = true },
            new("zone", new TextSchema(lengthMax: 253)) { Required = true },
            new("forwarders", new ListSchema(new AddressSchema(), countMax: 16)) { InvalidCode = ErrorCodes.InvalidIPAddress },
        ]),
    };

    private static void Validate(RuleContext server)
    {
        if (server.Node.Properties["connections"] is System.Text.Json.Nodes.JsonArray { Count: 0 })
        {
            server.Fail(ErrorCodes.RequiredParamMissing, "connections", "is empty. Say how the server is reached.");
        }

        if (server.Node.Text("zone") is { Length: 0 })
        {
            server.Fail(ErrorCodes.RequiredParamMissing, "zone", "is empty. It is the parent of the tenants' names, for example contoso.example.");
        }
    }
}

/// <summary><c>auditingSettings/configuration</c> (7.20): where hosts write what their firewalls decided.</summary>
internal static class AuditingSettings
{
    public const string Name = "auditingSettings";

    public static ResourceType Create() => new(Name)
    {
        SingletonId = "configuration",
        Preset = { ["outputDirectory"] = "" },
        Since = ApiVersion.V3,
        Validate = settings => Credentials.RequireCertificate(settings, "encryptionCredential"),
        Properties = new(
        [
            new("outputDirectory", new TextSchema()) { Required = true },
            new("encryptionCredential", new ReferenceSchema(Credentials.Name)),
        ]),
    };
}
