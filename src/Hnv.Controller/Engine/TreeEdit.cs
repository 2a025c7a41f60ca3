using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Engine;

/// <summary>A tree on its way to a new shape: which nodes the request touches, which go, and the rules all of them must pass.</summary>
/// <param name="Catalog">The types.</param>
/// <param name="Before">Everything as it is.</param>
/// <param name="Version">The URI version of the request.</param>
/// <param name="Errors">Where to complain.</param>
/// <param name="Holdings">Who holds what.</param>
/// <param name="Live">Tells what the hosts report; null where there are none.</param>
internal sealed record TreeEdit(Catalog Catalog, Snapshot Before, ApiVersion Version, PolicyErrors Errors, Holdings Holdings, ILiveState? Live)
{
    private HashSet<ClaimKey> _heldBefore = [];

    /// <summary>Who asks.</summary>
    public Visibility Who { get; init; } = Visibility.All;

    /// <summary>The tree with one node put in place of, or beside, what is at its path; ancestors are stamped as touched.</summary>
    public static Node Replace(Node root, ReadOnlySpan<PathStep> below, Node? replacement, string etag)
    {
        int index = root.Type.ChildIndex(below[0].Type.Name);
        string id = below[0].Id;
        ImmutableArray<Node> children = root.Children[index];
        int at = -1;
        for (int i = 0; i < children.Length; i++)
        {
            at = children[i].Id.Equals(id, StringComparison.OrdinalIgnoreCase) ? i : at;
        }

        Node? changed = below.Length > 1 ? Replace(children[at], below[1..], replacement, etag) : replacement;
        ImmutableArray<Node> list = changed is null ? children.RemoveAt(at) : at < 0 ? children.Add(changed) : children.SetItem(at, changed);
        return root with { ETag = etag, Children = root.Children.SetItem(index, list) };
    }

    /// <summary>Runs every rule over a changed tree and allocates what it needs.</summary>
    /// <param name="before">The tree as it is; null when it is new.</param>
    /// <param name="after">The tree as it is asked for.</param>
    /// <param name="touched">resourceRef of the node the request addressed; its descendants are touched with it.</param>
    public void Settle(Node? before, Node after, string touched)
    {
        List<RuleContext> contexts = [.. Contexts(before, after, touched)];
        foreach (RuleContext context in contexts)
        {
            ResolveReferences(context);
        }

        if (Who.Tenant is not null)
        {
            // No rule is asked about what the tenant must not see: its answer would tell.
            Errors.ThrowIfAny();
        }

        foreach (RuleContext context in contexts)
        {
            context.Node.Type.Validate?.Invoke(context);
        }

        if (before is not null)
        {
            CheckRemoved(before, after);
            _heldBefore = [.. before.SelfAndDescendants().SelectMany(node => node.Type.Claims?.Invoke(node) ?? []).Select(claim => claim.Key)];
            Holdings.Release(before);
        }

        foreach (Node node in after.SelfAndDescendants())
        {
            Claim(node, after);
        }

        Errors.ThrowIfAny();
        foreach (RuleContext context in contexts)
        {
            context.Node.Type.Allocate?.Invoke(context);
        }

        Errors.ThrowIfAny();
    }

    /// <summary>Refuses the removal of nodes that others depend on.</summary>
    /// <param name="removed">What is to go, with its descendants.</param>
    /// <param name="before">The tree as it is.</param>
    /// <param name="after">The tree without it; null when all of it goes.</param>
    public void CheckDelete(Node removed, Node before, Node? after)
    {
        Node[] going = [.. removed.SelfAndDescendants()];
        foreach (Node node in going)
        {
            if (WhyKept(node, holder => going.Any(n => n.Ref == holder.Ref)) is { } why)
            {
                Errors.Add(new PolicyError(why.Code ?? removed.Type.InUseCode, removed.Ref, $"{removed.Ref} cannot be deleted: {why.Text}"));
            }
        }

        Errors.ThrowIfAny();
        _heldBefore = [.. before.SelfAndDescendants().SelectMany(node => node.Type.Claims?.Invoke(node) ?? []).Select(claim => claim.Key)];
        Holdings.Release(before);
        foreach (Node node in after?.SelfAndDescendants() ?? [])
        {
            Claim(node, after!);
        }
    }

