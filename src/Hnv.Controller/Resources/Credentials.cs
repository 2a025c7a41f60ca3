using Hnv.Controller.Engine;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>credentials</c> (7.2). The secret is sealed in the store and never shown.</summary>
internal static class Credentials
{
    public const string Name = "credentials";

    private const string Password = "usernamePassword";
    private const string GroupManaged = "GroupManagedServiceAccount";
    private const string SubjectName = "X509CertificateSubjectName";
    private static readonly ApiVersion s_subjectNameSince = new(6, 1);

    public static ResourceType Create() => new(Name)
    {
        InUseCode = "InUseCredentialCannotBeDeleted",
        Validate = Validate,
        Properties = new(
        [
            new("type", new EnumSchema(Password, "X509Certificate", "SnmpCommunityString", GroupManaged, SubjectName)) { Required = true },
            new("userName", new TextSchema()),

            // A thumbprint or a subject name is no secret; of a password the GET schema wants to see an empty string.
            new("value", new TextSchema())
            {
                Access = Access.WriteOnly,
                Compute = (node, _) => node.Text("type") is Password or "SnmpCommunityString" ? "" : node.Text("value") ?? "",
            },
            Common.BackReferenceSince(ApiVersion.V2, "networks", "virtualNetworks"),
        ]),
    };

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
            case Password when string.IsNullOrEmpty(rule.Node.Text("userName")):
                rule.Fail(ErrorCodes.RequiredParamMissing, "userName", $"is missing. A credential of type {Password} needs one.");
                break;
        }

        if (rule.Node.Text("type") is not null && string.IsNullOrEmpty(rule.Node.Text("value")))
        {
            rule.Fail(ErrorCodes.RequiredParamMissing, "value", "is missing. Send the password, thumbprint, community or subject name.");
        }
    }
}
