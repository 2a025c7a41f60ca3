using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Engine;

/// <summary>One node of a tree that is about to change, with all that a rule may look at.</summary>
/// <param name="Node">The node as it will be. Rules may still fill in properties of it.</param>
/// <param name="Existing">The node as it is; null when it is new.</param>
/// <param name="Parent">Its parent as it will be.</param>
/// <param name="Root">The tree as it will be.</param>
/// <param name="Before">Everything as it is.</param>
/// <param name="Version">The URI version of the request.</param>
/// <param name="Errors">Where to complain.</param>
/// <param name="Holdings">Who holds what.</param>
internal sealed record RuleContext(
    Node Node, Node? Existing, Node? Parent, Node Root, Snapshot Before, ApiVersion Version, PolicyErrors Errors, Holdings Holdings)
{
    /// <summary>Tells what the hosts report; null where there are none.</summary>
    public ILiveState? Live { get; init; }

    /// <summary>Complains about a property of this node.</summary>
    public void Fail(string code, string property, string problem) =>
        Errors.Add(new PolicyError(code, Node.Ref, $"{Node.Ref}: {property} {problem}"));

    /// <summary>A resource by reference: as it will be when it belongs to this tree, as it is otherwise.</summary>
    public Node? Find(string? reference)
    {
        string[] segments = (reference ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
        return segments.Length < 2 ? null
            : Node.KeyOf($"/{segments[0]}/{segments[1]}") == Root.Key ? Snapshot.Descend(Root, segments)
            : Before.Find(reference);
    }

    /// <summary>Siblings that come before this node: so each pair of siblings is compared once.</summary>
    public IEnumerable<Node> EarlierSiblings() =>
        Parent?.ChildrenOf(Node.Type.Name).TakeWhile(sibling => !ReferenceEquals(sibling, Node)) ?? [];

    /// <summary>Keeps what the controller gave this node earlier.</summary>
    public void Carry(params ReadOnlySpan<string> properties)
    {
        foreach (string property in properties)
        {
            if (Node.Properties[property] is null && Existing?.Properties[property] is { } value)
            {
                Node.Properties[property] = value.DeepClone();
            }
        }
    }
}
