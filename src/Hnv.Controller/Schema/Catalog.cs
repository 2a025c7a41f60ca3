using System.Collections.Frozen;
using System.Collections.Immutable;

namespace Hnv.Controller.Schema;

/// <summary>One step of a path: a type and, unless the path ends at a collection, an id.</summary>
internal readonly record struct PathStep(ResourceType Type, string Id);

/// <summary>What a URI path names: a resource, or a collection under a resource.</summary>
/// <param name="Steps">From the top to the resource; for a collection the last id is empty.</param>
/// <param name="IsCollection">True when it names all resources of the last type.</param>
internal sealed record ResourcePath(ImmutableArray<PathStep> Steps, bool IsCollection)
{
    public PathStep Last => Steps[^1];

    /// <summary>resourceRef of the resource, or of the collection.</summary>
    public string Ref => Join(Steps.Length);

    /// <summary>resourceRef of the parent; empty at the top.</summary>
    public string ParentRef => Join(Steps.Length - 1);

    /// <summary>resourceRef of the tree's root.</summary>
    public string RootRef => Join(1);

    private string Join(int steps) =>
        string.Concat(Steps.Take(steps).Select(s => s.Id.Length == 0 ? $"/{s.Type.Name}" : $"/{s.Type.Name}/{s.Id}"));
}

/// <summary>Every resource type the controller serves.</summary>
internal sealed class Catalog
{
    private readonly FrozenDictionary<string, ResourceType> _top;
    private readonly FrozenDictionary<string, ResourceType> _byPath;

    public Catalog(params ResourceType[] types)
    {
        Types = [.. types];
        _top = types.ToFrozenDictionary(t => t.Name, StringComparer.OrdinalIgnoreCase);
        _byPath = types.SelectMany(All).ToFrozenDictionary(t => t.Path, StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Top-level types, in the order of the reference.</summary>
    public ImmutableArray<ResourceType> Types { get; }

    /// <summary>A top-level type by name in any case.</summary>
    public ResourceType? Find(string name) => _top.GetValueOrDefault(name);

    /// <summary>A type by its path, <c>virtualNetworks/subnets</c>, in any case.</summary>
    public ResourceType? FindByPath(string path) => _byPath.GetValueOrDefault(path);

    /// <summary>What a path below the version names; null when nothing of that version lies there.</summary>
    public ResourcePath? Resolve(ReadOnlySpan<string> segments, ApiVersion version)
    {
        ImmutableArray<PathStep>.Builder steps = ImmutableArray.CreateBuilder<PathStep>();
        ResourceType? type = null;
        for (int i = 0; i < segments.Length; i += 2)
        {
            type = type is null ? Find(segments[i])
                : type.ChildIndex(segments[i]) is var index and >= 0 ? type.Children[index]
                : null;
            if (type is not { Addressable: true } || type.Since.CompareTo(version) > 0)
            {
                return null;
            }

            steps.Add(new PathStep(type, i + 1 < segments.Length ? segments[i + 1] : ""));
        }

        if (type is { IsBare: true } && segments.Length == 1)
        {
            return new ResourcePath([new PathStep(type, type.SingletonId!)], IsCollection: false);
        }

        return type is null ? null : new ResourcePath(steps.ToImmutable(), segments.Length % 2 != 0);
    }

    private static IEnumerable<ResourceType> All(ResourceType type) => type.Children.SelectMany(All).Prepend(type);
}
