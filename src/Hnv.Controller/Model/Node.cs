using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Model;

/// <summary>
/// One resource and its children. Immutable once published: readers take no lock. A changed tree shares what did not change.
/// </summary>
/// <param name="Type">What it is.</param>
/// <param name="Id">resourceId in the spelling of its creator.</param>
/// <param name="Ref">resourceRef with canonical collection names.</param>
/// <param name="InstanceId">Its GUID.</param>
/// <param name="ETag">Changes with every operation that touches it.</param>
/// <param name="Sequence">Order of creation over the whole store.</param>
/// <param name="Envelope">tags and resourceMetadata, as sent.</param>
/// <param name="Properties">Canonical values of everything stored, secrets included.</param>
/// <param name="Children">One list per child type, in the order of <see cref="ResourceType.Children"/>.</param>
internal sealed record Node(
    ResourceType Type,
    string Id,
    string Ref,
    Guid InstanceId,
    string ETag,
    long Sequence,
    JsonObject Envelope,
    JsonObject Properties,
    ImmutableArray<ImmutableArray<Node>> Children)
{
    /// <summary>How references and paths match: ordinal, in any case.</summary>
    public string Key { get; } = KeyOf(Ref);

    public static string KeyOf(string reference) => reference.ToLowerInvariant();

    /// <summary>A text property; null when absent.</summary>
    public string? Text(string property) => (string?)Properties[property];

    /// <summary>Where a reference property points; null when absent.</summary>
    public string? Reference(string property) => (string?)Properties[property]?[ReferenceSchema.Member];

    /// <summary>The children of one type; empty for a type without such children.</summary>
    public ImmutableArray<Node> ChildrenOf(string collection) =>
        Type.ChildIndex(collection) is var index and >= 0 ? Children[index] : [];

    public Node? Child(string collection, string id)
    {
        foreach (Node child in ChildrenOf(collection))
        {
            if (child.Id.Equals(id, StringComparison.OrdinalIgnoreCase))
            {
                return child;
            }
        }

        return null;
    }

    public IEnumerable<Node> SelfAndDescendants()
    {
        yield return this;
        foreach (ImmutableArray<Node> list in Children)
        {
            foreach (Node child in list)
            {
                foreach (Node node in child.SelfAndDescendants())
                {
                    yield return node;
                }
            }
        }
    }
}