    /// <summary>Gives a tree what it could not be given before, because another resource now allows it.</summary>
    public void Refresh(Node before, Node after, Snapshot next)
    {
        foreach (RuleContext context in (this with { Before = next }).Contexts(before, after, after.Ref))
        {
            context.Node.Type.Allocate?.Invoke(context);
        }
    }

    private static bool IsSelfOrBelow(string reference, string ancestor) =>
        reference.StartsWith(ancestor, StringComparison.OrdinalIgnoreCase)
        && (reference.Length == ancestor.Length || reference[ancestor.Length] == '/');

    private static Node? Same(Node? before, Node node) => before is null ? null : Snapshot.Descend(before, node.Ref.Split('/', StringSplitOptions.RemoveEmptyEntries));

    private IEnumerable<RuleContext> Contexts(Node? before, Node after, string touched)
    {
        var pending = new Stack<(Node Node, Node? Parent)>();
        pending.Push((after, null));
        while (pending.TryPop(out (Node Node, Node? Parent) next))
        {
            if (IsSelfOrBelow(next.Node.Ref, touched) || IsSelfOrBelow(touched, next.Node.Ref))
            {
                yield return new RuleContext(next.Node, Same(before, next.Node), next.Parent, after, Before, Version, Errors, Holdings) { Live = Live };
                foreach (Node child in next.Node.Children.SelectMany(list => list).Reverse())
                {
                    pending.Push((child, next.Node));
                }
            }
        }
    }

    private void ResolveReferences(RuleContext context)
    {
        foreach (Property property in context.Node.Type.Properties)
        {
            if (context.Node.Properties[property.Name] is not { } value)
            {
                continue;
            }

            if (property.Compute is not null)
            {
                // Sent to be carried out rather than kept (the members of a pool); where it leads is looked at all the same.
                ResolveWeak(context, property, value, []);
            }
            else
            {
                HashSet<JsonObject> resolved = [];
                property.Schema.VisitReferences(value, (schema, reference) =>
                {
                    _ = resolved.Add(reference);
                    Resolve(context, property, schema, reference);
                });
                ResolveWeak(context, property, value, resolved);
            }
        }
    }

    /// <summary>
    /// A weak reference is the business of its type's rules, which look at its target. For a tenant it must lead to what the tenant sees
    /// before they do.
    /// </summary>
    private void ResolveWeak(RuleContext context, Property property, JsonNode value, HashSet<JsonObject> resolved)
    {
        if (Who.Tenant is null)
        {
            return;
        }

        foreach (JsonObject reference in ReferencesIn(value).Where(reference => !resolved.Contains(reference)))
        {
            string target = (string)reference[ReferenceSchema.Member]!;
            if (!IsVisible(context, property, target))
            {
                context.Fail(ErrorCodes.InvalidResourceReference, property.Name, $"points at {target}, which does not exist. Create it first, or name an existing one.");
            }
        }
    }

    private static IEnumerable<JsonObject> ReferencesIn(JsonNode? value) => value switch
    {
        JsonObject pointer when pointer[ReferenceSchema.Member] is JsonValue => [pointer],
        JsonObject map => map.SelectMany(member => ReferencesIn(member.Value)),
        JsonArray list => list.SelectMany(ReferencesIn),
        _ => [],
    };

    /// <summary>True for what the asker sees, what lies in this tree, and what the provider had this very property point at before.</summary>
    private bool IsVisible(RuleContext context, Property property, string target) =>
        Who.Tenant is null
        || IsSelfOrBelow(target, context.Root.Ref)
        || Who.Sees(Before, target)
        || ReferencesIn(context.Existing?.Properties[property.Name]).Any(known => Node.KeyOf((string)known[ReferenceSchema.Member]!) == Node.KeyOf(target));

