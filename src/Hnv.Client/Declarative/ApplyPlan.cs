using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>What is to be done with one resource.</summary>
public enum PlannedAction
{
    /// <summary>It is as it is asked for.</summary>
    Unchanged,

    /// <summary>It is not there yet.</summary>
    Create,

    /// <summary>It is there and differs.</summary>
    Replace,

    /// <summary>It is there and nobody asks for it.</summary>
    Delete,
}

/// <summary>One request of a plan, or none.</summary>
/// <param name="Action">What is to be done.</param>
/// <param name="Ref">resourceRef.</param>
/// <param name="Type">What it is.</param>
public sealed record ApplyStep(PlannedAction Action, string Ref, ResourceSchema Type)
{
    /// <summary>The document to send; null where none is.</summary>
    public JsonObject? Body { get; init; }

    /// <summary>As it was when the plan was made; null when it was not there.</summary>
    public JsonObject? Live { get; init; }

    /// <summary>Who asks for it; null for what nobody does.</summary>
    public AskedResource? Asked { get; init; }

    /// <summary>What a replacement changes.</summary>
    public Comparison Comparison { get; init; } = new([], [], []);

    /// <summary>
    /// Whom this request leaves out, because they refer to each other and one has to be first; a later step of the same resource makes up for it.
    /// </summary>
    public IReadOnlyList<string> Deferred { get; init; } = [];

    /// <summary>True for the second request of a resource that could not be sent whole the first time.</summary>
    public bool IsCompletion { get; init; }
}

/// <summary>What an apply would do, in order.</summary>
/// <param name="Steps">Requests, and what needs none.</param>
/// <param name="Faults">Why it must not be carried out; empty when it may.</param>
public sealed record ApplyPlan(IReadOnlyList<ApplyStep> Steps, IReadOnlyList<Fault> Faults)
{
    /// <summary>True when everything is as it is asked for.</summary>
    public bool IsEmpty => Steps.All(step => step.Action == PlannedAction.Unchanged);

    /// <summary>Resources with an action; one that takes two requests counts once.</summary>
    public int Count(PlannedAction action) => Steps.Count(step => step.Action == action && !step.IsCompletion);
}

/// <summary>Which resources nobody asks for may go: those with this tag.</summary>
/// <param name="Tag">Its name.</param>
/// <param name="Value">Its value.</param>
public sealed record PruneScope(string Tag, string Value)
{
    /// <summary>Whether a document carries the tag.</summary>
    public bool Covers(JsonObject document) =>
        document.FirstOrDefault(pair => pair.Key.Equals("tags", StringComparison.OrdinalIgnoreCase)).Value is JsonObject tags
        && tags[Tag] is { } value && Spelling.Text(value) == Value;
}
