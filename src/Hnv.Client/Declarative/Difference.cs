using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>One property that is not as it is asked for.</summary>
/// <param name="Path">Where, with children by name: <c>ipConfigurations[ip1].privateIPAddress</c>.</param>
/// <param name="Before">As it is; null for absent.</param>
/// <param name="After">As it will be; null for absent.</param>
/// <param name="IsFixed">True when it was fixed at creation, so that the controller would refuse.</param>
/// <param name="SourcePath">Where in the asked document, for its line.</param>
public sealed record Difference(string Path, JsonNode? Before, JsonNode? After, bool IsFixed, string SourcePath);

/// <summary>What sets an asked document apart from the one that is there.</summary>
/// <param name="Differences">What a PUT would change.</param>
/// <param name="Unseen">Paths of secrets that are asked for: whether they differ cannot be seen.</param>
/// <param name="Removed">resourceRefs of children that would go.</param>
public sealed record Comparison(IReadOnlyList<Difference> Differences, IReadOnlyList<string> Unseen, IReadOnlyList<string> Removed)
{
    /// <summary>True when a PUT would change nothing that can be seen.</summary>
    public bool IsEqual => Differences.Count == 0;
}