    private void Resolve(RuleContext context, Property property, ReferenceSchema schema, JsonObject reference)
    {
        string target = (string)reference[ReferenceSchema.Member]!;
        string path = string.Join('/', target.Split('/', StringSplitOptions.RemoveEmptyEntries).Where((_, i) => i % 2 == 0));
        if (Catalog.FindByPath(path) is { } type && !schema.Targets.Contains(type.Path))
        {
            context.Fail(ErrorCodes.InvalidJsonReferenceWrongType, property.Name, $"points at {target}, a resource of type {type.Path}. Point at one of type {string.Join(" or ", schema.Targets)}.");
        }
        else if (IsVisible(context, property, target) && context.Find(target) is { } found)
        {
            reference[ReferenceSchema.Member] = found.Ref;
        }
        else
        {
            context.Fail(schema.MissingCode, property.Name, $"points at {target}, which does not exist. Create it first, or name an existing one of {string.Join(" or ", schema.Targets)}.");
        }
    }

    private void CheckRemoved(Node before, Node after)
    {
        var staying = new HashSet<string>(after.SelfAndDescendants().Select(n => n.Key));
        foreach (Node node in before.SelfAndDescendants().Where(n => !staying.Contains(n.Key)))
        {
            if (WhyKept(node, holder => IsSelfOrBelow(holder.Ref, before.Ref)) is { } why)
            {
                Errors.Add(new PolicyError(why.Code ?? node.Type.InUseCode, node.Ref, $"{node.Ref} cannot be removed: {why.Text}"));
            }
        }
    }

    private (string? Code, string Text)? WhyKept(Node node, Func<Holder, bool> leavesToo)
    {
        Holder[] holders = [.. Before.HoldersOf(node).Where(h => !leavesToo(h))];
        if (Who.Tenant is not null && !holders.All(holder => Who.Sees(Before, holder.Ref)))
        {
            return (null, "the provider uses it.");
        }

        return holders.Length > 0
            ? (node.Type.InUseCodeOf.GetValueOrDefault(holders[0].Path),
                $"{holders[0].Ref} refers to {node.Ref} in {holders[0].Property}{(holders.Length > 1 ? $" (and {holders.Length - 1} more)" : "")}. Remove that reference first.")
            : node.Type.WhyKeep?.Invoke(node, Before, Live) is { } reason ? (null, Who.Tenant is null ? reason : "the provider uses it.")
            : null;
    }

    /// <summary>
    /// True when whoever asks may name that very value: a tenant only inside its own trees, or what it has. Of what all tenants share
    /// it is given one: a refusal of a certain number would tell that somebody has it.
    /// </summary>
    private bool MayChoose(ClaimKey key, Node after) =>
        Who.Tenant is null
        || _heldBefore.Contains(key)
        || (key.Space.Length > 0 && (key.Space == ClaimKey.OwnerSpace(Who.Tenant) || IsSelfOrBelow(key.Space, after.Key) || Who.Sees(Before, key.Space)));

    private void Claim(Node node, Node after)
    {
        _ = Holdings.TryTake(ClaimKey.Of(node.InstanceId), node.Ref);
        foreach (Claim claim in node.Type.Claims?.Invoke(node) ?? [])
        {
            if (!MayChoose(claim.Key, after))
            {
                Errors.Add(new PolicyError(
                    claim.Code, node.Ref, $"{node.Ref}: {claim.Property} {claim.Shown} is not a tenant's to choose. Leave it out, or ask for Dynamic, and be given one."));
            }
            else if (!Holdings.TryTake(claim.Key, node.Ref))
            {
                Errors.Add(new PolicyError(
                    claim.Code, node.Ref, $"{node.Ref}: {claim.Property} {claim.Shown} is held by {Holdings.HolderOf(claim.Key)}. {claim.Advice}"));
            }
        }
    }
}
