using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary>
/// <c>multisite/configuration</c> (7.33) and <c>multisitePrimary/configuration</c> (7.34). Sites are stored; nothing connects to them, and
/// their state says so.
/// </summary>
internal static class Multisite
{
    public const string Name = "multisite";
    public const string PrimaryName = "multisitePrimary";

    private const string SubjectName = "certificateSubjectName";
    private const string SecurityGroup = "securityGroup";
    private const string Sites = "sites";
    private const int SitesMax = 2;

    public static ResourceType Create() => new(Name)
    {
        SingletonId = "configuration",
        IsPreset = false,
        Since = ApiVersion.V6,
        Validate = Validate,
        Properties = new([new(SecurityGroup, new TextSchema(lengthMax: 255)), new(SubjectName, new TextSchema(lengthMax: 255))]),
        Children =
        [
            new ResourceType(Sites)
            {
                Addressable = false,
                Segment = "networkControllerSite",
                Validate = ValidateSite,
                Properties = new(
                [
                    new("restIPAddress", new TextSchema(lengthMax: 255)) { Required = true },
                    new(SubjectName, new TextSchema(lengthMax: 255)),
                    new("encodedCertificate", new TextSchema(lengthMax: 65536)),
                    Common.Constant("isPrimary", false),
                    Common.Constant("state", "InitiatedNotAuthorized"),
                    Common.Constant("deploymentId", ""),
                    Common.Constant("apiVersion", ""),
                    Common.Constant("networkControllerVersion", ""),
                    new("configurationState", new DerivedSchema(DerivedSchema.Map))
                    {
                        Access = Access.ReadOnly,
                        Compute = (_, _) => new JsonObject { ["status"] = "Uninitialized", ["failedResources"] = new JsonArray(), ["conflictingResources"] = new JsonArray() },
                    },
                ]),
            },
        ],
    };

    /// <summary>Without a connected site there is nobody to take the primary role from.</summary>
    public static ResourceType CreatePrimary() => new(PrimaryName)
    {
        SingletonId = "configuration",
        IsPreset = false,
        Since = ApiVersion.V6,
        Properties = new([new("force", new BooleanSchema()) { Default = false }]),
    };

    private static void Validate(RuleContext multisite)
    {
        if (multisite.Node.Text(SubjectName) is { Length: > 0 } && multisite.Node.Text(SecurityGroup) is { Length: > 0 })
        {
            multisite.Fail("MultisiteCannotSpecifyBothCertificateSubjectNameAndSecurityGroup", SubjectName, $"and {SecurityGroup} exclude each other. Send one of them.");
        }

        if (multisite.Node.ChildrenOf(Sites).Length is > SitesMax and int count)
        {
            multisite.Fail("SiteCountLimitReached", Sites, $"are {count}. There are at most {SitesMax}.");
        }
    }

    private static void ValidateSite(RuleContext site)
    {
        if (site.Node.Text(SubjectName) is { Length: > 0 } && site.Root.Text(SecurityGroup) is { Length: > 0 })
        {
            site.Fail("MultisiteCertificateSubjectNameCannotBeSpecifiedWithWindowsAuth", SubjectName, $"belongs to certificate mode, and {SecurityGroup} is set. Leave one of them out.");
        }
    }
}
