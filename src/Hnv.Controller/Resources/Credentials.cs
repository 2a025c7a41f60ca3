using Hnv.Controller.Engine;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>credentials</c> (7.2). The secret is sealed in the store and never shown.</summary>
internal static class Credentials
{
    public const string Name = "credentials";

    private const string Password = "usernamePassword";
    private const string Certificate = "X509Certificate";
    private const string GroupManaged = "GroupManagedServiceAccount";
    private const string SubjectName = "X509CertificateSubjectName";
    private static readonly ApiVersion s_subjectNameSince = new(6, 1);

    public static ResourceType Create() => new(Name)
    {
        InUseCode = "InUseCredentialCannotBeDeleted",
        Validate = Validate,
        Properties = new(
        [
            new("type", new EnumSchema(Password, Certificate, "SnmpCommunityString", GroupManaged, SubjectName)) { Required = true },
            new("userName", new TextSchema()),

            // A thumbprint or a subject name is no secret; of a password the GET schema wants to see an empty string.
            new("value", new TextSchema())
            {
                Access = Access.WriteOnly,
                Compute = (node, _) => node.Text("type") is Password or "SnmpCommunityString" ? "" : node.Text("value") ?? "",
            },
            Common.BackReferenceSince(ApiVersion.V2, "networks", "virtualNetworks"),
            Common.SingleBackReference(AuditingSettings.Name, AuditingSettings.Name) with { Since = ApiVersion.V3 },
        ]),
    };

    /// <summary>Checks that a property names a credential that encrypts.</summary>
    public static void RequireCertificate(RuleContext user, string property)
    {
        if (user.Find(user.Node.Reference(property)) is { } credential && credential.Text("type") != Certificate)
        {
            user.Fail("UnsupportedCredentialType", property, $"names {credential.Ref} of type {credential.Text("type")}. Name one of type {Certificate}.");
        }
    }

    /// <summary>Checks that a property names a credential that logs on to a file server.</summary>
    public static void RequirePassword(RuleContext user, string property)
    {
        if (user.Find(user.Node.Reference(property)) is { } credential && credential.Text("type") != Password)
        {
            user.Fail("UnsupportedCredentialType", property, $"names {credential.Ref} of type {credential.Text("type")}. Name one of type {Password}.");
        }
    }

    private static void Validate(RuleContext rule)
    {
        switch (rule.Node.Text("type"))
        {
            case GroupManaged:
                rule.Fail(ErrorCodes.OperationNotSupported, "type", $"{GroupManaged} cannot be created through REST; it is made at deployment. Use another type.");
                return;
            case SubjectName when rule.Version.CompareTo(s_subjectNameSince) < 0:
                rule.Fail(ErrorCodes.InvalidParameterValue, "type", $"{SubjectName} came with {s_subjectNameSince}. Use that version of the URI.");
                break;
            case SubjectName when rule.Node.Text("value") is { } name && name.Contains('=', StringComparison.Ordinal) && !HasCommonName(name):
                rule.Fail("CommonNameExtractionFailed", "value", $"'{name}' looks like a distinguished name and has no CN. Send CN=…, or the common name alone.");
                break;
            case Password when string.IsNullOrEmpty(rule.Node.Text("userName")):
                rule.Fail(ErrorCodes.RequiredParamMissing, "userName", $"is missing. A credential of type {Password} needs one.");
                break;
        }

        if (rule.Node.Text("type") is not null && string.IsNullOrEmpty(rule.Node.Text("value")))
        {
            rule.Fail(ErrorCodes.RequiredParamMissing, "value", "is missing. Send the password, thumbprint, community or subject name.");
        }
    }

    private static bool HasCommonName(string name) =>
        name.Split(',', StringSplitOptions.TrimEntries).Any(part => part.StartsWith("CN=", StringComparison.OrdinalIgnoreCase) && part.Length > 3);
}
