namespace Hnv.Vfp;

/// <summary>What each layer said about one packet, in the order they were asked; filled by the evaluator that decides real packets.</summary>
public sealed class SlowPathTrace
{
    private readonly List<TraceStep> _steps = [];

    /// <summary>The steps so far.</summary>
    public IReadOnlyList<TraceStep> Steps => _steps;

    internal void Add(Layer layer, RuleGroup? group, Rule? rule, in Transposition transposition, bool isConnection = false) =>
        _steps.Add(new TraceStep(layer.Name, group?.Name, rule, transposition, isConnection));
}

/// <summary>One layer or group asked about a packet.</summary>
/// <param name="Layer">The layer's name.</param>
/// <param name="Group">The group's name; null when the layer let a known connection pass, or has no group for the packet.</param>
/// <param name="Rule">The rule that matched; null when none did.</param>
/// <param name="Transposition">The edits so far, this step's included.</param>
/// <param name="IsConnection">True when the layer asked no rule because the packet belongs to a known connection.</param>
public sealed record TraceStep(string Layer, string? Group, Rule? Rule, Transposition Transposition, bool IsConnection = false);
