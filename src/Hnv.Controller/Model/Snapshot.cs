using System.Collections.Immutable;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Model;

/// <summary>A reference as seen from its target: who holds it, in which property.</summary>
internal readonly record struct Holder(string Ref, string Path, string Property) : IComparable<Holder>
{
    public int CompareTo(Holder other)
    {
        int byRef = string.CompareOrdinal(Ref, other.Ref);
        return byRef != 0 ? byRef : string.CompareOrdinal(Property, other.Property);
    }
}

/// <summary>Every resource at one revision of the store. Immutable.</summary>
internal sealed class Snapshot
{
    private readonly ImmutableDictionary<string, Node> _roots;
    private readonly ImmutableDictionary<string, ImmutableSortedDictionary<long, Node>> _collections;
    private readonly ImmutableDictionary<string, ImmutableSortedSet<Holder>> _holders;
    private readonly ChangeTrail _trail;

    private Snapshot(
        long revision,
        ImmutableDictionary<string, Node> roots,
        ImmutableDictionary<string, ImmutableSortedDictionary<long, Node>> collections,
        ImmutableDictionary<string, ImmutableSortedSet<Holder>> holders,
        ChangeTrail trail)
    {
        Revision = revision;
        _trail = trail;
        _roots = roots;
        _collections = collections;
        _holders = holders;
    }

    public static Snapshot Empty { get; } = new(
        0,
        ImmutableDictionary<string, Node>.Empty,
        ImmutableDictionary<string, ImmutableSortedDictionary<long, Node>>.Empty,
        ImmutableDictionary<string, ImmutableSortedSet<Holder>>.Empty,
        ChangeTrail.Begin());

    /// <summary>A snapshot of some trees; much quicker than one after the other.</summary>
    public static Snapshot Of(long revision, IReadOnlyList<Node> roots)
    {
        var holders = new Dictionary<string, List<Holder>>();
        foreach ((string target, Holder holder) in roots.SelectMany(References))
        {
            if (!holders.TryGetValue(target, out List<Holder>? known))
            {
                holders[target] = known = [];
            }

            known.Add(holder);
        }

        return new Snapshot(
            revision,
            roots.ToImmutableDictionary(root => root.Key),
            roots.GroupBy(root => root.Type.Name).ToImmutableDictionary(group => group.Key, group => group.ToImmutableSortedDictionary(root => root.Sequence, root => root)),
            holders.ToImmutableDictionary(target => target.Key, target => target.Value.ToImmutableSortedSet()),
            ChangeTrail.Begin());
    }

    /// <summary>Grows by one with every change.</summary>
    public long Revision { get; }

    /// <summary>Top-level resources of one type, in order of creation.</summary>
    public IEnumerable<Node> All(string type) => _collections.TryGetValue(type, out ImmutableSortedDictionary<long, Node>? found) ? found.Values : [];

    /// <summary>Every top-level resource.</summary>
    public IEnumerable<Node> Roots => _collections.Values.SelectMany(c => c.Values);

    /// <summary>The resource at a path such as <c>/virtualNetworks/contoso/subnets/s1</c>, in any case.</summary>
    public Node? Find(string? reference)
    {
        if (reference is null)
        {
            return null;
        }

        string[] segments = reference.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return segments.Length < 2 || segments.Length % 2 != 0
            ? null
            : Descend(_roots.GetValueOrDefault(Node.KeyOf($"/{segments[0]}/{segments[1]}")), segments);
    }

    /// <summary>The tree that a path lies in, in any case, whether or not the rest of the path is there.</summary>
    public Node? FindRoot(string reference)
    {
        string[] segments = reference.Split('/', StringSplitOptions.RemoveEmptyEntries);
        return segments.Length < 2 ? null : _roots.GetValueOrDefault(Node.KeyOf($"/{segments[0]}/{segments[1]}"));
    }

    /// <summary>Follows the rest of a path inside a tree.</summary>
    public static Node? Descend(Node? root, string[] segments)
    {
        Node? node = root;
        for (int i = 2; i < segments.Length && node is not null; i += 2)
        {
            node = node.Child(segments[i], segments[i + 1]);
        }

        return node;
    }

