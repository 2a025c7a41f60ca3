using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>What a port would do with a packet, and why.</summary>
/// <param name="Direction">As the VM sees it.</param>
/// <param name="Program">The program it was held against; null when there is none.</param>
/// <param name="Flow">The decision: verdict, reason, edits, destination. It is remembered only when <paramref name="By"/> says so.</param>
/// <param name="By">What decided.</param>
/// <param name="Steps">
/// The layers and groups asked, in their order. When a unified flow decides they are what the slow path would say now; none when a guard decided.
/// </param>
public sealed record Explanation(Direction Direction, PortProgram? Program, UnifiedFlow Flow, ExplainedBy By, IReadOnlyList<TraceStep> Steps)
{
    /// <summary>How far the conversation has come that the packet belongs to, or is an error about; null when there is none.</summary>
    public ConnectionState? Connection { get; init; }

    /// <summary>The packet would begin a conversation.</summary>
    public bool BeginsConnection { get; init; }

    /// <summary>Policy has taken back the conversation the packet belongs to.</summary>
    public bool IsConnectionBlocked { get; init; }

    /// <summary>A source translation will choose its port when the packet comes; the one shown is only one it could choose.</summary>
    public bool IsPortChosenLater { get; init; }

    /// <summary>The name of the layer that dropped the packet; null when no layer did.</summary>
    public string? DropLayer => Flow.DropLayer > 0 && Program is { } program && Flow.DropLayer <= program.Layers.Length ? program.Layers[Flow.DropLayer - 1].Name : null;

    /// <summary>
    /// The rule that decided: the one that dropped the packet, else the firewall rule that admitted it, else the last one that matched.
    /// </summary>
    public Rule? Rule => Flow.Verdict == Verdict.Drop
        ? Flow.DropRule
        : (Steps.LastOrDefault(step => step.Rule is { Action: RuleAction.Allow }) ?? Steps.LastOrDefault(step => step.Rule is not null))?.Rule;
}

/// <summary>What had the say about a packet.</summary>
public enum ExplainedBy : byte
{
    /// <summary>The port has no program, or one that failed.</summary>
    Program,

    /// <summary>A check at the port, before any layer.</summary>
    Guard,

    /// <summary>A unified flow of an earlier packet.</summary>
    UnifiedFlow,

    /// <summary>The first fragment of the same datagram.</summary>
    FirstFragment,

    /// <summary>The layers: it would be the first packet of its flow.</summary>
    Layers,
}
