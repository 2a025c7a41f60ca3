using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>securityTags</c> (7.31): a name for a group of network interfaces. Who belongs to it is written on the interfaces.</summary>
internal static class SecurityTags
{
    public const string Name = "securityTags";

    /// <summary>The property of an interface and of an access control list that names tags.</summary>
    public const string Property = "securityTags";

    public static ResourceType Create() => new(Name)
    {
        Since = ApiVersion.V5,
        InUseCode = "InUseSecurityTagCannotBeDeleted",
        Properties = new(
        [
            new("type", new TextSchema(lengthMax: 255)),
            Common.SingleBackReference("accessControlList", AccessControlLists.Name),
            Common.BackReference("networkInterfaces", NetworkInterfaces.Name),
            Common.BackReferencesIn("aclRulesAsSource", AccessControlLists.SourceTags, AccessControlLists.RulePath),
            Common.BackReferencesIn("aclRulesAsDestination", AccessControlLists.DestinationTags, AccessControlLists.RulePath),
        ]),
    };

    /// <summary>The references of a list, or of an interface, to tags.</summary>
    public static Property References() => new(Property, new ListSchema(new ReferenceSchema(Name), countMax: 256)) { Since = ApiVersion.V5 };

    /// <summary>The interfaces that carry a tag.</summary>
    public static IEnumerable<Node> InterfacesOf(Node tag, Snapshot snapshot) =>
        snapshot.HoldersOf(tag).Where(h => h.Path == NetworkInterfaces.Name).Select(h => snapshot.Find(h.Ref)).OfType<Node>();

    /// <summary>The access control list that a tag brings to its interfaces; null when it brings none.</summary>
    public static Node? ListOf(Node tag, Snapshot snapshot) =>
        snapshot.HoldersOf(tag).FirstOrDefault(h => h.Path == AccessControlLists.Name) is { Ref: { } list } ? snapshot.Find(list) : null;

    /// <summary>Refuses a list for a tag that another list has.</summary>
    public static void ValidateList(RuleContext list)
    {
        foreach (Node tag in list.Node.References(Property).Select(list.Find).OfType<Node>())
        {
            if (ListOf(tag, list.Before) is { } other && other.Key != list.Node.Key)
            {
                list.Fail("SecurityTagAlreadyHasAclApplied", Property, $"names {tag.Ref}, which {other.Ref} is for. A tag has one access control list.");
            }
        }
    }
}