    /// <summary>Who points at a resource.</summary>
    public ImmutableSortedSet<Holder> HoldersOf(Node node) =>
        _holders.TryGetValue(node.Key, out ImmutableSortedSet<Holder>? holders) ? holders : [];

    /// <summary>The next snapshot: one tree replaced (or added, or removed).</summary>
    public Snapshot With(Node? old, Node? replacement)
    {
        Node either = replacement ?? old ?? throw new ArgumentNullException(nameof(replacement));
        string type = either.Type.Name;
        ImmutableSortedDictionary<long, Node> collection = _collections.GetValueOrDefault(type) ?? ImmutableSortedDictionary<long, Node>.Empty;
        ImmutableDictionary<string, ImmutableSortedSet<Holder>>.Builder holders = _holders.ToBuilder();
        foreach ((string target, Holder holder) in old is null ? [] : References(old))
        {
            if (holders.TryGetValue(target, out ImmutableSortedSet<Holder>? known))
            {
                ImmutableSortedSet<Holder> left = known.Remove(holder);
                if (left.IsEmpty)
                {
                    holders.Remove(target);
                }
                else
                {
                    holders[target] = left;
                }
            }
        }

        foreach ((string target, Holder holder) in replacement is null ? [] : References(replacement))
        {
            holders[target] = (holders.GetValueOrDefault(target) ?? []).Add(holder);
        }

        return new Snapshot(
            Revision + 1,
            replacement is null ? _roots.Remove(either.Key) : _roots.SetItem(either.Key, replacement),
            _collections.SetItem(type, replacement is null ? collection.Remove(either.Sequence) : collection.SetItem(either.Sequence, replacement)),
            holders.ToImmutable(),
            _trail.Then(either.Key));
    }

    /// <summary>True when the top-level resources of one type are the very same in both.</summary>
    public bool IsSame(string type, Snapshot other) => _collections.GetValueOrDefault(type) == other._collections.GetValueOrDefault(type);

    /// <summary>The top-level resources that are not the same object in an earlier snapshot, with what they were; both null never.</summary>
    /// <remarks>Costs as much as was changed while the other is a recent ancestor, and a look at everything of the types that differ otherwise.</remarks>
    public IEnumerable<(Node? Before, Node? After)> ChangesSince(Snapshot earlier)
    {
        if (_trail.Since(earlier._trail) is { } keys)
        {
            foreach (string key in keys)
            {
                if (earlier._roots.GetValueOrDefault(key) is var before && _roots.GetValueOrDefault(key) is var after && !ReferenceEquals(before, after))
                {
                    yield return (before, after);
                }
            }

            yield break;
        }

        foreach ((string type, ImmutableSortedDictionary<long, Node> now) in _collections)
        {
            if (earlier._collections.GetValueOrDefault(type) == now)
            {
                continue;
            }

            foreach (Node node in now.Values)
            {
                if (earlier._roots.GetValueOrDefault(node.Key) is var before && !ReferenceEquals(before, node))
                {
                    yield return (before, node);
                }
            }
        }

        foreach ((string type, ImmutableSortedDictionary<long, Node> before) in earlier._collections)
        {
            if (_collections.GetValueOrDefault(type) == before)
            {
                continue;
            }

            foreach (Node gone in before.Values.Where(node => !_roots.ContainsKey(node.Key)))
            {
                yield return (gone, null);
            }
        }
    }

    /// <summary>The same resources under another revision number.</summary>
    public Snapshot At(long revision) => new(revision, _roots, _collections, _holders, _trail);

    private static List<(string Target, Holder Holder)> References(Node root)
    {
        var found = new List<(string, Holder)>();
        foreach (Node node in root.SelfAndDescendants())
        {
            foreach (Property property in node.Type.Properties)
            {
                if (property.Compute is null && node.Properties[property.Name] is { } value)
                {
                    var holder = new Holder(node.Ref, node.Type.Path, property.Name);
                    property.Schema.VisitReferences(
                        value, (_, reference) => found.Add((Node.KeyOf((string)reference[ReferenceSchema.Member]!), holder)));
                }
            }
        }

        return found;
    }
}
